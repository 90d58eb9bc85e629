/* Exact sums of arrays, block by block. Included once by each file that compiles it for a processor, after it has
 * defined split_sums and wide_sum.
 *
 * With E at least the largest exponent field of a block's values and e the smallest, every value is split at
 * s = 2^(E-1011): x + 1.5 s lies in one binade whatever the sign, so that hi = (x + 1.5 s) - 1.5 s is a multiple of
 * 2^-52 s, and lo = x - hi at most 2^-53 s. The sum of 1024 hi stays below 2^52 units; that of 1024 lo, multiples of
 * 2^(e-1075), is at most 2^53 units as long as E - e <= 32. Both plain sums are exact then, in whatever order.
 *
 * E is guessed from the block before, and the values are summed and their exponents looked at in one pass. A guess that
 * was wrong costs a second pass. */

enum { BLOCK = 1024, BLOCK_SPAN = 32, WIDE_SPAN = 62, HEADROOM = 6, LARGEST_SPLIT = 2046 - 12, FEW = 16 };

static double split_at(uint64_t field) { return feat_double_of_bits((field + 12) << 52 | UINT64_C(1) << 51); }

/* `n` values, at most BLOCK, of which some may be infinite or NaN: those are counted, and left out of `finite`. */
static void count_specials(feat_exact *sum, const double *values, size_t n, double *finite) {
    for (size_t i = 0; i < n; i++) {
        bool special = (feat_double_bits(values[i]) & FEAT_EXPONENT_BITS) == FEAT_EXPONENT_BITS;
        if (special) feat_exact_count_special(sum, values[i], 1);
        finite[i] = special ? 0.0 : values[i];
    }
}

static uint64_t first_guess(const double *values, size_t n) {
    feat_exact_span span = FEAT_NO_SPAN;
    scan(values, n < 4 * FEW ? n : 4 * FEW, &span);
    return (span.greatest >> 52) + HEADROOM;
}

static void add_block(feat_exact *sum, const double *values, size_t n, uint64_t *guess) {
    double finite[BLOCK];
    for (;;) {
        uint64_t field = *guess < LARGEST_SPLIT ? *guess : LARGEST_SPLIT;
        split_result result = split_sums(values, n, split_at(field));
        uint64_t above = result.above ? result.above : 1, below = result.below ? result.below : 1;
        if (result.above == 0x7ff) { /* seldom, and only once */
            count_specials(sum, values, n, finite);
            values = finite;
            continue;
        }
        if (above <= field && (below > field || field - below <= BLOCK_SPAN)) {
            feat_exact_add(sum, result.high);
            feat_exact_add(sum, result.low);
            if (field > above + 2 * HEADROOM) *guess = above + HEADROOM;
            return;
        }
        if (above - below > BLOCK_SPAN || above > LARGEST_SPLIT) {
            if (above - below <= WIDE_SPAN) {
                feat_exact_add_fixed(sum, wide_sum(values, n, (int)below - 1075), (int)below - 1075);
            } else {
                for (size_t i = 0; i < n; i++) feat_exact_add(sum, values[i]);
            }
            return;
        }
        uint64_t room = (BLOCK_SPAN - (above - below)) / 2; /* for other blocks to be larger, or smaller */
        *guess = above + (room < HEADROOM ? room : HEADROOM);
    }
}

static void add_array(feat_exact *sum, const double *values, size_t n) {
    if (n < FEW) {
        for (size_t i = 0; i < n; i++) feat_exact_add(sum, values[i]);
        return;
    }
    uint64_t guess = first_guess(values, n);
    for (size_t i = 0; i < n; i += BLOCK) add_block(sum, values + i, n - i < BLOCK ? n - i : BLOCK, &guess);
}
