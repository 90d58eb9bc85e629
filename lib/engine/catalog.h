/* The inside of the catalog, for the files that build it. */
#ifndef FEAT_LIB_CATALOG_H
#define FEAT_LIB_CATALOG_H

#include <stdatomic.h>

#include "engine/engine.h"

struct feat_catalog {
    _Atomic size_t references;
    feat_arena arena;
    feat_scope scope;
    feat_def *defs; /* in the order they were made */
    size_t n_defs;
};

/* An empty one, with one reference. */
feat_status feat_catalog_new(feat_catalog **catalog, feat_error *err);

#endif
