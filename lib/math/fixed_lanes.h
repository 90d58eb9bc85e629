/* Prefix sums and sums around units_of, which the including file has defined. */

enum { AHEAD = 8192 }; /* bytes */

static void prefix_sums(const double *values, size_t n, int exponent, feat_int128 *prefix) {
    uint64_t low[LANES], high[LANES];
    double last[LANES];
    feat_int128 sum = prefix[0];
    for (size_t i = 0; i < n; i += LANES) {
        size_t part = n - i < LANES ? n - i : LANES;
        const double *block = values + i;
        if (part < LANES) { /* filled up with zeros */
            memset(last, 0, sizeof last);
            memcpy(last, block, part * sizeof *last);
            block = last;
        }
        /* An array of many, or the next of many arrays side by side, comes from memory meanwhile; an address past the
         * end does no harm. */
        for (size_t j = 0; j < part; j += 8) __builtin_prefetch((const void *)((uintptr_t)(values + i + j) + AHEAD));
        units_of(block, exponent, low, high);
        for (size_t j = 0; j < part; j++) {
            sum += (feat_int128)((feat_uint128)high[j] << 64 | low[j]);
            prefix[i + j + 1] = sum;
        }
    }
}

/* The sum of the units of `n` values. */
static feat_int128 wide_sum(const double *values, size_t n, int exponent) {
    uint64_t low[LANES], high[LANES];
    double last[LANES];
    feat_int128 sum = 0;
    for (size_t i = 0; i < n; i += LANES) {
        const double *block = values + i;
        if (n - i < LANES) { /* filled up with zeros */
            memset(last, 0, sizeof last);
            memcpy(last, block, (n - i) * sizeof *last);
            block = last;
        }
        units_of(block, exponent, low, high);
        uint64_t sums[3] = {0};
        for (size_t j = 0; j < LANES; j++) {
            sums[0] += low[j] & UINT32_MAX;
            sums[1] += low[j] >> 32;
            sums[2] += high[j];
        }
        sum += (feat_int128)((feat_uint128)sums[2] << 64) + ((feat_int128)sums[1] << 32) + (feat_int128)sums[0];
    }
    return sum;
}
