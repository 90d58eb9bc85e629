/* The vacuum without memory and over damage: it removes nothing that it has not decided about in full. What stays and
 * what goes is looked at by tests/python/test_retention.py. */
#define _XOPEN_SOURCE 700
#include "engine/support.h"
#include "store/db.h"
#include "store/mark.h"

static const char *const sql = "CREATE TABLE t (id BIGINT NOT NULL, x TEXT, at TIMESTAMP NOT NULL, ENTITY KEY (id), "
                               "EVENT TIME (at), UNIQUE (id));";

/* Six versions; the newest has rows of the first commit, without one of them, and of the last. */
static void fill(shop *s) {
    feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
    shop_open(s, sql);
    check_ok(s, shop_put(s, "id BIGINT, x TEXT, at TIMESTAMP\n1, a, 10\n2, b, 20\n3, c, 30\n", 0, 1000, NULL, NULL));
    opt.mode = FEAT_WRITE_UPSERT;
    for (int i = 0; i < 4; i++) {
        char rows[128];
        snprintf(rows, sizeof rows, "id BIGINT, x TEXT, at TIMESTAMP\n2, B%d, 20\n", i);
        check_ok(s, shop_put(s, rows, 0, 1000, &opt, NULL));
    }
    opt.mode = FEAT_WRITE_DELETE;
    check_ok(s, shop_put(s, "id BIGINT\n3\n", 0, 1000, &opt, NULL));
    ck_assert_uint_eq(shop_version(s), 6);
}

static feat_status vacuum(shop *s, bool dry_run, feat_retained *done) {
    memset(&s->err, 0, sizeof s->err);
    check_ok(s, feat_db_lock(s->db, 0, &s->err));
    feat_status status = feat_vacuum_run(s->db, s->catalog, 1, INT64_MAX, dry_run, done, &s->err);
    feat_db_unlock(s->db);
    return status;
}

static void check_rows(shop *s) {
    char *text = shop_rows(s);
    ck_assert_str_eq(text, "id BIGINT, x TEXT, at TIMESTAMP\n1, a, 10\n2, B3, 20\n");
    feat_free(text);
}

static size_t count_objects(shop *s) {
    MDB_txn *txn;
    MDB_stat stat;
    check_ok(s, feat_env_begin(feat_db_blocks(s->db), false, &txn, &s->err));
    ck_assert_int_eq(mdb_stat(txn, feat_env_dbi(feat_db_blocks(s->db)), &stat), 0);
    feat_env_abort(txn);
    return stat.ms_entries;
}

START_TEST(test_counts) {
    shop s;
    feat_retained done, dry;
    fill(&s);
    size_t before = count_objects(&s);
    check_ok(&s, vacuum(&s, true, &dry));
    ck_assert_uint_eq(count_objects(&s), before);
    check_ok(&s, vacuum(&s, false, &done));
    ck_assert(memcmp(&done, &dry, sizeof done) == 0);
    ck_assert(done.oldest == 6 && done.versions == 1 && done.versions_removed == 5);
    ck_assert(done.objects_removed > 0 && done.objects + done.objects_removed == before);
    ck_assert_uint_eq(count_objects(&s), done.objects);
    check_rows(&s);
    feat_table_version *tv = NULL;
    ck_assert_int_eq(feat_table_open(s.db, s.table, 5, &tv, &s.err), FEAT_NOT_FOUND);
    check_ok(&s, feat_table_open(s.db, s.table, 0, &tv, &s.err));
    feat_table_close(tv);
    shop_close(&s);
}
END_TEST

START_TEST(test_without_memory) {
    shop s;
    fill(&s);
    size_t before = count_objects(&s), failures = 0;
    for (int64_t at = 1;; at++, failures++) {
        feat_retained done = {.oldest = 77};
        check_ok(&s, feat_db_lock(s.db, 0, &s.err));
        feat_alloc_fail_after(at);
        feat_status status = feat_vacuum_run(s.db, s.catalog, 1, INT64_MAX, false, &done, &s.err);
        feat_alloc_fail_after(0);
        feat_db_unlock(s.db);
        check_rows(&s);
        if (status == FEAT_OK) break;
        ck_assert_int_eq(status, FEAT_MEMORY);
        ck_assert_uint_eq(done.oldest, 77);
        ck_assert_uint_eq(count_objects(&s), before);
    }
    ck_assert_uint_gt(failures, 10);
    ck_assert_uint_lt(count_objects(&s), before);
    shop_close(&s);
}
END_TEST

/* Every object that stays, damaged in turn: the vacuum says so and leaves all there is. */
START_TEST(test_damage) {
    shop s;
    feat_retained dry;
    fill(&s);
    size_t n = count_objects(&s), damaged = 0;
    check_ok(&s, vacuum(&s, true, &dry));
    feat_env *env = feat_db_blocks(s.db);
    for (size_t i = 0; i < n; i++) {
        MDB_txn *txn;
        MDB_cursor *cursor;
        MDB_val k, v;
        uint8_t key[16], *bytes;
        check_ok(&s, feat_env_begin(env, true, &txn, &s.err));
        ck_assert_int_eq(mdb_cursor_open(txn, feat_env_dbi(env), &cursor), 0);
        ck_assert_int_eq(mdb_cursor_get(cursor, &k, &v, MDB_FIRST), 0);
        for (size_t skip = 0; skip < i; skip++) ck_assert_int_eq(mdb_cursor_get(cursor, &k, &v, MDB_NEXT), 0);
        mdb_cursor_close(cursor);
        ck_assert_uint_eq(k.mv_size, sizeof key);
        memcpy(key, k.mv_data, sizeof key);
        size_t size = v.mv_size;
        bytes = feat_alloc(2 * size);
        memcpy(bytes, v.mv_data, size);
        memcpy(bytes + size, v.mv_data, size);
        bytes[size + size - 1] ^= 1;
        k = (MDB_val){sizeof key, key};
        v = (MDB_val){size, bytes + size};
        ck_assert_int_eq(mdb_put(txn, feat_env_dbi(env), &k, &v, 0), 0);
        check_ok(&s, feat_env_commit(env, txn, &s.err));
        /* A dry run reads what a wet one reads, and an object that goes need not be whole. */
        feat_retained done;
        feat_status status = vacuum(&s, true, &done);
        if (status == FEAT_CORRUPT) {
            damaged++;
            ck_assert_int_eq(vacuum(&s, false, &done), FEAT_CORRUPT);
            ck_assert_uint_eq(count_objects(&s), n);
        } else {
            check_ok(&s, status);
        }
        check_ok(&s, feat_env_begin(env, true, &txn, &s.err));
        v = (MDB_val){size, bytes};
        ck_assert_int_eq(mdb_put(txn, feat_env_dbi(env), &k, &v, 0), 0);
        check_ok(&s, feat_env_commit(env, txn, &s.err));
        feat_free(bytes);
    }
    ck_assert_uint_eq(damaged, dry.objects);
    check_rows(&s);
    shop_close(&s);
}
END_TEST

/* Objects whose checksums are right and whose bytes are not: there is an error, or there is none, and nothing else. */
START_TEST(test_hostile_objects) {
    shop s;
    fill(&s);
    feat_env *env = feat_db_blocks(s.db);
    size_t n = count_objects(&s), refused = 0;
    uint64_t state = 7;
    for (size_t round = 0; round < 40 * n; round++) {
        MDB_txn *txn;
        MDB_cursor *cursor;
        MDB_val k, v;
        uint8_t key[16], old[4096], changed[4096];
        check_ok(&s, feat_env_begin(env, true, &txn, &s.err));
        ck_assert_int_eq(mdb_cursor_open(txn, feat_env_dbi(env), &cursor), 0);
        ck_assert_int_eq(mdb_cursor_get(cursor, &k, &v, MDB_FIRST), 0);
        for (size_t skip = 0; skip < round % n; skip++) ck_assert_int_eq(mdb_cursor_get(cursor, &k, &v, MDB_NEXT), 0);
        mdb_cursor_close(cursor);
        ck_assert(v.mv_size > FEAT_ENVELOPE_SIZE && v.mv_size <= sizeof old);
        memcpy(key, k.mv_data, sizeof key);
        memcpy(old, v.mv_data, v.mv_size);
        memcpy(changed, old, v.mv_size);
        size_t all = v.mv_size, size = all - FEAT_ENVELOPE_SIZE;
        for (int i = 0; i < 3; i++) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
            size_t place = (size_t)(state >> 33) % size, near = (size_t)(state >> 45) % 48;
            changed[FEAT_ENVELOPE_SIZE + (i && near < size ? near : place)] = (uint8_t)(state >> 25);
        }
        if (state >> 62 == 0) size -= size / 3;
        uint32_t kind = state >> 59 == 9 ? FEAT_KIND_CHUNKS : FEAT_KIND_DATA;
        feat_envelope_seal(changed, kind, key, sizeof key, changed + FEAT_ENVELOPE_SIZE, size);
        k = (MDB_val){sizeof key, key};
        v = (MDB_val){size + FEAT_ENVELOPE_SIZE, changed};
        ck_assert_int_eq(mdb_put(txn, feat_env_dbi(env), &k, &v, 0), 0);
        check_ok(&s, feat_env_commit(env, txn, &s.err));
        feat_retained done;
        feat_status status = vacuum(&s, true, &done);
        refused += status != FEAT_OK;
        if (status != FEAT_OK) ck_assert_int_eq(status, FEAT_CORRUPT);
        check_ok(&s, feat_env_begin(env, true, &txn, &s.err));
        v = (MDB_val){all, old};
        ck_assert_int_eq(mdb_put(txn, feat_env_dbi(env), &k, &v, 0), 0);
        check_ok(&s, feat_env_commit(env, txn, &s.err));
    }
    ck_assert_uint_gt(refused, n);
    check_rows(&s);
    shop_close(&s);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("vacuum");
    TCase *tests = tcase_create("vacuum");
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, test_counts);
    tcase_add_test(tests, test_without_memory);
    tcase_add_test(tests, test_damage);
    tcase_add_test(tests, test_hostile_objects);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
