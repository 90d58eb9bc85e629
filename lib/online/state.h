/* Serving state: the projected events of each key of a deployed block, in canonical order, cut into chunks.
 *
 * An LMDB key is (state, digest of the entity key, time of the chunk's first event, ordinal among chunks of that time),
 * so a cursor walks one entity's chunks in order and a window starts with one seek. Two entity keys of one digest take
 * neighbouring digests; each chunk holds its entity key in full. */
#ifndef FEAT_LIB_STATE_H
#define FEAT_LIB_STATE_H

#include "base/arena.h"
#include "exec/exec.h"
#include "plan/plan.h"
#include "store/env.h"
#include "store/store.h"

/* What the state holds: one record, replaced in the transaction that changes any of it. */
typedef struct feat_online_block {
    uint32_t state;
    feat_digest block;
} feat_online_block;

typedef struct feat_online_service {
    const char *name;
    feat_digest service;
} feat_online_service;

typedef struct feat_online_meta {
    uint64_t version; /* store version that has been applied */
    uint64_t epoch;   /* changes with the lists below */
    uint32_t next_state;
    feat_online_block *blocks;
    size_t n_blocks;
    feat_online_service *services; /* in the order of deployment */
    size_t n_services;
} feat_online_meta;

/* Version and epoch alone, without memory. An environment without the record is at version 0, epoch 0. */
feat_status feat_online_meta_peek(feat_env *env, MDB_txn *txn, uint64_t *version, uint64_t *epoch, feat_error *err);
feat_status feat_online_meta_read(feat_env *env, MDB_txn *txn, feat_arena *arena, feat_online_meta *meta,
                                  feat_error *err);
feat_status feat_online_meta_write(feat_env *env, MDB_txn *txn, const feat_online_meta *meta, feat_error *err);

/* The fingerprint of the deployed definition of a service called `name`: the wanted one, or the one deployed last
 * (`wanted` NULL). FEAT_NOT_FOUND says what to call, or lists what is deployed. */
feat_status feat_online_find_service(feat_db *db, const char *name, const feat_digest *wanted, feat_digest *service,
                                     feat_error *err);

/* Takes `removed[0..n_removed)` away from an entity's events and adds `added[0..n_added)`; both are in canonical order.
 * Rewrites only the chunks between their earliest and latest time. A removed event that is not there is FEAT_CORRUPT.
 */
typedef struct feat_event_list {
    const feat_events *events;
    const uint32_t *numbers;
    size_t n;
} feat_event_list;
feat_status feat_state_update(feat_env *env, MDB_txn *txn, uint32_t state, const feat_block *block, const void *key,
                              size_t key_size, feat_event_list added, feat_event_list removed, feat_error *err);

/* Appends to `out` the entity's events with first <= time <= last, and perhaps neighbours of them, in canonical order.
 * `cursor` is the caller's, on the environment's database. */
feat_status feat_state_load(MDB_cursor *cursor, uint32_t state, const void *key, size_t key_size, int64_t first,
                            int64_t last, feat_events *out, feat_error *err);

/* Deletes a state, at most `limit` chunks of it; `*left` tells whether there may be more. */
feat_status feat_state_drop(feat_env *env, MDB_txn *txn, uint32_t state, size_t limit, bool *left, feat_error *err);

#endif
