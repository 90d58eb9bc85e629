/* What the public handles are. */
#ifndef FEAT_LIB_HANDLE_H
#define FEAT_LIB_HANDLE_H

#include <pthread.h>

#include "engine/engine.h"
#include "engine/push.h"
#include "store/store.h"

struct feat_store {
    feat_db *db;
    uint32_t busy_timeout_ms;
    feat_pusher *pusher; /* NULL until something is pushed; the lock is over it */
};

struct feat_snapshot {
    feat_db *db, *plain; /* with the rows that were pushed behind the version; and without */
    uint64_t version, sequence;
    pthread_mutex_t mutex; /* over what follows */
    feat_scan_known known; /* of `table`, the last one that entities were looked for in; NULL: none yet */
    feat_catalog *catalog; /* holds `table` */
    const feat_schema *table;
};

/* The writer lock, with nothing in the tail: whoever commits or defines comes behind all that was pushed. */
feat_status feat_store_lock(feat_store *store, feat_error *err);

/* The version that a caller names; NULL: the newest. `call` stands in messages. */
feat_status feat_at_resolve(feat_db *db, const char *call, const feat_at *at, uint64_t *version, feat_error *err);

#endif
