/* Versions of stores as files. */
#ifndef FEAT_EXPORT_H
#define FEAT_EXPORT_H

#include "feat/base.h"
#include "feat/progress.h"
#include "feat/snapshot.h"
#include "feat/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct feat_export_options {
    size_t size;
    feat_progress *progress; /**< NULL: nobody watches */
    void *progress_context;
} feat_export_options;

#define FEAT_EXPORT_OPTIONS_INIT                                                                                       \
    { sizeof(feat_export_options), NULL, NULL }

/** Writes a version (`at` NULL: the newest) as one file, which depends neither on the machine nor on the file system:
 *  definitions, the rows of all tables as they are stored, and how far applications had come; not other versions, tags,
 *  branches, pins, nor rows that were pushed and not folded yet (feat_fold
 *  makes a version of them), nor the serving state of deployed services. `path` must not exist; the file appears there
 * when it is whole and synced. Readers and writers go on meanwhile; space that writers free is not used again before
 * the call ends. `opt` may be NULL. Errors: FEAT_NOT_FOUND (version, tag, branch), FEAT_EXISTS, FEAT_CORRUPT,
 * FEAT_CANCELLED, FEAT_IO. */
FEAT_API feat_status feat_export(feat_store *store, const feat_at *at, const char *path, const feat_export_options *opt,
                                 feat_error *err);

/** Makes a store of a file that feat_export wrote, at `path`, a directory that does not exist yet or is empty. The
 * version keeps its number, its known time and the content digests of its tables; versions before it count as removed.
 * All of the store is looked through (feat_verify) before it appears at `path`; a file that is damaged leaves nothing.
 *  Errors: FEAT_NOT_FOUND (`file`), FEAT_FORMAT (no export, or of a newer library), FEAT_CORRUPT, FEAT_EXISTS, FEAT_IO.
 */
FEAT_API feat_status feat_import(const char *file, const char *path, feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
