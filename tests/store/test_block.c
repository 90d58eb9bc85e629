/* Blocks: what goes in comes out, small; malformed bytes are refused, whatever they are. */
#include "base/codec.h"
#include "store/block.h"
#include "store/db.h"
#include "support.h"
#include "support/values.h"

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
        const feat_column *view;
        ck_assert_uint_eq(feat_block_find(s->block, (uint32_t)row), page);
        OK(feat_block_read(s->block, page, &view, err));
        for (size_t i = 0; i < view->length; i++, row++)
            ck_assert_msg(feat_column_same(view, i, c, start + row), "type %d, row %zu", (int)c->type, row);
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
        const feat_column *view;
        OK(feat_block_read(s->block, page, &view, err));
        for (size_t i = 0; i < view->length; i++, row++)
            ck_assert_msg(same_slot(view, i, c, row), "type %llx, row %zu", (unsigned long long)c->type, row);
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
                const feat_column *view;
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

RUN("store/block", blocks, every_block, hostile_blocks, sizes)
