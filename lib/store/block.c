#include "store/block.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/codec.h"
#include "column/bits.h"
#include "math/number.h"
#include "store/store.h"

#define BLOCK_VERSION   3
#define HEADER_SIZE     44
#define DETERMINANT_AT  28
#define PAGE_SIZE       36 /* of an entry of the directory */
#define CODES           8  /* encodings of pages of the other forms */
#define EXCEPTIONS      9
#define CODEC_RAW       0
#define CODEC_ZSTD      1
#define ZSTD_LEVEL      3
#define ZSTD_LEAST      64 /* smaller pages gain nothing */
#define ZSTD_RAW        10 /* what it must save, in percent, of a page as it is */
#define ZSTD_TEXTS      20 /* of texts in another encoding: it takes as long as they do */
#define ZSTD_NUMBERS    50 /* of numbers in another encoding: several times as long */
#define STATISTICS_TEXT 32
#define HAS_RANGE       1
#define MIN_TIGHT       2
#define MAX_TIGHT       4

feat_block *feat_block_new(void) {
    feat_block *b = feat_alloc_zero(1, sizeof *b);
    if (b) feat_page_init(&b->page);
    return b;
}

void feat_block_free(feat_block *b) {
    if (!b) return;
    feat_page_done(&b->page);
    feat_column_done(&b->view);
    feat_column_done(&b->few);
    feat_column_done(&b->entries);
    feat_free(b->picks);
    feat_block_free(b->source);
    feat_buffer_done(&b->raw);
    feat_buffer_done(&b->packed);
    feat_buffer_done(&b->pages);
    feat_free(b->directory);
    feat_free(b);
}

/* ---- Encoding: statistics. ---- */

/* The extremes of the rows that are not NULL, in feat_column_compare's order. */
typedef struct range {
    bool any;
    int64_t min_int, max_int;
    double min_double, max_double;
    feat_text min_text, max_text;
} range;

static int compare_text(feat_text a, feat_text b) {
    int c = memcmp(a.data, b.data, a.length < b.length ? a.length : b.length);
    return c != 0 ? c : (a.length > b.length) - (a.length < b.length);
}

/* A page's slots of NULLs repeat other values of it, so that all slots may be looked at. */
static void range_add_numbers(range *r, const feat_page *page) {
    bool fraction = feat_page_form_of(page->type) == FEAT_FORM_DOUBLES;
    if (!r->any) {
        if (fraction) r->min_double = r->max_double = feat_double_of_bits((uint64_t)page->numbers[0]);
        else r->min_int = r->max_int = page->numbers[0];
        r->any = true;
    }
    for (size_t i = 0; i < page->rows; i++) {
        if (fraction) {
            double v = feat_double_of_bits((uint64_t)page->numbers[i]);
            if (feat_double_order(v, r->min_double) < 0) r->min_double = v;
            if (feat_double_order(v, r->max_double) > 0) r->max_double = v;
        } else {
            int64_t v = page->numbers[i];
            if (v < r->min_int) r->min_int = v;
            if (v > r->max_int) r->max_int = v;
        }
    }
}

/* Texts' slots of NULLs are empty, which may be no value of the page: they are passed over one by one. */
static void range_add_texts(range *r, const feat_page *page, const uint8_t *validity) {
    for (size_t i = 0; i < page->rows; i++) {
        if (validity && !feat_bit_get(validity, i)) continue;
        feat_text t = {page->text + page->offsets[i], (size_t)(page->offsets[i + 1] - page->offsets[i])};
        if (!r->any || compare_text(t, r->min_text) < 0) r->min_text = t;
        if (!r->any || compare_text(t, r->max_text) > 0) r->max_text = t;
        r->any = true;
    }
}

static void put_text(feat_buffer *out, feat_text t) {
    size_t n = t.length < STATISTICS_TEXT ? t.length : STATISTICS_TEXT;
    feat_buffer_u32(out, (uint32_t)n);
    feat_buffer_append(out, t.data, n);
}

/* A least and a greatest number: zeros where there are none. */
static void put_numbers(feat_buffer *out, const range *r, feat_type type) {
    bool fraction = feat_page_form_of(type) == FEAT_FORM_DOUBLES;
    feat_buffer_u64(out, !r->any ? 0 : fraction ? feat_double_bits(r->min_double) : (uint64_t)r->min_int);
    feat_buffer_u64(out, !r->any ? 0 : fraction ? feat_double_bits(r->max_double) : (uint64_t)r->max_int);
}

static void put_range(feat_buffer *out, const range *r, feat_type type) {
    if (!r->any) {
        feat_buffer_byte(out, 0);
    } else if (feat_page_form_of(type) == FEAT_FORM_TEXTS) {
        feat_buffer_byte(out, (uint8_t)(HAS_RANGE | (r->min_text.length <= STATISTICS_TEXT ? MIN_TIGHT : 0) |
                                        (r->max_text.length <= STATISTICS_TEXT ? MAX_TIGHT : 0)));
        put_text(out, r->min_text);
        put_text(out, r->max_text);
    } else {
        feat_buffer_byte(out, HAS_RANGE | MIN_TIGHT | MAX_TIGHT);
        put_numbers(out, r, type);
    }
}

/* Joins the extremes of a page, numbers, to those of the block. */
static void range_join(range *all, const range *page, bool fraction) {
    if (!page->any) return;
    if (!all->any) {
        *all = *page;
    } else if (fraction) {
        if (feat_double_order(page->min_double, all->min_double) < 0) all->min_double = page->min_double;
        if (feat_double_order(page->max_double, all->max_double) > 0) all->max_double = page->max_double;
    } else {
        if (page->min_int < all->min_int) all->min_int = page->min_int;
        if (page->max_int > all->max_int) all->max_int = page->max_int;
    }
}

/* ---- Encoding: pages. ---- */

static size_t page_rows(const feat_column *c, size_t start, size_t rows) {
    size_t n = rows < FEAT_PAGE_ROWS ? rows : FEAT_PAGE_ROWS;
    if (!c->offsets || (size_t)(c->offsets[start + n] - c->offsets[start]) <= FEAT_PAGE_TEXT) return n;
    size_t fits = 1;
    while (fits < n && (size_t)(c->offsets[start + fits + 1] - c->offsets[start]) <= FEAT_PAGE_TEXT) fits++;
    return fits;
}

/* A NULL's slot repeats the value before it, or the first one: whatever spreads the values least. */
static void fill_nulls(feat_block *b, size_t n) {
    feat_bits64 *numbers = b->page.numbers;
    size_t valid = 0;
    while (!feat_bit_get(b->validity, valid)) valid++;
    for (size_t i = 0; i < n; i++)
        if (!feat_bit_get(b->validity, i)) numbers[i] = numbers[i < valid ? valid : i - 1];
}

#define FILL(from)                                                                                                     \
    for (size_t i = 0; i < n; i++) page->numbers[i] = (feat_bits64)(from)
#define FILL_INTS(type) FILL(((const type *)c->values)[start + i])

static void fill_page(feat_block *b, const feat_column *c, size_t start, size_t n, size_t nulls) {
    feat_page *page = &b->page;
    page->type = c->type;
    page->rows = n;
    switch (FEAT_TYPE_BASE(c->type)) {
    case FEAT_TYPE_BOOLEAN: FILL(feat_bit_get(c->values, start + i)); break;
    case FEAT_TYPE_TINYINT: FILL_INTS(int8_t); break;
    case FEAT_TYPE_UTINYINT: FILL_INTS(uint8_t); break;
    case FEAT_TYPE_SMALLINT: FILL_INTS(int16_t); break;
    case FEAT_TYPE_USMALLINT: FILL_INTS(uint16_t); break;
    case FEAT_TYPE_DATE:
    case FEAT_TYPE_INTEGER: FILL_INTS(int32_t); break;
    case FEAT_TYPE_UINTEGER: FILL_INTS(uint32_t); break;
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_TIMESTAMP: FILL_INTS(int64_t); break;
    case FEAT_TYPE_UBIGINT: FILL_INTS(uint64_t); break;
    case FEAT_TYPE_REAL: FILL(feat_double_bits(((const float *)c->values)[start + i])); break;
    case FEAT_TYPE_DOUBLE: FILL(feat_double_bits(((const double *)c->values)[start + i])); break;
    case FEAT_TYPE_DECIMAL:
    case FEAT_TYPE_INTERVAL: /* NULLs hold zeros */
        feat_page_set_wide(page, (const char *)c->values + 16 * start);
        break;
    default:
        for (size_t i = 0; i <= n; i++) page->offsets[i] = c->offsets[start + i] - c->offsets[start];
        page->text = c->values ? (const char *)c->values + c->offsets[start] : "";
    }
    if (nulls > 0 && feat_page_form_of(c->type) != FEAT_FORM_TEXTS) fill_nulls(b, n);
}
#undef FILL_INTS
#undef FILL

/* Types whose order is not that of the page's form have no statistics. */
static bool has_statistics(feat_type type) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_UBIGINT:
    case FEAT_TYPE_DECIMAL:
    case FEAT_TYPE_INTERVAL:
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP: return false;
    default: return true;
    }
}

static void put_entry(feat_buffer *directory, size_t rows, size_t nulls, uint8_t encoding, uint8_t codec, size_t stored,
                      size_t raw, size_t at) {
    feat_buffer_u32(directory, (uint32_t)rows);
    feat_buffer_u32(directory, (uint32_t)nulls);
    feat_buffer_byte(directory, encoding);
    feat_buffer_byte(directory, codec);
    feat_buffer_append(directory, "\0\0", 2);
    feat_buffer_u64(directory, stored);
    feat_buffer_u64(directory, raw);
    feat_buffer_u64(directory, at);
}

/* Appends what is in b->raw to b->pages, compressed where that saves enough; its entry to `directory`. */
static feat_status store_page(feat_block *b, size_t n, size_t nulls, uint8_t encoding, size_t percent,
                              feat_buffer *directory, feat_error *err) {
    feat_buffer *raw = &b->raw, *packed = &b->packed;
    if (raw->failed) return feat_fail_memory(err);
    const feat_buffer *stored = raw;
    uint8_t codec = CODEC_RAW;
    feat_buffer_clear(packed);
    if (raw->size >= ZSTD_LEAST && raw->size <= FEAT_CODEC_MAX) {
        FEAT_TRY(feat_codec_compress(raw->data, raw->size, ZSTD_LEVEL, packed, err));
        if (packed->size <= raw->size - raw->size * percent / 100) {
            stored = packed;
            codec = CODEC_ZSTD;
        }
    }
    put_entry(directory, n, nulls, encoding, codec, stored->size, raw->size, b->pages.size);
    feat_buffer_append(&b->pages, stored->data, stored->size);
    return FEAT_OK;
}

/* Puts the bitmap of values of rows [start, start + n) into b->raw, if some are NULL; how many are. */
static size_t begin_page(feat_block *b, const feat_column *c, size_t start, size_t n) {
    size_t nulls = c->validity ? n - feat_bits_count(c->validity, start, n) : 0;
    feat_buffer_clear(&b->raw);
    if (nulls == 0 || nulls == n) return nulls;
    memset(b->validity, 0, sizeof b->validity);
    feat_bits_copy(b->validity, 0, c->validity, start, n);
    feat_buffer_append(&b->raw, b->validity, feat_bitmap_size(n));
    return nulls;
}

/* Appends one page to b->pages; its directory entry to `directory`. `r` NULL: nobody asks. */
static feat_status encode_page(feat_block *b, const feat_column *c, size_t start, size_t n, range *r,
                               feat_buffer *directory, feat_error *err) {
    uint8_t encoding = 0;
    bool text = feat_page_form_of(c->type) == FEAT_FORM_TEXTS;
    size_t nulls = begin_page(b, c, start, n);
    if (nulls < n) {
        fill_page(b, c, start, n, nulls);
        if (r && has_statistics(c->type) && text) range_add_texts(r, &b->page, nulls > 0 ? b->validity : NULL);
        else if (r && has_statistics(c->type)) range_add_numbers(r, &b->page);
        encoding = feat_encode(&b->page, &b->raw);
    }
    size_t percent = encoding == 0 ? ZSTD_RAW : text ? ZSTD_TEXTS : ZSTD_NUMBERS;
    return store_page(b, n, nulls, encoding, percent, directory, err);
}

/* What a block is put together from; its pages are b->pages. */
typedef struct parts {
    feat_block_form form;
    size_t rows, nulls, entries, entry_pages;
    feat_buffer statistics, directory, entries_directory;
} parts;

static void parts_init(parts *p, feat_block *b, feat_block_form form, const feat_column *c, size_t start, size_t rows) {
    *p = (parts){.form = form, .rows = rows};
    p->nulls = c->validity ? rows - feat_bits_count(c->validity, start, rows) : 0;
    feat_buffer_init(&p->statistics);
    feat_buffer_init(&p->directory);
    feat_buffer_init(&p->entries_directory);
    feat_buffer_clear(&b->pages);
}

static void parts_done(parts *p) {
    feat_buffer_done(&p->statistics);
    feat_buffer_done(&p->directory);
    feat_buffer_done(&p->entries_directory);
}

static feat_status put_together(feat_block *b, const parts *p, feat_type type, feat_buffer *out, feat_error *err) {
    static const feat_digest none = {{0}};
    feat_buffer_byte(out, BLOCK_VERSION);
    feat_buffer_byte(out, (uint8_t)type);
    feat_buffer_byte(out, (uint8_t)p->form);
    feat_buffer_byte(out, 0);
    feat_buffer_u32(out, (uint32_t)p->rows);
    feat_buffer_u32(out, (uint32_t)p->nulls);
    feat_buffer_u32(out, (uint32_t)(p->directory.size / PAGE_SIZE));
    feat_buffer_u32(out, (uint32_t)(HEADER_SIZE + p->statistics.size));
    feat_buffer_u32(out, (uint32_t)p->entries);
    feat_buffer_u32(out, (uint32_t)(p->entries_directory.size / PAGE_SIZE));
    feat_buffer_append(out, none.bytes, sizeof none.bytes);
    feat_buffer_append(out, p->statistics.data, p->statistics.size);
    feat_buffer_append(out, p->directory.data, p->directory.size);
    feat_buffer_append(out, p->entries_directory.data, p->entries_directory.size);
    feat_buffer_append(out, b->pages.data, b->pages.size);
    bool failed = out->failed || p->statistics.failed || p->directory.failed || p->entries_directory.failed;
    return failed || b->pages.failed ? feat_fail_memory(err) : FEAT_OK;
}

feat_status feat_block_encode(feat_block *b, const feat_column *c, size_t start, size_t rows, feat_buffer *out,
                              feat_error *err) {
    parts p;
    parts_init(&p, b, FEAT_BLOCK_PLAIN, c, start, rows);
    feat_buffer pages; /* statistics of each, of numbers */
    feat_buffer_init(&pages);
    range all = {0};
    feat_status status = FEAT_OK;
    bool numbers = feat_page_form_of(c->type) != FEAT_FORM_TEXTS;
    for (size_t at = 0; at < rows && status == FEAT_OK;) {
        size_t n = page_rows(c, start + at, rows - at);
        range page = {0};
        status = encode_page(b, c, start + at, n, numbers ? &page : &all, &p.directory, err);
        if (numbers) {
            range_join(&all, &page, feat_page_form_of(c->type) == FEAT_FORM_DOUBLES);
            put_numbers(&pages, &page, c->type);
        }
        at += n;
    }
    put_range(&p.statistics, &all, c->type);
    if (numbers && all.any && rows > FEAT_PAGE_ROWS) feat_buffer_append(&p.statistics, pages.data, pages.size);
    if (pages.failed && status == FEAT_OK) status = feat_fail_memory(err);
    feat_buffer_done(&pages);
    if (status == FEAT_OK) status = put_together(b, &p, c->type, out, err);
    parts_done(&p);
    return status;
}

/* ---- Encoding: the other forms. ---- */

bool feat_block_may_share(const feat_column *c, size_t start, size_t rows) {
    switch (FEAT_TYPE_BASE(c->type)) {
    case FEAT_TYPE_BOOLEAN:
    case FEAT_TYPE_DECIMAL:
    case FEAT_TYPE_INTERVAL:
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP: return false;
    default: break;
    }
    for (size_t at = 0; at < rows; at += FEAT_PAGE_ROWS) {
        size_t n = rows - at < FEAT_PAGE_ROWS ? rows - at : FEAT_PAGE_ROWS;
        if (page_rows(c, start + at, n) != n) return false; /* pages of columns that belong together are alike */
    }
    return true;
}

/* Rows picks[0..n) of a column as pages of their own. */
static feat_status encode_entries(feat_block *b, const feat_column *c, const feat_block_codes *codes, parts *p,
                                  feat_error *err) {
    if (b->few.type != c->type) {
        feat_column_done(&b->few);
        feat_column_init(&b->few, c->type);
    }
    feat_column_clear(&b->few);
    if (feat_column_append_rows(&b->few, c, codes->rows, codes->n) != 0) return feat_fail_memory(err);
    p->entries = codes->n;
    for (size_t at = 0; at < codes->n;) {
        size_t n = page_rows(&b->few, at, codes->n - at);
        FEAT_TRY(encode_page(b, &b->few, at, n, NULL, &p->entries_directory, err));
        at += n;
    }
    return FEAT_OK;
}

/* The statistics are those of the plain block. */
static void copy_statistics(const feat_buffer *plain, parts *p) {
    feat_cursor in;
    feat_cursor_init(&in, plain->data + 16, 4);
    feat_buffer_append(&p->statistics, plain->data + HEADER_SIZE, feat_cursor_u32(&in) - HEADER_SIZE);
}

static feat_status encode_codes(feat_block *b, const feat_column *c, size_t start, size_t at, size_t n,
                                const feat_block_codes *codes, parts *p, feat_error *err) {
    size_t nulls = begin_page(b, c, start + at, n);
    if (nulls == n) return store_page(b, n, nulls, 0, ZSTD_NUMBERS, &p->directory, err);
    b->page.type = FEAT_TYPE_BIGINT;
    b->page.rows = n;
    for (size_t i = 0; i < n; i++) b->page.numbers[i] = codes->codes[at + i];
    if (nulls > 0) fill_nulls(b, n);
    size_t before = b->raw.size;
    feat_buffer_byte(&b->raw, 0);
    uint8_t id = feat_encode(&b->page, &b->raw);
    if (!b->raw.failed) b->raw.data[before] = id;
    return store_page(b, n, nulls, CODES, ZSTD_NUMBERS, &p->directory, err);
}

feat_status feat_block_encode_dictionary(feat_block *b, const feat_column *c, size_t start, size_t rows,
                                         const feat_block_codes *codes, const feat_buffer *plain, feat_buffer *out,
                                         feat_error *err) {
    parts p;
    parts_init(&p, b, FEAT_BLOCK_DICTIONARY, c, start, rows);
    copy_statistics(plain, &p);
    feat_status status = encode_entries(b, c, codes, &p, err);
    for (size_t at = 0; at < rows && status == FEAT_OK; at += FEAT_PAGE_ROWS)
        status = encode_codes(b, c, start, at, rows - at < FEAT_PAGE_ROWS ? rows - at : FEAT_PAGE_ROWS, codes, &p, err);
    if (status == FEAT_OK) status = put_together(b, &p, c->type, out, err);
    parts_done(&p);
    return status;
}

/* Bytes that rows have in common, of types that may be shared: NULL and what is not are not. */
static bool same_bytes(const feat_column *c, size_t size, size_t a, size_t b) {
    if (c->offsets) {
        int64_t length = c->offsets[a + 1] - c->offsets[a];
        return length == c->offsets[b + 1] - c->offsets[b] &&
               (length == 0 || memcmp((const char *)c->values + c->offsets[a], (const char *)c->values + c->offsets[b],
                                      (size_t)length) == 0);
    }
    return memcmp((const char *)c->values + a * size, (const char *)c->values + b * size, size) == 0;
}

/* A page of which the other column says most: how many rows are exceptions, packed rows, u8 encoding and the values. */
static feat_status encode_exceptions(feat_block *b, const feat_column *c, size_t start, size_t at, size_t n,
                                     const feat_block_codes *codes, parts *p, feat_error *err) {
    size_t nulls = begin_page(b, c, start + at, n), k = 0, size = feat_type_size(c->type);
    feat_bits64 places[FEAT_PAGE_ROWS];
    if (nulls == n) return store_page(b, n, nulls, 0, ZSTD_NUMBERS, &p->directory, err);
    if (FEAT_GROW(b->picks, b->picks_capacity, FEAT_PAGE_ROWS) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        if (c->validity && !feat_bit_get(c->validity, start + at + i)) continue;
        if (same_bytes(c, size, start + at + i, codes->rows[codes->codes[at + i]])) continue;
        places[k] = (feat_bits64)i;
        b->picks[k++] = (uint32_t)(start + at + i);
    }
    feat_buffer_byte(&b->raw, (uint8_t)k);
    feat_buffer_byte(&b->raw, (uint8_t)(k >> 8));
    if (k > 0) {
        feat_column_clear(&b->few);
        if (feat_column_append_rows(&b->few, c, b->picks, k) != 0) return feat_fail_memory(err);
        feat_pack(places, k, &b->raw);
        size_t before = b->raw.size;
        feat_buffer_byte(&b->raw, 0);
        fill_page(b, &b->few, 0, k, 0);
        uint8_t id = feat_encode(&b->page, &b->raw);
        if (!b->raw.failed) b->raw.data[before] = id;
    }
    bool text = c->offsets != NULL;
    return store_page(b, n, nulls, EXCEPTIONS, text ? ZSTD_TEXTS : ZSTD_NUMBERS, &p->directory, err);
}

feat_status feat_block_encode_determined(feat_block *b, const feat_column *c, size_t start, size_t rows,
                                         const feat_block_codes *codes, const feat_buffer *plain, feat_buffer *out,
                                         feat_error *err) {
    parts p;
    parts_init(&p, b, FEAT_BLOCK_DETERMINED, c, start, rows);
    copy_statistics(plain, &p);
    feat_status status = encode_entries(b, c, codes, &p, err);
    for (size_t at = 0; at < rows && status == FEAT_OK; at += FEAT_PAGE_ROWS)
        status =
            encode_exceptions(b, c, start, at, rows - at < FEAT_PAGE_ROWS ? rows - at : FEAT_PAGE_ROWS, codes, &p, err);
    if (status == FEAT_OK) status = put_together(b, &p, c->type, out, err);
    parts_done(&p);
    return status;
}

void feat_block_set_determinant(feat_buffer *determined, const feat_digest *key) {
    memcpy(determined->data + DETERMINANT_AT, key->bytes, sizeof key->bytes);
}

/* ---- Reading. ---- */

static feat_status malformed(feat_error *err, const char *what) {
    return feat_fail(err, FEAT_CORRUPT, "a block is malformed: %s; restore the store from a copy", what);
}

static feat_status read_directory(feat_block *b, uint64_t directory_at, feat_error *err) {
    uint64_t all = (uint64_t)b->n_pages + b->n_entry_pages, size = all * PAGE_SIZE, base = directory_at + size;
    const uint8_t *bytes;
    if (base > b->object.size) return malformed(err, "its directory is cut");
    FEAT_TRY(feat_object_view(&b->object, directory_at, (size_t)size, &b->raw, &bytes, err));
    if (FEAT_GROW(b->directory, b->directory_capacity, (size_t)all) != 0) return feat_fail_memory(err);
    feat_cursor in;
    feat_cursor_init(&in, bytes, (size_t)size);
    uint64_t rows = 0, nulls = 0, entries = 0;
    for (uint32_t i = 0; i < all; i++) {
        feat_block_page *p = &b->directory[i];
        uint64_t *count = i < b->n_pages ? &rows : &entries;
        p->first_row = (uint32_t)*count;
        p->rows = feat_cursor_u32(&in);
        p->nulls = feat_cursor_u32(&in);
        p->encoding = feat_cursor_byte(&in);
        p->codec = feat_cursor_byte(&in);
        feat_cursor_bytes(&in, 2);
        p->stored = feat_cursor_u64(&in);
        p->raw = feat_cursor_u64(&in);
        p->at = feat_cursor_u64(&in);
        uint64_t room = b->object.size - base;
        if (p->rows == 0 || p->rows > FEAT_PAGE_ROWS || p->nulls > p->rows || p->at > room ||
            p->stored > room - p->at || p->codec > CODEC_ZSTD || (i >= b->n_pages && p->nulls > 0) ||
            (p->codec == CODEC_RAW ? p->raw != p->stored : p->raw > FEAT_CODEC_MAX))
            return malformed(err, "its directory contradicts itself");
        p->at += base;
        *count += p->rows;
        nulls += p->nulls;
    }
    if (rows != b->rows || nulls != b->nulls || entries != b->n_entries)
        return malformed(err, "its pages do not add up");
    return FEAT_OK;
}

/* `type` NULL: any. */
static feat_status open_block(feat_block *b, feat_env *env, MDB_txn *txn, const feat_digest *key, const feat_type *type,
                              uint32_t rows, feat_error *err) {
    b->has_entries = b->has_source = false;
    FEAT_TRY(feat_object_open(env, txn, key, "block", &b->object, err));
    uint8_t head[HEADER_SIZE];
    if (b->object.size < HEADER_SIZE) return malformed(err, "it is too short");
    FEAT_TRY(feat_object_read(&b->object, 0, sizeof head, head, err));
    feat_cursor in;
    feat_cursor_init(&in, head, sizeof head);
    uint8_t version = feat_cursor_byte(&in), base = feat_cursor_byte(&in), form = feat_cursor_byte(&in);
    if (version != BLOCK_VERSION)
        return feat_fail(err, FEAT_CORRUPT, "a block has the unknown version %u; use a newer library", version);
    b->type = type ? *type : FEAT_TYPE_BIGINT;
    if (type && base != (uint8_t)*type) return malformed(err, "it is of another type than its column");
    if (form > FEAT_BLOCK_DETERMINED) return malformed(err, "it is of an unknown form");
    b->form = form;
    feat_cursor_byte(&in);
    b->rows = feat_cursor_u32(&in);
    b->nulls = feat_cursor_u32(&in);
    b->n_pages = feat_cursor_u32(&in);
    uint32_t directory_at = feat_cursor_u32(&in);
    b->n_entries = feat_cursor_u32(&in);
    b->n_entry_pages = feat_cursor_u32(&in);
    memcpy(b->determinant.bytes, feat_cursor_bytes(&in, sizeof b->determinant.bytes), sizeof b->determinant.bytes);
    if (b->rows != rows || rows > FEAT_SEGMENT_ROWS || b->n_pages > rows)
        return malformed(err, "it has another number of rows than its segment");
    if (b->n_entries > rows || b->n_entry_pages > b->n_entries || (form == FEAT_BLOCK_PLAIN) != (b->n_entries == 0))
        return malformed(err, "its dictionary does not fit");
    if (directory_at < HEADER_SIZE || directory_at > b->object.size) return malformed(err, "its directory is cut");
    b->statistics = directory_at - HEADER_SIZE;
    return read_directory(b, directory_at, err);
}

feat_status feat_block_open(feat_block *b, feat_env *env, MDB_txn *txn, const feat_digest *key, feat_type type,
                            uint32_t rows, feat_error *err) {
    return open_block(b, env, txn, key, &type, rows, err);
}

#define FLAGS_SIZE  1
#define BOUNDS_SIZE 16

static feat_bounds read_bounds(feat_cursor *in, bool known, bool ints, bool nulls) {
    uint64_t min = feat_cursor_u64(in), max = feat_cursor_u64(in);
    return (feat_bounds){
        known, ints, nulls, (int64_t)min, (int64_t)max, feat_double_of_bits(min), feat_double_of_bits(max)};
}

feat_status feat_block_bounds(feat_block *b, feat_bounds *bounds, feat_error *err) {
    uint8_t bytes[FLAGS_SIZE + BOUNDS_SIZE];
    feat_page_form form = feat_page_form_of(b->type);
    *bounds = (feat_bounds){.nulls = b->nulls > 0, .ints = form == FEAT_FORM_INTS};
    if (form == FEAT_FORM_TEXTS || b->statistics < sizeof bytes) return FEAT_OK;
    FEAT_TRY(feat_object_read(&b->object, HEADER_SIZE, sizeof bytes, bytes, err));
    feat_cursor in;
    feat_cursor_init(&in, bytes, sizeof bytes);
    bool known = feat_cursor_byte(&in) & HAS_RANGE;
    *bounds = read_bounds(&in, known, form == FEAT_FORM_INTS, b->nulls > 0);
    return FEAT_OK;
}

feat_status feat_block_page_bounds(feat_block *b, size_t page, feat_bounds *bounds, feat_error *err) {
    const feat_block_page *p = &b->directory[page];
    FEAT_TRY(feat_block_bounds(b, bounds, err));
    bounds->nulls = p->nulls > 0;
    bounds->known = bounds->known && p->nulls < p->rows;
    if (!bounds->known || b->n_pages == 1) return FEAT_OK;
    uint8_t bytes[BOUNDS_SIZE];
    size_t at = FLAGS_SIZE + BOUNDS_SIZE * (1 + page);
    if (at + BOUNDS_SIZE > b->statistics) return malformed(err, "its statistics are cut");
    FEAT_TRY(feat_object_read(&b->object, HEADER_SIZE + at, sizeof bytes, bytes, err));
    feat_cursor in;
    feat_cursor_init(&in, bytes, sizeof bytes);
    *bounds = read_bounds(&in, true, bounds->ints, bounds->nulls);
    return FEAT_OK;
}

size_t feat_block_find(const feat_block *b, uint32_t row) {
    size_t low = 0, high = b->n_pages;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (b->directory[middle].first_row <= row) low = middle;
        else high = middle;
    }
    return low;
}

/* The bytes of a page, expanded. Valid until the next call or the transaction's end. */
static feat_status fetch_page(feat_block *b, const feat_block_page *p, const uint8_t **bytes, feat_error *err) {
    FEAT_TRY(feat_object_view(&b->object, p->at, (size_t)p->stored, &b->packed, bytes, err));
    if (p->codec != CODEC_ZSTD) return FEAT_OK;
    feat_buffer_clear(&b->raw);
    void *room = feat_buffer_extend(&b->raw, (size_t)p->raw);
    if (!room) return feat_fail_memory(err);
    FEAT_TRY(feat_codec_expand(*bytes, (size_t)p->stored, room, (size_t)p->raw, err));
    *bytes = room;
    return FEAT_OK;
}

/* Whether the slots of NULLs behind the rows of `to` are empty texts. */
static bool nulls_are_empty(const feat_column *to, const uint8_t *validity, size_t n) {
    const int64_t *offsets = to->offsets + to->length;
    for (size_t i = 0; i < n; i++)
        if (!feat_bit_get(validity, i) && offsets[i + 1] != offsets[i]) return false;
    return true;
}

/* The bytes of a page: its values, and which are not NULL (NULL: all). */
static feat_status open_page(feat_block *b, const feat_block_page *p, const uint8_t **validity, feat_cursor *in,
                             feat_error *err) {
    const uint8_t *bytes;
    FEAT_TRY(fetch_page(b, p, &bytes, err));
    feat_cursor_init(in, bytes, (size_t)p->raw);
    *validity = NULL;
    if (p->nulls == p->rows) return p->raw == 0 ? FEAT_OK : malformed(err, "a page of NULLs has values");
    if (p->nulls == 0) return FEAT_OK;
    *validity = feat_cursor_bytes(in, feat_bitmap_size(p->rows));
    if (!*validity) return malformed(err, "a page is too short");
    if (feat_bits_count(*validity, 0, p->rows) != p->rows - p->nulls)
        return malformed(err, "the NULLs of a page do not add up");
    return FEAT_OK;
}

static feat_status append_page(feat_block *b, const feat_block_page *p, feat_column *to, feat_error *err);

static feat_status read_entries(feat_block *b, feat_error *err) {
    if (b->has_entries) return FEAT_OK;
    if (b->entries.type != b->type) {
        feat_column_done(&b->entries);
        feat_column_init(&b->entries, b->type);
    }
    feat_column_clear(&b->entries);
    for (uint32_t i = 0; i < b->n_entry_pages; i++) {
        const feat_block_page *p = &b->directory[b->n_pages + i];
        if (p->encoding >= CODES) return malformed(err, "its dictionary has pages without values");
        FEAT_TRY(append_page(b, p, &b->entries, err));
    }
    b->has_entries = true;
    return FEAT_OK;
}

/* The entries of a page's rows, in b->page.numbers; of a page of NULLs the first. */
static feat_status read_codes(feat_block *b, const feat_block_page *p, const uint8_t **validity, feat_error *err) {
    feat_cursor in;
    feat_bits64 *codes = b->page.numbers, outside = 0, last = (feat_bits64)b->n_entries - 1;
    FEAT_TRY(open_page(b, p, validity, &in, err));
    if (p->nulls == p->rows) {
        memset(codes, 0, p->rows * sizeof *codes);
        return FEAT_OK;
    }
    const feat_encoding *e = feat_encoding_by_id(feat_cursor_byte(&in));
    b->page.type = FEAT_TYPE_BIGINT;
    b->page.rows = p->rows;
    if (p->encoding != CODES || in.failed || !e || !e->decode_numbers ||
        !e->decode_numbers(&b->page, &in, codes, p->rows) || in.failed || in.at != in.end)
        return malformed(err, "the numbers of a page's values are malformed");
    for (size_t i = 0; i < p->rows; i++) outside |= codes[i] | (feat_bits64)((uint64_t)last - (uint64_t)codes[i]);
    return outside < 0 ? malformed(err, "a value is not in its dictionary") : FEAT_OK;
}

/* Values of the dictionary, behind the rows of `to`; not counted in. Texts of NULLs are empty. */
#define GATHER(type)                                                                                                   \
    do {                                                                                                               \
        type *out = (type *)to->values + to->length;                                                                   \
        const type *from = entries->values;                                                                            \
        for (size_t i = 0; i < n; i++) out[i] = from[codes[i]];                                                        \
    } while (0)

static feat_status gather_texts(const feat_column *entries, const feat_bits64 *codes, size_t n, const uint8_t *validity,
                                feat_column *to, feat_error *err) {
    const int64_t *starts = entries->offsets;
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        if (validity && !feat_bit_get(validity, i)) continue;
        size_t length = (size_t)(starts[codes[i] + 1] - starts[codes[i]]);
        if (n > 1 && length > FEAT_PAGE_TEXT - total) return malformed(err, "a page has too much text");
        total += length;
    }
    if (feat_column_reserve_text(to, total) != 0) return feat_fail_memory(err);
    int64_t *offsets = to->offsets + to->length;
    for (size_t i = 0; i < n; i++) {
        size_t length = (size_t)(starts[codes[i] + 1] - starts[codes[i]]);
        if (validity && !feat_bit_get(validity, i)) length = 0;
        if (length > 0)
            memcpy((char *)to->values + offsets[i], (const char *)entries->values + starts[codes[i]], length);
        offsets[i + 1] = offsets[i] + (int64_t)length;
    }
    return FEAT_OK;
}

static feat_status gather(const feat_column *entries, const feat_bits64 *codes, size_t n, const uint8_t *validity,
                          feat_column *to, feat_error *err) {
    if (feat_column_reserve(to, n) != 0) return feat_fail_memory(err);
    if (to->offsets) return gather_texts(entries, codes, n, validity, to, err);
    switch (feat_type_size(to->type)) {
    case 1: GATHER(uint8_t); break;
    case 2: GATHER(uint16_t); break;
    case 4: GATHER(uint32_t); break;
    default: GATHER(uint64_t); break;
    }
    return FEAT_OK;
}
#undef GATHER

static feat_status append_codes(feat_block *b, const feat_block_page *p, feat_column *to, feat_error *err) {
    const uint8_t *validity;
    if (b->form != FEAT_BLOCK_DICTIONARY) return malformed(err, "a page numbers values of no dictionary");
    FEAT_TRY(read_entries(b, err));
    FEAT_TRY(read_codes(b, p, &validity, err));
    FEAT_TRY(gather(&b->entries, b->page.numbers, p->rows, validity, to, err));
    return feat_column_commit(to, p->rows, validity, 0) == 0 ? FEAT_OK : feat_fail_memory(err);
}

/* The block whose dictionary's entries determine the values. It is of another form, so there are no circles. */
static feat_status open_source(feat_block *b, feat_error *err) {
    if (b->has_source) return FEAT_OK;
    if (!b->source) b->source = feat_block_new();
    if (!b->source) return feat_fail_memory(err);
    FEAT_TRY(open_block(b->source, b->object.env, b->object.txn, &b->determinant, NULL, b->rows, err));
    if (b->source->form != FEAT_BLOCK_DICTIONARY || b->source->n_entries != b->n_entries ||
        b->source->n_pages != b->n_pages)
        return malformed(err, "the column that determines it does not fit");
    b->has_source = true;
    return FEAT_OK;
}

/* What is exceptional of a page: b->picks and b->few. */
static feat_status read_exceptions(feat_block *b, const feat_block_page *p, feat_cursor *in, size_t *n,
                                   feat_error *err) {
    feat_bits64 *places = b->page.numbers;
    size_t k = feat_cursor_byte(in);
    k |= (size_t)feat_cursor_byte(in) << 8;
    *n = k;
    if (in->failed || k > p->rows || (k == 0 && in->at != in->end)) return malformed(err, "a page has odd exceptions");
    if (b->few.type != b->type) {
        feat_column_done(&b->few);
        feat_column_init(&b->few, b->type);
    }
    feat_column_clear(&b->few);
    if (k == 0) return FEAT_OK;
    if (FEAT_GROW(b->picks, b->picks_capacity, FEAT_PAGE_ROWS) != 0) return feat_fail_memory(err);
    if (!feat_unpack(b->page.loops, in, places, k)) return malformed(err, "a page has odd exceptions");
    for (size_t i = 0; i < k; i++) {
        if (places[i] < 0 || places[i] >= (feat_bits64)p->rows || (i > 0 && places[i] <= places[i - 1]))
            return malformed(err, "the exceptions of a page are out of order");
        b->picks[i] = (uint32_t)places[i];
    }
    uint8_t id = feat_cursor_byte(in);
    FEAT_TRY(feat_decode(&b->page, id, in->at, (size_t)(in->end - in->at), k, &b->few, err));
    return feat_column_commit(&b->few, k, NULL, 0) == 0 ? FEAT_OK : feat_fail_memory(err);
}

/* Puts the exceptions behind the entries, for one pass that copies either: entry n_entries + i is exception i. */
static feat_status append_determined(feat_block *b, const feat_block_page *p, size_t number, feat_column *to,
                                     feat_error *err) {
    const uint8_t *validity, *unused;
    feat_cursor in;
    size_t k;
    if (b->form != FEAT_BLOCK_DETERMINED) return malformed(err, "a page has exceptions of nothing");
    FEAT_TRY(open_source(b, err));
    const feat_block_page *other = &b->source->directory[number];
    if (other->rows != p->rows) return malformed(err, "the column that determines it does not fit");
    FEAT_TRY(read_entries(b, err));
    FEAT_TRY(open_page(b, p, &validity, &in, err));
    FEAT_TRY(read_exceptions(b, p, &in, &k, err));
    FEAT_TRY(read_codes(b->source, other, &unused, err));
    feat_bits64 *codes = b->source->page.numbers;
    for (size_t i = 0; i < k; i++) codes[b->picks[i]] = (feat_bits64)(b->n_entries + i);
    feat_status status = FEAT_OK;
    if (k > 0 && feat_column_append_range(&b->entries, &b->few, 0, k) != 0) status = feat_fail_memory(err);
    if (status == FEAT_OK) status = gather(&b->entries, codes, p->rows, validity, to, err);
    feat_column_truncate(&b->entries, b->n_entries);
    FEAT_TRY(status);
    return feat_column_commit(to, p->rows, validity, 0) == 0 ? FEAT_OK : feat_fail_memory(err);
}

/* A page that has its values. */
static feat_status append_page(feat_block *b, const feat_block_page *p, feat_column *to, feat_error *err) {
    const uint8_t *validity;
    feat_cursor in;
    FEAT_TRY(open_page(b, p, &validity, &in, err));
    if (p->nulls == p->rows) return feat_column_append_nulls(to, p->rows) == 0 ? FEAT_OK : feat_fail_memory(err);
    FEAT_TRY(feat_decode(&b->page, p->encoding, in.at, (size_t)(in.end - in.at), p->rows, to, err));
    if (validity && to->offsets && !nulls_are_empty(to, validity, p->rows)) return malformed(err, "a NULL has bytes");
    return feat_column_commit(to, p->rows, validity, 0) == 0 ? FEAT_OK : feat_fail_memory(err);
}

feat_status feat_block_append(feat_block *b, size_t number, feat_column *to, feat_error *err) {
    const feat_block_page *p = &b->directory[number];
    if (p->encoding < CODES || p->nulls == p->rows) return append_page(b, p, to, err);
    if (p->encoding > EXCEPTIONS)
        return feat_fail(err, FEAT_CORRUPT, "a page has the unknown encoding %u; use a newer library", p->encoding);
    /* A type whose values do not stand one after the other as they are is never shared. */
    if (!feat_block_may_share(to, 0, 0)) return malformed(err, "values of its type cannot be shared");
    return p->encoding == CODES ? append_codes(b, p, to, err) : append_determined(b, p, number, to, err);
}

feat_status feat_block_read(feat_block *b, size_t number, const feat_column **view, feat_error *err) {
    if (b->view.type != b->type) {
        feat_column_done(&b->view);
        feat_column_init(&b->view, b->type);
    }
    feat_column_clear(&b->view);
    FEAT_TRY(feat_block_append(b, number, &b->view, err));
    *view = &b->view;
    return FEAT_OK;
}
