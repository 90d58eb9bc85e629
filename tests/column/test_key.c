/* Key encodings and digests of rows. */
#include "support.h"

static feat_buffer encoded(const feat_column *c, size_t row) {
    feat_buffer b;
    feat_buffer_init(&b);
    feat_key_append(&b, c, row);
    ck_assert(!b.failed);
    return b;
}

static int compare_bytes(const feat_buffer *a, const feat_buffer *b) {
    int order = memcmp(a->data, b->data, a->size < b->size ? a->size : b->size);
    if (order == 0) order = (a->size > b->size) - (a->size < b->size);
    return (order > 0) - (order < 0);
}

/* Order of values, with -0 = +0. */
static int compare_values(const feat_column *c, size_t i, size_t j) {
    if (c->type == FEAT_TYPE_DOUBLE && !feat_column_is_null(c, i) && !feat_column_is_null(c, j) &&
        feat_column_double(c, i) == 0 && feat_column_double(c, j) == 0)
        return 0;
    return feat_column_compare(c, i, c, j);
}

START_TEST(test_key_order) {
    static const struct {
        const char *data;
        size_t length;
    } texts[] = {{"", 0},  {"\0", 1},  {"\0\0", 2}, {"\0\1", 2}, {"\0\xff", 2}, {"\1", 1},
                 {"a", 1}, {"a\0", 2}, {"a\0b", 3}, {"a\1", 2},  {"aa", 2},     {"\xff", 1}};
    for (size_t t = 0; t < COUNT(all_types); t++) {
        feat_column c;
        feat_column_init(&c, all_types[t]);
        if (c.type == FEAT_TYPE_TEXT)
            for (size_t i = 0; i < COUNT(texts); i++)
                ck_assert_int_eq(feat_column_append_text(&c, texts[i].data, texts[i].length), 0);
        if (c.type == FEAT_TYPE_DOUBLE) {
            ck_assert_int_eq(feat_column_append_double(&c, feat_double_of_bits(UINT64_C(0xffffffffffffffff))), 0);
            ck_assert_int_eq(feat_column_append_double(&c, 1e308 * 10), 0);
            ck_assert_int_eq(feat_column_append_double(&c, -1e308 * 10), 0);
        }
        while (c.length < 120) append_random(&c);
        for (size_t i = 0; i < c.length; i++)
            for (size_t j = 0; j < c.length; j++) {
                feat_buffer a = encoded(&c, i), b = encoded(&c, j);
                ck_assert_int_eq(compare_bytes(&a, &b), compare_values(&c, i, j));
                bool prefix = a.size < b.size && memcmp(a.data, b.data, a.size) == 0;
                ck_assert(!prefix);
                feat_buffer_done(&a);
                feat_buffer_done(&b);
            }
        feat_column_done(&c);
    }
}
END_TEST

/* The bytes themselves: they are stored. */
START_TEST(test_key_bytes) {
    feat_buffer b;
    feat_buffer_init(&b);
    feat_key_append_int(&b, 1);
    feat_key_append_int(&b, -1);
    feat_key_append_null(&b);
    feat_key_append_double(&b, -0.0);
    feat_key_append_text(&b, "a\0b", 3);
    feat_key_append_text(&b, NULL, 0);
    static const unsigned char wanted[] = {2,    0x80, 0,    0,    0,    0,    0,   0,    1, 2, 0x7f, 0xff, 0xff,
                                           0xff, 0xff, 0xff, 0xff, 0xff, 0,    2,   0x80, 0, 0, 0,    0,    0,
                                           0,    0,    2,    'a',  0,    0xff, 'b', 0,    1, 2, 0,    1};
    ck_assert_uint_eq(b.size, sizeof wanted);
    ck_assert(memcmp(b.data, wanted, sizeof wanted) == 0);
    feat_buffer_done(&b);
}
END_TEST

START_TEST(test_digest) {
    feat_batch row;
    feat_buffer scratch, bytes;
    feat_buffer_init(&scratch);
    feat_buffer_init(&bytes);
    ck_assert_int_eq(feat_batch_init(&row, all_types, COUNT(all_types), NULL), FEAT_OK);
    feat_column *c = row.columns; /* BOOLEAN, BIGINT, DOUBLE, TEXT, DATE, TIMESTAMP */
    ck_assert(feat_column_append_int(&c[0], 1) == 0 && feat_column_append_null(&c[1]) == 0);
    ck_assert(feat_column_append_double(&c[2], feat_double_of_bits(UINT64_C(0xfff0000000000001))) == 0);
    ck_assert(feat_column_append_text(&c[3], "hi", 2) == 0 && feat_column_append_int(&c[4], -2) == 0);
    ck_assert(feat_column_append_int(&c[5], 7) == 0);
    const feat_column *columns[] = {&c[0], &c[1], &c[2], &c[3], &c[4], &c[5]};
    const uint32_t ids[] = {1, 2, 3, 5, 8, 258};
    static const unsigned char wanted[] = {
        1,    0,    0,    0,    1,    1,    0,    0,    0, 0, 0, 0, 0, 3, 0, 0, 0,   2,   0, 0, 0, 0, 0,
        0,    0xf8, 0x7f, 5,    0,    0,    0,    3,    2, 0, 0, 0, 0, 0, 0, 0, 'h', 'i', 8, 0, 0, 0, 1,
        0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 1, 0, 0, 1, 7, 0, 0, 0,   0,   0, 0, 0};
    feat_digest d = feat_row_digest(columns, ids, COUNT(ids), 0, &scratch),
                same = feat_digest_of(wanted, sizeof wanted);
    ck_assert(!scratch.failed && scratch.size == sizeof wanted && memcmp(scratch.data, wanted, sizeof wanted) == 0);
    ck_assert(feat_digest_equal(&d, &same));
    d = feat_row_digest(columns + 1, ids + 1, 1, 0, &scratch); /* all NULL */
    same = feat_digest_of("", 0);
    ck_assert(feat_digest_equal(&d, &same) && !scratch.failed);
    feat_buffer_done(&scratch);
    feat_alloc_fail_after(1);
    feat_row_digest(columns, ids, COUNT(ids), 0, &scratch);
    feat_alloc_fail_after(0);
    ck_assert(scratch.failed);
    d = feat_row_digest(columns, ids, COUNT(ids), 0, &scratch);
    same = feat_digest_of(wanted, sizeof wanted);
    ck_assert(!scratch.failed && feat_digest_equal(&d, &same));
    feat_batch_done(&row);
    feat_buffer_done(&scratch);
}
END_TEST

/* Numbers of any type and scale: equal values are equal bytes, and bytes are ordered as the values. */
START_TEST(test_key_numbers) {
    static const struct {
        feat_int128 v;
        int scale;
    } ascending[] = {{(feat_int128)INT64_MIN * 4, 0},
                     {(feat_int128)INT64_MIN - 1, 0},
                     {INT64_MIN, 0},
                     {-550, 2},
                     {-5, 0},
                     {-1, 38},
                     {0, 5},
                     {1, 38},
                     {5, 0},
                     {525, 2},
                     {55, 1},
                     {600, 2},
                     {INT64_MAX, 0},
                     {(feat_int128)INT64_MAX * 10 + 71, 1},
                     {UINT64_MAX, 0},
                     {(feat_int128)UINT64_MAX * 8, 0}};
    for (size_t i = 0; i < sizeof ascending / sizeof *ascending; i++)
        for (size_t k = 0; k < sizeof ascending / sizeof *ascending; k++) {
            feat_buffer a, b;
            feat_buffer_init(&a);
            feat_buffer_init(&b);
            feat_key_append_wide(&a, ascending[i].v, ascending[i].scale);
            feat_key_append_wide(&b, ascending[k].v, ascending[k].scale);
            feat_key_append_int(&a, 0); /* another part behind decides nothing */
            feat_key_append_int(&b, 0);
            int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
            ck_assert_msg((order < 0) == (i < k) && (order == 0 && a.size == b.size) == (i == k), "%zu %zu", i, k);
            feat_buffer_done(&a);
            feat_buffer_done(&b);
        }
    feat_buffer a, b;
    feat_buffer_init(&a);
    feat_buffer_init(&b);
    feat_key_append_wide(&a, -12300, 2);
    feat_key_append_int(&b, -123);
    ck_assert(a.size == b.size && memcmp(a.data, b.data, a.size) == 0);
    feat_buffer_done(&a);
    feat_buffer_done(&b);
}
END_TEST

/* What was appended comes back, part by part; what is no value of the type does not, and appends nothing. */
START_TEST(test_key_read) {
    static const char *const texts[] = {"", "a", "a\0b", "\0", "\0\xff", "\xff\x01"};
    static const size_t lengths[] = {0, 1, 3, 1, 2, 2};
    static const int64_t ints[] = {INT64_MIN, -1, 0, 1, 127, 128, INT64_MAX};
    feat_type decimal = 0;
    ck_assert(feat_type_from_sql("DECIMAL(20, 3)", &decimal));
    const feat_type types[] = {FEAT_TYPE_BIGINT, FEAT_TYPE_TEXT, decimal, FEAT_TYPE_TINYINT, FEAT_TYPE_UBIGINT};
    feat_column in[COUNT(types)], out[COUNT(types)];
    feat_buffer key, scratch;
    feat_buffer_init(&key);
    feat_buffer_init(&scratch);
    for (size_t c = 0; c < COUNT(types); c++) {
        feat_column_init(&in[c], types[c]);
        feat_column_init(&out[c], types[c]);
    }
    size_t n = COUNT(ints) * COUNT(texts);
    for (size_t i = 0; i < n; i++) {
        int64_t v = ints[i % COUNT(ints)];
        size_t t = i / COUNT(ints);
        ck_assert_int_eq(feat_column_append_int(&in[0], v), 0);
        ck_assert_int_eq(feat_column_append_text(&in[1], texts[t], lengths[t]), 0);
        ck_assert_int_eq(feat_column_append_wide(&in[2], (feat_int128)v * 10 + (int)t), 0);
        ck_assert_int_eq(feat_column_append_int(&in[3], (int8_t)v), 0);
        ck_assert_int_eq(feat_column_append_wide(&in[4], (uint64_t)v), 0);
    }
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        feat_cursor cursor;
        feat_buffer_clear(&key);
        for (size_t c = 0; c < COUNT(types); c++) feat_key_append(&key, &in[c], i);
        feat_cursor_init(&cursor, key.data, key.size);
        for (size_t c = 0; c < COUNT(types); c++)
            wrong +=
                feat_key_read(&cursor, &out[c], &scratch) != FEAT_KEY_VALUE || !feat_column_same(&in[c], i, &out[c], i);
        wrong += cursor.at != cursor.end;
        for (size_t size = 0; size < key.size; size++) { /* cut anywhere it fails, and reads nothing behind its end */
            feat_cursor_init(&cursor, key.data, size);
            bool whole = true;
            for (size_t c = 0; c < COUNT(types) && whole; c++)
                whole = feat_key_read(&cursor, &out[c], &scratch) == FEAT_KEY_VALUE;
            wrong += whole;
            for (size_t c = 0; c < COUNT(types); c++) feat_column_truncate(&out[c], i + 1);
        }
    }
    ck_assert_uint_eq(wrong, 0);
    static const struct {
        feat_int128 v;
        int scale;
        const char *type;
    } others[] = {{128, 0, "TINYINT"},
                  {5, 1, "BIGINT"},
                  {-1, 0, "UBIGINT"},
                  {2, 0, "BOOLEAN"},
                  {1, 3, "DECIMAL(10, 2)"},
                  {100, 0, "DECIMAL(3, 1)"},
                  {(feat_int128)INT64_MAX + 1, 0, "BIGINT"},
                  {7, 0, "TEXT"},
                  {7, 0, "DOUBLE"}};
    for (size_t i = 0; i < COUNT(others); i++) {
        feat_type type = 0;
        feat_column column;
        feat_cursor cursor;
        ck_assert(feat_type_from_sql(others[i].type, &type));
        feat_column_init(&column, type);
        feat_buffer_clear(&key);
        feat_key_append_wide(&key, others[i].v, others[i].scale);
        feat_cursor_init(&cursor, key.data, key.size);
        ck_assert_msg(feat_key_read(&cursor, &column, &scratch) == FEAT_KEY_OTHER && column.length == 0, "%s",
                      others[i].type);
        feat_column_done(&column);
    }
    for (size_t c = 0; c < COUNT(types); c++) {
        feat_column_done(&in[c]);
        feat_column_done(&out[c]);
    }
    feat_buffer_done(&key);
    feat_buffer_done(&scratch);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_key_order, test_key_bytes, test_key_numbers, test_key_read, test_digest};
    return run_suite("column/key", tests, COUNT(tests));
}
