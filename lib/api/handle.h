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

#endif
