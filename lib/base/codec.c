#include "base/codec.h"

#include <zstd.h>

feat_status feat_codec_compress(const void *bytes, size_t size, int level, feat_buffer *out, feat_error *err) {
    if (size > FEAT_CODEC_MAX) return feat_fail(err, FEAT_LIMIT, "cannot compress %zu bytes at once", size);
    size_t bound = ZSTD_compressBound(size), before = out->size;
    void *room = feat_buffer_extend(out, bound);
    if (!room) return feat_fail_memory(err);
    size_t n = ZSTD_compress(room, bound, bytes, size, level);
    if (ZSTD_isError(n)) return feat_fail(err, FEAT_MEMORY, "zstd: %s", ZSTD_getErrorName(n));
    out->size = before + n;
    return FEAT_OK;
}

feat_status feat_codec_expand(const void *frame, size_t frame_size, void *out, size_t size, feat_error *err) {
    if (size > FEAT_CODEC_MAX || ZSTD_getFrameContentSize(frame, frame_size) != size)
        return feat_fail(err, FEAT_CORRUPT, "a compressed page does not state the size %zu that its block gives", size);
    size_t n = ZSTD_decompress(out, size, frame, frame_size);
    if (ZSTD_isError(n) || n != size)
        return feat_fail(err, FEAT_CORRUPT, "a compressed page does not expand to %zu bytes", size);
    return FEAT_OK;
}
