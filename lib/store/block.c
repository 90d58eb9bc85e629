#include "store/block.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/codec.h"
#include "column/bits.h"
#include "math/number.h"
#include "store/store.h"

#define BLOCK_VERSION   1
#define HEADER_SIZE     20
#define PAGE_SIZE       44 /* of an entry of the directory */
#define CODEC_RAW       0
#define CODEC_ZSTD      1
#define ZSTD_LEVEL      3
#define ZSTD_LEAST      64 /* smaller pages gain nothing */
#define STATISTICS_TEXT 32
#define HAS_RANGE       1
#define MIN_TIGHT       2
#define MAX_TIGHT       4

feat_block *feat_block_new(void) { return feat_alloc_zero(1, sizeof(feat_block)); }

void feat_block_free(feat_block *b) {
    if (!b) return;
    feat_buffer_done(&b->page.own_text);
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
        if (fraction) r->min_double = r->max_double = page->as.doubles[0];
        else r->min_int = r->max_int = page->as.ints[0];
        r->any = true;
    }
    for (size_t i = 0; i < page->rows; i++) {
        if (fraction) {
            double v = page->as.doubles[i];
            if (feat_double_order(v, r->min_double) < 0) r->min_double = v;
            if (feat_double_order(v, r->max_double) > 0) r->max_double = v;
        } else {
            int64_t v = page->as.ints[i];
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
#define FILL(to, from, wide)                                                                                           \
    do {                                                                                                               \
        for (size_t i = 0; i < n; i++) (to)[i] = (wide)(from);                                                         \
        if (nulls > 0) {                                                                                               \
            size_t valid = 0;                                                                                          \
            while (!feat_bit_get(b->validity, valid)) valid++;                                                         \
            for (size_t i = 0; i < n; i++)                                                                             \
                if (!feat_bit_get(b->validity, i)) (to)[i] = (to)[i < valid ? valid : i - 1];                          \
        }                                                                                                              \
    } while (0)

static void fill_page(feat_block *b, const feat_column *c, size_t start, size_t n, size_t nulls) {
    feat_page *page = &b->page;
    page->type = c->type;
    page->rows = n;
#define FILL_INTS(type) FILL(page->as.ints, ((const type *)c->values)[start + i], int64_t)
    switch (FEAT_TYPE_BASE(c->type)) {
    case FEAT_TYPE_BOOLEAN: FILL(page->as.ints, feat_bit_get(c->values, start + i), int64_t); break;
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
    case FEAT_TYPE_REAL: FILL(page->as.doubles, ((const float *)c->values)[start + i], double); break;
    case FEAT_TYPE_DOUBLE: FILL(page->as.doubles, ((const double *)c->values)[start + i], double); break;
    case FEAT_TYPE_DECIMAL:
    case FEAT_TYPE_INTERVAL: /* NULLs hold zeros */
        for (size_t i = 0; i <= n; i++) page->offsets[i] = (int64_t)(16 * i);
        page->text = (const char *)c->values + 16 * start;
        break;
    default:
        for (size_t i = 0; i <= n; i++) page->offsets[i] = c->offsets[start + i] - c->offsets[start];
        page->text = c->values ? (const char *)c->values + c->offsets[start] : "";
    }
#undef FILL_INTS
}

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
    feat_buffer_clear(raw);
    feat_buffer_clear(packed);
    if (nulls < n) {
        if (nulls > 0) {
            memset(b->validity, 0, sizeof b->validity);
            feat_bits_copy(b->validity, 0, c->validity, start, n);
            feat_buffer_append(raw, b->validity, feat_bitmap_size(n));
        }
        fill_page(b, c, start, n, nulls);
        bool text = feat_page_form_of(c->type) == FEAT_FORM_TEXTS;
        if (has_statistics(c->type) && text) range_add_texts(r, &b->page, nulls > 0 ? b->validity : NULL);
        else if (has_statistics(c->type)) range_add_numbers(r, &b->page);
        encoding = feat_encode(&b->page, raw);
        if (raw->failed) return feat_fail_memory(err);
    }
    const feat_buffer *stored = raw;
    if (raw->size >= ZSTD_LEAST && raw->size <= FEAT_CODEC_MAX) {
        FEAT_TRY(feat_codec_compress(raw->data, raw->size, ZSTD_LEVEL, packed, err));
        if (packed->size <= raw->size - raw->size / 10) {
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
    feat_buffer_u64(directory, feat_hash64(stored->size ? stored->data : (const unsigned char *)"", stored->size));
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
        p->checksum = feat_cursor_u64(&in);
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

/* From the shared form of a page to a column's layout, in place: the narrow forms overwrite numbers already read. */
static feat_status view_page(feat_block *b, const feat_block_page *p, feat_column *view, feat_error *err) {
    feat_page *page = &b->page;
    feat_column v = {.type = b->type, .length = p->rows, .null_count = p->nulls};
    if (p->nulls > 0) v.validity = b->validity;
#define NARROW(from, type)                                                                                             \
    do {                                                                                                               \
        type *narrow = (type *)(void *)page->work;                                                                     \
        for (size_t i = 0; i < p->rows; i++) narrow[i] = (type)(from)[i];                                              \
        v.values = narrow;                                                                                             \
    } while (0)
    switch (FEAT_TYPE_BASE(b->type)) {
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_UBIGINT:
    case FEAT_TYPE_TIMESTAMP: v.values = page->as.ints; break;
    case FEAT_TYPE_DOUBLE: v.values = page->as.doubles; break;
    case FEAT_TYPE_REAL: NARROW(page->as.doubles, float); break;
    case FEAT_TYPE_DATE:
    case FEAT_TYPE_INTEGER: NARROW(page->as.ints, int32_t); break;
    case FEAT_TYPE_UINTEGER: NARROW(page->as.ints, uint32_t); break;
    case FEAT_TYPE_SMALLINT: NARROW(page->as.ints, int16_t); break;
    case FEAT_TYPE_USMALLINT: NARROW(page->as.ints, uint16_t); break;
    case FEAT_TYPE_TINYINT: NARROW(page->as.ints, int8_t); break;
    case FEAT_TYPE_UTINYINT: NARROW(page->as.ints, uint8_t); break;
    case FEAT_TYPE_DECIMAL:
    case FEAT_TYPE_INTERVAL:
        if (p->nulls == p->rows) memset(page->as.wide, 0, 16 * p->rows);
        else memcpy(page->as.wide, page->text, 16 * p->rows);
        v.values = page->as.wide;
        break;
    case FEAT_TYPE_BOOLEAN: {
        uint8_t *bits = (uint8_t *)page->work;
        memset(bits, 0, feat_bitmap_size(p->rows));
        for (size_t i = 0; i < p->rows; i++) feat_bit_put(bits, i, page->as.ints[i] != 0);
        v.values = bits;
        break;
    }
    default:
        v.values = (void *)(uintptr_t)page->text;
        v.offsets = page->offsets;
        for (size_t i = 0; p->nulls > 0 && i < p->rows; i++)
            if (!feat_bit_get(b->validity, i) && page->offsets[i + 1] != page->offsets[i])
                return malformed(err, "a NULL has bytes");
    }
#undef NARROW
    *view = v;
    return FEAT_OK;
}

static void view_nulls(feat_block *b, const feat_block_page *p) {
    memset(b->validity, 0, sizeof b->validity);
    memset(b->page.as.ints, 0, sizeof b->page.as.ints);
    memset(b->page.offsets, 0, sizeof b->page.offsets);
    b->page.text = "";
    b->page.rows = p->rows;
}

feat_status feat_block_read(feat_block *b, size_t number, feat_column *view, feat_error *err) {
    const feat_block_page *p = &b->directory[number];
    const uint8_t *bytes;
    FEAT_TRY(feat_object_view(&b->object, p->at, (size_t)p->stored, &b->packed, &bytes, err));
    if (feat_hash64(bytes, (size_t)p->stored) != p->checksum)
        return feat_fail(err, FEAT_CORRUPT, "a page of a block fails its checksum; restore the store from a copy");
    if (p->codec == CODEC_ZSTD) {
        feat_buffer_clear(&b->raw);
        void *room = feat_buffer_extend(&b->raw, (size_t)p->raw);
        if (!room) return feat_fail_memory(err);
        FEAT_TRY(feat_codec_expand(bytes, (size_t)p->stored, room, (size_t)p->raw, err));
        bytes = room;
    }
    size_t size = (size_t)p->raw, skip = 0;
    if (p->nulls == p->rows) {
        if (size != 0) return malformed(err, "a page of NULLs has values");
        view_nulls(b, p);
        return view_page(b, p, view, err);
    }
    if (p->nulls > 0) {
        skip = feat_bitmap_size(p->rows);
        if (size < skip) return malformed(err, "a page is too short");
        memcpy(b->validity, bytes, skip);
        if (feat_bits_count(b->validity, 0, p->rows) != p->rows - p->nulls)
            return malformed(err, "the NULLs of a page do not add up");
    }
    b->page.type = b->type;
    b->page.rows = p->rows;
    FEAT_TRY(feat_decode(p->encoding, bytes + skip, size - skip, &b->page, err));
    return view_page(b, p, view, err);
}
