/* Definitions, numbers of tables, versions by number, time and tag. */
#include "base/clock.h"
#include "store/catalog.h"
#include "support.h"

START_TEST(definitions) {
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    static const size_t sizes[] = {0, 5, 32768, 32700, 70000, 1 << 20};
    enum { N = sizeof sizes / sizeof *sizes };
    char *record = malloc((1 << 20) + 64), names[N][40], *long_name = malloc(100001);
    for (size_t i = 0; i < (1 << 20) + 64; i++) record[i] = (char)random_bits();
    memset(long_name, 'n', 100000);
    long_name[100000] = 0;
    feat_def defs[N];
    for (size_t i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "name %zu \xc3\xa9", i);
        defs[i] = (feat_def){.kind = (feat_def_kind)(1 + i % 3),
                             .action = (feat_def_action)(1 + i / 2),
                             .name = i == 4 ? long_name : names[i],
                             .number = (uint32_t)i + 1,
                             .id = (uint32_t)i * 7,
                             .fingerprint = {{(uint8_t)i, 9}},
                             .created_at = i == 3 ? 0 : -(int64_t)i - 1};
        for (size_t p = 0; p < FEAT_DEF_PARTS; p++) defs[i].parts[p] = (feat_bytes){record + i + p, sizes[(i + p) % N]};
    }
    feat_arena arena;
    feat_arena_init(&arena);
    feat_def *loaded = NULL;
    size_t n = 7;
    OK(feat_defs_list(db, &arena, &loaded, &n, err));
    ck_assert_uint_eq(n, 0);
    FAILS(feat_defs_commit(db, defs, 2, err), FEAT_INTERNAL, "without the writer lock");
    OK(feat_db_lock(db, 0, err));
    OK(feat_defs_commit(db, defs, 2, err));
    OK(feat_defs_commit(db, defs + 2, N - 2, err));
    uint32_t table = 0;
    for (uint32_t i = 1; i < 5; i++) {
        OK(feat_table_id_next(db, &table, err));
        ck_assert_uint_eq(table, i);
    }
    feat_db_unref(db);
    db = open_db(path_in("s"), FEAT_MODE_WRITE);
    OK(feat_db_lock(db, 0, err));
    OK(feat_table_id_next(db, &table, err));
    ck_assert_uint_eq(table, 5);
    OK(feat_defs_list(db, &arena, &loaded, &n, err));
    ck_assert_uint_eq(n, N);
    for (size_t i = 0; i < N; i++) {
        ck_assert_int_eq(loaded[i].kind, defs[i].kind);
        ck_assert_str_eq(loaded[i].name, defs[i].name);
        ck_assert_uint_eq(loaded[i].number, defs[i].number);
        ck_assert(feat_digest_equal(&loaded[i].fingerprint, &defs[i].fingerprint));
        ck_assert_int_eq(loaded[i].action, defs[i].action);
        ck_assert_uint_eq(loaded[i].id, defs[i].id);
        ck_assert_uint_eq(loaded[i].sequence, i + 1);
        if (i == 3) ck_assert(loaded[i].created_at > 0 && loaded[i].created_at <= feat_clock_now());
        else ck_assert_int_eq(loaded[i].created_at, defs[i].created_at);
        for (size_t p = 0; p < FEAT_DEF_PARTS; p++) {
            feat_bytes bytes, wanted = defs[i].parts[p];
            ck_assert_uint_eq(loaded[i].parts[p].size, wanted.size);
            if (wanted.size == 0) continue;
            OK(feat_def_read(db, &arena, &loaded[i], (feat_def_part)p, "it", &bytes, err));
            ck_assert_uint_eq(bytes.size, wanted.size);
            ck_assert_int_eq(memcmp(bytes.bytes, wanted.bytes, wanted.size), 0);
            loaded[i].parts[p].size++;
            FAILS(feat_def_read(db, &arena, &loaded[i], (feat_def_part)p, "it", &bytes, err), FEAT_CORRUPT,
                  "it is malformed");
        }
    }
    feat_arena_done(&arena);
    free(record);
    free(long_name);
    feat_db_unref(db);
}
END_TEST

static feat_commit_info commit_at(feat_db *db, uint32_t table, int64_t known_at) {
    static int64_t number;
    feat_schema schema = every_schema(table);
    feat_table_writer *w = NULL;
    feat_commit_info info;
    feat_batch b;
    every_batch(&b);
    fill_rows(&b, number++, 1);
    OK(feat_db_lock(db, 0, err));
    OK(feat_table_writer_begin(db, &schema, &w, err));
    OK(feat_table_writer_add(w, &b, err));
    OK(feat_table_writer_commit(w, FEAT_OPERATION_APPEND, known_at, &info, err));
    feat_db_unlock(db);
    feat_batch_done(&b);
    return info;
}

static uint64_t resolve_time(feat_db *db, int64_t time) {
    feat_at at = FEAT_AT_INIT;
    uint64_t version = 0;
    at.kind = FEAT_AT_TIME;
    at.time = time;
    OK(feat_version_resolve(db, &at, &version, err));
    return version;
}

START_TEST(versions) {
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    feat_at at = FEAT_AT_INIT;
    uint64_t version = 9;
    OK(feat_version_resolve(db, NULL, &version, err));
    ck_assert_uint_eq(version, 0);
    OK(feat_version_resolve(db, &at, &version, err));
    ck_assert_uint_eq(version, 0);
    at.kind = FEAT_AT_TIME;
    FAILS(feat_version_resolve(db, &at, &version, err), FEAT_NOT_FOUND, "no commit yet");
    /* Times before 1970, too, are in order. */
    static const int64_t times[] = {-5000000, -1, 1, 2, 1000};
    for (int i = 0; i < 5; i++) ck_assert_int_eq(commit_at(db, (uint32_t)i % 2 + 1, times[i]).known_time, times[i]);
    for (int64_t t = -2; t < 1010; t++)
        ck_assert_uint_eq(resolve_time(db, t), t < -1 ? 1 : t < 1 ? 2 : t < 2 ? 3 : t < 1000 ? 4 : 5);
    ck_assert_uint_eq(resolve_time(db, INT64_MAX), 5);
    ck_assert_uint_eq(resolve_time(db, -5000000), 1);
    at.time = -5000001;
    FAILS(feat_version_resolve(db, &at, &version, err), FEAT_NOT_FOUND,
          "first commit became known at 1969-12-31 23:59:55");
    int64_t before = feat_clock_now();
    feat_commit_info info = commit_at(db, 1, 0);
    ck_assert(info.known_time >= before && info.known_time <= feat_clock_now());
    /* The clock behind the newest commit: time goes on by a microsecond. */
    int64_t future = feat_clock_now() + 1000000000;
    commit_at(db, 1, future);
    ck_assert_int_eq(commit_at(db, 1, 0).known_time, future + 1);

    at.kind = FEAT_AT_VERSION;
    at.version = 8;
    OK(feat_version_resolve(db, &at, &version, err));
    ck_assert_uint_eq(version, 8);
    at.version = 9;
    FAILS(feat_version_resolve(db, &at, &version, err), FEAT_NOT_FOUND, "the newest is 8");
    at.kind = (feat_at_kind)77;
    FAILS(feat_version_resolve(db, &at, &version, err), FEAT_ARGUMENT, "77");

    feat_arena arena;
    feat_arena_init(&arena);
    feat_version_info *infos = NULL;
    size_t n = 0;
    OK(feat_version_list(db, 8, 0, &arena, &infos, &n, err));
    ck_assert_uint_eq(n, 8);
    for (size_t i = 0; i < n; i++)
        ck_assert(infos[i].version == i + 1 && infos[i].parent == i && infos[i].rows_added == 1);
    OK(feat_version_list(db, 8, 2, &arena, &infos, &n, err));
    ck_assert_uint_eq(n, 2);
    ck_assert(infos[0].version == 2 && infos[1].version == 4 && infos[1].rows == 2);
    OK(feat_version_list(db, 8, 3, &arena, &infos, &n, err));
    ck_assert_uint_eq(n, 0);
    feat_arena_done(&arena);
    feat_db_unref(db);
}
END_TEST

/* Each record holds the digest of the one before. */
START_TEST(chain) {
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    for (int i = 0; i < 3; i++) commit_at(db, 1, 0);
    MDB_txn *txn = NULL;
    OK(feat_env_begin(feat_db_catalog(db), false, &txn, err));
    feat_digest previous = {{0}};
    for (uint64_t v = 1; v <= 3; v++) {
        feat_catalog_key key = feat_catalog_key1(FEAT_KEY_COMMIT, v);
        feat_cursor payload;
        bool found = false;
        OK(feat_catalog_get(db, txn, &key, FEAT_KIND_COMMIT, "commit", &found, &payload, err));
        ck_assert(found && payload.end - payload.at == 144);
        ck_assert_mem_eq(payload.at + 40, previous.bytes, 16);
        previous = feat_digest_of(payload.at, 144);
        feat_commit_record record;
        OK(feat_commit_read(db, txn, v, &record, err));
        ck_assert(feat_digest_equal(&record.digest, &previous));
    }
    feat_env_abort(txn);
    feat_db_unref(db);
}
END_TEST

START_TEST(tags) {
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    commit_at(db, 1, 0);
    commit_at(db, 1, 0);
    feat_at at = FEAT_AT_INIT;
    uint64_t version = 0;
    at.kind = FEAT_AT_TAG;
    FAILS(feat_version_resolve(db, &at, &version, err), FEAT_ARGUMENT, "name");
    at.tag = "model";
    FAILS(feat_version_resolve(db, &at, &version, err), FEAT_NOT_FOUND, "there is no tag 'model'; the store has none");
    FAILS(feat_tag_put(db, "model", 1, err), FEAT_INTERNAL, "lock");
    OK(feat_db_lock(db, 0, err));
    OK(feat_tag_put(db, "model", 1, err));
    OK(feat_tag_put(db, "model", 1, err));
    FAILS(feat_tag_put(db, "model", 2, err), FEAT_EXISTS, "'model' names version 1 and never moves");
    FAILS(feat_tag_put(db, "future", 3, err), FEAT_NOT_FOUND, "the newest is 2");
    FAILS(feat_tag_put(db, "", 1, err), FEAT_ARGUMENT, "1 to");
    OK(feat_tag_put(db, "empty", 0, err));
    OK(feat_tag_put(db, "Model", 2, err));
    OK(feat_version_resolve(db, &at, &version, err));
    ck_assert_uint_eq(version, 1);
    at.tag = "Model";
    OK(feat_version_resolve(db, &at, &version, err));
    ck_assert_uint_eq(version, 2);
    at.tag = "modell";
    FAILS(feat_version_resolve(db, &at, &version, err), FEAT_NOT_FOUND, "'Model'");
    char name[32];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "tag-%d", i);
        OK(feat_tag_put(db, name, (uint64_t)i % 3, err));
    }
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "tag-%d", i);
        at.tag = name;
        OK(feat_version_resolve(db, &at, &version, err));
        ck_assert_uint_eq(version, (uint64_t)i % 3);
    }
    at.tag = "nothing";
    FAILS(feat_version_resolve(db, &at, &version, err), FEAT_NOT_FOUND, ", ...");
    feat_db_unref(db);
}
END_TEST

static feat_status resolve_tag(feat_db *db, const char *name, uint64_t *version, feat_error *err) {
    feat_at at = FEAT_AT_INIT;
    at.kind = FEAT_AT_TAG;
    at.tag = name;
    return feat_version_resolve(db, &at, version, err);
}

/* Random changes of a hundred names beside an array. */
START_TEST(tags_come_and_go) {
    enum { NAMES = 100, STEPS = 2000, VERSIONS = 5 };
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    int64_t model[NAMES];
    char name[32];
    int wrong = 0;
    for (int i = 0; i < VERSIONS; i++) commit_at(db, 1, 0);
    for (int i = 0; i < NAMES; i++) model[i] = -1;
    OK(feat_db_lock(db, 0, err));
    for (int step = 0; step < STEPS; step++) {
        size_t i = random_below(NAMES);
        uint64_t to = random_below(VERSIONS + 1), version = 99;
        snprintf(name, sizeof name, "n%zu", i);
        if (random_below(2)) {
            feat_status status = feat_tag_put(db, name, to, NULL);
            wrong += status != (model[i] < 0 || model[i] == (int64_t)to ? FEAT_OK : FEAT_EXISTS);
            if (model[i] < 0) model[i] = (int64_t)to;
        } else {
            wrong += feat_tag_remove(db, name, NULL) != (model[i] < 0 ? FEAT_NOT_FOUND : FEAT_OK);
            model[i] = -1;
        }
        i = random_below(NAMES);
        snprintf(name, sizeof name, "n%zu", i);
        wrong += resolve_tag(db, name, &version, NULL) != (model[i] < 0 ? FEAT_NOT_FOUND : FEAT_OK);
        wrong += model[i] >= 0 && version != (uint64_t)model[i];
    }
    ck_assert_int_eq(wrong, 0);
    feat_arena arena;
    feat_tag_info *list = NULL;
    size_t n = 0, expected = 0;
    feat_arena_init(&arena);
    OK(feat_tag_list(db, &arena, &list, &n, err));
    for (int i = 0; i < NAMES; i++) expected += model[i] >= 0;
    ck_assert_uint_eq(n, expected);
    for (size_t i = 0; i < n; i++) {
        wrong += model[atoi(list[i].name + 1)] != (int64_t)list[i].version;
        if (i > 0)
            wrong += list[i - 1].version > list[i].version ||
                     (list[i - 1].version == list[i].version && strcmp(list[i - 1].name, list[i].name) >= 0);
    }
    ck_assert_int_eq(wrong, 0);
    feat_arena_done(&arena);
    FAILS(resolve_tag(db, "", &(uint64_t){0}, err), FEAT_NOT_FOUND, "''");
    FAILS(feat_tag_remove(db, "", err), FEAT_ARGUMENT, "1 to");
    feat_db_unlock(db);
    FAILS(feat_tag_remove(db, "n1", err), FEAT_INTERNAL, "lock");
    feat_db_unref(db);
}
END_TEST

static feat_catalog_key tag_key(const char *name, int further) {
    feat_digest digest = feat_digest_of(name, strlen(name));
    for (; further > 0; further--)
        for (int i = 15; i >= 0 && ++digest.bytes[i] == 0; i--) {
        }
    feat_catalog_key key = {.size = 17, .bytes = {(uint8_t)FEAT_KEY_REF}};
    memcpy(key.bytes + 1, digest.bytes, 16);
    return key;
}

static void put_raw(feat_db *db, const feat_catalog_key *key, uint64_t version, const char *name) {
    MDB_txn *txn;
    feat_buffer payload;
    feat_buffer_init(&payload);
    feat_buffer_be64(&payload, version);
    feat_buffer_byte(&payload, FEAT_REF_TAG);
    feat_buffer_text(&payload, name);
    OK(feat_env_begin(feat_db_catalog(db), true, &txn, err));
    OK(feat_catalog_put(db, txn, key, FEAT_KIND_REF, payload.data, payload.size, err));
    OK(feat_env_commit(feat_db_catalog(db), txn, err));
    feat_buffer_done(&payload);
}

/* Names of one digest: others stand where this one would. */
START_TEST(tags_of_one_digest) {
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    uint64_t version = 99;
    commit_at(db, 1, 0);
    commit_at(db, 1, 0);
    feat_catalog_key first = tag_key("b", 0), second = tag_key("b", 1);
    OK(feat_db_lock(db, 0, err));
    put_raw(db, &first, 1, "other");
    put_raw(db, &second, 1, "another");
    OK(feat_tag_put(db, "b", 2, err));
    OK(resolve_tag(db, "b", &version, err));
    ck_assert_uint_eq(version, 2);
    put_raw(db, &second, 0, ""); /* removed: what is behind it is still found */
    version = 99;
    OK(resolve_tag(db, "b", &version, err));
    ck_assert_uint_eq(version, 2);
    FAILS(feat_tag_put(db, "b", 1, err), FEAT_EXISTS, "version 2");
    OK(feat_tag_remove(db, "b", err));
    FAILS(resolve_tag(db, "b", &version, err), FEAT_NOT_FOUND, "the store has 'other'");
    OK(feat_tag_put(db, "b", 1, err)); /* in the first place that is free */
    OK(resolve_tag(db, "b", &version, err));
    ck_assert_uint_eq(version, 1);
    put_raw(db, &second, 0, "");
    FAILS(resolve_tag(db, "b", &version, err), FEAT_NOT_FOUND, "no tag 'b'");
    feat_db_unlock(db);
    feat_db_unref(db);
}
END_TEST

static feat_catalog_key application_key(uint32_t table_id, const char *name) {
    feat_buffer bytes;
    feat_buffer_init(&bytes);
    feat_buffer_u32(&bytes, FEAT_BRANCH_MAIN);
    feat_buffer_u32(&bytes, table_id);
    feat_buffer_text(&bytes, name);
    feat_digest digest = feat_digest_of(bytes.data, bytes.size);
    feat_buffer_done(&bytes);
    feat_catalog_key key = {.size = 25, .bytes = {(uint8_t)FEAT_KEY_APPLICATION}};
    memcpy(key.bytes + 1, digest.bytes, 16);
    feat_put_be(key.bytes + 17, 98, 8);
    return key;
}

static void apply(feat_db *db, uint32_t table_id, const char *name, uint64_t sequence, uint64_t version) {
    MDB_txn *txn;
    OK(feat_env_begin(feat_db_catalog(db), true, &txn, err));
    OK(feat_application_put(db, txn, FEAT_BRANCH_MAIN, table_id, &(feat_application){name, sequence}, version, err));
    OK(feat_env_commit(feat_db_catalog(db), txn, err));
}

/* Each table and name counts for itself, also where another one stands in its place. */
START_TEST(applications) {
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    MDB_txn *txn;
    feat_buffer other;
    bool found = true;
    uint64_t sequence = 0, version = 0;
    feat_catalog_key taken = application_key(7, "loader");
    OK(feat_db_lock(db, 0, err));
    feat_buffer_init(&other);
    feat_buffer_be64(&other, 99);
    feat_buffer_u32(&other, FEAT_BRANCH_MAIN);
    feat_buffer_u32(&other, 8); /* another table */
    feat_buffer_text(&other, "loader");
    OK(feat_env_begin(feat_db_catalog(db), true, &txn, err));
    OK(feat_catalog_put(db, txn, &taken, FEAT_KIND_APPLICATION, other.data, other.size, err));
    OK(feat_env_commit(feat_db_catalog(db), txn, err));
    feat_buffer_done(&other);
    OK(feat_application_find(db, FEAT_BRANCH_MAIN, 7, "loader", &found, &sequence, &version, err));
    ck_assert(!found);
    for (uint64_t i = 1; i <= 3; i++) {
        apply(db, 7, "loader", 10 * i, i);
        apply(db, 7, "load", 100 * i, i + 1);
        OK(feat_application_find(db, FEAT_BRANCH_MAIN, 7, "loader", &found, &sequence, &version, err));
        ck_assert(found && sequence == 10 * i && version == i);
        OK(feat_application_find(db, FEAT_BRANCH_MAIN, 7, "load", &found, &sequence, &version, err));
        ck_assert(found && sequence == 100 * i && version == i + 1);
    }
    OK(feat_application_find(db, FEAT_BRANCH_MAIN, 8, "load", &found, &sequence, &version, err));
    ck_assert(!found);
    FAILS(feat_application_find(db, FEAT_BRANCH_MAIN, 8, "", &found, &sequence, &version, err), FEAT_ARGUMENT, "1 to");
    feat_db_unlock(db);
    feat_db_unref(db);
}
END_TEST

RUN("store/catalog", definitions, versions, chain, tags, tags_come_and_go, tags_of_one_digest, applications)
