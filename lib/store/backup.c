/* A copy of a store that is in use. Two read transactions, one of each file, are begun at the same state of the store:
 * with no commit between them, which the catalog's transaction ids tell. What they see stays as it is while writers, a
 * vacuum among them, go on. The copy is made under another name and renamed when it is whole. */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "store/catalog.h"
#include "store/tail.h"

#define BATCH ((size_t)32 << 20) /* bytes that are written and synced at once */
#define TRIES 1000               /* to begin two transactions with no commit between them; one is the rule */

typedef struct copying {
    feat_progress *progress;
    void *context;
    uint64_t done, total; /* records */
} copying;

/* ---- Two transactions of one state. ---- */

feat_status feat_db_begin_both(feat_db *db, MDB_txn **catalog, MDB_txn **blocks, feat_error *err) {
    for (int i = 0; i < TRIES; i++) {
        MDB_txn *after;
        FEAT_TRY(feat_env_begin(feat_db_catalog(db), false, catalog, err));
        feat_status status = feat_env_begin(feat_db_blocks(db), false, blocks, err);
        if (status != FEAT_OK) {
            feat_env_abort(*catalog);
            return status;
        }
        status = feat_env_begin(feat_db_catalog(db), false, &after, err);
        bool same = status == FEAT_OK && mdb_txn_id(after) == mdb_txn_id(*catalog);
        if (status == FEAT_OK) feat_env_abort(after);
        if (same) return FEAT_OK;
        feat_env_abort(*blocks);
        feat_env_abort(*catalog);
        FEAT_TRY(status);
    }
    return feat_fail(err, FEAT_BUSY, "the store changes too fast for a backup to begin; try again");
}

static feat_status count_records(feat_env *env, MDB_txn *txn, uint64_t *n, feat_error *err) {
    MDB_stat stat;
    int rc = mdb_stat(txn, feat_env_dbi(env), &stat);
    if (rc != 0) return feat_env_fail(err, rc, "counting the records of a store");
    *n += stat.ms_entries;
    return FEAT_OK;
}

/* ---- Copying. ---- */

/* A value is copied only when it is whole: a backup of damage would be found out when it is needed. */
static feat_status check_value(const MDB_val *k, const MDB_val *v, feat_error *err) {
    const void *payload;
    size_t size;
    uint32_t kind = 0;
    for (size_t i = 0; i < 4 && v->mv_size >= 4; i++) kind |= (uint32_t)((const uint8_t *)v->mv_data)[i] << 8 * i;
    return feat_envelope_open(v->mv_data, v->mv_size, kind, k->mv_data, k->mv_size, &payload, &size, "record", err);
}

/* From the cursor on, until enough is written; *more: there is something left. Keys ascend, so that pages get full. */
static feat_status copy_batch(copying *c, MDB_cursor *from, feat_env *to, bool *started, bool *more, feat_error *err) {
    MDB_txn *txn;
    MDB_val k, v;
    size_t bytes = 0;
    int rc = 0;
    FEAT_TRY(feat_env_begin(to, true, &txn, err));
    feat_status status = FEAT_OK;
    while (status == FEAT_OK && bytes < BATCH) {
        rc = mdb_cursor_get(from, &k, &v, *started ? MDB_NEXT : MDB_FIRST);
        if (rc != 0) break;
        *started = true;
        status = check_value(&k, &v, err);
        if (status == FEAT_OK) {
            int put = mdb_put(txn, feat_env_dbi(to), &k, &v, MDB_APPEND);
            if (put != 0) status = feat_env_fail(err, put, "writing a backup");
        }
        bytes += v.mv_size;
        c->done++;
    }
    *more = rc == 0;
    if (status == FEAT_OK && rc != 0 && rc != MDB_NOTFOUND) status = feat_env_fail(err, rc, "reading a store");
    if (status == FEAT_OK && c->progress && c->progress(c->context, c->done, c->total) != 0)
        status = feat_fail(err, FEAT_CANCELLED, "stopped by the caller");
    if (status == FEAT_OK) return feat_env_commit(to, txn, err);
    feat_env_abort(txn);
    return status;
}

static feat_status copy_file(copying *c, feat_env *env, MDB_txn *txn, const char *path, feat_error *err) {
    feat_env *to;
    MDB_cursor *cursor;
    bool started = false, more = true;
    FEAT_TRY(feat_env_create(path, NULL, NULL, err));
    FEAT_TRY(feat_env_open(path, true, FEAT_ENV_MAP_SIZE, &to, err));
    int rc = mdb_cursor_open(txn, feat_env_dbi(env), &cursor);
    feat_status status = rc == 0 ? FEAT_OK : feat_env_fail(err, rc, "reading a store");
    while (status == FEAT_OK && more) status = copy_batch(c, cursor, to, &started, &more, err);
    if (rc == 0) mdb_cursor_close(cursor);
    feat_env_unref(to);
    return status;
}

/* ---- The directory. ---- */

static const char *const names[] = {"blocks.mdb",       "catalog.mdb", "blocks.mdb-lock",
                                    "catalog.mdb-lock", "writer.lock", "tail.log"};
#define NAMES (sizeof names / sizeof *names)

static char *join(const char *directory, const char *name) {
    feat_buffer path;
    feat_buffer_init(&path);
    feat_buffer_printf(&path, "%s/%s", directory, name);
    return feat_buffer_take_text(&path);
}

static void remove_files(const char *directory, size_t from, size_t n) {
    for (size_t i = from; i < n; i++) {
        char *path = join(directory, names[i]);
        if (path) unlink(path);
        feat_free(path);
    }
}

void feat_directory_discard(const char *directory) {
    remove_files(directory, 0, NAMES);
    rmdir(directory);
}

static feat_status copy_both(copying *c, feat_db *db, MDB_txn *catalog, MDB_txn *blocks, const feat_tail_copy *tail,
                             const char *directory, feat_error *err) {
    feat_env *envs[2] = {feat_db_blocks(db), feat_db_catalog(db)};
    MDB_txn *txns[2] = {blocks, catalog};
    feat_status status = FEAT_OK;
    for (size_t i = 0; i < 2 && status == FEAT_OK; i++) status = count_records(envs[i], txns[i], &c->total, err);
    for (size_t i = 0; i < 2 && status == FEAT_OK; i++) {
        char *path = join(directory, names[i]);
        status = path ? copy_file(c, envs[i], txns[i], path, err) : feat_fail_memory(err);
        feat_free(path);
    }
    if (status == FEAT_OK && tail->found) status = feat_tail_copy_write(tail, directory, err);
    remove_files(directory, 2, 4); /* LMDB's own, of this process */
    return status == FEAT_OK ? feat_sync_directory(directory, err) : status;
}

feat_status feat_directory_appear(const char *made, const char *path, feat_error *err) {
    if (rename(made, path) != 0) {
        if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
            return feat_fail(err, FEAT_EXISTS, "'%s' is there already; name a new or an empty directory", path);
        return feat_fail_os(err, errno, "renaming '%s' to '%s'", made, path);
    }
    char *parent = join(path, "..");
    if (!parent) return feat_fail_memory(err);
    feat_status status = feat_sync_directory(parent, err);
    feat_free(parent);
    return status == FEAT_READ_ONLY ? FEAT_OK : status; /* a parent that may not be read */
}

/* The two transactions, and the rows that were pushed behind them. A fold in between takes these to a version that the
 * transactions do not see: then all begins again. A writer that died after a fold may have left the file behind for
 * good; there is nothing in it then. */
static feat_status begin_all(feat_db *db, MDB_txn **catalog, MDB_txn **blocks, feat_tail_copy *tail, feat_error *err) {
    uint64_t epoch = 0;
    for (int i = 0, same = 0;; i++) {
        FEAT_TRY(feat_db_begin_both(db, catalog, blocks, err));
        feat_status status = feat_tail_copy_read(db, *catalog, tail, err);
        same = tail->epoch == epoch ? same + 1 : 0;
        epoch = tail->epoch;
        if (status == FEAT_OK && (!tail->again || same > 10)) return FEAT_OK;
        feat_env_abort(*blocks);
        feat_env_abort(*catalog);
        FEAT_TRY(status);
        if (i == TRIES) return feat_fail(err, FEAT_BUSY, "the store changes too fast for a backup to begin; try again");
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
}

static feat_status backup_into(copying *c, feat_db *db, const char *directory, const char *path, feat_error *err) {
    MDB_txn *catalog, *blocks;
    feat_tail_copy tail;
    if (mkdir(directory, 0700) != 0) return feat_fail_os(err, errno, "making the directory '%s'", directory);
    feat_status status = begin_all(db, &catalog, &blocks, &tail, err);
    if (status == FEAT_OK) {
        status = copy_both(c, db, catalog, blocks, &tail, directory, err);
        feat_free(tail.bytes);
        feat_env_abort(blocks);
        feat_env_abort(catalog);
    }
    if (status == FEAT_OK) status = feat_directory_appear(directory, path, err);
    if (status != FEAT_OK) {
        feat_directory_discard(directory);
    }
    return status;
}

feat_status feat_db_backup(feat_db *db, const char *path, feat_progress *progress, void *context, feat_error *err) {
    copying c = {.progress = progress, .context = context};
    feat_buffer name;
    struct stat st;
    size_t length = strlen(path);
    FEAT_TRY(feat_db_check(db, err));
    while (length > 1 && path[length - 1] == '/') length--;
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return feat_fail(err, FEAT_EXISTS, "'%s' is there already; name a new or an empty directory", path);
    feat_buffer_init(&name);
    feat_buffer_printf(&name, "%.*s.%ld.new", (int)length, path, (long)getpid());
    char *directory = feat_buffer_take_text(&name);
    if (!directory) return feat_fail_memory(err);
    feat_status status = backup_into(&c, db, directory, path, err);
    feat_free(directory);
    return status;
}
