/* LMDB environments: gate before opening, one handle per file and process, map growth, fork guard.
 * Code above may use LMDB's own calls inside a transaction that was begun here. */
#ifndef FEAT_LIB_ENV_H
#define FEAT_LIB_ENV_H

#include <lmdb.h>
#include <stdbool.h>

#include "base/error.h"

typedef struct feat_db feat_db;
typedef struct feat_env feat_env;

/* The environment of deployed services' serving state; created when a writer asks first. FEAT_NOT_FOUND for a reader when it does not exist yet. */
feat_status feat_db_online(feat_db *db, feat_env **env, feat_error *err);

/* Begins a transaction; grows or re-reads the map when another process grew it. */
feat_status feat_env_begin(feat_env *env, bool write, MDB_txn **txn, feat_error *err);
feat_status feat_env_commit(feat_env *env, MDB_txn *txn, feat_error *err); /* the txn is gone after, also on failure */
void feat_env_abort(MDB_txn *txn);
/* For a reader that keeps its handle: reset drops the pages it holds, renew takes the newest again. */
void feat_env_reset(MDB_txn *txn);
feat_status feat_env_renew(feat_env *env, MDB_txn *txn, feat_error *err);
/* The environment's default database, opened once. */
MDB_dbi feat_env_dbi(const feat_env *env);
/* Turns an LMDB code into a status and message. */
feat_status feat_env_fail(feat_error *err, int code, const char *what);

/* ---- Envelope: what stands around every stored value. ---- */

#define FEAT_ENVELOPE_SIZE 24
#define FEAT_VALUE_MAX 65520
/* Fills the header in front of `size` payload bytes: kind, length, XXH3-128 over key and payload. */
void feat_envelope_seal(void *header, uint32_t kind, const void *key, size_t key_size, const void *payload, size_t size);
/* Checks a stored value and finds its payload; FEAT_CORRUPT names `what`. */
feat_status feat_envelope_open(const void *value, size_t value_size, uint32_t kind, const void *key, size_t key_size, const void **payload,
                               size_t *size, const char *what, feat_error *err);

#endif
