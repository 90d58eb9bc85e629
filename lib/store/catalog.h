/* Records of catalog.mdb that the rest of lib/store reads and writes: commits, and where each table's versions are. */
#ifndef FEAT_LIB_CATALOG_H
#define FEAT_LIB_CATALOG_H

#include "store/db.h"

/* What a commit did to one table, and what the table then was. */
typedef struct feat_commit_table {
    uint32_t table_id;
    feat_operation operation;
    uint32_t revision; /* of its schema */
    int64_t rows_added, rows_removed, rows;
    feat_digest content;
    feat_digest manifest;  /* its root */
    uint64_t next_segment; /* of the manifest; not part of the record */
} feat_commit_table;

typedef struct feat_commit_record {
    feat_commit_info info; /* version 0 and all else zero: the empty store */
    uint32_t n_tables;
    feat_digest digest;    /* of the record itself; the next one has it: a chain */
    const uint8_t *tables; /* the first of them, in the map */
} feat_commit_record;

/* The commit that made a version; valid in the transaction. */
feat_status feat_commit_read(feat_db *db, MDB_txn *txn, uint64_t version, feat_commit_record *record, feat_error *err);
/* FEAT_CORRUPT when a record does not follow the one with digest `previous` (NULL: not known), or its pieces are not
 * those that it was made with. */
feat_status feat_commit_check_chain(feat_db *db, MDB_txn *txn, const feat_commit_record *record,
                                    const feat_digest *previous, feat_error *err);
feat_status feat_commit_table_read(feat_db *db, MDB_txn *txn, const feat_commit_record *record, uint32_t i,
                                   feat_commit_table *table, feat_error *err);
/* The first version that has a record; 0: none. */
feat_status feat_commit_first(feat_db *db, MDB_txn *txn, uint64_t *version, feat_error *err);
/* The last of all commits. */
feat_status feat_commit_last(feat_db *db, MDB_txn *txn, feat_commit_record *record, feat_error *err);
/* The version that a branch stands at: its last commit, or what it began with. */
feat_status feat_branch_tip(feat_db *db, MDB_txn *txn, uint32_t branch, feat_commit_record *record, feat_error *err);
/* The version that a branch began with; 0 for the main line. */
feat_status feat_branch_base(feat_db *db, MDB_txn *txn, uint32_t branch, uint64_t *base, feat_error *err);
/* FEAT_NOT_FOUND when no commit has made the version, or a vacuum has removed it. */
feat_status feat_version_check(feat_db *db, MDB_txn *txn, uint64_t version, const char *what, feat_error *err);

/* Steps over what a version descends from: version `upto` and what is before it on `branch`, then the version that the
 * branch began with, and so on down to the main line. */
typedef struct feat_lineage {
    uint32_t branch;
    uint64_t upto; /* 0: at the end */
} feat_lineage;
feat_status feat_lineage_begin(feat_db *db, MDB_txn *txn, uint64_t version, feat_lineage *line, feat_error *err);
feat_status feat_lineage_next(feat_db *db, MDB_txn *txn, feat_lineage *line, feat_error *err);
/* The last commit of a table that `version` descends from or is; 0: none. */
feat_status feat_lineage_table(feat_db *db, MDB_txn *txn, uint32_t table_id, uint64_t version, uint64_t *commit,
                               feat_digest *root, feat_error *err);

/* The root of a table's manifest at a version. `found` is false before its first commit. FEAT_NOT_FOUND when there is
 * no such version. */
feat_status feat_catalog_manifest(feat_db *db, uint32_t table_id, uint64_t version, bool *found, feat_digest *root,
                                  feat_error *err);
/* Reading transactions of both files at one state of the store, to be aborted. */
feat_status feat_db_begin_both(feat_db *db, MDB_txn **catalog, MDB_txn **blocks, feat_error *err);
/* A table of a commit in the bytes that a record has for it. */
void feat_commit_table_put(feat_buffer *out, const feat_commit_table *table);
feat_status feat_commit_table_take(feat_cursor *in, feat_commit_table *table, feat_error *err);
/* The first commit of a store, with any version and known time: what was before it was removed, so to say. */
feat_status feat_commit_put_first(feat_db *db, MDB_txn *txn, const feat_commit_info *info,
                                  const feat_commit_table *tables, uint32_t n_tables, feat_error *err);
/* FEAT_ARGUMENT when a commit after `last` cannot have this known time (0: the clock). */
feat_status feat_commit_check_time(const feat_commit_info *last, int64_t known_at, feat_error *err);
/* Puts a commit of branch, parent and source in `info`, with the next version and known time (0: the clock), which are
 * filled in. */
feat_status feat_commit_put(feat_db *db, MDB_txn *txn, feat_commit_info *info, const feat_commit_table *tables,
                            uint32_t n_tables, feat_error *err);
/* A number of a segment of the table that no commit has used, on any branch, is not below `*next`; raises it if need
 * be. */
feat_status feat_segment_floor(feat_db *db, MDB_txn *txn, uint32_t table_id, uint64_t *next, feat_error *err);

/* Within a transaction: how far an application has come with a table. */
feat_status feat_application_put(feat_db *db, MDB_txn *txn, uint32_t branch, uint32_t table_id,
                                 const feat_application *application, uint64_t version, feat_error *err);
/* What the applications of a branch have come to at version `upto` is what they have come to on the main line, with
 * `version`. */
feat_status feat_application_publish(feat_db *db, MDB_txn *txn, uint32_t branch, uint64_t upto, uint64_t version,
                                     feat_error *err);
/* What the applications of a branch have come to at version `upto`, as bytes; and one entry of such bytes put on the
 * main line. */
feat_status feat_application_gather(feat_db *db, MDB_txn *txn, uint32_t branch, uint64_t upto, feat_buffer *out,
                                    feat_error *err);
feat_status feat_application_carry(feat_db *db, MDB_txn *txn, feat_cursor *all, uint64_t version, feat_error *err);
/* Adds entries to the log of definitions within a transaction. */
feat_status feat_defs_put(feat_db *db, MDB_txn *txn, const feat_def *defs, size_t n, feat_error *err);

/* Shared by the files of the catalog. Keys are a letter and big-endian numbers, so that their order is that of the
 * numbers. */
#define FEAT_KEY_APPLICATION 'A' /* digest of branch, table and name, or the next free one; u64 version */
#define FEAT_KEY_BRANCH      'B' /* u32 number */
#define FEAT_KEY_COMMIT      'C' /* u64 version */
#define FEAT_KEY_MORE        'c' /* u64 version, u32 piece: tables of a commit that its record has no room for */
#define FEAT_KEY_DEFINITION  'D' /* u64 sequence, u8 section, u24 piece */
#define FEAT_KEY_TIME        'K' /* u32 branch, u64 known time with the sign bit turned */
#define FEAT_KEY_TAIL        'L' /* nothing more */
#define FEAT_KEY_MANIFEST    'M' /* u32 table, u32 branch, u64 version */
#define FEAT_KEY_COUNTER     'N' /* u8 number */
#define FEAT_KEY_PIN         'P' /* u64 number */
#define FEAT_KEY_OLDEST      'R' /* u64 0 */
#define FEAT_KEY_SEGMENT     'S' /* u32 table */
#define FEAT_KEY_REF         'T' /* digest of the name; the next free one on a collision */
#define FEAT_KEY_KEPT        'V' /* u64 version */
#define FEAT_CATALOG_KEY_MAX 25

typedef struct feat_catalog_key {
    uint8_t bytes[FEAT_CATALOG_KEY_MAX];
    size_t size;
} feat_catalog_key;

feat_catalog_key feat_catalog_key1(char kind, uint64_t number);
feat_catalog_key feat_catalog_key2(char kind, uint64_t a, unsigned a_bytes, uint64_t b, unsigned b_bytes);
/* The payload of a key, or found = false. */
feat_status feat_catalog_get(feat_db *db, MDB_txn *txn, const feat_catalog_key *key, uint32_t kind, const char *what,
                             bool *found, feat_cursor *payload, feat_error *err);
feat_status feat_catalog_put(feat_db *db, MDB_txn *txn, const feat_catalog_key *key, uint32_t kind, const void *payload,
                             size_t size, feat_error *err);
/* The greatest key of the first `prefix` bytes of `key` that is not above `key`. */
feat_status feat_catalog_floor(feat_db *db, MDB_txn *txn, const feat_catalog_key *key, size_t prefix, bool *found,
                               feat_catalog_key *at, feat_error *err);
/* FEAT_NOT_FOUND when a vacuum has removed the version. */
feat_status feat_version_check_kept(feat_db *db, MDB_txn *txn, uint64_t version, feat_error *err);

/* Numbers that are given once. */
typedef enum feat_counter { FEAT_COUNTER_TABLE = 1, FEAT_COUNTER_PIN = 2, FEAT_COUNTER_BRANCH = 3 } feat_counter;
feat_status feat_counter_next(feat_db *db, MDB_txn *txn, feat_counter counter, uint64_t *number, feat_error *err);
void feat_put_be(uint8_t *p, uint64_t v, unsigned bytes);
uint64_t feat_get_be(const uint8_t *p, unsigned bytes);

/* ---- Names of versions: tags, which name one for good, and branches, whose number they name. ---- */

typedef enum feat_ref_kind { FEAT_REF_TAG = 1, FEAT_REF_BRANCH = 2 } feat_ref_kind;
#define FEAT_REF_NAME_MAX 4096
typedef struct feat_ref {
    feat_ref_kind kind;
    uint64_t number; /* version of a tag, number of a branch */
} feat_ref;

/* FEAT_ARGUMENT when it can be no name. */
feat_status feat_ref_check_name(feat_ref_kind kind, const char *name, feat_error *err);
feat_status feat_ref_find(feat_db *db, MDB_txn *txn, const char *name, bool *found, feat_ref *ref, feat_error *err);
/* FEAT_NOT_FOUND for a name that there is none of this kind of, with some that there are. */
feat_status feat_ref_unknown(feat_db *db, MDB_txn *txn, feat_ref_kind kind, const char *name, feat_error *err);
/* In the place of what the name named before. */
feat_status feat_ref_put(feat_db *db, MDB_txn *txn, const char *name, const feat_ref *ref, feat_error *err);
feat_status feat_ref_remove(feat_db *db, MDB_txn *txn, const char *name, feat_error *err);
/* Calls `visit` for each of the kind until it returns false. The name is not terminated. */
typedef bool feat_ref_visit(void *context, const feat_ref *ref, const char *name, size_t length);
feat_status feat_ref_walk(feat_db *db, MDB_txn *txn, feat_ref_kind kind, feat_ref_visit *visit, void *context,
                          feat_error *err);

#endif
