/* What the public handles are. */
#ifndef FEAT_LIB_HANDLE_H
#define FEAT_LIB_HANDLE_H

#include <pthread.h>

#include "engine/engine.h"
#include "store/store.h"

struct feat_store {
    feat_db *db;
    uint32_t busy_timeout_ms;
};

struct feat_snapshot {
    feat_db *db;
    uint64_t version;
    pthread_mutex_t mutex; /* over what follows */
    feat_scan_known known; /* of `table`, the last one that entities were looked for in; NULL: none yet */
    feat_catalog *catalog; /* holds `table` */
    const feat_schema *table;
};

/* The version that a caller names; NULL: the newest. `call` stands in messages. */
feat_status feat_at_resolve(feat_db *db, const char *call, const feat_at *at, uint64_t *version, feat_error *err);

#endif
