/* Converting goes in three steps, so that a failure leaves the target as it was: check the layout, write the values
 * behind those of the target in one typed loop, commit them together with their validity. A value in a null slot may be
 * anything: a loop only notes that some value does not fit, and the search for the row that is to blame skips nulls. */
#include "column/arrow_convert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "column/bits.h"
#include "column/utf8.h"
#include "math/number.h"

/* What is to be read of an array, after checks. */
typedef struct slice {
    const struct ArrowArray *array;
    size_t start, n;         /* physical: the array's offset is counted in */
    const uint8_t *validity; /* NULL when none of the elements is null; bit `start` is the first */
} slice;

/* ---- Messages. ---- */

feat_status feat_arrow_malformed(const feat_arrow_source *source, feat_error *err, const char *why) {
    const char *name = source->field->name;
    return feat_fail(err, FEAT_SCHEMA, "%.*s, column '%.*s'%s: malformed Arrow array: %s",
                     feat_utf8_clip(source->what, 200), source->what, feat_utf8_clip(name, 100), name,
                     source->in_dictionary ? ", dictionary" : "", why);
}

/* About element i of the slice. */
FEAT_PRINTF(5, 6)
static feat_status fail_at(const feat_arrow_source *source, feat_error *err, feat_status code, size_t i,
                           const char *format, ...) {
    char reason[300];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    const char *name = source->field->name;
    int64_t row = source->first_row + (int64_t)i;
    return feat_fail_row(err, code, source->in_dictionary ? -1 : row, "%.*s, column '%.*s', %s %lld: %s",
                         feat_utf8_clip(source->what, 200), source->what, feat_utf8_clip(name, 100), name,
                         source->in_dictionary ? "dictionary entry" : "row", (long long)row, reason);
}

static feat_status malformed_at(const feat_arrow_source *source, feat_error *err, size_t i, const char *why) {
    return fail_at(source, err, FEAT_SCHEMA, i, "malformed Arrow array: %s", why);
}

/* `bits` are those of the value, signed or not. */
static feat_status does_not_fit(const feat_arrow_source *source, feat_error *err, size_t i, bool is_signed,
                                uint64_t bits, const char *type, const char *unit) {
    bool negative = is_signed && bits >> 63;
    return fail_at(source, err, FEAT_SCHEMA, i, "%s cannot hold %s%llu%s", type, negative ? "-" : "",
                   (unsigned long long)(negative ? 0 - bits : bits), unit);
}

static feat_status null_refused(const feat_arrow_source *source, feat_error *err, size_t i) {
    return fail_at(source, err, FEAT_CONSTRAINT, i, "NULL, but the column is NOT NULL");
}

static bool is_null(const slice *s, size_t i) { return s->validity && !feat_bit_get(s->validity, s->start + i); }

static feat_status check_not_null(const feat_arrow_source *source, const uint8_t *validity, size_t start, size_t n,
                                  feat_error *err) {
    if (!source->field->not_null || !validity) return FEAT_OK;
    for (size_t i = 0; i < n; i++)
        if (!feat_bit_get(validity, start + i)) return null_refused(source, err, i);
    return FEAT_OK;
}

/* ---- The layout. ---- */

static feat_status check_layout(const feat_arrow_source *source, const struct ArrowArray *array,
                                const struct ArrowSchema *schema, size_t start, size_t n, slice *s, feat_error *err) {
    feat_arrow_kind kind = feat_arrow_kind_of(schema->format);
    int64_t least, most;
    switch (kind) {
    case FEAT_ARROW_NULL: /* old producers send an empty validity buffer */
        least = 0;
        most = 1;
        break;
    case FEAT_ARROW_UTF8:
    case FEAT_ARROW_LARGE_UTF8: least = most = 3; break;
    case FEAT_ARROW_UTF8_VIEW: /* validity, views, any number of data buffers, their sizes */
        least = 3;
        most = INT64_MAX;
        break;
    default: least = most = 2; break;
    }
    if (array->length < 0 || array->offset < 0 || array->length > INT64_MAX / 16 || array->offset > INT64_MAX / 32 ||
        start > (size_t)array->length || n > (size_t)array->length - start)
        return feat_arrow_malformed(source, err, "its length or offset is out of range");
    if (array->n_buffers < least || array->n_buffers > most || (array->n_buffers > 0 && !array->buffers))
        return feat_arrow_malformed(source, err, "wrong number of buffers");
    if (array->n_children != 0) return feat_arrow_malformed(source, err, "it has children");
    if (!array->dictionary != !schema->dictionary)
        return feat_arrow_malformed(source, err,
                                    array->dictionary ? "it has a dictionary" : "its dictionary is missing");
    if (array->null_count < -1) return feat_arrow_malformed(source, err, "its null count is negative");
    *s = (slice){.array = array, .start = start + (size_t)array->offset, .n = n};
    if (n == 0 || kind == FEAT_ARROW_NULL || array->null_count == 0) return FEAT_OK;
    const uint8_t *validity = array->buffers[0];
    if (!validity && array->null_count > 0)
        return feat_arrow_malformed(source, err, "it counts nulls but has no validity buffer");
    /* The count may be unknown, or that of a longer array that this is a slice of. */
    if (validity && feat_bits_count(validity, s->start, n) < n) s->validity = validity;
    return FEAT_OK;
}

/* ---- Numbers. ---- */

/* Buffers need not be aligned: values are loaded with memcpy, which compilers turn into plain (vector) loads. */
#define LOAD(v, type, i) memcpy(&(v), from + (i) * sizeof(type), sizeof(type))

#define WIDEN(type, to_type)                                                                                           \
    do {                                                                                                               \
        to_type *to = (to_type *)out->values + out->length;                                                            \
        for (size_t i = 0; i < s->n; i++) {                                                                            \
            type v;                                                                                                    \
            LOAD(v, type, i);                                                                                          \
            to[i] = (to_type)v;                                                                                        \
        }                                                                                                              \
    } while (0)

/* `FITS` and `VALUE` are expressions of v; the type's name and the unit are for the message. */
#define CHECKED(type, to_type, FITS, VALUE, type_name, unit)                                                           \
    do {                                                                                                               \
        to_type *to = (to_type *)out->values + out->length;                                                            \
        int bad = 0;                                                                                                   \
        for (size_t i = 0; i < s->n; i++) {                                                                            \
            type v;                                                                                                    \
            LOAD(v, type, i);                                                                                          \
            bad |= !(FITS);                                                                                            \
            to[i] = (to_type)(VALUE);                                                                                  \
        }                                                                                                              \
        for (size_t i = 0; bad && i < s->n; i++) {                                                                     \
            type v;                                                                                                    \
            LOAD(v, type, i);                                                                                          \
            if (!(FITS) && !is_null(s, i))                                                                             \
                return does_not_fit(source, err, i, (type)-1 < 1, (uint64_t)v, type_name, unit);                       \
        }                                                                                                              \
    } while (0)

#define US         "TIMESTAMP in microseconds"
#define MS_PER_DAY 86400000

/* An IEEE half: sign, 5 bits of exponent with bias 15, 10 of fraction. Every one is a double. */
static double half_to_double(uint16_t half) {
    uint64_t sign = (uint64_t)(half >> 15) << 63, fraction = half & 0x3ff;
    unsigned exponent = half >> 10 & 0x1f;
    if (exponent == 0x1f && fraction != 0) return feat_double_of_bits(FEAT_NAN_BITS);
    if (exponent == 0x1f) return feat_double_of_bits(sign | UINT64_C(0x7ff) << 52);
    if (exponent == 0) { /* zero, or a multiple of the smallest half */
        double magnitude = (double)fraction * 0x1p-24;
        return sign ? -magnitude : magnitude;
    }
    return feat_double_of_bits(sign | (uint64_t)(exponent - 15 + 1023) << 52 | fraction << 42);
}

/* Up to here every integer is a double. */
#define EXACT_MAX (INT64_C(1) << 53)

static feat_status fill_doubles(const feat_arrow_source *source, feat_arrow_kind kind, const slice *s, const char *from,
                                feat_column *out, feat_error *err) {
    double *doubles = (double *)out->values + out->length;
    switch (kind) {
    case FEAT_ARROW_INT8: WIDEN(int8_t, double); break;
    case FEAT_ARROW_UINT8: WIDEN(uint8_t, double); break;
    case FEAT_ARROW_INT16: WIDEN(int16_t, double); break;
    case FEAT_ARROW_UINT16: WIDEN(uint16_t, double); break;
    case FEAT_ARROW_INT32: WIDEN(int32_t, double); break;
    case FEAT_ARROW_UINT32: WIDEN(uint32_t, double); break;
    case FEAT_ARROW_INT64:
        CHECKED(int64_t, double, v >= -EXACT_MAX && v <= EXACT_MAX, v, "DOUBLE", " without loss");
        break;
    case FEAT_ARROW_UINT64: CHECKED(uint64_t, double, v <= (uint64_t)EXACT_MAX, v, "DOUBLE", " without loss"); break;
    case FEAT_ARROW_FLOAT32: WIDEN(float, double); break;
    case FEAT_ARROW_FLOAT64: WIDEN(double, double); break;
    case FEAT_ARROW_FLOAT16:
        for (size_t i = 0; i < s->n; i++) {
            uint16_t half;
            LOAD(half, uint16_t, i);
            doubles[i] = half_to_double(half);
        }
        break;
    default: return FEAT_INTERNAL;
    }
    for (size_t i = 0; i < s->n; i++) doubles[i] = feat_double_canonical(doubles[i]);
    return FEAT_OK;
}

/* BIGINT, DATE and TIMESTAMP. */
static feat_status fill_integers(const feat_arrow_source *source, feat_arrow_kind kind, const slice *s,
                                 const char *from, feat_column *out, feat_error *err) {
    switch (kind) {
    case FEAT_ARROW_INT8: WIDEN(int8_t, int64_t); break;
    case FEAT_ARROW_UINT8: WIDEN(uint8_t, int64_t); break;
    case FEAT_ARROW_INT16: WIDEN(int16_t, int64_t); break;
    case FEAT_ARROW_UINT16: WIDEN(uint16_t, int64_t); break;
    case FEAT_ARROW_INT32: WIDEN(int32_t, int64_t); break;
    case FEAT_ARROW_UINT32: WIDEN(uint32_t, int64_t); break;
    case FEAT_ARROW_UINT64: CHECKED(uint64_t, int64_t, v <= INT64_MAX, v, "BIGINT", ""); break;
    case FEAT_ARROW_INT64:
    case FEAT_ARROW_MICROSECONDS: memcpy((int64_t *)out->values + out->length, from, s->n * sizeof(int64_t)); break;
    case FEAT_ARROW_DATE32: memcpy((int32_t *)out->values + out->length, from, s->n * sizeof(int32_t)); break;
    case FEAT_ARROW_DATE64:
        CHECKED(int64_t, int32_t, v % MS_PER_DAY == 0 && v / MS_PER_DAY >= INT32_MIN && v / MS_PER_DAY <= INT32_MAX,
                v / MS_PER_DAY, "DATE", v % MS_PER_DAY ? " ms without loss" : " ms");
        break;
    case FEAT_ARROW_SECONDS:
        CHECKED(int64_t, int64_t, v >= INT64_MIN / 1000000 && v <= INT64_MAX / 1000000, (uint64_t)v * 1000000, US,
                " s");
        break;
    case FEAT_ARROW_MILLISECONDS:
        CHECKED(int64_t, int64_t, v >= INT64_MIN / 1000 && v <= INT64_MAX / 1000, (uint64_t)v * 1000, US, " ms");
        break;
    case FEAT_ARROW_NANOSECONDS: CHECKED(int64_t, int64_t, v % 1000 == 0, v / 1000, US, " ns without loss"); break;
    default: return FEAT_INTERNAL;
    }
    return FEAT_OK;
}

static size_t width_of(feat_arrow_kind kind) {
    switch (kind) {
    case FEAT_ARROW_INT8:
    case FEAT_ARROW_UINT8: return 1;
    case FEAT_ARROW_INT16:
    case FEAT_ARROW_UINT16:
    case FEAT_ARROW_FLOAT16: return 2;
    case FEAT_ARROW_INT32:
    case FEAT_ARROW_UINT32:
    case FEAT_ARROW_FLOAT32:
    case FEAT_ARROW_DATE32: return 4;
    default: return 8;
    }
}

static feat_status convert_fixed(const feat_arrow_source *source, const slice *s, feat_column *out, feat_error *err) {
    feat_arrow_kind kind = feat_arrow_kind_of(source->schema->format);
    const char *from = s->array->buffers[1];
    if (!from) return feat_arrow_malformed(source, err, "its values are missing");
    if (feat_column_reserve(out, s->n) != 0) return feat_fail_memory(err);
    from += kind == FEAT_ARROW_BOOL ? 0 : s->start * width_of(kind);
    if (kind == FEAT_ARROW_BOOL) feat_bits_copy(out->values, out->length, (const uint8_t *)from, s->start, s->n);
    else if (out->type == FEAT_TYPE_DOUBLE) FEAT_TRY(fill_doubles(source, kind, s, from, out, err));
    else FEAT_TRY(fill_integers(source, kind, s, from, out, err));
    return feat_column_commit(out, s->n, s->validity, s->start) == 0 ? FEAT_OK : feat_fail_memory(err);
}

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
            return fail_at(source, err, FEAT_SCHEMA, i, "TEXT must be UTF-8, but byte %zu is malformed", prefix);
    }
    return FEAT_OK;
}

static feat_status commit_text(const feat_arrow_source *source, const slice *s, feat_column *out, feat_error *err) {
    FEAT_TRY(check_utf8(source, out, s->n, err));
    return feat_column_commit(out, s->n, s->validity, s->start) == 0 ? FEAT_OK : feat_fail_memory(err);
}

/* Offsets of either width. All texts are copied at once unless a null hides bytes. */
#define CONVERT_OFFSETS(name, type)                                                                                    \
    static feat_status name(const feat_arrow_source *source, const slice *s, feat_column *out, feat_error *err) {      \
        const char *from = s->array->buffers[1], *bytes = s->array->buffers[2];                                        \
        if (!from) return feat_arrow_malformed(source, err, "its offsets are missing");                                \
        from += s->start * sizeof(type);                                                                               \
        type first, last, here, next;                                                                                  \
        LOAD(first, type, 0);                                                                                          \
        LOAD(last, type, s->n);                                                                                        \
        int bad = first < 0;                                                                                           \
        for (size_t i = 0; i < s->n; i++) {                                                                            \
            LOAD(here, type, i);                                                                                       \
            LOAD(next, type, i + 1);                                                                                   \
            bad |= next < here;                                                                                        \
        }                                                                                                              \
        for (size_t i = 0; bad && i < s->n; i++) {                                                                     \
            LOAD(here, type, i);                                                                                       \
            LOAD(next, type, i + 1);                                                                                   \
            if (here < 0 || next < here)                                                                               \
                return malformed_at(source, err, i, here < 0 ? "an offset is negative" : "the offsets decrease");      \
        }                                                                                                              \
        size_t size = (size_t)(last - first);                                                                          \
        if (size > 0 && !bytes) return feat_arrow_malformed(source, err, "its text is missing");                       \
        bool hidden = false;                                                                                           \
        for (size_t i = 0; s->validity && !hidden && i < s->n; i++) {                                                  \
            if (feat_bit_get(s->validity, s->start + i)) continue;                                                     \
            LOAD(here, type, i);                                                                                       \
            LOAD(next, type, i + 1);                                                                                   \
            hidden = next != here;                                                                                     \
        }                                                                                                              \
        if (feat_column_reserve(out, s->n) != 0 || feat_column_reserve_text(out, size) != 0)                           \
            return feat_fail_memory(err);                                                                              \
        int64_t at = out->offsets[out->length], *to = out->offsets + out->length + 1;                                  \
        if (!hidden) {                                                                                                 \
            if (size > 0) memcpy((char *)out->values + at, bytes + first, size);                                       \
            for (size_t i = 0; i < s->n; i++) {                                                                        \
                LOAD(next, type, i + 1);                                                                               \
                to[i] = at + (next - first);                                                                           \
            }                                                                                                          \
            return commit_text(source, s, out, err);                                                                   \
        }                                                                                                              \
        for (size_t i = 0; i < s->n; i++) {                                                                            \
            LOAD(here, type, i);                                                                                       \
            LOAD(next, type, i + 1);                                                                                   \
            if (next > here && !is_null(s, i)) {                                                                       \
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

static feat_status view_text(const feat_arrow_source *source, const slice *s, size_t i, feat_text *text,
                             feat_error *err) {
    const char *view = (const char *)s->array->buffers[1] + (s->start + i) * VIEW_SIZE;
    int32_t length, buffer, offset;
    memcpy(&length, view, 4);
    if (length < 0) return malformed_at(source, err, i, "the length of a view is negative");
    *text = (feat_text){view + 4, (size_t)length};
    if (length <= VIEW_INLINE) return FEAT_OK;
    memcpy(&buffer, view + 8, 4);
    memcpy(&offset, view + 12, 4);
    int64_t n_data = s->array->n_buffers - 3, size;
    if (buffer < 0 || buffer >= n_data) return malformed_at(source, err, i, "a view names a buffer that is not there");
    const char *data = s->array->buffers[2 + buffer], *sizes = s->array->buffers[2 + n_data];
    if (!sizes) return feat_arrow_malformed(source, err, "the sizes of its buffers are missing");
    memcpy(&size, sizes + (size_t)buffer * sizeof size, sizeof size);
    if (!data || offset < 0 || length > size || offset > size - length)
        return malformed_at(source, err, i, "a view lies outside its buffer");
    text->data = data + offset;
    if (memcmp(text->data, view + 4, 4) != 0)
        return malformed_at(source, err, i, "a view does not start as its text does");
    return FEAT_OK;
}

static feat_status convert_views(const feat_arrow_source *source, const slice *s, feat_column *out, feat_error *err) {
    if (!s->array->buffers[1]) return feat_arrow_malformed(source, err, "its views are missing");
    size_t size = 0;
    feat_text text;
    for (size_t i = 0; i < s->n; i++) {
        if (is_null(s, i)) continue;
        FEAT_TRY(view_text(source, s, i, &text, err));
        if (__builtin_add_overflow(size, text.length, &size)) return feat_fail_memory(err);
    }
    if (feat_column_reserve(out, s->n) != 0 || feat_column_reserve_text(out, size) != 0) return feat_fail_memory(err);
    int64_t at = out->offsets[out->length], *to = out->offsets + out->length + 1;
    for (size_t i = 0; i < s->n; i++) {
        if (!is_null(s, i)) {
            FEAT_TRY(view_text(source, s, i, &text, err));
            if (text.length > 0) memcpy((char *)out->values + at, text.data, text.length);
            at += (int64_t)text.length;
        }
        to[i] = at;
    }
    return commit_text(source, s, out, err);
}

static feat_status convert_plain_text(const feat_arrow_source *source, feat_arrow_kind kind, const slice *s,
                                      feat_column *out, feat_error *err) {
    switch (kind) {
    case FEAT_ARROW_UTF8: return convert_utf8(source, s, out, err);
    case FEAT_ARROW_LARGE_UTF8: return convert_large_utf8(source, s, out, err);
    default: return convert_views(source, s, out, err);
    }
}

/* ---- Dictionaries. ---- */

enum { BLOCK = 1024 };

#define READ_INDICES(type)                                                                                             \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        type v;                                                                                                        \
        LOAD(v, type, i);                                                                                              \
        indices[i] = (uint64_t)v; /* a negative one is larger than any dictionary */                                   \
    }

static void read_indices(feat_arrow_kind kind, const char *from, size_t n, uint64_t indices[BLOCK]) {
    switch (kind) {
    case FEAT_ARROW_INT8: READ_INDICES(int8_t); break;
    case FEAT_ARROW_UINT8: READ_INDICES(uint8_t); break;
    case FEAT_ARROW_INT16: READ_INDICES(int16_t); break;
    case FEAT_ARROW_UINT16: READ_INDICES(uint16_t); break;
    case FEAT_ARROW_INT32: READ_INDICES(int32_t); break;
    case FEAT_ARROW_UINT32: READ_INDICES(uint32_t); break;
    default: READ_INDICES(uint64_t); break;
    }
}

/* Entries of the dictionary that the rows name, copied; `valid` (all zero before) gets a bit for each that is not null.
 */
static feat_status gather_entries(const feat_arrow_source *source, const slice *s, const feat_column *entries,
                                  uint8_t *valid, feat_column *out, feat_error *err) {
    feat_arrow_kind kind = feat_arrow_kind_of(source->schema->format);
    size_t width = width_of(kind), size = 0;
    const char *from = s->array->buffers[1];
    if (!from) return feat_arrow_malformed(source, err, "its indices are missing");
    from += s->start * width;
    uint64_t indices[BLOCK];
    for (size_t start = 0; start < s->n; start += BLOCK) {
        size_t n = s->n - start < BLOCK ? s->n - start : BLOCK;
        read_indices(kind, from + start * width, n, indices);
        for (size_t i = 0; i < n; i++) {
            if (is_null(s, start + i)) continue;
            if (indices[i] >= entries->length)
                return malformed_at(source, err, start + i, "an index lies outside its dictionary");
            if (feat_column_is_null(entries, indices[i])) continue;
            feat_bit_set(valid, start + i);
            if (__builtin_add_overflow(size, feat_column_text(entries, indices[i]).length, &size))
                return feat_fail_memory(err);
        }
    }
    if (feat_column_reserve(out, s->n) != 0 || feat_column_reserve_text(out, size) != 0) return feat_fail_memory(err);
    int64_t at = out->offsets[out->length], *to = out->offsets + out->length + 1;
    for (size_t start = 0; start < s->n; start += BLOCK) {
        size_t n = s->n - start < BLOCK ? s->n - start : BLOCK;
        read_indices(kind, from + start * width, n, indices);
        for (size_t i = 0; i < n; i++) {
            if (feat_bit_get(valid, start + i)) {
                feat_text text = feat_column_text(entries, indices[i]);
                if (text.length > 0) memcpy((char *)out->values + at, text.data, text.length);
                at += (int64_t)text.length;
            }
            to[start + i] = at;
        }
    }
    return FEAT_OK;
}

static feat_status convert_dictionary(const feat_arrow_source *source, const slice *s, feat_column *out,
                                      feat_error *err) {
    const struct ArrowSchema *schema = source->schema->dictionary;
    const struct ArrowArray *dictionary = s->array->dictionary;
    if (dictionary->length < 0) return feat_arrow_malformed(source, err, "its dictionary has a negative length");
    const feat_field field = {.name = source->field->name, .type = FEAT_TYPE_TEXT};
    const feat_arrow_source inner = {.schema = schema, .field = &field, .what = source->what, .in_dictionary = true};
    slice all;
    feat_column entries;
    feat_column_init(&entries, FEAT_TYPE_TEXT);
    uint8_t *valid = NULL;
    feat_status status = check_layout(&inner, dictionary, schema, 0, (size_t)dictionary->length, &all, err);
    if (status == FEAT_OK && all.n > 0)
        status = convert_plain_text(&inner, feat_arrow_kind_of(schema->format), &all, &entries, err);
    if (status != FEAT_OK) goto out;
    valid = feat_alloc_zero(feat_bitmap_size(s->n), 1);
    if (!valid) {
        status = feat_fail_memory(err);
        goto out;
    }
    FEAT_GOTO(status, gather_entries(source, s, &entries, valid, out, err), out);
    FEAT_GOTO(status, check_not_null(source, valid, 0, s->n, err), out);
    if (feat_column_commit(out, s->n, valid, 0) != 0) status = feat_fail_memory(err);
out:
    feat_free(valid);
    feat_column_done(&entries);
    return status;
}

/* ---- All of it. ---- */

feat_status feat_arrow_convert_nulls(const feat_arrow_source *source, size_t n, feat_column *out, feat_error *err) {
    if (n > 0 && source->field->not_null) return null_refused(source, err, 0);
    return feat_column_append_nulls(out, n) == 0 ? FEAT_OK : feat_fail_memory(err);
}

feat_status feat_arrow_convert(const feat_arrow_source *source, const struct ArrowArray *array, size_t start, size_t n,
                               feat_column *out, feat_error *err) {
    slice s;
    feat_arrow_kind kind = feat_arrow_kind_of(source->schema->format);
    FEAT_TRY(check_layout(source, array, source->schema, start, n, &s, err));
    if (n == 0) return FEAT_OK; /* its buffers may be missing */
    if (source->schema->dictionary) return convert_dictionary(source, &s, out, err);
    if (kind == FEAT_ARROW_NULL) return feat_arrow_convert_nulls(source, n, out, err);
    FEAT_TRY(check_not_null(source, s.validity, s.start, n, err));
    if (out->type == FEAT_TYPE_TEXT) return convert_plain_text(source, kind, &s, out, err);
    return convert_fixed(source, &s, out, err);
}
