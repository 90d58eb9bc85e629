/* What is checked of a store's files before LMDB may map them: LMDB trusts its file, so a page size of zero would be a
 * division by zero, a short file a bus error. */
#ifndef FEAT_LIB_GATE_H
#define FEAT_LIB_GATE_H

#include <stdint.h>

#include "base/error.h"

/* Refuses network file systems, where neither locks nor shared maps hold. */
feat_status feat_gate_filesystem(const char *path, feat_error *err);

/* Both meta pages by pread: magic, version, page size, flags, roots and map size plausible, tree roots and the last
 * page within the file. FEAT_FORMAT: not such a file at all; FEAT_CORRUPT: it was one; FEAT_NOT_FOUND. */
feat_status feat_gate_file(const char *path, feat_error *err);

/* Walks the branch and leaf pages of the trees of transaction `txn_id` by pread: kinds, bounds, order of keys, lengths
 * of overflow runs, the list of free pages. It finds what could make LMDB fault; the values are their envelopes'
 * business. The transaction must be pinned by a reader meanwhile, or nobody may write. FEAT_BUSY: both metas belong to
 * later ones. */
feat_status feat_gate_walk(const char *path, uint64_t txn_id, feat_error *err);

#endif
