/* Copies of stores. */
#ifndef FEAT_BACKUP_H
#define FEAT_BACKUP_H

#include "feat/base.h"
#include "feat/progress.h"
#include "feat/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct feat_backup_options {
    size_t size;
    feat_progress *progress; /**< NULL: nobody watches */
    void *progress_context;
} feat_backup_options;

#define FEAT_BACKUP_OPTIONS_INIT                                                                                       \
    { sizeof(feat_backup_options), NULL, NULL }

/** Copies a store while it is in use: readers and the writer go on. The copy is a store of its own at `path`, a
 * directory that does not exist yet or is empty, and appears there when it is whole and synced; a call that was
 * interrupted leaves `path` as it was (and perhaps a directory `path.PID.new`, which can be removed). It holds every
 * commit that returned before the call, with all versions, definitions, tags, branches and pins; not the serving state
 * of deployed services, which a deploy makes anew. Checksums are looked at on the way, so that no damage is copied.
 * Free space is left out: the copy is as small as can be.
 *
 *  Space that writers free meanwhile is not used again before the call ends. `opt` may be NULL.
 *  Errors: FEAT_EXISTS (`path` is something else), FEAT_CORRUPT, FEAT_CANCELLED, FEAT_IO, FEAT_BUSY (commits without a
 * pause). */
FEAT_API feat_status feat_backup(feat_store *store, const char *path, const feat_backup_options *opt, feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
