/* Opening a store's directory, and the lock of its writer. */
#define _GNU_SOURCE /* open file description locks, O_CLOEXEC */
#include "store/db.h"

#include <dirent.h>
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
#include "base/buffer.h"
#include "base/digest.h"
#include "store/gate.h"
#include "store/tail.h"

#define CREATE_TIMEOUT_MS 10000

struct feat_db {
    _Atomic size_t references;
    char *path;
    char *files[5]; /* full names, in the order of file_names */
    bool writable;
    uint64_t forks;
    feat_env *catalog, *blocks;
    _Atomic(feat_env *) online; /* opened when first asked for */
    pthread_mutex_t online_lock;
    _Atomic int lock_fd;   /* -1: this handle does not hold the writer lock */
    _Atomic int parked_fd; /* of an earlier lock, for the next one; -1: none */
    feat_tail *tail;       /* the writer's; NULL until it is asked for */
    feat_tail_view *view;  /* of a handle that shows pushed rows, too */
    _Atomic bool writing;
};

enum { FILE_CATALOG, FILE_BLOCKS, FILE_ONLINE, FILE_LOCK, FILE_TAIL, FILES };
static const char *const file_names[FILES] = {"catalog.mdb", "blocks.mdb", "online.mdb", "writer.lock", "tail.log"};

feat_env *feat_db_catalog(const feat_db *db) { return db->catalog; }
feat_env *feat_db_blocks(const feat_db *db) { return db->blocks; }
const char *feat_db_path(const feat_db *db) { return db->path; }
bool feat_db_writable(const feat_db *db) { return db->writable; }
feat_tail **feat_db_tail(feat_db *db) { return &db->tail; }
const char *feat_db_tail_path(const feat_db *db) { return db->files[FILE_TAIL]; }

feat_status feat_db_check(const feat_db *db, feat_error *err) {
    FEAT_TRY(feat_env_check(db->catalog, err));
    return feat_env_check(db->blocks, err);
}

feat_status feat_db_check_locked(const feat_db *db, feat_error *err) {
    FEAT_TRY(feat_db_check(db, err));
    if (atomic_load(&db->lock_fd) < 0)
        return feat_fail(err, FEAT_INTERNAL, "'%s': a change without the writer lock", db->path);
    return FEAT_OK;
}

feat_status feat_db_begin_writing(feat_db *db, feat_error *err) {
    FEAT_TRY(feat_db_check_locked(db, err));
    if (atomic_exchange(&db->writing, true))
        return feat_fail(err, FEAT_INTERNAL, "'%s': a second table writer is begun before the first has ended",
                         db->path);
    return FEAT_OK;
}

void feat_db_end_writing(feat_db *db) { atomic_store(&db->writing, false); }

feat_db *feat_db_ref(feat_db *db) {
    atomic_fetch_add(&db->references, 1);
    return db;
}

void feat_db_unref(feat_db *db) {
    if (!db || atomic_fetch_sub(&db->references, 1) != 1) return;
    feat_db_unlock(db);
    int parked = atomic_exchange(&db->parked_fd, -1);
    if (parked >= 0) close(parked);
    feat_tail_free(db->tail);
    feat_tail_view_unref(db->view);
    feat_env_unref(db->catalog);
    feat_env_unref(db->blocks);
    feat_env_unref(atomic_load(&db->online));
    pthread_mutex_destroy(&db->online_lock);
    for (int i = 0; i < FILES; i++) feat_free(db->files[i]);
    feat_free(db->path);
    feat_free(db);
}

/* ---- The writer lock: a lock of the open file description, so that two handles of one process exclude each other as
 * two processes do, and a killed process leaves nothing behind. ---- */

static int64_t now_us(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int try_lock(int fd) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    while (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
        if (errno == EINTR) continue;
        return errno == EACCES ? EAGAIN : errno;
    }
    return 0;
}

static feat_status take_lock(feat_db *db, uint32_t timeout_ms, feat_error *err) {
    if (!db->writable)
        return feat_fail(err, FEAT_READ_ONLY, "'%s' is open for reading: open it for writing to change it", db->path);
    /* Creation locks before there are environments. */
    if (db->catalog) FEAT_TRY(feat_db_check(db, err));
    int fd = atomic_exchange(&db->parked_fd, -1);
    if (fd < 0) fd = open(db->files[FILE_LOCK], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return feat_fail_os(err, errno, "opening '%s'", db->files[FILE_LOCK]);
    int64_t deadline = 0, pause_us = 20; /* a push is over soon */
    for (;;) {
        int rc = try_lock(fd);
        if (rc == 0) break;
        if (deadline == 0) deadline = now_us() + (int64_t)timeout_ms * 1000;
        int64_t left = deadline - now_us();
        if (rc != EAGAIN || left <= 0) {
            close(fd);
            if (rc != EAGAIN) return feat_fail_os(err, rc, "locking '%s'", db->files[FILE_LOCK]);
            return feat_fail(err, FEAT_BUSY,
                             "'%s': another writer holds the store (waited %u ms); try again or raise the busy timeout",
                             db->path, (unsigned)timeout_ms);
        }
        int64_t pause = pause_us < left ? pause_us : left;
        nanosleep(&(struct timespec){.tv_nsec = pause * 1000}, NULL);
        if (pause_us < 20000) pause_us *= 2;
    }
    atomic_store(&db->lock_fd, fd);
    return FEAT_OK;
}

feat_status feat_db_lock_briefly(feat_db *db, uint32_t timeout_ms, feat_error *err) {
    return take_lock(db, timeout_ms, err);
}

feat_status feat_db_lock(feat_db *db, uint32_t timeout_ms, feat_error *err) {
    FEAT_TRY(take_lock(db, timeout_ms, err));
    if (db->catalog) {
        /* The slots of dead readers would keep pages from being reused. */
        feat_env_reap(db->catalog);
        feat_env_reap(db->blocks);
    }
    return FEAT_OK;
}

void feat_db_unlock(feat_db *db) {
    int fd = atomic_exchange(&db->lock_fd, -1);
    if (fd < 0) return;
    /* A child process that shares the description must not keep the lock, nor may it take the parent's away. */
    struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    int none = -1;
    if (db->forks == feat_fork_count() && fcntl(fd, F_OFD_SETLK, &whole) == 0 &&
        atomic_compare_exchange_strong(&db->parked_fd, &none, fd))
        return;
    close(fd);
}

/* ---- Opening. ---- */

static void format_record(uint8_t *value) {
    uint8_t *payload = value + FEAT_ENVELOPE_SIZE;
    memcpy(payload, FEAT_FORMAT_ID, 8);
    for (int i = 0; i < 4; i++) payload[8 + i] = (uint8_t)((uint32_t)FEAT_FORMAT_VERSION >> (8 * i));
    feat_envelope_seal(value, FEAT_KIND_FORMAT, FEAT_FORMAT_KEY, 1, payload, FEAT_FORMAT_SIZE);
}

static feat_status check_format(const feat_db *db, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_env_begin(db->catalog, false, &txn, err));
    MDB_val key = {1, FEAT_FORMAT_KEY}, value;
    int rc = mdb_get(txn, feat_env_dbi(db->catalog), &key, &value);
    const void *payload;
    size_t size;
    feat_status status;
    if (rc == MDB_NOTFOUND) {
        status = feat_fail(err, FEAT_FORMAT, "'%s' is no libfeat store: its catalog has no format record", db->path);
    } else if (rc != 0) {
        status = feat_env_fail(err, rc, "reading the catalog");
    } else {
        status = feat_envelope_open(value.mv_data, value.mv_size, FEAT_KIND_FORMAT, FEAT_FORMAT_KEY, 1, &payload, &size,
                                    "format record", err);
    }
    if (status == FEAT_OK) {
        feat_cursor c;
        feat_cursor_init(&c, payload, size);
        const void *id = feat_cursor_bytes(&c, 8);
        uint32_t version = feat_cursor_u32(&c);
        if (c.failed || memcmp(id, FEAT_FORMAT_ID, 8) != 0)
            status = feat_fail(err, FEAT_FORMAT, "'%s' is no libfeat store: its format record is another's", db->path);
        else if (version != FEAT_FORMAT_VERSION)
            status = feat_fail(err, FEAT_FORMAT, "'%s' has format version %u; this library reads version %d: %s",
                               db->path, version, FEAT_FORMAT_VERSION,
                               version < FEAT_FORMAT_VERSION
                                   ? "export its tables with the library that made it and write them into a new store"
                                   : "use a newer library");
    }
    feat_env_abort(txn);
    return status;
}

/* True when nothing in the directory is somebody else's: it is empty, or holds what an interrupted creation left. */
static feat_status may_create(const char *path, bool *may, feat_error *err) {
    DIR *dir = opendir(path);
    if (!dir) return feat_fail_os(err, errno, "reading the directory '%s'", path);
    *may = true;
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        const char *name = entry->d_name;
        size_t length = strlen(name);
        bool ours = strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, file_names[FILE_LOCK]) == 0 ||
                    strcmp(name, file_names[FILE_BLOCKS]) == 0;
        for (int i = FILE_CATALOG; i <= FILE_BLOCKS && !ours; i++) {
            size_t n = strlen(file_names[i]);
            ours = strncmp(name, file_names[i], n) == 0 && length > n + 4 && strcmp(name + length - 4, ".new") == 0;
        }
        *may = *may && ours;
    }
    closedir(dir);
    return FEAT_OK;
}

feat_status feat_sync_directory(const char *path, feat_error *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return feat_fail_os(err, errno, "syncing the directory '%s'", path);
    int rc = fsync(fd);
    int saved = errno;
    close(fd);
    /* Some file systems have no sync of directories; they say so with EINVAL. */
    return rc == 0 || saved == EINVAL ? FEAT_OK : feat_fail_os(err, saved, "syncing the directory '%s'", path);
}

static feat_status sync_parent(const char *path, feat_error *err) {
    feat_buffer parent;
    feat_buffer_init(&parent);
    feat_buffer_printf(&parent, "%s/..", path);
    char *text = feat_buffer_take_text(&parent);
    if (!text) return feat_fail_memory(err);
    feat_status status = feat_sync_directory(text, err);
    feat_free(text);
    /* A parent that may be entered but not read cannot be synced; its owner made it so. */
    return status == FEAT_READ_ONLY ? FEAT_OK : status;
}

/* The catalog comes last: a directory with a catalog is a whole store. */
static feat_status create_files(feat_db *db, bool made, feat_error *err) {
    uint8_t record[FEAT_ENVELOPE_SIZE + FEAT_FORMAT_SIZE];
    format_record(record);
    MDB_val key = {1, FEAT_FORMAT_KEY}, value = {sizeof record, record};
    FEAT_TRY(feat_gate_filesystem(db->path, err));
    FEAT_TRY(feat_db_lock(db, CREATE_TIMEOUT_MS, err));
    feat_status status = feat_env_create(db->files[FILE_BLOCKS], NULL, NULL, err);
    if (status == FEAT_OK) status = feat_env_create(db->files[FILE_CATALOG], &key, &value, err);
    if (status == FEAT_OK) status = feat_sync_directory(db->path, err);
    if (status == FEAT_OK && made) status = sync_parent(db->path, err);
    feat_db_unlock(db);
    return status;
}

static feat_status create_if_missing(feat_db *db, feat_error *err) {
    bool made = mkdir(db->path, 0700) == 0, may = false;
    if (!made && errno != EEXIST)
        return errno == ENOENT ? feat_fail(err, FEAT_NOT_FOUND,
                                           "'%s' cannot be made: the directory above it does not exist", db->path)
                               : feat_fail_os(err, errno, "making the directory '%s'", db->path);
    struct stat st;
    if (stat(db->path, &st) == 0 && !S_ISDIR(st.st_mode))
        return feat_fail(err, FEAT_FORMAT, "'%s' is no libfeat store: it is a file, a store is a directory", db->path);
    if (access(db->files[FILE_CATALOG], F_OK) == 0) return FEAT_OK;
    FEAT_TRY(may_create(db->path, &may, err));
    if (!may)
        return feat_fail(err, FEAT_FORMAT,
                         "'%s' is no libfeat store: it holds other files; name an empty or a new directory", db->path);
    return create_files(db, made, err);
}

static feat_status find_store(feat_db *db, feat_mode mode, feat_error *err) {
    if (mode == FEAT_MODE_CREATE) FEAT_TRY(create_if_missing(db, err));
    struct stat st;
    if (stat(db->path, &st) != 0)
        return errno == ENOENT ? feat_fail(err, FEAT_NOT_FOUND,
                                           "there is no store at '%s'; open it in create mode to make one", db->path)
                               : feat_fail_os(err, errno, "opening '%s'", db->path);
    if (!S_ISDIR(st.st_mode))
        return feat_fail(err, FEAT_FORMAT, "'%s' is no libfeat store: it is a file, a store is a directory", db->path);
    if (stat(db->files[FILE_CATALOG], &st) != 0) {
        if (errno == EACCES) return feat_fail_os(err, errno, "opening '%s'", db->path);
        return feat_fail(err, FEAT_FORMAT, "'%s' is no libfeat store: it has no %s", db->path,
                         file_names[FILE_CATALOG]);
    }
    if (stat(db->files[FILE_BLOCKS], &st) != 0)
        return feat_fail(err, FEAT_CORRUPT, "'%s' has no %s; restore the store from a copy", db->path,
                         file_names[FILE_BLOCKS]);
    FEAT_TRY(feat_gate_filesystem(db->path, err));
    if (mode != FEAT_MODE_READ && access(db->path, W_OK) != 0)
        return feat_fail(err, FEAT_READ_ONLY, "the directory '%s' cannot be written; open the store for reading",
                         db->path);
    return FEAT_OK;
}

static feat_status open_envs(feat_db *db, feat_error *err) {
    FEAT_TRY(feat_env_open(db->files[FILE_CATALOG], db->writable, FEAT_ENV_MAP_SIZE, &db->catalog, err));
    FEAT_TRY(check_format(db, err));
    feat_status status = feat_env_open(db->files[FILE_BLOCKS], db->writable, FEAT_ENV_MAP_SIZE, &db->blocks, err);
    /* The catalog has shown that this is a store; so what is wrong with its blocks is damage. */
    if (status != FEAT_FORMAT) return status;
    return feat_fail(err, FEAT_CORRUPT,
                     "'%s' is damaged: it is no file of a store, though its catalog is; restore the store from a copy",
                     db->files[FILE_BLOCKS]);
}

feat_status feat_db_open(const char *path, feat_mode mode, feat_db **out, feat_error *err) {
    if (mode != FEAT_MODE_CREATE && mode != FEAT_MODE_WRITE && mode != FEAT_MODE_READ)
        return feat_fail(err, FEAT_ARGUMENT, "%d is no mode of opening", (int)mode);
    if (!path[0]) return feat_fail(err, FEAT_ARGUMENT, "the path of the store is empty");
    feat_db *db = feat_alloc_zero(1, sizeof *db);
    if (!db) return feat_fail_memory(err);
    atomic_init(&db->references, 1);
    atomic_init(&db->lock_fd, -1);
    atomic_init(&db->parked_fd, -1);
    atomic_init(&db->online, NULL);
    pthread_mutex_init(&db->online_lock, NULL);
    db->forks = feat_fork_count();
    db->writable = mode != FEAT_MODE_READ;
    feat_status status = FEAT_OK;
    db->path = feat_strdup(path);
    if (!db->path) status = feat_fail_memory(err);
    /* Files are opened later, too, when the process may have another working directory. */
    char cwd[PATH_MAX];
    const char *base = path[0] == '/' ? "" : getcwd(cwd, sizeof cwd);
    if (!base && status == FEAT_OK) status = feat_fail_os(err, errno, "reading the working directory");
    for (int i = 0; i < FILES && status == FEAT_OK; i++) {
        feat_buffer name;
        feat_buffer_init(&name);
        feat_buffer_printf(&name, "%s%s%s/%s", base, base[0] ? "/" : "", path, file_names[i]);
        db->files[i] = feat_buffer_take_text(&name);
        if (!db->files[i]) status = feat_fail_memory(err);
    }
    if (status == FEAT_OK) status = find_store(db, mode, err);
    if (status == FEAT_OK) status = open_envs(db, err);
    if (status != FEAT_OK) {
        feat_db_unref(db);
        return status;
    }
    *out = db;
    return FEAT_OK;
}

feat_status feat_db_online(feat_db *db, feat_env **env, feat_error *err) {
    FEAT_TRY(feat_db_check(db, err));
    feat_env *opened = atomic_load(&db->online);
    if (!opened) {
        feat_status status = FEAT_OK;
        const char *path = db->files[FILE_ONLINE];
        pthread_mutex_lock(&db->online_lock);
        opened = atomic_load(&db->online);
        if (!opened) {
            if (db->writable) status = feat_env_create(path, NULL, NULL, err);
            else if (access(path, F_OK) != 0)
                status = feat_fail(err, FEAT_NOT_FOUND, "'%s': no service is deployed yet; call feat_deploy", db->path);
            if (status == FEAT_OK) status = feat_env_open(path, db->writable, FEAT_ENV_MAP_SIZE, &opened, err);
            if (status == FEAT_OK) atomic_store(&db->online, opened);
        }
        pthread_mutex_unlock(&db->online_lock);
        FEAT_TRY(status);
    }
    *env = opened;
    return FEAT_OK;
}

/* ---- Pushed rows. ---- */

feat_status feat_db_sync_directory(const feat_db *db, feat_error *err) { return feat_sync_directory(db->path, err); }

feat_tail_view *feat_db_view(const feat_db *db) { return db->view; }

feat_status feat_db_with_view(feat_db *db, feat_tail_view *view, feat_db **out, feat_error *err) {
    FEAT_TRY(feat_db_check(db, err));
    feat_db *made = feat_alloc_zero(1, sizeof *made);
    if (!made) return feat_fail_memory(err);
    atomic_init(&made->references, 1);
    atomic_init(&made->lock_fd, -1);
    atomic_init(&made->parked_fd, -1);
    atomic_init(&made->online, NULL);
    pthread_mutex_init(&made->online_lock, NULL);
    made->forks = db->forks;
    made->catalog = feat_env_ref(db->catalog);
    made->blocks = feat_env_ref(db->blocks);
    made->view = feat_tail_view_ref(view);
    bool good = (made->path = feat_strdup(db->path)) != NULL;
    for (int i = 0; i < FILES && good; i++) good = (made->files[i] = feat_strdup(db->files[i])) != NULL;
    if (!good) {
        feat_db_unref(made);
        return feat_fail_memory(err);
    }
    *out = made;
    return FEAT_OK;
}

uint64_t feat_db_changes(const feat_db *db) { return feat_env_last_txn(db->catalog); }
