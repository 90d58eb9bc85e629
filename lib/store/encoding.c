#include "store/encoding.h"

#include <string.h>

#include "base/digest.h"
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

bool feat_page_is_wide(feat_type type) {
    return FEAT_TYPE_BASE(type) == FEAT_TYPE_DECIMAL || FEAT_TYPE_BASE(type) == FEAT_TYPE_INTERVAL;
}

static bool is_text(const feat_page *page) { return feat_page_form_of(page->type) == FEAT_FORM_TEXTS; }
static bool is_double(const feat_page *page) { return feat_page_form_of(page->type) == FEAT_FORM_DOUBLES; }

static uint64_t load_le(const uint8_t *p, unsigned bytes) {
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

/* Compilers turn these into one load or store. */
static uint64_t load_le64(const uint8_t *p) {
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
           (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static void store_le64(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> (8 * i));
}

/* ---- Packed numbers: i64 base, u8 width in bits (0 to 56), then (value - base) in that many bits each, the lowest bit
 * first. With width 56 any number starts and ends within eight bytes. ---- */

#define WIDTH_MAX 56

static unsigned width_of(uint64_t range) {
    unsigned w = 0;
    while (w < 64 && range >> w) w++;
    return w;
}

static void span_of(const int64_t *v, size_t n, int64_t *min, uint64_t *range) {
    int64_t lo = v[0], hi = v[0];
    for (size_t i = 1; i < n; i++) {
        lo = v[i] < lo ? v[i] : lo;
        hi = v[i] > hi ? v[i] : hi;
    }
    *min = lo;
    *range = (uint64_t)hi - (uint64_t)lo;
}

static void pack_numbers(const int64_t *v, size_t n, int64_t base, unsigned width, feat_buffer *out) {
    feat_buffer_u64(out, (uint64_t)base);
    feat_buffer_byte(out, (uint8_t)width);
    size_t size = (n * width + 7) / 8;
    uint8_t *p = feat_buffer_extend(out, size);
    if (!p || size == 0) return;
    uint8_t *end = p + size;
    uint64_t pending = 0;
    unsigned used = 0; /* below 8 before each number */
    for (size_t i = 0; i < n; i++) {
        pending |= ((uint64_t)v[i] - (uint64_t)base) << used;
        used += width;
        for (; used >= 8; used -= 8, pending >>= 8) *p++ = (uint8_t)pending;
    }
    if (p < end) *p = (uint8_t)pending;
}

static bool unpack_numbers(feat_cursor *in, int64_t *v, size_t n) {
    uint64_t base = feat_cursor_u64(in);
    unsigned width = feat_cursor_byte(in);
    if (in->failed || width > WIDTH_MAX) return false;
    size_t size = (n * width + 7) / 8;
    const uint8_t *p = feat_cursor_bytes(in, size);
    if (!p) return false;
    uint64_t mask = (UINT64_C(1) << width) - 1;
    /* The numbers at the end are read byte by byte: eight bytes from there would be too many. */
    size_t fast = 0;
    if (width == 0) fast = n;
    else if (size >= 8) fast = ((size - 8) * 8 + 7) / width + 1 < n ? ((size - 8) * 8 + 7) / width + 1 : n;
    if (width == 0) {
        for (size_t i = 0; i < n; i++) v[i] = (int64_t)base;
        return true;
    }
    for (size_t i = 0; i < fast; i++) {
        size_t bit = i * width;
        v[i] = (int64_t)(base + (load_le64(p + bit / 8) >> (bit % 8) & mask));
    }
    for (size_t i = fast; i < n; i++) {
        size_t bit = i * width, left = size - bit / 8;
        v[i] = (int64_t)(base + (load_le(p + bit / 8, left < 8 ? (unsigned)left : 8) >> (bit % 8) & mask));
    }
    return true;
}

/* Lengths, as packed numbers, then all bytes. */
static void pack_texts(feat_page *page, feat_buffer *out) {
    int64_t min;
    uint64_t range;
    for (size_t i = 0; i < page->rows; i++) page->work[i] = page->offsets[i + 1] - page->offsets[i];
    span_of(page->work, page->rows, &min, &range);
    pack_numbers(page->work, page->rows, min, width_of(range), out);
    feat_buffer_append(out, page->text, (size_t)page->offsets[page->rows]);
}

/* Lengths into offsets[0..n], bytes borrowed. */
static bool unpack_texts(feat_cursor *in, size_t n, int64_t *offsets, const char **text) {
    if (!unpack_numbers(in, offsets + 1, n)) return false;
    uint64_t left = (uint64_t)(in->end - in->at), total = 0;
    offsets[0] = 0;
    for (size_t i = 1; i <= n; i++) {
        if (offsets[i] < 0 || (uint64_t)offsets[i] > left - total) return false;
        total += (uint64_t)offsets[i];
        offsets[i] = (int64_t)total;
    }
    *text = feat_cursor_bytes(in, (size_t)total);
    return true;
}

/* ---- 0 raw: whole numbers in the bytes of their type (BOOLEAN one), doubles in eight; texts. ---- */

static unsigned raw_size(feat_type type) {
    size_t size = feat_type_size(type);
    return type == FEAT_TYPE_BOOLEAN ? 1 : type == FEAT_TYPE_REAL ? 8 : (unsigned)size;
}

static bool is_unsigned(feat_type type) {
    return type == FEAT_TYPE_BOOLEAN || type == FEAT_TYPE_UTINYINT || type == FEAT_TYPE_USMALLINT ||
           type == FEAT_TYPE_UINTEGER;
}

/* The number that `size` bytes of a type stand for. */
static int64_t extend(uint64_t v, unsigned size, feat_type type) {
    unsigned shift = 64 - 8 * size;
    return is_unsigned(type) ? (int64_t)v : (int64_t)(v << shift) >> shift;
}

static bool raw_encode(feat_page *page, feat_buffer *out) {
    if (is_text(page)) {
        pack_texts(page, out);
        return true;
    }
    unsigned size = raw_size(page->type);
    uint8_t *p = feat_buffer_extend(out, page->rows * size);
    for (size_t i = 0; p && i < page->rows; i++) {
        uint64_t v = is_double(page) ? feat_double_bits(page->as.doubles[i]) : (uint64_t)page->as.ints[i];
        if (size == 8) store_le64(p, v);
        else
            for (unsigned b = 0; b < size; b++) p[b] = (uint8_t)(v >> (8 * b));
        p += size;
    }
    return true;
}

static bool raw_decode(feat_cursor *in, feat_page *page) {
    if (is_text(page)) return unpack_texts(in, page->rows, page->offsets, &page->text);
    unsigned size = raw_size(page->type);
    const uint8_t *p = feat_cursor_bytes(in, page->rows * size);
    if (!p) return false;
    for (size_t i = 0; i < page->rows; i++) {
        uint64_t v = size == 8 ? load_le64(p + 8 * i) : load_le(p + size * i, size);
        if (is_double(page)) page->as.doubles[i] = feat_double_of_bits(v);
        else page->as.ints[i] = extend(v, size, page->type);
    }
    return true;
}

/* ---- 1 constant: the value once (eight bytes), or the bytes of the text. ---- */

static bool constant_encode(feat_page *page, feat_buffer *out) {
    size_t n = page->rows;
    if (is_text(page)) {
        int64_t length = page->offsets[1];
        for (size_t i = 1; i < n; i++)
            if (page->offsets[i + 1] - page->offsets[i] != length ||
                memcmp(page->text + page->offsets[i], page->text, (size_t)length) != 0)
                return false;
        feat_buffer_append(out, page->text, (size_t)length);
        return true;
    }
    for (size_t i = 1; i < n; i++)
        if (is_double(page) ? feat_double_bits(page->as.doubles[i]) != feat_double_bits(page->as.doubles[0])
                            : page->as.ints[i] != page->as.ints[0])
            return false;
    feat_buffer_u64(out, is_double(page) ? feat_double_bits(page->as.doubles[0]) : (uint64_t)page->as.ints[0]);
    return true;
}

static bool constant_decode(feat_cursor *in, feat_page *page) {
    if (is_text(page)) {
        size_t length = (size_t)(in->end - in->at);
        const char *bytes = feat_cursor_bytes(in, length);
        if (page->rows > 1 && length > FEAT_PAGE_TEXT / page->rows) return false;
        feat_buffer_clear(&page->own_text);
        page->offsets[0] = 0;
        for (size_t i = 0; i < page->rows; i++) {
            feat_buffer_append(&page->own_text, bytes, length);
            page->offsets[i + 1] = (int64_t)((i + 1) * length);
        }
        page->text = (const char *)page->own_text.data;
        return true;
    }
    uint64_t v = feat_cursor_u64(in);
    for (size_t i = 0; i < page->rows; i++) {
        if (is_double(page)) page->as.doubles[i] = feat_double_of_bits(v);
        else page->as.ints[i] = (int64_t)v;
    }
    return true;
}

/* ---- 2 packed: whole numbers. ---- */

static bool packed_encode(feat_page *page, feat_buffer *out) {
    if (is_text(page) || is_double(page)) return false;
    int64_t min;
    uint64_t range;
    span_of(page->as.ints, page->rows, &min, &range);
    if (width_of(range) > WIDTH_MAX) return false;
    pack_numbers(page->as.ints, page->rows, min, width_of(range), out);
    return true;
}

static bool packed_decode(feat_cursor *in, feat_page *page) {
    return !is_text(page) && !is_double(page) && unpack_numbers(in, page->as.ints, page->rows);
}

/* ---- 3 delta: the first whole number, then packed differences; for what is sorted or nearly so. ---- */

static bool delta_encode(feat_page *page, feat_buffer *out) {
    if (is_text(page) || is_double(page) || page->rows < 2) return false;
    size_t n = page->rows - 1;
    int64_t min;
    uint64_t range, plain;
    span_of(page->as.ints, page->rows, &min, &plain);
    for (size_t i = 0; i < n; i++)
        page->work[i] = (int64_t)((uint64_t)page->as.ints[i + 1] - (uint64_t)page->as.ints[i]);
    span_of(page->work, n, &min, &range);
    if (width_of(range) > WIDTH_MAX || width_of(range) >= width_of(plain)) return false;
    feat_buffer_u64(out, (uint64_t)page->as.ints[0]);
    pack_numbers(page->work, n, min, width_of(range), out);
    return true;
}

static bool delta_decode(feat_cursor *in, feat_page *page) {
    if (is_text(page) || is_double(page) || page->rows < 1) return false;
    uint64_t v = feat_cursor_u64(in);
    if (!unpack_numbers(in, page->work, page->rows - 1)) return false;
    page->as.ints[0] = (int64_t)v;
    for (size_t i = 1; i < page->rows; i++) page->as.ints[i] = (int64_t)(v += (uint64_t)page->work[i - 1]);
    return true;
}

/* ---- 4 decimal: doubles that are m / 10^k for whole m below 2^53: u8 k, then packed m. Division rounds correctly, so
 * the check at encoding is a proof. ---- */

#define DECIMAL_MAX 14
static const double power_of_ten[DECIMAL_MAX + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                                     1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};

static bool decimal_of(double v, unsigned k, int64_t *m) {
    double scaled = v * power_of_ten[k];
    if (!(scaled > -0x1p53 && scaled < 0x1p53)) return false;
    int64_t whole = (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    if (feat_double_bits((double)whole / power_of_ten[k]) != feat_double_bits(v)) return false;
    *m = whole;
    return true;
}

static bool decimal_encode(feat_page *page, feat_buffer *out) {
    if (!is_double(page)) return false;
    unsigned k = 0;
    for (size_t i = 0; i < page->rows; i++)
        while (!decimal_of(page->as.doubles[i], k, &page->work[i])) {
            /* More digits: what was found so far is found again with them, or the page is not decimal. */
            if (++k > DECIMAL_MAX) return false;
            if (i > 0) i = 0;
        }
    int64_t min;
    uint64_t range;
    span_of(page->work, page->rows, &min, &range);
    if (width_of(range) > 52) return false;
    feat_buffer_byte(out, (uint8_t)k);
    pack_numbers(page->work, page->rows, min, width_of(range), out);
    return true;
}

static bool decimal_decode(feat_cursor *in, feat_page *page) {
    unsigned k = feat_cursor_byte(in);
    if (!is_double(page) || k > DECIMAL_MAX || !unpack_numbers(in, page->work, page->rows)) return false;
    for (size_t i = 0; i < page->rows; i++) page->as.doubles[i] = (double)page->work[i] / power_of_ten[k];
    return true;
}

/* ---- 5 dictionary: u32 number of distinct texts, those texts, then packed numbers into them. ---- */

#define SLOTS       8192 /* a power of two above twice the entries */
#define ENTRIES_MAX (FEAT_PAGE_ROWS / 2)

static bool dictionary_encode(feat_page *page, feat_buffer *out) {
    if (!is_text(page) || page->rows < 4) return false;
    uint16_t slots[SLOTS], first[ENTRIES_MAX]; /* slots: entry + 1; first: row of the entry */
    memset(slots, 0, sizeof slots);
    size_t entries = 0, most = page->rows / 2 < ENTRIES_MAX ? page->rows / 2 : ENTRIES_MAX;
    int64_t lengths[ENTRIES_MAX] = {0}, *numbers = page->work;
    for (size_t i = 0; i < page->rows; i++) {
        const char *text = page->text + page->offsets[i];
        size_t length = (size_t)(page->offsets[i + 1] - page->offsets[i]);
        size_t slot = (size_t)feat_hash64(text, length) & (SLOTS - 1);
        for (; slots[slot]; slot = (slot + 1) & (SLOTS - 1)) {
            size_t row = first[slots[slot] - 1];
            if ((size_t)(page->offsets[row + 1] - page->offsets[row]) == length &&
                memcmp(page->text + page->offsets[row], text, length) == 0)
                break;
        }
        if (!slots[slot]) {
            if (entries == most) return false;
            first[entries] = (uint16_t)i;
            lengths[entries] = (int64_t)length;
            slots[slot] = (uint16_t)++entries;
        }
        numbers[i] = slots[slot] - 1;
    }
    int64_t min;
    uint64_t range;
    span_of(lengths, entries, &min, &range);
    if (width_of(range) > WIDTH_MAX) return false;
    feat_buffer_u32(out, (uint32_t)entries);
    pack_numbers(lengths, entries, min, width_of(range), out);
    for (size_t e = 0; e < entries; e++)
        feat_buffer_append(out, page->text + page->offsets[first[e]], (size_t)lengths[e]);
    pack_numbers(numbers, page->rows, 0, width_of(entries - 1), out);
    return true;
}

static bool dictionary_decode(feat_cursor *in, feat_page *page) {
    if (!is_text(page)) return false;
    size_t entries = feat_cursor_u32(in);
    const char *text;
    /* `work` keeps the offsets of the entries, `offsets` first the numbers of the rows. */
    if (in->failed || entries == 0 || entries > FEAT_PAGE_ROWS || !unpack_texts(in, entries, page->work, &text) ||
        !unpack_numbers(in, page->offsets + 1, page->rows))
        return false;
    feat_buffer_clear(&page->own_text);
    page->offsets[0] = 0;
    for (size_t i = 1; i <= page->rows; i++) {
        uint64_t e = (uint64_t)page->offsets[i];
        if (e >= entries) return false;
        size_t length = (size_t)(page->work[e + 1] - page->work[e]);
        if (length > FEAT_PAGE_TEXT - page->own_text.size) return false;
        feat_buffer_append(&page->own_text, text + page->work[e], length);
        page->offsets[i] = page->offsets[i - 1] + (int64_t)length;
    }
    page->text = (const char *)page->own_text.data;
    return true;
}

/* ---- The table. The order of trial is the order of what they save. ---- */

static const feat_encoding encodings[] = {
    {0, "raw", raw_encode, raw_decode},
    {1, "constant", constant_encode, constant_decode},
    {2, "packed", packed_encode, packed_decode},
    {3, "delta", delta_encode, delta_decode},
    {4, "decimal", decimal_encode, decimal_decode},
    {5, "dictionary", dictionary_encode, dictionary_decode},
};
static const uint8_t trials[] = {1, 5, 4, 3, 2, 0};

const feat_encoding *feat_encoding_by_id(uint8_t id) {
    return id < sizeof encodings / sizeof *encodings ? &encodings[id] : NULL;
}

uint8_t feat_encode(feat_page *page, feat_buffer *out) {
    size_t before = out->size;
    for (size_t t = 0;; t++) {
        const feat_encoding *e = &encodings[trials[t]];
        if (e->encode(page, out)) return e->id; /* the last suits everything */
        if (!out->failed) out->size = before;
    }
}

/* Numbers that the type does not hold would break what is built on it. */
static bool in_range(const feat_page *page) {
    int64_t min = 0, least, most;
    uint64_t range = 0;
    unsigned size = raw_size(page->type);
    if (page->rows == 0) return true;
    if (page->type == FEAT_TYPE_REAL)
        for (size_t i = 0; i < page->rows; i++) {
            double v = page->as.doubles[i];
            if (v == v && feat_double_bits((double)(float)v) != feat_double_bits(v)) return false;
        }
    if (feat_page_is_wide(page->type)) {
        for (size_t i = 0; i <= page->rows; i++)
            if (page->offsets[i] != (int64_t)(16 * i)) return false;
        for (size_t i = 0; FEAT_TYPE_BASE(page->type) == FEAT_TYPE_DECIMAL && i < page->rows; i++) {
            feat_int128 v;
            memcpy(&v, page->text + 16 * i, sizeof v);
            if (!feat_decimal_fits(v, FEAT_TYPE_PRECISION(page->type))) return false;
        }
    }
    if (feat_page_form_of(page->type) != FEAT_FORM_INTS || size == 8) return true;
    if (page->type == FEAT_TYPE_BOOLEAN) {
        least = 0;
        most = 1;
    } else if (is_unsigned(page->type)) {
        least = 0;
        most = (INT64_C(1) << (8 * size)) - 1;
    } else {
        least = -(INT64_C(1) << (8 * size - 1));
        most = -least - 1;
    }
    span_of(page->as.ints, page->rows, &min, &range);
    return min >= least && range <= (uint64_t)(most - least) && min + (int64_t)range <= most;
}

feat_status feat_decode(uint8_t id, const void *bytes, size_t size, feat_page *page, feat_error *err) {
    const feat_encoding *e = feat_encoding_by_id(id);
    if (!e) return feat_fail(err, FEAT_CORRUPT, "a page has the unknown encoding %u; use a newer library", id);
    feat_cursor in;
    feat_cursor_init(&in, bytes, size);
    page->own_text.failed = false;
    bool good = page->rows <= FEAT_PAGE_ROWS && e->decode(&in, page) && !in.failed && in.at == in.end;
    if (page->own_text.failed) return feat_fail_memory(err);
    if (!good || !in_range(page))
        return feat_fail(err, FEAT_CORRUPT, "a page of encoding '%s' is malformed; restore the store from a copy",
                         e->name);
    return FEAT_OK;
}
