/* Which versions stay: pins, and a vacuum of what nothing needs. */
#ifndef FEAT_RETENTION_H
#define FEAT_RETENTION_H

#include <stdbool.h>

#include "feat/arrow.h"
#include "feat/base.h"
#include "feat/snapshot.h"
#include "feat/store.h"
#include "feat/write.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Keeps a version from being removed until the pin expires, as long as a training job reads it for instance. A tag
 *  does so without end. `at` NULL is the newest version. `expires` is in µs since 1970 UTC and lies ahead. `note` (may
 *  be NULL) says what the pin is for, in at most 1,024 bytes. `*pin` gets a number that is given once.
 *  Errors: FEAT_NOT_FOUND (no such version, or it was removed), FEAT_ARGUMENT, FEAT_BUSY, FEAT_READ_ONLY. */
FEAT_API feat_status feat_pin(feat_store *store, const feat_at *at, int64_t expires, const char *note, uint64_t *pin,
                              feat_error *err);

/** Ends a pin before it expires. Errors: FEAT_NOT_FOUND (no such pin), FEAT_BUSY, FEAT_READ_ONLY. */
FEAT_API feat_status feat_unpin(feat_store *store, uint64_t pin, feat_error *err);

/** Streams the pins by number, those that have expired and no vacuum has dropped yet too: pin, version, expires, note.
 */
FEAT_API feat_status feat_pins(feat_store *store, struct ArrowArrayStream *out, feat_error *err);

typedef struct feat_vacuum_options {
    size_t size;
    uint64_t keep_versions; /**< the newest so many stay; 0 and 1: the newest */
    int64_t keep_us; /**< versions that were the newest at some time within this span before now stay, by known times */
    bool dry_run;    /**< only say what would be done */
} feat_vacuum_options;

/** Seven days: what is reading an older version meanwhile has stopped, or has a pin. */
#define FEAT_VACUUM_OPTIONS_INIT                                                                                       \
    { sizeof(feat_vacuum_options), 1, INT64_C(604800000000), false }

/** What a vacuum did or would do. Bytes are those of values, not of files. */
typedef struct feat_vacuumed {
    uint64_t oldest;           /**< this version and all behind it can be read */
    uint64_t versions;         /**< versions that can be read */
    uint64_t versions_removed; /**< versions that could be read before */
    uint64_t objects;          /**< pieces of data that are in use */
    uint64_t objects_removed;  /**< removed, those that aborted writes left among them */
    uint64_t bytes;
    uint64_t bytes_removed;
} feat_vacuumed;

/** Removes the versions that no rule of `opt` (may be NULL) keeps and nothing needs, and the data that is in no other
 *  version. The newest version, tagged ones, pinned ones, those that materialisations have read and what deployed
 *  services have applied and derivations have read last always stay. Opening a removed version is FEAT_NOT_FOUND, also
 * where a snapshot of it was open; its commit stays in the history. Removed space is used again by later writes; files
 * do not shrink.
 *
 *  Writers wait meanwhile, readers do not. An interrupted vacuum is finished by the next one. `done` may be NULL.
 *  Errors: FEAT_ARGUMENT, FEAT_BUSY, FEAT_READ_ONLY; FEAT_CORRUPT, when nothing is removed. */
FEAT_API feat_status feat_vacuum(feat_store *store, const feat_vacuum_options *opt, feat_vacuumed *done,
                                 feat_error *err);

/** Writes small pieces of a table (NULL: of every table) anew as larger ones, as one commit: what many small commits have
 *  left is read faster after. No row changes, nor does any digest; older versions stay as they are. Every write does a
 *  step of this as part of its commit, so that the number of pieces stays small without it. With nothing to do no version
 *  is made. `done` may be NULL. Memory for one piece (65,536 rows) is taken.
 *  Errors: FEAT_NOT_FOUND (table), FEAT_BUSY, FEAT_READ_ONLY, FEAT_CORRUPT, FEAT_IO. */
FEAT_API feat_status feat_compact(feat_store *store, const char *table, feat_commit *done, feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
