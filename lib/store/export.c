/* A version of a store as one file, which does not depend on the machine: the records of the store that the version is
 * made of, as they are stored, one after the other. LMDB's own files depend on the order of bytes and the size of
 * words. */
#define _POSIX_C_SOURCE 200809L /* O_CLOEXEC, fdopen */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "store/catalog.h"
#include "store/manifest.h"
#include "store/mark.h"

#define MAGIC      "libfeat export\0\1" /* the last byte is the version of the form */
#define MAGIC_SIZE 16
#define KEY_MAX    64
#define BATCH      ((size_t)32 << 20)
#define WRITE_SIZE ((size_t)1 << 20)

typedef enum record_kind {
    RECORD_END = 0,
    RECORD_OBJECT = 1,
    RECORD_CATALOG = 2,
    RECORD_VERSION = 3,     /* u64 version, i64 known time, u32 tables, and them as a commit record has them; digest */
    RECORD_APPLICATIONS = 4 /* as feat_application_gather makes them; digest */
} record_kind;

/* ---- Writing. ---- */

typedef struct exporting {
    feat_db *db;
    MDB_txn *catalog, *blocks;
    int fd;
    off_t size;      /* of the file so far */
    feat_buffer out; /* not written yet */
    uint64_t version, records;
    feat_marks marks;
    feat_buffer tables;
    uint32_t n_tables;
    feat_progress *progress;
    void *context;
} exporting;

static feat_status flush(exporting *x, feat_error *err) {
    if (x->out.failed) return feat_fail_memory(err);
    for (size_t at = 0; at < x->out.size;) {
        ssize_t n = pwrite(x->fd, x->out.data + at, x->out.size - at, x->size);
        if (n < 0 && errno != EINTR) return feat_fail_os(err, errno, "writing an export");
        if (n > 0) {
            at += (size_t)n;
            x->size += n;
        }
    }
    feat_buffer_clear(&x->out);
    return FEAT_OK;
}

static feat_status put_record(exporting *x, record_kind kind, const void *key, size_t key_size, const void *value,
                              size_t value_size, feat_error *err) {
    uint8_t head[9] = {(uint8_t)kind};
    for (int i = 0; i < 4; i++) head[1 + i] = (uint8_t)(key_size >> 8 * i);
    for (int i = 0; i < 4; i++) head[5 + i] = (uint8_t)(value_size >> 8 * i);
    feat_buffer_append(&x->out, head, sizeof head);
    feat_buffer_append(&x->out, key, key_size);
    feat_buffer_append(&x->out, value, value_size);
    if (x->out.size >= WRITE_SIZE || x->out.failed) FEAT_TRY(flush(x, err));
    x->records++;
    if (x->progress && x->records % 1024 == 0 && x->progress(x->context, x->records, x->records + x->marks.n) != 0)
        return feat_fail(err, FEAT_CANCELLED, "stopped by the caller");
    return FEAT_OK;
}

static feat_status put_buffer(exporting *x, record_kind kind, feat_buffer *bytes, feat_error *err) {
    feat_digest d = feat_digest_of(bytes->data ? bytes->data : (unsigned char *)"", bytes->size);
    feat_buffer_append(bytes, d.bytes, sizeof d.bytes);
    if (bytes->failed) return feat_fail_memory(err);
    return put_record(x, kind, "", 0, bytes->data, bytes->size, err);
}

/* What the last commit of a table that the version is made of has made of it. */
static feat_status add_table(exporting *x, uint32_t table_id, feat_error *err) {
    uint64_t commit;
    feat_digest root;
    feat_commit_record record;
    FEAT_TRY(feat_lineage_table(x->db, x->catalog, table_id, x->version, &commit, &root, err));
    if (commit == 0) return FEAT_OK;
    FEAT_TRY(feat_commit_read(x->db, x->catalog, commit, &record, err));
    for (uint32_t i = 0; i < record.n_tables; i++) {
        feat_commit_table table;
        FEAT_TRY(feat_commit_table_read(x->db, x->catalog, &record, i, &table, err));
        if (table.table_id != table_id) continue;
        table.operation = FEAT_OPERATION_IMPORT;
        feat_commit_table_put(&x->tables, &table);
        x->n_tables++;
        return feat_marks_add_version(&x->marks, feat_db_blocks(x->db), x->blocks, table_id, &root, err);
    }
    return feat_fail(err, FEAT_CORRUPT, "commit %llu does not have a table that the catalog says it has",
                     (unsigned long long)commit);
}

/* Definitions and counters as they are; the tables that there are. */
static feat_status put_catalog(exporting *x, feat_error *err) {
    MDB_cursor *cursor;
    MDB_val k, v;
    uint32_t last = 0;
    int rc = mdb_cursor_open(x->catalog, feat_env_dbi(feat_db_catalog(x->db)), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "reading the catalog");
    feat_status status = FEAT_OK;
    for (rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST); rc == 0 && status == FEAT_OK;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        const uint8_t *key = k.mv_data;
        if (key[0] == FEAT_KEY_DEFINITION || key[0] == FEAT_KEY_COUNTER)
            status = put_record(x, RECORD_CATALOG, key, k.mv_size, v.mv_data, v.mv_size, err);
        if (key[0] != FEAT_KEY_MANIFEST || k.mv_size != 17) continue;
        uint32_t id = (uint32_t)feat_get_be(key + 1, 4);
        if (id != last) status = add_table(x, id, err);
        last = id;
    }
    mdb_cursor_close(cursor);
    if (status == FEAT_OK && rc != 0 && rc != MDB_NOTFOUND) status = feat_env_fail(err, rc, "reading the catalog");
    return status;
}

static feat_status put_objects(exporting *x, feat_error *err) {
    MDB_cursor *cursor;
    MDB_val k, v;
    int rc = mdb_cursor_open(x->blocks, feat_env_dbi(feat_db_blocks(x->db)), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "reading the blocks");
    feat_status status = FEAT_OK;
    for (rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST); rc == 0 && status == FEAT_OK;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT))
        if (k.mv_size == sizeof(feat_digest) && feat_marks_has(&x->marks, k.mv_data))
            status = put_record(x, RECORD_OBJECT, k.mv_data, k.mv_size, v.mv_data, v.mv_size, err);
    mdb_cursor_close(cursor);
    if (status == FEAT_OK && rc != 0 && rc != MDB_NOTFOUND) status = feat_env_fail(err, rc, "reading the blocks");
    return status;
}

static feat_status put_version(exporting *x, feat_error *err) {
    feat_commit_record record = {.n_tables = 0};
    feat_buffer bytes;
    if (x->version > 0) FEAT_TRY(feat_commit_read(x->db, x->catalog, x->version, &record, err));
    feat_buffer_init(&bytes);
    feat_buffer_u64(&bytes, x->version);
    feat_buffer_u64(&bytes, (uint64_t)record.info.known_time);
    feat_buffer_u32(&bytes, x->n_tables);
    feat_buffer_append(&bytes, x->tables.data, x->tables.size);
    feat_status status = x->tables.failed ? feat_fail_memory(err) : put_buffer(x, RECORD_VERSION, &bytes, err);
    feat_buffer_clear(&bytes);
    feat_lineage line = {.upto = 0};
    if (status == FEAT_OK) status = feat_lineage_begin(x->db, x->catalog, x->version, &line, err);
    while (status == FEAT_OK && line.upto > 0) {
        status = feat_application_gather(x->db, x->catalog, line.branch, line.upto, &bytes, err);
        if (status == FEAT_OK) status = feat_lineage_next(x->db, x->catalog, &line, err);
    }
    if (status == FEAT_OK) status = put_buffer(x, RECORD_APPLICATIONS, &bytes, err);
    feat_buffer_done(&bytes);
    return status;
}

static feat_status put_all(exporting *x, feat_error *err) {
    uint8_t end[8];
    feat_buffer_append(&x->out, MAGIC, MAGIC_SIZE);
    FEAT_TRY(put_catalog(x, err));
    FEAT_TRY(put_objects(x, err));
    FEAT_TRY(put_version(x, err));
    feat_put_be(end, x->records, 8);
    FEAT_TRY(put_record(x, RECORD_END, "", 0, end, sizeof end, err));
    return flush(x, err);
}

static feat_status write_file(exporting *x, const char *path, feat_error *err) {
    feat_buffer name;
    feat_buffer_init(&name);
    feat_buffer_printf(&name, "%s.%ld.new", path, (long)getpid());
    char *made = feat_buffer_take_text(&name);
    if (!made) return feat_fail_memory(err);
    int fd = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    feat_status status = fd >= 0 ? FEAT_OK : feat_fail_os(err, errno, "making '%s'", made);
    x->fd = fd;
    if (status == FEAT_OK) status = put_all(x, err);
    if (status == FEAT_OK && fsync(fd) != 0) status = feat_fail_os(err, errno, "writing '%s'", made);
    if (fd >= 0 && close(fd) != 0 && status == FEAT_OK) status = feat_fail_os(err, errno, "writing '%s'", made);
    if (status == FEAT_OK && link(made, path) != 0) /* unlike rename, it takes nothing's place */
        status = errno == EEXIST ? feat_fail(err, FEAT_EXISTS, "'%s' is there already", path)
                                 : feat_fail_os(err, errno, "making '%s'", path);
    if (fd >= 0) unlink(made);
    feat_free(made);
    return status;
}

feat_status feat_db_export(feat_db *db, uint64_t version, const char *path, feat_progress *progress, void *context,
                           feat_error *err) {
    exporting x = {.db = db, .version = version, .progress = progress, .context = context};
    FEAT_TRY(feat_db_check(db, err));
    FEAT_TRY(feat_db_begin_both(db, &x.catalog, &x.blocks, err));
    feat_buffer_init(&x.tables);
    feat_buffer_init(&x.out);
    feat_status status = feat_version_check(db, x.catalog, version, "", err);
    if (status == FEAT_OK) status = write_file(&x, path, err);
    feat_buffer_done(&x.tables);
    feat_buffer_done(&x.out);
    feat_marks_done(&x.marks);
    feat_env_abort(x.blocks);
    feat_env_abort(x.catalog);
    return status;
}

/* ---- Reading. ---- */

typedef struct importing {
    FILE *file;
    feat_db *db;
    MDB_txn *objects; /* that is open; NULL: none */
    MDB_txn *catalog; /* likewise; a definition may have many records */
    size_t bytes;     /* in it */
    uint64_t records;
    uint8_t key[KEY_MAX];
    uint8_t *value; /* owned */
    size_t key_size, value_size, room;
    bool version, ended;
} importing;

static feat_status damaged(feat_error *err, const char *why) {
    return feat_fail(err, FEAT_CORRUPT, "the export is damaged: %s", why);
}

static feat_status read_bytes(importing *m, void *to, size_t size, feat_error *err) {
    if (fread(to, 1, size, m->file) == size) return FEAT_OK;
    if (ferror(m->file)) return feat_fail_os(err, errno, "reading an export");
    return damaged(err, "it ends too early");
}

/* Values are at most as large as a store's, but for the lists of tables and applications. These are read piece by
 * piece, so that a wrong length takes no more memory than the file has bytes. */
static feat_status read_value(importing *m, size_t size, feat_error *err) {
    for (size_t at = 0; at < size;) {
        size_t part = size - at < ((size_t)1 << 20) ? size - at : (size_t)1 << 20;
        if (FEAT_GROW(m->value, m->room, at + part) != 0) return feat_fail_memory(err);
        FEAT_TRY(read_bytes(m, m->value + at, part, err));
        at += part;
    }
    m->value_size = size;
    return FEAT_OK;
}

static feat_status read_record(importing *m, record_kind *kind, feat_error *err) {
    uint8_t head[9];
    size_t key_size = 0, value_size = 0;
    FEAT_TRY(read_bytes(m, head, sizeof head, err));
    for (int i = 0; i < 4; i++) key_size |= (size_t)head[1 + i] << 8 * i;
    for (int i = 0; i < 4; i++) value_size |= (size_t)head[5 + i] << 8 * i;
    if (head[0] > RECORD_APPLICATIONS || key_size > KEY_MAX ||
        (head[0] <= RECORD_CATALOG && value_size > FEAT_VALUE_MAX))
        return damaged(err, "a record has no kind or size that there is");
    *kind = (record_kind)head[0];
    m->key_size = key_size;
    FEAT_TRY(read_bytes(m, m->key, key_size, err));
    FEAT_TRY(read_value(m, value_size, err));
    m->records++;
    return FEAT_OK;
}

static feat_status check_envelope(const importing *m, uint32_t kind, uint32_t other, feat_error *err) {
    const void *payload;
    size_t size;
    uint32_t given = 0;
    for (size_t i = 0; i < 4 && m->value_size >= 4; i++) given |= (uint32_t)m->value[i] << 8 * i;
    if (given != kind && given != other) return damaged(err, "a record is of another kind than it should be");
    return feat_envelope_open(m->value, m->value_size, given, m->key, m->key_size, &payload, &size,
                              "record of the export", err);
}

static feat_status commit_objects(importing *m, feat_error *err) {
    MDB_txn *txn = m->objects;
    m->objects = NULL;
    m->bytes = 0;
    return txn ? feat_env_commit(feat_db_blocks(m->db), txn, err) : FEAT_OK;
}

static feat_status commit_catalog(importing *m, feat_error *err) {
    MDB_txn *txn = m->catalog;
    m->catalog = NULL;
    return txn ? feat_env_commit(feat_db_catalog(m->db), txn, err) : FEAT_OK;
}

static feat_status take_object(importing *m, feat_error *err) {
    if (m->key_size != sizeof(feat_digest)) return damaged(err, "the key of an object");
    FEAT_TRY(check_envelope(m, FEAT_KIND_DATA, FEAT_KIND_CHUNKS, err));
    if (!m->objects) FEAT_TRY(feat_env_begin(feat_db_blocks(m->db), true, &m->objects, err));
    MDB_val k = {m->key_size, m->key}, v = {m->value_size, m->value};
    int rc = mdb_put(m->objects, feat_env_dbi(feat_db_blocks(m->db)), &k, &v, 0);
    if (rc != 0) return feat_env_fail(err, rc, "writing a store");
    m->bytes += m->value_size;
    return m->bytes < BATCH ? FEAT_OK : commit_objects(m, err);
}

static feat_status take_catalog(importing *m, feat_error *err) {
    MDB_val k = {m->key_size, m->key}, v = {m->value_size, m->value};
    bool definition = m->key_size == 13 && m->key[0] == FEAT_KEY_DEFINITION;
    if (!definition && !(m->key_size == 2 && m->key[0] == FEAT_KEY_COUNTER))
        return damaged(err, "a key of the catalog");
    FEAT_TRY(check_envelope(m, definition ? FEAT_KIND_DEFINITION : FEAT_KIND_COUNTER, 0, err));
    if (!m->catalog) FEAT_TRY(feat_env_begin(feat_db_catalog(m->db), true, &m->catalog, err));
    int rc = mdb_put(m->catalog, feat_env_dbi(feat_db_catalog(m->db)), &k, &v, 0);
    return rc == 0 ? FEAT_OK : feat_env_fail(err, rc, "writing a store");
}

/* The payload without the digest at its end. */
static feat_status check_digest(const importing *m, feat_cursor *in, feat_error *err) {
    if (m->value_size < sizeof(feat_digest)) return damaged(err, "a record is too short");
    size_t size = m->value_size - sizeof(feat_digest);
    feat_digest d = feat_digest_of(m->value, size);
    if (memcmp(d.bytes, m->value + size, sizeof d.bytes) != 0) return damaged(err, "a record fails its checksum");
    feat_cursor_init(in, m->value, size);
    return FEAT_OK;
}

static feat_status put_commit(importing *m, feat_cursor *in, feat_error *err) {
    MDB_txn *txn;
    feat_commit_info info = {.version = feat_cursor_u64(in), .branch = FEAT_BRANCH_MAIN};
    info.known_time = (int64_t)feat_cursor_u64(in);
    uint32_t n = feat_cursor_u32(in);
    if (in->failed || info.version == 0 || n > (size_t)(in->end - in->at)) return damaged(err, "its version");
    feat_commit_table *tables = feat_alloc_array(n, sizeof *tables);
    if (!tables) return feat_fail_memory(err);
    feat_status status = FEAT_OK;
    for (uint32_t i = 0; i < n && status == FEAT_OK; i++) status = feat_commit_table_take(in, &tables[i], err);
    if (status == FEAT_OK && in->at != in->end) status = damaged(err, "its version");
    if (status == FEAT_OK) status = feat_env_begin(feat_db_catalog(m->db), true, &txn, err);
    if (status == FEAT_OK) {
        status = feat_commit_put_first(m->db, txn, &info, tables, n, err);
        if (status == FEAT_OK) status = feat_env_commit(feat_db_catalog(m->db), txn, err);
        else feat_env_abort(txn);
    }
    feat_free(tables);
    return status;
}

/* Objects are durable before a commit names them. */
static feat_status take_version(importing *m, feat_error *err) {
    feat_cursor in;
    FEAT_TRY(check_digest(m, &in, err));
    FEAT_TRY(commit_objects(m, err));
    FEAT_TRY(commit_catalog(m, err));
    if (m->version) return damaged(err, "it has two versions");
    m->version = true;
    feat_cursor peek = in;
    if (feat_cursor_u64(&peek) == 0 && !peek.failed) return FEAT_OK; /* the empty store */
    return put_commit(m, &in, err);
}

static feat_status take_applications(importing *m, feat_error *err) {
    feat_cursor in;
    MDB_txn *txn;
    feat_commit_record last;
    FEAT_TRY(check_digest(m, &in, err));
    if (!m->version) return damaged(err, "it has no version");
    FEAT_TRY(commit_catalog(m, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(m->db), true, &txn, err));
    feat_status status = feat_commit_last(m->db, txn, &last, err);
    while (status == FEAT_OK && in.at < in.end)
        status = feat_application_carry(m->db, txn, &in, last.info.version, err);
    if (status == FEAT_OK) return feat_env_commit(feat_db_catalog(m->db), txn, err);
    feat_env_abort(txn);
    return status;
}

static feat_status take_all(importing *m, feat_error *err) {
    uint8_t magic[MAGIC_SIZE];
    if (fread(magic, 1, sizeof magic, m->file) != sizeof magic || memcmp(magic, MAGIC, MAGIC_SIZE - 1) != 0)
        return feat_fail(err, FEAT_FORMAT, "the file is no export of libfeat");
    if (magic[MAGIC_SIZE - 1] != MAGIC[MAGIC_SIZE - 1])
        return feat_fail(err, FEAT_FORMAT, "the export has form %d; this library reads form %d: use a newer library",
                         magic[MAGIC_SIZE - 1], MAGIC[MAGIC_SIZE - 1]);
    while (!m->ended) {
        record_kind kind = RECORD_END;
        FEAT_TRY(read_record(m, &kind, err));
        switch (kind) {
        case RECORD_OBJECT: FEAT_TRY(take_object(m, err)); break;
        case RECORD_CATALOG: FEAT_TRY(take_catalog(m, err)); break;
        case RECORD_VERSION: FEAT_TRY(take_version(m, err)); break;
        case RECORD_APPLICATIONS: FEAT_TRY(take_applications(m, err)); break;
        case RECORD_END: m->ended = true;
        }
    }
    if (m->value_size != 8 || feat_get_be(m->value, 8) != m->records - 1) return damaged(err, "records are missing");
    if (!m->version) return damaged(err, "it has no version");
    FEAT_TRY(commit_objects(m, err));
    FEAT_TRY(commit_catalog(m, err));
    return fgetc(m->file) == EOF ? FEAT_OK : damaged(err, "something follows its end");
}

feat_status feat_db_import(feat_db *db, const char *path, feat_error *err) {
    importing m = {.db = db};
    FEAT_TRY(feat_db_check_locked(db, err));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? feat_fail(err, FEAT_NOT_FOUND, "there is no file '%s'", path)
                               : feat_fail_os(err, errno, "opening '%s'", path);
    m.file = fdopen(fd, "rb");
    if (!m.file) {
        close(fd);
        return feat_fail_memory(err);
    }
    feat_status status = take_all(&m, err);
    if (m.objects) feat_env_abort(m.objects);
    if (m.catalog) feat_env_abort(m.catalog);
    feat_free(m.value);
    fclose(m.file);
    return status;
}
