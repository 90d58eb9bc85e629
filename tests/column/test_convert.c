/* Every conversion from Arrow that is accepted, at offsets and with nulls, and each message of those that are not. */
#include "support.h"

enum { ROWS = 150 };

/* Where the rows of a case lie: `offset` elements of the child and `skipped` of the batch come before them. */
static const struct placement {
    size_t offset, skipped;
    bool nulls;
    int64_t null_count; /* as the array claims; 1 stands for a number that is not that of the slice */
} placements[] = {{0, 0, false, 0}, {0, 0, false, -1},  {0, 0, true, -1}, {1, 0, true, 1},   {3, 2, true, -1},
                  {8, 0, true, 1},  {13, 0, false, -1}, {0, 7, true, 1},  {64, 5, true, -1}, {9, 64, false, 0}};

/* NULLs in no pattern that a byte or word would show. */
static bool null_at(const struct placement *p, size_t element) { return p->nulls && element * 7 % 11 < 3; }

static uint8_t *make_validity(const struct placement *p, size_t n) {
    uint8_t *bits = calloc(feat_bitmap_size(n) + 1, 1);
    for (size_t i = 0; i < n; i++) feat_bit_put(bits, i, !null_at(p, i));
    return bits;
}

/* Reads a stream of one batch into a column that may hold rows already. */
static feat_status read_into(struct ArrowSchema schema, struct ArrowArray batch, bool not_null, feat_column *c,
                             feat_error *err) {
    const feat_field field = {.name = "x", .type = c->type, .not_null = not_null};
    struct ArrowArrayStream stream = make_stream_of(schema, batch);
    feat_arrow_in *in;
    feat_status status = feat_arrow_in_open(&stream, &in, err);
    if (status != FEAT_OK) return status;
    size_t rows = 99, length = c->length;
    bool end = true;
    status = feat_arrow_in_bind(in, &field, NULL, 1, true, "table 't'", err);
    if (status == FEAT_OK) status = feat_arrow_in_next(in, c, 1000, &rows, &end, NULL, err);
    feat_alloc_fail_after(0);
    if (status == FEAT_OK) {
        ck_assert(!end && c->length == length + rows);
        ck_assert_int_eq(feat_arrow_in_next(in, c, 1000, &rows, &end, NULL, err), FEAT_OK);
        ck_assert(end && rows == 0);
    } else {
        ck_assert_uint_eq(c->length, length);
    }
    feat_arrow_in_close(in);
    ck_assert(!stream.release);
    ck_assert_int_eq(support_live, 0);
    return status;
}

/* ---- Values of fixed width. ---- */

typedef struct fixed_case {
    const char *format;
    feat_type type;
    size_t width; /* bytes; 0: bits, a byte each in `values` */
    const void *values;
    size_t n;
    const int64_t *integers; /* wanted */
    const double *doubles;
} fixed_case;

static void run_fixed(const fixed_case *t, const struct placement *p) {
    size_t n = p->offset + p->skipped + ROWS + 3; /* rows behind the batch's too */
    uint8_t *values = calloc(n + 1, t->width ? t->width : 1), *validity = make_validity(p, n);
    for (size_t i = 0; i < n; i++) {
        size_t from = i % t->n;
        if (t->width == 0) feat_bit_put(values, i, ((const uint8_t *)t->values)[from]);
        else if (null_at(p, i)) memset(values + i * t->width, 0x7f, t->width); /* what a null hides means nothing */
        else memcpy(values + i * t->width, (const uint8_t *)t->values + from * t->width, t->width);
    }
    feat_column c;
    feat_error err;
    feat_column_init(&c, t->type);
    for (size_t before = 0; before < 14; before += 13) {
        struct ArrowArray array =
            make_array((int64_t)(n - p->offset), p->null_count, (int64_t)p->offset, 2, p->nulls ? validity : NULL,
                       feat_bitmap_size(n), values, t->width ? n * t->width : feat_bitmap_size(n));
        for (size_t i = 0; i < before; i++) append_random(&c);
        size_t first = c.length;
        feat_status status =
            read_into(make_batch_schema(t->format, "x"), make_batch(ROWS, (int64_t)p->skipped, array), false, &c, &err);
        ck_assert_msg(status == FEAT_OK, "%s: %s", t->format, err.message);
        ck_assert_uint_eq(c.length, first + ROWS);
        for (size_t i = 0; i < ROWS; i++) {
            size_t element = p->offset + p->skipped + i, row = first + i;
            ck_assert_msg(feat_column_is_null(&c, row) == null_at(p, element), "%s row %zu", t->format, i);
            if (null_at(p, element)) continue;
            if (t->doubles)
                ck_assert_msg(feat_double_bits(feat_column_double(&c, row)) ==
                                  feat_double_bits(t->doubles[element % t->n]),
                              "%s row %zu: %a", t->format, i, feat_column_double(&c, row));
            else ck_assert_int_eq(feat_column_int(&c, row), t->integers[element % t->n]);
        }
        check_column(&c);
    }
    feat_column_done(&c);
    free(values);
    free(validity);
}

static const int8_t i8[] = {-128, -1, 0, 1, 127};
static const uint8_t u8[] = {0, 1, 127, 128, 255};
static const int16_t i16[] = {-32768, -1, 0, 1, 32767};
static const uint16_t u16[] = {0, 1, 32767, 32768, 65535};
static const int32_t i32[] = {INT32_MIN, -1, 0, 1, INT32_MAX};
static const uint32_t u32[] = {0, 1, 0x7fffffff, 0x80000000, UINT32_MAX};
static const int64_t i64[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
static const uint64_t u64[] = {0, 1, 0x80000000, UINT64_C(1) << 62, INT64_MAX};
static const uint8_t bits[] = {1, 0, 0, 1, 1, 0, 1};
static const int64_t days_ms[] = {
    0, 86400000, -86400000, INT64_C(86400000) * 20000, INT64_C(86400000) * INT32_MIN, INT64_C(86400000) * INT32_MAX};
static const int64_t seconds[] = {0, 1, -1, INT64_C(9223372036854), INT64_C(-9223372036854)};
static const int64_t millis[] = {0, 1, -1, INT64_C(9223372036854775), INT64_C(-9223372036854775)};
static const int64_t nanos[] = {0, 1000, -1000, INT64_C(9223372036854775000), INT64_C(-9223372036854775000)};
static const float f32[] = {0.0f, -0.0f, 0.1f, -3.4028235e38f, 0x1p-149f};
static const double f64[] = {0.0, -0.0, 0.1, 0x1p-1074, -0x1.fffffffffffffp1023};
static const uint64_t special64[] = {UINT64_C(0x7ff0000000000000), UINT64_C(0xfff0000000000000),
                                     UINT64_C(0x7ff8000000000000), UINT64_C(0xfff8000000000123),
                                     UINT64_C(0x7ff0000000000001)};
static const uint32_t special32[] = {0x7f800000, 0xff800000, 0x7fc00000, 0xffc00123, 0x7f800001};
static const uint16_t f16[] = {0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001,
                               0x83ff, 0x7c00, 0xfc00, 0x3555, 0x7e00, 0xfc01};

START_TEST(test_fixed) {
    const double inf = 1e308 * 10, nan = feat_double_of_bits(FEAT_NAN_BITS);
    static const int64_t of_i8[] = {-128, -1, 0, 1, 127}, of_u8[] = {0, 1, 127, 128, 255},
                         of_i16[] = {-32768, -1, 0, 1, 32767}, of_u16[] = {0, 1, 32767, 32768, 65535},
                         of_i32[] = {INT32_MIN, -1, 0, 1, INT32_MAX},
                         of_u32[] = {0, 1, 0x7fffffff, 0x80000000, UINT32_MAX},
                         of_u64[] = {0, 1, 0x80000000, INT64_C(1) << 62, INT64_MAX}, of_bits[] = {1, 0, 0, 1, 1, 0, 1},
                         of_days[] = {0, 1, -1, 20000, INT32_MIN, INT32_MAX},
                         of_seconds[] = {0, 1000000, -1000000, INT64_C(9223372036854000000),
                                         INT64_C(-9223372036854000000)},
                         of_millis[] = {0, 1000, -1000, INT64_C(9223372036854775000), INT64_C(-9223372036854775000)},
                         of_nanos[] = {0, 1, -1, INT64_C(9223372036854775), INT64_C(-9223372036854775)};
    static const double d_i8[] = {-128, -1, 0, 1, 127}, d_u8[] = {0, 1, 127, 128, 255},
                        d_i16[] = {-32768, -1, 0, 1, 32767}, d_u16[] = {0, 1, 32767, 32768, 65535},
                        d_i32[] = {-2147483648.0, -1, 0, 1, 2147483647},
                        d_u32[] = {0, 1, 2147483647, 2147483648.0, 4294967295.0},
                        d_f32[] = {0.0, -0.0, 0x1.99999ap-4, -0x1.fffffep127, 0x1p-149};
    static const int64_t exact64[] = {7, INT64_C(1) << 53, 0, -1, -(INT64_C(1) << 53)};
    static const double d_exact64[] = {7, 0x1p53, 0.0, -1, -0x1p53};
    const double d_special[] = {inf, -inf, nan, nan, nan},
                 d_f16[] = {0.0, -0.0, 1,          -2,  65504, 0x1p-14, 0x1p-24, -1023 * 0x1p-24,
                            inf, -inf, 0x1.554p-2, nan, nan};
    const fixed_case cases[] = {
        {"c", FEAT_TYPE_BIGINT, 1, i8, 5, of_i8, NULL},
        {"C", FEAT_TYPE_BIGINT, 1, u8, 5, of_u8, NULL},
        {"s", FEAT_TYPE_BIGINT, 2, i16, 5, of_i16, NULL},
        {"S", FEAT_TYPE_BIGINT, 2, u16, 5, of_u16, NULL},
        {"i", FEAT_TYPE_BIGINT, 4, i32, 5, of_i32, NULL},
        {"I", FEAT_TYPE_BIGINT, 4, u32, 5, of_u32, NULL},
        {"l", FEAT_TYPE_BIGINT, 8, i64, 5, i64, NULL},
        {"L", FEAT_TYPE_BIGINT, 8, u64, 5, of_u64, NULL},
        {"c", FEAT_TYPE_DOUBLE, 1, i8, 5, NULL, d_i8},
        {"C", FEAT_TYPE_DOUBLE, 1, u8, 5, NULL, d_u8},
        {"s", FEAT_TYPE_DOUBLE, 2, i16, 5, NULL, d_i16},
        {"S", FEAT_TYPE_DOUBLE, 2, u16, 5, NULL, d_u16},
        {"i", FEAT_TYPE_DOUBLE, 4, i32, 5, NULL, d_i32},
        {"I", FEAT_TYPE_DOUBLE, 4, u32, 5, NULL, d_u32},
        {"l", FEAT_TYPE_DOUBLE, 8, exact64, 5, NULL, d_exact64},
        {"L", FEAT_TYPE_DOUBLE, 8, exact64, 2, NULL, d_exact64},
        {"e", FEAT_TYPE_DOUBLE, 2, f16, 13, NULL, d_f16},
        {"f", FEAT_TYPE_DOUBLE, 4, f32, 5, NULL, d_f32},
        {"f", FEAT_TYPE_DOUBLE, 4, special32, 5, NULL, d_special},
        {"g", FEAT_TYPE_DOUBLE, 8, f64, 5, NULL, f64},
        {"g", FEAT_TYPE_DOUBLE, 8, special64, 5, NULL, d_special},
        {"b", FEAT_TYPE_BOOLEAN, 0, bits, 7, of_bits, NULL},
        {"tdD", FEAT_TYPE_DATE, 4, i32, 5, of_i32, NULL},
        {"tdm", FEAT_TYPE_DATE, 8, days_ms, 6, of_days, NULL},
        {"tss:", FEAT_TYPE_TIMESTAMP, 8, seconds, 5, of_seconds, NULL},
        {"tsm:UTC", FEAT_TYPE_TIMESTAMP, 8, millis, 5, of_millis, NULL},
        {"tsu:", FEAT_TYPE_TIMESTAMP, 8, i64, 5, i64, NULL},
        {"tsu:Europe/Berlin", FEAT_TYPE_TIMESTAMP, 8, i64, 5, i64, NULL},
        {"tsn:+02:00", FEAT_TYPE_TIMESTAMP, 8, nanos, 5, of_nanos, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t k = 0; k < COUNT(placements); k++) run_fixed(&cases[i], &placements[k]);
}
END_TEST

/* ---- Text. ---- */

static const char *const words[] = {"",  "a",  "exactly12byt", "thirteen byte", "Größe", "日本語日本語日本語",
                                    "𝄞", "new"};
enum { WORDS = COUNT(words) };

/* Elements of an array: words[element % WORDS], or what a null hides. */
static const char *word_at(const struct placement *p, size_t element, bool hide) {
    if (null_at(p, element)) return hide ? "\xff hidden bytes that are no UTF-8" : "";
    return words[element % WORDS];
}

static struct ArrowArray make_offsets(const struct placement *p, size_t n, bool hide, bool large) {
    size_t size = 3, width = large ? 8 : 4; /* the first text need not start at 0 */
    for (size_t i = 0; i < n; i++) size += strlen(word_at(p, i, hide));
    char *bytes = malloc(size), *offsets = malloc((n + 1) * width);
    memset(bytes, 0xff, 3);
    size_t at = 3;
    for (size_t i = 0; i <= n; i++) {
        int32_t narrow = (int32_t)at;
        int64_t wide = (int64_t)at;
        memcpy(offsets + i * width, large ? (void *)&wide : (void *)&narrow, width);
        if (i == n) break;
        const char *word = word_at(p, i, hide);
        memcpy(bytes + at, word, strlen(word));
        at += strlen(word);
    }
    uint8_t *validity = make_validity(p, n);
    struct ArrowArray array =
        make_array((int64_t)(n - p->offset), p->null_count, (int64_t)p->offset, 3, p->nulls ? validity : NULL,
                   feat_bitmap_size(n), offsets, (n + 1) * width, bytes, size);
    free(validity);
    free(bytes);
    free(offsets);
    return array;
}

/* Long texts go to two data buffers in turn. */
static struct ArrowArray make_views(const struct placement *p, size_t n, bool hide) {
    char *views = calloc(n, 16), *data[2] = {calloc(n + 1, 64), calloc(n + 1, 64)};
    int64_t sizes[2] = {0, 0};
    for (size_t i = 0; i < n; i++) {
        const char *word = word_at(p, i, hide);
        int32_t length = (int32_t)strlen(word), buffer = (int32_t)(i & 1), offset = (int32_t)sizes[buffer];
        if (null_at(p, i) && hide) length = -7; /* a view that nobody may look at */
        memcpy(views + i * 16, &length, 4);
        if (length <= 12) {
            if (length > 0) memcpy(views + i * 16 + 4, word, (size_t)length);
            continue;
        }
        memcpy(views + i * 16 + 4, word, 4);
        memcpy(views + i * 16 + 8, &buffer, 4);
        memcpy(views + i * 16 + 12, &offset, 4);
        memcpy(data[buffer] + offset, word, (size_t)length);
        sizes[buffer] += length;
    }
    uint8_t *validity = make_validity(p, n);
    struct ArrowArray array = make_array((int64_t)(n - p->offset), p->null_count, (int64_t)p->offset, 5,
                                         p->nulls ? validity : NULL, feat_bitmap_size(n), views, n * 16, data[0],
                                         (size_t)sizes[0], data[1], (size_t)sizes[1], sizes, sizeof sizes);
    free(validity);
    free(views);
    free(data[0]);
    free(data[1]);
    return array;
}

/* Indices of a width, into a dictionary that is itself a slice with a null entry at the end (unused by `words`). */
static struct ArrowArray make_dictionary(const struct placement *p, size_t n, const char *format, const char *values,
                                         bool null_entries) {
    size_t width = strchr("cC", format[0]) ? 1 : strchr("sS", format[0]) ? 2 : strchr("iI", format[0]) ? 4 : 8;
    char *indices = malloc(n * width);
    for (size_t i = 0; i < n; i++) {
        uint64_t index =
            null_at(p, i) ? null_entries ? WORDS : UINT64_MAX : i % WORDS; /* a null's index means nothing */
        memcpy(indices + i * width, &index, width);
    }
    uint8_t *validity = make_validity(p, n);
    bool bitmap = p->nulls && !null_entries;
    struct ArrowArray array = make_array((int64_t)(n - p->offset), bitmap ? p->null_count : 0, (int64_t)p->offset, 2,
                                         bitmap ? validity : NULL, feat_bitmap_size(n), indices, n * width);
    const struct placement plain = {.offset = WORDS, .null_count = -1};
    struct ArrowArray entries = values[0] == 'v' ? make_views(&plain, 2 * WORDS + 1, false)
                                                 : make_offsets(&plain, 2 * WORDS + 1, false, values[0] == 'U');
    if (null_entries) { /* the last entry becomes null */
        uint8_t valid[3] = {0xff, 0xff, 0};
        support_array *own = entries.private_data;
        own->buffers[0] = copy_of(valid, sizeof valid);
    }
    give_dictionary(&array, entries);
    free(validity);
    free(indices);
    return array;
}

static void run_text(const char *format, const struct placement *p, bool hide) {
    size_t n = p->offset + p->skipped + ROWS + 3;
    feat_column c;
    feat_error err;
    feat_column_init(&c, FEAT_TYPE_TEXT);
    for (size_t before = 0; before < 14; before += 13) {
        for (size_t i = 0; i < before; i++) append_random(&c);
        size_t first = c.length;
        const char *cut = strchr(format, ';');
        struct ArrowArray array = cut                         ? make_dictionary(p, n, format, cut + 1, hide)
                                  : strcmp(format, "vu") == 0 ? make_views(p, n, hide)
                                                              : make_offsets(p, n, hide, format[0] == 'U');
        feat_status status =
            read_into(make_batch_schema(format, "x"), make_batch(ROWS, (int64_t)p->skipped, array), false, &c, &err);
        ck_assert_msg(status == FEAT_OK, "%s: %s", format, err.message);
        for (size_t i = 0; i < ROWS; i++) {
            size_t element = p->offset + p->skipped + i, row = first + i;
            ck_assert_msg(feat_column_is_null(&c, row) == null_at(p, element), "%s row %zu", format, i);
            if (null_at(p, element)) continue;
            feat_text text = feat_column_text(&c, row);
            const char *word = words[element % WORDS];
            ck_assert_msg(text.length == strlen(word) && memcmp(text.data, word, text.length) == 0,
                          "%s row %zu: '%.*s'", format, i, (int)text.length, text.data);
        }
        check_column(&c);
    }
    feat_column_done(&c);
}

START_TEST(test_text) {
    static const char *const formats[] = {"u",   "U",   "vu",  "c;u", "C;U", "s;vu", "S;u",
                                          "i;u", "i;U", "I;u", "l;U", "L;u", "l;vu"};
    for (size_t i = 0; i < COUNT(formats); i++)
        for (size_t k = 0; k < COUNT(placements); k++)
            for (int hide = 0; hide < 2; hide++) run_text(formats[i], &placements[k], hide);
}
END_TEST

/* ---- The null type, empty batches, columns that are missing. ---- */

START_TEST(test_nulls_and_nothing) {
    static const char *const formats[] = {"b", "l", "g", "u", "tdD", "tsu:"};
    for (size_t t = 0; t < COUNT(all_types); t++) {
        feat_column c;
        feat_error err;
        feat_column_init(&c, all_types[t]);
        ck_assert_int_eq(
            read_into(make_batch_schema("n", "x"), make_batch(9, 1, make_array(10, 10, 0, 0)), false, &c, &err),
            FEAT_OK);
        ck_assert(c.length == 9 && c.null_count == 9);
        check_column(&c);
        ck_assert_int_eq(read_into(make_batch_schema("n", "x"),
                                   make_batch(2, 0, make_array(2, -1, 0, 1, NULL, (size_t)0)), true, &c, &err),
                         FEAT_CONSTRAINT);
        ck_assert_str_eq(err.message, "table 't', column 'x', row 1000: NULL, but the column is NOT NULL");
        ck_assert(err.row == 1000 && c.length == 9);
        ck_assert_int_eq(
            read_into(make_batch_schema("n", "x"), make_batch(0, 0, make_array(0, 0, 0, 0)), true, &c, &err), FEAT_OK);
        /* No rows, no buffers. */
        struct ArrowArray empty =
            make_array(0, 0, 0, formats[t][0] == 'u' ? 3 : 2, NULL, (size_t)0, NULL, (size_t)0, NULL, (size_t)0);
        ck_assert_int_eq(read_into(make_batch_schema(formats[t], "x"), make_batch(0, 0, empty), true, &c, &err),
                         FEAT_OK);
        ck_assert_uint_eq(c.length, 9);
        feat_column_done(&c);
    }
    feat_column c;
    feat_error err;
    feat_column_init(&c, FEAT_TYPE_TEXT);
    struct ArrowArray indices = make_array(0, 0, 0, 2, NULL, (size_t)0, NULL, (size_t)0);
    give_dictionary(&indices, make_array(0, 0, 0, 3, NULL, (size_t)0, NULL, (size_t)0, NULL, (size_t)0));
    ck_assert_int_eq(read_into(make_batch_schema("i;u", "x"), make_batch(0, 0, indices), true, &c, &err), FEAT_OK);
    /* An array of empty texts without a data buffer. */
    static const int32_t zeros[4];
    struct ArrowArray blank = make_array(3, 0, 0, 3, NULL, (size_t)0, zeros, sizeof zeros, NULL, (size_t)0);
    ck_assert_int_eq(read_into(make_batch_schema("u", "x"), make_batch(3, 0, blank), true, &c, &err), FEAT_OK);
    ck_assert(c.length == 3 && feat_column_text(&c, 2).length == 0);
    feat_column_done(&c);
}
END_TEST

/* ---- Values that do not fit. ---- */

START_TEST(test_row_errors) {
    static const uint64_t big[] = {1, INT64_MAX, UINT64_C(1) << 63}, all[] = {0, 0, UINT64_MAX},
                          above[] = {1, 2, UINT64_C(1) << 63};
    static const int64_t odd[] = {0, 86400000, 86400001}, far[] = {0, 0, INT64_C(86400000) * (INT64_C(1) << 31)},
                         loss[] = {0, 1000, INT64_C(1700000000000000001)}, loss2[] = {0, 0, -1},
                         much[] = {0, 0, INT64_C(9223372036855)}, less[] = {0, 0, INT64_C(-9223372036855)},
                         most[] = {0, 0, INT64_MAX}, least[] = {0, 0, INT64_MIN};
    static const int64_t wide[] = {0, 1, 2, 5};
    static const int32_t narrow[] = {0, 1, 2, 5};
    static const struct {
        const char *format;
        feat_type type;
        const void *values;
        const char *text; /* of a text column, whose row 2 is its bytes 2 to 5 */
        const char *message;
    } cases[] = {
        {"L", FEAT_TYPE_BIGINT, big, NULL, "BIGINT cannot hold 9223372036854775808"},
        {"l", FEAT_TYPE_DOUBLE, least, NULL, "DOUBLE cannot hold -9223372036854775808 without loss"},
        {"L", FEAT_TYPE_DOUBLE, above, NULL, "DOUBLE cannot hold 9223372036854775808 without loss"},
        {"L", FEAT_TYPE_BIGINT, all, NULL, "BIGINT cannot hold 18446744073709551615"},
        {"tdm", FEAT_TYPE_DATE, odd, NULL, "DATE cannot hold 86400001 ms without loss"},
        {"tdm", FEAT_TYPE_DATE, far, NULL, "DATE cannot hold 185542587187200000 ms"},
        {"tsn:", FEAT_TYPE_TIMESTAMP, loss, NULL,
         "TIMESTAMP in microseconds cannot hold 1700000000000000001 ns without loss"},
        {"tsn:UTC", FEAT_TYPE_TIMESTAMP, loss2, NULL, "TIMESTAMP in microseconds cannot hold -1 ns without loss"},
        {"tss:", FEAT_TYPE_TIMESTAMP, much, NULL, "TIMESTAMP in microseconds cannot hold 9223372036855 s"},
        {"tss:", FEAT_TYPE_TIMESTAMP, less, NULL, "TIMESTAMP in microseconds cannot hold -9223372036855 s"},
        {"tsm:", FEAT_TYPE_TIMESTAMP, most, NULL, "TIMESTAMP in microseconds cannot hold 9223372036854775807 ms"},
        {"tsm:", FEAT_TYPE_TIMESTAMP, least, NULL, "TIMESTAMP in microseconds cannot hold -9223372036854775808 ms"},
        {"u", FEAT_TYPE_TEXT, narrow,
         "abc\xff"
         "d",
         "TEXT must be UTF-8, but byte 1 is malformed"},
        {"U", FEAT_TYPE_TEXT, wide, "ab\xed\xa0\x80", "TEXT must be UTF-8, but byte 0 is malformed"},
        {"U", FEAT_TYPE_TEXT, wide, "abcd\xc3", "TEXT must be UTF-8, but byte 2 is malformed"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int nulled = 0; nulled < 2; nulled++) { /* the same value in a null slot is no error */
            feat_column c;
            feat_error err;
            feat_column_init(&c, cases[i].type);
            append_random(&c);
            uint8_t validity = 3;
            const void *bitmap = nulled ? &validity : NULL;
            size_t wide_offsets = cases[i].format[0] == 'u' ? 16 : 32;
            struct ArrowArray array = cases[i].text
                                          ? make_array(3, -1, 0, 3, bitmap, (size_t)1, cases[i].values, wide_offsets,
                                                       cases[i].text, (size_t)5)
                                          : make_array(3, -1, 0, 2, bitmap, (size_t)1, cases[i].values, (size_t)24);
            feat_status status =
                read_into(make_batch_schema(cases[i].format, "x"), make_batch(3, 0, array), false, &c, &err);
            char wanted[200];
            snprintf(wanted, sizeof wanted, "table 't', column 'x', row 1002: %s", cases[i].message);
            if (nulled) {
                ck_assert_msg(status == FEAT_OK, "%s: %s", wanted, err.message);
                ck_assert(feat_column_is_null(&c, 3));
            } else {
                ck_assert_int_eq(status, FEAT_SCHEMA);
                ck_assert_str_eq(err.message, wanted);
                ck_assert_int_eq(err.row, 1002);
            }
            check_column(&c);
            feat_column_done(&c);
        }
    /* A character cut in two by an offset: each part is malformed though the whole is not. */
    static const int32_t cut[] = {0, 2, 4};
    feat_column c;
    feat_error err;
    feat_column_init(&c, FEAT_TYPE_TEXT);
    ck_assert_int_eq(
        read_into(make_batch_schema("u", "x"),
                  make_batch(2, 0, make_array(2, 0, 0, 3, NULL, (size_t)0, cut, sizeof cut, "a\xc3\xa9z", (size_t)4)),
                  false, &c, &err),
        FEAT_SCHEMA);
    ck_assert_str_eq(err.message, "table 't', column 'x', row 1000: TEXT must be UTF-8, but byte 1 is malformed");
    /* NULLs of either kind in a NOT NULL column. */
    static const int32_t three[] = {0, 1, 0};
    uint8_t validity = 5;
    struct ArrowArray array = make_array(3, 1, 0, 2, &validity, (size_t)1, three, sizeof three);
    feat_column n;
    feat_column_init(&n, FEAT_TYPE_BIGINT);
    ck_assert_int_eq(read_into(make_batch_schema("i", "x"), make_batch(3, 0, array), true, &n, &err), FEAT_CONSTRAINT);
    ck_assert_str_eq(err.message, "table 't', column 'x', row 1001: NULL, but the column is NOT NULL");
    array = make_array(3, 0, 0, 2, NULL, (size_t)0, three, sizeof three);
    static const int32_t offsets[] = {0, 1, 1};
    uint8_t first = 1;
    give_dictionary(&array, make_array(2, 1, 0, 3, &first, (size_t)1, offsets, sizeof offsets, "a", (size_t)1));
    ck_assert_int_eq(read_into(make_batch_schema("i;u", "x"), make_batch(3, 0, array), true, &c, &err),
                     FEAT_CONSTRAINT);
    ck_assert_str_eq(err.message, "table 't', column 'x', row 1001: NULL, but the column is NOT NULL");
    array = make_array(3, 0, 0, 2, NULL, (size_t)0, three, sizeof three);
    static const int32_t two[] = {0, 1, 3};
    give_dictionary(&array, make_array(2, 0, 0, 3, NULL, (size_t)0, two, sizeof two, "ab\x80", (size_t)3));
    ck_assert_int_eq(read_into(make_batch_schema("i;u", "x"), make_batch(3, 0, array), false, &c, &err), FEAT_SCHEMA);
    ck_assert_str_eq(err.message,
                     "table 't', column 'x', dictionary entry 1: TEXT must be UTF-8, but byte 1 is malformed");
    ck_assert_int_eq(err.row, -1);
    ck_assert(c.length == 0 && n.length == 0);
    feat_column_done(&c);
    feat_column_done(&n);
}
END_TEST

/* ---- Arrays that break the format. ---- */

typedef enum harm_to { CHILD, DICTIONARY, BATCH } harm_to;

static void spoil(struct ArrowArray *a, const char *how) {
    if (strcmp(how, "length -1") == 0) a->length = -1;
    else if (strcmp(how, "length 2") == 0) a->length = 2;
    else if (strcmp(how, "length max") == 0) a->length = INT64_MAX;
    else if (strcmp(how, "offset -1") == 0) a->offset = -1;
    else if (strcmp(how, "offset max") == 0) a->offset = INT64_MAX;
    else if (strcmp(how, "null_count -2") == 0) a->null_count = -2;
    else if (strcmp(how, "null_count 1") == 0) a->null_count = 1;
    else if (strcmp(how, "n_buffers 0") == 0) a->n_buffers = 0;
    else if (strcmp(how, "n_buffers +1") == 0) a->n_buffers++;
    else if (strcmp(how, "n_buffers -1") == 0) a->n_buffers--;
    else if (strcmp(how, "buffers NULL") == 0) a->buffers = NULL;
    else if (strcmp(how, "buffer 1 NULL") == 0 || strcmp(how, "buffer 2 NULL") == 0 ||
             strcmp(how, "buffer 3 NULL") == 0) {
        support_array *own = a->private_data;
        int i = how[7] - '0';
        free((void *)(uintptr_t)own->buffers[i]);
        own->buffers[i] = NULL;
    } else if (strcmp(how, "n_children 1") == 0) a->n_children = 1;
    else if (strcmp(how, "n_children 0") == 0) a->n_children = 0;
    else if (strcmp(how, "n_children 2") == 0) a->n_children = 2;
    else if (strcmp(how, "children NULL") == 0) a->children = NULL;
    else if (strcmp(how, "dictionary NULL") == 0) a->dictionary = NULL;
    else if (strcmp(how, "dictionary") == 0) a->dictionary = a;
    else if (strcmp(how, "released child") == 0) a->children[0]->release(a->children[0]);
    else if (strncmp(how, "int32 ", 6) == 0) { /* int32 <index> <value> into buffer 1 */ int index, value;
        ck_assert_int_eq(sscanf(how, "int32 %d %d", &index, &value), 2);
        memcpy((char *)(uintptr_t)a->buffers[1] + 4 * index, &value, 4);
    } else if (strncmp(how, "null rows", 9) == 0) {
        support_array *own = a->private_data;
        uint8_t validity = 5;
        own->buffers[0] = copy_of(&validity, 1);
        a->null_count = -1;
    } else ck_abort_msg("%s?", how);
}

static struct ArrowArray sound_array(const char *format) {
    static const int64_t integers[] = {1, 2, 0};
    static const int32_t offsets[] = {0, 1, 1, 3};
    const struct placement plain = {.null_count = 0};
    if (format[0] == 'u') return make_array(3, 0, 0, 3, NULL, (size_t)0, offsets, sizeof offsets, "abc", (size_t)3);
    if (format[0] == 'n') return make_array(3, 3, 0, 1, NULL, (size_t)0); /* as old producers send it */
    if (format[0] == 'v') {                                               /* "thirteen byte" in its third element */
        const struct placement at_one = {.offset = 1, .null_count = 0};
        return make_views(&at_one, 4, false);
    }
    if (strchr(format, ';')) return make_dictionary(&plain, 3, format, "u", false);
    return make_array(3, 0, 0, 2, NULL, (size_t)0, integers, sizeof integers);
}

START_TEST(test_malformed) {
    static const struct {
        const char *format;
        feat_type type;
        harm_to to;
        const char *how, *message; /* after "malformed Arrow " */
    } cases[] = {
        {"l", FEAT_TYPE_BIGINT, CHILD, "length -1", "record batch: a column is shorter than the batch"},
        {"l", FEAT_TYPE_BIGINT, CHILD, "length 2", "record batch: a column is shorter than the batch"},
        {"l", FEAT_TYPE_BIGINT, CHILD, "length max", "array: its length or offset is out of range"},
        {"l", FEAT_TYPE_BIGINT, CHILD, "offset -1", "array: its length or offset is out of range"},
        {"l", FEAT_TYPE_BIGINT, CHILD, "offset max", "array: its length or offset is out of range"},
        {"l", FEAT_TYPE_BIGINT, CHILD, "null_count -2", "array: its null count is negative"},
        {"l", FEAT_TYPE_BIGINT, CHILD, "null_count 1", "array: it counts nulls but has no validity buffer"},
        {"l", FEAT_TYPE_BIGINT, CHILD, "n_buffers 0", "array: wrong number of buffers"},
        {"l", FEAT_TYPE_BIGINT, CHILD, "n_buffers +1", "array: wrong number of buffers"},
        {"l", FEAT_TYPE_BIGINT, CHILD, "buffers NULL", "array: wrong number of buffers"},
        {"l", FEAT_TYPE_BIGINT, CHILD, "buffer 1 NULL", "array: its values are missing"},
        {"l", FEAT_TYPE_BIGINT, CHILD, "n_children 1", "array: it has children"},
        {"l", FEAT_TYPE_BIGINT, CHILD, "dictionary", "array: it has a dictionary"},
        {"n", FEAT_TYPE_BIGINT, CHILD, "n_buffers +1", "array: wrong number of buffers"},
        {"u", FEAT_TYPE_TEXT, CHILD, "n_buffers -1", "array: wrong number of buffers"},
        {"u", FEAT_TYPE_TEXT, CHILD, "buffer 1 NULL", "array: its offsets are missing"},
        {"u", FEAT_TYPE_TEXT, CHILD, "buffer 2 NULL", "array: its text is missing"},
        {"u", FEAT_TYPE_TEXT, CHILD, "int32 0 -1", "at 0: an offset is negative"},
        {"u", FEAT_TYPE_TEXT, CHILD, "int32 2 0", "at 1: the offsets decrease"},
        {"u", FEAT_TYPE_TEXT, CHILD, "int32 3 -5", "at 2: the offsets decrease"},
        {"vu", FEAT_TYPE_TEXT, CHILD, "n_buffers 0", "array: wrong number of buffers"},
        {"vu", FEAT_TYPE_TEXT, CHILD, "buffer 1 NULL", "array: its views are missing"},
        {"vu", FEAT_TYPE_TEXT, CHILD, "buffer 3 NULL", "at 2: a view lies outside its buffer"},
        {"vu", FEAT_TYPE_TEXT, CHILD, "int32 12 -1", "at 2: the length of a view is negative"},
        {"vu", FEAT_TYPE_TEXT, CHILD, "int32 12 14", "at 2: a view lies outside its buffer"},
        {"vu", FEAT_TYPE_TEXT, CHILD, "int32 12 2147483647", "at 2: a view lies outside its buffer"},
        {"vu", FEAT_TYPE_TEXT, CHILD, "int32 13 0", "at 2: a view does not start as its text does"},
        {"vu", FEAT_TYPE_TEXT, CHILD, "int32 14 2", "at 2: a view names a buffer that is not there"},
        {"vu", FEAT_TYPE_TEXT, CHILD, "int32 14 -1", "at 2: a view names a buffer that is not there"},
        {"vu", FEAT_TYPE_TEXT, CHILD, "int32 15 1", "at 2: a view lies outside its buffer"},
        {"vu", FEAT_TYPE_TEXT, CHILD, "int32 15 -1", "at 2: a view lies outside its buffer"},
        {"i;u", FEAT_TYPE_TEXT, CHILD, "dictionary NULL", "array: its dictionary is missing"},
        {"i;u", FEAT_TYPE_TEXT, CHILD, "buffer 1 NULL", "array: its indices are missing"},
        {"i;u", FEAT_TYPE_TEXT, CHILD, "int32 1 -1", "at 1: an index lies outside its dictionary"},
        {"i;u", FEAT_TYPE_TEXT, CHILD, "int32 2 9", "at 2: an index lies outside its dictionary"},
        {"i;u", FEAT_TYPE_TEXT, DICTIONARY, "length -1", "array: its dictionary has a negative length"},
        {"i;u", FEAT_TYPE_TEXT, DICTIONARY, "offset -1", "dictionary: its length or offset is out of range"},
        {"i;u", FEAT_TYPE_TEXT, DICTIONARY, "n_buffers -1", "dictionary: wrong number of buffers"},
        {"i;u", FEAT_TYPE_TEXT, DICTIONARY, "int32 9 0", "entry 0: the offsets decrease"},
        {"l", FEAT_TYPE_BIGINT, BATCH, "length -1", "record batch: its length or offset is out of range"},
        {"l", FEAT_TYPE_BIGINT, BATCH, "offset -1", "record batch: its length or offset is out of range"},
        {"l", FEAT_TYPE_BIGINT, BATCH, "offset max", "record batch: its length or offset is out of range"},
        {"l", FEAT_TYPE_BIGINT, BATCH, "length max", "record batch: a column is shorter than the batch"},
        {"l", FEAT_TYPE_BIGINT, BATCH, "n_children 0", "record batch: its columns are not those of the schema"},
        {"l", FEAT_TYPE_BIGINT, BATCH, "n_children 2", "record batch: its columns are not those of the schema"},
        {"l", FEAT_TYPE_BIGINT, BATCH, "children NULL", "record batch: its columns are not those of the schema"},
        {"l", FEAT_TYPE_BIGINT, BATCH, "n_buffers 0", "record batch: wrong number of buffers"},
        {"l", FEAT_TYPE_BIGINT, BATCH, "buffers NULL", "record batch: wrong number of buffers"},
        {"l", FEAT_TYPE_BIGINT, BATCH, "null_count -2", "record batch: its null count is negative"},
        {"l", FEAT_TYPE_BIGINT, BATCH, "null_count 1", "record batch: it counts nulls but has no validity buffer"},
        {"l", FEAT_TYPE_BIGINT, BATCH, "released child", "record batch: a column is missing or was released"},
        {"l", FEAT_TYPE_BIGINT, BATCH, "null rows", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ArrowArray batch = make_batch(3, 0, sound_array(cases[i].format));
        struct ArrowArray *child = batch.children[0];
        spoil(cases[i].to == CHILD ? child : cases[i].to == DICTIONARY ? child->dictionary : &batch, cases[i].how);
        feat_column c;
        feat_error err = {.message = "none"};
        feat_column_init(&c, cases[i].type);
        feat_status status = read_into(make_batch_schema(cases[i].format, "x"), batch, false, &c, &err);
        char wanted[200];
        const char *m = cases[i].message;
        if (!m) snprintf(wanted, sizeof wanted, "table 't', row 1001: the whole row is null; give it columns");
        else if (strncmp(m, "record batch", 12) == 0)
            snprintf(wanted, sizeof wanted, "table 't': malformed Arrow %s", m);
        else if (strncmp(m, "at ", 3) == 0)
            snprintf(wanted, sizeof wanted, "table 't', column 'x', row %d: malformed Arrow array%s", 1000 + m[3] - '0',
                     m + 4);
        else if (strncmp(m, "dictionary", 10) == 0)
            snprintf(wanted, sizeof wanted, "table 't', column 'x', dictionary: malformed Arrow array%s", m + 10);
        else if (strncmp(m, "entry 0", 7) == 0)
            snprintf(wanted, sizeof wanted, "table 't', column 'x', dictionary entry 0: malformed Arrow array%s",
                     m + 7);
        else snprintf(wanted, sizeof wanted, "table 't', column 'x': malformed Arrow %s", m);
        ck_assert_msg(strcmp(err.message, wanted) == 0, "%s, %s: '%s', wanted '%s'", cases[i].format, cases[i].how,
                      err.message, wanted);
        ck_assert_int_eq(status, FEAT_SCHEMA);
        ck_assert_uint_eq(c.length, 0);
        feat_column_done(&c);
    }
    for (size_t i = 0; i < 5; i++) { /* unspoiled they are read */
        static const char *const formats[] = {"l", "u", "vu", "i;u", "n"};
        feat_column c;
        feat_error err;
        feat_column_init(&c, i == 0 ? FEAT_TYPE_BIGINT : FEAT_TYPE_TEXT);
        ck_assert_int_eq(
            read_into(make_batch_schema(formats[i], "x"), make_batch(3, 0, sound_array(formats[i])), false, &c, &err),
            FEAT_OK);
        feat_column_done(&c);
    }
}
END_TEST

/* ---- Which formats are taken for which type. ---- */

START_TEST(test_accepted) {
    /* For each format: the types that take it, by their first letters (s: TIMESTAMP), in the order of all_types; and
     * the natural type, '?' for one that is none of these. */
    static const struct {
        const char *format, *types, *natural, *words;
    } cases[] = {
        {"n", "BIDTds", "", "null (format 'n')"},
        {"b", "B", "B", "bool (format 'b')"},
        {"c", "ID", "I", "int8 (format 'c')"},
        {"C", "ID", "I", "uint8 (format 'C')"},
        {"s", "ID", "I", "int16 (format 's')"},
        {"S", "ID", "I", "uint16 (format 'S')"},
        {"i", "ID", "I", "int32 (format 'i')"},
        {"I", "ID", "I", "uint32 (format 'I')"},
        {"l", "ID", "I", "int64 (format 'l')"},
        {"L", "ID", "I", "uint64 (format 'L')"},
        {"e", "D", "D", "float16 (format 'e')"},
        {"f", "D", "D", "float32 (format 'f')"},
        {"g", "D", "D", "float64 (format 'g')"},
        {"u", "T", "T", "utf8 (format 'u')"},
        {"U", "T", "T", "large_utf8 (format 'U')"},
        {"vu", "T", "T", "utf8_view (format 'vu')"},
        {"i;u", "T", "T", "dictionary of utf8 (format 'i', values 'u')"},
        {"L;vu", "T", "T", "dictionary of utf8_view (format 'L', values 'vu')"},
        {"i;l", "ID", "I", "dictionary of int64 (format 'i', values 'l')"},
        {"g;u", "", "", "dictionary of utf8 (format 'g', values 'u')"},
        {"tdD", "ds", "d", "date32 (format 'tdD')"},
        {"tdm", "ds", "d", "date64 (format 'tdm')"},
        {"tss:", "s", "s", "timestamp[s] (format 'tss:')"},
        {"tsm:UTC", "s", "s", "timestamp[ms] (format 'tsm:UTC')"},
        {"tsu:Asia/Tokyo", "s", "s", "timestamp[us] (format 'tsu:Asia/Tokyo')"},
        {"tsn:", "s", "s", "timestamp[ns] (format 'tsn:')"},
        {"tsn", "", "", "type that is unknown here (format 'tsn')"},
        {"z", "", "?", "binary (format 'z')"},
        {"vz", "", "?", "binary_view (format 'vz')"},
        {"d:10,2", "", "?", "decimal (format 'd:10,2')"},
        {"w:16", "", "?", "fixed_size_binary (format 'w:16')"},
        {"ttu", "", "", "time64[us] (format 'ttu')"},
        {"tDn", "", "?", "duration[ns] (format 'tDn')"},
        {"+l", "", "", "list (format '+l')"},
        {"+s", "", "", "struct (format '+s')"},
        {"+m", "", "", "map (format '+m')"},
        {"+r", "", "", "run_end_encoded (format '+r')"},
        {"+w:3", "", "", "fixed_size_list (format '+w:3')"},
        {"+ud:1,2", "", "", "dense_union (format '+ud:1,2')"},
        {"", "", "", "type that is unknown here (format '')"},
        {"0123456789012345678901234567890123456789tail", "", "",
         "type that is unknown here (format '0123456789012345678901234567890123456789')"},
    };
    static const char letters[] = "BIDTds";
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ArrowArrayStream stream = make_stream(make_batch_schema(cases[i].format, "x"));
        feat_arrow_in *in;
        feat_error err;
        ck_assert_int_eq(feat_arrow_in_open(&stream, &in, &err), FEAT_OK);
        feat_type natural = FEAT_TYPE_BOOLEAN;
        bool has = feat_arrow_in_type(in, 0, &natural);
        ck_assert_msg(has == (cases[i].natural[0] != 0), "%s", cases[i].format);
        for (size_t t = 0; t < COUNT(all_types); t++) {
            if (has && letters[t] == cases[i].natural[0]) ck_assert(natural == all_types[t]);
            const feat_field field = {.name = "x", .type = all_types[t]};
            feat_status status = feat_arrow_in_bind(in, &field, NULL, 1, true, "table 'purchases'", &err);
            bool taken = strchr(cases[i].types, letters[t]) != NULL;
            ck_assert_msg(status == (taken ? FEAT_OK : FEAT_SCHEMA), "%s to %s", cases[i].format,
                          feat_type_name(all_types[t]));
            if (taken) continue;
            char wanted[200];
            snprintf(wanted, sizeof wanted, "table 'purchases', column 'x': expected %s, got Arrow %s",
                     feat_type_name(all_types[t]), cases[i].words);
            ck_assert_str_eq(err.message, wanted);
        }
        feat_arrow_in_close(in);
    }
    ck_assert_int_eq(support_live, 0);
}
END_TEST

/* ---- Without memory. ---- */

START_TEST(test_no_memory) {
    static const char *const formats[] = {"l", "c", "b", "u", "vu", "i;u", "n"};
    static const feat_type types[] = {FEAT_TYPE_BIGINT, FEAT_TYPE_DOUBLE, FEAT_TYPE_BOOLEAN, FEAT_TYPE_TEXT,
                                      FEAT_TYPE_TEXT,   FEAT_TYPE_TEXT,   FEAT_TYPE_BIGINT};
    const struct placement p = {.offset = 3, .nulls = true, .null_count = -1};
    for (size_t f = 0; f < COUNT(formats); f++) {
        feat_column c;
        feat_column_init(&c, types[f]);
        for (int i = 0; i < 10; i++) append_random(&c);
        feat_status status = FEAT_MEMORY;
        for (int64_t k = 1; status != FEAT_OK; k++) {
            size_t n = 3 + ROWS;
            uint8_t *validity = make_validity(&p, n), *values = calloc(n, 8);
            struct ArrowArray array;
            if (strcmp(formats[f], "u") == 0) array = make_offsets(&p, n, false, false);
            else if (strcmp(formats[f], "vu") == 0) array = make_views(&p, n, false);
            else if (strcmp(formats[f], "i;u") == 0) array = make_dictionary(&p, n, formats[f], "u", false);
            else if (strcmp(formats[f], "n") == 0) array = make_array(ROWS, -1, 0, 0);
            else array = make_array(ROWS, -1, 3, 2, validity, feat_bitmap_size(n), values, n * 8);
            feat_error err;
            struct ArrowSchema schema = make_batch_schema(formats[f], "x");
            array = make_batch(ROWS, 0, array);
            feat_alloc_fail_after(k);
            status = read_into(schema, array, false, &c, &err);
            feat_alloc_fail_after(0);
            if (status != FEAT_OK) {
                ck_assert_int_eq(status, FEAT_MEMORY);
                ck_assert_str_eq(err.message, "out of memory");
            }
            ck_assert_int_eq(support_live, 0);
            check_column(&c);
            free(validity);
            free(values);
        }
        ck_assert_uint_eq(c.length, 10 + ROWS);
        feat_column_done(&c);
    }
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_fixed,     test_text,     test_nulls_and_nothing, test_row_errors,
                                  test_malformed, test_accepted, test_no_memory};
    return run_suite("column/convert", tests, COUNT(tests));
}
