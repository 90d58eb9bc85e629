/* The table of encodings, the choice among them, and decoded values on their way into a column. */
#include "store/encoding.h"

#include <string.h>

#include "base/bitmap.h"
#include "base/little.h"
#include "column/bits.h"
#include "column/nested.h"
#include "math/decimal.h"
#include "math/number.h"

feat_page_form feat_page_form_of(feat_type type) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_REAL:
    case FEAT_TYPE_DOUBLE: return FEAT_FORM_DOUBLES;
    case FEAT_TYPE_TEXT:
    case FEAT_TYPE_BLOB:
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP:
    case FEAT_TYPE_DECIMAL:
    case FEAT_TYPE_INTERVAL: return FEAT_FORM_TEXTS;
    default: return FEAT_FORM_INTS;
    }
}

void feat_page_init(feat_page *page) {
    memset(page, 0, sizeof *page);
    page->loops = feat_packing_best();
    feat_column_init(&page->wide, FEAT_TYPE_BLOB);
}

void feat_page_done(feat_page *page) {
    feat_buffer_done(&page->best);
    feat_buffer_done(&page->trial);
    feat_buffer_done(&page->padded);
    feat_column_done(&page->wide);
}

/* ---- The table. ---- */

#define NUMBERS(name) feat_##name##_encode_numbers, feat_##name##_decode_numbers
#define TEXTS(name)   feat_##name##_encode_texts, feat_##name##_decode_texts
#define NONE          NULL, NULL
static const feat_encoding encodings[] = {
    {0, "raw", 10, true, NUMBERS(raw), TEXTS(raw)},
    {1, "constant", 5, false, NUMBERS(constant), TEXTS(constant)},
    {2, "packed", 15, true, NUMBERS(packed), NONE},
    {3, "delta", 45, true, NUMBERS(delta), NONE},
    {4, "decimal", 50, true, NUMBERS(decimal), NONE},
    {5, "dictionary", 45, false, NUMBERS(dictionary), TEXTS(dictionary)},
    {6, "runs", 20, false, NUMBERS(runs), NONE},
    {7, "whole", 0, false, NONE, TEXTS(whole), .wide = true},
};
#undef NUMBERS
#undef TEXTS
#undef NONE
enum { N_ENCODINGS = sizeof encodings / sizeof *encodings };

const feat_encoding *feat_encoding_by_id(uint8_t id) { return id < N_ENCODINGS ? &encodings[id] : NULL; }

/* ---- Choosing. ---- */

/* A nanosecond a value is worth a tenth of a byte: a page that is read from memory costs about that much more. */
static size_t price(const feat_encoding *e, size_t n, size_t bytes) { return 1000 * bytes + n * e->cost; }

static uint8_t encode_numbers(feat_page *page, feat_buffer *out) {
    const feat_encoding *best = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 1; i <= N_ENCODINGS; i++) {
        const feat_encoding *e = &encodings[i % N_ENCODINGS]; /* raw last: it takes time, and rarely wins */
        if (e->id == 0 && best && page->best.size < page->rows * feat_type_size(page->type) / 2) break;
        feat_buffer_clear(&page->trial);
        if (!e->encode_numbers || !e->encode_numbers(page, page->numbers, page->rows, &page->trial)) continue;
        if (page->trial.failed) out->failed = true;
        size_t p = price(e, page->rows, page->trial.size);
        if (p >= least) continue;
        least = p;
        best = e;
        feat_buffer swap = page->best;
        page->best = page->trial;
        page->trial = swap;
        if (e->id == 1) break; /* nothing is better than one value */
    }
    feat_buffer_append(out, page->best.data, page->best.size);
    return best->id; /* raw suits everything */
}

static uint8_t encode_texts(feat_page *page, feat_buffer *out) {
    static const uint8_t trials[] = {1, 7, 5, 0}; /* in the order of what they save */
    size_t before = out->size;
    for (size_t t = 0;; t++) {
        const feat_encoding *e = &encodings[trials[t]];
        if (e->encode_texts(page, out)) return e->id; /* the last suits everything */
        if (!out->failed) out->size = before;
    }
}

/* ---- whole: DECIMALs whose unscaled values are integers of 64 bits: u8 encoding of those, their bytes. ---- */

bool feat_whole_encode_texts(feat_page *page, feat_buffer *out) {
    if (FEAT_TYPE_BASE(page->type) != FEAT_TYPE_DECIMAL) return false;
    for (size_t i = 0; i < page->rows; i++) {
        feat_int128 v;
        feat_little_copy(&v, page->text + 16 * i, sizeof v, 1);
        page->numbers[i] = (feat_bits64)v;
        if (page->numbers[i] != v) return false;
    }
    feat_type type = page->type;
    size_t before = out->size;
    page->type = FEAT_TYPE_BIGINT;
    feat_buffer_byte(out, 0);
    uint8_t id = encode_numbers(page, out);
    if (!out->failed) out->data[before] = id;
    page->type = type;
    return true;
}

bool feat_whole_decode_texts(feat_page *page, feat_cursor *in, feat_column *to) {
    if (FEAT_TYPE_BASE(to->type) != FEAT_TYPE_DECIMAL) return false;
    const feat_encoding *e = feat_encoding_by_id(feat_cursor_byte(in));
    page->type = FEAT_TYPE_BIGINT;
    bool good = !in->failed && e && e->decode_numbers && e->decode_numbers(page, in, page->numbers, page->rows);
    page->type = to->type;
    if (!good) return false;
    feat_int128 *values = (feat_int128 *)to->values + to->length;
    int precision = FEAT_TYPE_PRECISION(to->type);
    for (size_t i = 0; i < page->rows; i++) values[i] = page->numbers[i];
    for (size_t i = 0; precision < 19 && i < page->rows; i++)
        if (!feat_decimal_fits(values[i], precision)) return false;
    return true;
}

void feat_page_set_wide(feat_page *page, const void *values) {
    for (size_t i = 0; i <= page->rows; i++) page->offsets[i] = (int64_t)(16 * i);
    page->text = values;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    feat_buffer_clear(&page->padded); /* decoding uses it, encoding does not */
    char *to = feat_buffer_extend(&page->padded, 16 * page->rows);
    if (to) feat_nested_copy(page->type, to, values, page->rows);
    page->text = to; /* NULL: feat_encode finds it */
#endif
}

uint8_t feat_encode(feat_page *page, feat_buffer *out) {
    if (feat_page_form_of(page->type) != FEAT_FORM_TEXTS) return encode_numbers(page, out);
    if (page->text) return encode_texts(page, out);
    out->failed = true;
    return 0;
}

void feat_encode_entries(feat_page *page, const feat_bits64 *entries, size_t n, feat_buffer *out) {
    const feat_encoding *best = NULL;
    size_t least = SIZE_MAX, before = out->size;
    for (size_t i = 0; i <= N_ENCODINGS && !out->failed; i++) {
        const feat_encoding *e = i < N_ENCODINGS ? &encodings[i] : best; /* the best once more, to stay */
        if (!e->flat) continue;
        out->size = before;
        feat_buffer_byte(out, e->id);
        if (e->encode_numbers(page, entries, n, out) && out->size < least) {
            least = out->size;
            best = e;
        }
    }
}

bool feat_decode_entries(feat_page *page, feat_cursor *in, feat_bits64 *entries, size_t n) {
    const feat_encoding *e = feat_encoding_by_id(feat_cursor_byte(in));
    return !in->failed && e && e->flat && e->decode_numbers(page, in, entries, n);
}

/* ---- Into a column. ---- */

/* The types of fewer than eight bytes. Numbers that they do not hold would break what is built on them. */
#define NARROW(type)                                                                                                   \
    do {                                                                                                               \
        type *out = (type *)to->values + to->length;                                                                   \
        feat_bits64 differ = 0;                                                                                        \
        for (size_t i = 0; i < n; i++) {                                                                               \
            out[i] = (type)numbers[i];                                                                                 \
            differ |= numbers[i] ^ (feat_bits64)out[i];                                                                \
        }                                                                                                              \
        return differ == 0;                                                                                            \
    } while (0)

static bool narrow_bits(const feat_bits64 *numbers, size_t n, feat_column *to) {
    uint8_t bits[FEAT_PAGE_ROWS / 8] = {0};
    feat_bits64 all = 0;
    for (size_t i = 0; i < n; i++) {
        all |= numbers[i];
        bits[i / 8] |= (uint8_t)((numbers[i] & 1) << (i % 8));
    }
    feat_bits_copy(to->values, to->length, bits, 0, n);
    return (all & ~(feat_bits64)1) == 0;
}

static bool narrow_reals(const feat_bits64 *numbers, size_t n, feat_column *to) {
    float *out = (float *)to->values + to->length;
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        double v = feat_double_of_bits((uint64_t)numbers[i]);
        out[i] = (float)v;
        good &= feat_double_bits((double)out[i]) == (uint64_t)numbers[i] || v != v;
    }
    return good;
}

static bool narrow(const feat_bits64 *numbers, size_t n, feat_column *to) {
    switch (FEAT_TYPE_BASE(to->type)) {
    case FEAT_TYPE_BOOLEAN: return narrow_bits(numbers, n, to);
    case FEAT_TYPE_REAL: return narrow_reals(numbers, n, to);
    case FEAT_TYPE_TINYINT: NARROW(int8_t);
    case FEAT_TYPE_UTINYINT: NARROW(uint8_t);
    case FEAT_TYPE_SMALLINT: NARROW(int16_t);
    case FEAT_TYPE_USMALLINT: NARROW(uint16_t);
    case FEAT_TYPE_UINTEGER: NARROW(uint32_t);
    default: NARROW(int32_t); /* INTEGER, DATE */
    }
}
#undef NARROW

/* DECIMAL and INTERVAL: texts of sixteen bytes each, little-endian. */
static bool decode_wide(feat_page *page, const feat_encoding *e, feat_cursor *in, feat_column *to) {
    feat_column *wide = &page->wide;
    feat_column_clear(wide);
    if (!e->decode_texts(page, in, wide)) return false;
    for (size_t i = 0; i <= page->rows; i++)
        if (wide->offsets[i] != (int64_t)(16 * i)) return false;
    char *values = (char *)to->values + 16 * to->length;
    feat_nested_copy(to->type, values, wide->values, page->rows);
    if (FEAT_TYPE_BASE(to->type) == FEAT_TYPE_DECIMAL)
        for (size_t i = 0; i < page->rows; i++)
            if (!feat_decimal_fits(((const feat_int128 *)(void *)values)[i], FEAT_TYPE_PRECISION(to->type)))
                return false;
    return true;
}

static bool decode(feat_page *page, const feat_encoding *e, feat_cursor *in, feat_column *to) {
    if (feat_page_form_of(to->type) == FEAT_FORM_TEXTS) {
        if (!e->decode_texts) return false;
        return to->offsets || e->wide ? e->decode_texts(page, in, to) : decode_wide(page, e, in, to);
    }
    if (!e->decode_numbers) return false;
    if (feat_type_size(to->type) == 8) /* straight to where they belong */
        return e->decode_numbers(page, in, (feat_bits64 *)to->values + to->length, page->rows);
    return e->decode_numbers(page, in, page->numbers, page->rows) && narrow(page->numbers, page->rows, to);
}

feat_status feat_decode(feat_page *page, uint8_t id, const void *bytes, size_t size, size_t rows, feat_column *to,
                        feat_error *err) {
    const feat_encoding *e = feat_encoding_by_id(id);
    if (!e) return feat_fail(err, FEAT_CORRUPT, "a page has the unknown encoding %u; use a newer library", id);
    if (feat_column_reserve(to, rows) != 0) return feat_fail_memory(err);
    feat_cursor in;
    feat_cursor_init(&in, bytes, size);
    page->type = to->type;
    page->rows = rows;
    page->failed = false;
    bool good = rows > 0 && rows <= FEAT_PAGE_ROWS && decode(page, e, &in, to) && !in.failed && in.at == in.end;
    if (page->failed) return feat_fail_memory(err);
    if (!good)
        return feat_fail(err, FEAT_CORRUPT, "a page of encoding '%s' is malformed; restore the store from a copy",
                         e->name);
    return FEAT_OK;
}
