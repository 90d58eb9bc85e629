/* Encodings one by one: what goes in comes out, bit for bit, at every level of the processor; malformed bytes are
 * refused, whatever they are, and nothing is read or written outside. */
#include "store/encoding.h"
#include "support.h"
#include "support/values.h"

enum { N_IDS = 8 };

static feat_page *page_of(feat_type type, size_t rows) {
    feat_page *p = calloc(1, sizeof *p);
    feat_page_init(p);
    p->type = type;
    p->rows = rows;
    return p;
}

static void free_page(feat_page *p) {
    feat_page_done(p);
    free(p);
}

static bool is_texts(feat_type type) { return feat_page_form_of(type) == FEAT_FORM_TEXTS; }

static bool encode_with(feat_page *p, uint8_t id, feat_buffer *out) {
    const feat_encoding *e = feat_encoding_by_id(id);
    if (is_texts(p->type)) return e->encode_texts && e->encode_texts(p, out);
    return e->encode_numbers && e->encode_numbers(p, p->numbers, p->rows, out);
}

/* Decodes from memory of exactly that size, behind rows that are there, and looks at what stands behind. */
static feat_status decode(feat_page *p, uint8_t id, const void *bytes, size_t size, feat_column *to, feat_error *err) {
    static const uint8_t guard = 0xa5;
    uint8_t *exact = malloc(size ? size : 1), *end;
    size_t width = feat_type_size(to->type), room = FEAT_PAGE_ROWS + 1;
    if (size > 0) memcpy(exact, bytes, size);
    ck_assert_int_eq(feat_column_reserve(to, room), 0);
    if (width > 1) {
        end = (uint8_t *)to->values + (to->length + p->rows) * width;
        memset(end, guard, (room - p->rows) * width);
    }
    feat_status status = feat_decode(p, id, exact, size, p->rows, to, err);
    if (width > 1) {
        end = (uint8_t *)to->values + (to->length + p->rows) * width;
        for (size_t i = 0; i < (room - p->rows) * width; i++)
            if (end[i] != guard) ck_abort_msg("encoding %d wrote behind its rows", id);
    }
    free(exact);
    return status;
}

static bool same(const feat_page *p, const feat_column *to) {
    for (size_t i = 0; i < p->rows; i++) {
        if (is_texts(p->type)) {
            feat_text t = feat_column_text(to, 1 + i);
            size_t n = (size_t)(p->offsets[i + 1] - p->offsets[i]);
            if (t.length != n || (n > 0 && memcmp(t.data, p->text + p->offsets[i], n) != 0)) return false;
        } else if (feat_type_size(p->type) == 8) {
            if (((const feat_bits64 *)to->values)[1 + i] != p->numbers[i]) return false;
        } else if (p->type == FEAT_TYPE_REAL) {
            double v = ((const float *)to->values)[1 + i];
            feat_bits64 bits;
            memcpy(&bits, &v, sizeof bits);
            if (bits != p->numbers[i]) return false;
        } else if (feat_column_int(to, 1 + i) != p->numbers[i]) {
            return false;
        }
    }
    return true;
}

static void append_something(feat_column *c) {
    int failed = 0;
    if (c->type == FEAT_TYPE_TEXT) failed = feat_column_append_text(c, "before", 6);
    else if (feat_page_form_of(c->type) == FEAT_FORM_DOUBLES) failed = feat_column_append_double(c, 0.5);
    else if (c->type == FEAT_TYPE_UBIGINT) failed = feat_column_append_wide(c, 7);
    else failed = feat_column_append_int(c, 1);
    ck_assert_int_eq(failed, 0);
}

/* Through every encoding that suits it, at every level, and through the one that is chosen. */
static uint8_t round_trip(feat_page *p) {
    const feat_packing_loops *levels[] = {
        &feat_packing_baseline,
#ifdef FEAT_PACKING_X86
        __builtin_cpu_supports("avx2") ? &feat_packing_avx2 : NULL,
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") ? &feat_packing_avx512 : NULL,
#endif
    };
    uint8_t chosen = 0;
    feat_buffer out;
    feat_buffer_init(&out);
    for (int id = -1; id < N_IDS; id++) {
        uint8_t used = (uint8_t)id;
        feat_buffer_clear(&out);
        if (id < 0) chosen = used = feat_encode(p, &out);
        else if (!encode_with(p, used, &out)) continue;
        feat_column to;
        feat_column_init(&to, p->type);
        append_something(&to);
        for (size_t level = 0; level < sizeof levels / sizeof *levels; level++) {
            if (!levels[level]) continue;
            p->loops = levels[level];
            OK(decode(p, used, out.data, out.size, &to, err));
            ck_assert_uint_eq(to.length, 1);
            ck_assert_int_eq(feat_column_commit(&to, p->rows, NULL, 0), 0);
            ck_assert_msg(same(p, &to), "encoding %d, level %zu, %zu rows", used, level, p->rows);
            feat_column_truncate(&to, 1);
        }
        /* Bytes too few or too many. A constant text ends where the bytes do. */
        bool open_end = is_texts(p->type) && used == 1;
        for (size_t cut = 0; cut < out.size && !open_end; cut += cut < 40 || cut + 40 > out.size ? 1 : out.size / 7 + 1)
            FAILS(decode(p, used, out.data, cut, &to, err), FEAT_CORRUPT, "malformed");
        feat_buffer_byte(&out, 0);
        if (!open_end) FAILS(decode(p, used, out.data, out.size, &to, err), FEAT_CORRUPT, "malformed");
        feat_column_done(&to);
    }
    feat_buffer_done(&out);
    return chosen;
}

static const size_t row_counts[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 100, 1023, 1024, 1025, 2047, 4095, 4096};
enum { N_ROW_COUNTS = sizeof row_counts / sizeof *row_counts };

static uint64_t random_of_width(unsigned width) { return width ? random_bits() >> (64 - width) : 0; }

START_TEST(widths) {
    for (unsigned width = 0; width <= 64; width++)
        for (size_t r = 0; r < N_ROW_COUNTS; r++) {
            if (width % 5 != 0 && r % 4 != 3) continue;
            feat_page *p = page_of(FEAT_TYPE_BIGINT, row_counts[r]);
            uint64_t base = random_bits();
            for (size_t i = 0; i < p->rows; i++) p->numbers[i] = (int64_t)(base + random_of_width(width));
            uint8_t id = round_trip(p);
            if (p->rows == 4096 && width >= 20) ck_assert_uint_eq(id, width <= 62 ? 2 : width == 64 ? 0 : id);
            if (p->rows == 4096 && width == 0) ck_assert_uint_eq(id, 1);
            /* Sorted. */
            uint64_t v = base;
            for (size_t i = 0; i < p->rows; i++) p->numbers[i] = (int64_t)(v += 1000 + random_of_width(width));
            id = round_trip(p);
            if (p->rows == 4096 && width > 0 && width < 40) ck_assert_uint_eq(id, 3);
            free_page(p);
        }
}
END_TEST

/* What each encoding is for. */
START_TEST(shapes) {
    feat_page *p = page_of(FEAT_TYPE_BIGINT, 4096);
    feat_buffer out;
    feat_buffer_init(&out);
    for (size_t r = 0; r < N_ROW_COUNTS; r++) {
        size_t n = p->rows = row_counts[r];
        for (unsigned factor = 1; factor <= 60000000; factor *= 1000) { /* multiples */
            for (size_t i = 0; i < n; i++) p->numbers[i] = 1700000000000000 + (int64_t)(random_below(1000) * factor);
            round_trip(p);
            feat_buffer_clear(&out);
            ck_assert(encode_with(p, 2, &out));
            ck_assert_uint_le(out.size, n * 10 / 8 + 30);
        }
        for (size_t i = 0; i < n; i++) /* outliers */
            p->numbers[i] = (int64_t)(random_below(50) ? random_below(16) : random_bits() >> 20);
        round_trip(p);
        for (size_t i = 0; i < n; i++) p->numbers[i] = random_below(50) ? 5 : (int64_t)random_bits();
        round_trip(p);
        for (size_t most = 1; most <= 300; most *= 17) { /* runs */
            for (size_t i = 0, left = 0; i < n; i++, left--) {
                if (left == 0) left = 1 + random_below(most);
                p->numbers[i] = i > 0 && left > 1 ? p->numbers[i - 1] : (int64_t)random_bits();
            }
            uint8_t id = round_trip(p);
            if (n == 4096 && most == 289) ck_assert_uint_eq(id, 6);
        }
        int64_t few[100]; /* few of a wide range */
        for (int i = 0; i < 100; i++) few[i] = (int64_t)random_bits();
        for (size_t i = 0; i < n; i++) p->numbers[i] = few[random_below(100)];
        uint8_t id = round_trip(p);
        if (n == 4096) ck_assert_uint_eq(id, 5);
        for (size_t i = 0; i < n; i++) /* the ends of the range */
            p->numbers[i] = (int64_t[]){INT64_MIN, INT64_MAX, 0, -1, 1, INT64_MIN + 1}[random_below(6)];
        round_trip(p);
        p->type = FEAT_TYPE_UBIGINT;
        round_trip(p);
        p->type = FEAT_TYPE_BIGINT;
    }
    feat_buffer_done(&out);
    free_page(p);
}
END_TEST

START_TEST(narrow_types) {
    static const struct {
        feat_type type;
        int64_t least, most;
    } types[] = {{FEAT_TYPE_BOOLEAN, 0, 1},
                 {FEAT_TYPE_TINYINT, INT8_MIN, INT8_MAX},
                 {FEAT_TYPE_UTINYINT, 0, UINT8_MAX},
                 {FEAT_TYPE_SMALLINT, INT16_MIN, INT16_MAX},
                 {FEAT_TYPE_USMALLINT, 0, UINT16_MAX},
                 {FEAT_TYPE_INTEGER, INT32_MIN, INT32_MAX},
                 {FEAT_TYPE_UINTEGER, 0, UINT32_MAX},
                 {FEAT_TYPE_DATE, INT32_MIN, INT32_MAX}};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (size_t r = 0; r < N_ROW_COUNTS; r++) {
            feat_page *p = page_of(types[t].type, row_counts[r]);
            for (size_t i = 0; i < p->rows; i++) {
                uint64_t v = random_below((uint64_t)(types[t].most - types[t].least) + 1);
                p->numbers[i] = i % 3 == 0 ? types[t].least : i % 3 == 1 ? types[t].most : types[t].least + (int64_t)v;
            }
            round_trip(p);
            /* One number that the type does not hold, in each encoding that can say it. */
            for (int side = 0; side < 2; side++) {
                feat_buffer out;
                feat_buffer_init(&out);
                p->numbers[p->rows / 2] = side ? types[t].most + 1 : types[t].least - 1;
                for (uint8_t id = 1; id < N_IDS; id++) {
                    p->type = FEAT_TYPE_BIGINT;
                    feat_buffer_clear(&out);
                    /* Entries as they are would be written in eight bytes. */
                    if ((id == 5 || id == 6) || !encode_with(p, id, &out)) continue;
                    feat_column to;
                    feat_column_init(&to, types[t].type);
                    FAILS(decode(p, id, out.data, out.size, &to, err), FEAT_CORRUPT, "malformed");
                    feat_column_done(&to);
                }
                feat_buffer_done(&out);
            }
            free_page(p);
        }
}
END_TEST

static void put_double(feat_page *p, size_t row, double v) { memcpy(&p->numbers[row], &v, sizeof v); }

START_TEST(doubles) {
    static const double odd[] = {-0.0, HUGE_VAL, -HUGE_VAL, 5e-324, 1e300, 1.0 / 3, 9007199254740993.0, 1e22};
    feat_page *p = page_of(FEAT_TYPE_DOUBLE, 4096);
    for (int digits = 0; digits <= 6; digits++)
        for (size_t r = 0; r < N_ROW_COUNTS; r++)
            for (int exceptions = 0; exceptions <= 200; exceptions = exceptions * 10 + 2) {
                double power = pow(10, digits);
                p->rows = row_counts[r];
                for (size_t i = 0; i < p->rows; i++) {
                    put_double(p, i, ((double)random_below(200000000) - 100000000) / power + 0.0);
                    if (random_below(1000) < (uint64_t)exceptions) put_double(p, i, odd[random_below(8)]);
                    if (exceptions > 100 && random_below(30) == 0) p->numbers[i] = INT64_C(0x7ff8000000000000);
                }
                uint8_t id = round_trip(p);
                if (p->rows >= 1023 && exceptions < 100) ck_assert_uint_eq(id, 4);
            }
    /* All m below 2^53 in all their sizes: the double nearest to m / 10^k. */
    for (unsigned width = 1; width <= 53; width++)
        for (unsigned k = 0; k <= 14; k += 7) {
            p->rows = 1024;
            for (size_t i = 0; i < p->rows; i++) {
                double m = (double)random_of_width(width);
                put_double(p, i, (random_below(2) ? m : -m) / pow(10, k) + 0.0);
            }
            round_trip(p);
        }
    p->rows = 4096;
    for (size_t i = 0; i < 4096; i++) p->numbers[i] = (int64_t)random_bits(); /* NaNs of every kind, too */
    ck_assert_uint_eq(round_trip(p), 0);
    p->rows = 5;
    for (size_t i = 0; i < 5; i++) put_double(p, i, odd[i]);
    round_trip(p);
    p->rows = 1;
    round_trip(p);
    /* Prices: few of them, and such as repeat. */
    p->rows = 4096;
    double prices[30];
    for (int i = 0; i < 30; i++) prices[i] = (double)random_below(100000000) / 100;
    for (size_t i = 0; i < 4096; i++) put_double(p, i, prices[random_below(30)]);
    ck_assert_uint_eq(round_trip(p), 5);
    for (size_t i = 1; i < 4096; i++)
        if (i % 40) p->numbers[i] = p->numbers[i - 1];
    ck_assert_uint_eq(round_trip(p), 6);
    p->type = FEAT_TYPE_REAL;
    for (int kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < 4096; i++)
            put_double(p, i,
                       kind == 0   ? (double)(float)((double)random_below(1000000) / 100)
                       : kind == 1 ? (double)(float)bits_to_double(random_bits() & ~(UINT64_C(1) << 62))
                                   : (double)(float)random_below(5));
        uint8_t id = round_trip(p);
        if (kind == 0) ck_assert_uint_eq(id, 4);
    }
    /* A double that is no REAL. */
    feat_buffer out;
    feat_column to;
    feat_buffer_init(&out);
    feat_column_init(&to, FEAT_TYPE_REAL);
    put_double(p, 77, 0.1);
    ck_assert(encode_with(p, 0, &out));
    FAILS(decode(p, 0, out.data, out.size, &to, err), FEAT_CORRUPT, "malformed");
    feat_column_done(&to);
    feat_buffer_done(&out);
    free_page(p);
}
END_TEST

START_TEST(texts) {
    feat_page *p = page_of(FEAT_TYPE_TEXT, 4096);
    char *bytes = malloc(4096 * 400);
    static const size_t kinds[] = {1, 2, 30, 2000, 4096};
    static const uint8_t chosen[] = {1, 5, 5, 5, 0};
    for (size_t k = 0; k < 5; k++)
        for (int longest = 0; longest <= 300; longest += 100) {
            p->text = bytes;
            for (size_t i = 0; i < 4096; i++) {
                uint64_t kind = i < kinds[k] ? i : random_below(kinds[k]);
                size_t n = longest ? 12 + (kind * 7) % (size_t)longest : 12;
                char *at = bytes + p->offsets[i];
                memset(at, 'x', n);
                for (int d = 0; d < 6; d++) at[d] = (char)(kind >> (4 * d) & 15);
                p->offsets[i + 1] = p->offsets[i] + (int64_t)n;
            }
            ck_assert_uint_eq(round_trip(p), chosen[k]);
        }
    for (size_t i = 0; i <= 4096; i++) p->offsets[i] = 0;
    p->text = "";
    ck_assert_uint_eq(round_trip(p), 1);
    /* Short ones of every length around what is copied whole, and none. */
    for (size_t longest = 0; longest <= 18; longest++) {
        p->text = bytes;
        for (size_t i = 0; i < 4096; i++) {
            size_t n = random_below(longest + 1);
            memset(bytes + p->offsets[i], (int)('a' + n), n);
            p->offsets[i + 1] = p->offsets[i] + (int64_t)n;
        }
        round_trip(p);
    }
    p->rows = 1;
    p->offsets[1] = 3 << 10;
    round_trip(p);
    free(bytes);
    free_page(p);
}
END_TEST

/* DECIMAL and INTERVAL: sixteen bytes. */
/* What stands in memory in the machine's order stands little-endian in a page. */
START_TEST(order_of_bytes) {
    static const uint8_t decimals[] = {16,   0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
                                       8,    7,    6,    5,    4,    3,    2,    1,    0,    0,    0,
                                       0,    0,    0,    0,    1,    0xfe, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t intervals[] = {16,   0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
                                        1,    1,    0,    0,    2,    1,    0,    0,    3,    1,    0,
                                        0,    0,    0,    0,    0,    0xff, 0xff, 0xff, 0xff, 0xfe, 0xff,
                                        0xff, 0xff, 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t reals[] = {0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0};
    const feat_int128 wide[] = {((feat_int128)1 << 120) + INT64_C(0x0102030405060708), -2};
    const feat_interval spans[] = {{257, 258, 259}, {-1, -2, -3}};
    const double numbers[] = {1.5, -2};
    struct {
        feat_type type;
        const void *values, *bytes;
        size_t size;
    } cases[] = {{FEAT_TYPE_DECIMAL_OF(38, 2), wide, decimals, sizeof decimals},
                 {FEAT_TYPE_INTERVAL, spans, intervals, sizeof intervals},
                 {FEAT_TYPE_REAL, numbers, reals, sizeof reals}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        feat_buffer out;
        feat_buffer_init(&out);
        feat_page *p = page_of(cases[c].type, 2);
        if (is_texts(p->type)) feat_page_set_wide(p, cases[c].values);
        else memcpy(p->numbers, cases[c].values, 16);
        ck_assert(encode_with(p, 0, &out));
        ck_assert_uint_eq(out.size, cases[c].size);
        ck_assert_mem_eq(out.data, cases[c].bytes, out.size);
        feat_column to;
        feat_column_init(&to, p->type);
        OK(decode(p, 0, cases[c].bytes, cases[c].size, &to, err));
        if (is_texts(p->type)) ck_assert_mem_eq(to.values, cases[c].values, 32);
        feat_column_done(&to);
        free_page(p);
        feat_buffer_done(&out);
    }
}
END_TEST

START_TEST(sixteen_bytes) {
    static feat_int128 values[FEAT_PAGE_ROWS];
    static const feat_type types[] = {FEAT_TYPE_DECIMAL_OF(38, 2), FEAT_TYPE_DECIMAL_OF(19, 0),
                                      FEAT_TYPE_DECIMAL_OF(9, 2), FEAT_TYPE_INTERVAL};
    feat_buffer out;
    feat_buffer_init(&out);
    for (size_t t = 0; t < 4; t++)
        for (int shape = 0; shape < 5; shape++)
            for (size_t r = 0; r < N_ROW_COUNTS; r++) {
                feat_page *p = page_of(types[t], row_counts[r]);
                for (size_t i = 0; i < p->rows; i++) {
                    feat_int128 v = (feat_int128)random_below(shape == 0 ? 1 : shape == 1 ? 900000000 : 30) - 15;
                    if (shape == 3 && t == 0) v = (v << 60) + v;
                    if (shape == 4 && t < 2) v = random_below(2) ? INT64_MIN : INT64_MAX;
                    values[i] = v;
                }
                for (int id = -1; id < N_IDS; id++) {
                    uint8_t used = (uint8_t)id;
                    feat_buffer_clear(&out);
                    feat_page_set_wide(p, values); /* decoding uses the same memory */
                    if (id < 0) used = feat_encode(p, &out);
                    else if (!encode_with(p, used, &out)) continue;
                    if (id < 0 && p->rows == 4096 && shape == 1 && t < 3) ck_assert_uint_eq(used, 7);
                    feat_column to;
                    feat_column_init(&to, types[t]);
                    OK(decode(p, used, out.data, out.size, &to, err));
                    ck_assert_int_eq(memcmp(to.values, values, 16 * p->rows), 0);
                    for (size_t cut = 0; cut < out.size; cut += 1 + cut / 3)
                        FAILS(decode(p, used, out.data, cut, &to, err), FEAT_CORRUPT, "malformed");
                    feat_column_done(&to);
                }
                free_page(p);
            }
    /* More digits than the type has; another type than DECIMAL; another length than 16. */
    feat_page *p = page_of(FEAT_TYPE_DECIMAL_OF(6, 0), 2);
    feat_column to;
    values[0] = 99999;
    values[1] = -100000;
    for (uint8_t id = 0; id < N_IDS; id++) {
        feat_buffer_clear(&out);
        p->type = FEAT_TYPE_DECIMAL_OF(6, 0);
        feat_page_set_wide(p, values);
        if (!encode_with(p, id, &out)) continue;
        feat_column_init(&to, FEAT_TYPE_DECIMAL_OF(6, 0));
        OK(decode(p, id, out.data, out.size, &to, err));
        feat_column_done(&to);
        feat_column_init(&to, FEAT_TYPE_DECIMAL_OF(5, 0));
        FAILS(decode(p, id, out.data, out.size, &to, err), FEAT_CORRUPT, "malformed");
        feat_column_done(&to);
        if (id != 7) continue;
        for (int other = 0; other < 2; other++) {
            feat_column_init(&to, other ? FEAT_TYPE_TEXT : FEAT_TYPE_INTERVAL);
            FAILS(decode(p, id, out.data, out.size, &to, err), FEAT_CORRUPT, "malformed");
            feat_column_done(&to);
        }
    }
    feat_buffer_clear(&out);
    p->type = FEAT_TYPE_BLOB;
    p->offsets[1] = 15;
    ck_assert(encode_with(p, 0, &out));
    feat_column_init(&to, FEAT_TYPE_INTERVAL);
    FAILS(decode(p, 0, out.data, out.size, &to, err), FEAT_CORRUPT, "malformed");
    feat_column_done(&to);
    feat_buffer_done(&out);
    free_page(p);
}
END_TEST

/* ---- Bytes that are none of ours. ---- */

static void fill_any(feat_page *p, int shape) {
    for (size_t i = 0; i < p->rows; i++) {
        uint64_t v = shape == 0   ? random_below(2)
                     : shape == 1 ? i / 10 * 7
                     : shape == 2 ? random_below(1000) * 100
                     : shape == 3 ? (random_below(40) ? random_below(100) : random_below(100000))
                                  : i * i;
        p->numbers[i] = (int64_t)v;
        if (feat_page_form_of(p->type) == FEAT_FORM_DOUBLES)
            put_double(p, i, (double)v / 100 + (shape == 4 ? 1e-9 : 0));
    }
}

/* Good bytes changed a little: an answer or an error, nothing outside, never more memory than a page may take. */
START_TEST(changed_bytes) {
    long rounds = getenv("FEAT_TEST_LONG") ? 3000 : 40, answers = 0, errors = 0;
    static char letters[FEAT_PAGE_ROWS * 16];
    memset(letters, 'q', sizeof letters);
    for (size_t t = 0; t < N_EVERY_TYPE; t++) {
        feat_type type = every_type[t];
        if (type == FEAT_TYPE_INTERVAL) continue;
        feat_page *p = page_of(type, 1);
        feat_column to;
        feat_column_init(&to, type);
        for (uint8_t id = 0; id < N_IDS; id++)
            for (int shape = 0; shape < 5; shape++) {
                feat_buffer out;
                feat_buffer_init(&out);
                p->type = type;
                size_t rows = p->rows = row_counts[random_below(N_ROW_COUNTS)];
                fill_any(p, shape);
                p->text = letters;
                bool wide = feat_type_size(type) == 16;
                for (size_t i = 0; i < p->rows; i++)
                    p->offsets[i + 1] = p->offsets[i] + (wide ? 16 : shape == 0 ? 3 : (int64_t)random_below(12));
                for (size_t i = 0; i < p->rows * 12; i += 7) letters[i] = (char)('a' + shape + (int)random_below(3));
                for (size_t i = 0; wide && i < p->rows; i++) {
                    feat_int128 v = p->numbers[i];
                    memcpy(letters + 16 * i, &v, sizeof v);
                }
                if (!encode_with(p, id, &out)) {
                    feat_buffer_done(&out);
                    continue;
                }
                for (long i = 0; i < rounds; i++) {
                    feat_buffer changed;
                    feat_buffer_init(&changed);
                    feat_buffer_append(&changed, out.data, out.size);
                    for (uint64_t k = random_below(4); out.size > 0 && k < 4; k++) {
                        size_t at = random_below(random_below(2) && out.size > 40 ? 40 : out.size);
                        if (random_below(2)) changed.data[at] ^= (uint8_t)(1 << random_below(8));
                        else changed.data[at] = (uint8_t)random_bits();
                    }
                    size_t size = random_below(4) ? out.size : random_below(out.size + 1);
                    p->rows = random_below(6) ? rows : row_counts[random_below(N_ROW_COUNTS)];
                    feat_column_clear(&to);
                    feat_status status = decode(p, id, changed.data ? changed.data : (uint8_t *)"", size, &to, NULL);
                    ck_assert(status == FEAT_OK || status == FEAT_CORRUPT);
                    ck_assert_uint_le(to.text_capacity, 4 * FEAT_PAGE_TEXT);
                    answers += status == FEAT_OK;
                    errors += status == FEAT_CORRUPT;
                    feat_buffer_done(&changed);
                }
                feat_buffer_done(&out);
            }
        feat_column_done(&to);
        free_page(p);
    }
    ck_assert_int_gt(answers, 100);
    ck_assert_int_gt(errors, 1000);
}
END_TEST

/* Any bytes at all. */
START_TEST(hostile_bytes) {
    long rounds = getenv("FEAT_TEST_LONG") ? 3000000 : 50000;
    feat_page *p = page_of(FEAT_TYPE_BIGINT, 1);
    uint8_t noise[256];
    for (long i = 0; i < rounds; i++) {
        size_t n = random_below(sizeof noise);
        for (size_t k = 0; k < n; k++) noise[k] = random_below(3) ? (uint8_t)random_below(20) : (uint8_t)random_bits();
        if (n > 12 && i % 3) memset(noise + (i % 2 ? 4 : 0), 0, 8); /* base 0 or 4 entries are the way in */
        feat_column to;
        feat_column_init(&to, every_type[random_below(N_EVERY_TYPE)]);
        p->rows = i % 2 ? random_below(4097) : random_below(20) + 1;
        uint8_t *exact = malloc(n ? n : 1); /* for the sanitizer */
        memcpy(exact, noise, n);
        (void)feat_decode(p, (uint8_t)random_below(N_IDS + 1), exact, n, p->rows, &to, NULL);
        ck_assert_uint_le(to.text_capacity, 2 * FEAT_PAGE_TEXT);
        free(exact);
        feat_column_done(&to);
    }
    feat_column to;
    feat_column_init(&to, FEAT_TYPE_BIGINT);
    FAILS(feat_decode(p, 99, "", 0, 1, &to, err), FEAT_CORRUPT, "unknown encoding 99");
    FAILS(feat_decode(p, 0, "", 0, FEAT_PAGE_ROWS + 1, &to, err), FEAT_CORRUPT, "malformed");
    feat_column_done(&to);
    free_page(p);
}
END_TEST

/* Bytes that look right but for one thing. */
START_TEST(refused) {
    feat_page *p = page_of(FEAT_TYPE_BIGINT, 4);
    feat_column to;
    feat_column_init(&to, FEAT_TYPE_BIGINT);
#define BYTES(id, ...)                                                                                                 \
    do {                                                                                                               \
        static const uint8_t bytes[] = {__VA_ARGS__};                                                                  \
        FAILS(decode(p, id, bytes, sizeof bytes, &to, err), FEAT_CORRUPT, "malformed");                                \
    } while (0)
#define ZERO8 0, 0, 0, 0, 0, 0, 0, 0
    static const uint8_t good[] = {ZERO8, 0, 1, 0, 5};
    OK(decode(p, 2, good, sizeof good, &to, err));
    BYTES(2, ZERO8, 2, 1, 0, 5);                                       /* neither a factor nor none */
    BYTES(2, ZERO8, 0, 65, 0, ZERO8, ZERO8, ZERO8, ZERO8, 0);          /* wider than a number */
    BYTES(2, ZERO8, 0, 1, 1, 5, 1, 4, 0, 1);                           /* a patch outside */
    BYTES(2, ZERO8, 0, 1, 1, 5, 0, 3, 0);                              /* of no bytes */
    BYTES(2, ZERO8, 0, 1, 1, 5, 9, 3, 0, ZERO8, 1);                    /* of too many */
    BYTES(2, ZERO8, 0, 64, 1, ZERO8, ZERO8, ZERO8, ZERO8, 1, 3, 0, 1); /* above all bits */
    BYTES(4, 2, ZERO8, 0, 0, 0, 0, 0);                                 /* decimals that are integers */
    BYTES(5, 0, 0, 0, 0, 2, ZERO8, 0, 0, 0, ZERO8, 0, 0, 0);           /* no entries */
    BYTES(5, 1, 0, 0, 0, 2, ZERO8, 0, 0, 0, ZERO8, 0, 1, 0, 1);        /* code 1 of 1 entry */
    BYTES(5, 1, 0, 0, 0, 5, ZERO8, 0, 0, 0, ZERO8, 0, 0, 0);           /* entries in an encoding that has entries */
    BYTES(5, 1, 0, 0, 0, 77, ZERO8, 0, 0, 0, ZERO8, 0, 0, 0);          /* or in none */
    BYTES(5, 1, 16, 0, 0, 2, ZERO8, 0, 0, 0, ZERO8, 0, 0, 0);          /* more than a page has */
    BYTES(6, 0, 0, 0, 0, 2, ZERO8, 0, 0, 0, ZERO8, 0, 0, 0);           /* no runs */
    BYTES(6, 5, 0, 0, 0, 2, ZERO8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); /* more than rows */
    BYTES(6, 1, 0, 0, 0, 2, ZERO8, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); /* too long */
    BYTES(6, 1, 0, 0, 0, 2, ZERO8, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); /* too short */
    BYTES(6, 2, 0, 0, 0, 2, ZERO8, 0, 0, 0, ZERO8, 0, 3, 0, 4, 0);            /* of none and four */
    static const uint8_t one_run[] = {1, 0, 0, 0, 2, ZERO8, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    OK(decode(p, 6, one_run, sizeof one_run, &to, err));
    feat_column_done(&to);
    feat_column_init(&to, FEAT_TYPE_DOUBLE);
    static const uint8_t cents[] = {2, ZERO8, 0, 0, 0, 1, 0, 3, 0, ZERO8};
    OK(decode(p, 4, cents, sizeof cents, &to, err));
    BYTES(4, 15, ZERO8, 0, 0, 0, 0, 0);             /* too many digits */
    BYTES(4, 2, ZERO8, 0, 0, 0, 1, 0, 4, 0, ZERO8); /* an exception outside */
#undef BYTES
#undef ZERO8
    feat_column_done(&to);
    free_page(p);
}
END_TEST

RUN("store/encoding", widths, shapes, narrow_types, doubles, texts, order_of_bytes, sixteen_bytes, changed_bytes,
    hostile_bytes, refused)
