/* tail.log: what was pushed is read again, whatever a crash leaves of the file, and damage is seen. */
#include <fcntl.h>

#include "column/arrow.h"
#include "store/tail_rows.h"
#include "support.h"

#define PAGE FEAT_TAIL_START

/* ---- Short forms. ---- */

/* Pushes rows [first, first + n) as one record, behind the layout where the epoch has none of the table. */
static feat_tail_state push_rows(feat_db *db, const feat_schema *schema, int64_t first, size_t n) {
    feat_tail_state state;
    feat_buffer bytes;
    feat_batch b;
    every_batch(&b);
    feat_buffer_init(&bytes);
    OK(feat_db_lock(db, 1000, err));
    OK(feat_tail_refresh(db, &state, err));
    feat_tail_record r = {.table_id = schema->table_id, .known_time = 1000 + first};
    if (state.sequence == state.folded) {
        feat_tail_put_layout(schema, &bytes);
        r.payload = bytes.data;
        r.size = bytes.size;
        OK(feat_tail_append(db, &r, &state, err));
    }
    feat_buffer_clear(&bytes);
    fill_rows(&b, first, n);
    feat_tail_put_rows(schema, &b, &bytes);
    r.rows = (uint32_t)n;
    r.payload = bytes.data;
    r.size = bytes.size;
    OK(feat_tail_append(db, &r, &state, err));
    feat_db_unlock(db);
    feat_buffer_done(&bytes);
    feat_batch_done(&b);
    return state;
}

static feat_tail_state flush(feat_db *db) {
    feat_tail_state state = {0};
    OK(feat_tail_flush(db, 1000, &state, err));
    return state;
}

static feat_status take(void *context, const feat_tail_record *r, feat_error *err) {
    return feat_tail_rows_take(context, r, err);
}

/* The rows in the tail, as its writer reads them, are [first, first + their number); that. */
static size_t assert_tail(feat_db *db, int64_t first) {
    feat_tail_state state;
    feat_tail_rows rows = {.table_id = 1};
    OK(feat_db_lock(db, 1000, err));
    OK(feat_tail_refresh(db, &state, err));
    if (state.epoch) OK(feat_tail_walk(db, PAGE, take, &rows, err));
    feat_db_unlock(db);
    size_t n = rows.rows.length;
    for (size_t i = 0; i < n; i++) assert_row_is(rows.rows.columns, i, first + (int64_t)i);
    ck_assert_uint_eq(state.sequence - state.folded, n);
    feat_tail_rows_done(&rows);
    return n;
}

static bool all_of_them(int64_t n) { return n >= 0; }

/* A snapshot of the newest version shows rows [0, n). */
static void assert_snapshot(feat_db *db, const feat_schema *schema, int64_t n, feat_digest *digest) {
    uint64_t version, sequence;
    feat_tail_view *view = NULL;
    feat_db *with = NULL;
    feat_table_version *tv = NULL;
    OK(feat_tail_view_open(db, &version, &sequence, &view, err));
    if (view) OK(feat_db_with_view(db, view, &with, err));
    else with = feat_db_ref(db);
    assert_version(with, schema, version, n, all_of_them);
    OK(feat_table_open(with, schema, version, &tv, err));
    if (digest) *digest = feat_table_digest(tv);
    feat_table_close(tv);
    feat_tail_view_unref(view);
    feat_db_unref(with);
}

/* All that is in the tail, rows [first, first + n), becomes a commit. */
static void fold(feat_db *db, const feat_schema *schema, int64_t first, size_t n) {
    feat_tail_state state;
    feat_transaction *t = NULL;
    feat_table_writer *w = NULL;
    feat_commit_info info;
    feat_batch b;
    every_batch(&b);
    fill_rows(&b, first, n);
    OK(feat_db_lock(db, 1000, err));
    OK(feat_tail_refresh(db, &state, err));
    OK(feat_transaction_begin(db, FEAT_BRANCH_MAIN, 0, &t, err));
    OK(feat_table_writer_begin_in(t, schema, &w, err));
    OK(feat_table_writer_add(w, &b, err));
    OK(feat_table_writer_finish(w, FEAT_OPERATION_PUSH, err));
    feat_transaction_fold(t);
    OK(feat_transaction_commit(t, &info, err));
    feat_db_unlock(db);
    feat_batch_done(&b);
}

static uint8_t *read_file(const char *path, size_t *size) {
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    uint8_t *bytes = malloc((size_t)st.st_size);
    FILE *f = fopen(path, "rb");
    ck_assert_uint_eq(fread(bytes, 1, (size_t)st.st_size, f), (size_t)st.st_size);
    fclose(f);
    *size = (size_t)st.st_size;
    return bytes;
}

static void write_file(const char *path, const uint8_t *bytes, size_t size) {
    FILE *f = fopen(path, "wb");
    ck_assert_uint_eq(fwrite(bytes, 1, size, f), size);
    ck_assert_int_eq(fclose(f), 0);
}

/* ---- Reading and writing. ---- */

START_TEST(durable_rows_are_seen) {
    feat_schema schema = every_schema(1);
    feat_digest before, after;
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE), *reader;
    write_rows(db, &schema, 0, 100, 100);
    reader = open_db(path_in("s"), FEAT_MODE_READ);
    assert_snapshot(reader, &schema, 100, NULL);
    ck_assert_uint_eq(push_rows(db, &schema, 100, 1).sequence, 1);
    ck_assert_uint_eq(push_rows(db, &schema, 101, 49).sequence, 50);
    assert_snapshot(reader, &schema, 100, NULL); /* not yet durable */
    ck_assert_uint_eq(flush(db).sequence_synced, 50);
    push_rows(db, &schema, 150, 7);
    assert_snapshot(reader, &schema, 150, &before);
    assert_snapshot(db, &schema, 150, NULL);
    ck_assert_uint_eq(assert_tail(db, 100), 57);
    flush(db);
    assert_snapshot(reader, &schema, 157, &before);
    fold(db, &schema, 100, 57);
    assert_snapshot(reader, &schema, 157, &after);
    ck_assert(feat_digest_equal(&before, &after));
    ck_assert_uint_eq(assert_tail(db, 157), 0);
    feat_db_unref(db);
    feat_db_unref(reader);
}
END_TEST

START_TEST(views_stay) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE), *with = NULL;
    uint64_t version, sequence;
    feat_tail_view *view = NULL;
    push_rows(db, &schema, 0, 30);
    flush(db);
    OK(feat_tail_view_open(db, &version, &sequence, &view, err));
    OK(feat_db_with_view(db, view, &with, err));
    feat_tail_view_unref(view);
    fold(db, &schema, 0, 30);
    push_rows(db, &schema, 30, 40);
    flush(db);
    fold(db, &schema, 30, 40);
    ck_assert_uint_eq(version, 0);
    ck_assert_uint_eq(sequence, 30);
    assert_version(with, &schema, 0, 30, all_of_them);
    feat_table_version *tv = NULL, *clone = NULL;
    OK(feat_table_open(with, &schema, 0, &tv, err));
    OK(feat_table_clone(tv, &clone, err));
    feat_table_close(tv);
    /* Found by search, as in a segment. */
    feat_column key;
    feat_column_init(&key, FEAT_TYPE_BIGINT);
    uint32_t first, end;
    for (int64_t i = 0; i < 31; i++) {
        ck_assert_int_eq(feat_column_append_int(&key, i), 0);
        OK(feat_table_find(clone, 0, every_key, 1, &key, (size_t)i, 0, &first, &end, err));
        ck_assert_uint_eq(first, (uint64_t)i);
        ck_assert_uint_eq(end, i < 30 ? (uint64_t)i + 1 : (uint64_t)i);
    }
    feat_column_done(&key);
    feat_table_close(clone);
    feat_db_unref(with);
    feat_db_unref(db);
}
END_TEST

/* Two handles push in turn, as two processes would, and one of them folds. */
START_TEST(writers_take_turns) {
    feat_schema schema = every_schema(1);
    feat_db *a = open_db(path_in("s"), FEAT_MODE_CREATE), *b = open_db(path_in("s"), FEAT_MODE_WRITE);
    int64_t n = 0;
    for (int i = 0; i < 20; i++) {
        feat_db *db = i % 3 == 0 ? a : b;
        ck_assert_uint_eq(push_rows(db, &schema, n, 10).sequence, (uint64_t)n + 10);
        n += 10;
        if (i % 7 == 3) flush(i % 2 ? a : b);
        if (i == 11) fold(b, &schema, 0, (size_t)n);
    }
    ck_assert_uint_eq(assert_tail(a, 120), 80);
    ck_assert_uint_eq(assert_tail(b, 120), 80);
    flush(b);
    assert_snapshot(a, &schema, n, NULL);
    feat_db_unref(a);
    feat_db_unref(b);
}
END_TEST

START_TEST(large_records_grow_the_file) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    for (int64_t i = 0; i < 10; i++) push_rows(db, &schema, i * 6000, 6000);
    ck_assert_uint_eq(assert_tail(db, 0), 60000);
    flush(db);
    assert_snapshot(db, &schema, 60000, NULL);
    feat_db_unref(db);
}
END_TEST

/* ---- Crashes and damage. ---- */

enum { PARTS = 6, DURABLE = 3 }; /* records of rows; those in front of the last flush that a record tells of */

/* Each byte in the long mode, each seventh one else. */
static size_t stride(void) { return getenv("FEAT_TEST_LONG") ? 1 : 7; }

/* A store with a small tail; where each record ends, and how many rows there are then. */
static void make_store(const char *path, size_t ends[PARTS + 1], size_t rows[PARTS + 1]) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path, FEAT_MODE_CREATE);
    ends[0] = PAGE;
    rows[0] = 0;
    for (int i = 0; i < PARTS; i++) {
        rows[i + 1] = rows[i] + 1 + (size_t)i % 2;
        ends[i + 1] = (size_t)push_rows(db, &schema, (int64_t)rows[i], rows[i + 1] - rows[i]).written;
        if (i + 1 == DURABLE) flush(db);
    }
    feat_db_unref(db);
}

/* Opens a store whose tail holds `bytes`: FEAT_CORRUPT, or a prefix of what was pushed, and at least `least` rows. */
static void assert_prefix(const char *store, const char *tail, const uint8_t *bytes, size_t size, size_t damaged,
                          size_t least, bool may_fail) {
    feat_tail_state state;
    feat_error why = {.code = FEAT_OK};
    write_file(tail, bytes, size);
    feat_db *db = open_db(store, FEAT_MODE_WRITE);
    OK(feat_db_lock(db, 1000, err));
    feat_status status = feat_tail_refresh(db, &state, &why);
    feat_db_unlock(db);
    if (status != FEAT_OK) {
        ck_assert_msg(status == FEAT_CORRUPT || (status == FEAT_FORMAT && damaged < PAGE), "byte %zu: %s", damaged,
                      why.message);
        ck_assert_msg(may_fail, "byte %zu: %s", damaged, why.message);
    } else {
        size_t n = assert_tail(db, 0);
        ck_assert_msg(n >= least, "byte %zu: %zu rows are left of %zu durable ones", damaged, n, least);
        /* What is pushed next stands behind them, and nothing of before comes back. */
        feat_schema schema = every_schema(1);
        push_rows(db, &schema, (int64_t)n, 1);
        feat_db_unref(db);
        db = open_db(store, FEAT_MODE_WRITE);
        ck_assert_uint_eq(assert_tail(db, 0), n + 1);
    }
    feat_db_unref(db);
}

START_TEST(every_flipped_byte) {
    size_t ends[PARTS + 1], rows[PARTS + 1], size;
    make_store(path_in("s"), ends, rows);
    const char *tail = path_in("s/tail.log");
    uint8_t *bytes = read_file(tail, &size);
    const char *store = path_in("s");
    for (size_t at = 0; at < ends[PARTS]; at = at < PAGE && at + stride() > 199 ? PAGE : at + stride()) {
        size_t least = 0;
        bool durable = at < ends[DURABLE];
        bytes[at] ^= (uint8_t)(1u << (at % 8));
        for (int i = 1; i <= PARTS && at >= ends[i]; i++) least = rows[i];
        if (at >= 64 && at < PAGE) least = rows[PARTS]; /* the shared numbers */
        assert_prefix(store, tail, bytes, size, at, least, durable && !(at >= 64 && at < PAGE));
        bytes[at] ^= (uint8_t)(1u << (at % 8));
    }
    /* A durable record is not cut off in silence. */
    for (int i = 0; i < DURABLE; i++) {
        bytes[ends[i] + 70] ^= 4;
        write_file(tail, bytes, size);
        feat_db *db = open_db(store, FEAT_MODE_WRITE);
        feat_tail_state state;
        OK(feat_db_lock(db, 1000, err));
        FAILS(feat_tail_refresh(db, &state, err), FEAT_CORRUPT, "restore");
        feat_db_unref(db);
        bytes[ends[i] + 70] ^= 4;
    }
    free(bytes);
}
END_TEST

/* Pages behind some place never reached the disk; and some that did, behind others that did not. */
START_TEST(every_cut) {
    size_t ends[PARTS + 1], rows[PARTS + 1], size;
    make_store(path_in("s"), ends, rows);
    const char *tail = path_in("s/tail.log"), *store = path_in("s");
    uint8_t *bytes = read_file(tail, &size), *cut = malloc(size);
    for (size_t at = ends[DURABLE]; at < ends[PARTS]; at += stride()) {
        size_t least = 0;
        memcpy(cut, bytes, size);
        memset(cut + at, 0, size - at);
        for (int i = 1; i <= PARTS && at >= ends[i]; i++) least = rows[i];
        assert_prefix(store, tail, cut, size, at, least, false);
        memcpy(cut, bytes, size);
        memset(cut + at, 0, 8);
        assert_prefix(store, tail, cut, size, at, rows[DURABLE], false);
    }
    static const size_t sizes[] = {0, 100, PAGE, PAGE + 64, 500000};
    for (int i = 0; i < 5; i++) { /* the file never becomes shorter */
        feat_tail_state state;
        write_file(tail, bytes, sizes[i]);
        feat_db *db = open_db(store, FEAT_MODE_WRITE);
        OK(feat_db_lock(db, 1000, err));
        FAILS(feat_tail_refresh(db, &state, err), FEAT_CORRUPT, "cut");
        feat_db_unref(db);
    }
    unlink(tail);
    feat_db *db = open_db(store, FEAT_MODE_WRITE);
    feat_tail_state state;
    OK(feat_db_lock(db, 1000, err));
    FAILS(feat_tail_refresh(db, &state, err), FEAT_CORRUPT, "missing");
    feat_db_unref(db);
    free(bytes);
    free(cut);
}
END_TEST

START_TEST(shared_numbers_are_not_trusted) {
    size_t ends[PARTS + 1], rows[PARTS + 1], size;
    feat_schema schema = every_schema(1);
    make_store(path_in("s"), ends, rows);
    const char *tail = path_in("s/tail.log"), *store = path_in("s");
    uint8_t *bytes = read_file(tail, &size);
    for (int round = 0; round < 200; round++) {
        for (size_t at = 64; at < 144; at += 8) {
            uint64_t lie = random_below(3) ? random_below(ends[PARTS] + 100) : random_bits();
            if (random_below(2)) memcpy(bytes + at, &lie, sizeof lie);
        }
        write_file(tail, bytes, size);
        /* A reader may see fewer rows, or say that something is wrong; never others. */
        feat_db *reader = open_db(store, FEAT_MODE_READ), *with = NULL;
        uint64_t version, sequence = 0;
        feat_tail_view *view = NULL;
        if (round % 10 == 0 && feat_tail_view_open(reader, &version, &sequence, &view, NULL) == FEAT_OK && view) {
            OK(feat_db_with_view(reader, view, &with, err));
            assert_version(with, &schema, version, (int64_t)sequence, all_of_them);
            feat_db_unref(with);
            feat_tail_view_unref(view);
        }
        feat_db_unref(reader);
        feat_db *db = open_db(store, FEAT_MODE_WRITE);
        ck_assert_uint_eq(assert_tail(db, 0), rows[PARTS]);
        assert_snapshot(db, &schema, (int64_t)rows[PARTS], NULL); /* and they are durable now */
        feat_db_unref(db);
    }
    free(bytes);
}
END_TEST

/* The file of before a fold, or of a fold that nothing told of. */
START_TEST(folded_rows_do_not_come_back) {
    size_t ends[PARTS + 1], rows[PARTS + 1], size;
    feat_schema schema = every_schema(1);
    make_store(path_in("s"), ends, rows);
    uint8_t *bytes = read_file(path_in("s/tail.log"), &size);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_WRITE);
    fold(db, &schema, 0, rows[PARTS]);
    feat_db_unref(db);
    write_file(path_in("s/tail.log"), bytes, size);
    db = open_db(path_in("s"), FEAT_MODE_READ);
    assert_snapshot(db, &schema, (int64_t)rows[PARTS], NULL);
    feat_db_unref(db);
    db = open_db(path_in("s"), FEAT_MODE_WRITE);
    ck_assert_uint_eq(assert_tail(db, 0), 0);
    ck_assert_uint_eq(push_rows(db, &schema, (int64_t)rows[PARTS], 5).sequence, rows[PARTS] + 5);
    flush(db);
    assert_snapshot(db, &schema, (int64_t)rows[PARTS] + 5, NULL);
    feat_db_unref(db);
    free(bytes);
}
END_TEST

RUN("store/tail", durable_rows_are_seen, views_stay, writers_take_turns, large_records_grow_the_file,
    every_flipped_byte, every_cut, shared_numbers_are_not_trusted, folded_rows_do_not_come_back)
