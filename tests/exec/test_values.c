#include "exec/values.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "exec/gather.h"
#include "math/random.h"

/* ---- Lanes of any class, and a naive order of them. ---- */

enum { MOST = 6000 };

typedef union lanes {
    uint8_t b[MOST];
    int64_t i[MOST];
    double f[MOST];
    feat_text t[MOST];
    feat_int128 w[MOST];
    feat_interval p[MOST];
} lanes;

static char texts[MOST][24];

/* `variety`: about how many different values there are. */
static void fill(random_state *r, feat_class class, lanes *out, size_t n, uint64_t variety, bool wide) {
    static const double special[] = {0.0, -0.0, NAN, INFINITY, -INFINITY, 0x1p-1074};
    for (size_t i = 0; i < n; i++) {
        uint64_t v = random_below(r, variety) * (wide ? UINT64_C(0x9e3779b97f4a7c15) : 1);
        switch (class) {
        case FEAT_CLASS_B: out->b[i] = v & 1; break;
        case FEAT_CLASS_I: out->i[i] = (int64_t)v - (wide ? 0 : (int64_t)variety / 2); break;
        case FEAT_CLASS_F:
            out->f[i] = random_below(r, 5) ? (double)(int64_t)v / 7.0 : special[random_below(r, 6)];
            break;
        case FEAT_CLASS_T:
            out->t[i].length =
                (size_t)snprintf(texts[i], sizeof texts[i], "%.*s%llx", (int)(v % 3), "ab", (unsigned long long)v);
            out->t[i].data = texts[i];
            if (v == 0) out->t[i] = (feat_text){NULL, 0};
            break;
        case FEAT_CLASS_W: out->w[i] = wide ? (feat_int128)v << 40 : (feat_int128)(int64_t)v - 3; break;
        case FEAT_CLASS_V:
            out->p[i] = v % 3 ? (feat_interval){0, (int32_t)(v % 1000), 0}
                              : (feat_interval){0, 0, (int64_t)(v % 1000) * INT64_C(86400000000)};
            break;
        case FEAT_CLASS_N: break;
        }
    }
}

static feat_event_slot naive; /* what the comparison of qsort looks at */

static int by_value(const void *a, const void *b) {
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    return feat_slot_below(&naive, i, k) ? -1 : feat_slot_below(&naive, k, i) ? 1 : i < k ? -1 : 1;
}

static bool equal(const lanes *v, feat_class class, uint32_t i, uint32_t k) {
    if (class == FEAT_CLASS_F && v->f[i] == v->f[k]) return true;
    if (class == FEAT_CLASS_V) return feat_interval_length(v->p[i]) == feat_interval_length(v->p[k]);
    return !feat_slot_below(&naive, i, k) && !feat_slot_below(&naive, k, i);
}

static bool shows(const lanes *v, feat_class class, uint32_t row, const void *values, size_t at) {
    size_t size = feat_class_size(class);
    if (class == FEAT_CLASS_T) {
        feat_text a = v->t[row], b = ((const feat_text *)values)[at];
        return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
    }
    if (class == FEAT_CLASS_F) {
        double a = feat_double_canonical(v->f[row] + 0.0), b = ((const double *)values)[at];
        return feat_double_bits(a) == feat_double_bits(b);
    }
    return memcmp((const char *)v + row * size, (const char *)values + at * size, size) == 0;
}

static lanes values;
static uint32_t order[MOST];

static size_t check_tally(feat_scratch *scratch, feat_class class, size_t n) {
    feat_tally tally;
    size_t wrong = 0, at = 0, seen = 0;
    if (!feat_tally_make(&tally, scratch, class, &values, n, true)) return 1;
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 || !equal(&values, class, order[i - 1], order[i]);
        if (!first) {
            seen++;
        } else {
            if (i > 0) wrong += tally.counts[at++] != seen;
            seen = 1;
            wrong += at >= tally.n || !shows(&values, class, order[i], tally.values, at);
        }
        wrong += tally.groups[order[i]] != at;
    }
    wrong += tally.counts[at] != seen || tally.n != at + 1;
    const uint32_t *ranked = feat_tally_by_count(&tally, scratch);
    for (size_t i = 1; i < tally.n; i++) {
        uint32_t a = tally.counts[ranked[i - 1]], b = tally.counts[ranked[i]];
        wrong += a < b || (a == b && ranked[i - 1] > ranked[i]);
    }
    return wrong;
}

static size_t check_ranking(feat_scratch *scratch, feat_class class, size_t n, random_state *r) {
    size_t wrong = 0, size = feat_class_size(class);
    for (int often = 0; often < 2; often++) {
        feat_ranking ranking;
        if (!feat_ranking_make(&ranking, scratch, class, &values, n, often)) return 1;
        for (int trial = 0; trial < 20; trial++) {
            size_t place = trial == 0 ? 0 : trial == 1 ? n - 1 : (size_t)random_below(r, n);
            feat_cell cell = feat_ranking_at(&ranking, place), pair[2];
            uint32_t row = order[place];
            const char *exact = (const char *)&values + row * size;
            bool same = class == FEAT_CLASS_F
                            ? feat_double_bits(cell.v.f) == feat_double_bits(feat_double_canonical(values.f[row]))
                        : class == FEAT_CLASS_T ? shows(&values, class, row, &cell.v.t, 0)
                                                : memcmp(exact, &cell.v, size) == 0;
            wrong += !same;
            if (place + 1 == n) continue;
            feat_ranking_pair(&ranking, place, pair);
            feat_cell next = feat_ranking_at(&ranking, place + 1);
            wrong += class != FEAT_CLASS_T && memcmp(&pair[0].v, &cell.v, size) != 0;
            wrong += class != FEAT_CLASS_T && memcmp(&pair[1].v, &next.v, size) != 0;
        }
    }
    return wrong;
}

START_TEST(test_naive) {
    static const feat_class classes[] = {FEAT_CLASS_B, FEAT_CLASS_I, FEAT_CLASS_F,
                                         FEAT_CLASS_T, FEAT_CLASS_W, FEAT_CLASS_V};
    static const size_t sizes[] = {1, 2, 63, 64, 65, 300, MOST};
    static const uint64_t varieties[] = {1, 2, 40, 5000};
    random_state r = {17};
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    for (size_t c = 0; c < 6; c++)
        for (size_t s = 0; s < 7; s++)
            for (size_t k = 0; k < 8; k++) {
                feat_class class = classes[c];
                size_t n = sizes[s];
                fill(&r, class, &values, n, varieties[k / 2], k % 2);
                naive = (feat_event_slot){.class = class, .values = &values};
                for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
                qsort(order, n, sizeof *order, by_value);
                size_t wrong = check_tally(&scratch, class, n) + check_ranking(&scratch, class, n, &r);
                ck_assert_msg(wrong == 0, "class %d, %zu values, %llu: %zu wrong", (int)class, n,
                              (unsigned long long)varieties[k / 2], wrong);
                feat_scratch_reset(&scratch);
            }
    feat_scratch_done(&scratch);
}
END_TEST

/* Texts that are all sent to one place of the table take no more than sorting does, and give the same. */
START_TEST(test_collisions) {
    enum { N = 3000 };
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    size_t n = 0;
    for (uint64_t i = 0; n < N; i++) {
        int length = snprintf(texts[n], sizeof texts[n], "%llx", (unsigned long long)i);
        if (feat_hash64(texts[n], (size_t)length) & 1023) continue;
        values.t[n] = (feat_text){texts[n], (size_t)length};
        n++;
    }
    naive = (feat_event_slot){.class = FEAT_CLASS_T, .values = &values};
    for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
    qsort(order, n, sizeof *order, by_value);
    ck_assert_uint_eq(check_tally(&scratch, FEAT_CLASS_T, n), 0);
    feat_scratch_done(&scratch);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("values");
    TCase *tc = tcase_create("values");
    tcase_add_test(tc, test_naive);
    tcase_add_test(tc, test_collisions);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
