/* What the public handles are. */
#ifndef FEAT_LIB_HANDLE_H
#define FEAT_LIB_HANDLE_H

#include "store/store.h"

struct feat_store {
    feat_db *db;
    uint32_t busy_timeout_ms;
};

struct feat_snapshot {
    feat_db *db;
    uint64_t version;
};

/* The version that a caller names; NULL: the newest. `call` stands in messages. */
feat_status feat_at_resolve(feat_db *db, const char *call, const feat_at *at, uint64_t *version, feat_error *err);

#endif
