/* What the files of lib/store know of an opened store beyond store.h. */
#ifndef FEAT_LIB_DB_H
#define FEAT_LIB_DB_H

#include "store/env.h"
#include "store/store.h"

#define FEAT_FORMAT_VERSION 4

feat_env *feat_db_catalog(const feat_db *db);
feat_env *feat_db_blocks(const feat_db *db);
/* FEAT_INTERNAL unless this handle holds the writer lock; then also what feat_db_check says. */
feat_status feat_db_check_locked(const feat_db *db, feat_error *err);

/* As feat_db_lock, for what takes microseconds: nothing is cleared up. */
feat_status feat_db_lock_briefly(feat_db *db, uint32_t timeout_ms, feat_error *err);

/* Of the directory: what was created or renamed in it is durable. */
feat_status feat_db_sync_directory(const feat_db *db, feat_error *err);
/* The writer's side of tail.log: see tail.h. */
struct feat_tail **feat_db_tail(feat_db *db);
const char *feat_db_tail_path(const feat_db *db);

/* One table writer at a time: LMDB would wait for ever for its own thread's other write transaction. */
feat_status feat_db_begin_writing(feat_db *db, feat_error *err);
void feat_db_end_writing(feat_db *db);

/* Envelope kinds of the catalog and of blocks. No two differ in one bit or two. */
#define FEAT_KIND_FORMAT      UINT32_C(0x4d524f46) /* "FORM" */
#define FEAT_KIND_COUNTER     UINT32_C(0x544e4f43) /* "CONT" */
#define FEAT_KIND_DEFINITION  UINT32_C(0x4e464544) /* "DEFN" */
#define FEAT_KIND_COMMIT      UINT32_C(0x544d4d43) /* "CMMT" */
#define FEAT_KIND_MANIFEST    UINT32_C(0x5453464d) /* "MFST" */
#define FEAT_KIND_TIME        UINT32_C(0x454d4954) /* "TIME" */
#define FEAT_KIND_REF         UINT32_C(0x53464552) /* "REFS" */
#define FEAT_KIND_BRANCH      UINT32_C(0x4e415242) /* "BRAN" */
#define FEAT_KIND_APPLICATION UINT32_C(0x4e505041) /* "APPN" */
#define FEAT_KIND_PIN         UINT32_C(0x534e4950) /* "PINS" */
#define FEAT_KIND_KEPT        UINT32_C(0x5450454b) /* "KEPT" */
#define FEAT_KIND_DATA        UINT32_C(0x41544144) /* "DATA" */
#define FEAT_KIND_TAIL        UINT32_C(0x4c494154) /* "TAIL" */
#define FEAT_KIND_CHUNKS      UINT32_C(0x53544c43) /* "CLTS" */

feat_status feat_sync_directory(const char *path, feat_error *err);

/* The record that makes a catalog one of libfeat, in the catalog's own key. */
#define FEAT_FORMAT_KEY  "F"
#define FEAT_FORMAT_ID   "libfeat" /* with its NUL: 8 bytes */
#define FEAT_FORMAT_SIZE 12        /* id and version */

#endif
