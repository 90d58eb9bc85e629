/* Immutable objects of any length in blocks.mdb, found by the digest of their content. An object that does not fit one
 * value is a list of chunks, or a list of lists. */
#ifndef FEAT_LIB_OBJECT_H
#define FEAT_LIB_OBJECT_H

#include "base/buffer.h"
#include "base/digest.h"
#include "store/env.h"

#define FEAT_CHUNK_SIZE (FEAT_VALUE_MAX - FEAT_ENVELOPE_SIZE)

/* ---- Reading. Within a transaction of the blocks' environment. ---- */

/* A view on an object's bytes: it remembers the chunk read last, so that reading forward checks each chunk once. */
typedef struct feat_object {
    feat_env *env;
    MDB_txn *txn;
    feat_digest key;
    uint64_t size;
    unsigned level; /* 0: one value; else lists of that depth above the chunks */
    const uint8_t *root;
    size_t root_size;
    const uint8_t *chunk; /* mapped; the chunk that starts at `chunk_at` */
    uint64_t chunk_at;
    size_t chunk_size;
} feat_object;

/* `what` names the object in messages: FEAT_CORRUPT when it is missing or damaged. */
feat_status feat_object_open(feat_env *env, MDB_txn *txn, const feat_digest *key, const char *what, feat_object *object,
                             feat_error *err);
/* Copies bytes [at, at + size). Fetches only the chunks they touch. */
feat_status feat_object_read(feat_object *object, uint64_t at, size_t size, void *out, feat_error *err);
/* The same without a copy where one chunk holds them all; else they are put together in `scratch`. Valid until the
 * transaction ends or `scratch` changes. */
feat_status feat_object_view(feat_object *object, uint64_t at, size_t size, feat_buffer *scratch, const uint8_t **bytes,
                             feat_error *err);

/* Calls `visit` with the key of every list and chunk below an object, which has none when one value holds it. */
typedef feat_status feat_object_visit(void *context, const feat_digest *key, feat_error *err);
feat_status feat_object_walk(feat_env *env, MDB_txn *txn, const feat_digest *key, const char *what,
                             feat_object_visit *visit, void *context, feat_error *err);

/* ---- Writing. One per writer; belongs to the thread that began it. Commits what it has whenever a transaction reaches
 * 64 MiB, since LMDB keeps a transaction's values in memory. ---- */

typedef struct feat_object_writer {
    feat_env *env;
    MDB_txn *txn; /* NULL: none begun */
    size_t pending;
} feat_object_writer;

void feat_object_writer_init(feat_object_writer *w, feat_env *env);
void feat_object_writer_abort(feat_object_writer *w);
feat_status feat_object_writer_commit(feat_object_writer *w, feat_error *err);
/* A transaction to read in: the writer's own, so that it sees what it wrote, else a new one in `*own` (else NULL), that
 * the caller aborts. */
feat_status feat_object_writer_txn(feat_object_writer *w, MDB_txn **txn, MDB_txn **own, feat_error *err);
feat_status feat_object_put(feat_object_writer *w, const void *bytes, size_t size, feat_digest *key, feat_error *err);

/* An object written piece by piece in bounded memory. */
typedef struct feat_object_stream {
    feat_object_writer *w;
    feat_buffer chunk;
    feat_buffer keys; /* of the chunks written */
    uint64_t size;
} feat_object_stream;

void feat_object_stream_init(feat_object_stream *s, feat_object_writer *w);
void feat_object_stream_done(feat_object_stream *s);
feat_status feat_object_stream_append(feat_object_stream *s, const void *bytes, size_t size, feat_error *err);
feat_status feat_object_stream_finish(feat_object_stream *s, feat_digest *key, feat_error *err);

#endif
