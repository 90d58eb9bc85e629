/* Encodings and blocks: what goes in comes out, small; malformed bytes are refused, whatever they are. */
#include "base/codec.h"
#include "store/block.h"
#include "store/db.h"
#include "support.h"
#include "support/values.h"

/* ---- Encodings one by one. ---- */

static feat_page *page_of(feat_type type, size_t rows) {
    feat_page *p = calloc(1, sizeof *p);
    p->type = type;
    p->rows = rows;
    return p;
}

static void free_page(feat_page *p) {
    feat_buffer_done(&p->own_text);
    free(p);
}

/* Through every encoding that suits it, and through the one that is chosen. */
static uint8_t round_trip(feat_page *p) {
    uint8_t chosen = 0;
    for (int id = -1; id < 6; id++) {
        feat_buffer out;
        feat_buffer_init(&out);
        uint8_t used = (uint8_t)id;
        if (id < 0) chosen = used = feat_encode(p, &out);
        else if (!feat_encoding_by_id(used)->encode(p, &out)) {
            feat_buffer_done(&out);
            continue;
        }
        feat_page *q = page_of(p->type, p->rows);
        OK(feat_decode(used, out.data, out.size, q, err));
        for (size_t i = 0; i < p->rows; i++) {
            if (p->type == FEAT_TYPE_TEXT) {
                size_t n = (size_t)(p->offsets[i + 1] - p->offsets[i]);
                ck_assert_uint_eq((size_t)(q->offsets[i + 1] - q->offsets[i]), n);
                ck_assert(n == 0 || memcmp(p->text + p->offsets[i], q->text + q->offsets[i], n) == 0);
            } else {
                ck_assert_msg(p->as.ints[i] == q->as.ints[i], "encoding %d, row %zu", used,
                              i); /* bits of doubles, too */
            }
        }
        /* Bytes too few or too many. */
        if (out.size > 0 && !(p->type == FEAT_TYPE_TEXT && used == 1)) {
            FAILS(feat_decode(used, out.data, out.size - 1, q, err), FEAT_CORRUPT, "malformed");
            feat_buffer_byte(&out, 0);
            FAILS(feat_decode(used, out.data, out.size, q, err), FEAT_CORRUPT, "malformed");
        }
        free_page(q);
        feat_buffer_done(&out);
    }
    return chosen;
}

START_TEST(whole_numbers) {
    static const size_t rows[] = {1, 2, 3, 7, 8, 9, 100, 4095, 4096};
    for (unsigned width = 0; width <= 64; width++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            feat_page *p = page_of(FEAT_TYPE_BIGINT, rows[r]);
            int64_t base = (int64_t)random_bits();
            for (size_t i = 0; i < rows[r]; i++)
                p->as.ints[i] = (int64_t)((uint64_t)base + (width ? random_bits() >> (64 - width) : 0));
            uint8_t id = round_trip(p);
            if (rows[r] == 4096) ck_assert_uint_eq(id, width == 0 ? 1 : width <= 56 ? 2 : 0);
            /* Sorted. */
            uint64_t v = (uint64_t)base;
            for (size_t i = 0; i < rows[r]; i++)
                p->as.ints[i] = (int64_t)(v += 1000 + (width ? random_bits() >> (64 - width) : 0));
            id = round_trip(p);
            if (rows[r] == 4096 && width > 0 && width < 40) ck_assert_uint_eq(id, 3);
            free_page(p);
        }
    feat_page *p = page_of(FEAT_TYPE_BIGINT, 4);
    static const int64_t extremes[] = {INT64_MIN, INT64_MAX, 0, -1};
    memcpy(p->as.ints, extremes, sizeof extremes);
    round_trip(p);
    p->type = FEAT_TYPE_TIMESTAMP;
    round_trip(p);
    free_page(p);
    p = page_of(FEAT_TYPE_DATE, 3);
    memcpy(p->as.ints, (int64_t[]){INT32_MIN, INT32_MAX, 7}, 24);
    round_trip(p);
    p->type = FEAT_TYPE_BOOLEAN;
    memcpy(p->as.ints, (int64_t[]){1, 0, 1}, 24);
    round_trip(p);
    free_page(p);
    /* Numbers that the type does not hold. */
    feat_buffer out;
    feat_buffer_init(&out);
    p = page_of(FEAT_TYPE_BIGINT, 2);
    memcpy(p->as.ints, (int64_t[]){5, 2147483648}, 16);
    feat_encode(p, &out);
    p->type = FEAT_TYPE_DATE;
    FAILS(feat_decode(2, out.data, out.size, p, err), FEAT_CORRUPT, "malformed");
    p->type = FEAT_TYPE_BOOLEAN;
    FAILS(feat_decode(2, out.data, out.size, p, err), FEAT_CORRUPT, "malformed");
    FAILS(feat_decode(99, out.data, out.size, p, err), FEAT_CORRUPT, "unknown encoding 99");
    feat_buffer_done(&out);
    free_page(p);
}
END_TEST

START_TEST(doubles) {
    feat_page *p = page_of(FEAT_TYPE_DOUBLE, 4096);
    for (int digits = 0; digits <= 6; digits++) {
        double power = pow(10, digits);
        for (size_t i = 0; i < 4096; i++) p->as.doubles[i] = ((double)random_below(2000000) - 1000000) / power + 0.0;
        for (size_t i = 0; i < 4096; i++)
            if (p->as.doubles[i] == 0) p->as.doubles[i] = 1; /* no -0 */
        ck_assert_uint_eq(round_trip(p), 4);
    }
    for (size_t i = 0; i < 4096; i++) p->as.doubles[i] = bits_to_double(random_bits());
    ck_assert_uint_eq(round_trip(p), 0);
    p->rows = 5;
    memcpy(p->as.doubles, (double[]){0.0, -0.0, HUGE_VAL, 5e-324, bits_to_double(UINT64_C(0x7ff8000000000000))}, 40);
    round_trip(p);
    p->rows = 2;
    memcpy(p->as.doubles, (double[]){0.1, -0.0}, 16);
    ck_assert_uint_eq(round_trip(p), 0);
    memcpy(p->as.doubles, (double[]){9007199254740993.0, 0.5}, 16);
    round_trip(p);
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
    p->rows = 1;
    p->offsets[1] = 3 << 10;
    p->text = bytes;
    round_trip(p);
    free(bytes);
    free_page(p);
}
END_TEST

/* Any bytes at all, and good bytes changed a little: never a crash, never more memory than a page may take. */
START_TEST(hostile_bytes) {
    long rounds = getenv("FEAT_TEST_LONG") ? 3000000 : 100000;
    feat_page *p = page_of(FEAT_TYPE_BIGINT, 1);
    uint8_t noise[256];
    for (long i = 0; i < rounds; i++) {
        size_t n = random_below(sizeof noise);
        uint8_t *bytes = malloc(n); /* exact, for the sanitizer */
        for (size_t k = 0; k < n; k++) bytes[k] = random_below(3) ? (uint8_t)random_below(20) : (uint8_t)random_bits();
        if (n > 12 && i % 3) memset(bytes + (i % 2 ? 4 : 0), 0, 8); /* base 0 or 4 entries are the way in */
        p->type = every_type[random_below(N_EVERY_TYPE)];
        p->rows = i % 2 ? random_below(4097) : random_below(20) + 1;
        (void)feat_decode((uint8_t)random_below(7), bytes, n, p, NULL);
        ck_assert_uint_le(p->own_text.size, FEAT_PAGE_TEXT + 256);
        free(bytes);
    }
    free_page(p);
}
END_TEST

/* ---- Blocks. ---- */

typedef struct shelf {
    feat_env *env;
    feat_block *block;
} shelf;

static shelf make_shelf(void) {
    shelf s = {NULL, feat_block_new()};
    OK(feat_env_create(path_in("b.mdb"), NULL, NULL, err));
    OK(feat_env_open(path_in("b.mdb"), true, (size_t)1 << 30, &s.env, err));
    return s;
}

static size_t block_round_trip(shelf *s, const feat_column *c, size_t start, size_t rows) {
    feat_buffer bytes;
    feat_buffer_init(&bytes);
    OK(feat_block_encode(s->block, c, start, rows, &bytes, err));
    feat_object_writer w;
    feat_object_writer_init(&w, s->env);
    feat_digest key = {{0}};
    OK(feat_object_put(&w, bytes.data, bytes.size, &key, err));
    OK(feat_object_writer_commit(&w, err));
    MDB_txn *txn = NULL;
    OK(feat_env_begin(s->env, false, &txn, err));
    OK(feat_block_open(s->block, s->env, txn, &key, c->type, (uint32_t)rows, err));
    size_t row = 0;
    for (size_t page = 0; page < s->block->n_pages; page++) {
        feat_column view;
        ck_assert_uint_eq(feat_block_find(s->block, (uint32_t)row), page);
        OK(feat_block_read(s->block, page, &view, err));
        for (size_t i = 0; i < view.length; i++, row++)
            ck_assert_msg(feat_column_same(&view, i, c, start + row), "type %d, row %zu", (int)c->type, row);
    }
    ck_assert_uint_eq(row, rows);
    FAILS(feat_block_open(s->block, s->env, txn, &key, c->type, (uint32_t)rows + 1, err), FEAT_CORRUPT,
          "number of rows");
    feat_type other = c->type == FEAT_TYPE_TEXT ? FEAT_TYPE_DATE : FEAT_TYPE_TEXT;
    FAILS(feat_block_open(s->block, s->env, txn, &key, other, (uint32_t)rows, err), FEAT_CORRUPT, "another type");
    feat_env_abort(txn);
    feat_buffer_done(&bytes);
    return bytes.size ? bytes.size : 0;
}

START_TEST(blocks) {
    shelf s = make_shelf();
    feat_batch b;
    every_batch(&b);
    fill_rows(&b, 0, 66000);
    static const size_t ranges[][2] = {{0, 65536}, {1, 1}, {17, 4096}, {100, 4097}, {3, 9000}, {464, 65536}};
    for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++)
        for (int c = 0; c < N_FIELDS; c++) block_round_trip(&s, &b.columns[c], ranges[r][0], ranges[r][1]);
    /* All NULL, of every type. */
    for (int c = 0; c < N_FIELDS; c++) {
        feat_column_clear(&b.columns[c]);
        for (int i = 0; i < 5000; i++) feat_column_append_null(&b.columns[c]);
        block_round_trip(&s, &b.columns[c], 0, 5000);
    }
    feat_batch_done(&b);
    feat_block_free(s.block);
    feat_env_unref(s.env);
}
END_TEST

/* Compares by bytes: floats and decimals too, whose NULLs may hold anything. */
static void same_blocks(shelf *s, const feat_column *c, size_t rows) {
    feat_buffer bytes;
    feat_buffer_init(&bytes);
    OK(feat_block_encode(s->block, c, 0, rows, &bytes, err));
    feat_object_writer w;
    feat_object_writer_init(&w, s->env);
    feat_digest key = {{0}};
    OK(feat_object_put(&w, bytes.data, bytes.size, &key, err));
    OK(feat_object_writer_commit(&w, err));
    MDB_txn *txn = NULL;
    OK(feat_env_begin(s->env, false, &txn, err));
    OK(feat_block_open(s->block, s->env, txn, &key, c->type, (uint32_t)rows, err));
    size_t row = 0;
    for (size_t page = 0; page < s->block->n_pages; page++) {
        feat_column view;
        OK(feat_block_read(s->block, page, &view, err));
        for (size_t i = 0; i < view.length; i++, row++)
            ck_assert_msg(same_slot(&view, i, c, row), "type %llx, row %zu", (unsigned long long)c->type, row);
    }
    ck_assert_uint_eq(row, rows);
    feat_env_abort(txn);
    feat_buffer_done(&bytes);
}

/* Values of every type in the shapes that the encodings are made for: mixed, equal, few, ascending, NULL. */
START_TEST(every_block) {
    shelf s = make_shelf();
    for (size_t t = 0; t < N_EVERY_TYPE; t++)
        for (int shape = 0; shape < 6; shape++) {
            feat_column pool, c;
            feat_column_init(&pool, every_type[t]);
            feat_column_init(&c, every_type[t]);
            for (int i = 0; i < 6000; i++) append_any(&pool, shape == 0);
            switch (shape) {
            case 0:
            case 1: ck_assert_int_eq(feat_column_append_range(&c, &pool, 0, 6000), 0); break;
            case 2:
                for (int i = 0; i < 5000; i++) ck_assert_int_eq(feat_column_append_from(&c, &pool, 7), 0);
                break;
            case 3:
                for (int i = 0; i < 5000; i++)
                    ck_assert_int_eq(
                        i % 11 ? feat_column_append_from(&c, &pool, random_below(20)) : feat_column_append_null(&c), 0);
                break;
            case 4: /* in order */
                ck_assert_int_eq(feat_column_append_from(&c, &pool, 0), 0);
                for (size_t i = 1; i < 6000; i++)
                    if (feat_column_compare(&pool, i, &c, c.length - 1) > 0 || i % 3 == 0)
                        ck_assert_int_eq(feat_column_append_from(&c, &pool, i), 0);
                break;
            default: ck_assert_int_eq(feat_column_append_nulls(&c, 5000), 0); break;
            }
            same_blocks(&s, &c, c.length);
            feat_column_done(&pool);
            feat_column_done(&c);
        }
    feat_block_free(s.block);
    feat_env_unref(s.env);
}
END_TEST

/* Pages whose numbers are none of the type: the bytes are sound, the values are not. */
START_TEST(foreign_numbers) {
    static const struct {
        feat_type type;
        int64_t good, bad;
    } ints[] = {{FEAT_TYPE_TINYINT, -128, -129},
                {FEAT_TYPE_TINYINT, 127, 128},
                {FEAT_TYPE_UTINYINT, 255, 256},
                {FEAT_TYPE_UTINYINT, 0, -1},
                {FEAT_TYPE_SMALLINT, 32767, 32768},
                {FEAT_TYPE_USMALLINT, 65535, 65536},
                {FEAT_TYPE_INTEGER, INT32_MIN, INT64_C(-2147483649)},
                {FEAT_TYPE_UINTEGER, UINT32_MAX, INT64_C(4294967296)},
                {FEAT_TYPE_UINTEGER, 0, -1}};
    feat_page *p = page_of(FEAT_TYPE_BIGINT, 2);
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        for (int bad = 0; bad < 2; bad++) {
            feat_buffer out;
            feat_buffer_init(&out);
            p->type = FEAT_TYPE_BIGINT;
            p->as.ints[0] = ints[i].good;
            p->as.ints[1] = bad ? ints[i].bad : ints[i].good;
            ck_assert(feat_encoding_by_id(2)->encode(p, &out));
            p->type = ints[i].type;
            if (bad) FAILS(feat_decode(2, out.data, out.size, p, err), FEAT_CORRUPT, "malformed");
            else OK(feat_decode(2, out.data, out.size, p, err));
            feat_buffer_done(&out);
        }
    /* A double in a REAL. */
    feat_buffer out;
    feat_buffer_init(&out);
    p->type = FEAT_TYPE_DOUBLE;
    memcpy(p->as.doubles, (double[]){0.5, 0.1}, 16);
    ck_assert(feat_encoding_by_id(0)->encode(p, &out));
    p->type = FEAT_TYPE_REAL;
    FAILS(feat_decode(0, out.data, out.size, p, err), FEAT_CORRUPT, "malformed");
    /* Too many digits, and values that are not sixteen bytes. */
    feat_int128 digits[2] = {99999, -100000};
    feat_buffer_clear(&out);
    p->type = FEAT_TYPE_DECIMAL_OF(6, 0);
    memcpy(p->offsets, (int64_t[]){0, 16, 32}, 24);
    p->text = (const char *)digits;
    ck_assert(feat_encoding_by_id(0)->encode(p, &out));
    OK(feat_decode(0, out.data, out.size, p, err));
    p->type = FEAT_TYPE_DECIMAL_OF(5, 0);
    FAILS(feat_decode(0, out.data, out.size, p, err), FEAT_CORRUPT, "malformed");
    feat_buffer_clear(&out);
    p->type = FEAT_TYPE_BLOB;
    memcpy(p->offsets, (int64_t[]){0, 15, 32}, 24);
    p->text = (const char *)digits;
    ck_assert(feat_encoding_by_id(0)->encode(p, &out));
    p->type = FEAT_TYPE_INTERVAL;
    FAILS(feat_decode(0, out.data, out.size, p, err), FEAT_CORRUPT, "malformed");
    feat_buffer_done(&out);
    free_page(p);
}
END_TEST

/* Blocks whose objects are sealed well and whose contents are not. */
START_TEST(hostile_blocks) {
    shelf s = make_shelf();
    feat_batch b;
    every_batch(&b);
    fill_rows(&b, 0, 9000);
    long rounds = getenv("FEAT_TEST_LONG") ? 300 : 20, refused = 0;
    for (int c = 0; c < N_FIELDS; c++) {
        feat_buffer bytes;
        feat_buffer_init(&bytes);
        OK(feat_block_encode(s.block, &b.columns[c], 0, 9000, &bytes, err));
        for (long i = 0; i < rounds * 10; i++) {
            size_t at = i % 3 ? random_below(200 < bytes.size ? 200 : bytes.size) : random_below(bytes.size);
            uint8_t saved = bytes.data[at];
            bytes.data[at] = (uint8_t)random_bits();
            size_t size = i % 7 == 0 ? random_below(bytes.size) : bytes.size;
            feat_object_writer w;
            feat_object_writer_init(&w, s.env);
            feat_digest key = {{0}};
            OK(feat_object_put(&w, bytes.data, size, &key, err));
            MDB_txn *txn = NULL, *own = NULL;
            OK(feat_object_writer_txn(&w, &txn, &own, err));
            feat_error failure = {.code = FEAT_OK};
            feat_status status = feat_block_open(s.block, s.env, txn, &key, b.columns[c].type, 9000, &failure);
            for (size_t page = 0; status == FEAT_OK && page < s.block->n_pages; page++) {
                feat_column view;
                status = feat_block_read(s.block, page, &view, &failure);
            }
            ck_assert_msg(status == FEAT_OK || status == FEAT_CORRUPT, "%s", failure.message);
            refused += status == FEAT_CORRUPT;
            feat_object_writer_abort(&w);
            bytes.data[at] = saved;
        }
        feat_buffer_done(&bytes);
    }
    ck_assert_int_gt(refused, rounds * 10);
    feat_batch_done(&b);
    feat_block_free(s.block);
    feat_env_unref(s.env);
}
END_TEST

/* Data as they are in practice take little room. */
START_TEST(sizes) {
    shelf s = make_shelf();
    feat_column c;
    feat_column_init(&c, FEAT_TYPE_TIMESTAMP);
    for (int64_t i = 0; i < 65536; i++)
        feat_column_append_int(&c, 1700000000000000 + i * 1000000 + (int64_t)random_below(1000));
    size_t size = block_round_trip(&s, &c, 0, 65536);
    ck_assert_msg(size < 65536 * 3 / 2, "timestamps take %zu bytes", size);
    feat_column_done(&c);
    feat_column_init(&c, FEAT_TYPE_DOUBLE);
    for (int64_t i = 0; i < 65536; i++) feat_column_append_double(&c, (double)random_below(10000) / 100);
    size = block_round_trip(&s, &c, 0, 65536);
    ck_assert_msg(size < 65536 * 15 / 8, "amounts take %zu bytes", size);
    feat_column_done(&c);
    feat_column_init(&c, FEAT_TYPE_TEXT);
    static const char *words[] = {"electronics", "books", "garden", "toys", "food"};
    for (int64_t i = 0; i < 65536; i++) {
        const char *word = words[random_below(5)];
        feat_column_append_text(&c, word, strlen(word));
    }
    size = block_round_trip(&s, &c, 0, 65536);
    ck_assert_msg(size < 65536 / 2, "categories take %zu bytes", size);
    feat_column_done(&c);
    feat_block_free(s.block);
    feat_env_unref(s.env);
}
END_TEST

RUN("store/block", whole_numbers, doubles, texts, hostile_bytes, blocks, every_block, foreign_numbers, hostile_blocks,
    sizes)
