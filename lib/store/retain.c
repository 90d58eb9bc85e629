/* Removing versions, and the objects that no version is made of any more.
 *
 * The record of the oldest version says from where on all can be read; below it, those that have a record of their own
 * can. Both become durable before an object goes, so that who looks for a removed version is told so; and a reader that
 * misses an object asks again whether its version is still there. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/catalog.h"
#include "store/mark.h"

#define DELETED_AT_ONCE ((size_t)4096) /* objects in one transaction */

/* ---- Which versions can be read. ---- */

static feat_catalog_key oldest_key(void) { return feat_catalog_key1(FEAT_KEY_OLDEST, 0); }

static feat_status read_oldest(feat_db *db, MDB_txn *txn, uint64_t *oldest, feat_error *err) {
    feat_catalog_key key = oldest_key();
    feat_cursor in;
    bool found;
    FEAT_TRY(feat_catalog_get(db, txn, &key, FEAT_KIND_KEPT, "oldest version", &found, &in, err));
    *oldest = found ? feat_cursor_be64(&in) : 1;
    if (found && in.failed)
        return feat_fail(err, FEAT_CORRUPT,
                         "the record of the oldest version is malformed; restore the store from a "
                         "copy");
    return FEAT_OK;
}

static feat_status is_kept(feat_db *db, MDB_txn *txn, uint64_t version, uint64_t oldest, bool *kept, feat_error *err) {
    feat_catalog_key key = feat_catalog_key1(FEAT_KEY_KEPT, version);
    feat_cursor in;
    *kept = true;
    if (version == 0 || version >= oldest) return FEAT_OK;
    return feat_catalog_get(db, txn, &key, FEAT_KIND_KEPT, "kept version", kept, &in, err);
}

feat_status feat_version_check_kept(feat_db *db, MDB_txn *txn, uint64_t version, feat_error *err) {
    uint64_t oldest;
    bool kept;
    FEAT_TRY(read_oldest(db, txn, &oldest, err));
    FEAT_TRY(is_kept(db, txn, version, oldest, &kept, err));
    if (kept) return FEAT_OK;
    return feat_fail(err, FEAT_NOT_FOUND,
                     "version %llu was removed by a vacuum; from version %llu on all are there, before it those that "
                     "were tagged, pinned or otherwise needed",
                     (unsigned long long)version, (unsigned long long)oldest);
}

/* ---- What stays. ---- */

typedef struct root {
    uint32_t table_id, branch;
    uint64_t from, until; /* it is the table's at the versions [from, until) of the branch */
    feat_digest key;
} root;

typedef struct retaining {
    feat_db *db;
    uint64_t newest, oldest, was_oldest; /* newest: of all branches */
    uint64_t *kept;                      /* below `oldest`, ascending, each once */
    size_t n_kept, n_was_kept, kept_capacity;
    uint64_t *tips; /* by number of the branch */
    size_t n_branches;
    feat_marks marks;
    feat_buffer roots, dead; /* of root; keys of objects */
} retaining;

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static feat_status count_kept(retaining *r, MDB_txn *txn, feat_error *err) {
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, feat_env_dbi(feat_db_catalog(r->db)), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "reading the catalog");
    uint8_t prefix = (uint8_t)FEAT_KEY_KEPT;
    MDB_val k = {1, &prefix}, v;
    for (rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
         rc == 0 && k.mv_size == 9 && *(const uint8_t *)k.mv_data == prefix;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT))
        r->n_was_kept++;
    mdb_cursor_close(cursor);
    return rc == 0 || rc == MDB_NOTFOUND ? FEAT_OK : feat_env_fail(err, rc, "reading the catalog");
}

static feat_status keep(retaining *r, MDB_txn *txn, uint64_t version, feat_error *err) {
    bool there;
    if (version == 0 || version >= r->oldest) return FEAT_OK;
    FEAT_TRY(is_kept(r->db, txn, version, r->was_oldest, &there, err));
    if (!there) return FEAT_OK;
    if (FEAT_GROW(r->kept, r->kept_capacity, r->n_kept + 1) != 0) return feat_fail_memory(err);
    r->kept[r->n_kept++] = version;
    return FEAT_OK;
}

static void sort_kept(retaining *r) {
    if (r->n_kept > 0) qsort(r->kept, r->n_kept, sizeof *r->kept, compare);
    size_t each = 0;
    for (size_t i = 0; i < r->n_kept; i++)
        if (each == 0 || r->kept[each - 1] != r->kept[i]) r->kept[each++] = r->kept[i];
    r->n_kept = each;
}

/* What a version that stays descends from by branches: it shows tables as they were there. */
static feat_status keep_bases(retaining *r, MDB_txn *txn, uint64_t version, feat_error *err) {
    feat_lineage line;
    FEAT_TRY(feat_lineage_begin(r->db, txn, version, &line, err));
    while (line.upto > 0 && line.branch != FEAT_BRANCH_MAIN) {
        FEAT_TRY(feat_lineage_next(r->db, txn, &line, err));
        FEAT_TRY(keep(r, txn, line.upto, err));
    }
    return FEAT_OK;
}

/* What branches stand at, whether they have their names still or not; by number, and 0 where there is no branch. */
static feat_status read_tips(retaining *r, MDB_txn *txn, feat_error *err) {
    feat_catalog_key last = feat_catalog_key2(FEAT_KEY_BRANCH, UINT32_MAX, 4, 0, 0), at;
    bool found;
    FEAT_TRY(feat_catalog_floor(r->db, txn, &last, 1, &found, &at, err));
    r->n_branches = found ? (size_t)feat_get_be(at.bytes + 1, 4) + 1 : 1;
    r->tips = feat_alloc_zero(r->n_branches, sizeof *r->tips);
    if (!r->tips) return feat_fail_memory(err);
    for (size_t i = 0; i < r->n_branches; i++) {
        feat_commit_record tip;
        FEAT_TRY(feat_branch_tip(r->db, txn, (uint32_t)i, &tip, err));
        r->tips[i] = tip.info.version;
    }
    return FEAT_OK;
}

/* What is asked for, as far as it is there, and what that is made of. */
static feat_status choose(retaining *r, MDB_txn *txn, uint64_t oldest, const uint64_t *kept, size_t n,
                          feat_error *err) {
    feat_commit_record newest;
    FEAT_TRY(feat_commit_last(r->db, txn, &newest, err));
    FEAT_TRY(read_oldest(r->db, txn, &r->was_oldest, err));
    FEAT_TRY(count_kept(r, txn, err));
    FEAT_TRY(read_tips(r, txn, err));
    r->newest = newest.info.version;
    r->oldest = oldest < r->newest ? oldest : r->newest;
    if (r->oldest < r->was_oldest) r->oldest = r->was_oldest;
    FEAT_TRY(keep(r, txn, r->tips[FEAT_BRANCH_MAIN], err));
    for (size_t i = 0; i < n; i++) FEAT_TRY(keep(r, txn, kept[i], err));
    for (size_t i = 0, end = r->n_kept; i < end; i++) FEAT_TRY(keep_bases(r, txn, r->kept[i], err));
    for (size_t i = 1; i < r->n_branches; i++)
        if (r->tips[i] >= r->oldest) FEAT_TRY(keep_bases(r, txn, r->tips[i], err));
    sort_kept(r);
    return FEAT_OK;
}

/* Whether one of the versions [from, until) stays. */
static bool stays(const retaining *r, uint64_t from, uint64_t until) {
    if (until > r->oldest) return true;
    size_t low = 0, high = r->n_kept; /* the first that is not below `from` */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->kept[middle] < from) low = middle + 1;
        else high = middle;
    }
    return low < r->n_kept && r->kept[low] < until;
}

/* The roots of all tables at all versions, in the order of their keys: table, branch, version. */
static feat_status read_roots(retaining *r, MDB_txn *txn, feat_error *err) {
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, feat_env_dbi(feat_db_catalog(r->db)), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "reading the catalog");
    uint8_t prefix = (uint8_t)FEAT_KEY_MANIFEST;
    MDB_val k = {1, &prefix}, v;
    feat_status status = FEAT_OK;
    for (rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
         rc == 0 && status == FEAT_OK && k.mv_size == 17 && *(const uint8_t *)k.mv_data == prefix;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        const uint8_t *key = k.mv_data;
        const void *payload;
        size_t size;
        root found = {.until = UINT64_MAX};
        found.table_id = (uint32_t)feat_get_be(key + 1, 4);
        found.branch = (uint32_t)feat_get_be(key + 5, 4);
        found.from = feat_get_be(key + 9, 8);
        /* Behind the end of a branch nobody stands; the main line goes on. */
        if (found.branch > 0 && found.branch < r->n_branches) found.until = r->tips[found.branch] + 1;
        status = feat_envelope_open(v.mv_data, v.mv_size, FEAT_KIND_MANIFEST, k.mv_data, k.mv_size, &payload, &size,
                                    "version of a table", err);
        if (status != FEAT_OK) break;
        if (size != sizeof found.key.bytes) {
            status = feat_fail(err, FEAT_CORRUPT, "a version of a table is malformed; restore the store from a copy");
            break;
        }
        memcpy(found.key.bytes, payload, size);
        if (r->roots.size > 0) {
            root *before = (root *)(void *)(r->roots.data + r->roots.size) - 1;
            if (before->table_id == found.table_id && before->branch == found.branch) before->until = found.from;
        }
        feat_buffer_append(&r->roots, &found, sizeof found);
        if (r->roots.failed) status = feat_fail_memory(err);
    }
    mdb_cursor_close(cursor);
    if (status == FEAT_OK && rc != 0 && rc != MDB_NOTFOUND) status = feat_env_fail(err, rc, "reading the catalog");
    return status;
}

static feat_status plan(retaining *r, uint64_t oldest, const uint64_t *kept, size_t n, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_env_begin(feat_db_catalog(r->db), false, &txn, err));
    feat_status status = choose(r, txn, oldest, kept, n, err);
    if (status == FEAT_OK) status = read_roots(r, txn, err);
    feat_env_abort(txn);
    return status;
}

/* ---- What goes. ---- */

static feat_status find_dead(retaining *r, MDB_txn *txn, feat_retained *done, feat_error *err) {
    const root *roots = (const root *)(const void *)r->roots.data;
    feat_env *env = feat_db_blocks(r->db);
    for (size_t i = 0; i < r->roots.size / sizeof *roots; i++)
        if (stays(r, roots[i].from, roots[i].until))
            FEAT_TRY(feat_marks_add_version(&r->marks, env, txn, roots[i].table_id, &roots[i].key, err));
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, feat_env_dbi(env), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "reading the blocks");
    MDB_val k, v;
    for (rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST); rc == 0; rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        if (k.mv_size != sizeof(feat_digest)) continue; /* nothing of ours */
        if (feat_marks_has(&r->marks, k.mv_data)) {
            done->objects++;
            done->bytes += v.mv_size;
        } else {
            done->objects_removed++;
            done->bytes_removed += v.mv_size;
            feat_buffer_append(&r->dead, k.mv_data, k.mv_size);
        }
    }
    mdb_cursor_close(cursor);
    if (rc != MDB_NOTFOUND) return feat_env_fail(err, rc, "reading the blocks");
    return r->dead.failed ? feat_fail_memory(err) : FEAT_OK;
}

static feat_status forget_kept(retaining *r, MDB_txn *txn, feat_error *err) {
    MDB_cursor *cursor;
    MDB_dbi dbi = feat_env_dbi(feat_db_catalog(r->db));
    for (;;) {
        uint8_t prefix = (uint8_t)FEAT_KEY_KEPT, key[9];
        MDB_val k = {1, &prefix}, v;
        int rc = mdb_cursor_open(txn, dbi, &cursor);
        if (rc != 0) return feat_env_fail(err, rc, "reading the catalog");
        rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
        bool found = rc == 0 && k.mv_size == sizeof key && *(const uint8_t *)k.mv_data == prefix;
        if (found) memcpy(key, k.mv_data, sizeof key);
        mdb_cursor_close(cursor);
        if (rc != 0 && rc != MDB_NOTFOUND) return feat_env_fail(err, rc, "reading the catalog");
        if (!found) return FEAT_OK;
        k = (MDB_val){sizeof key, key};
        rc = mdb_del(txn, dbi, &k, NULL);
        if (rc != 0) return feat_env_fail(err, rc, "writing the catalog");
    }
}

static feat_status write_records(retaining *r, MDB_txn *txn, feat_error *err) {
    uint8_t oldest[8];
    feat_catalog_key key = oldest_key();
    for (unsigned i = 0; i < 8; i++) oldest[i] = (uint8_t)(r->oldest >> (8 * (7 - i)));
    FEAT_TRY(forget_kept(r, txn, err));
    FEAT_TRY(feat_catalog_put(r->db, txn, &key, FEAT_KIND_KEPT, oldest, sizeof oldest, err));
    for (size_t i = 0; i < r->n_kept; i++) {
        key = feat_catalog_key1(FEAT_KEY_KEPT, r->kept[i]);
        FEAT_TRY(feat_catalog_put(r->db, txn, &key, FEAT_KIND_KEPT, "", 0, err));
    }
    return FEAT_OK;
}

static feat_status make_durable(retaining *r, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_env_begin(feat_db_catalog(r->db), true, &txn, err));
    feat_status status = write_records(r, txn, err);
    if (status == FEAT_OK) return feat_env_commit(feat_db_catalog(r->db), txn, err);
    feat_env_abort(txn);
    return status;
}

/* Interrupted, this leaves objects that the next vacuum finds. */
static feat_status delete_dead(retaining *r, feat_error *err) {
    feat_env *env = feat_db_blocks(r->db);
    size_t n = r->dead.size / sizeof(feat_digest);
    for (size_t at = 0; at < n;) {
        MDB_txn *txn;
        FEAT_TRY(feat_env_begin(env, true, &txn, err));
        for (size_t end = n - at < DELETED_AT_ONCE ? n : at + DELETED_AT_ONCE; at < end; at++) {
            MDB_val k = {sizeof(feat_digest), r->dead.data + at * sizeof(feat_digest)};
            int rc = mdb_del(txn, feat_env_dbi(env), &k, NULL);
            if (rc == 0 || rc == MDB_NOTFOUND) continue;
            feat_env_abort(txn);
            return feat_env_fail(err, rc, "removing a block");
        }
        FEAT_TRY(feat_env_commit(env, txn, err));
    }
    return FEAT_OK;
}

static feat_status retain(retaining *r, uint64_t oldest, const uint64_t *kept, size_t n, bool dry_run,
                          feat_retained *done, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(plan(r, oldest, kept, n, err));
    FEAT_TRY(feat_env_begin(feat_db_blocks(r->db), false, &txn, err));
    feat_status status = find_dead(r, txn, done, err);
    feat_env_abort(txn);
    FEAT_TRY(status);
    done->oldest = r->oldest;
    if (r->newest > 0) {
        done->versions = r->newest - r->oldest + 1 + r->n_kept;
        done->versions_removed = r->newest - r->was_oldest + 1 + r->n_was_kept - done->versions;
    }
    if (dry_run) return FEAT_OK;
    if (r->oldest != r->was_oldest || r->n_kept != r->n_was_kept) FEAT_TRY(make_durable(r, err));
    return delete_dead(r, err);
}

feat_status feat_retain(feat_db *db, uint64_t oldest, const uint64_t *kept, size_t n_kept, bool dry_run,
                        feat_retained *done, feat_error *err) {
    retaining r = {.db = db};
    feat_retained counts = {0};
    FEAT_TRY(feat_db_begin_writing(db, err)); /* no writer may lean on an object that goes */
    feat_buffer_init(&r.roots);
    feat_buffer_init(&r.dead);
    feat_status status = retain(&r, oldest, kept, n_kept, dry_run, &counts, err);
    feat_db_end_writing(db);
    feat_free(r.kept);
    feat_free(r.tips);
    feat_marks_done(&r.marks);
    feat_buffer_done(&r.roots);
    feat_buffer_done(&r.dead);
    if (status == FEAT_OK) *done = counts;
    return status;
}
