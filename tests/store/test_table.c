/* Tables from end to end: rows of every type written in several commits, every version read back. */
#include <pthread.h>

#include "support.h"

static int64_t limit;
static bool below_limit(int64_t n) { return n < limit; }
static bool odd_or_late(int64_t n) { return n % 2 == 1 || n >= 1000; }
static bool from_five(int64_t n) { return n >= 5; }

START_TEST(versions_stay) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    static const size_t sizes[] = {100, 130000, 70000};
    int64_t total = 0;
    for (int i = 0; i < 3; i++) {
        feat_commit_info info = write_rows(db, &schema, total, sizes[i], i == 1 ? 50000 : 999);
        total += (int64_t)sizes[i];
        ck_assert_uint_eq(info.version, (uint64_t)i + 1);
        ck_assert_uint_eq(info.parent, (uint64_t)i);
        ck_assert_int_eq(last_commit_of(db, info.version, 1).rows_added, (int64_t)sizes[i]);
        ck_assert_int_eq(last_commit_of(db, info.version, 1).rows, total);
    }
    for (int reopened = 0; reopened < 2; reopened++) {
        int64_t end = 0;
        for (int i = 0; i <= 3; i++) {
            limit = end;
            assert_version(db, &schema, (uint64_t)i, total, below_limit);
            if (i < 3) end += (int64_t)sizes[i];
        }
        feat_db_unref(db);
        db = open_db(path_in("s"), reopened ? FEAT_MODE_WRITE : FEAT_MODE_READ);
    }
    feat_table_version *tv = NULL;
    FAILS(feat_table_open(db, &schema, 4, &tv, err), FEAT_NOT_FOUND, "the newest is 3");
    feat_db_unref(db);
}
END_TEST

static feat_digest digest_of(feat_db *db, const feat_schema *schema) {
    feat_table_version *tv = NULL;
    uint64_t newest = 0;
    OK(feat_version_newest(db, &newest, err));
    OK(feat_table_open(db, schema, newest, &tv, err));
    feat_digest d = feat_table_digest(tv);
    feat_table_close(tv);
    return d;
}

START_TEST(digest_knows_rows_only) {
    feat_schema schema = every_schema(1);
    feat_digest digests[4];
    for (int store = 0; store < 4; store++) {
        char name[] = "store0";
        name[5] = (char)('0' + store);
        feat_db *db = open_db(path_in(name), FEAT_MODE_CREATE);
        if (store == 0) {
            write_rows(db, &schema, 0, 3000, 3000);
        } else if (store == 1) {
            write_rows(db, &schema, 2000, 1000, 7);
            write_rows(db, &schema, 0, 2000, 1999);
        } else {
            /* More rows than wanted, some of which go again; in store 3 a wanted one is lost with them. */
            write_rows(db, &schema, 0, 3100, 100);
            feat_table_writer *w = NULL;
            feat_commit_info info;
            feat_row_address gone[101];
            for (uint32_t i = 0; i < 101; i++) gone[i] = (feat_row_address){1, 3099 - i};
            OK(feat_db_lock(db, 0, err));
            OK(feat_table_writer_begin(db, &schema, &w, err));
            OK(feat_table_writer_delete(w, gone, store == 2 ? 100 : 101, err));
            OK(feat_table_writer_commit(w, FEAT_OPERATION_UPSERT, 0, &info, err));
            ck_assert_int_eq(last_commit_of(db, info.version, 1).rows_removed, store == 2 ? 100 : 101);
            feat_db_unlock(db);
        }
        digests[store] = digest_of(db, &schema);
        feat_db_unref(db);
    }
    ck_assert(feat_digest_equal(&digests[0], &digests[1]));
    ck_assert(feat_digest_equal(&digests[0], &digests[2]));
    ck_assert(!feat_digest_equal(&digests[0], &digests[3]));
}
END_TEST

START_TEST(delete_and_diff) {
    feat_schema schema = every_schema(7);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    write_rows(db, &schema, 0, 70000, 70000);
    write_rows(db, &schema, 70000, 10, 10);
    /* Even numbers below 1000 go; two new rows come, of which one goes again at once. */
    feat_table_writer *w = NULL;
    feat_commit_info info;
    feat_batch b;
    every_batch(&b);
    fill_rows(&b, 70010, 2);
    feat_row_address gone[500];
    for (uint32_t i = 0; i < 500; i++) gone[i] = (feat_row_address){1, 998 - 2 * i};
    OK(feat_db_lock(db, 0, err));
    OK(feat_table_writer_begin(db, &schema, &w, err));
    OK(feat_table_writer_delete(w, gone, 500, err));
    OK(feat_table_writer_add(w, &b, err));
    feat_row_address pending = {4, 1};
    ck_assert(feat_table_writer_pending(w, pending));
    ck_assert(!feat_table_writer_pending(w, gone[0]));
    OK(feat_table_writer_delete(w, &pending, 1, err));
    OK(feat_table_writer_commit(w, FEAT_OPERATION_UPSERT, 0, &info, err));
    feat_db_unlock(db);
    ck_assert_int_eq(last_commit_of(db, info.version, 7).rows, 70010 + 1 - 500);

    limit = 70011;
    assert_version(db, &schema, 3, 70011, odd_or_late);
    limit = 70010;
    assert_version(db, &schema, 2, 70010, below_limit);

    feat_table_version *older = NULL, *newer = NULL;
    feat_row_address *added = NULL, *removed = NULL;
    size_t n_added = 0, n_removed = 0;
    OK(feat_table_open(db, &schema, 2, &older, err));
    OK(feat_table_open(db, &schema, 3, &newer, err));
    OK(feat_table_diff(older, newer, &added, &n_added, &removed, &n_removed, err));
    ck_assert_uint_eq(n_added, 1);
    ck_assert_uint_eq(added[0].segment, 4);
    ck_assert_uint_eq(n_removed, 500);
    for (uint32_t i = 0; i < 500; i++) ck_assert(removed[i].segment == 1 && removed[i].row == 2 * i);
    feat_free(added);
    feat_free(removed);
    OK(feat_table_diff(newer, older, &added, &n_added, &removed, &n_removed, err));
    ck_assert(n_added == 500 && n_removed == 1);
    feat_free(added);
    feat_free(removed);
    OK(feat_table_diff(newer, newer, &added, &n_added, &removed, &n_removed, err));
    ck_assert(n_added == 0 && n_removed == 0);
    feat_free(added);
    feat_free(removed);
    feat_table_close(older);
    feat_table_close(newer);

    /* What is not there cannot go, nor can anything go twice. */
    OK(feat_db_lock(db, 0, err));
    static const feat_row_address wrong[] = {{1, 0}, {9, 0}, {2, 70000}};
    for (int i = 0; i < 3; i++) {
        OK(feat_table_writer_begin(db, &schema, &w, err));
        FAILS(feat_table_writer_delete(w, &wrong[i], 1, err), FEAT_INTERNAL, "");
        FAILS(feat_table_writer_commit(w, FEAT_OPERATION_APPEND, 0, &info, err), FEAT_INTERNAL, "aborted");
    }
    feat_db_unlock(db);
    feat_batch_done(&b);
    feat_db_unref(db);
}
END_TEST

START_TEST(rows_in_any_order) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    write_rows(db, &schema, 0, 100000, 100000);
    write_rows(db, &schema, 100000, 5000, 100);
    feat_table_version *tv = NULL;
    OK(feat_table_open(db, &schema, 2, &tv, err));
    enum { N = 3000 };
    static feat_row_address rows[N];
    static int64_t numbers[N];
    feat_batch b;
    every_batch(&b);
    append_row(&b, 42); /* what is there already stays */
    for (int sorted = 0; sorted < 2; sorted++) {
        for (size_t i = 0; i < N; i++) {
            int64_t number = sorted ? (int64_t)i * 30 : (int64_t)random_below(105000);
            numbers[i] = number;
            rows[i] = number < 65536    ? (feat_row_address){1, (uint32_t)number}
                      : number < 100000 ? (feat_row_address){2, (uint32_t)number - 65536}
                                        : (feat_row_address){3, (uint32_t)number - 100000};
        }
        size_t before = b.columns[0].length;
        OK(feat_table_read_rows(tv, rows, N, every_column, N_FIELDS, b.columns, err));
        assert_row_is(b.columns, 0, 42);
        for (size_t i = 0; i < N; i++) assert_row_is(b.columns, before + i, numbers[i]);
    }
    size_t length = b.columns[0].length;
    rows[N - 1] = (feat_row_address){3, 5000};
    FAILS(feat_table_read_rows(tv, rows, N, every_column, N_FIELDS, b.columns, err), FEAT_INTERNAL, "does not exist");
    for (int i = 0; i < N_FIELDS; i++) ck_assert_uint_eq(b.columns[i].length, length);
    feat_batch_done(&b);
    feat_table_close(tv);
    feat_db_unref(db);
}
END_TEST

START_TEST(writer_reads_what_it_wrote) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    write_rows(db, &schema, 0, 1000, 1000);
    feat_table_writer *w = NULL;
    feat_commit_info info;
    feat_batch b, out;
    every_batch(&b);
    every_batch(&out);
    OK(feat_db_lock(db, 0, err));
    OK(feat_table_writer_begin(db, &schema, &w, err));
    fill_rows(&b, 1000, 66000);
    OK(feat_table_writer_add(w, &b, err));
    /* Rows of the version before, of a segment in blocks, and of one still open. */
    static const feat_row_address rows[] = {{3, 5}, {1, 999}, {2, 65535}, {1, 0}, {3, 463}, {2, 0}};
    static const int64_t numbers[] = {66541, 999, 66535, 0, 66999, 1000};
    OK(feat_table_writer_read_rows(w, rows, 6, every_column, N_FIELDS, out.columns, err));
    for (size_t i = 0; i < 6; i++) assert_row_is(out.columns, i, numbers[i]);
    OK(feat_table_writer_commit(w, FEAT_OPERATION_APPEND, 0, &info, err));
    limit = 67000;
    assert_version(db, &schema, 2, 67000, below_limit);

    /* Nothing done is no version. */
    OK(feat_table_writer_begin(db, &schema, &w, err));
    feat_batch_clear(&b);
    OK(feat_table_writer_add(w, &b, err));
    OK(feat_table_writer_commit(w, FEAT_OPERATION_APPEND, 0, &info, err));
    ck_assert_uint_eq(info.version, 2);
    /* What is aborted leaves nothing. */
    fill_rows(&b, 5000000, 70000);
    OK(feat_table_writer_begin(db, &schema, &w, err));
    OK(feat_table_writer_add(w, &b, err));
    feat_table_writer *second = NULL;
    FAILS(feat_table_writer_begin(db, &schema, &second, err), FEAT_INTERNAL, "second table writer");
    feat_table_writer_abort(w);
    assert_version(db, &schema, 2, 67000, below_limit);
    OK(feat_table_writer_begin(db, &schema, &w, err));
    OK(feat_table_writer_add(w, &b, err));
    FAILS(feat_table_writer_commit(w, FEAT_OPERATION_APPEND, info.known_time, &info, err), FEAT_ARGUMENT, "not above");
    feat_db_unlock(db);
    FAILS(feat_table_writer_begin(db, &schema, &w, err), FEAT_INTERNAL, "without the writer lock");
    feat_batch_done(&b);
    feat_batch_done(&out);
    feat_db_unref(db);
}
END_TEST

/* ---- Unique keys. ---- */

static uint64_t hash_of(const feat_schema *schema, int64_t number) {
    feat_batch b;
    feat_buffer key;
    uint64_t hash = 0;
    every_batch(&b);
    feat_buffer_init(&key);
    fill_rows(&b, number, 1);
    ck_assert(feat_unique_key(schema, &b, 0, &key, &hash));
    feat_buffer_done(&key);
    feat_batch_done(&b);
    return hash;
}

static int compare_hashes(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return x[0] < y[0] ? -1 : x[0] > y[0];
}

START_TEST(probe_many_runs) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    int64_t end = 0;
    static const size_t sizes[] = {150000, 40000, 9000, 2000, 900, 300, 299, 50, 10, 1, 1, 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        write_rows(db, &schema, end, sizes[i], sizes[i]);
        end += (int64_t)sizes[i];
    }
    /* Each known number is found once and is its row; unknown ones are not found. */
    enum { N = 100000 };
    static uint64_t probes[N][2], hashes[N];
    for (size_t i = 0; i < N; i++) {
        int64_t number = i % 4 == 3 ? 1000000 + (int64_t)i : (int64_t)(((uint64_t)i * 2654435761u) % (uint64_t)end);
        probes[i][0] = hash_of(&schema, number);
        probes[i][1] = (uint64_t)number;
    }
    qsort(probes, N, sizeof *probes, compare_hashes);
    for (size_t i = 0; i < N; i++) hashes[i] = probes[i][0];
    feat_table_writer *w = NULL;
    feat_commit_info info;
    feat_unique_hit *hits = NULL;
    size_t n_hits = 0;
    OK(feat_db_lock(db, 0, err));
    OK(feat_table_writer_begin(db, &schema, &w, err));
    OK(feat_table_writer_probe(w, hashes, N, &hits, &n_hits, err));
    static const uint32_t id_only[] = {ID};
    feat_column ids;
    feat_column_init(&ids, FEAT_TYPE_BIGINT);
    feat_row_address *rows = malloc(n_hits * sizeof *rows);
    for (size_t i = 0; i < n_hits; i++) rows[i] = hits[i].address;
    OK(feat_table_writer_read_rows(w, rows, n_hits, id_only, 1, &ids, err));
    size_t at = 0;
    for (size_t i = 0; i < N; i++) {
        if (probes[i][1] >= 1000000) continue;
        ck_assert_uint_eq(hits[at].probe, i);
        ck_assert_int_eq(feat_column_int(&ids, at), (int64_t)probes[i][1]);
        at++;
    }
    ck_assert_uint_eq(at, n_hits);
    feat_free(hits);

    /* Deleted rows are found no more, at once and in later versions; in between runs are merged. */
    OK(feat_table_writer_delete(w, rows, 1000, err));
    OK(feat_table_writer_probe(w, hashes, N, &hits, &n_hits, err));
    ck_assert_uint_eq(n_hits, at - 1000);
    feat_free(hits);
    OK(feat_table_writer_commit(w, FEAT_OPERATION_UPSERT, 0, &info, err));
    feat_db_unlock(db);
    write_rows(db, &schema, end, 200000, 30000);
    OK(feat_db_lock(db, 0, err));
    OK(feat_table_writer_begin(db, &schema, &w, err));
    OK(feat_table_writer_probe(w, hashes, N, &hits, &n_hits, err));
    ck_assert_uint_eq(n_hits, at - 1000);
    feat_free(hits);
    feat_table_writer_abort(w);
    feat_db_unlock(db);
    free(rows);
    feat_column_done(&ids);
    feat_db_unref(db);
}
END_TEST

/* Rows of one key have one hash, as colliding keys would: all of them are candidates, over pages and runs, pending or
 * not. */
START_TEST(probe_equal_hashes) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    feat_batch b;
    every_batch(&b);
    feat_commit_info info;
    feat_table_writer *w = NULL;
    OK(feat_db_lock(db, 0, err));
    for (int round = 0; round < 3; round++) {
        OK(feat_table_writer_begin(db, &schema, &w, err));
        feat_batch_clear(&b);
        for (int64_t i = 0; i < 20000; i++) append_row(&b, i % 2 ? 5 : round * 100000 + i + 1000);
        OK(feat_table_writer_add(w, &b, err));
        if (round < 2) OK(feat_table_writer_commit(w, FEAT_OPERATION_APPEND, 0, &info, err));
    }
    uint64_t hashes[3] = {hash_of(&schema, 5), hash_of(&schema, 5), hash_of(&schema, 1000)};
    qsort(hashes, 3, sizeof *hashes, compare_hashes);
    feat_unique_hit *hits = NULL;
    size_t n_hits = 0;
    OK(feat_table_writer_probe(w, hashes, 3, &hits, &n_hits, err));
    ck_assert_uint_eq(n_hits, 2 * 30000 + 1);
    for (size_t i = 1; i < n_hits; i++) ck_assert_uint_ge(hits[i].probe, hits[i - 1].probe);
    feat_free(hits);
    /* NULL is no key. */
    feat_batch_clear(&b);
    append_row(&b, 1);
    feat_column_clear(&b.columns[ID]);
    ck_assert_int_eq(feat_column_append_null(&b.columns[ID]), 0);
    feat_buffer key;
    feat_buffer_init(&key);
    uint64_t hash;
    ck_assert(!feat_unique_key(&schema, &b, 0, &key, &hash));
    feat_buffer_done(&key);
    OK(feat_table_writer_add(w, &b, err));
    feat_table_writer_abort(w);
    feat_db_unlock(db);
    feat_batch_done(&b);
    feat_db_unref(db);
}
END_TEST

/* ---- Sizes. ---- */

START_TEST(long_texts) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    static const size_t sizes[] = {1 << 20, 0, 5 << 20, 3, 70000, 65496, 65497, 30 << 20, 40 << 20};
    enum { N = sizeof sizes / sizeof *sizes };
    feat_batch b, out;
    every_batch(&b);
    every_batch(&out);
    fill_rows(&b, 0, N);
    feat_column_clear(&b.columns[NAME]);
    for (size_t i = 0; i < N; i++) {
        char *text = malloc(sizes[i] + 8);
        for (size_t k = 0; k < sizes[i]; k += 8) {
            uint64_t bits = i % 2 ? random_bits() : k / 1000;
            memcpy(text + k, &bits, 8);
        }
        ck_assert_int_eq(feat_column_append_text(&b.columns[NAME], text, sizes[i]), 0);
        free(text);
    }
    feat_table_writer *w = NULL;
    feat_commit_info info;
    OK(feat_db_lock(db, 0, err));
    OK(feat_table_writer_begin(db, &schema, &w, err));
    OK(feat_table_writer_add(w, &b, err));
    OK(feat_table_writer_commit(w, FEAT_OPERATION_APPEND, 0, &info, err));
    feat_db_unlock(db);
    feat_table_version *tv = NULL;
    OK(feat_table_open(db, &schema, 1, &tv, err));
    ck_assert_uint_gt(feat_table_segments(tv), 1);
    for (size_t s = 0; s < feat_table_segments(tv); s++)
        OK(feat_table_read(tv, s, every_column, N_FIELDS, out.columns, err));
    for (size_t i = 0; i < N; i++)
        for (int c = 0; c < N_FIELDS; c++) ck_assert(feat_column_same(&out.columns[c], i, &b.columns[c], i));
    feat_table_close(tv);
    feat_batch_done(&b);
    feat_batch_done(&out);
    feat_db_unref(db);
}
END_TEST

/* Many small commits: a manifest of three levels, tables side by side. */
START_TEST(many_small_commits) {
    feat_schema one = every_schema(1), two = every_schema(2);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    enum { N = 150 };
    for (int i = 0; i < N; i++) write_rows(db, i % 3 ? &one : &two, i % 3 ? i - i / 3 - 1 : i / 3, 1, 1);
    limit = 100;
    assert_version(db, &one, N, 100, below_limit);
    limit = 50;
    assert_version(db, &two, N, 50, below_limit);
    limit = 2;
    assert_version(db, &two, 6, 50, below_limit);
    limit = 0;
    feat_schema three = every_schema(3);
    assert_version(db, &three, N, 1, below_limit);
    feat_db_unref(db);
}
END_TEST

static bool all_but_sevenths(int64_t number) { return number < limit && number % 7 != 3; }

/* Rows of many commits are in few segments, in order; they and the index are the same, at every version. */
START_TEST(compacted) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    enum { N = 500 };
    for (int i = 0; i < N; i++) write_rows(db, &schema, i, 1, 1);
    feat_table_version *tv = NULL;
    OK(feat_table_open(db, &schema, N, &tv, err));
    ck_assert_uint_le(feat_table_segments(tv), 7 * 3);
    size_t moved = 0;
    for (size_t s = 0; s < feat_table_segments(tv); s++) moved += feat_table_segment(tv, s).moved;
    ck_assert_uint_ge(moved, 2);
    feat_digest before = feat_table_digest(tv);
    feat_table_close(tv);
    for (limit = 1; limit < N; limit += 31) assert_version(db, &schema, (uint64_t)limit, N, below_limit);
    /* Rows are found by their keys wherever they are now; what was deleted is not. */
    feat_table_writer *w = NULL;
    feat_commit_info info;
    feat_batch b;
    feat_buffer key;
    bool any = false;
    every_batch(&b);
    feat_buffer_init(&key);
    OK(feat_db_lock(db, 0, err));
    for (int round = 0; round < 2; round++) {
        OK(feat_table_writer_begin(db, &schema, &w, err));
        OK(feat_table_writer_compact(w, &any, err));
        ck_assert(any);
        OK(feat_table_writer_compact(w, &any, err));
        ck_assert(!any);
        OK(feat_table_writer_commit(w, FEAT_OPERATION_COMPACT, 0, &info, err));
        if (round == 1) break;
        OK(feat_table_writer_begin(db, &schema, &w, err));
        for (int64_t i = 3; i < N; i += 7) {
            uint64_t hash;
            feat_unique_hit *hits = NULL;
            size_t n = 0;
            fill_rows(&b, i, 1);
            ck_assert(feat_unique_key(&schema, &b, 0, &key, &hash));
            OK(feat_table_writer_probe(w, &hash, 1, &hits, &n, err));
            ck_assert_uint_eq(n, 1);
            OK(feat_table_writer_delete(w, &hits[0].address, 1, err));
            feat_free(hits);
        }
        OK(feat_table_writer_commit(w, FEAT_OPERATION_DELETE, 0, &info, err));
    }
    feat_db_unlock(db);
    ck_assert_uint_eq(info.version, N + 3);
    limit = N;
    assert_version(db, &schema, N + 1, N, below_limit);
    for (uint64_t v = N + 2; v <= N + 3; v++) assert_version(db, &schema, v, N, all_but_sevenths);
    OK(feat_table_open(db, &schema, N + 3, &tv, err));
    ck_assert_uint_eq(feat_table_segments(tv), 1);
    ck_assert_uint_eq(feat_table_segment(tv, 0).deleted, 0);
    ck_assert(feat_table_segment(tv, 0).sorted);
    feat_digest without = feat_table_digest(tv);
    feat_table_close(tv);
    OK(feat_table_open(db, &schema, N + 2, &tv, err));
    feat_digest same = feat_table_digest(tv);
    ck_assert(feat_digest_equal(&without, &same) && !feat_digest_equal(&without, &before));
    feat_table_close(tv);
    OK(feat_table_open(db, &schema, N + 1, &tv, err));
    same = feat_table_digest(tv);
    ck_assert(feat_digest_equal(&before, &same));
    feat_table_close(tv);
    feat_buffer_done(&key);
    feat_batch_done(&b);
    feat_db_unref(db);
}
END_TEST

/* A column that was added later is NULL in older segments. */
START_TEST(added_column) {
    feat_schema old = every_schema(1), schema = every_schema(1);
    old.n_fields = CODE;
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    feat_batch b;
    every_batch(&b);
    fill_rows(&b, 0, 5000);
    b.n_columns = CODE;
    feat_table_writer *w = NULL;
    feat_commit_info info;
    OK(feat_db_lock(db, 0, err));
    OK(feat_table_writer_begin(db, &old, &w, err));
    OK(feat_table_writer_add(w, &b, err));
    OK(feat_table_writer_commit(w, FEAT_OPERATION_APPEND, 0, &info, err));
    feat_db_unlock(db);
    b.n_columns = N_FIELDS;
    write_rows(db, &schema, 5000, 10, 10);
    feat_table_version *tv = NULL;
    OK(feat_table_open(db, &schema, 2, &tv, err));
    feat_batch_clear(&b);
    OK(feat_table_read(tv, 0, every_column, N_FIELDS, b.columns, err));
    ck_assert_uint_eq(b.columns[CODE].length, 5000);
    ck_assert_uint_eq(b.columns[CODE].null_count, 5000);
    static const feat_row_address rows[] = {{2, 3}, {1, 4000}};
    feat_batch_clear(&b);
    OK(feat_table_read_rows(tv, rows, 2, every_column, N_FIELDS, b.columns, err));
    assert_row_is(b.columns, 0, 5003);
    ck_assert(feat_column_is_null(&b.columns[CODE], 1));
    feat_table_close(tv);
    feat_batch_done(&b);
    feat_db_unref(db);
}
END_TEST

START_TEST(delete_everything) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    write_rows(db, &schema, 0, 300, 300);
    feat_table_writer *w = NULL;
    feat_commit_info info;
    feat_row_address all[300];
    for (uint32_t i = 0; i < 300; i++) all[i] = (feat_row_address){1, i};
    OK(feat_db_lock(db, 0, err));
    OK(feat_table_writer_begin(db, &schema, &w, err));
    OK(feat_table_writer_delete(w, all, 5, err));
    OK(feat_table_writer_commit(w, FEAT_OPERATION_UPSERT, 0, &info, err));
    limit = 300;
    assert_version(db, &schema, 2, 300, from_five);
    OK(feat_table_writer_begin(db, &schema, &w, err));
    OK(feat_table_writer_delete(w, all + 5, 295, err));
    OK(feat_table_writer_commit(w, FEAT_OPERATION_UPSERT, 0, &info, err));
    feat_db_unlock(db);
    ck_assert_int_eq(last_commit_of(db, info.version, 1).rows, 0);
    feat_version_info of_table = last_commit_of(db, info.version, 1);
    ck_assert(feat_digest_is_zero(&of_table.content));
    limit = 0;
    assert_version(db, &schema, 3, 300, below_limit);
    feat_db_unref(db);
}
END_TEST

/* ---- Clones, each in a thread of its own. ---- */

enum { THREADS = 4, THREAD_ROWS = 150000 };

typedef struct reader {
    feat_table_version *tv;
    uint64_t rows, wrong;
    size_t first; /* segment to begin with: threads read different ones, and in the end all */
} reader;

static void *read_everything(void *argument) {
    reader *r = argument;
    feat_batch b;
    feat_type types[N_FIELDS];
    for (int i = 0; i < N_FIELDS; i++) types[i] = every_field[i].type;
    if (feat_batch_init(&b, types, N_FIELDS, NULL) != FEAT_OK) return NULL;
    size_t n = feat_table_segments(r->tv);
    for (size_t at = 0; at < 2 * n; at++) {
        size_t s = (at + r->first) % n;
        const uint8_t *deleted = NULL;
        feat_bounds bounds;
        feat_batch_clear(&b);
        if (feat_table_read(r->tv, s, every_column, N_FIELDS, b.columns, NULL) != FEAT_OK ||
            feat_table_deleted(r->tv, s, &deleted, NULL) != FEAT_OK ||
            feat_table_bounds(r->tv, s, ID, &bounds, NULL) != FEAT_OK)
            r->wrong++;
        for (size_t row = 0; row < b.columns[ID].length; row++) {
            int64_t id = feat_column_int(&b.columns[ID], row);
            if (deleted && feat_bit_get(deleted, row)) continue;
            r->rows++;
            r->wrong += id < 5 || id < bounds.min_int || id > bounds.max_int;
        }
    }
    feat_batch_done(&b);
    return NULL;
}

START_TEST(clones) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    feat_table_writer *w = NULL;
    feat_commit_info info;
    feat_row_address gone[5];
    for (uint32_t i = 0; i < 5; i++) gone[i] = (feat_row_address){1, i};
    write_rows(db, &schema, 0, THREAD_ROWS, THREAD_ROWS);
    OK(feat_db_lock(db, 0, err));
    OK(feat_table_writer_begin(db, &schema, &w, err));
    OK(feat_table_writer_delete(w, gone, 5, err));
    OK(feat_table_writer_commit(w, FEAT_OPERATION_DELETE, 0, &info, err));
    feat_db_unlock(db);
    reader readers[THREADS] = {{NULL}};
    pthread_t threads[THREADS];
    OK(feat_table_open(db, &schema, 2, &readers[0].tv, err));
    for (int i = 1; i < THREADS; i++) {
        OK(feat_table_clone(readers[i - 1].tv, &readers[i].tv, err));
        readers[i].first = (size_t)i;
    }
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_everything, &readers[i]), 0);
    for (int i = 0; i < THREADS; i++) ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_uint_eq(readers[i].wrong, 0);
        ck_assert_uint_eq(readers[i].rows, 2 * (THREAD_ROWS - 5));
        feat_table_close(readers[i].tv); /* the first one first: the others live on */
    }
    OK(feat_table_open(db, &schema, 2, &readers[0].tv, err));
    for (int64_t n = 1; n < 5; n++) { /* without memory there is no clone, and the handle stays good */
        feat_table_version *clone = NULL;
        feat_alloc_fail_after(n);
        feat_status status = feat_table_clone(readers[0].tv, &clone, NULL);
        feat_alloc_fail_after(0);
        ck_assert(status == (n <= 2 ? FEAT_MEMORY : FEAT_OK));
        ck_assert((clone == NULL) == (n <= 2));
        feat_table_close(clone);
    }
    ck_assert_int_eq(feat_table_rows(readers[0].tv), THREAD_ROWS - 5);
    feat_table_close(readers[0].tv);
    feat_db_unref(db);
}
END_TEST

/* ---- What a segment says of its order. ---- */

/* Whether a store that gets rows of these ids and times has one segment, and its flag. A batch that breaks the order
 * begins a new segment, so that then each is sorted. */
static bool flag_of(feat_schema *schema, const int64_t (*rows)[2], size_t n, size_t step) {
    static int number;
    char name[32];
    snprintf(name, sizeof name, "order%d", number++);
    feat_db *db = open_db(path_in(name), FEAT_MODE_CREATE);
    feat_table_writer *w = NULL;
    feat_table_version *tv = NULL;
    feat_commit_info info;
    feat_batch b;
    every_batch(&b);
    OK(feat_db_lock(db, 0, err));
    OK(feat_table_writer_begin(db, schema, &w, err));
    for (size_t at = 0; at < n; at += step) {
        fill_rows(&b, (int64_t)at, n - at < step ? n - at : step);
        for (size_t i = 0; i < b.length; i++) {
            for (int c = ID; c <= TIME; c++) {
                int64_t v = rows[at + i][c];
                if (v != INT64_MIN) ((int64_t *)b.columns[c].values)[i] = v;
            }
        }
        for (size_t i = 0; i < b.length; i++) { /* NULL ids: the column is made anew */
            if (rows[at + i][ID] != INT64_MIN) continue;
            feat_column ids;
            feat_column_init(&ids, FEAT_TYPE_BIGINT);
            for (size_t k = 0; k < b.length; k++)
                ck_assert_int_eq(rows[at + k][ID] == INT64_MIN ? feat_column_append_null(&ids)
                                                               : feat_column_append_int(&ids, rows[at + k][ID]),
                                 0);
            feat_column_done(&b.columns[ID]);
            b.columns[ID] = ids;
            break;
        }
        OK(feat_table_writer_add(w, &b, err));
    }
    OK(feat_table_writer_commit(w, FEAT_OPERATION_APPEND, 0, &info, err));
    feat_db_unlock(db);
    OK(feat_table_open(db, schema, 1, &tv, err));
    size_t segments = feat_table_segments(tv);
    bool sorted = segments == 1 && feat_table_segment(tv, 0).sorted;
    for (size_t k = 0; segments > 1 && k < segments; k++) ck_assert(feat_table_segment(tv, k).sorted);
    feat_table_close(tv);
    feat_batch_done(&b);
    feat_db_unref(db);
    return sorted;
}

START_TEST(order_of_segments) {
    feat_schema schema = every_schema(1);
    static const int64_t good[][2] = {{-5, 9}, {1, 1}, {1, 1}, {1, 2}, {2, 0}, {7, 7}},
                         bad_key[][2] = {{1, 1}, {2, 2}, {1, 3}}, bad_time[][2] = {{1, 1}, {1, 3}, {1, 2}},
                         nulls[][2] = {{INT64_MIN, 4}, {INT64_MIN, 5}, {-9, 1}},
                         late_null[][2] = {{-9, 1}, {INT64_MIN, 4}}, null_time[][2] = {{INT64_MIN, 4}, {INT64_MIN, 3}};
    ck_assert(flag_of(&schema, good, 6, 6));
    ck_assert(flag_of(&schema, good, 6, 2)); /* gathered from several batches */
    ck_assert(flag_of(&schema, good, 1, 1));
    ck_assert(!flag_of(&schema, bad_key, 3, 3));
    ck_assert(!flag_of(&schema, bad_key, 3, 1));
    ck_assert(!flag_of(&schema, bad_time, 3, 3));
    ck_assert(flag_of(&schema, nulls, 3, 3));
    ck_assert(!flag_of(&schema, late_null, 2, 2));
    ck_assert(!flag_of(&schema, null_time, 2, 1));
    static uint32_t two[] = {ID, DAY};
    schema.key = two;
    schema.n_key = 2;
    ck_assert(!flag_of(&schema, bad_key, 3, 3));
    static const int64_t rising[][2] = {{1, 5}, {2, 4}, {3, 3}};
    ck_assert(flag_of(&schema, rising, 3, 3));
    schema.n_key = 0; /* of all rows together */
    ck_assert(!flag_of(&schema, rising, 3, 3));
    static const int64_t later[][2] = {{3, 5}, {2, 6}, {1, 6}};
    ck_assert(flag_of(&schema, later, 3, 3));
}
END_TEST

RUN("store/table", versions_stay, digest_knows_rows_only, delete_and_diff, rows_in_any_order,
    writer_reads_what_it_wrote, probe_many_runs, probe_equal_hashes, long_texts, many_small_commits, added_column,
    delete_everything, clones, order_of_segments, compacted)
