/* Columns of a segment that others determine: what goes in comes out, page by page and in any order, in fewer bytes;
 * what was tampered with is refused. */
#include "store/choice.h"
#include "store/db.h"
#include "support.h"
#include "support/values.h"

enum { P_CODE, P_NAME, P_PRICE, P_SMALL, P_SHORT, P_DAY, P_RATE, P_FLAG, P_NOISE, P_MOSTLY, P_NULL, N_COLUMNS };
static const feat_type types[N_COLUMNS] = {FEAT_TYPE_BIGINT,   FEAT_TYPE_TEXT, FEAT_TYPE_DOUBLE, FEAT_TYPE_TINYINT,
                                           FEAT_TYPE_SMALLINT, FEAT_TYPE_DATE, FEAT_TYPE_REAL,   FEAT_TYPE_BOOLEAN,
                                           FEAT_TYPE_BIGINT,   FEAT_TYPE_BLOB, FEAT_TYPE_TEXT};

/* Products, by their codes: some names are NULL, a price differs now and then. */
static void fill(feat_batch *b, size_t rows) {
    OK(feat_batch_init(b, types, N_COLUMNS, err));
    feat_column *c = b->columns;
    int failed = 0;
    for (size_t i = 0; i < rows; i++) {
        char name[64];
        uint64_t code = random_below(700);
        bool odd = random_below(50) == 0;
        int length = snprintf(name, sizeof name, "product number %d of them all", (int)(code * 7919 % 1000));
        failed |= random_below(100) ? feat_column_append_int(&c[P_CODE], (int64_t)code * 1000003)
                                    : feat_column_append_null(&c[P_CODE]);
        failed |= code % 90 == 0 || odd ? feat_column_append_null(&c[P_NAME])
                                        : feat_column_append_text(&c[P_NAME], name, (size_t)length);
        failed |= feat_column_append_double(&c[P_PRICE], odd ? (double)i / 7 : (double)(code * 31 % 977) / 8);
        failed |= feat_column_append_int(&c[P_SMALL], (int64_t)(code * 13 % 251) - 125);
        failed |= feat_column_append_int(&c[P_SHORT], (int64_t)(code * 257 % 60000) - 30000);
        failed |= feat_column_append_int(&c[P_DAY], (int64_t)(code * 991 % 20000));
        failed |= feat_column_append_double(&c[P_RATE], (double)((float)(code * 17 % 911) / 3));
        failed |= feat_column_append_int(&c[P_FLAG], code % 2);
        failed |= feat_column_append_int(&c[P_NOISE], (int64_t)random_bits());
        failed |= feat_column_append_text(&c[P_MOSTLY], odd ? "\0x" : name, odd ? 2 : (size_t)length);
        failed |= feat_column_append_null(&c[P_NULL]);
    }
    b->length = rows;
    ck_assert_int_eq(failed, 0);
}

typedef struct shelf {
    feat_env *env;
    feat_block *block;
    feat_choice *choice;
    feat_digest keys[N_COLUMNS];
} shelf;

static void make_shelf(shelf *s) {
    *s = (shelf){.block = feat_block_new(), .choice = feat_choice_new(N_COLUMNS)};
    OK(feat_env_create(path_in("c.mdb"), NULL, NULL, err));
    OK(feat_env_open(path_in("c.mdb"), true, (size_t)1 << 30, &s->env, err));
}

static void drop_shelf(shelf *s) {
    feat_choice_free(s->choice);
    feat_block_free(s->block);
    feat_env_unref(s->env);
}

static void write_products(shelf *s, const feat_batch *b, size_t start, size_t rows) {
    const feat_column *columns[N_COLUMNS];
    feat_object_writer w;
    for (size_t i = 0; i < N_COLUMNS; i++) columns[i] = &b->columns[i];
    feat_object_writer_init(&w, s->env);
    OK(feat_choice_write(s->choice, s->block, columns, start, rows, &w, s->keys, err));
    OK(feat_object_writer_commit(&w, err));
}

static MDB_txn *begin(shelf *s) {
    MDB_txn *txn = NULL;
    OK(feat_env_begin(s->env, false, &txn, err));
    return txn;
}

/* What each page's statistics say is so. */
static void check_bounds(shelf *s, const feat_column *c, size_t start) {
    feat_block *block = s->block;
    bool ints = c->type != FEAT_TYPE_DOUBLE && c->type != FEAT_TYPE_REAL;
    for (size_t page = 0; page < block->n_pages; page++) {
        feat_bounds bounds;
        size_t nulls = 0, least = SIZE_MAX, most = SIZE_MAX, first = start + block->directory[page].first_row;
        OK(feat_block_page_bounds(block, page, &bounds, err));
        for (size_t row = first; row < first + block->directory[page].rows; row++) {
            if (feat_column_is_null(c, row)) {
                nulls++;
                continue;
            }
            if (least == SIZE_MAX || feat_column_compare(c, row, c, least) < 0) least = row;
            if (most == SIZE_MAX || feat_column_compare(c, row, c, most) > 0) most = row;
        }
        ck_assert_int_eq(bounds.known, least != SIZE_MAX && !c->offsets);
        ck_assert_int_eq(bounds.nulls, nulls > 0);
        ck_assert_uint_eq(block->directory[page].nulls, nulls);
        if (!bounds.known) continue;
        ck_assert_int_eq(bounds.ints, ints);
        if (ints) ck_assert_int_eq(bounds.min_int, feat_column_int(c, least));
        if (ints) ck_assert_int_eq(bounds.max_int, feat_column_int(c, most));
        if (!ints) ck_assert_double_eq(bounds.min_double, feat_column_double(c, least));
        if (!ints) ck_assert_double_eq(bounds.max_double, feat_column_double(c, most));
    }
}

/* Pages in any order, each also behind rows that are there. Bytes of all blocks. */
static size_t check_products(shelf *s, const feat_batch *b, size_t start, size_t rows, feat_block_form *forms) {
    size_t bytes = 0;
    MDB_txn *txn = begin(s);
    for (size_t i = 0; i < N_COLUMNS; i++) {
        feat_block *block = s->block;
        const feat_column *view, *c = &b->columns[i];
        OK(feat_block_open(block, s->env, txn, &s->keys[i], types[i], (uint32_t)rows, err));
        bytes += block->object.size;
        forms[i] = block->form;
        check_bounds(s, c, start);
        for (size_t k = 0; k < block->n_pages; k++) {
            size_t page = (k * 7 + 3) % block->n_pages;
            if (block->n_pages % 7 == 0) page = k;
            OK(feat_block_read(block, page, &view, err));
            ck_assert_uint_eq(view->length, block->directory[page].rows);
            for (size_t r = 0; r < view->length; r++)
                ck_assert_msg(same_slot(view, r, c, start + block->directory[page].first_row + r),
                              "column %zu, row %zu", i, r);
        }
        feat_column all;
        feat_column_init(&all, types[i]);
        for (size_t page = 0; page < block->n_pages; page++) OK(feat_block_append(block, page, &all, err));
        ck_assert_uint_eq(all.length, rows);
        for (size_t r = 0; r < rows; r++) ck_assert(same_slot(&all, r, c, start + r));
        feat_column_done(&all);
    }
    feat_env_abort(txn);
    return bytes;
}

START_TEST(columns_determine_others) {
    shelf s;
    feat_batch b;
    feat_block_form forms[N_COLUMNS];
    make_shelf(&s);
    fill(&b, 66000);
    static const size_t ranges[][2] = {{0, 65536}, {464, 65536}, {100, 20001}, {3, 8192}, {7, 1024}, {9, 1023}, {5, 1}};
    for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
        write_products(&s, &b, ranges[r][0], ranges[r][1]);
        size_t bytes = check_products(&s, &b, ranges[r][0], ranges[r][1], forms);
        if (ranges[r][1] < 65536) continue;
        size_t determined = 0, sources = 0;
        for (size_t i = 0; i < N_COLUMNS; i++) {
            determined += forms[i] == FEAT_BLOCK_DETERMINED;
            sources += forms[i] == FEAT_BLOCK_DICTIONARY;
        }
        ck_assert_uint_ge(determined, 5);
        ck_assert_uint_ge(sources, 1);
        ck_assert_int_eq(forms[P_NOISE], FEAT_BLOCK_PLAIN);
        ck_assert_int_eq(forms[P_FLAG], FEAT_BLOCK_PLAIN);
        /* Noise takes 8 bytes, the numbers of the products 10 bits, all else is what is odd. */
        ck_assert_msg(bytes < ranges[r][1] * 13, "%zu bytes", bytes);
    }
    feat_batch_done(&b);
    drop_shelf(&s);
}
END_TEST

static feat_buffer bytes_of(shelf *s, size_t column) {
    feat_buffer out;
    feat_object object;
    MDB_txn *txn = begin(s);
    feat_buffer_init(&out);
    OK(feat_object_open(s->env, txn, &s->keys[column], "block", &object, err));
    void *room = feat_buffer_extend(&out, (size_t)object.size);
    OK(feat_object_read(&object, 0, (size_t)object.size, room, err));
    feat_env_abort(txn);
    return out;
}

static feat_status read_tampered(shelf *s, const feat_buffer *determined, size_t size, const feat_buffer *source,
                                 size_t source_size, feat_type type, uint32_t rows) {
    feat_object_writer w;
    feat_digest key = {{0}}, other = {{0}};
    MDB_txn *txn = NULL, *own = NULL;
    feat_error failure = {.code = FEAT_OK};
    feat_buffer copy;
    feat_buffer_init(&copy);
    feat_buffer_append(&copy, determined->data, determined->size);
    feat_object_writer_init(&w, s->env);
    if (source) {
        OK(feat_object_put(&w, source->data, source_size, &other, err));
        feat_block_set_determinant(&copy, &other);
    }
    OK(feat_object_put(&w, copy.data, size, &key, err));
    OK(feat_object_writer_txn(&w, &txn, &own, err));
    feat_status status = feat_block_open(s->block, s->env, txn, &key, type, rows, &failure);
    for (size_t page = 0; status == FEAT_OK && page < s->block->n_pages; page++) {
        const feat_column *view;
        status = feat_block_read(s->block, page, &view, &failure);
    }
    ck_assert_msg(status == FEAT_OK || status == FEAT_CORRUPT, "%s", failure.message);
    feat_object_writer_abort(&w);
    feat_buffer_done(&copy);
    return status;
}

START_TEST(tampered_columns) {
    shelf s;
    feat_batch b;
    feat_block_form forms[N_COLUMNS];
    make_shelf(&s);
    fill(&b, 9000);
    write_products(&s, &b, 0, 9000);
    check_products(&s, &b, 0, 9000, forms);
    size_t source = 0, rounds = getenv("FEAT_TEST_LONG") ? 20000 : 400, refused = 0, seen = 0;
    while (source < N_COLUMNS && forms[source] != FEAT_BLOCK_DICTIONARY) source++;
    ck_assert_uint_lt(source, N_COLUMNS);
    for (size_t i = 0; i < N_COLUMNS; i++) {
        if (forms[i] != FEAT_BLOCK_DETERMINED) continue;
        seen++;
        feat_buffer bytes = bytes_of(&s, i), other = bytes_of(&s, source);
        /* Sources that are none: what determines something is not determined itself, so nothing goes in circles. */
        ck_assert_int_eq(read_tampered(&s, &bytes, bytes.size, NULL, 0, types[i], 9000), FEAT_OK);
        ck_assert_int_eq(read_tampered(&s, &bytes, bytes.size, &bytes, bytes.size, types[i], 9000), FEAT_CORRUPT);
        feat_digest none = {{1}};
        feat_buffer lost = bytes_of(&s, i);
        feat_block_set_determinant(&lost, &none);
        ck_assert_int_eq(read_tampered(&s, &lost, lost.size, NULL, 0, types[i], 9000), FEAT_CORRUPT);
        feat_buffer_done(&lost);
        for (size_t round = 0; round < rounds; round++) {
            feat_buffer *hit = round % 2 ? &bytes : &other;
            size_t at = random_below(round % 3 ? 400 : hit->size);
            size_t size = round % 11 == 0 ? random_below(hit->size) : hit->size;
            uint8_t saved = hit->data[at];
            hit->data[at] = (uint8_t)random_bits();
            bool in_source = hit == &other;
            refused += read_tampered(&s, &bytes,
                                     in_source   ? bytes.size
                                     : size < 44 ? 44
                                                 : size,
                                     in_source ? &other : NULL, size, types[i], 9000) == FEAT_CORRUPT;
            hit->data[at] = saved;
        }
        feat_buffer_done(&bytes);
        feat_buffer_done(&other);
    }
    ck_assert_uint_ge(seen, 4);
    ck_assert_uint_gt(refused, seen * rounds / 4);
    feat_batch_done(&b);
    drop_shelf(&s);
}
END_TEST

START_TEST(numbers_outside_the_dictionary) {
    shelf s;
    feat_column c;
    uint32_t numbers[2000], rows[3] = {0, 1, 2};
    make_shelf(&s);
    feat_column_init(&c, FEAT_TYPE_BIGINT);
    for (size_t i = 0; i < 2000; i++) ck_assert_int_eq(feat_column_append_int(&c, (int64_t)(i % 3) * 5), 0);
    for (size_t i = 0; i < 2000; i++) numbers[i] = (uint32_t)(i % 3);
    for (int bad = 0; bad < 2; bad++) {
        feat_buffer plain, bytes;
        feat_buffer_init(&plain);
        feat_buffer_init(&bytes);
        if (bad) numbers[5] = 3;
        feat_block_codes codes = {numbers, rows, 3};
        OK(feat_block_encode(s.block, &c, 0, 2000, &plain, err));
        OK(feat_block_encode_dictionary(s.block, &c, 0, 2000, &codes, &plain, &bytes, err));
        ck_assert_int_eq(read_tampered(&s, &bytes, bytes.size, NULL, 0, c.type, 2000), bad ? FEAT_CORRUPT : FEAT_OK);
        feat_buffer_done(&plain);
        feat_buffer_done(&bytes);
    }
    feat_column_done(&c);
    drop_shelf(&s);
}
END_TEST

RUN("store/choice", columns_determine_others, tampered_columns, numbers_outside_the_dictionary)
