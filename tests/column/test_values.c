/* Columns of every type: what is appended is there, in the layout that column.h states, whichever way it came; and the
 * order of values. */
#include "support.h"
#include "support/values.h"

/* Slots of NULLs are zeros, texts of NULLs are empty, the count of NULLs is right. */
static void check_nulls(const feat_column *c) {
    static const char zeros[16];
    size_t nulls = 0;
    for (size_t i = 0; i < c->length; i++) {
        if (!feat_column_is_null(c, i)) continue;
        nulls++;
        if (is_bytes_type(c->type)) ck_assert_int_eq(c->offsets[i], c->offsets[i + 1]);
        else if (c->type == FEAT_TYPE_BOOLEAN) ck_assert(!feat_bit_get(c->values, i));
        else {
            size_t size = feat_type_size(c->type);
            ck_assert(memcmp((char *)c->values + i * size, zeros, size) == 0);
        }
    }
    ck_assert_uint_eq(nulls, c->null_count);
    ck_assert(((uintptr_t)c->values & 63) == 0 && ((uintptr_t)c->offsets & 63) == 0);
}

/* A list of row numbers is the model. */
START_TEST(test_model) {
    enum { POOL = 300, MOST = 1500 };
    for (size_t t = 0; t < N_EVERY_TYPE; t++)
        for (int round = 0; round < 4; round++) {
            feat_column pool, c;
            feat_column_init(&pool, every_type[t]);
            feat_column_init(&c, every_type[t]);
            while (pool.length < POOL) append_any(&pool, round % 2);
            check_nulls(&pool);
            uint32_t rows[MOST], some[100];
            size_t n = 0;
            while (n + 100 < MOST) {
                size_t k = random_below(100), start = random_below(POOL - k);
                switch (random_below(5)) {
                case 0:
                    ck_assert_int_eq(feat_column_append_from(&c, &pool, start), 0);
                    rows[n++] = (uint32_t)start;
                    break;
                case 1:
                    ck_assert_int_eq(feat_column_append_range(&c, &pool, start, k), 0);
                    for (size_t i = 0; i < k; i++) rows[n++] = (uint32_t)(start + i);
                    break;
                case 2:
                    for (size_t i = 0; i < k; i++) rows[n + i] = some[i] = (uint32_t)random_below(POOL);
                    ck_assert_int_eq(feat_column_append_rows(&c, &pool, some, k), 0);
                    n += k;
                    break;
                case 3: /* of itself: its buffers move while they are read */
                    if (n < k) break;
                    start = random_below(n - k + 1);
                    ck_assert_int_eq(feat_column_append_range(&c, &c, start, k), 0);
                    memcpy(rows + n, rows + start, k * sizeof *rows);
                    n += k;
                    break;
                default:
                    n = n > 40 ? n - random_below(40) : n;
                    feat_column_truncate(&c, n);
                    break;
                }
            }
            check_nulls(&c);
            ck_assert_uint_eq(c.length, n);
            for (size_t i = 0; i < n; i++) {
                ck_assert(same_slot(&c, i, &pool, rows[i]));
                ck_assert(feat_column_same(&c, i, &pool, rows[i]));
            }
            feat_column_clear(&c);
            ck_assert_int_eq(feat_column_append_nulls(&c, 77), 0);
            ck_assert_int_eq(feat_column_append_null(&c), 0);
            ck_assert_int_eq(feat_column_append_from(&c, &pool, 3), 0);
            check_nulls(&c);
            ck_assert(same_slot(&c, 78, &pool, 3));
            feat_column_done(&c);
            feat_column_done(&pool);
        }
}
END_TEST

/* Slots filled by hand and committed with a bitmap that starts anywhere: those of nulls become zeros. */
START_TEST(test_commit) {
    for (size_t t = 0; t < N_EVERY_TYPE; t++) {
        if (is_bytes_type(every_type[t])) continue;
        feat_column pool, c;
        feat_column_init(&pool, every_type[t]);
        feat_column_init(&c, every_type[t]);
        for (int i = 0; i < 200; i++) append_any(&pool, false);
        uint8_t bits[40];
        for (size_t i = 0; i < sizeof bits; i++) bits[i] = (uint8_t)random_bits();
        size_t size = feat_type_size(c.type);
        ck_assert_int_eq(feat_column_append_from(&c, &pool, 0), 0);
        ck_assert_int_eq(feat_column_reserve(&c, 200), 0);
        for (size_t i = 0; i < 200; i++)
            if (size == 0) feat_bit_put(c.values, 1 + i, feat_bit_get(pool.values, i));
            else memcpy((char *)c.values + (1 + i) * size, (char *)pool.values + i * size, size);
        ck_assert_int_eq(feat_column_commit(&c, 200, bits, 5), 0);
        check_nulls(&c);
        for (size_t i = 0; i < 200; i++) {
            ck_assert(feat_column_is_null(&c, 1 + i) == !feat_bit_get(bits, 5 + i));
            ck_assert(feat_column_is_null(&c, 1 + i) || same_slot(&c, 1 + i, &pool, i));
        }
        feat_column_done(&c);
        feat_column_done(&pool);
    }
}
END_TEST

/* What goes in through the accessor of a type comes out of it. */
START_TEST(test_accessors) {
    for (size_t t = 0; t < N_EVERY_TYPE; t++) {
        feat_type type = every_type[t];
        int64_t least, most;
        feat_column c;
        feat_column_init(&c, type);
        switch (FEAT_TYPE_BASE(type)) {
        case FEAT_TYPE_REAL:
        case FEAT_TYPE_DOUBLE:
            ck_assert_int_eq(feat_column_append_double(&c, -0x1.8p-100), 0);
            ck_assert(feat_column_double(&c, 0) == -0x1.8p-100);
            break;
        case FEAT_TYPE_UBIGINT:
        case FEAT_TYPE_DECIMAL:
            for (size_t i = 0; i < 50; i++) {
                feat_int128 v = random_wide(type);
                ck_assert_int_eq(feat_column_append_wide(&c, v), 0);
                ck_assert(feat_column_wide(&c, i) == v);
            }
            break;
        case FEAT_TYPE_INTERVAL: {
            ck_assert_int_eq(feat_column_append_interval(&c, (feat_interval){INT32_MIN, INT32_MAX, INT64_MIN}), 0);
            feat_interval v = feat_column_interval(&c, 0);
            ck_assert(v.months == INT32_MIN && v.days == INT32_MAX && v.us == INT64_MIN);
            break;
        }
        case FEAT_TYPE_TEXT:
        case FEAT_TYPE_BLOB:
        case FEAT_TYPE_VECTOR:
        case FEAT_TYPE_LIST:
        case FEAT_TYPE_MAP:
            ck_assert_int_eq(feat_column_append_text(&c, "a\0b", 3), 0);
            ck_assert(feat_column_text(&c, 0).length == 3 && memcmp(feat_column_text(&c, 0).data, "a\0b", 3) == 0);
            break;
        default:
            int_range(type, &least, &most);
            ck_assert_int_eq(feat_column_append_int(&c, least), 0);
            ck_assert_int_eq(feat_column_append_int(&c, most), 0);
            ck_assert(feat_column_int(&c, 0) == least && feat_column_int(&c, 1) == most);
            ck_assert(feat_int_fits(type, least) && feat_int_fits(type, most));
            ck_assert(least == INT64_MIN || !feat_int_fits(type, least - 1));
            ck_assert(most == INT64_MAX || !feat_int_fits(type, most + 1));
            ck_assert(feat_column_compare(&c, 0, &c, 1) < 0);
        }
        feat_column_done(&c);
    }
    ck_assert(!feat_int_fits(FEAT_TYPE_TEXT, 0) && !feat_int_fits(FEAT_TYPE_DOUBLE, 0));
}
END_TEST

/* NULL before all, then total: antisymmetric, transitive, and equal only where the bytes are. */
START_TEST(test_order) {
    enum { N = 60 };
    for (size_t t = 0; t < N_EVERY_TYPE; t++) {
        feat_column c;
        feat_column_init(&c, every_type[t]);
        while (c.length < N) append_any(&c, true);
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < N; j++) {
                int order = feat_column_compare(&c, i, &c, j);
                ck_assert_int_eq(order, -feat_column_compare(&c, j, &c, i));
                ck_assert_int_eq(order == 0, same_slot(&c, i, &c, j));
                if (feat_column_is_null(&c, i) && !feat_column_is_null(&c, j)) ck_assert_int_lt(order, 0);
                for (size_t k = 0; k < N && order <= 0; k++)
                    if (feat_column_compare(&c, j, &c, k) <= 0) ck_assert_int_le(feat_column_compare(&c, i, &c, k), 0);
            }
        feat_column_done(&c);
    }
}
END_TEST

START_TEST(test_intervals) {
    static const feat_interval ascending[] = {
        {INT32_MIN, INT32_MIN, INT64_MIN},
        {-1, 0, 0},
        {0, -29, 0},
        {0, 0, -1},
        {0, 0, 0},
        {0, 0, 1},
        {0, 0, 86400000000},
        {0, 1, 0}, /* a day is 24 hours */
        {0, 1, 1},
        {0, 29, 0},
        {0, 30, 0},
        {1, 0, 0}, /* a month is 30 days */
        {1, 0, 1},
        {12, 0, 0},
        {0, 361, 0},
        {INT32_MAX, INT32_MAX, INT64_MAX},
    };
    for (size_t i = 0; i < COUNT(ascending); i++)
        for (size_t j = 0; j < COUNT(ascending); j++)
            ck_assert_int_eq(feat_interval_order(ascending[i], ascending[j]), (i > j) - (i < j));
    ck_assert(feat_interval_length(ascending[10]) == feat_interval_length(ascending[11]));
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_model, test_commit, test_accessors, test_order, test_intervals};
    return run_suite("column/values", tests, COUNT(tests));
}
