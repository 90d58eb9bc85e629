/* Opening: what is a store and what is not, modes, the writer's lock, other threads and processes, fork. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "store/db.h"
#include "store/gate.h"
#include "support.h"

static int64_t limit;
static bool below_limit(int64_t n) { return n < limit; }

static void write_file(const char *path, const void *bytes, size_t size) {
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

static void poke(const char *path, long at, const void *bytes, size_t size) {
    FILE *f = fopen(path, "r+b");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, at, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

static int entries_in(const char *path) {
    char command[700];
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", path);
    FILE *f = popen(command, "r");
    int n = -1;
    ck_assert_int_eq(fscanf(f, "%d", &n), 1);
    pclose(f);
    return n;
}

/* Runs `body` in a child; its return value. */
static int in_child(int (*body)(const char *), const char *argument) {
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) _exit(body(argument));
    int status = 0;
    waitpid(pid, &status, 0);
    ck_assert_msg(WIFEXITED(status), "the child ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

START_TEST(not_a_store) {
    feat_db *db = NULL;
    static const feat_mode modes[] = {FEAT_MODE_WRITE, FEAT_MODE_READ, FEAT_MODE_CREATE};
    for (int i = 0; i < 3; i++) {
        if (modes[i] != FEAT_MODE_CREATE)
            FAILS(feat_db_open(path_in("none"), modes[i], &db, err), FEAT_NOT_FOUND, "none");
        FAILS(feat_db_open(path_in("none/below"), modes[i], &db, err), FEAT_NOT_FOUND, "below");
        write_file(path_in("file"), "x", 1);
        FAILS(feat_db_open(path_in("file"), modes[i], &db, err), FEAT_FORMAT, "a store is a directory");
        mkdir(path_in("other"), 0700);
        write_file(path_in("other/notes.txt"), "x", 1);
        FAILS(feat_db_open(path_in("other"), modes[i], &db, err), FEAT_FORMAT, "no libfeat store");
        ck_assert_int_eq(entries_in(path_in("other")), 1);
        mkdir(path_in("imitation"), 0700);
        write_file(path_in("imitation/catalog.mdb"), "short", 5);
        if (modes[i] == FEAT_MODE_READ) write_file(path_in("imitation/blocks.mdb"), "short", 5);
        feat_status expected = modes[i] == FEAT_MODE_WRITE ? FEAT_CORRUPT : FEAT_FORMAT; /* without blocks, and with */
        if (modes[i] != FEAT_MODE_CREATE)
            FAILS(feat_db_open(path_in("imitation"), modes[i], &db, err), expected, "imitation");
    }
    mkdir(path_in("empty"), 0700);
    FAILS(feat_db_open(path_in("empty"), FEAT_MODE_WRITE, &db, err), FEAT_FORMAT, "no libfeat store");
    FAILS(feat_db_open(path_in("empty"), FEAT_MODE_READ, &db, err), FEAT_FORMAT, "no libfeat store");
    ck_assert_int_eq(entries_in(path_in("empty")), 0);
    FAILS(feat_db_open("", FEAT_MODE_CREATE, &db, err), FEAT_ARGUMENT, "empty");
    FAILS(feat_db_open("x", (feat_mode)9, &db, err), FEAT_ARGUMENT, "9");
    ck_assert_ptr_null(db);
    OK(feat_db_open(path_in("empty"), FEAT_MODE_CREATE, &db, err));
    feat_db_unref(db);
}
END_TEST

START_TEST(interrupted_creation_is_finished) {
    mkdir(path_in("s"), 0700);
    write_file(path_in("s/writer.lock"), "", 0);
    write_file(path_in("s/catalog.mdb.77.new"), "half", 4);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    feat_db_unref(db);
    db = open_db(path_in("s"), FEAT_MODE_WRITE);
    feat_db_unref(db);
}
END_TEST

static void foreign_catalog(const char *path, const void *payload, size_t size) {
    uint8_t value[64];
    memcpy(value + FEAT_ENVELOPE_SIZE, payload, size);
    feat_envelope_seal(value, FEAT_KIND_FORMAT, FEAT_FORMAT_KEY, 1, value + FEAT_ENVELOPE_SIZE, size);
    MDB_val k = {1, (void *)(uintptr_t)FEAT_FORMAT_KEY}, v = {FEAT_ENVELOPE_SIZE + size, value};
    ck_assert_int_eq(unlink(path), 0);
    OK(feat_env_create(path, &k, &v, err));
}

START_TEST(format_versions) {
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE), *other = NULL;
    feat_db_unref(db);
    foreign_catalog(path_in("s/catalog.mdb"), "libfeat\0\7\0\0\0", 12);
    FAILS(feat_db_open(path_in("s"), FEAT_MODE_WRITE, &other, err), FEAT_FORMAT,
          "has format version 7; this library reads version 4: use a newer library");
    foreign_catalog(path_in("s/catalog.mdb"), "another\0\1\0\0\0", 12);
    FAILS(feat_db_open(path_in("s"), FEAT_MODE_CREATE, &other, err), FEAT_FORMAT, "another's");
    ck_assert_int_eq(unlink(path_in("s/catalog.mdb")), 0);
    OK(feat_env_create(path_in("s/catalog.mdb"), NULL, NULL, err));
    FAILS(feat_db_open(path_in("s"), FEAT_MODE_READ, &other, err), FEAT_FORMAT, "no format record");
}
END_TEST

/* Each damage to the meta pages is told before LMDB maps the file. */
START_TEST(gate) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    for (int i = 0; i < 3; i++) write_rows(db, &schema, i * 5000, 5000, 5000);
    feat_db_unref(db);
    static const struct {
        const char *what;
        long at;
        const char *bytes;
        size_t size;
        feat_status expected;
    } cases[] = {
        {"magic", 16, "\0\0\0\0", 4, FEAT_FORMAT},
        {"magic of the second", 4096 + 16, "\1", 1, FEAT_CORRUPT},
        {"data version", 20, "\7\0\0\0", 4, FEAT_FORMAT},
        {"page size 0", 40, "\0\0\0\0", 4, FEAT_CORRUPT},
        {"page size 3000", 40, "\xb8\x0b\0\0", 4, FEAT_CORRUPT},
        {"page size of another system", 40, "\0\x40\0\0", 4, FEAT_FORMAT},
        {"flags", 10, "\2", 1, FEAT_FORMAT},
        {"map size", 36, "\xff\xff\xff\xff", 4, FEAT_CORRUPT},
        {"fixed map", 44, "\x09", 1, FEAT_CORRUPT},
        {"depth", 94, "\x60", 1, FEAT_CORRUPT},
        {"root", 132, "\xff", 1, FEAT_CORRUPT},
        {"root behind the file", 4096 + 129, "\xff", 1, FEAT_CORRUPT},
        {"last page", 142, "\xff", 1, FEAT_CORRUPT},
    };
    static const char *files[] = {"catalog.mdb", "blocks.mdb"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int f = 0; f < 2; f++) {
            copy_tree(path_in("s"), path_in("t"));
            char file[64];
            snprintf(file, sizeof file, "t/%s", files[f]);
            poke(path_in(file), cases[i].at, cases[i].bytes, cases[i].size);
            feat_error err = {.code = FEAT_OK};
            db = NULL;
            feat_status status = feat_db_open(path_in("t"), FEAT_MODE_WRITE, &db, &err);
            /* In blocks.mdb of a catalog that is good, all is damage, but for a page size of another system. */
            bool right = status == cases[i].expected || (f == 1 && status == FEAT_CORRUPT);
            ck_assert_msg(right, "%s in %s: %s %s", cases[i].what, files[f], feat_status_name(status), err.message);
        }
}
END_TEST

START_TEST(truncated) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    for (int i = 0; i < 3; i++) write_rows(db, &schema, i * 20000, 20000, 20000);
    feat_db_unref(db);
    static const char *files[] = {"s/catalog.mdb", "s/blocks.mdb"}, *copies[] = {"t/catalog.mdb", "t/blocks.mdb"};
    for (int f = 0; f < 2; f++) {
        struct stat st;
        ck_assert_int_eq(stat(path_in(files[f]), &st), 0);
        for (off_t size = 0; size < st.st_size; size += st.st_size / 23 + 1) {
            copy_tree(path_in("s"), path_in("t"));
            ck_assert_int_eq(truncate(path_in(copies[f]), size), 0);
            feat_error err = {.code = FEAT_OK};
            db = NULL;
            feat_status status = feat_db_open(path_in("t"), FEAT_MODE_READ, &db, &err);
            ck_assert_msg(status == FEAT_CORRUPT || (status == FEAT_FORMAT && size < 4096), "%lld bytes: %s %s",
                          (long long)size, feat_status_name(status), err.message);
        }
    }
    /* Cut while it is open. */
    db = open_db(path_in("s"), FEAT_MODE_READ);
    ck_assert_int_eq(truncate(path_in("s/blocks.mdb"), 8192), 0);
    feat_table_version *tv = NULL;
    FAILS(feat_table_open(db, &schema, 3, &tv, err), FEAT_CORRUPT, "was cut");
    feat_db_unref(db);
}
END_TEST

START_TEST(modes) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    write_rows(db, &schema, 0, 10, 10);
    ck_assert(feat_db_writable(db));
    struct stat st;
    ck_assert_int_eq(stat(path_in("s/blocks.mdb"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    /* Handles of one process share; a reader's refuses to write. */
    feat_db *reader = open_db(path_in("s"), FEAT_MODE_READ);
    FAILS(feat_db_lock(reader, 0, err), FEAT_READ_ONLY, "open for reading");
    ck_assert(!feat_db_writable(reader));
    feat_db_unref(db);
    int before = entries_in(path_in("s"));
    limit = 10;
    assert_version(reader, &schema, 1, 10, below_limit);
    feat_env *env = NULL;
    FAILS(feat_db_online(reader, &env, err), FEAT_NOT_FOUND, "feat_deploy");
    ck_assert_int_eq(entries_in(path_in("s")), before);
    /* A writer after a reader in one process. */
    db = open_db(path_in("s"), FEAT_MODE_WRITE);
    write_rows(db, &schema, 10, 5, 5);
    limit = 15;
    assert_version(reader, &schema, 2, 15, below_limit);
    OK(feat_db_online(db, &env, err));
    feat_env *again = NULL;
    OK(feat_db_online(db, &again, err));
    ck_assert_ptr_eq(env, again);
    OK(feat_db_online(reader, &again, err));
    ck_assert_ptr_eq(env, again);
    feat_db *more = feat_db_ref(db);
    feat_db_unref(db);
    OK(feat_db_check(more, err));
    feat_db_unref(more);
    feat_db_unref(reader);
    feat_db_unref(NULL);
}
END_TEST

/* ---- Directories that cannot be written. Root may write anything, so a child becomes somebody else first. ---- */

static int open_as_other(const char *path) {
    feat_db *db = NULL;
    feat_error err = {.code = FEAT_OK};
    if (setgid(65534) != 0 || setuid(65534) != 0) return 77;
    feat_status status = feat_db_open(path, FEAT_MODE_WRITE, &db, &err);
    if (status != FEAT_READ_ONLY || !strstr(err.message, path)) return 1;
    status = feat_db_open(path, FEAT_MODE_CREATE, &db, &err);
    if (status != FEAT_READ_ONLY) return 2;
    char below[600];
    snprintf(below, sizeof below, "%s/new", path);
    if (feat_db_open(below, FEAT_MODE_CREATE, &db, &err) != FEAT_READ_ONLY) return 3;
    /* Reading needs the files and their lock tables, not the directory. */
    status = feat_db_open(path, FEAT_MODE_READ, &db, &err);
    if (status != FEAT_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 4;
    }
    uint64_t version = 0;
    if (feat_version_newest(db, &version, &err) != FEAT_OK || version != 1) return 5;
    feat_db_unref(db);
    return 0;
}

START_TEST(read_only_directory) {
    if (geteuid() != 0) return;
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    write_rows(db, &schema, 0, 10, 10);
    feat_db_unref(db);
    char command[1024];
    snprintf(command, sizeof command, "chmod 755 '%s' '%s/s' && chmod 666 '%s'/s/*", directory, directory, directory);
    ck_assert_int_eq(system(command), 0);
    int rc = in_child(open_as_other, path_in("s"));
    ck_assert_msg(rc == 0 || rc == 77, "check %d in the child", rc);
}
END_TEST

/* ---- The lock. ---- */

static int lock_in_child(const char *path) {
    feat_db *db = NULL;
    feat_error err = {.code = FEAT_OK};
    if (feat_db_open(path, FEAT_MODE_WRITE, &db, &err) != FEAT_OK) return 2;
    feat_status status = feat_db_lock(db, 0, &err);
    feat_db_unref(db);
    return status == FEAT_OK ? 0 : status == FEAT_BUSY ? 1 : 3;
}

typedef struct contender {
    feat_db *db;
    uint32_t timeout_ms;
    feat_status status;
} contender;

static void *lock_in_thread(void *argument) {
    contender *c = argument;
    c->status = feat_db_lock(c->db, c->timeout_ms, NULL);
    if (c->status == FEAT_OK) feat_db_unlock(c->db);
    return NULL;
}

static feat_status contend(feat_db *db, uint32_t timeout_ms) {
    contender c = {db, timeout_ms, FEAT_OK};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, lock_in_thread, &c), 0);
    pthread_join(thread, NULL);
    return c.status;
}

START_TEST(one_writer) {
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE), *second = open_db(path_in("s"), FEAT_MODE_WRITE);
    OK(feat_db_lock(db, 0, err));
    FAILS(feat_db_lock(second, 0, err), FEAT_BUSY, "another writer");
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    FAILS(feat_db_lock(second, 150, err), FEAT_BUSY, "waited 150 ms");
    clock_gettime(CLOCK_MONOTONIC, &to);
    double waited = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    ck_assert_msg(waited > 140 && waited < 5000, "waited %f ms", waited);
    ck_assert_int_eq(contend(db, 0), FEAT_BUSY);
    ck_assert_int_eq(contend(second, 10), FEAT_BUSY);
    ck_assert_int_eq(in_child(lock_in_child, path_in("s")), 1);
    feat_db_unlock(db);
    ck_assert_int_eq(in_child(lock_in_child, path_in("s")), 0);
    ck_assert_int_eq(contend(second, 0), FEAT_OK);
    OK(feat_db_lock(second, 0, err));
    feat_db_unref(second); /* gives the lock back */
    OK(feat_db_lock(db, 0, err));
    feat_db_unlock(db);
    feat_db_unlock(db);
    feat_db_unref(db);
}
END_TEST

/* A child of fork neither takes the lock away nor keeps it. */
static int drop_parent(const char *unused) {
    (void)unused;
    usleep(100000);
    return 0;
}

START_TEST(lock_and_fork) {
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    OK(feat_db_lock(db, 0, err));
    pid_t pid = fork();
    if (pid == 0) _exit(drop_parent(NULL));
    feat_db_unlock(db);
    ck_assert_int_eq(in_child(lock_in_child, path_in("s")), 0); /* though the first child lives */
    waitpid(pid, NULL, 0);
    OK(feat_db_lock(db, 0, err));
    pid = fork();
    if (pid == 0) {
        feat_db_unref(db);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    ck_assert_int_eq(in_child(lock_in_child, path_in("s")), 1);
    feat_db_unref(db);
}
END_TEST

/* ---- Fork. ---- */

static feat_db *parents;

static int use_after_fork(const char *path) {
    feat_error err = {.code = FEAT_OK};
    uint64_t version = 0;
    feat_db *db = NULL;
    feat_table_version *tv = NULL;
    feat_schema schema = every_schema(1);
    if (feat_db_check(parents, &err) != FEAT_FORKED) return 1;
    if (feat_version_newest(parents, &version, &err) != FEAT_FORKED) return 2;
    if (feat_table_open(parents, &schema, 1, &tv, &err) != FEAT_FORKED) return 3;
    if (feat_db_lock(parents, 0, &err) != FEAT_FORKED) return 4;
    if (feat_db_open(path, FEAT_MODE_WRITE, &db, &err) != FEAT_OK) return 5;
    if (feat_db_check(db, &err) != FEAT_OK || feat_version_newest(db, &version, &err) != FEAT_OK || version != 1)
        return 6;
    feat_db_unref(parents);
    feat_db_unref(db);
    return 0;
}

START_TEST(forked) {
    feat_schema schema = every_schema(1);
    parents = open_db(path_in("s"), FEAT_MODE_CREATE);
    write_rows(parents, &schema, 0, 10, 10);
    ck_assert_int_eq(in_child(use_after_fork, path_in("s")), 0);
    OK(feat_db_check(parents, err));
    write_rows(parents, &schema, 10, 10, 10);
    limit = 20;
    assert_version(parents, &schema, 2, 20, below_limit);
    feat_db_unref(parents);
}
END_TEST

/* ---- Other processes see commits. ---- */

static int follow(const char *path) {
    feat_db *db = NULL;
    feat_error err = {.code = FEAT_OK};
    feat_schema schema = every_schema(1);
    if (feat_db_open(path, FEAT_MODE_READ, &db, &err) != FEAT_OK) return 1;
    uint64_t last = 0;
    for (int i = 0; i < 20000 && last < 20; i++) {
        uint64_t version = 0;
        if (feat_version_newest(db, &version, &err) != FEAT_OK || version < last) return 2;
        if (version != last) {
            feat_table_version *tv = NULL;
            if (feat_table_open(db, &schema, version, &tv, &err) != FEAT_OK) return 3;
            if (feat_table_rows(tv) != (int64_t)version * 50) return 4;
            feat_column ids;
            feat_column_init(&ids, FEAT_TYPE_BIGINT);
            for (size_t s = 0; s < feat_table_segments(tv); s++)
                if (feat_table_read(tv, s, every_column, 1, &ids, &err) != FEAT_OK) return 5;
            if (ids.length != version * 50) return 6;
            feat_column_done(&ids);
            feat_table_close(tv);
        }
        last = version;
        usleep(1000);
    }
    feat_db_unref(db);
    return last == 20 ? 0 : 7;
}

START_TEST(readers_see_commits) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    pid_t pid = fork();
    if (pid == 0) _exit(follow(path_in("s")));
    for (int i = 0; i < 20; i++) write_rows(db, &schema, i * 50, 50, 50);
    int status = 0;
    waitpid(pid, &status, 0);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
    feat_db_unref(db);
}
END_TEST

typedef struct watcher {
    feat_db *db;
    uint64_t last;
    int wrong;
    feat_error err;
} watcher;

static void *watch(void *argument) {
    watcher *w = argument;
    feat_schema schema = every_schema(1);
    feat_column ids;
    feat_column_init(&ids, FEAT_TYPE_BIGINT);
    while (w->last < 15 && !w->wrong) {
        feat_table_version *tv = NULL;
        if (feat_version_newest(w->db, &w->last, &w->err) != FEAT_OK ||
            feat_table_open(w->db, &schema, w->last, &tv, &w->err) != FEAT_OK) {
            w->wrong = 1;
            break;
        }
        feat_column_clear(&ids);
        for (size_t s = 0; s < feat_table_segments(tv); s++)
            if (feat_table_read(tv, s, every_column, 1, &ids, &w->err) != FEAT_OK) w->wrong = 2;
        if (ids.length != w->last * 300) w->wrong = 3;
        for (size_t i = 0; i < ids.length; i++)
            if (feat_column_int(&ids, i) != (int64_t)i) w->wrong = 4;
        feat_table_close(tv);
    }
    feat_column_done(&ids);
    return NULL;
}

START_TEST(readers_in_threads) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE), *reader = open_db(path_in("s"), FEAT_MODE_READ);
    watcher watchers[4] = {{.db = db}, {.db = db}, {.db = reader}, {.db = reader}};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, watch, &watchers[i]), 0);
    for (int i = 0; i < 15; i++) write_rows(db, &schema, i * 300, 300, 100);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_msg(watchers[i].wrong == 0, "%d: %s", watchers[i].wrong, watchers[i].err.message);
    }
    feat_db_unref(db);
    feat_db_unref(reader);
}
END_TEST

/* ---- Environments: the map grows between transactions, and a reader's handle lives through it. ---- */

static void put_number(feat_env *env, uint32_t number, size_t size) {
    MDB_txn *txn = NULL;
    static char bytes[65520];
    memset(bytes, (int)number, size);
    OK(feat_env_begin(env, true, &txn, err));
    MDB_val k = {4, &number}, v = {size, bytes};
    ck_assert_int_eq(mdb_put(txn, feat_env_dbi(env), &k, &v, 0), 0);
    OK(feat_env_commit(env, txn, err));
}

static int fill_in_child(const char *path) {
    feat_env *env = NULL;
    if (feat_env_open(path, true, (size_t)64 << 20, &env, NULL) != FEAT_OK) return 1;
    for (uint32_t i = 1000; i < 1100; i++) put_number(env, i, 60000);
    feat_env_unref(env);
    return 0;
}

START_TEST(map_grows) {
    feat_env *env = NULL;
    OK(feat_env_create(path_in("e.mdb"), NULL, NULL, err));
    OK(feat_env_open(path_in("e.mdb"), true, 1 << 20, &env, err));
    MDB_txn *idle = NULL;
    OK(feat_env_begin(env, false, &idle, err));
    feat_env_reset(idle);
    for (uint32_t i = 0; i < 300; i++) put_number(env, i, 50000);
    OK(feat_env_renew(env, idle, err));
    for (uint32_t i = 0; i < 300; i++) {
        MDB_val k = {4, &i}, v;
        ck_assert_int_eq(mdb_get(idle, feat_env_dbi(env), &k, &v), 0);
        ck_assert(v.mv_size == 50000 && ((char *)v.mv_data)[49999] == (char)i);
    }
    feat_env_reset(idle);
    /* Another process makes the file larger than this one's map. */
    ck_assert_int_eq(in_child(fill_in_child, path_in("e.mdb")), 0);
    OK(feat_env_renew(env, idle, err));
    uint32_t last = 1099;
    MDB_val k = {4, &last}, v;
    ck_assert_int_eq(mdb_get(idle, feat_env_dbi(env), &k, &v), 0);
    feat_env_abort(idle);
    OK(feat_env_begin(env, false, &idle, err));
    feat_env_reset(idle);
    feat_env_abort(idle); /* of an idle reader */
    for (uint32_t i = 300; i < 700; i++) put_number(env, i, 50000);
    feat_env_unref(env);
    FAILS(feat_env_open(path_in("none.mdb"), true, 1 << 20, &env, err), FEAT_NOT_FOUND, "does not exist");
}
END_TEST

/* ---- A commit that the disk refuses. ---- */

static int write_without_room(const char *path) {
    feat_db *db = NULL;
    feat_error err = {.code = FEAT_OK};
    feat_schema schema = every_schema(1);
    feat_table_writer *w = NULL;
    feat_commit_info info;
    feat_batch b;
    every_batch(&b);
    fill_rows(&b, 0, 60000);
    if (feat_db_open(path, FEAT_MODE_WRITE, &db, &err) != FEAT_OK || feat_db_lock(db, 0, &err) != FEAT_OK) return 1;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){200000, 200000});
    if (feat_table_writer_begin(db, &schema, &w, &err) != FEAT_OK) return 2;
    if (feat_table_writer_add(w, &b, &err) != FEAT_OK) return 3;
    if (feat_table_writer_commit(w, FEAT_OPERATION_APPEND, 0, &info, &err) != FEAT_IO) return 4;
    if (!strstr(err.message, "reopen")) return 5;
    if (feat_db_check(db, &err) != FEAT_IO || !strstr(err.message, "unknown")) return 6;
    uint64_t version;
    if (feat_version_newest(db, &version, &err) != FEAT_IO) return 7;
    feat_db_unref(db);
    if (feat_db_open(path, FEAT_MODE_READ, &db, &err) != FEAT_OK) return 8;
    if (feat_version_newest(db, &version, &err) != FEAT_OK || version != 1) return 9;
    feat_db_unref(db);
    return 0;
}

START_TEST(failed_commit_poisons) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    write_rows(db, &schema, 0, 100, 100);
    feat_db_unref(db);
    ck_assert_int_eq(in_child(write_without_room, path_in("s")), 0);
    db = open_db(path_in("s"), FEAT_MODE_WRITE);
    write_rows(db, &schema, 100, 100, 100);
    limit = 200;
    assert_version(db, &schema, 2, 200, below_limit);
    feat_db_unref(db);
}
END_TEST

/* ---- kill -9 at any moment. ---- */

static void write_until_killed(const char *path, int acknowledge) {
    feat_db *db = NULL;
    feat_schema schema = every_schema(1);
    uint64_t newest = 0;
    if (feat_db_open(path, FEAT_MODE_WRITE, &db, NULL) != FEAT_OK || feat_version_newest(db, &newest, NULL) != FEAT_OK)
        _exit(1);
    for (;;) {
        feat_table_version *tv = NULL;
        if (feat_table_open(db, &schema, newest, &tv, NULL) != FEAT_OK) _exit(2);
        int64_t rows = feat_table_rows(tv);
        feat_table_close(tv);
        newest = write_rows(db, &schema, rows, 1 + random_below(3000), 700).version;
        feat_version_info info = last_commit_of(db, newest, 1);
        if (write(acknowledge, &info, sizeof info) != sizeof info) _exit(3);
    }
}

START_TEST(killed) {
    feat_schema schema = every_schema(1);
    feat_db *db = open_db(path_in("s"), FEAT_MODE_CREATE);
    feat_db_unref(db);
    feat_version_info last = {.version = 0};
    int rounds = getenv("FEAT_TEST_LONG") ? 1000 : 50;
    for (int round = 0; round < rounds; round++) {
        int ends[2];
        ck_assert_int_eq(pipe(ends), 0);
        random_bits();
        pid_t pid = fork();
        if (pid == 0) write_until_killed(path_in("s"), ends[1]);
        close(ends[1]);
        usleep((useconds_t)(5000 + random_below(120000)));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        while (read(ends[0], &last, sizeof last) == sizeof last) {
        }
        close(ends[0]);
        /* What was acknowledged is there; what is there is whole. */
        db = open_db(path_in("s"), FEAT_MODE_WRITE);
        OK(feat_db_lock(db, 0, err));
        feat_db_unlock(db);
        uint64_t newest = 0;
        OK(feat_version_newest(db, &newest, err));
        ck_assert_msg(newest == last.version || newest == last.version + 1, "%llu acknowledged, %llu there",
                      (unsigned long long)last.version, (unsigned long long)newest);
        feat_table_version *tv = NULL;
        OK(feat_table_open(db, &schema, newest, &tv, err));
        limit = feat_table_rows(tv);
        feat_table_close(tv);
        if (newest == last.version) ck_assert_int_eq(limit, last.rows);
        assert_version(db, &schema, newest, limit, below_limit);
        last.version = newest;
        last.rows = limit;
        feat_db_unref(db);
    }
}
END_TEST

RUN("store/open", not_a_store, interrupted_creation_is_finished, format_versions, gate, truncated, modes,
    read_only_directory, one_writer, lock_and_fork, forked, readers_see_commits, readers_in_threads, map_grows,
    failed_commit_poisons, killed)
