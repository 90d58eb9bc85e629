/* Bits, UTF-8, and columns against a plain model. */
#include "column/bits.h"
#include "column/utf8.h"
#include "support.h"

/* ---- Bits. ---- */

START_TEST(test_bits) {
    for (int round = 0; round < 20000; round++) {
        size_t n = random_below(300), from_start = random_below(70), to_start = random_below(70);
        size_t from_size = feat_bitmap_size(from_start + n), to_size = feat_bitmap_size(to_start + n);
        uint8_t *from = malloc(from_size + 1), *to = malloc(to_size + 1), *wanted = malloc(to_size + 1);
        from = realloc(from, from_size ? from_size : 1); /* exactly its size */
        for (size_t i = 0; i < from_size; i++) from[i] = (uint8_t)random_bits();
        for (size_t i = 0; i < to_size; i++) to[i] = wanted[i] = (uint8_t)random_bits();
        size_t ones = 0;
        for (size_t i = 0; i < n; i++) {
            feat_bit_put(wanted, to_start + i, feat_bit_get(from, from_start + i));
            ones += feat_bit_get(from, from_start + i);
        }
        ck_assert_uint_eq(feat_bits_count(from, from_start, n), ones);
        feat_bits_copy(to, to_start, from, from_start, n);
        ck_assert(memcmp(to, wanted, to_size) == 0);
        bool value = random_below(2);
        for (size_t i = 0; i < n; i++) feat_bit_put(wanted, to_start + i, value);
        feat_bits_fill(to, to_start, n, value);
        ck_assert(memcmp(to, wanted, to_size) == 0);
        free(from);
        free(to);
        free(wanted);
    }
}
END_TEST

/* ---- UTF-8. ---- */

/* Decodes and judges the code point, unlike the code under test, which judges bytes. */
static size_t reference_character(const unsigned char *p, size_t left) {
    size_t n = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : (p[0] & 0xf8) == 0xf0 ? 4 : 0;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (n == 0 || n > left) return 0;
    if (n == 1) return 1;
    uint32_t point = p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        point = point << 6 | (p[i] & 0x3fu);
    }
    return point < least[n] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? 0 : n;
}

static size_t reference_prefix(const unsigned char *p, size_t n) {
    size_t at = 0, one;
    while (at < n && (one = reference_character(p + at, n - at)) > 0) at += one;
    return at;
}

START_TEST(test_utf8) {
    unsigned char text[40] = {0};
    for (uint32_t bits = 0; bits < 1u << 24;
         bits += bits < 0x800000 ? 7 : 1) { /* all that begin with a non-ASCII byte */
        text[0] = (unsigned char)(bits >> 16);
        text[1] = (unsigned char)(bits >> 8);
        text[2] = (unsigned char)bits;
        if (feat_utf8_prefix((char *)text, 3) != reference_prefix(text, 3))
            ck_abort_msg("%02x %02x %02x %02x", text[0], text[1], text[2], text[3]);
    }
    static const unsigned char ends[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0xbf, 0xc0, 0xff};
    for (int first = 0xf0; first <= 0xff; first++)
        for (int second = 0; second <= 0xff; second++)
            for (size_t k = 0; k < COUNT(ends) * COUNT(ends); k++) {
                text[0] = (unsigned char)first;
                text[1] = (unsigned char)second;
                text[2] = ends[k / COUNT(ends)];
                text[3] = ends[k % COUNT(ends)];
                if (feat_utf8_prefix((char *)text, 4) != reference_prefix(text, 4))
                    ck_abort_msg("%02x %02x %02x %02x", text[0], text[1], text[2], text[3]);
            }
    for (int round = 0; round < 200000; round++) { /* a few bytes of harm in longer text */
        size_t n = random_below(sizeof text);
        unsigned char *exact = malloc(n ? n : 1);
        for (size_t i = 0; i < n; i++) exact[i] = random_below(8) ? 'x' : (unsigned char)random_bits();
        ck_assert_uint_eq(feat_utf8_prefix((char *)exact, n), reference_prefix(exact, n));
        free(exact);
    }
    ck_assert_int_eq(feat_utf8_clip("abc", 5), 3);
    ck_assert_int_eq(feat_utf8_clip("abcdef", 5), 5);
    ck_assert_int_eq(feat_utf8_clip("abcd\xc3\xa9", 5), 4);
    ck_assert_int_eq(feat_utf8_clip("abc\xc3\xa9", 5), 5);
    ck_assert_int_eq(feat_utf8_clip("", 0), 0);
}
END_TEST

/* ---- Columns. ---- */

/* The same content, appended value by value from a second column, is the model. */
static void check_equal(const feat_column *c, const feat_column *from, const uint32_t *rows, size_t n) {
    check_column(c);
    ck_assert_uint_eq(c->length, n);
    for (size_t i = 0; i < n; i++) {
        ck_assert(feat_column_same(c, i, from, rows[i]));
        ck_assert(feat_column_is_null(c, i) == feat_column_is_null(from, rows[i]));
    }
}

START_TEST(test_model) {
    enum { POOL = 500, MOST = 3000 };
    for (size_t t = 0; t < COUNT(all_types); t++)
        for (int round = 0; round < 9; round++) {
            feat_column pool, c;
            feat_column_init(&pool, all_types[t]);
            feat_column_init(&c, all_types[t]);
            bool nulls = round % 3 != 0;
            while (pool.length < POOL) {
                append_random(&pool);
                if (!nulls && feat_column_is_null(&pool, pool.length - 1)) feat_column_truncate(&pool, pool.length - 1);
            }
            check_column(&pool);
            uint32_t rows[MOST], some[200];
            size_t n = 0;
            while (n + 200 < MOST) {
                size_t k = random_below(200), start = random_below(POOL - k);
                switch (random_below(6)) {
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
                case 4:
                    for (size_t i = 0; i < k && n > 0; i++) {
                        some[i] = (uint32_t)random_below(n);
                        rows[n + i] = rows[some[i]];
                    }
                    if (n == 0) break;
                    ck_assert_int_eq(feat_column_append_rows(&c, &c, some, k), 0);
                    n += k;
                    break;
                default:
                    n = n > 60 ? n - random_below(60) : n;
                    feat_column_truncate(&c, n);
                    break;
                }
                if (n % 13 == 0) check_equal(&c, &pool, rows, n);
            }
            check_equal(&c, &pool, rows, n);
            feat_column_clear(&c);
            ck_assert(c.length == 0 && c.null_count == 0 && !c.validity);
            ck_assert_int_eq(feat_column_append_nulls(&c, 77), 0);
            ck_assert_int_eq(feat_column_append_from(&c, &pool, 3), 0);
            check_column(&c);
            ck_assert(c.length == 78 && c.null_count == 77u + feat_column_is_null(&pool, 3));
            feat_column_done(&c);
            feat_column_done(&pool);
        }
}
END_TEST

/* Each operation fails at each of its allocations, changes nothing then, and works after. */
START_TEST(test_no_memory) {
    for (size_t t = 0; t < COUNT(all_types); t++)
        for (int operation = 0; operation < 6; operation++)
            for (size_t before = 0; before < 130; before += 13) {
                feat_column pool, c, was;
                feat_column_init(&pool, all_types[t]);
                feat_column_init(&c, all_types[t]);
                feat_column_init(&was, all_types[t]);
                for (int i = 0; i < 300; i++) append_random(&pool);
                ck_assert_int_eq(feat_column_append_range(&c, &pool, 0, before), 0);
                ck_assert_int_eq(feat_column_append_range(&was, &pool, 0, before), 0);
                uint32_t rows[200];
                for (size_t i = 0; i < 200; i++) rows[i] = (uint32_t)random_below(300);
                int failed = 1;
                for (int64_t k = 1; failed; k++) {
                    feat_alloc_fail_after(k);
                    switch (operation) {
                    case 0: failed = feat_column_append_null(&c); break;
                    case 1: failed = feat_column_append_nulls(&c, 200); break;
                    case 2: failed = feat_column_append_from(&c, &pool, 200); break;
                    case 3: failed = feat_column_append_range(&c, &pool, 50, 200); break;
                    case 4: failed = feat_column_append_rows(&c, &pool, rows, 200); break;
                    default: failed = feat_column_reserve(&c, 1000); break;
                    }
                    feat_alloc_fail_after(0);
                    if (failed) ck_assert_uint_eq(c.length, before);
                    for (size_t i = 0; i < before; i++) {
                        ck_assert(feat_column_same(&c, i, &was, i));
                        ck_assert(feat_column_is_null(&c, i) == feat_column_is_null(&was, i));
                    }
                    check_column(&c);
                }
                feat_column_done(&pool);
                feat_column_done(&c);
                feat_column_done(&was);
            }
    feat_column c;
    feat_column_init(&c, FEAT_TYPE_BIGINT);
    ck_assert_int_ne(feat_column_reserve(&c, SIZE_MAX), 0);
    ck_assert_int_ne(feat_column_reserve(&c, SIZE_MAX / 2), 0);
    ck_assert_int_eq(feat_column_append_int(&c, 1), 0);
    ck_assert_int_ne(feat_column_reserve(&c, SIZE_MAX), 0);
    ck_assert_int_eq(feat_column_int(&c, 0), 1);
    feat_column_done(&c);
    feat_column_init(&c, FEAT_TYPE_TEXT);
    ck_assert_int_ne(feat_column_reserve_text(&c, SIZE_MAX), 0);
    feat_column_done(&c);
}
END_TEST

START_TEST(test_order) {
    static const double doubles[] = {0, -1e308 * 10, -1, -0.0, 0.0, 1, 1e308 * 10, 0}; /* the last becomes NaN */
    static const char *const texts[] = {"", "", "A", "a", "aa", "b", "\xc3\xa9", "\xf0\x9d\x84\x9e"};
    enum { N = COUNT(doubles) };
    for (size_t t = 0; t < COUNT(all_types); t++) {
        feat_type type = all_types[t];
        size_t n = type == FEAT_TYPE_BOOLEAN ? 3 : N; /* row 0 is NULL, the others ascend */
        feat_column c;
        feat_column_init(&c, type);
        for (size_t i = 0; i < n; i++) {
            int64_t v = type == FEAT_TYPE_BOOLEAN ? (int64_t)i - 1 : ((int64_t)i - 4) * 1000000;
            int failed = i == 0 ? feat_column_append_null(&c)
                         : type == FEAT_TYPE_DOUBLE
                             ? feat_column_append_double(
                                   &c, i == N - 1 ? feat_double_of_bits(UINT64_C(0xfff8000000000001)) : doubles[i])
                         : type == FEAT_TYPE_TEXT ? feat_column_append_text(&c, texts[i], strlen(texts[i]))
                                                  : feat_column_append_int(&c, v);
            ck_assert_int_eq(failed, 0);
        }
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) {
                ck_assert_int_eq(feat_column_compare(&c, i, &c, j), (i > j) - (i < j));
                ck_assert(feat_column_same(&c, i, &c, j) == (i == j));
            }
        feat_column_done(&c);
    }
    feat_column a;
    feat_column_init(&a, FEAT_TYPE_DOUBLE);
    ck_assert(feat_column_append_double(&a, feat_double_of_bits(UINT64_C(0xfff8000000000001))) == 0);
    ck_assert(feat_column_append_double(&a, feat_double_of_bits(FEAT_NAN_BITS)) == 0);
    ck_assert(feat_column_same(&a, 0, &a, 1));
    feat_column_done(&a);
}
END_TEST

START_TEST(test_batch) {
    for (int64_t k = 1;; k++) {
        feat_batch b = {.length = 7};
        feat_error err;
        feat_alloc_fail_after(k);
        feat_status status = feat_batch_init(&b, all_types, COUNT(all_types), &err);
        feat_alloc_fail_after(0);
        if (status == FEAT_OK) {
            ck_assert(b.length == 0 && b.n_columns == COUNT(all_types));
            for (size_t i = 0; i < b.n_columns; i++) append_random(&b.columns[i]);
            b.length = 1;
            feat_batch_clear(&b);
            ck_assert(b.length == 0 && b.columns[0].length == 0 && b.columns[1].type == FEAT_TYPE_BIGINT);
            feat_batch_done(&b);
            ck_assert(b.n_columns == 0 && !b.columns);
            break;
        }
        ck_assert_int_eq(status, FEAT_MEMORY);
        ck_assert_uint_eq(b.length, 7);
    }
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_bits, test_utf8, test_model, test_no_memory, test_order, test_batch};
    return run_suite("column/column", tests, COUNT(tests));
}
