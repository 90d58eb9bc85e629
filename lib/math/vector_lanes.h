/* The three sums of vector.c over registers of WIDTH doubles; included once for each WIDTH, under the instructions that
 * have such registers. NAME(x) tells the functions apart. */

typedef double NAME(lanes) __attribute__((vector_size(8 * WIDTH)));
typedef float NAME(halves) __attribute__((vector_size(4 * WIDTH)));
enum { NAME(REGISTERS) = PARTIAL_SUMS / WIDTH };

static inline __attribute__((always_inline)) void NAME(load)(NAME(lanes) * to, const char *at, size_t i, bool real) {
    if (real) {
        NAME(halves) half;
        feat_little_copy(&half, at + i * sizeof(float), sizeof(float), WIDTH);
        *to = __builtin_convertvector(half, NAME(lanes));
    } else {
        feat_little_copy(to, at + i * sizeof(double), sizeof(double), WIDTH);
    }
}

/* The sums of `terms`: what is added for a pair of elements. Everything is inlined, so that `terms` and `real` are
 * constants and the sums stay in registers. */
static inline __attribute__((always_inline)) void NAME(add)(const feat_elements *v, bool real, int terms,
                                                            double sums[MOST_TERMS]) {
    NAME(lanes) sum[MOST_TERMS][NAME(REGISTERS)], x, y;
    const char *a = v->a, *b = v->b;
    const int n_sums = terms == TERMS_ANGLE ? 3 : 1;
    size_t whole = v->n / PARTIAL_SUMS * PARTIAL_SUMS, rest = v->n - whole,
           size = real ? sizeof(float) : sizeof(double);
    /* The last elements with zeros behind them: adding a zero changes no sum, as none is -0. */
    double last_a[PARTIAL_SUMS], last_b[PARTIAL_SUMS];
    for (int t = 0; t < n_sums; t++) UNROLLED for (int r = 0; r < NAME(REGISTERS); r++) sum[t][r] = (NAME(lanes)){0};
    for (size_t i = 0; i < whole; i += PARTIAL_SUMS) UNROLLED for (int r = 0; r < NAME(REGISTERS); r++) {
            NAME(load)(&x, a, i + (size_t)r * WIDTH, real);
            NAME(load)(&y, b, i + (size_t)r * WIDTH, real);
            ADD_TERMS(sum, r, x, y, terms);
        }
    if (rest) {
        memset(last_a, 0, sizeof last_a);
        memset(last_b, 0, sizeof last_b);
        memcpy(last_a, a + whole * size, rest * size);
        memcpy(last_b, b + whole * size, rest * size);
        for (int r = 0; r < NAME(REGISTERS); r++) {
            NAME(load)(&x, (const char *)last_a, (size_t)r * WIDTH, real);
            NAME(load)(&y, (const char *)last_b, (size_t)r * WIDTH, real);
            ADD_TERMS(sum, r, x, y, terms);
        }
    }
    for (int t = 0; t < n_sums; t++) {
        double partial[PARTIAL_SUMS];
        memcpy(partial, sum[t], sizeof partial);
        sums[t] = combine(partial);
    }
}

static void NAME(dot_real)(const feat_elements *v, double *sums) { NAME(add)(v, true, TERMS_DOT, sums); }
static void NAME(dot_double)(const feat_elements *v, double *sums) { NAME(add)(v, false, TERMS_DOT, sums); }
static void NAME(gap_real)(const feat_elements *v, double *sums) { NAME(add)(v, true, TERMS_GAP, sums); }
static void NAME(gap_double)(const feat_elements *v, double *sums) { NAME(add)(v, false, TERMS_GAP, sums); }
static void NAME(angle_real)(const feat_elements *v, double *sums) { NAME(add)(v, true, TERMS_ANGLE, sums); }
static void NAME(angle_double)(const feat_elements *v, double *sums) { NAME(add)(v, false, TERMS_ANGLE, sums); }

static adder *const NAME(adders)[3][2] = {
    {NAME(dot_double), NAME(dot_real)},
    {NAME(gap_double), NAME(gap_real)},
    {NAME(angle_double), NAME(angle_real)},
};

#undef WIDTH
#undef NAME
