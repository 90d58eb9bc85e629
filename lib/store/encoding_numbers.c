/* Encodings of numbers. Doubles are numbers by their bits, but for the decimal encoding. */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "math/number.h"
#include "store/encoding.h"

static bool is_double(feat_type type) { return feat_page_form_of(type) == FEAT_FORM_DOUBLES; }

/* ---- raw: whole numbers in the bytes of their type (BOOLEAN one), doubles in eight. ---- */

static size_t raw_size(feat_type type) {
    return type == FEAT_TYPE_BOOLEAN ? 1 : type == FEAT_TYPE_REAL ? 8 : feat_type_size(type);
}

static uint64_t load_le(const uint8_t *p, size_t bytes) {
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

bool feat_raw_encode_numbers(feat_page *page, const feat_bits64 *numbers, size_t n, feat_buffer *out) {
    size_t size = raw_size(page->type);
    uint8_t *p = feat_buffer_extend(out, n * size);
    for (size_t i = 0; p && i < n; i++, p += size)
        for (size_t b = 0; b < size; b++) p[b] = (uint8_t)((uint64_t)numbers[i] >> (8 * b));
    return true;
}

bool feat_raw_decode_numbers(feat_page *page, feat_cursor *in, feat_bits64 *numbers, size_t n) {
    size_t size = raw_size(page->type);
    const uint8_t *p = feat_cursor_bytes(in, n * size);
    if (!p) return false;
    if (size == 8) {
        for (size_t i = 0; i < n; i++) numbers[i] = (feat_bits64)load_le(p + 8 * i, 8);
        return true;
    }
    bool is_signed = page->type != FEAT_TYPE_BOOLEAN && page->type != FEAT_TYPE_UTINYINT &&
                     page->type != FEAT_TYPE_USMALLINT && page->type != FEAT_TYPE_UINTEGER;
    uint64_t sign = is_signed ? UINT64_C(1) << (8 * size - 1) : 0;
    for (size_t i = 0; i < n; i++) numbers[i] = (feat_bits64)((load_le(p + size * i, size) ^ sign) - sign);
    return true;
}

/* ---- constant: the number once. ---- */

bool feat_constant_encode_numbers(feat_page *page, const feat_bits64 *numbers, size_t n, feat_buffer *out) {
    (void)page;
    for (size_t i = 1; i < n; i++)
        if (numbers[i] != numbers[0]) return false;
    feat_buffer_u64(out, (uint64_t)numbers[0]);
    return true;
}

bool feat_constant_decode_numbers(feat_page *page, feat_cursor *in, feat_bits64 *numbers, size_t n) {
    (void)page;
    feat_bits64 v = (feat_bits64)feat_cursor_u64(in);
    for (size_t i = 0; i < n; i++) numbers[i] = v;
    return true;
}

/* ---- packed: the bits above the least one. ---- */

bool feat_packed_encode_numbers(feat_page *page, const feat_bits64 *numbers, size_t n, feat_buffer *out) {
    (void)page;
    feat_pack(numbers, n, out);
    return true;
}

bool feat_packed_decode_numbers(feat_page *page, feat_cursor *in, feat_bits64 *numbers, size_t n) {
    return feat_unpack(page->loops, in, numbers, n);
}

/* ---- delta: the number before the first, then packed differences; for what is sorted or nearly so. ---- */

bool feat_delta_encode_numbers(feat_page *page, const feat_bits64 *numbers, size_t n, feat_buffer *out) {
    if (n < 2) return false;
    for (size_t i = 1; i < n; i++) page->work[i] = (feat_bits64)((uint64_t)numbers[i] - (uint64_t)numbers[i - 1]);
    page->work[0] = page->work[1];
    feat_buffer_u64(out, (uint64_t)numbers[0] - (uint64_t)page->work[0]);
    feat_pack(page->work, n, out);
    return true;
}

bool feat_delta_decode_numbers(feat_page *page, feat_cursor *in, feat_bits64 *numbers, size_t n) {
    uint64_t v = feat_cursor_u64(in);
    if (!feat_unpack(page->loops, in, numbers, n)) return false;
    for (size_t i = 0; i < n; i++) numbers[i] = (feat_bits64)(v += (uint64_t)numbers[i]);
    return true;
}

/* ---- decimal: doubles that are m / 10^k for whole m below 2^53: u8 k, packed m, then the doubles that are not: how
 * many, where, and their bits. Division rounds correctly, so the check at encoding is a proof. ---- */

#define DECIMAL_MAX    14
#define DECIMAL_SAMPLE 64
static const double power_of_ten[DECIMAL_MAX + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                                     1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};

/* What a decoder makes of m: a REAL is rounded to one. */
static double quotient(int64_t m, unsigned k, feat_type type) {
    double v = (double)m / power_of_ten[k];
    return type == FEAT_TYPE_REAL ? (double)(float)v : v;
}

static bool decimal_of(feat_bits64 bits, unsigned k, feat_type type, feat_bits64 *m) {
    double scaled = feat_double_of_bits((uint64_t)bits) * power_of_ten[k];
    if (!(scaled > -0x1p53 && scaled < 0x1p53)) return false;
    int64_t whole = (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    if (feat_double_bits(quotient(whole, k, type)) != (uint64_t)bits) return false;
    *m = whole;
    return true;
}

/* The fewest digits that the most numbers of a sample have. */
static unsigned sample_digits(const feat_bits64 *numbers, size_t n, feat_type type) {
    size_t least = SIZE_MAX, step = n / DECIMAL_SAMPLE + 1;
    unsigned best = 0;
    for (unsigned k = 0; k <= DECIMAL_MAX && least > 0; k++) {
        size_t others = 0;
        feat_bits64 m;
        for (size_t i = 0; i < n; i += step) others += !decimal_of(numbers[i], k, type, &m);
        if (others < least) {
            least = others;
            best = k;
        }
    }
    return best;
}

/* Fills `work`, the slot of another number with the m before it; how many others there are. */
static size_t to_decimals(feat_page *page, const feat_bits64 *numbers, size_t n, unsigned k) {
    size_t others = 0;
    feat_bits64 last = 0;
    for (size_t i = 0; i < n; i++) {
        others += !decimal_of(numbers[i], k, page->type, &last);
        page->work[i] = last;
    }
    return others;
}

bool feat_decimal_encode_numbers(feat_page *page, const feat_bits64 *numbers, size_t n, feat_buffer *out) {
    if (!is_double(page->type)) return false;
    unsigned k = sample_digits(numbers, n, page->type);
    size_t others = to_decimals(page, numbers, n, k);
    if (others > n / 4) return false;
    if (others > n / 64) { /* some with more digits, that the sample missed? */
        unsigned more = k;
        while (others > 0 && more < DECIMAL_MAX && more < k + 3) {
            size_t found = to_decimals(page, numbers, n, ++more);
            if (found < others / 4) {
                others = found;
                k = more;
            }
        }
        others = to_decimals(page, numbers, n, k);
    }
    feat_buffer_byte(out, (uint8_t)k);
    feat_pack(page->work, n, out);
    feat_buffer_byte(out, (uint8_t)others);
    feat_buffer_byte(out, (uint8_t)(others >> 8));
    uint8_t *p = feat_buffer_extend(out, others * 10);
    for (size_t i = 0; p && others > 0 && i < n; i++) {
        feat_bits64 m;
        if (decimal_of(numbers[i], k, page->type, &m)) continue;
        p[0] = (uint8_t)i;
        p[1] = (uint8_t)(i >> 8);
        for (size_t b = 0; b < 8; b++) p[2 + b] = (uint8_t)((uint64_t)numbers[i] >> (8 * b));
        p += 10;
    }
    return true;
}

bool feat_decimal_decode_numbers(feat_page *page, feat_cursor *in, feat_bits64 *numbers, size_t n) {
    unsigned k = feat_cursor_byte(in);
    if (!is_double(page->type) || k > DECIMAL_MAX || !feat_unpack(page->loops, in, numbers, n)) return false;
    page->loops->divide(numbers, n, power_of_ten[k]);
    for (size_t i = 0; page->type == FEAT_TYPE_REAL && i < n; i++)
        numbers[i] = (feat_bits64)feat_double_bits((double)(float)feat_double_of_bits((uint64_t)numbers[i]));
    size_t others = feat_cursor_byte(in);
    others |= (size_t)feat_cursor_byte(in) << 8;
    const uint8_t *p = feat_cursor_bytes(in, others * 10);
    for (size_t i = 0; p && i < others; i++, p += 10) {
        size_t place = (size_t)load_le(p, 2);
        if (place >= n) return false;
        numbers[place] = (feat_bits64)load_le(p + 2, 8);
    }
    return p != NULL;
}

/* ---- dictionary: u32 number of distinct values, those values, then packed numbers of them. ---- */

#define SLOTS 8192 /* a power of two above twice the entries */

static int compare_numbers(const void *a, const void *b) {
    feat_bits64 x = *(const feat_bits64 *)a, y = *(const feat_bits64 *)b;
    return (x > y) - (x < y);
}

bool feat_dictionary_encode_numbers(feat_page *page, const feat_bits64 *numbers, size_t n, feat_buffer *out) {
    if (n < 16) return false;
    uint16_t slots[SLOTS], code[FEAT_PAGE_ROWS / 4]; /* slots: entry + 1 */
    memset(slots, 0, sizeof slots);
    size_t entries = 0, most = n / 4;
    feat_bits64 *values = page->entries, *sorted = page->work;
    for (size_t i = 0; i < n; i++) {
        size_t slot = (size_t)feat_hash64_word((uint64_t)numbers[i]) & (SLOTS - 1);
        while (slots[slot] && values[slots[slot] - 1] != numbers[i]) slot = (slot + 1) & (SLOTS - 1);
        if (!slots[slot]) {
            if (entries == most) return false;
            values[entries] = numbers[i];
            slots[slot] = (uint16_t)++entries;
        }
        page->codes[i] = slots[slot] - 1;
    }
    memcpy(sorted, values, entries * sizeof *sorted);
    qsort(sorted, entries, sizeof *sorted, compare_numbers);
    for (size_t e = 0; e < entries; e++) {
        size_t slot = (size_t)feat_hash64_word((uint64_t)sorted[e]) & (SLOTS - 1);
        while (values[slots[slot] - 1] != sorted[e]) slot = (slot + 1) & (SLOTS - 1);
        code[slots[slot] - 1] = (uint16_t)e;
    }
    for (size_t i = 0; i < n; i++) page->codes[i] = code[page->codes[i]];
    memcpy(values, sorted, entries * sizeof *values);
    feat_buffer_u32(out, (uint32_t)entries);
    feat_encode_entries(page, values, entries, out);
    feat_pack(page->codes, n, out);
    return true;
}

bool feat_dictionary_decode_numbers(feat_page *page, feat_cursor *in, feat_bits64 *numbers, size_t n) {
    const feat_bits64 *entries = page->entries;
    size_t count = feat_cursor_u32(in);
    if (in->failed || count == 0 || count > FEAT_PAGE_ROWS || !feat_decode_entries(page, in, page->entries, count) ||
        !feat_unpack(page->loops, in, numbers, n))
        return false;
    /* The sign bit of either says that a code is not in [0, count). */
    feat_bits64 outside = 0, last = (feat_bits64)count - 1;
    for (size_t i = 0; i < n; i++) outside |= numbers[i] | (feat_bits64)((uint64_t)last - (uint64_t)numbers[i]);
    if (outside < 0) return false;
    for (size_t i = 0; i < n; i++) numbers[i] = entries[numbers[i]];
    return true;
}

/* ---- runs: u32 number of runs of equal values, those values, then their packed lengths. ---- */

bool feat_runs_encode_numbers(feat_page *page, const feat_bits64 *numbers, size_t n, feat_buffer *out) {
    size_t runs = 0, start = 0;
    for (size_t i = 1; i <= n; i++) {
        if (i < n && numbers[i] == numbers[start]) continue;
        if (runs == n / 3) return false;
        page->entries[runs] = numbers[start];
        page->codes[runs++] = (feat_bits64)(i - start);
        start = i;
    }
    feat_buffer_u32(out, (uint32_t)runs);
    feat_encode_entries(page, page->entries, runs, out);
    feat_pack(page->codes, runs, out);
    return true;
}

/* Runs are short as a rule: eight numbers are written whatever the length is, as long as there is room for them. */
static void fill_run(feat_bits64 *to, feat_bits64 v, size_t length, size_t room) {
    if (room < 8) {
        for (size_t i = 0; i < length; i++) to[i] = v;
        return;
    }
    for (size_t i = 0; i < 8; i++) to[i] = v;
    for (size_t i = 8; i < length; i++) to[i] = v;
}

bool feat_runs_decode_numbers(feat_page *page, feat_cursor *in, feat_bits64 *numbers, size_t n) {
    size_t runs = feat_cursor_u32(in), at = 0;
    if (in->failed || runs == 0 || runs > n || !feat_decode_entries(page, in, page->entries, runs) ||
        !feat_unpack(page->loops, in, page->codes, runs))
        return false;
    for (size_t i = 0; i < runs; i++) {
        uint64_t length = (uint64_t)page->codes[i];
        if (length == 0 || length > n - at) return false;
        fill_run(numbers + at, page->entries[i], (size_t)length, n - at);
        at += (size_t)length;
    }
    return at == n;
}
