#define _GNU_SOURCE /* O_CLOEXEC */
#include "store/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/little.h"
#include "store/catalog.h"

#define MAGIC     UINT32_C(0x4c494154) /* "TAIL" */
#define FILE_STEP ((size_t)1 << 20)    /* the file's first size; it doubles */
#define CHECK_AT  56

static const char file_magic[16] = "libfeat\0tail";

/* Places in the page of the header. Counters that different calls write are in lines of their own. */
enum {
    AT_FORMAT = 16,
    AT_HASH = 24,
    AT_BUSY = 64,
    AT_EPOCH = 72,
    AT_WRITTEN = 80,
    AT_SEQUENCE = 88,
    AT_SYNCED = 128,
    AT_SEQUENCE_SYNCED = 136
};

struct feat_tail {
    int fd; /* opened once and kept, as is what is mapped, all of the file */
    uint8_t *map;
    size_t map_size;
    bool ready; /* `state` has been true once */
    size_t catalog_txn;
    feat_tail_state state;
    uint64_t next_epoch; /* of a fold that is being committed */
    atomic_bool failed;  /* a sync failed: what the file holds is not known */
};

/* ---- Numbers in bytes. ---- */

static uint64_t get64(const uint8_t *p) {
    uint64_t v;
    feat_little_copy(&v, p, sizeof v, 1);
    return v;
}

static uint32_t get32(const uint8_t *p) {
    uint32_t v;
    feat_little_copy(&v, p, sizeof v, 1);
    return v;
}

static void put64(uint8_t *p, uint64_t v) { feat_little_copy(p, &v, sizeof v, 1); }
static void put32(uint8_t *p, uint32_t v) { feat_little_copy(p, &v, sizeof v, 1); }

static uint64_t little64(uint64_t v) {
    uint64_t out;
    feat_little_copy(&out, &v, sizeof v, 1);
    return out;
}

/* Shared counters lie aligned in the map. */
static uint64_t load_hint(const uint8_t *page, size_t at) {
    return little64(atomic_load_explicit((const _Atomic uint64_t *)(const void *)(page + at), memory_order_acquire));
}

static void store_hint(uint8_t *page, size_t at, uint64_t v) {
    atomic_store_explicit((_Atomic uint64_t *)(void *)(page + at), little64(v), memory_order_release);
}

void feat_tail_read_hints(const uint8_t *page, feat_tail_hints *hints) {
    *hints = (feat_tail_hints){.busy = load_hint(page, AT_BUSY),
                               .epoch = load_hint(page, AT_EPOCH),
                               .written = load_hint(page, AT_WRITTEN),
                               .sequence = load_hint(page, AT_SEQUENCE),
                               .synced = load_hint(page, AT_SYNCED),
                               .sequence_synced = load_hint(page, AT_SEQUENCE_SYNCED)};
}

/* ---- Records. u32 magic, u32 size, u32 table, u32 rows, u64 sequence, i64 known time, u64 synced, XXH3-128 of the
 * payload, and XXH3-64 of all that with the epoch behind it. ---- */

static size_t padded(size_t size) { return (size + 7) & ~(size_t)7; }

static bool parse_head(const uint8_t *p, uint64_t epoch, feat_tail_record *r) {
    uint8_t head[FEAT_TAIL_RECORD_HEAD];
    if (get32(p) != MAGIC) return false;
    memcpy(head, p, CHECK_AT);
    put64(head + CHECK_AT, epoch);
    if (feat_hash64(head, sizeof head) != get64(p + CHECK_AT)) return false;
    *r = (feat_tail_record){.size = get32(p + 4),
                            .table_id = get32(p + 8),
                            .rows = get32(p + 12),
                            .sequence = get64(p + 16),
                            .known_time = (int64_t)get64(p + 24),
                            .synced = get64(p + 32),
                            .payload = p + FEAT_TAIL_RECORD_HEAD};
    return true;
}

bool feat_tail_parse(const uint8_t *bytes, size_t size, uint64_t epoch, feat_tail_record *r, size_t *taken) {
    if (size < FEAT_TAIL_RECORD_HEAD || !parse_head(bytes, epoch, r)) return false;
    if (r->size > FEAT_TAIL_MOST_BYTES || padded(r->size) > size - FEAT_TAIL_RECORD_HEAD) return false;
    feat_digest digest = feat_digest_of(r->payload, r->size);
    if (memcmp(digest.bytes, bytes + 40, sizeof digest.bytes) != 0) return false;
    *taken = FEAT_TAIL_RECORD_HEAD + padded(r->size);
    return true;
}

static void put_head(uint8_t *p, const feat_tail_record *r, uint64_t epoch) {
    feat_digest digest = feat_digest_of(r->payload, r->size);
    put32(p, MAGIC);
    put32(p + 4, (uint32_t)r->size);
    put32(p + 8, r->table_id);
    put32(p + 12, r->rows);
    put64(p + 16, r->sequence);
    put64(p + 24, (uint64_t)r->known_time);
    put64(p + 32, r->synced);
    memcpy(p + 40, digest.bytes, sizeof digest.bytes);
    put64(p + CHECK_AT, epoch);
    put64(p + CHECK_AT, feat_hash64(p, FEAT_TAIL_RECORD_HEAD));
}

static feat_status damaged(const char *path, const char *why, feat_error *err) {
    return feat_fail(err, FEAT_CORRUPT, "'%s' is damaged: %s; restore the store from a copy", path, why);
}

feat_status feat_tail_check_rest(const char *path, const uint8_t *bytes, size_t end, size_t size, uint64_t epoch,
                                 bool *any, feat_error *err) {
    *any = false;
    for (size_t at = end; size - at >= FEAT_TAIL_RECORD_HEAD; at += 8) {
        feat_tail_record r;
        if (!parse_head(bytes + at, epoch, &r)) continue;
        *any = true;
        if (r.synced > end) return damaged(path, "a record of pushed rows that was durable is not whole", err);
    }
    return FEAT_OK;
}

/* ---- The file. ---- */

feat_status feat_tail_check_header(const char *path, const uint8_t *bytes, size_t size, feat_error *err) {
    if (size < FEAT_TAIL_START || memcmp(bytes, file_magic, sizeof file_magic) != 0)
        return damaged(path, "it does not begin as it should", err);
    if (feat_hash64(bytes, AT_HASH) != get64(bytes + AT_HASH)) return damaged(path, "its header is not whole", err);
    if (get32(bytes + AT_FORMAT) != FEAT_TAIL_FORMAT)
        return feat_fail(err, FEAT_FORMAT, "'%s' has format %u; this library reads format %d", path,
                         get32(bytes + AT_FORMAT), FEAT_TAIL_FORMAT);
    return FEAT_OK;
}

static feat_status write_all(int fd, const char *path, const void *bytes, size_t size, size_t at, feat_error *err) {
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(fd, (const char *)bytes + done, size - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return feat_fail_os(err, n < 0 ? errno : ENOSPC, "writing '%s'", path);
        done += (size_t)n;
    }
    return FEAT_OK;
}

/* The map may only be written where the file has room for it: a full disk would be a bus error. Zeros that were written
 * also spare a sync the work of making the file's blocks known. */
static feat_status extend(int fd, const char *path, size_t from, size_t to, feat_error *err) {
    static const uint8_t zeros[65536];
    for (size_t at = from; at < to; at += sizeof zeros)
        FEAT_TRY(write_all(fd, path, zeros, to - at < sizeof zeros ? to - at : sizeof zeros, at, err));
    return FEAT_OK;
}

static feat_status map_file(feat_tail *t, const char *path, feat_error *err) {
    struct stat st;
    if (fstat(t->fd, &st) != 0) return feat_fail_os(err, errno, "reading '%s'", path);
    if (t->map && (size_t)st.st_size == t->map_size) return FEAT_OK;
    if ((size_t)st.st_size < FILE_STEP || (size_t)st.st_size < t->map_size) return damaged(path, "it was cut", err);
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
    if (map == MAP_FAILED) return feat_fail_os(err, errno, "mapping '%s'", path);
    if (t->map) munmap(t->map, t->map_size);
    t->map = map;
    t->map_size = (size_t)st.st_size;
    return FEAT_OK;
}

static feat_status grow(feat_tail *t, const char *path, size_t need, feat_error *err) {
    size_t size = t->map_size < FILE_STEP ? FILE_STEP : t->map_size;
    while (size < need) size *= 2;
    FEAT_TRY(extend(t->fd, path, t->map_size, size, err));
    return map_file(t, path, err);
}

static feat_status make_file(const char *path, const char *part, feat_error *err) {
    uint8_t head[FEAT_TAIL_START] = {0};
    memcpy(head, file_magic, sizeof file_magic);
    put32(head + AT_FORMAT, FEAT_TAIL_FORMAT);
    put64(head + AT_HASH, feat_hash64(head, AT_HASH));
    int fd = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return feat_fail_os(err, errno, "creating '%s'", part);
    feat_status status = write_all(fd, part, head, sizeof head, 0, err);
    if (status == FEAT_OK) status = extend(fd, part, sizeof head, FILE_STEP, err);
    if (status == FEAT_OK && fsync(fd) != 0) status = feat_fail_os(err, errno, "syncing '%s'", part);
    close(fd);
    if (status == FEAT_OK && rename(part, path) != 0) status = feat_fail_os(err, errno, "creating '%s'", path);
    if (status != FEAT_OK) unlink(part);
    return status;
}

static feat_status open_file(feat_tail *t, const char *path, feat_error *err) {
    if (t->fd < 0) {
        t->fd = open(path, O_RDWR | O_CLOEXEC);
        if (t->fd < 0)
            return errno == ENOENT
                       ? feat_fail(err, FEAT_CORRUPT,
                                   "'%s' is missing, which may hold rows; restore the store from a copy", path)
                       : feat_fail_os(err, errno, "opening '%s'", path);
    }
    FEAT_TRY(map_file(t, path, err));
    return feat_tail_check_header(path, t->map, t->map_size, err);
}

void feat_tail_free(feat_tail *t) {
    if (!t) return;
    if (t->map) munmap(t->map, t->map_size);
    if (t->fd >= 0) close(t->fd);
    feat_free(t);
}

/* ---- What the catalog says. ---- */

static const feat_catalog_key tail_key = {.bytes = {(uint8_t)FEAT_KEY_TAIL}, .size = 1};

feat_status feat_tail_catalog(feat_db *db, MDB_txn *txn, bool *found, uint64_t *epoch, uint64_t *folded,
                              feat_error *err) {
    feat_cursor in;
    FEAT_TRY(feat_catalog_get(db, txn, &tail_key, FEAT_KIND_TAIL, "record of pushed rows", found, &in, err));
    *epoch = *folded = 0;
    if (!*found) return FEAT_OK;
    *epoch = feat_cursor_u64(&in);
    *folded = feat_cursor_u64(&in);
    if (in.failed || *epoch == 0)
        return feat_fail(err, FEAT_CORRUPT, "the record of pushed rows is malformed; restore the store from a copy");
    return FEAT_OK;
}

static feat_status put_catalog(feat_db *db, MDB_txn *txn, uint64_t epoch, uint64_t folded, feat_error *err) {
    uint8_t bytes[16];
    put64(bytes, epoch);
    put64(bytes + 8, folded);
    return feat_catalog_put(db, txn, &tail_key, FEAT_KIND_TAIL, bytes, sizeof bytes, err);
}

static feat_status read_catalog(feat_db *db, feat_tail *t, bool *found, uint64_t *epoch, uint64_t *folded,
                                feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), false, &txn, err));
    t->catalog_txn = mdb_txn_id(txn);
    feat_status status = feat_tail_catalog(db, txn, found, epoch, folded, err);
    feat_env_abort(txn);
    return status;
}

/* ---- Refreshing. ---- */

static void begin_epoch(feat_tail *t, uint64_t epoch, uint64_t folded) {
    t->state = (feat_tail_state){.epoch = epoch,
                                 .folded = folded,
                                 .written = FEAT_TAIL_START,
                                 .synced = FEAT_TAIL_START,
                                 .sequence = folded,
                                 .sequence_synced = folded};
}

static void tell_written(feat_tail *t) {
    store_hint(t->map, AT_WRITTEN, t->state.written);
    store_hint(t->map, AT_SEQUENCE, t->state.sequence);
}

static void tell_synced(feat_tail *t) {
    store_hint(t->map, AT_SYNCED, t->state.synced);
    store_hint(t->map, AT_SEQUENCE_SYNCED, t->state.sequence_synced);
}

/* A reader that meets epoch 0 looks again, and so does one whose catalog names another epoch. */
static void tell_all(feat_tail *t) {
    store_hint(t->map, AT_EPOCH, 0);
    tell_written(t);
    tell_synced(t);
    store_hint(t->map, AT_EPOCH, t->state.epoch);
    store_hint(t->map, AT_BUSY, 0);
}

static feat_status sync_file(feat_tail *t, const char *path, feat_error *err) {
    if (fdatasync(t->fd) == 0) return FEAT_OK;
    atomic_store(&t->failed, true);
    return feat_fail_os(err, errno, "syncing '%s': which pushed rows are durable is unknown; reopen the store", path);
}

/* Goes on to the records behind those that are known. */
static void read_on(feat_tail *t) {
    feat_tail_state *s = &t->state;
    feat_tail_record r;
    size_t taken;
    while (feat_tail_parse(t->map + s->written, t->map_size - (size_t)s->written, s->epoch, &r, &taken)) {
        if (r.sequence != s->sequence + 1 || r.synced > s->written) return;
        s->written += taken;
        s->sequence += r.rows;
        s->known_time = r.known_time;
    }
}

/* The file as a crash may have left it: pages that were not synced are there or not. What was made durable before is
 * there; behind the first record that is not whole nothing counts, and must not come to count when the file grows up to
 * it. */
static feat_status recover(feat_tail *t, const char *path, feat_error *err) {
    feat_tail_state *s = &t->state;
    bool any;
    begin_epoch(t, s->epoch, s->folded);
    read_on(t);
    FEAT_TRY(feat_tail_check_rest(path, t->map, (size_t)s->written, t->map_size, s->epoch, &any, err));
    if (any) memset(t->map + s->written, 0, t->map_size - (size_t)s->written);
    if (any || s->written > FEAT_TAIL_START) FEAT_TRY(sync_file(t, path, err));
    s->synced = s->written;
    s->sequence_synced = s->sequence;
    tell_all(t);
    return FEAT_OK;
}

static feat_status catch_up(feat_tail *t, const char *path, uint64_t epoch, uint64_t folded, feat_error *err) {
    feat_tail_hints h;
    feat_tail_state *s = &t->state;
    FEAT_TRY(open_file(t, path, err));
    feat_tail_read_hints(t->map, &h);
    bool whole = t->ready && !h.busy && h.epoch == epoch;
    if (!whole || s->epoch != epoch) begin_epoch(t, epoch, folded);
    if (whole) {
        read_on(t);
        whole = s->written == h.written && s->sequence == h.sequence && h.synced <= s->written;
        if (whole && h.synced > s->synced) {
            s->synced = h.synced;
            s->sequence_synced = h.sequence_synced;
        }
    }
    if (!whole) FEAT_TRY(recover(t, path, err));
    t->ready = true;
    return FEAT_OK;
}

static bool is_fresh(const feat_tail *t, size_t catalog_txn) {
    if (!t->ready || t->catalog_txn != catalog_txn) return false;
    if (t->state.epoch == 0) return true;
    return load_hint(t->map, AT_BUSY) == 0 && load_hint(t->map, AT_EPOCH) == t->state.epoch &&
           load_hint(t->map, AT_WRITTEN) == t->state.written && load_hint(t->map, AT_SYNCED) == t->state.synced;
}

static feat_status refresh(feat_db *db, feat_tail **tail, feat_error *err) {
    FEAT_TRY(feat_db_check_locked(db, err));
    feat_tail **slot = feat_db_tail(db), *t = *slot;
    if (!t) {
        t = feat_alloc_zero(1, sizeof *t);
        if (!t) return feat_fail_memory(err);
        t->fd = -1;
        atomic_init(&t->failed, false);
        *slot = t;
    }
    if (atomic_load(&t->failed))
        return feat_fail(err, FEAT_IO, "'%s': a sync failed and its outcome is unknown; reopen the store",
                         feat_db_tail_path(db));
    *tail = t;
    size_t txn = feat_env_last_txn(feat_db_catalog(db));
    if (is_fresh(t, txn)) return FEAT_OK;
    bool found;
    uint64_t epoch, folded;
    FEAT_TRY(read_catalog(db, t, &found, &epoch, &folded, err));
    if (found) return catch_up(t, feat_db_tail_path(db), epoch, folded, err);
    t->state = (feat_tail_state){0};
    t->ready = true;
    return FEAT_OK;
}

feat_status feat_tail_refresh(feat_db *db, feat_tail_state *state, feat_error *err) {
    feat_tail *t;
    FEAT_TRY(refresh(db, &t, err));
    *state = t->state;
    return FEAT_OK;
}

/* ---- Appending. ---- */

/* Epochs are numbers that no store has twice, also when its tail is begun anew. */
static feat_status create(feat_db *db, feat_tail *t, feat_error *err) {
    MDB_txn *txn;
    char part[4200];
    const char *path = feat_db_tail_path(db);
    int n = snprintf(part, sizeof part, "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof part) return feat_fail(err, FEAT_ARGUMENT, "'%s': the path is too long", path);
    FEAT_TRY(make_file(path, part, err));
    FEAT_TRY(feat_db_sync_directory(db, err));
    FEAT_TRY(open_file(t, path, err));
    uint64_t epoch = (uint64_t)feat_clock_now() << 8;
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), true, &txn, err));
    feat_status status = put_catalog(db, txn, epoch, 0, err);
    if (status != FEAT_OK) {
        feat_env_abort(txn);
        return status;
    }
    FEAT_TRY(feat_env_commit(feat_db_catalog(db), txn, err));
    t->catalog_txn = feat_env_last_txn(feat_db_catalog(db));
    begin_epoch(t, epoch, 0);
    tell_all(t);
    return FEAT_OK;
}

feat_status feat_tail_append(feat_db *db, const feat_tail_record *record, feat_tail_state *state, feat_error *err) {
    feat_tail *t;
    FEAT_TRY(refresh(db, &t, err));
    feat_tail_state *s = &t->state;
    if (s->epoch == 0) FEAT_TRY(create(db, t, err));
    feat_tail_record r = *record;
    size_t size = FEAT_TAIL_RECORD_HEAD + padded(r.size), at = (size_t)s->written;
    if (r.size > FEAT_TAIL_MOST_BYTES) return feat_fail(err, FEAT_INTERNAL, "a record of pushed rows is too large");
    if (at + size > t->map_size) FEAT_TRY(grow(t, feat_db_tail_path(db), at + size, err));
    r.sequence = s->sequence + 1;
    r.synced = s->synced;
    store_hint(t->map, AT_BUSY, 1);
    atomic_thread_fence(memory_order_release);
    memcpy(t->map + at + FEAT_TAIL_RECORD_HEAD, r.payload, r.size);
    memset(t->map + at + FEAT_TAIL_RECORD_HEAD + r.size, 0, padded(r.size) - r.size);
    put_head(t->map + at, &r, s->epoch);
    s->written += size;
    s->sequence += r.rows;
    s->known_time = r.known_time;
    tell_written(t);
    store_hint(t->map, AT_BUSY, 0);
    if (state) *state = *s;
    return FEAT_OK;
}

feat_status feat_tail_walk(feat_db *db, uint64_t from, feat_tail_visit *visit, void *context, feat_error *err) {
    feat_tail *t;
    FEAT_TRY(refresh(db, &t, err));
    for (uint64_t at = from; at < t->state.written;) {
        feat_tail_record r;
        size_t taken;
        if (!feat_tail_parse(t->map + at, (size_t)(t->state.written - at), t->state.epoch, &r, &taken))
            return damaged(feat_db_tail_path(db), "a record of pushed rows is not whole", err);
        FEAT_TRY(visit(context, &r, err));
        at += taken;
    }
    return FEAT_OK;
}

/* ---- Making durable. ---- */

/* What is pushed meanwhile waits for the next flush. When all of it has been folded meanwhile it is durable, too. */
feat_status feat_tail_flush(feat_db *db, uint32_t timeout_ms, feat_tail_state *state, feat_error *err) {
    feat_tail *t;
    feat_tail_state then;
    FEAT_TRY(feat_db_lock_briefly(db, timeout_ms, err));
    feat_status status = refresh(db, &t, err);
    if (status == FEAT_OK) then = t->state;
    feat_db_unlock(db);
    FEAT_TRY(status);
    if (then.synced < then.written) {
        FEAT_TRY(sync_file(t, feat_db_tail_path(db), err));
        /* Somebody who holds the lock for long has folded first. */
        feat_error ignored;
        if (feat_db_lock_briefly(db, timeout_ms, &ignored) == FEAT_OK) {
            status = refresh(db, &t, err);
            if (status == FEAT_OK && t->state.epoch == then.epoch && t->state.synced < then.written) {
                t->state.synced = then.written;
                t->state.sequence_synced = then.sequence;
                tell_synced(t);
            }
            feat_db_unlock(db);
            FEAT_TRY(status);
        }
        then.synced = then.written;
        then.sequence_synced = then.sequence;
    }
    *state = then;
    return FEAT_OK;
}

/* ---- Folding. ---- */

feat_status feat_tail_put_folded(feat_db *db, MDB_txn *txn, feat_error *err) {
    feat_tail *t = *feat_db_tail(db);
    if (!t || !t->ready || t->state.epoch == 0) return feat_fail(err, FEAT_INTERNAL, "there is nothing to fold");
    t->next_epoch = t->state.epoch + 1;
    return put_catalog(db, txn, t->next_epoch, t->state.sequence, err);
}

void feat_tail_folded(feat_db *db) {
    feat_tail *t = *feat_db_tail(db);
    begin_epoch(t, t->next_epoch, t->state.sequence);
    t->catalog_txn = feat_env_last_txn(feat_db_catalog(db));
    tell_all(t);
}

/* ---- Copies. ---- */

feat_status feat_tail_copy_write(const feat_tail_copy *copy, const char *directory, feat_error *err) {
    char path[4200], part[4220];
    int n = snprintf(path, sizeof path, "%s/tail.log", directory);
    if (n < 0 || (size_t)n >= sizeof path)
        return feat_fail(err, FEAT_ARGUMENT, "'%s': the path is too long", directory);
    snprintf(part, sizeof part, "%s.new", path);
    FEAT_TRY(make_file(path, part, err));
    feat_tail t = {.fd = -1};
    feat_status status = open_file(&t, path, err);
    if (status == FEAT_OK && copy->size > t.map_size - FEAT_TAIL_START)
        status = grow(&t, path, FEAT_TAIL_START + copy->size, err);
    if (status == FEAT_OK) {
        begin_epoch(&t, copy->epoch, copy->sequence);
        if (copy->size > 0) memcpy(t.map + FEAT_TAIL_START, copy->bytes, copy->size);
        t.state.written = t.state.synced = FEAT_TAIL_START + copy->size;
        tell_all(&t);
        if (fsync(t.fd) != 0) status = feat_fail_os(err, errno, "syncing '%s'", path);
    }
    if (t.map) munmap(t.map, t.map_size);
    if (t.fd >= 0) close(t.fd);
    return status;
}
