/* Damage: flipped bits anywhere in the files, and memory that runs out anywhere. A read gives the right answer or an
 * error. */
#include <sys/wait.h>

#include "support.h"

#define VERSIONS 4

typedef struct expected_version {
    int64_t rows;
    feat_digest content;
} expected_version;

static expected_version expected[VERSIONS + 1];

static void make_store(const char *path) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path, FEAT_MODE_CREATE);
    feat_def def = {.kind = FEAT_DEF_TABLE, .action = FEAT_DEF_CREATE, .name = "events", .number = 1, .id = 1};
    def.fingerprint = (feat_digest){{1, 2, 3}};
    def.parts[FEAT_DEF_FORM] = (feat_bytes){"record", 6};
    OK(feat_db_lock(db, 0, err));
    OK(feat_defs_commit(db, &def, 1, err));
    feat_db_unlock(db);
    write_rows(db, &schema, 0, 9000, 9000);
    write_rows(db, &schema, 9000, 1000, 1000);
    feat_table_writer *w = NULL;
    feat_commit_info info;
    feat_row_address rows[700];
    for (uint32_t i = 0; i < 700; i++) rows[i] = (feat_row_address){1, i * 11};
    OK(feat_db_lock(db, 0, err));
    OK(feat_table_writer_begin(db, &schema, &w, err));
    OK(feat_table_writer_delete(w, rows, 700, err));
    OK(feat_table_writer_commit(w, FEAT_OPERATION_UPSERT, 0, &info, err));
    OK(feat_tag_put(db, "a tag", 2, err));
    feat_db_unlock(db);
    write_rows(db, &schema, 10000, 500, 500);
    for (uint64_t v = 0; v <= VERSIONS; v++) {
        feat_table_version *tv = NULL;
        OK(feat_table_open(db, &schema, v, &tv, err));
        expected[v] = (expected_version){feat_table_rows(tv), feat_table_digest(tv)};
        feat_table_close(tv);
    }
    feat_db_unref(db);
}

/* 0: all as it must be; 1: wrong, silently; else 2: an error. */
static int check_version(feat_db *db, uint64_t version, feat_error *err) {
    feat_schema schema = every_schema(1);
    feat_table_version *tv = NULL;
    if (feat_table_open(db, &schema, version, &tv, err) != FEAT_OK) return 2;
    feat_digest sum = {{0}}, claimed = feat_table_digest(tv);
    feat_batch b;
    feat_buffer scratch;
    feat_buffer_init(&scratch);
    every_batch(&b);
    int result = 0;
    int64_t rows = 0;
    for (size_t s = 0; s < feat_table_segments(tv) && result == 0; s++) {
        const uint8_t *deleted = NULL;
        feat_batch_clear(&b);
        if (feat_table_read(tv, s, every_column, N_FIELDS, b.columns, err) != FEAT_OK) {
            result = 2;
            for (int c = 0; c < N_FIELDS; c++)
                if (b.columns[c].length != 0) result = 1; /* a failed call leaves its outputs */
            break;
        }
        if (feat_table_deleted(tv, s, &deleted, err) != FEAT_OK) {
            result = 2;
            break;
        }
        const feat_column *columns[N_FIELDS];
        uint32_t ids[N_FIELDS];
        for (uint32_t c = 0; c < N_FIELDS; c++) {
            columns[c] = &b.columns[c];
            ids[c] = every_field[c].id;
        }
        for (size_t row = 0; row < b.columns[0].length; row++) {
            if (deleted && feat_bit_get(deleted, row)) continue;
            feat_digest d = feat_row_digest(columns, ids, N_FIELDS, row, &scratch);
            feat_digest_add(&sum, &d);
            rows++;
        }
    }
    if (result == 0 && (rows != expected[version].rows || !feat_digest_equal(&sum, &expected[version].content) ||
                        !feat_digest_equal(&claimed, &expected[version].content)))
        result = 1;
    feat_batch_done(&b);
    feat_buffer_done(&scratch);
    feat_table_close(tv);
    return result;
}

static int check_probe(feat_db *db, feat_error *err) {
    feat_schema schema = every_schema(1);
    feat_table_writer *w = NULL;
    if (feat_db_lock(db, 0, err) != FEAT_OK) return 2;
    int result = 0;
    if (feat_table_writer_begin(db, &schema, &w, err) != FEAT_OK) {
        result = 2;
    } else {
        feat_batch b;
        feat_buffer key;
        uint64_t hash = 0;
        feat_unique_hit *hits = NULL;
        size_t n = 0;
        every_batch(&b);
        feat_buffer_init(&key);
        fill_rows(&b, 1, 1);
        feat_unique_key(&schema, &b, 0, &key, &hash);
        if (feat_table_writer_probe(w, &hash, 1, &hits, &n, err) != FEAT_OK) result = 2;
        else if (n != 1 || hits[0].address.segment != 1 || hits[0].address.row != 1) result = 1;
        feat_free(hits);
        feat_batch_done(&b);
        feat_buffer_done(&key);
        feat_table_writer_abort(w);
    }
    feat_db_unlock(db);
    return result;
}

static int check_catalog(feat_db *db, feat_error *err) {
    feat_arena arena;
    feat_arena_init(&arena);
    feat_def *defs = NULL;
    feat_version_info *infos = NULL;
    size_t n = 0, commits = 0;
    feat_at at = FEAT_AT_INIT;
    at.kind = FEAT_AT_TAG;
    at.tag = "a tag";
    uint64_t version = 0;
    int result = 0;
    feat_bytes form;
    if (feat_defs_list(db, &arena, &defs, &n, err) != FEAT_OK) result = 2;
    else if (n != 1 || strcmp(defs[0].name, "events") != 0 || defs[0].parts[FEAT_DEF_FORM].size != 6) result = 1;
    else if (feat_def_read(db, &arena, &defs[0], FEAT_DEF_FORM, "events", &form, err) != FEAT_OK) result = 2;
    else if (form.size != 6 || memcmp(form.bytes, "record", 6) != 0) result = 1;
    if (feat_version_resolve(db, &at, &version, err) == FEAT_OK && version != 2) result = 1;
    if (feat_version_list(db, VERSIONS, 1, &arena, &infos, &commits, err) == FEAT_OK)
        for (size_t i = 0; i < commits && i < VERSIONS; i++)
            if (!feat_digest_equal(&infos[i].content, &expected[i + 1].content)) result = 1;
    feat_arena_done(&arena);
    return result;
}

/* Reads everything; then writes, after which a read must be right or fail still. */
static int look_at(const char *path, bool write) {
    feat_db *db = NULL;
    feat_error err = {.code = FEAT_OK};
    feat_schema schema = every_schema(1);
    if (feat_db_open(path, FEAT_MODE_WRITE, &db, &err) != FEAT_OK) return 2;
    int worst = 0;
    for (int round = 0; round < 2; round++) {
        for (uint64_t v = 0; v <= VERSIONS; v++) {
            int result = check_version(db, v, &err);
            if (result == 1) return 10 + (int)v;
            if (result > worst) worst = result;
        }
        if (check_probe(db, &err) == 1) return 20;
        if (check_catalog(db, &err) == 1) return 21;
        if (round == 1 || !write) break;
        feat_table_writer *w = NULL;
        feat_commit_info info;
        feat_batch b;
        every_batch(&b);
        fill_rows(&b, 20000, 3000);
        if (feat_db_lock(db, 0, &err) != FEAT_OK || feat_table_writer_begin(db, &schema, &w, &err) != FEAT_OK) break;
        if (feat_table_writer_add(w, &b, &err) == FEAT_OK)
            (void)feat_table_writer_commit(w, FEAT_OPERATION_APPEND, 0, &info, &err);
        else feat_table_writer_abort(w);
        feat_db_unlock(db);
        feat_batch_done(&b);
    }
    feat_db_unref(db);
    return worst;
}

static int look_in_child(const char *path, bool write) {
    pid_t pid = fork();
    if (pid == 0) _exit(look_at(path, write));
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static unsigned char *slurp(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    unsigned char *bytes = malloc(*size);
    ck_assert_uint_eq(fread(bytes, 1, *size, f), *size);
    fclose(f);
    return bytes;
}

static void dump(const char *path, const unsigned char *bytes, size_t size) {
    FILE *f = fopen(path, "wb");
    ck_assert_uint_eq(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

START_TEST(flipped_bits) {
    make_store(path_in("s"));
    ck_assert_int_eq(look_in_child(path_in("s"), false), 0);
    copy_tree(path_in("s"), path_in("t"));
    size_t sizes[2];
    unsigned char *files[2] = {slurp(path_in("s/catalog.mdb"), &sizes[0]), slurp(path_in("s/blocks.mdb"), &sizes[1])};
    long rounds = getenv("FEAT_TEST_LONG") ? 20000 : 400;
    int tally[3] = {0};
    for (long i = 0; i < rounds; i++) {
        for (int f = 0; f < 2; f++) {
            unsigned char *bytes = malloc(sizes[f]);
            memcpy(bytes, files[f], sizes[f]);
            if (f == (int)(i % 4 != 0)) {
                /* A bit, a few bits of one page's head, or a stretch of noise. */
                size_t at = (size_t)random_below(sizes[f]);
                switch (random_below(4)) {
                case 0: bytes[at] ^= (unsigned char)(1u << random_below(8)); break;
                case 1:
                    bytes[at / 4096 * 4096 + random_below(160) % (sizes[f] - at / 4096 * 4096)] ^=
                        (unsigned char)(1u << random_below(8));
                    break;
                case 2: bytes[at / 4096 * 4096 + random_below(32)] = (unsigned char)random_bits(); break;
                default:
                    for (size_t k = at; k < at + random_below(64) && k < sizes[f]; k++)
                        bytes[k] = (unsigned char)random_bits();
                }
            }
            dump(path_in(f ? "t/blocks.mdb" : "t/catalog.mdb"), bytes, sizes[f]);
            free(bytes);
        }
        int result = look_in_child(path_in("t"), i % 3 == 0);
        ck_assert_msg(result < 3, "image %ld: %s (%d)", i,
                      result >= 100 ? "the reader crashed" : "a wrong answer without an error", result);
        tally[result]++;
    }
    ck_assert_int_gt(tally[2], tally[0] / 4); /* most damage is somewhere that matters */
    free(files[0]);
    free(files[1]);
}
END_TEST

/* Every stored value in turn: one flipped bit of its payload is an error, never another answer. */
START_TEST(flipped_payloads) {
    make_store(path_in("s"));
    size_t size;
    unsigned char *good = slurp(path_in("s/blocks.mdb"), &size), *bytes = malloc(size);
    int found = 0;
    for (size_t at = 8192; at + 24 < size; at++) {
        if (memcmp(good + at, "DATA", 4) != 0 && memcmp(good + at, "CLTS", 4) != 0) continue;
        size_t length = (size_t)good[at + 4] | (size_t)good[at + 5] << 8;
        if (at + 24 + length > size || length == 0) continue;
        memcpy(bytes, good, size);
        bytes[at + random_below(24 + length)] ^= (unsigned char)(1u << random_below(8));
        dump(path_in("s/blocks.mdb"), bytes, size);
        int result = look_in_child(path_in("s"), false);
        ck_assert_msg(result == 2 || result == 0, "a value at %zu: %d", at, result);
        found += result == 2;
    }
    ck_assert_int_gt(found, 10);
    free(good);
    free(bytes);
}
END_TEST

/* ---- Memory. ---- */

/* A life of a store; fails at the allocation that is told to. */
static feat_status live(const char *path, feat_batch *b, feat_error *err) {
    feat_schema schema = every_schema(1);
    feat_db *db = NULL;
    feat_table_writer *w = NULL;
    feat_table_version *older = NULL, *newer = NULL;
    feat_row_address *added = NULL, *removed = NULL, rows[40];
    feat_unique_hit *hits = NULL;
    feat_commit_info info;
    feat_version_info *infos;
    feat_batch out = {0};
    feat_type types[N_FIELDS];
    feat_arena arena;
    feat_def def = {.kind = FEAT_DEF_VIEW, .action = FEAT_DEF_CREATE, .name = "v", .number = 1}, *defs;
    feat_bytes form;
    def.parts[FEAT_DEF_FORM] = (feat_bytes){"text", 4};
    size_t n = 0, n_added = 0;
    uint64_t hash = 0;
    uint32_t table;
    feat_buffer key;
    feat_buffer_init(&key);
    feat_arena_init(&arena);
    for (int i = 0; i < N_FIELDS; i++) types[i] = every_field[i].type;
    feat_status status;
    FEAT_GOTO(status, feat_db_open(path, FEAT_MODE_CREATE, &db, err), out);
    FEAT_GOTO(status, feat_db_lock(db, 1000, err), out);
    FEAT_GOTO(status, feat_table_id_next(db, &table, err), out);
    FEAT_GOTO(status, feat_defs_commit(db, &def, 1, err), out);
    FEAT_GOTO(status, feat_table_writer_begin(db, &schema, &w, err), out);
    FEAT_GOTO(status, feat_table_writer_add(w, b, err), out);
    feat_unique_key(&schema, b, 0, &key, &hash);
    if (key.failed) {
        status = feat_fail_memory(err);
        goto out;
    }
    FEAT_GOTO(status, feat_table_writer_probe(w, &hash, 1, &hits, &n, err), out);
    feat_table_writer *ready = w;
    w = NULL;
    FEAT_GOTO(status, feat_table_writer_commit(ready, FEAT_OPERATION_APPEND, 0, &info, err), out);
    FEAT_GOTO(status, feat_table_writer_begin(db, &schema, &w, err), out);
    for (uint32_t i = 0; i < 40; i++) rows[i] = (feat_row_address){1, 80 - 2 * i};
    FEAT_GOTO(status, feat_table_writer_delete(w, rows, 40, err), out);
    FEAT_GOTO(status, feat_table_writer_add(w, b, err), out);
    ready = w;
    w = NULL;
    FEAT_GOTO(status, feat_table_writer_commit(ready, FEAT_OPERATION_UPSERT, 0, &info, err), out);
    FEAT_GOTO(status, feat_tag_put(db, "t", 1, err), out);
    FEAT_GOTO(status, feat_table_open(db, &schema, 1, &older, err), out);
    FEAT_GOTO(status, feat_table_open(db, &schema, 2, &newer, err), out);
    FEAT_GOTO(status, feat_table_diff(older, newer, &added, &n_added, &removed, &n, err), out);
    FEAT_GOTO(status, feat_batch_init(&out, types, N_FIELDS, err), out);
    FEAT_GOTO(status, feat_table_read(newer, 0, every_column, N_FIELDS, out.columns, err), out);
    FEAT_GOTO(status, feat_table_read_rows(newer, rows, 40, every_column, N_FIELDS, out.columns, err), out);
    FEAT_GOTO(status, feat_version_list(db, 2, 0, &arena, &infos, &n, err), out);
    FEAT_GOTO(status, feat_defs_list(db, &arena, &defs, &n, err), out);
    FEAT_GOTO(status, feat_def_read(db, &arena, &defs[0], FEAT_DEF_FORM, "v", &form, err), out);
out:
    feat_table_writer_abort(w);
    feat_table_close(older);
    feat_table_close(newer);
    feat_free(added);
    feat_free(removed);
    feat_free(hits);
    feat_batch_done(&out);
    feat_buffer_done(&key);
    feat_arena_done(&arena);
    feat_db_unref(db);
    return status;
}

START_TEST(memory_runs_out) {
    feat_batch b;
    every_batch(&b);
    fill_rows(&b, 0, 100);
    for (int64_t n = 1;; n++) {
        feat_error failure = {.code = FEAT_OK};
        char command[600];
        snprintf(command, sizeof command, "rm -rf '%s'", path_in("m"));
        ck_assert_int_eq(system(command), 0);
        feat_alloc_fail_after(n);
        feat_status status = live(path_in("m"), &b, &failure);
        feat_alloc_fail_after(0);
        if (status == FEAT_OK) {
            ck_assert_int_gt(n, 100);
            break;
        }
        ck_assert_msg(status == FEAT_MEMORY && failure.code == FEAT_MEMORY, "allocation %lld: %s %s", (long long)n,
                      feat_status_name(status), failure.message);
        /* What was committed before is whole. */
        feat_db *db = open_db(path_in("m"), FEAT_MODE_CREATE);
        feat_schema schema = every_schema(1);
        uint64_t newest = 0;
        OK(feat_version_newest(db, &newest, err));
        for (uint64_t v = 0; v <= newest; v++) {
            feat_table_version *tv = NULL;
            OK(feat_table_open(db, &schema, v, &tv, err));
            ck_assert_int_eq(feat_table_rows(tv), v == 0 ? 0 : v == 1 ? 100 : 160);
            feat_table_close(tv);
        }
        feat_db_unref(db);
    }
    feat_batch_done(&b);
}
END_TEST

RUN("store/damage", flipped_bits, flipped_payloads, memory_runs_out)
