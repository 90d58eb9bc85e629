/* Arrow and every type: what goes out comes back; what comes in from another Arrow type keeps its value or is refused
 * with the row. */
#include "column/nested.h"

#include <math.h>

#include "support.h"
#include "support/values.h"

/* Reads one batch into a column of `type`; `c` is made here. */
static feat_status read_batch(struct ArrowSchema schema, struct ArrowArray batch, feat_type type, feat_column *c,
                              feat_error *err) {
    struct ArrowArrayStream stream = make_stream_of(schema, batch);
    const feat_field field = {.name = "x", .type = type};
    feat_arrow_in *in = NULL;
    size_t rows = 0;
    bool end = false;
    feat_column_init(c, type);
    feat_status status = feat_arrow_in_open(&stream, &in, err);
    if (status != FEAT_OK) return status;
    status = feat_arrow_in_bind(in, &field, NULL, 1, true, "table 't'", err);
    if (status == FEAT_OK) status = feat_arrow_in_next(in, c, 100, &rows, &end, NULL, err);
    feat_arrow_in_close(in);
    ck_assert_uint_eq(c->length, status == FEAT_OK ? rows : 0);
    return status;
}

static struct ArrowSchema batch_schema_of(struct ArrowSchema child) {
    struct ArrowSchema schema = make_schema("+s", "");
    give_schema_child(&schema, child);
    return schema;
}

/* ---- There and back. ---- */

static void fill(feat_column *c, size_t n, bool nulls) {
    while (c->length < n) {
        append_any(c, nulls);
        if (c->type == FEAT_TYPE_INTERVAL && c->length > 0) /* what Arrow can hold */
            ((feat_interval *)c->values)[c->length - 1].us /= 1000;
    }
}

START_TEST(test_round_trip) {
    static const struct {
        size_t n, offset, skipped;
        bool nulls;
    } shapes[] = {{0, 0, 0, true},   {1, 0, 0, false},  {200, 0, 0, false}, {200, 0, 0, true},
                  {200, 3, 0, true}, {200, 0, 5, true}, {3000, 9, 70, true}};
    for (size_t t = 0; t < N_EVERY_TYPE; t++)
        for (size_t k = 0; k < COUNT(shapes); k++) {
            feat_type type = every_type[t];
            feat_error err = {.code = FEAT_OK};
            feat_column was, c, back;
            feat_column_init(&was, type);
            feat_column_init(&c, type);
            fill(&was, shapes[k].n, shapes[k].nulls);
            ck_assert_int_eq(feat_column_append_range(&c, &was, 0, shapes[k].n), 0);
            struct ArrowSchema field;
            struct ArrowArray array;
            ck_assert_int_eq(feat_arrow_out_field("x", type, true, &field, &err), FEAT_OK);
            feat_status status = feat_arrow_out_column(&c, &array, &err);
            ck_assert_msg(status == FEAT_OK, "%s", err.message);
            ck_assert(c.length == 0 && !c.values && array.length == (int64_t)shapes[k].n);
            ck_assert_int_eq(array.null_count, (int64_t)was.null_count);
            array.offset = (int64_t)shapes[k].offset;
            array.length -= array.offset;
            if (shapes[k].offset) array.null_count = -1;
            size_t first = shapes[k].offset + shapes[k].skipped, n = shapes[k].n - first;
            struct ArrowArray batch = make_batch((int64_t)n, (int64_t)shapes[k].skipped, array);
            status = read_batch(batch_schema_of(field), batch, type, &back, &err);
            ck_assert_msg(status == FEAT_OK, "%s", err.message);
            ck_assert_uint_eq(back.length, n);
            for (size_t i = 0; i < n; i++)
                ck_assert_msg(same_slot(&back, i, &was, first + i), "type %zu, row %zu", t, i);
            feat_column_done(&was);
            feat_column_done(&back);
            ck_assert_int_eq(support_live, 0);
        }
}
END_TEST

START_TEST(test_formats) {
    static const struct {
        feat_type type;
        const char *format, *child;
    } cases[] = {{FEAT_TYPE_TINYINT, "c", NULL},
                 {FEAT_TYPE_UBIGINT, "L", NULL},
                 {FEAT_TYPE_REAL, "f", NULL},
                 {FEAT_TYPE_DECIMAL_OF(38, 10), "d:38,10", NULL},
                 {FEAT_TYPE_BLOB, "Z", NULL},
                 {FEAT_TYPE_TEXT, "U", NULL},
                 {FEAT_TYPE_INTERVAL, "tin", NULL},
                 {FEAT_TYPE_VECTOR_OF(FEAT_TYPE_REAL, 768), "+w:768", "f"},
                 {FEAT_TYPE_LIST_OF(FEAT_TYPE_DECIMAL_OF(5, 2)), "+L", "d:5,2"},
                 {FEAT_TYPE_MAP_OF(FEAT_TYPE_TEXT, FEAT_TYPE_DOUBLE), "+m", "+s"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ArrowSchema s;
        ck_assert_int_eq(feat_arrow_out_field("x", cases[i].type, true, &s, NULL), FEAT_OK);
        ck_assert_str_eq(s.format, cases[i].format);
        ck_assert_int_eq(s.n_children, cases[i].child != NULL);
        if (cases[i].child) ck_assert_str_eq(s.children[0]->format, cases[i].child);
        bool map = strcmp(s.format, "+m") == 0;
        ck_assert_int_eq(s.flags, ARROW_FLAG_NULLABLE | (map ? ARROW_FLAG_MAP_KEYS_SORTED : 0));
        if (map) {
            const struct ArrowSchema *entries = s.children[0];
            ck_assert(entries->n_children == 2 && entries->flags == 0 && entries->children[0]->flags == 0);
            ck_assert_str_eq(entries->children[0]->format, "U");
            ck_assert_str_eq(entries->children[1]->format, "g");
        }
        /* And our type for that format; integers and floats are the widest. */
        feat_type natural;
        struct ArrowArrayStream stream = make_stream(batch_schema_of(s));
        feat_arrow_in *in;
        ck_assert_int_eq(feat_arrow_in_open(&stream, &in, NULL), FEAT_OK);
        ck_assert(feat_arrow_in_type(in, 0, &natural));
        feat_type wanted = cases[i].type == FEAT_TYPE_TINYINT || cases[i].type == FEAT_TYPE_UBIGINT ? FEAT_TYPE_BIGINT
                           : cases[i].type == FEAT_TYPE_REAL                                        ? FEAT_TYPE_DOUBLE
                           : FEAT_TYPE_BASE(cases[i].type) == FEAT_TYPE_VECTOR
                               ? FEAT_TYPE_VECTOR_OF(FEAT_TYPE_DOUBLE, 768)
                               : cases[i].type;
        ck_assert(natural == wanted);
        feat_arrow_in_close(in);
    }
    static const struct {
        const char *format;
        feat_type natural; /* 0: none */
    } others[] = {{"d:10,-3", FEAT_TYPE_DECIMAL_OF(13, 0)},
                  {"d:76,10,256", FEAT_TYPE_DECIMAL_OF(38, 10)},
                  {"d:76,40,256", 0},
                  {"d:4,2,32", FEAT_TYPE_DECIMAL_OF(4, 2)},
                  {"d:2,5", FEAT_TYPE_DECIMAL_OF(5, 5)},
                  {"d:", 0},
                  {"d:10", 0},
                  {"d:10,2,100", 0},
                  {"d:10,2,128x", 0},
                  {"d:0,0", 0},
                  {"d:99999999999,0", 0},
                  {"z", FEAT_TYPE_BLOB},
                  {"w:16", FEAT_TYPE_BLOB},
                  {"tiM", FEAT_TYPE_INTERVAL},
                  {"tDs", FEAT_TYPE_INTERVAL},
                  {"i;d:9,1", FEAT_TYPE_DECIMAL_OF(9, 1)},
                  {"+l", 0},
                  {"+m", 0}};
    for (size_t i = 0; i < COUNT(others); i++) {
        feat_type natural = 0;
        struct ArrowArrayStream stream = make_stream(make_batch_schema(others[i].format, "x"));
        feat_arrow_in *in;
        ck_assert_int_eq(feat_arrow_in_open(&stream, &in, NULL), FEAT_OK);
        ck_assert_msg(feat_arrow_in_type(in, 0, &natural) == (others[i].natural != 0), "%s", others[i].format);
        ck_assert_msg(natural == others[i].natural, "%s", others[i].format);
        feat_arrow_in_close(in);
    }
    ck_assert_int_eq(support_live, 0);
}
END_TEST

/* ---- One value. ---- */

/* Reads one value as row 1, behind a NULL of the same bytes: what a NULL hides is never complained of. */
static feat_status read_value(const char *format, const void *value, size_t width, feat_type type, feat_column *c,
                              feat_error *err) {
    unsigned char values[2 * 32], validity = 2;
    memcpy(values, value, width);
    memcpy(values + width, value, width);
    struct ArrowArray array = make_array(2, 1, 0, 2, &validity, (size_t)1, values, 2 * width);
    return read_batch(make_batch_schema(format, "x"), make_batch(2, 0, array), type, c, err);
}

static const char integer_formats[] = "cCsSiIlL";
static const unsigned integer_widths[] = {1, 1, 2, 2, 4, 4, 8, 8};

/* Every number near a bound of any width, from every width to every integer type. */
START_TEST(test_integers) {
    static const feat_type targets[] = {FEAT_TYPE_TINYINT,          FEAT_TYPE_UTINYINT, FEAT_TYPE_SMALLINT,
                                        FEAT_TYPE_USMALLINT,        FEAT_TYPE_INTEGER,  FEAT_TYPE_UINTEGER,
                                        FEAT_TYPE_BIGINT,           FEAT_TYPE_UBIGINT,  FEAT_TYPE_DECIMAL_OF(5, 2),
                                        FEAT_TYPE_DECIMAL_OF(38, 0)};
    long taken = 0, refused = 0;
    for (size_t f = 0; f < 8; f++)
        for (unsigned bits = 0; bits <= 64; bits++)
            for (int near = -2; near <= 2; near++)
                for (int sign = -1; sign <= 1; sign += 2) {
                    feat_int128 v = sign * (((feat_int128)1 << bits) + near);
                    bool is_signed = f % 2 == 0;
                    feat_int128 half = (feat_int128)1 << (8 * integer_widths[f] - 1);
                    if (is_signed ? v < -half || v >= half : v < 0 || v >= 2 * half) continue;
                    const char format[2] = {integer_formats[f], 0};
                    for (size_t t = 0; t < COUNT(targets); t++) {
                        feat_type type = targets[t];
                        bool decimal = FEAT_TYPE_BASE(type) == FEAT_TYPE_DECIMAL;
                        int64_t least = 0, most = 0;
                        if (!decimal && type != FEAT_TYPE_UBIGINT) int_range(type, &least, &most);
                        bool fits = type == FEAT_TYPE_UBIGINT            ? v >= 0
                                    : type == FEAT_TYPE_DECIMAL_OF(5, 2) ? v > -1000 && v < 1000
                                    : decimal                            ? true
                                                                         : v >= least && v <= most;
                        feat_column c;
                        feat_error err = {.code = FEAT_OK};
                        feat_status status = read_value(format, &v, integer_widths[f], type, &c, &err);
                        ck_assert_msg(status == (fits ? FEAT_OK : FEAT_SCHEMA), "%s: %s", format, err.message);
                        if (fits) {
                            ck_assert(feat_column_is_null(&c, 0) && !feat_column_is_null(&c, 1));
                            bool wide = decimal || type == FEAT_TYPE_UBIGINT;
                            feat_int128 got = wide ? feat_column_wide(&c, 1) : feat_column_int(&c, 1);
                            ck_assert(got == (type == FEAT_TYPE_DECIMAL_OF(5, 2) ? v * 100 : v));
                            taken++;
                        } else {
                            char name[FEAT_TYPE_TEXT_SIZE], digits[FEAT_DECIMAL_TEXT_SIZE], wanted[200];
                            int length = (int)feat_decimal_format(v, 0, digits);
                            snprintf(wanted, sizeof wanted, "table 't', column 'x', row 101: %s cannot hold %.*s",
                                     feat_type_format(type, name), length, digits);
                            ck_assert_str_eq(err.message, wanted);
                            refused++;
                        }
                        feat_column_done(&c);
                    }
                }
    ck_assert(taken > 5000 && refused > 2000);
}
END_TEST

#define BYTES(type, ...)                                                                                               \
    (const type[]){__VA_ARGS__}, sizeof(const type[]) { __VA_ARGS__ }

START_TEST(test_values) {
    static const int32_t nan32 = 0x7fc00001;
    const struct {
        const char *format;
        const void *value;
        size_t width;
        feat_type type;
        const char *message; /* after the row; NULL: taken */
        double wanted;       /* of REAL and DOUBLE */
        feat_int128 number;  /* of the others */
    } cases[] = {
        /* Floats. */
        {"e", BYTES(uint16_t, 0x3555), FEAT_TYPE_REAL, NULL, 0x1.554p-2},
        {"f", BYTES(float, 0.1f), FEAT_TYPE_REAL, NULL, 0x1.99999ap-4},
        {"g", BYTES(double, 0.25), FEAT_TYPE_REAL, NULL, 0.25},
        {"g", BYTES(double, -0.0), FEAT_TYPE_REAL, NULL, -0.0},
        {"g", BYTES(double, 1e308 * 10), FEAT_TYPE_REAL, NULL, 1e308 * 10},
        {"g", BYTES(double, 0.1), FEAT_TYPE_REAL, "REAL cannot hold 0.1 without loss"},
        {"g", BYTES(double, 1e300), FEAT_TYPE_REAL, "REAL cannot hold 1e300 without loss"},
        {"g", BYTES(double, 1e-300), FEAT_TYPE_REAL, "REAL cannot hold 1e-300 without loss"},
        {"i", BYTES(int32_t, 16777216), FEAT_TYPE_REAL, NULL, 16777216},
        {"i", BYTES(int32_t, -16777217), FEAT_TYPE_REAL, "REAL cannot hold -16777217 without loss"},
        {"L", BYTES(uint64_t, 16777217), FEAT_TYPE_REAL, "REAL cannot hold 16777217 without loss"},
        {"f", &nan32, 4, FEAT_TYPE_DOUBLE, NULL, NAN},
        {"f", &nan32, 4, FEAT_TYPE_REAL, NULL, NAN},
        /* Decimals. */
        {"d:9,2", BYTES(feat_int128, -12345), FEAT_TYPE_DECIMAL_OF(9, 2), NULL, 0, -12345},
        {"d:9,2,32", BYTES(int32_t, -12345), FEAT_TYPE_DECIMAL_OF(9, 4), NULL, 0, -1234500},
        {"d:18,4,64", BYTES(int64_t, 12345600), FEAT_TYPE_DECIMAL_OF(6, 2), NULL, 0, 123456},
        {"d:18,4,64", BYTES(int64_t, 12345678), FEAT_TYPE_DECIMAL_OF(18, 2),
         "DECIMAL(18,2) cannot hold 1234.5678 without loss"},
        {"d:18,4", BYTES(feat_int128, 100000000), FEAT_TYPE_DECIMAL_OF(6, 2), "DECIMAL(6,2) cannot hold 10000.0000"},
        {"d:5,-3", BYTES(feat_int128, 12), FEAT_TYPE_DECIMAL_OF(9, 1), NULL, 0, 120000},
        {"d:5,-3", BYTES(feat_int128, 12), FEAT_TYPE_DECIMAL_OF(5, 1), "DECIMAL(5,1) cannot hold 12e3"},
        {"d:76,10,256", BYTES(int64_t, -70000000000, -1, -1, -1), FEAT_TYPE_DECIMAL_OF(3, 0), NULL, 0, -7},
        {"d:76,10,256", BYTES(int64_t, 0, 0, 1, 0), FEAT_TYPE_DECIMAL_OF(38, 10),
         "DECIMAL(38,10) cannot hold a number of more than 38 digits"},
        {"d:76,60,256", BYTES(int64_t, 0, 0, 0, 0), FEAT_TYPE_DECIMAL_OF(3, 0), NULL, 0, 0},
        {"d:76,60,256", BYTES(int64_t, 5, 0, 0, 0), FEAT_TYPE_DECIMAL_OF(3, 0),
         "DECIMAL(3,0) cannot hold 5e-60 without loss"},
        /* Days as times. */
        {"tdD", BYTES(int32_t, -1), FEAT_TYPE_TIMESTAMP, NULL, 0, -INT64_C(86400000000)},
        {"tdD", BYTES(int32_t, INT32_MAX), FEAT_TYPE_TIMESTAMP,
         "TIMESTAMP in microseconds cannot hold 2147483647 days"},
        {"tdm", BYTES(int64_t, 86400000), FEAT_TYPE_TIMESTAMP, NULL, 0, INT64_C(86400000000)},
        {"tdm", BYTES(int64_t, 86400001), FEAT_TYPE_TIMESTAMP, "a DATE cannot hold 86400001 ms without loss"},
        /* Intervals: months * 2^96 + days * 2^64 + µs. */
        {"tiM", BYTES(int32_t, -14), FEAT_TYPE_INTERVAL, NULL, 0, (feat_int128)-14 * ((feat_int128)1 << 96)},
        {"tiD", BYTES(int32_t, 3, -5), FEAT_TYPE_INTERVAL, NULL, 0, ((feat_int128)3 << 64) - 5000},
        {"tin", BYTES(int32_t, 1, 2, -3000, -1), FEAT_TYPE_INTERVAL, NULL, 0,
         ((feat_int128)1 << 96) + ((feat_int128)2 << 64) - 3},
        {"tin", BYTES(int32_t, 1, 2, 3001, 0), FEAT_TYPE_INTERVAL,
         "INTERVAL in microseconds cannot hold 3001 ns without loss"},
        {"tDs", BYTES(int64_t, -7), FEAT_TYPE_INTERVAL, NULL, 0, -7000000},
        {"tDs", BYTES(int64_t, INT64_MAX), FEAT_TYPE_INTERVAL,
         "INTERVAL in microseconds cannot hold 9223372036854775807 s"},
        {"tDm", BYTES(int64_t, 7), FEAT_TYPE_INTERVAL, NULL, 0, 7000},
        {"tDm", BYTES(int64_t, INT64_MIN), FEAT_TYPE_INTERVAL,
         "INTERVAL in microseconds cannot hold -9223372036854775808 ms"},
        {"tDu", BYTES(int64_t, INT64_MIN), FEAT_TYPE_INTERVAL, NULL, 0, INT64_MIN},
        {"tDn", BYTES(int64_t, -7000), FEAT_TYPE_INTERVAL, NULL, 0, -7},
        {"tDn", BYTES(int64_t, 7), FEAT_TYPE_INTERVAL, "INTERVAL in microseconds cannot hold 7 ns without loss"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        feat_column c;
        feat_error err = {.code = FEAT_OK};
        feat_status status = read_value(cases[i].format, cases[i].value, cases[i].width, cases[i].type, &c, &err);
        ck_assert_msg(status == (cases[i].message ? FEAT_SCHEMA : FEAT_OK), "%s (%zu): %s", cases[i].format, i,
                      err.message);
        if (cases[i].message) {
            char wanted[200];
            snprintf(wanted, sizeof wanted, "table 't', column 'x', row 101: %s", cases[i].message);
            ck_assert_str_eq(err.message, wanted);
            ck_assert_int_eq(err.row, 101);
        } else {
            ck_assert(feat_column_is_null(&c, 0) && !feat_column_is_null(&c, 1));
            switch (FEAT_TYPE_BASE(c.type)) {
            case FEAT_TYPE_REAL:
            case FEAT_TYPE_DOUBLE:
                ck_assert_msg(feat_double_bits(feat_double_canonical(cases[i].wanted)) ==
                                  feat_double_bits(feat_column_double(&c, 1)),
                              "%zu", i);
                break;
            case FEAT_TYPE_DECIMAL: ck_assert_msg(feat_column_wide(&c, 1) == cases[i].number, "%zu", i); break;
            case FEAT_TYPE_INTERVAL: {
                feat_interval v = feat_column_interval(&c, 1);
                ck_assert_msg((feat_int128)v.months * ((feat_int128)1 << 96) +
                                      (feat_int128)v.days * ((feat_int128)1 << 64) + v.us ==
                                  cases[i].number,
                              "%zu", i);
                break;
            }
            default: ck_assert_msg(feat_column_int(&c, 1) == cases[i].number, "%zu", i);
            }
        }
        feat_column_done(&c);
        ck_assert_int_eq(support_live, 0);
    }
}
END_TEST

START_TEST(test_bytes) {
    static const int32_t offsets[] = {0, 2, 2, 3};
    static const int64_t large[] = {0, 2, 2, 3};
    static const unsigned char bytes[] = {0xff, 0, 0xfe}, fixed[] = {9, 9, 0xff, 0, 8, 8}, validity = 5;
    unsigned char views[48] = {2, 0, 0, 0, 0xff, 0};
    views[32] = 1;
    views[36] = 0xfe;
    for (int k = 0; k < 5; k++) {
        static const char *const formats[] = {"z", "Z", "vz", "w:2", "i;z"};
        struct ArrowArray array;
        if (k == 0) array = make_array(3, 1, 0, 3, &validity, (size_t)1, offsets, sizeof offsets, bytes, sizeof bytes);
        else if (k == 1) array = make_array(3, 1, 0, 3, &validity, (size_t)1, large, sizeof large, bytes, sizeof bytes);
        else if (k == 2) array = make_array(3, 1, 0, 3, &validity, (size_t)1, views, sizeof views, NULL, (size_t)0);
        else if (k == 3) array = make_array(3, 1, 0, 2, &validity, (size_t)1, fixed, sizeof fixed);
        else {
            static const int32_t indices[] = {0, 77, 2};
            array = make_array(3, 1, 0, 2, &validity, (size_t)1, indices, sizeof indices);
            give_dictionary(&array,
                            make_array(3, 0, 0, 3, NULL, (size_t)0, offsets, sizeof offsets, bytes, sizeof bytes));
        }
        feat_column c;
        feat_error err = {.code = FEAT_OK};
        feat_status status =
            read_batch(make_batch_schema(formats[k], "x"), make_batch(3, 0, array), FEAT_TYPE_BLOB, &c, &err);
        ck_assert_msg(status == FEAT_OK, "%s: %s", formats[k], err.message);
        feat_text first = feat_column_text(&c, 0), last = feat_column_text(&c, 2);
        ck_assert(first.length == 2 && memcmp(first.data, k == 3 ? fixed : bytes, 2) == 0);
        ck_assert(feat_column_is_null(&c, 1) && feat_column_text(&c, 1).length == 0);
        ck_assert(last.length == (k == 3 ? 2 : 1) && memcmp(last.data, k == 3 ? fixed + 4 : bytes + 2, 1) == 0);
        feat_column_done(&c);
    }
    ck_assert_int_eq(support_live, 0);
}
END_TEST

/* Dictionaries of what is no text. */
START_TEST(test_dictionaries) {
    static const int8_t indices[] = {2, 0, 1, 2, -1};
    static const unsigned char valid_rows = 0x0f, valid_entries = 5;
    static const int16_t entries[] = {300, 0, -7};
    for (int bad = 0; bad < 3; bad++) {
        struct ArrowArray array =
            make_array(bad == 1 ? 5 : 4, -1, 0, 2, bad == 1 ? NULL : &valid_rows, (size_t)1, indices, sizeof indices);
        give_dictionary(&array, make_array(3, 1, 0, 2, &valid_entries, (size_t)1, entries, sizeof entries));
        feat_column c;
        feat_error err = {.code = FEAT_OK};
        feat_type type = bad == 2 ? FEAT_TYPE_UTINYINT : FEAT_TYPE_INTEGER;
        struct ArrowArray batch = make_batch(array.length, 0, array);
        feat_status status = read_batch(make_batch_schema("c;s", "x"), batch, type, &c, &err);
        if (bad == 0) {
            ck_assert_int_eq(status, FEAT_OK);
            ck_assert(feat_column_int(&c, 0) == -7 && feat_column_int(&c, 1) == 300 && feat_column_int(&c, 3) == -7);
            ck_assert(feat_column_is_null(&c, 2) && c.null_count == 1);
        } else {
            ck_assert_int_eq(status, FEAT_SCHEMA);
            ck_assert_str_eq(err.message,
                             bad == 1 ? "table 't', column 'x', row 104: malformed Arrow array: an index lies outside "
                                        "its dictionary"
                                      : "table 't', column 'x', dictionary entry 0: UTINYINT cannot hold 300");
        }
        feat_column_done(&c);
        ck_assert_int_eq(support_live, 0);
    }
}
END_TEST

/* ---- Lists and maps. ---- */

static struct ArrowSchema list_schema(const char *format, const char *element) {
    struct ArrowSchema s = make_schema(format, "x");
    if (strcmp(format, "+m") == 0) {
        struct ArrowSchema entries = make_schema("+s", "entries");
        give_schema_child(&entries, make_column_schema("u", "key"));
        give_schema_child(&entries, make_column_schema(element, "value"));
        give_schema_child(&s, entries);
    } else {
        give_schema_child(&s, make_column_schema(element, "item"));
    }
    return s;
}

/* Rows [1, 2], NULL, [3], []; the elements that the NULL hides fit no type. */
static struct ArrowArray list_array(const char *format) {
    static const int32_t numbers[] = {1, 2, 70000, 70000, 3, 70000, 1, 1};
    static const int32_t small[] = {0, 2, 4, 5, 5}, view_starts[] = {0, 2, 4, 8}, view_sizes[] = {2, 2, 1, 0};
    static const int64_t large[] = {0, 2, 4, 5, 5}, large_starts[] = {0, 2, 4, 8}, large_sizes[] = {2, 2, 1, 0};
    static const unsigned char validity = 0x0d;
    struct ArrowArray a;
    size_t one = 1;
    if (strcmp(format, "+l") == 0) a = make_array(4, 1, 0, 2, &validity, one, small, sizeof small);
    else if (strcmp(format, "+L") == 0) a = make_array(4, 1, 0, 2, &validity, one, large, sizeof large);
    else if (strcmp(format, "+vl") == 0)
        a = make_array(4, 1, 0, 3, &validity, one, view_starts, sizeof view_starts, view_sizes, sizeof view_sizes);
    else if (strcmp(format, "+vL") == 0)
        a = make_array(4, 1, 0, 3, &validity, one, large_starts, sizeof large_starts, large_sizes, sizeof large_sizes);
    else a = make_array(4, 1, 0, 1, &validity, one);
    give_child(&a, make_array(8, 0, 0, 2, NULL, (size_t)0, numbers, sizeof numbers));
    return a;
}

static void check_list(const feat_column *c, size_t row, const int64_t *wanted, size_t n) {
    feat_column elements;
    feat_column_init(&elements, feat_nested_element(c->type));
    feat_text bytes = feat_column_text(c, row);
    ck_assert_int_eq(feat_nested_decode(c->type, bytes.data, bytes.length, NULL, &elements, NULL), FEAT_OK);
    ck_assert_uint_eq(elements.length, n);
    for (size_t i = 0; i < n; i++) ck_assert_int_eq(feat_column_int(&elements, i), wanted[i]);
    feat_column_done(&elements);
}

START_TEST(test_lists) {
    static const char *const formats[] = {"+l", "+L", "+vl", "+vL"};
    static const int64_t wanted[] = {1, 2, 3};
    for (size_t f = 0; f < COUNT(formats); f++)
        for (size_t skipped = 0; skipped < 4; skipped += 2) {
            feat_column c;
            feat_error err = {.code = FEAT_OK};
            struct ArrowSchema schema = batch_schema_of(list_schema(formats[f], "i"));
            feat_status status =
                read_batch(schema, make_batch((int64_t)(4 - skipped), (int64_t)skipped, list_array(formats[f])),
                           FEAT_TYPE_LIST_OF(FEAT_TYPE_SMALLINT), &c, &err);
            ck_assert_msg(status == FEAT_OK, "%s: %s", formats[f], err.message);
            if (skipped == 0) {
                check_list(&c, 0, wanted, 2);
                ck_assert(feat_column_is_null(&c, 1) && feat_column_text(&c, 1).length == 0);
            }
            check_list(&c, 2 - skipped, wanted + 2, 1);
            check_list(&c, 3 - skipped, NULL, 0);
            feat_column_done(&c);
            /* As vectors: the third row is too short, and rows are judged in their order. */
            schema = batch_schema_of(list_schema(formats[f], "i"));
            status = read_batch(schema, make_batch(4, 0, list_array(formats[f])),
                                FEAT_TYPE_VECTOR_OF(FEAT_TYPE_SMALLINT, 2), &c, &err);
            ck_assert_int_eq(status, FEAT_SCHEMA);
            ck_assert_str_eq(err.message,
                             "table 't', column 'x', row 102: no SMALLINT[2]: it has 1 elements instead of 2");
            ck_assert_int_eq(err.row, 102);
            feat_column_done(&c);
        }
    /* Of one size: into vectors of that size and into lists. */
    for (int list = 0; list < 2; list++) {
        feat_column c;
        feat_error err;
        feat_type type = list ? FEAT_TYPE_LIST_OF(FEAT_TYPE_BIGINT) : FEAT_TYPE_VECTOR_OF(FEAT_TYPE_BIGINT, 2);
        struct ArrowSchema schema = batch_schema_of(list_schema("+w:2", "i"));
        ck_assert_int_eq(read_batch(schema, make_batch(4, 0, list_array("+w:2")), type, &c, &err), FEAT_OK);
        check_list(&c, 0, wanted, 2);
        ck_assert(feat_column_is_null(&c, 1));
        check_list(&c, 3, (const int64_t[]){1, 1}, 2);
        feat_column_done(&c);
        schema = batch_schema_of(list_schema("+w:2", "i"));
        ck_assert_int_eq(read_batch(schema, make_batch(4, 0, list_array("+w:2")),
                                    FEAT_TYPE_VECTOR_OF(FEAT_TYPE_BIGINT, 3), &c, &err),
                         FEAT_SCHEMA);
        ck_assert_str_eq(err.message, "table 't', column 'x': expected BIGINT[3], got Arrow fixed_size_list (format "
                                      "'+w:2')");
        feat_column_done(&c);
    }
    /* An element that does not fit: row and place. */
    feat_column c;
    feat_error err;
    struct ArrowSchema schema = batch_schema_of(list_schema("+w:2", "i"));
    ck_assert_int_eq(
        read_batch(schema, make_batch(4, 0, list_array("+w:2")), FEAT_TYPE_LIST_OF(FEAT_TYPE_SMALLINT), &c, &err),
        FEAT_SCHEMA);
    ck_assert_str_eq(err.message, "table 't', column 'x', row 102, element 1: SMALLINT cannot hold 70000");
    ck_assert_int_eq(err.row, 102);
    feat_column_done(&c);
    ck_assert_int_eq(support_live, 0);
}
END_TEST

/* Rows {b: 1, a: 2}, {}; `twice`: {b: 1, b: 2}. */
static struct ArrowArray map_array(bool twice, bool null_key) {
    static const int32_t offsets[] = {0, 2, 2}, texts[] = {0, 1, 2};
    static const double values[] = {1, 2};
    static const unsigned char first = 1;
    struct ArrowArray map = make_array(2, 0, 0, 2, NULL, (size_t)0, offsets, sizeof offsets);
    struct ArrowArray entries = make_array(2, 0, 0, 1, NULL, (size_t)0);
    give_child(&entries, make_array(2, -1, 0, 3, null_key ? &first : NULL, (size_t)1, texts, sizeof texts,
                                    twice ? "bb" : "ba", (size_t)2));
    give_child(&entries, make_array(2, 0, 0, 2, NULL, (size_t)0, values, sizeof values));
    give_child(&map, entries);
    return map;
}

START_TEST(test_maps) {
    feat_type type = FEAT_TYPE_MAP_OF(FEAT_TYPE_TEXT, FEAT_TYPE_DOUBLE);
    for (int bad = 0; bad < 3; bad++) {
        feat_column c, keys, values;
        feat_error err = {.code = FEAT_OK};
        feat_status status = read_batch(batch_schema_of(list_schema("+m", "g")),
                                        make_batch(2, 0, map_array(bad == 1, bad == 2)), type, &c, &err);
        if (bad == 0) {
            ck_assert_msg(status == FEAT_OK, "%s", err.message);
            feat_column_init(&keys, FEAT_TYPE_TEXT);
            feat_column_init(&values, FEAT_TYPE_DOUBLE);
            feat_text bytes = feat_column_text(&c, 0);
            ck_assert_int_eq(feat_nested_decode(type, bytes.data, bytes.length, &keys, &values, NULL), FEAT_OK);
            ck_assert(keys.length == 2 && feat_column_text(&keys, 0).data[0] == 'a');
            ck_assert(feat_column_double(&values, 0) == 2 && feat_column_double(&values, 1) == 1);
            bytes = feat_column_text(&c, 1);
            ck_assert_int_eq(feat_nested_decode(type, bytes.data, bytes.length, &keys, &values, NULL), FEAT_OK);
            ck_assert_uint_eq(keys.length, 2);
            feat_column_done(&keys);
            feat_column_done(&values);
        } else {
            ck_assert_int_eq(status, FEAT_SCHEMA);
            ck_assert_str_eq(err.message,
                             bad == 1 ? "table 't', column 'x', row 100: no MAP(TEXT, DOUBLE): a MAP has one key twice"
                                      : "table 't', column 'x', row 100: no MAP(TEXT, DOUBLE): a key of a MAP is NULL");
        }
        feat_column_done(&c);
        ck_assert_int_eq(support_live, 0);
    }
}
END_TEST

/* Arrays that are not what their schema says, each refused before anything outside is read. */
START_TEST(test_malformed) {
    static const char *const messages[] = {"an offset is negative",
                                           "the offsets decrease",
                                           "its length or offset is out of range",
                                           "its elements are missing",
                                           "its offsets are missing",
                                           "wrong number of buffers",
                                           "its length or offset is out of range",
                                           "a length is negative or too large",
                                           "its keys or values are missing",
                                           "an entry of a map is null"};
    for (size_t i = 0; i < COUNT(messages); i++) {
        const char *format = i == 6 ? "+w:2" : i == 7 ? "+vl" : i >= 8 ? "+m" : "+l";
        bool map = i >= 8;
        struct ArrowArray a = map ? map_array(false, false) : list_array(format);
        int32_t *offsets = a.n_buffers > 1 ? (int32_t *)(uintptr_t)a.buffers[1] : NULL;
        switch (i) {
        case 0: offsets[0] = -1; break;
        case 1: offsets[3] = 4, offsets[2] = 7; break;
        case 2: offsets[4] = 9; break;
        case 3: a.n_children = 0; break;
        case 4: {
            void *gone = (void *)(uintptr_t)a.buffers[1];
            a.buffers[1] = NULL;
            free(gone);
            break;
        }
        case 5: a.n_buffers = 1; break;
        case 6: a.children[0]->length = 7; break;
        case 7: ((int32_t *)(uintptr_t)a.buffers[2])[2] = -1; break;
        case 8: a.children[0]->n_children = 1; break;
        default: a.children[0]->null_count = 1; break;
        }
        feat_column c;
        feat_error err = {.code = FEAT_OK};
        feat_type type =
            map ? FEAT_TYPE_MAP_OF(FEAT_TYPE_TEXT, FEAT_TYPE_DOUBLE) : FEAT_TYPE_LIST_OF(FEAT_TYPE_INTEGER);
        feat_status status = read_batch(batch_schema_of(list_schema(format, map ? "g" : "i")),
                                        make_batch(map ? 2 : 4, 0, a), type, &c, &err);
        ck_assert_msg(status == FEAT_SCHEMA, "%zu: %s", i, err.message);
        ck_assert_msg(strstr(err.message, messages[i]) != NULL, "%zu: %s", i, err.message);
        feat_column_done(&c);
        ck_assert_int_eq(support_live, 0);
    }
}
END_TEST

/* ---- Limits. ---- */

START_TEST(test_long_interval) {
    feat_column c;
    feat_error err;
    struct ArrowArray array;
    feat_column_init(&c, FEAT_TYPE_INTERVAL);
    ck_assert_int_eq(feat_column_append_interval(&c, (feat_interval){1, 2, 3}), 0);
    ck_assert_int_eq(feat_column_append_interval(&c, (feat_interval){0, 0, INT64_MAX / 1000 + 1}), 0);
    ck_assert_int_eq(feat_arrow_out_column(&c, &array, &err), FEAT_LIMIT);
    ck_assert(err.row == 1 && c.length == 2 && feat_column_interval(&c, 0).us == 3);
    feat_column_done(&c);
}
END_TEST

START_TEST(test_damaged_value) {
    feat_column c;
    feat_error err;
    struct ArrowArray array;
    feat_column_init(&c, FEAT_TYPE_LIST_OF(FEAT_TYPE_BIGINT));
    ck_assert_int_eq(feat_column_append_text(&c, "\1\0\0\0\0short", 10), 0);
    ck_assert_int_eq(feat_arrow_out_column(&c, &array, &err), FEAT_CORRUPT);
    ck_assert_uint_eq(c.length, 1);
    feat_column_done(&c);
}
END_TEST

/* Each allocation fails once, in and out; nothing is lost or left. */
START_TEST(test_no_memory) {
    for (size_t t = 0; t < N_EVERY_TYPE; t++) {
        feat_column was;
        feat_column_init(&was, every_type[t]);
        fill(&was, 40, true);
        for (int in = 0; in < 2; in++) {
            feat_status status = FEAT_MEMORY;
            for (int64_t k = 1; status != FEAT_OK; k++) {
                feat_column c, back = {0};
                struct ArrowArray array;
                struct ArrowSchema field;
                feat_error err;
                feat_column_init(&c, every_type[t]);
                ck_assert_int_eq(feat_column_append_range(&c, &was, 0, 40), 0);
                if (!in) feat_alloc_fail_after(k);
                status = feat_arrow_out_field("x", every_type[t], true, &field, &err);
                if (status == FEAT_OK) {
                    status = feat_arrow_out_column(&c, &array, &err);
                    if (status != FEAT_OK) {
                        ck_assert_uint_eq(c.length, 40);
                        field.release(&field);
                    }
                }
                feat_alloc_fail_after(0);
                if (status == FEAT_OK) {
                    struct ArrowSchema schema = batch_schema_of(field);
                    struct ArrowArray batch = make_batch(40, 0, array);
                    if (in) feat_alloc_fail_after(k);
                    status = read_batch(schema, batch, every_type[t], &back, &err);
                    feat_alloc_fail_after(0);
                    for (size_t i = 0; status == FEAT_OK && i < 40; i++) ck_assert(same_slot(&back, i, &was, i));
                }
                ck_assert(status == FEAT_OK || status == FEAT_MEMORY);
                feat_column_done(&c);
                feat_column_done(&back);
                ck_assert_int_eq(support_live, 0);
            }
        }
        feat_column_done(&was);
    }
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_round_trip, test_formats,       test_integers,      test_values,
                                  test_bytes,      test_dictionaries,  test_lists,         test_maps,
                                  test_malformed,  test_long_interval, test_damaged_value, test_no_memory};
    return run_suite("column/arrow_types", tests, COUNT(tests));
}
