/* A store in a temporary directory with one script of definitions. */
#ifndef FEAT_TESTS_ENGINE_SUPPORT_H
#define FEAT_TESTS_ENGINE_SUPPORT_H

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "engine/engine.h"
#include "engine/ingest.h"
#include "support/stream.h"

typedef struct shop {
    char path[64];
    feat_db *db;
    feat_catalog *catalog;
    const feat_schema *table; /* the first one */
    feat_error err;
} shop;

#define check_ok(s, expr)                                                                                              \
    do {                                                                                                               \
        feat_status check_status_ = (expr);                                                                            \
        ck_assert_msg(check_status_ == FEAT_OK, "%s: %d: %s", #expr, (int)check_status_, (s)->err.message);            \
    } while (0)

static inline void shop_open(shop *s, const char *sql) {
    *s = (shop){.path = "/tmp/feat-engine-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(s->path));
    check_ok(s, feat_db_open(s->path, FEAT_MODE_CREATE, &s->db, &s->err));
    check_ok(s, feat_db_lock(s->db, 0, &s->err));
    check_ok(s, feat_script_run(s->db, sql, &s->err));
    feat_db_unlock(s->db);
    check_ok(s, feat_catalog_load(s->db, &s->catalog, &s->err));
    const feat_scope *scope;
    check_ok(s, feat_catalog_scope(s->catalog, &scope, &s->err));
    ck_assert_uint_gt(scope->n_tables, 0);
    s->table = scope->tables[0];
}

/* db and catalog may be gone already: NULL. */
static inline void shop_close(shop *s) {
    feat_catalog_unref(s->catalog);
    if (s->db) feat_db_unref(s->db);
    DIR *directory = opendir(s->path);
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        char path[512];
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", s->path, entry->d_name);
        unlink(path);
    }
    closedir(directory);
    rmdir(s->path);
}

/* Writes a stream (which is consumed) under the lock. */
static inline feat_status shop_write(shop *s, struct ArrowArrayStream *stream, size_t part_rows,
                                     const feat_write_options *opt, feat_commit *done) {
    memset(&s->err, 0, sizeof s->err);
    feat_status status = feat_db_lock(s->db, 0, &s->err);
    ck_assert_int_eq(status, FEAT_OK);
    status = feat_ingest_parts(s->db, s->table, stream, opt, part_rows, done, &s->err);
    feat_db_unlock(s->db);
    ck_assert_ptr_null(stream->release);
    return status;
}

static inline feat_status shop_put(shop *s, const char *literal, size_t batch_rows, size_t part_rows,
                                   const feat_write_options *opt, feat_commit *done) {
    struct ArrowArrayStream stream;
    ck_assert_int_eq(test_stream(literal, batch_rows, &stream), FEAT_OK);
    return shop_write(s, &stream, part_rows, opt, done);
}

static inline uint64_t shop_version(shop *s) {
    uint64_t version = 0;
    check_ok(s, feat_version_newest(s->db, &version, &s->err));
    return version;
}

/* Header and sorted rows at the newest version; freed with feat_free. */
static inline char *shop_rows(shop *s) {
    struct ArrowArrayStream stream;
    char *text = NULL;
    check_ok(s, feat_scan(s->db, s->catalog, s->table, shop_version(s), NULL, 0, false, &stream, &s->err));
    check_ok(s, test_stream_text(&stream, 1, &text, &s->err));
    return text;
}

static inline feat_digest shop_digest(shop *s, int64_t *rows) {
    feat_table_version *version = NULL;
    check_ok(s, feat_table_open(s->db, s->table, shop_version(s), &version, &s->err));
    feat_digest digest = feat_table_digest(version);
    if (rows) *rows = feat_table_rows(version);
    feat_table_close(version);
    return digest;
}

/* What a failed call must leave alone. */
typedef struct shop_state {
    uint64_t version;
    int64_t rows;
    feat_digest digest;
} shop_state;

static inline shop_state shop_state_of(shop *s) {
    shop_state state = {.version = shop_version(s)};
    state.digest = shop_digest(s, &state.rows);
    return state;
}

static inline void check_unchanged(shop *s, const shop_state *before, const char *what) {
    shop_state now = shop_state_of(s);
    ck_assert_msg(now.version == before->version && now.rows == before->rows &&
                      feat_digest_equal(&now.digest, &before->digest),
                  "%s: the store changed", what);
}

#endif
