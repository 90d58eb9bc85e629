#include "store/block.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/codec.h"
#include "column/bits.h"
#include "math/number.h"
#include "store/store.h"

#define BLOCK_VERSION   2
#define HEADER_SIZE     20
#define PAGE_SIZE       36 /* of an entry of the directory */
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
        bool fraction = feat_page_form_of(type) == FEAT_FORM_DOUBLES;
        feat_buffer_u64(out, fraction ? feat_double_bits(r->min_double) : (uint64_t)r->min_int);
        feat_buffer_u64(out, fraction ? feat_double_bits(r->max_double) : (uint64_t)r->max_int);
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
        for (size_t i = 0; i <= n; i++) page->offsets[i] = (int64_t)(16 * i);
        page->text = (const char *)c->values + 16 * start;
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

/* Appends one page to b->pages; its directory entry to `directory`. */
static feat_status encode_page(feat_block *b, const feat_column *c, size_t start, size_t n, range *r,
                               feat_buffer *directory, feat_error *err) {
    feat_buffer *raw = &b->raw, *packed = &b->packed;
    size_t nulls = c->validity ? n - feat_bits_count(c->validity, start, n) : 0;
    uint8_t encoding = 0, codec = CODEC_RAW;
    bool text = feat_page_form_of(c->type) == FEAT_FORM_TEXTS;
    feat_buffer_clear(raw);
    feat_buffer_clear(packed);
    if (nulls < n) {
        if (nulls > 0) {
            memset(b->validity, 0, sizeof b->validity);
            feat_bits_copy(b->validity, 0, c->validity, start, n);
            feat_buffer_append(raw, b->validity, feat_bitmap_size(n));
        }
        fill_page(b, c, start, n, nulls);
        if (has_statistics(c->type) && text) range_add_texts(r, &b->page, nulls > 0 ? b->validity : NULL);
        else if (has_statistics(c->type)) range_add_numbers(r, &b->page);
        encoding = feat_encode(&b->page, raw);
        if (raw->failed) return feat_fail_memory(err);
    }
    const feat_buffer *stored = raw;
    if (raw->size >= ZSTD_LEAST && raw->size <= FEAT_CODEC_MAX) {
        FEAT_TRY(feat_codec_compress(raw->data, raw->size, ZSTD_LEVEL, packed, err));
        size_t percent = encoding == 0 ? ZSTD_RAW : text ? ZSTD_TEXTS : ZSTD_NUMBERS;
        if (packed->size <= raw->size - raw->size * percent / 100) {
            stored = packed;
            codec = CODEC_ZSTD;
        }
    }
    feat_buffer_u32(directory, (uint32_t)n);
    feat_buffer_u32(directory, (uint32_t)nulls);
    feat_buffer_byte(directory, encoding);
    feat_buffer_byte(directory, codec);
    feat_buffer_append(directory, "\0\0", 2);
    feat_buffer_u64(directory, stored->size);
    feat_buffer_u64(directory, raw->size);
    feat_buffer_u64(directory, b->pages.size);
    feat_buffer_append(&b->pages, stored->data, stored->size);
    return FEAT_OK;
}

feat_status feat_block_encode(feat_block *b, const feat_column *c, size_t start, size_t rows, feat_buffer *out,
                              feat_error *err) {
    feat_buffer directory, statistics;
    feat_buffer_init(&directory);
    feat_buffer_init(&statistics);
    feat_buffer_clear(&b->pages);
    range r = {0};
    feat_status status = FEAT_OK;
    for (size_t at = 0; at < rows && status == FEAT_OK;) {
        size_t n = page_rows(c, start + at, rows - at);
        status = encode_page(b, c, start + at, n, &r, &directory, err);
        at += n;
    }
    if (status == FEAT_OK) {
        put_range(&statistics, &r, c->type);
        feat_buffer_byte(out, BLOCK_VERSION);
        feat_buffer_byte(out, (uint8_t)c->type);
        feat_buffer_append(out, "\0\0", 2);
        feat_buffer_u32(out, (uint32_t)rows);
        feat_buffer_u32(out, (uint32_t)(c->validity ? rows - feat_bits_count(c->validity, start, rows) : 0));
        feat_buffer_u32(out, (uint32_t)(directory.size / PAGE_SIZE));
        feat_buffer_u32(out, (uint32_t)(HEADER_SIZE + statistics.size));
        feat_buffer_append(out, statistics.data, statistics.size);
        feat_buffer_append(out, directory.data, directory.size);
        feat_buffer_append(out, b->pages.data, b->pages.size);
        if (out->failed || directory.failed || statistics.failed || b->pages.failed) status = feat_fail_memory(err);
    }
    feat_buffer_done(&directory);
    feat_buffer_done(&statistics);
    return status;
}

/* ---- Reading. ---- */

static feat_status malformed(feat_error *err, const char *what) {
    return feat_fail(err, FEAT_CORRUPT, "a block is malformed: %s; restore the store from a copy", what);
}

static feat_status read_directory(feat_block *b, uint64_t directory_at, feat_error *err) {
    uint64_t size = (uint64_t)b->n_pages * PAGE_SIZE, base = directory_at + size;
    const uint8_t *bytes;
    if (base > b->object.size) return malformed(err, "its directory is cut");
    FEAT_TRY(feat_object_view(&b->object, directory_at, (size_t)size, &b->raw, &bytes, err));
    if (FEAT_GROW(b->directory, b->directory_capacity, b->n_pages) != 0) return feat_fail_memory(err);
    feat_cursor in;
    feat_cursor_init(&in, bytes, (size_t)size);
    uint64_t rows = 0, nulls = 0;
    for (uint32_t i = 0; i < b->n_pages; i++) {
        feat_block_page *p = &b->directory[i];
        p->first_row = (uint32_t)rows;
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
            p->stored > room - p->at || p->codec > CODEC_ZSTD ||
            (p->codec == CODEC_RAW ? p->raw != p->stored : p->raw > FEAT_CODEC_MAX))
            return malformed(err, "its directory contradicts itself");
        p->at += base;
        rows += p->rows;
        nulls += p->nulls;
    }
    if (rows != b->rows || nulls != b->nulls) return malformed(err, "its pages do not add up");
    return FEAT_OK;
}

feat_status feat_block_open(feat_block *b, feat_env *env, MDB_txn *txn, const feat_digest *key, feat_type type,
                            uint32_t rows, feat_error *err) {
    FEAT_TRY(feat_object_open(env, txn, key, "block", &b->object, err));
    uint8_t head[HEADER_SIZE];
    if (b->object.size < HEADER_SIZE) return malformed(err, "it is too short");
    FEAT_TRY(feat_object_read(&b->object, 0, sizeof head, head, err));
    feat_cursor in;
    feat_cursor_init(&in, head, sizeof head);
    uint8_t version = feat_cursor_byte(&in);
    if (version != BLOCK_VERSION)
        return feat_fail(err, FEAT_CORRUPT, "a block has the unknown version %u; use a newer library", version);
    b->type = type;
    if (feat_cursor_byte(&in) != (uint8_t)type) return malformed(err, "it is of another type than its column");
    feat_cursor_bytes(&in, 2);
    b->rows = feat_cursor_u32(&in);
    b->nulls = feat_cursor_u32(&in);
    b->n_pages = feat_cursor_u32(&in);
    uint32_t directory_at = feat_cursor_u32(&in);
    if (b->rows != rows || rows > FEAT_SEGMENT_ROWS || b->n_pages > rows)
        return malformed(err, "it has another number of rows than its segment");
    if (directory_at < HEADER_SIZE || directory_at > b->object.size) return malformed(err, "its directory is cut");
    b->statistics = directory_at - HEADER_SIZE;
    return read_directory(b, directory_at, err);
}

feat_status feat_block_bounds(feat_block *b, feat_bounds *bounds, feat_error *err) {
    uint8_t bytes[17];
    feat_page_form form = feat_page_form_of(b->type);
    *bounds = (feat_bounds){.nulls = b->nulls > 0, .ints = form == FEAT_FORM_INTS};
    if (form == FEAT_FORM_TEXTS || b->statistics < sizeof bytes) return FEAT_OK;
    FEAT_TRY(feat_object_read(&b->object, HEADER_SIZE, sizeof bytes, bytes, err));
    feat_cursor in;
    feat_cursor_init(&in, bytes, sizeof bytes);
    bounds->known = feat_cursor_byte(&in) & HAS_RANGE;
    uint64_t min = feat_cursor_u64(&in), max = feat_cursor_u64(&in);
    bounds->min_int = (int64_t)min;
    bounds->max_int = (int64_t)max;
    bounds->min_double = feat_double_of_bits(min);
    bounds->max_double = feat_double_of_bits(max);
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

feat_status feat_block_append(feat_block *b, size_t number, feat_column *to, feat_error *err) {
    const feat_block_page *p = &b->directory[number];
    const uint8_t *bytes, *validity = NULL;
    FEAT_TRY(fetch_page(b, p, &bytes, err));
    size_t size = (size_t)p->raw, skip = 0;
    if (p->nulls == p->rows) {
        if (size != 0) return malformed(err, "a page of NULLs has values");
        return feat_column_append_nulls(to, p->rows) == 0 ? FEAT_OK : feat_fail_memory(err);
    }
    if (p->nulls > 0) {
        validity = bytes;
        skip = feat_bitmap_size(p->rows);
        if (size < skip) return malformed(err, "a page is too short");
        if (feat_bits_count(validity, 0, p->rows) != p->rows - p->nulls)
            return malformed(err, "the NULLs of a page do not add up");
    }
    FEAT_TRY(feat_decode(&b->page, p->encoding, bytes + skip, size - skip, p->rows, to, err));
    if (validity && to->offsets && !nulls_are_empty(to, validity, p->rows)) return malformed(err, "a NULL has bytes");
    return feat_column_commit(to, p->rows, validity, 0) == 0 ? FEAT_OK : feat_fail_memory(err);
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
