/* msgpack for small records: a writer over msgpack-c's packer, and a reader of our own kind that checks every length
 * against the bytes at hand before it allocates or walks. */
#ifndef FEAT_LIB_PACK_H
#define FEAT_LIB_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/digest.h"

/* Writing: canonical form (the shortest encoding of each number and string). Failures stay in `out->failed`. */
void feat_pack_map(feat_buffer *out, uint32_t pairs);
void feat_pack_array(feat_buffer *out, uint32_t items);
void feat_pack_int(feat_buffer *out, int64_t value);
void feat_pack_uint(feat_buffer *out, uint64_t value);
void feat_pack_double(feat_buffer *out, double value);
void feat_pack_bool(feat_buffer *out, bool value);
void feat_pack_nil(feat_buffer *out);
void feat_pack_text(feat_buffer *out, const char *text);
void feat_pack_textn(feat_buffer *out, const char *text, size_t length);
void feat_pack_bytes(feat_buffer *out, const void *bytes, size_t size);
void feat_pack_digest(feat_buffer *out, const feat_digest *d);

/* Reading records in their fixed order from a cursor. A wrong type, a length past the end or a number out of range sets
 * `c->failed` and yields zero; the caller checks once at the end. */
uint32_t feat_unpack_map(feat_cursor *c);
uint32_t feat_unpack_array(feat_cursor *c);
int64_t feat_unpack_int(feat_cursor *c);
uint64_t feat_unpack_uint(feat_cursor *c);
double feat_unpack_double(feat_cursor *c);
bool feat_unpack_bool(feat_cursor *c);
/* True and consumes it when the next item is nil. */
bool feat_unpack_nil(feat_cursor *c);
/* Borrowed from the cursor's bytes; not NUL-terminated. */
const char *feat_unpack_text(feat_cursor *c, size_t *length);
const void *feat_unpack_bytes(feat_cursor *c, size_t *size);
feat_digest feat_unpack_digest(feat_cursor *c);

#endif
