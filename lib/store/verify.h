/* Looking through a store for damage. */
#ifndef FEAT_LIB_VERIFY_H
#define FEAT_LIB_VERIFY_H

#include "store/store.h"

typedef struct feat_verification {
    uint64_t since; /* versions behind this one, and what they hold that it does not */
    void *context;
    /* The newest definition of a table, also of one that was dropped; NULL: none is known. */
    const feat_schema *(*schema)(void *context, uint32_t table_id);
    /* Called for each thing that is wrong; version and table 0: of none. FEAT_OK: go on. */
    feat_status (*found)(void *context, uint64_t version, uint32_t table_id, const char *what, const char *message,
                         feat_error *err);
    /* Called for each version; anything but FEAT_OK ends the work. */
    feat_status (*step)(void *context, uint64_t done, uint64_t total, feat_error *err);
    /* What was looked at. */
    uint64_t versions, manifests, segments, rows, findings;
} feat_verification;

/* Every record of the catalog, the chain of commits, and all that the versions which can be read are made of, each
 * thing once: envelopes, encodings, the unique index, numbers of rows, and the content digests of tables, taken from
 * their rows. FEAT_CORRUPT only as `found` says; other codes when it could not be done. */
feat_status feat_verify_store(feat_db *db, feat_verification *v, feat_error *err);

#endif
