/* LMDB environments: gate before opening, one handle per file and process, map growth, fork guard.
 * Code above may use LMDB's own calls inside a transaction that was begun here. */
#ifndef FEAT_LIB_ENV_H
#define FEAT_LIB_ENV_H

#include <lmdb.h>
#include <stdbool.h>

#include "base/error.h"

typedef struct feat_db feat_db;
typedef struct feat_env feat_env;

/* The environment of deployed services' serving state; created when a writer asks first. FEAT_NOT_FOUND for a reader
 * when it does not exist yet. */
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
/* Environments open in this process, one a file: a second open of a file takes the first one's. A file must have passed
 * the gate. `write` wants one that can begin write transactions; `map_size` is the least address space to reserve. */
feat_status feat_env_open(const char *path, bool write, size_t map_size, feat_env **env, feat_error *err);
#define FEAT_ENV_MAP_SIZE ((size_t)64 << 30)
void feat_env_unref(feat_env *env);
feat_env *feat_env_ref(feat_env *env);
/* The number of the last transaction that was committed; no system call. */
size_t feat_env_last_txn(const feat_env *env);
/* Makes an empty environment file appear at `path` at once, with one record if `key` is not NULL. An existing file
 * stays (FEAT_OK too). */
feat_status feat_env_create(const char *path, const MDB_val *key, const MDB_val *value, feat_error *err);
/* FEAT_FORKED, or FEAT_IO when a commit of this environment failed. No system call. */
feat_status feat_env_check(const feat_env *env, feat_error *err);
/* Frees the slots of readers that died. */
void feat_env_reap(feat_env *env);
/* Counts the forks that led to this process since it first opened a store; a handle of another count is a parent's. */
uint64_t feat_fork_count(void);

/* Turns an LMDB code into a status and message. */
feat_status feat_env_fail(feat_error *err, int code, const char *what);

/* ---- Envelope: what stands around every stored value. ---- */

#define FEAT_ENVELOPE_SIZE 24
#define FEAT_VALUE_MAX     65520
/* Fills the header in front of `size` payload bytes: kind, length, XXH3-128 over key and payload. */
void feat_envelope_seal(void *header, uint32_t kind, const void *key, size_t key_size, const void *payload,
                        size_t size);
/* Checks a stored value and finds its payload; FEAT_CORRUPT names `what`. */
feat_status feat_envelope_open(const void *value, size_t value_size, uint32_t kind, const void *key, size_t key_size,
                               const void **payload, size_t *size, const char *what, feat_error *err);

#endif
