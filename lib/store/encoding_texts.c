/* Encodings of texts: any bytes. Lengths are packed numbers. */
#include <string.h>

#include "base/digest.h"
#include "store/encoding.h"

static void pack_lengths(feat_page *page, feat_buffer *out) {
    for (size_t i = 0; i < page->rows; i++) page->work[i] = page->offsets[i + 1] - page->offsets[i];
    feat_pack(page->work, page->rows, out);
}

/* `n` packed lengths as offsets[0..n], within the bytes that follow; those bytes. */
static const char *unpack_offsets(feat_page *page, feat_cursor *in, feat_bits64 *offsets, size_t n) {
    if (!feat_unpack(page->loops, in, offsets + 1, n)) return NULL;
    uint64_t left = (uint64_t)(in->end - in->at), total = 0;
    offsets[0] = 0;
    for (size_t i = 1; i <= n; i++) {
        uint64_t length = (uint64_t)offsets[i];
        if (length > left - total) return NULL;
        total += length;
        offsets[i] = (feat_bits64)total;
    }
    return feat_cursor_bytes(in, (size_t)total);
}

/* Room for the page's rows and `bytes` of text; where the bytes go. Their offsets go to offsets[1..rows], from
 * offsets[0] on. */
static char *make_room(feat_page *page, feat_column *to, size_t bytes) {
    if (feat_column_reserve(to, page->rows) != 0 || feat_column_reserve_text(to, bytes) != 0) {
        page->failed = true;
        return NULL;
    }
    return to->values ? (char *)to->values + to->offsets[to->length] : (char *)page->numbers; /* nothing is written */
}

/* ---- raw: packed lengths, then all bytes. ---- */

bool feat_raw_encode_texts(feat_page *page, feat_buffer *out) {
    pack_lengths(page, out);
    feat_buffer_append(out, page->text, (size_t)page->offsets[page->rows]);
    return true;
}

bool feat_raw_decode_texts(feat_page *page, feat_cursor *in, feat_column *to) {
    feat_bits64 *ends = page->entries;
    const char *text = unpack_offsets(page, in, ends, page->rows);
    if (!text) return false;
    size_t size = (size_t)ends[page->rows];
    char *bytes = make_room(page, to, size);
    if (!bytes) return false;
    if (size > 0) memcpy(bytes, text, size);
    int64_t *offsets = to->offsets + to->length;
    for (size_t i = 1; i <= page->rows; i++) offsets[i] = offsets[0] + ends[i];
    return true;
}

/* ---- constant: the bytes of the text, to the end. ---- */

bool feat_constant_encode_texts(feat_page *page, feat_buffer *out) {
    int64_t length = page->offsets[1];
    for (size_t i = 1; i < page->rows; i++)
        if (page->offsets[i + 1] - page->offsets[i] != length ||
            memcmp(page->text + page->offsets[i], page->text, (size_t)length) != 0)
            return false;
    feat_buffer_append(out, page->text, (size_t)length);
    return true;
}

bool feat_constant_decode_texts(feat_page *page, feat_cursor *in, feat_column *to) {
    size_t length = (size_t)(in->end - in->at), rows = page->rows;
    const char *text = feat_cursor_bytes(in, length);
    if (!text || (rows > 1 && length > FEAT_PAGE_TEXT / rows)) return false;
    char *bytes = make_room(page, to, length * rows);
    if (!bytes) return false;
    int64_t *offsets = to->offsets + to->length;
    for (size_t i = 0; i < rows; i++, bytes += length) {
        if (length > 0) memcpy(bytes, text, length);
        offsets[i + 1] = offsets[i] + (int64_t)length;
    }
    return true;
}

/* ---- dictionary: u32 number of distinct texts, those texts, then packed numbers of them. ---- */

#define SLOTS       8192 /* a power of two above twice the entries */
#define ENTRIES_MAX (FEAT_PAGE_ROWS / 2)
#define SHORT       16 /* entries up to here are copied whole, whatever their length */

bool feat_dictionary_encode_texts(feat_page *page, feat_buffer *out) {
    if (page->rows < 4) return false;
    uint16_t slots[SLOTS], first[ENTRIES_MAX]; /* slots: entry + 1; first: row of the entry */
    memset(slots, 0, sizeof slots);
    size_t entries = 0, most = page->rows / 2;
    feat_bits64 *lengths = page->entries, *numbers = page->codes;
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
            lengths[entries] = (feat_bits64)length;
            slots[slot] = (uint16_t)++entries;
        }
        numbers[i] = slots[slot] - 1;
    }
    feat_buffer_u32(out, (uint32_t)entries);
    feat_pack(lengths, entries, out);
    for (size_t e = 0; e < entries; e++)
        feat_buffer_append(out, page->text + page->offsets[first[e]], (size_t)lengths[e]);
    feat_pack(numbers, page->rows, out);
    return true;
}

/* The entries with room behind them, so that SHORT bytes can be copied from any. */
static const char *with_room(feat_page *page, const char *text, size_t size) {
    feat_buffer_clear(&page->padded);
    feat_buffer_append(&page->padded, text, size);
    char *rest = feat_buffer_extend(&page->padded, SHORT);
    if (rest) memset(rest, 0, SHORT);
    else page->failed = true;
    return (const char *)page->padded.data;
}

/* Expanded for both, so that short copies are an instruction or two. */
static inline void copy_entries(char *restrict to, int64_t *restrict offsets, const char *restrict text,
                                const feat_bits64 *starts, const feat_bits64 *codes, size_t rows, bool all_short) {
    size_t at = 0;
    int64_t first = offsets[0];
    for (size_t i = 0; i < rows; i++) {
        size_t start = (size_t)starts[codes[i]], length = (size_t)starts[codes[i] + 1] - start;
        if (all_short) memcpy(to + at, text + start, SHORT);
        else memcpy(to + at, text + start, length);
        at += length;
        offsets[i + 1] = first + (int64_t)at;
    }
}

bool feat_dictionary_decode_texts(feat_page *page, feat_cursor *in, feat_column *to) {
    feat_bits64 *codes = page->codes, *starts = page->entries;
    size_t count = feat_cursor_u32(in), total = 0, longest = 0, rows = page->rows;
    if (in->failed || count == 0 || count > FEAT_PAGE_ROWS) return false;
    const char *text = unpack_offsets(page, in, starts, count);
    if (!text || !feat_unpack(page->loops, in, codes, rows)) return false;
    for (size_t i = 0; i < rows; i++) {
        if ((uint64_t)codes[i] >= count) return false;
        size_t length = (size_t)(starts[codes[i] + 1] - starts[codes[i]]);
        if (length > FEAT_PAGE_TEXT - total) return false;
        total += length;
        longest = length > longest ? length : longest;
    }
    bool all_short = longest <= SHORT && (size_t)starts[count] <= FEAT_PAGE_TEXT;
    if (all_short) text = with_room(page, text, (size_t)starts[count]);
    if (page->failed) return false;
    char *bytes = make_room(page, to, total + (all_short ? SHORT : 0));
    if (!bytes) return false;
    int64_t *offsets = to->offsets + to->length;
    if (all_short) copy_entries(bytes, offsets, text, starts, codes, rows, true);
    else copy_entries(bytes, offsets, text, starts, codes, rows, false);
    return true;
}
