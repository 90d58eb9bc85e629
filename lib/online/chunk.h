/* The bytes of a chunk: an entity key and its events, column by column. See doc/format.md. */
#ifndef FEAT_LIB_CHUNK_H
#define FEAT_LIB_CHUNK_H

#include "base/buffer.h"
#include "exec/exec.h"

/* Encoded bytes that event `i` takes in a chunk, without the chunk's own header. */
size_t feat_chunk_event_size(const feat_events *events, size_t i);
/* Appends the chunk of events [first, first + n). */
void feat_chunk_encode(feat_buffer *out, const void *key, size_t key_size, const feat_events *events, size_t first,
                       size_t n);
/* The entity key of a chunk, and where its events begin. */
feat_status feat_chunk_key(feat_cursor *in, const void **key, size_t *key_size, feat_error *err);
/* Appends the events to `out`, which was initialised for the view that wrote them. Untrusted bytes. */
feat_status feat_chunk_decode(feat_cursor *in, feat_events *out, feat_error *err);

#endif
