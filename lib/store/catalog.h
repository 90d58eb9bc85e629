/* Records of catalog.mdb that the rest of lib/store reads and writes: commits, and where each table's versions are. */
#ifndef FEAT_LIB_CATALOG_H
#define FEAT_LIB_CATALOG_H

#include "store/db.h"

typedef struct feat_commit_record {
    feat_version_info info;
    feat_digest manifest; /* root of the table's manifest */
    feat_digest previous; /* digest of the record before: a chain */
} feat_commit_record;

/* The newest commit; info.version 0 and all else zero in an empty store. */
feat_status feat_catalog_newest(feat_db *db, feat_commit_record *record, feat_error *err);
/* The root of a table's manifest at a version: that of its last commit up to it. `found` is false before its first.
 * FEAT_NOT_FOUND when there is no such version yet. */
feat_status feat_catalog_manifest(feat_db *db, uint32_t table_id, uint64_t version, bool *found, feat_digest *root,
                                  feat_error *err);
/* FEAT_ARGUMENT when a commit after `newest` cannot have this known time (0: the clock). */
feat_status feat_commit_check_time(const feat_version_info *newest, int64_t known_at, feat_error *err);
/* Makes `record` the newest commit in one synced transaction; it fills in version, parent, known time (0: the clock)
 * and the chain. What `extra` (may be NULL) holds is part of the
 * transaction. */
feat_status feat_catalog_commit(feat_db *db, feat_commit_record *record, const feat_commit_extra *extra,
                                feat_error *err);
/* Within a transaction: how far an application has come with a table. */
feat_status feat_application_put(feat_db *db, MDB_txn *txn, uint32_t table_id, const feat_application *application,
                                 uint64_t version, feat_error *err);
/* Adds entries to the log of definitions within a transaction. */
feat_status feat_defs_put(feat_db *db, MDB_txn *txn, const feat_def *defs, size_t n, feat_error *err);

/* Shared by the files of the catalog. Keys are a letter and big-endian numbers, so that their order is that of the
 * numbers. */
#define FEAT_KEY_APPLICATION 'A' /* digest of table and name; the next free one on a collision */
#define FEAT_KEY_COMMIT      'C' /* u64 version */
#define FEAT_KEY_DEFINITION  'D' /* u64 sequence, u8 section, u24 piece */
#define FEAT_KEY_TIME        'K' /* u64 known time with the sign bit turned */
#define FEAT_KEY_MANIFEST    'M' /* u32 table, u64 version */
#define FEAT_KEY_COUNTER     'N' /* u8 number */
#define FEAT_KEY_PIN         'P' /* u64 number */
#define FEAT_KEY_OLDEST      'R' /* u64 0 */
#define FEAT_KEY_KEPT        'V' /* u64 version */
#define FEAT_KEY_TAG         'T' /* digest of the name; the next free one on a collision */
#define FEAT_CATALOG_KEY_MAX 17

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
feat_status feat_commit_read(feat_db *db, MDB_txn *txn, uint64_t version, feat_commit_record *record, feat_error *err);
feat_status feat_commit_newest(feat_db *db, MDB_txn *txn, feat_commit_record *record, feat_error *err);
/* FEAT_NOT_FOUND when a vacuum has removed the version. */
feat_status feat_version_check_kept(feat_db *db, MDB_txn *txn, uint64_t version, feat_error *err);
feat_status feat_tag_find(feat_db *db, MDB_txn *txn, const char *name, bool *found, uint64_t *version, feat_error *err);
/* FEAT_NOT_FOUND for a name, with some that there are. */
feat_status feat_tag_unknown(feat_db *db, MDB_txn *txn, const char *name, feat_error *err);

#endif
