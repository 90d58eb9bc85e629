/* Looking through a store for damage. */
#ifndef FEAT_VERIFY_H
#define FEAT_VERIFY_H

#include "feat/arrow.h"
#include "feat/base.h"
#include "feat/progress.h"
#include "feat/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct feat_verify_options {
    size_t size;
    uint64_t since; /**< only versions behind this one, and what they hold that it does not; 0: everything */
    feat_progress *progress; /**< NULL: nobody watches */
    void *progress_context;
} feat_verify_options;

#define FEAT_VERIFY_OPTIONS_INIT                                                                                       \
    { sizeof(feat_verify_options), 0, NULL, NULL }

/** What was looked at. */
typedef struct feat_verified {
    uint64_t versions; /**< that can be read */
    uint64_t tables;   /**< states of tables, one for each commit of each */
    uint64_t segments; /**< pieces that were read, each once */
    uint64_t rows;     /**< in them, deleted ones too */
    uint64_t findings; /**< things that are wrong */
} feat_verified;

/** Reads every record of the catalog, checks that each commit holds the digest of the one before, and reads all that the
 *  versions which can be read are made of: checksums, encodings, the unique index, numbers of rows; the content digest
 *  of each table at each version is taken from the rows and compared with what the commit says. Durable rows that were
 *  pushed and are in no version yet are looked at, too.
 *
 *  `findings` (may be NULL) gets a stream of what is wrong: version (NULL: of none), table, what ("catalog", "commit",
 *  "table", "tail"), message; the call is FEAT_OK then, and `done->findings` says how many. With NULL the first one is the error
 *  of the call, FEAT_CORRUPT. After damage to a table its content digests are not looked at any more. Memory for one
 *  segment, and some bytes for each segment, is taken; readers and writers go on meanwhile, and what they add is not
 *  looked at. `opt` and `done` may be NULL. Errors: FEAT_CORRUPT, FEAT_NOT_FOUND (`since`), FEAT_CANCELLED, FEAT_IO. */
FEAT_API feat_status feat_verify(feat_store *store, const feat_verify_options *opt, struct ArrowArrayStream *findings,
                                 feat_verified *done, feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
