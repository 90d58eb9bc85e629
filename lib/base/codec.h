/* zstd with the size known and bounded before anything is allocated. */
#ifndef FEAT_LIB_CODEC_H
#define FEAT_LIB_CODEC_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

#define FEAT_CODEC_MAX ((size_t)4 << 20)

/* Appends the compressed form of `bytes` to `out`. */
feat_status feat_codec_compress(const void *bytes, size_t size, int level, feat_buffer *out, feat_error *err);
/* Expands exactly `size` bytes into `out`; anything else in the frame is FEAT_CORRUPT. `size` <= FEAT_CODEC_MAX. */
feat_status feat_codec_expand(const void *frame, size_t frame_size, void *out, size_t size, feat_error *err);

#endif
