/* TEXT and BLOB from Arrow: the values are written behind those of the column, and committed when all are well formed.
 */
#include "column/arrow_slice.h"
#include "column/utf8.h"

/* ---- Text. ---- */

/* Checks texts that stand behind those of the column, not yet committed. A run of texts is well formed as a whole and
 * none starts inside a character: then each is. */
static feat_status check_utf8(const feat_arrow_source *source, const feat_column *out, size_t n, feat_error *err) {
    const int64_t *offsets = out->offsets + out->length;
    size_t size = (size_t)(offsets[n] - offsets[0]);
    if (size == 0) return FEAT_OK;
    const char *bytes = (const char *)out->values + offsets[0];
    bool good = feat_utf8_valid(bytes, size);
    for (size_t i = 1; good && i < n; i++) {
        size_t at = (size_t)(offsets[i] - offsets[0]);
        if (at < size && feat_utf8_continues(bytes[at])) good = false;
    }
    for (size_t i = 0; !good && i < n; i++) {
        size_t length = (size_t)(offsets[i + 1] - offsets[i]);
        size_t prefix = feat_utf8_prefix(bytes + (offsets[i] - offsets[0]), length);
        if (prefix < length)
            return feat_arrow_fail_at(source, err, FEAT_SCHEMA, i, "TEXT must be UTF-8, but byte %zu is malformed",
                                      prefix);
    }
    return FEAT_OK;
}

static feat_status commit_text(const feat_arrow_source *source, const feat_arrow_slice *s, feat_column *out,
                               feat_error *err) {
    if (out->type == FEAT_TYPE_TEXT) FEAT_TRY(check_utf8(source, out, s->n, err));
    return feat_column_commit(out, s->n, s->validity, s->start) == 0 ? FEAT_OK : feat_fail_memory(err);
}

/* Offsets of either width. All texts are copied at once unless a null hides bytes. */
#define CONVERT_OFFSETS(name, type)                                                                                    \
    static feat_status name(const feat_arrow_source *source, const feat_arrow_slice *s, feat_column *out,              \
                            feat_error *err) {                                                                         \
        const char *from = s->array->buffers[1], *bytes = s->array->buffers[2];                                        \
        if (!from) return feat_arrow_malformed(source, err, "its offsets are missing");                                \
        from += s->start * sizeof(type);                                                                               \
        type first, last, here, next;                                                                                  \
        FEAT_ARROW_LOAD(first, from, type, 0);                                                                         \
        FEAT_ARROW_LOAD(last, from, type, s->n);                                                                       \
        int bad = first < 0;                                                                                           \
        for (size_t i = 0; i < s->n; i++) {                                                                            \
            FEAT_ARROW_LOAD(here, from, type, i);                                                                      \
            FEAT_ARROW_LOAD(next, from, type, i + 1);                                                                  \
            bad |= next < here;                                                                                        \
        }                                                                                                              \
        for (size_t i = 0; bad && i < s->n; i++) {                                                                     \
            FEAT_ARROW_LOAD(here, from, type, i);                                                                      \
            FEAT_ARROW_LOAD(next, from, type, i + 1);                                                                  \
            if (here < 0 || next < here)                                                                               \
                return feat_arrow_malformed_at(source, err, i,                                                         \
                                               here < 0 ? "an offset is negative" : "the offsets decrease");           \
        }                                                                                                              \
        size_t size = (size_t)(last - first);                                                                          \
        if (size > 0 && !bytes) return feat_arrow_malformed(source, err, "its text is missing");                       \
        bool hidden = false;                                                                                           \
        for (size_t i = 0; s->validity && !hidden && i < s->n; i++) {                                                  \
            if (feat_bit_get(s->validity, s->start + i)) continue;                                                     \
            FEAT_ARROW_LOAD(here, from, type, i);                                                                      \
            FEAT_ARROW_LOAD(next, from, type, i + 1);                                                                  \
            hidden = next != here;                                                                                     \
        }                                                                                                              \
        if (feat_column_reserve(out, s->n) != 0 || feat_column_reserve_text(out, size) != 0)                           \
            return feat_fail_memory(err);                                                                              \
        int64_t at = out->offsets[out->length], *to = out->offsets + out->length + 1;                                  \
        if (!hidden) {                                                                                                 \
            if (size > 0) memcpy((char *)out->values + at, bytes + first, size);                                       \
            for (size_t i = 0; i < s->n; i++) {                                                                        \
                FEAT_ARROW_LOAD(next, from, type, i + 1);                                                              \
                to[i] = at + (next - first);                                                                           \
            }                                                                                                          \
            return commit_text(source, s, out, err);                                                                   \
        }                                                                                                              \
        for (size_t i = 0; i < s->n; i++) {                                                                            \
            FEAT_ARROW_LOAD(here, from, type, i);                                                                      \
            FEAT_ARROW_LOAD(next, from, type, i + 1);                                                                  \
            if (next > here && !feat_arrow_null_at(s, i)) {                                                            \
                memcpy((char *)out->values + at, bytes + here, (size_t)(next - here));                                 \
                at += next - here;                                                                                     \
            }                                                                                                          \
            to[i] = at;                                                                                                \
        }                                                                                                              \
        return commit_text(source, s, out, err);                                                                       \
    }

CONVERT_OFFSETS(convert_utf8, int32_t)
CONVERT_OFFSETS(convert_large_utf8, int64_t)

/* A view: its length; then up to 12 bytes of text, or its first four, a buffer's number and an offset into it. */
enum { VIEW_SIZE = 16, VIEW_INLINE = 12 };

static feat_status view_text(const feat_arrow_source *source, const feat_arrow_slice *s, size_t i, feat_text *text,
                             feat_error *err) {
    const char *view = (const char *)s->array->buffers[1] + (s->start + i) * VIEW_SIZE;
    int32_t length, buffer, offset;
    memcpy(&length, view, 4);
    if (length < 0) return feat_arrow_malformed_at(source, err, i, "the length of a view is negative");
    *text = (feat_text){view + 4, (size_t)length};
    if (length <= VIEW_INLINE) return FEAT_OK;
    memcpy(&buffer, view + 8, 4);
    memcpy(&offset, view + 12, 4);
    int64_t n_data = s->array->n_buffers - 3, size;
    if (buffer < 0 || buffer >= n_data)
        return feat_arrow_malformed_at(source, err, i, "a view names a buffer that is not there");
    const char *data = s->array->buffers[2 + buffer], *sizes = s->array->buffers[2 + n_data];
    if (!sizes) return feat_arrow_malformed(source, err, "the sizes of its buffers are missing");
    memcpy(&size, sizes + (size_t)buffer * sizeof size, sizeof size);
    if (!data || offset < 0 || length > size || offset > size - length)
        return feat_arrow_malformed_at(source, err, i, "a view lies outside its buffer");
    text->data = data + offset;
    if (memcmp(text->data, view + 4, 4) != 0)
        return feat_arrow_malformed_at(source, err, i, "a view does not start as its text does");
    return FEAT_OK;
}

static feat_status convert_views(const feat_arrow_source *source, const feat_arrow_slice *s, feat_column *out,
                                 feat_error *err) {
    if (!s->array->buffers[1]) return feat_arrow_malformed(source, err, "its views are missing");
    size_t size = 0;
    feat_text text;
    for (size_t i = 0; i < s->n; i++) {
        if (feat_arrow_null_at(s, i)) continue;
        FEAT_TRY(view_text(source, s, i, &text, err));
        if (__builtin_add_overflow(size, text.length, &size)) return feat_fail_memory(err);
    }
    if (feat_column_reserve(out, s->n) != 0 || feat_column_reserve_text(out, size) != 0) return feat_fail_memory(err);
    int64_t at = out->offsets[out->length], *to = out->offsets + out->length + 1;
    for (size_t i = 0; i < s->n; i++) {
        if (!feat_arrow_null_at(s, i)) {
            FEAT_TRY(view_text(source, s, i, &text, err));
            if (text.length > 0) memcpy((char *)out->values + at, text.data, text.length);
            at += (int64_t)text.length;
        }
        to[i] = at;
    }
    return commit_text(source, s, out, err);
}

/* ---- Bytes of one length. ---- */

static feat_status convert_fixed_size(const feat_arrow_source *source, const feat_arrow_slice *s, feat_column *out,
                                      feat_error *err) {
    size_t width = feat_arrow_size_of(source->schema->format), size;
    const char *from = s->array->buffers[1];
    if (!from && width > 0) return feat_arrow_malformed(source, err, "its values are missing");
    if (__builtin_mul_overflow(s->start + s->n, width, &size)) return feat_fail_memory(err);
    if (feat_column_reserve(out, s->n) != 0 || feat_column_reserve_text(out, s->n * width) != 0)
        return feat_fail_memory(err);
    int64_t at = out->offsets[out->length], *to = out->offsets + out->length + 1;
    for (size_t i = 0; i < s->n; i++) {
        if (width > 0 && !feat_arrow_null_at(s, i)) {
            memcpy((char *)out->values + at, from + (s->start + i) * width, width);
            at += (int64_t)width;
        }
        to[i] = at;
    }
    return commit_text(source, s, out, err);
}

feat_status feat_arrow_convert_bytes(const feat_arrow_source *source, const feat_arrow_slice *s, feat_column *out,
                                     feat_error *err) {
    switch (feat_arrow_kind_of(source->schema->format)) {
    case FEAT_ARROW_UTF8:
    case FEAT_ARROW_BINARY: return convert_utf8(source, s, out, err);
    case FEAT_ARROW_LARGE_UTF8:
    case FEAT_ARROW_LARGE_BINARY: return convert_large_utf8(source, s, out, err);
    case FEAT_ARROW_FIXED_BINARY: return convert_fixed_size(source, s, out, err);
    default: return convert_views(source, s, out, err);
    }
}
