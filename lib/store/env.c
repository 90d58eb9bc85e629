/* LMDB environments: the registry of those open in this process, creation, transactions, growth of the map. */
#define _GNU_SOURCE /* renameat2, O_CLOEXEC */
#include "store/env.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "store/gate.h"

#define READERS 2048

struct feat_env {
    feat_env *next; /* in the registry */
    MDB_env *lmdb;
    MDB_dbi dbi;
    char *path;
    dev_t device;
    ino_t inode;
    size_t references;
    uint64_t forks;
    unsigned page_size;
    bool write;
    int fd;                 /* to see the file's length */
    _Atomic int64_t length; /* greatest seen: a file of a store never shrinks */
    _Atomic bool poisoned;
    /* The map may move only while no transaction looks at it. */
    _Atomic size_t active;
    _Atomic bool remapping;
    pthread_mutex_t remap_lock;
};

/* ---- The registry: the one mutable state of the process, because locks of the operating system are the process's.
 * LMDB must not open a file twice in a process: closing either would drop the other's locks. ---- */

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static feat_env *registry;
static _Atomic uint64_t forks;
static pthread_once_t fork_hook = PTHREAD_ONCE_INIT;

static void before_fork(void) { pthread_mutex_lock(&registry_lock); }
static void after_fork_parent(void) { pthread_mutex_unlock(&registry_lock); }
/* The parent's environments stay mapped but are never touched again: even closing them would be felt by the parent. */
static void after_fork_child(void) {
    registry = NULL;
    atomic_fetch_add(&forks, 1);
    pthread_mutex_init(&registry_lock, NULL);
}
static void hook_forks(void) { pthread_atfork(before_fork, after_fork_parent, after_fork_child); }

uint64_t feat_fork_count(void) {
    pthread_once(&fork_hook, hook_forks);
    return atomic_load_explicit(&forks, memory_order_relaxed);
}

feat_status feat_env_check(const feat_env *env, feat_error *err) {
    if (env->forks != atomic_load_explicit(&forks, memory_order_relaxed))
        return feat_fail(err, FEAT_FORKED, "the store was opened before fork: open it again in the child process");
    if (atomic_load_explicit(&env->poisoned, memory_order_relaxed))
        return feat_fail(
            err, FEAT_IO,
            "'%s': the outcome of the last commit is unknown; close all handles of this process and reopen", env->path);
    return FEAT_OK;
}

feat_status feat_env_fail(feat_error *err, int code, const char *what) {
    switch (code) {
    case MDB_MAP_FULL:
        return feat_fail(err, FEAT_IO, "%s: the map of the file is full; close other handles and retry", what);
    case MDB_READERS_FULL:
        return feat_fail(err, FEAT_BUSY, "%s: all %d reader slots are taken; close readers", what, READERS);
    case MDB_MAP_RESIZED:
        return feat_fail(err, FEAT_BUSY, "%s: the file outgrew its map; close readers and retry", what);
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH: return feat_fail(err, FEAT_FORMAT, "%s: %s", what, mdb_strerror(code));
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_CURSOR_FULL:
    case MDB_NOTFOUND:
    case MDB_INCOMPATIBLE:
        return feat_fail(err, FEAT_CORRUPT, "%s: %s; restore the store from a copy", what, mdb_strerror(code));
    default: break;
    }
    if (code > 0) return feat_fail_os(err, code, "%s", what);
    return feat_fail(err, FEAT_INTERNAL, "%s: %s", what, mdb_strerror(code));
}

/* ---- Opening. ---- */

static size_t map_size_for(size_t least, off_t length) {
    size_t four = (size_t)length > SIZE_MAX / 8 ? SIZE_MAX / 2 : (size_t)length * 4;
    size_t size = four > least ? four : least;
    return (size + 0xffff) & ~(size_t)0xffff;
}

static void env_free(feat_env *env) {
    if (env->lmdb) mdb_env_close(env->lmdb);
    if (env->fd >= 0) close(env->fd);
    pthread_mutex_destroy(&env->remap_lock);
    feat_free(env->path);
    feat_free(env);
}

/* LMDB's lock table must be writable even for readers, except on a file system where nobody can write at all. */
static feat_status open_fail(const char *path, int rc, bool write, feat_error *err) {
    if (rc == EACCES || rc == EPERM || rc == EROFS)
        return feat_fail(err, FEAT_READ_ONLY, "'%s' or its lock table '%s-lock' cannot be %s: %s", path, path,
                         write ? "written" : "opened (readers, too, need to write the lock table)", strerror(rc));
    char what[PATH_MAX + 16];
    snprintf(what, sizeof what, "opening '%s'", path);
    return feat_env_fail(err, rc, what);
}

/* Pages are walked under a read transaction, so that a writer elsewhere does not reuse them meanwhile. */
static feat_status check_structure(feat_env *env, feat_error *err) {
    feat_status status = FEAT_BUSY;
    for (int attempt = 0; status == FEAT_BUSY && attempt < 20; attempt++) {
        MDB_txn *txn;
        int rc = mdb_txn_begin(env->lmdb, NULL, MDB_RDONLY, &txn);
        if (rc != 0) return open_fail(env->path, rc, false, err);
        rc = mdb_dbi_open(txn, NULL, 0, &env->dbi);
        status =
            rc != 0 ? open_fail(env->path, rc, false, err) : feat_gate_walk(env->path, (uint64_t)mdb_txn_id(txn), err);
        mdb_txn_abort(txn);
    }
    return status;
}

static feat_status env_new(const char *path, bool write, size_t map_size, const struct stat *st, feat_env **out,
                           feat_error *err) {
    feat_env *env = feat_alloc_zero(1, sizeof *env);
    if (!env) return feat_fail_memory(err);
    pthread_mutex_init(&env->remap_lock, NULL);
    env->fd = -1;
    env->references = 1;
    env->forks = feat_fork_count();
    env->device = st->st_dev;
    env->inode = st->st_ino;
    env->write = write;
    atomic_init(&env->length, (int64_t)st->st_size);
    feat_status status;
    env->path = feat_strdup(path);
    if (!env->path) {
        status = feat_fail_memory(err);
        goto fail;
    }
    int rc = mdb_env_create(&env->lmdb);
    if (rc == 0) rc = mdb_env_set_maxreaders(env->lmdb, READERS);
    if (rc == 0) rc = mdb_env_set_mapsize(env->lmdb, map_size_for(map_size, st->st_size));
    if (rc == 0) rc = mdb_env_set_userctx(env->lmdb, env);
    if (rc == 0) rc = mdb_env_open(env->lmdb, path, MDB_NOSUBDIR | MDB_NOTLS | (write ? 0 : MDB_RDONLY), 0600);
    if (rc != 0) {
        status = open_fail(path, rc, write, err);
        goto fail;
    }
    MDB_stat stat_of;
    mdb_env_stat(env->lmdb, &stat_of);
    env->page_size = stat_of.ms_psize;
    env->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (env->fd < 0) {
        status = feat_fail_os(err, errno, "opening '%s'", path);
        goto fail;
    }
    int dead;
    mdb_reader_check(env->lmdb, &dead);
    FEAT_GOTO(status, check_structure(env, err), fail);
    *out = env;
    return FEAT_OK;
fail:
    env_free(env);
    return status;
}

feat_status feat_env_open(const char *path, bool write, size_t map_size, feat_env **out, feat_error *err) {
    feat_status status = FEAT_OK;
    feat_fork_count(); /* the hook must stand before the first environment */
    pthread_mutex_lock(&registry_lock);
    struct stat st;
    if (stat(path, &st) != 0) {
        status = errno == ENOENT ? feat_fail(err, FEAT_NOT_FOUND, "'%s' does not exist", path)
                                 : feat_fail_os(err, errno, "opening '%s'", path);
        goto out;
    }
    feat_env *env = registry;
    while (env && (env->device != st.st_dev || env->inode != st.st_ino)) env = env->next;
    if (env) {
        if (write && !env->write)
            status = feat_fail(err, FEAT_BUSY,
                               "'%s' is open for reading in this process, from when it could not be written: "
                               "close the read-only handles first",
                               path);
        else status = feat_env_check(env, err);
        if (status == FEAT_OK) {
            env->references++;
            *out = env;
        }
        goto out;
    }
    FEAT_GOTO(status, feat_gate_file(path, err), out);
    /* A reader's environment is opened for writing where the file allows it, so that a writer of this process can share
     * it later. Nothing is written through it before. */
    bool open_write = write || (access(path, W_OK) == 0);
    FEAT_GOTO(status, env_new(path, open_write, map_size, &st, &env, err), out);
    env->next = registry;
    registry = env;
    *out = env;
out:
    pthread_mutex_unlock(&registry_lock);
    return status;
}

void feat_env_unref(feat_env *env) {
    if (!env || env->forks != feat_fork_count()) return; /* a parent's: not ours to close */
    pthread_mutex_lock(&registry_lock);
    if (--env->references == 0) {
        feat_env **at = &registry;
        while (*at != env) at = &(*at)->next;
        *at = env->next;
        env_free(env);
    }
    pthread_mutex_unlock(&registry_lock);
}

feat_env *feat_env_ref(feat_env *env) {
    pthread_mutex_lock(&registry_lock);
    env->references++;
    pthread_mutex_unlock(&registry_lock);
    return env;
}

size_t feat_env_last_txn(const feat_env *env) {
    MDB_envinfo info;
    mdb_env_info(env->lmdb, &info);
    return info.me_last_txnid;
}

/* ---- Creating. ---- */

static int write_first(const char *path, const MDB_val *key, const MDB_val *value) {
    MDB_env *lmdb;
    MDB_txn *txn;
    MDB_dbi dbi;
    int rc = mdb_env_create(&lmdb);
    if (rc != 0) return rc;
    rc = mdb_env_open(lmdb, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600);
    if (rc == 0) rc = mdb_txn_begin(lmdb, NULL, 0, &txn);
    if (rc == 0) {
        rc = mdb_dbi_open(txn, NULL, 0, &dbi);
        if (rc == 0 && key) {
            MDB_val k = *key, v = *value;
            rc = mdb_put(txn, dbi, &k, &v, 0);
        }
        if (rc == 0) rc = mdb_txn_commit(txn);
        else mdb_txn_abort(txn);
    }
    if (rc == 0) rc = mdb_env_sync(lmdb, 1);
    mdb_env_close(lmdb);
    return rc;
}

feat_status feat_env_create(const char *path, const MDB_val *key, const MDB_val *value, feat_error *err) {
    if (access(path, F_OK) == 0) return FEAT_OK;
    /* Made under another name and renamed when it is whole, so that a crash leaves no half file at `path`. */
    char part[PATH_MAX];
    int n = snprintf(part, sizeof part, "%s.%ld.new", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof part)
        return feat_fail(err, FEAT_ARGUMENT, "the path '%.200s...' is too long", path);
    pthread_mutex_lock(&registry_lock);
    unlink(part);
    feat_status status = FEAT_OK;
    int rc = write_first(part, key, value);
    if (rc != 0) {
        status = open_fail(path, rc, true, err);
    } else if (renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE) != 0 && errno != EEXIST &&
               (errno != EINVAL || rename(part, path) != 0)) {
        status = feat_fail_os(err, errno, "creating '%s'", path);
    }
    unlink(part);
    pthread_mutex_unlock(&registry_lock);
    return status;
}

/* ---- Transactions. ---- */

static void enter(feat_env *env) {
    for (;;) {
        atomic_fetch_add(&env->active, 1);
        if (!atomic_load(&env->remapping)) return;
        atomic_fetch_sub(&env->active, 1);
        pthread_mutex_lock(&env->remap_lock); /* until the map has moved */
        pthread_mutex_unlock(&env->remap_lock);
    }
}

static void leave(feat_env *env) { atomic_fetch_sub(&env->active, 1); }

/* Moves the map to `size` (0: what the file says) once no transaction is active, waiting at most `wait_ms`. */
static int remap(feat_env *env, size_t size, int wait_ms) {
    pthread_mutex_lock(&env->remap_lock);
    atomic_store(&env->remapping, true);
    for (; atomic_load(&env->active) != 0 && wait_ms > 0; wait_ms--)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    int rc = atomic_load(&env->active) != 0 ? EBUSY : mdb_env_set_mapsize(env->lmdb, size);
    atomic_store(&env->remapping, false);
    pthread_mutex_unlock(&env->remap_lock);
    return rc;
}

static void grow_if_half_full(feat_env *env) {
    MDB_envinfo info;
    mdb_env_info(env->lmdb, &info);
    size_t used = (info.me_last_pgno + 1) * env->page_size;
    if (used <= info.me_mapsize / 2) return;
    /* Not urgent below three quarters. When it cannot be done now, the next transaction tries again. */
    size_t size = info.me_mapsize;
    while (used > size / 2) size *= 2;
    remap(env, size, used > info.me_mapsize / 4 * 3 ? 1000 : 0);
}

/* A file that shrank under its map would be a bus error at the first lost page. */
static feat_status check_length(feat_env *env, feat_error *err) {
    /* What was seen is read first: another thread may see a longer file meanwhile. */
    int64_t seen = atomic_load(&env->length);
    struct stat st;
    if (fstat(env->fd, &st) != 0) return feat_fail_os(err, errno, "reading '%s'", env->path);
    if (st.st_size < seen)
        return feat_fail(err, FEAT_CORRUPT, "'%s' was cut from %lld to %lld bytes; restore the store from a copy",
                         env->path, (long long)seen, (long long)st.st_size);
    if (st.st_size > seen) atomic_store(&env->length, (int64_t)st.st_size);
    return FEAT_OK;
}

static int begin_or_renew(feat_env *env, bool write, MDB_txn **txn, bool renew) {
    int rc = 0;
    for (int attempt = 0; attempt < 3; attempt++) {
        enter(env);
        rc = renew ? mdb_txn_renew(*txn) : mdb_txn_begin(env->lmdb, NULL, write ? 0 : MDB_RDONLY, txn);
        if (rc == 0) return 0;
        leave(env);
        if (rc == MDB_MAP_RESIZED) {
            int moved = remap(env, 0, 10000);
            if (moved != 0 && moved != EBUSY) return moved;
        } else if (rc == MDB_READERS_FULL) {
            feat_env_reap(env);
        } else {
            return rc;
        }
    }
    return rc;
}

feat_status feat_env_begin(feat_env *env, bool write, MDB_txn **txn, feat_error *err) {
    FEAT_TRY(feat_env_check(env, err));
    FEAT_TRY(check_length(env, err));
    if (write && !env->write) return feat_fail(err, FEAT_READ_ONLY, "'%s' is open for reading only", env->path);
    if (write) grow_if_half_full(env);
    MDB_txn *begun;
    int rc = begin_or_renew(env, write, &begun, false);
    if (rc != 0) return feat_env_fail(err, rc, "beginning a transaction");
    *txn = begun;
    return FEAT_OK;
}

feat_status feat_env_commit(feat_env *env, MDB_txn *txn, feat_error *err) {
    int rc = mdb_txn_commit(txn);
    leave(env);
    if (rc == 0) return FEAT_OK;
    if (rc == MDB_BAD_TXN) return feat_env_fail(err, rc, "committing"); /* refused before anything was written */
    /* Whether the file holds the transaction is for the file to say, after it has been opened anew. */
    atomic_store(&env->poisoned, true);
    return feat_fail(
        err, FEAT_IO,
        "'%s': a commit failed (%s) and its outcome is unknown; close all handles of this process and reopen",
        env->path, mdb_strerror(rc));
}

static feat_env *env_of(MDB_txn *txn) { return mdb_env_get_userctx(mdb_txn_env(txn)); }

void feat_env_abort(MDB_txn *txn) {
    feat_env *env = env_of(txn);
    if (env->forks != feat_fork_count()) return;
    /* A reader that was reset counts as gone already; LMDB has no databases for it. */
    MDB_stat unused;
    bool idle = mdb_stat(txn, env->dbi, &unused) == EINVAL;
    mdb_txn_abort(txn);
    if (!idle) leave(env);
}

void feat_env_reset(MDB_txn *txn) {
    feat_env *env = env_of(txn);
    mdb_txn_reset(txn);
    leave(env);
}

feat_status feat_env_renew(feat_env *env, MDB_txn *txn, feat_error *err) {
    FEAT_TRY(feat_env_check(env, err));
    int rc = begin_or_renew(env, false, &txn, true);
    return rc == 0 ? FEAT_OK : feat_env_fail(err, rc, "renewing a reader");
}

MDB_dbi feat_env_dbi(const feat_env *env) { return env->dbi; }

void feat_env_reap(feat_env *env) {
    int dead;
    mdb_reader_check(env->lmdb, &dead);
}
