#include "store/unique.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"

#define RUN_VERSION  1
#define PAGE_ENTRIES 4096
#define RUN_HEADER   32
#define FENCE_SIZE   32

/* ---- Sorting: a byte at a time, lowest first; bytes that all hashes share are passed over. ---- */

void feat_unique_sort(feat_unique_entry *entries, feat_unique_entry *work, size_t n) {
    if (n < 16) { /* as single rows have them: counting would cost more than they do */
        for (size_t i = 1; i < n; i++) {
            feat_unique_entry e = entries[i];
            size_t at = i;
            for (; at > 0 && entries[at - 1].hash > e.hash; at--) entries[at] = entries[at - 1];
            entries[at] = e;
        }
        return;
    }
    feat_unique_entry *from = entries, *to = work;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        size_t places[257] = {0};
        for (size_t i = 0; i < n; i++) places[(from[i].hash >> shift & 255) + 1]++;
        bool shared = false;
        for (size_t b = 0; b < 256; b++) shared = shared || places[b + 1] == n;
        if (shared) continue;
        for (size_t b = 0; b < 256; b++) places[b + 1] += places[b];
        for (size_t i = 0; i < n; i++) to[places[from[i].hash >> shift & 255]++] = from[i];
        feat_unique_entry *swap = from;
        from = to;
        to = swap;
    }
    if (from != entries && n > 0) memcpy(entries, from, n * sizeof *entries);
}

static bool before(const feat_unique_entry *a, const feat_unique_entry *b) {
    if (a->hash != b->hash) return a->hash < b->hash;
    if (a->segment != b->segment) return a->segment < b->segment;
    return a->row < b->row;
}

/* ---- Pending entries. ---- */

void feat_unique_pending_done(feat_unique_pending *p) {
    for (size_t i = 0; i < p->n; i++) feat_free(p->arrays[i].entries);
    feat_free(p->arrays);
    *p = (feat_unique_pending){0};
}

size_t feat_unique_pending_size(const feat_unique_pending *p) {
    size_t total = 0;
    for (size_t i = 0; i < p->n; i++) total += p->arrays[i].n;
    return total;
}

static feat_status merge_last_two(feat_unique_pending *p, feat_error *err) {
    feat_unique_array *a = &p->arrays[p->n - 2], *b = &p->arrays[p->n - 1];
    feat_unique_entry *merged = feat_alloc_array(a->n + b->n, sizeof *merged);
    if (!merged) return feat_fail_memory(err);
    for (size_t i = 0, j = 0, k = 0; k < a->n + b->n; k++)
        merged[k] =
            j == b->n || (i < a->n && before(&a->entries[i], &b->entries[j])) ? a->entries[i++] : b->entries[j++];
    feat_free(a->entries);
    feat_free(b->entries);
    *a = (feat_unique_array){merged, a->n + b->n};
    p->n--;
    return FEAT_OK;
}

feat_status feat_unique_pending_add(feat_unique_pending *p, feat_unique_entry *entries, size_t n, feat_error *err) {
    if (n == 0 || FEAT_GROW(p->arrays, p->capacity, p->n + 1) != 0) {
        feat_free(entries);
        return n == 0 ? FEAT_OK : feat_fail_memory(err);
    }
    p->arrays[p->n++] = (feat_unique_array){entries, n};
    while (p->n >= 2 && p->arrays[p->n - 1].n >= p->arrays[p->n - 2].n / 2) FEAT_TRY(merge_last_two(p, err));
    return FEAT_OK;
}

/* ---- Hits. ---- */

static feat_status add_hit(feat_unique_hits *hits, size_t probe, const feat_unique_entry *e, feat_error *err) {
    if (FEAT_GROW(hits->entries, hits->capacity, hits->n + 1) != 0) return feat_fail_memory(err);
    hits->entries[hits->n++] = (feat_unique_entry){probe, e->segment, e->row};
    return FEAT_OK;
}

/* First entry of the sorted entries whose hash is not below `hash`. */
static size_t lower_bound(const feat_unique_entry *entries, size_t n, uint64_t hash) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entries[middle].hash < hash) low = middle + 1;
        else high = middle;
    }
    return low;
}

static feat_status probe_entries(const feat_unique_entry *entries, size_t n, uint64_t hash, size_t probe,
                                 feat_unique_hits *hits, feat_error *err) {
    for (size_t i = lower_bound(entries, n, hash); i < n && entries[i].hash == hash; i++)
        FEAT_TRY(add_hit(hits, probe, &entries[i], err));
    return FEAT_OK;
}

feat_status feat_unique_probe_pending(const feat_unique_pending *p, const uint64_t *hashes, size_t n,
                                      feat_unique_hits *hits, feat_error *err) {
    for (size_t a = 0; a < p->n; a++)
        for (size_t i = 0; i < n; i++)
            FEAT_TRY(probe_entries(p->arrays[a].entries, p->arrays[a].n, hashes[i], i, hits, err));
    return FEAT_OK;
}

/* ---- Writing a run. Its body is one object of pages, its header another with the fences, so that the body streams.
 * ---- */

typedef struct builder {
    feat_object_stream body;
    feat_buffer fences, page;
    feat_unique_entry entries[PAGE_ENTRIES];
    size_t n;
    uint64_t total;
} builder;

static builder *builder_new(feat_object_writer *w) {
    builder *b = feat_alloc_zero(1, sizeof *b);
    if (b) feat_object_stream_init(&b->body, w);
    return b;
}

static void builder_free(builder *b) {
    feat_object_stream_done(&b->body);
    feat_buffer_done(&b->fences);
    feat_buffer_done(&b->page);
    feat_free(b);
}

static unsigned bytes_for(uint64_t v) {
    unsigned n = 0;
    while (n < 8 && v >> (8 * n)) n++;
    return n;
}

static void put_narrow(feat_buffer *out, uint64_t v, unsigned bytes) {
    uint8_t p[8];
    for (unsigned i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> (8 * i));
    feat_buffer_append(out, p, bytes);
}

/* A page: u8 width of hash differences, u8 width of segments, u64 least segment; differences of each hash to the one
 * before (of the first: to the fence, so 0); segments less the least one; rows in u16. */
static feat_status flush_page(builder *b, feat_error *err) {
    if (b->n == 0) return FEAT_OK;
    uint64_t step = 0, least = UINT64_MAX, most = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (i > 0) step |= b->entries[i].hash - b->entries[i - 1].hash;
        if (b->entries[i].segment < least) least = b->entries[i].segment;
        if (b->entries[i].segment > most) most = b->entries[i].segment;
    }
    unsigned hash_width = bytes_for(step), segment_width = bytes_for(most - least);
    feat_buffer_clear(&b->page);
    feat_buffer_byte(&b->page, (uint8_t)hash_width);
    feat_buffer_byte(&b->page, (uint8_t)segment_width);
    feat_buffer_u64(&b->page, least);
    for (size_t i = 0; i < b->n; i++)
        put_narrow(&b->page, i ? b->entries[i].hash - b->entries[i - 1].hash : 0, hash_width);
    for (size_t i = 0; i < b->n; i++) put_narrow(&b->page, b->entries[i].segment - least, segment_width);
    for (size_t i = 0; i < b->n; i++) put_narrow(&b->page, b->entries[i].row, 2);
    if (b->page.failed) return feat_fail_memory(err);
    feat_buffer_u64(&b->fences, b->entries[0].hash);
    feat_buffer_u32(&b->fences, (uint32_t)b->n);
    feat_buffer_u32(&b->fences, (uint32_t)b->page.size);
    feat_buffer_u64(&b->fences, b->body.size);
    feat_buffer_u64(&b->fences, feat_hash64(b->page.data, b->page.size));
    if (b->fences.failed) return feat_fail_memory(err);
    FEAT_TRY(feat_object_stream_append(&b->body, b->page.data, b->page.size, err));
    b->total += b->n;
    b->n = 0;
    return FEAT_OK;
}

static feat_status builder_add(builder *b, const feat_unique_entry *e, feat_error *err) {
    b->entries[b->n++] = *e;
    return b->n == PAGE_ENTRIES ? flush_page(b, err) : FEAT_OK;
}

/* A header: u8 version, 3 zeros, u32 pages, u64 entries, key of the body; for each page its fence: u64 first hash, u32
 * entries, u32 bytes, u64 place in the body, u64 XXH3-64 of the bytes. */
static feat_status builder_finish(builder *b, feat_run *run, feat_error *err) {
    FEAT_TRY(flush_page(b, err));
    feat_digest body;
    FEAT_TRY(feat_object_stream_finish(&b->body, &body, err));
    feat_buffer header;
    feat_buffer_init(&header);
    feat_buffer_append(&header, (const uint8_t[]){RUN_VERSION, 0, 0, 0}, 4);
    feat_buffer_u32(&header, (uint32_t)(b->fences.size / FENCE_SIZE));
    feat_buffer_u64(&header, b->total);
    feat_buffer_append(&header, body.bytes, sizeof body.bytes);
    feat_buffer_append(&header, b->fences.data, b->fences.size);
    feat_status status =
        header.failed ? feat_fail_memory(err) : feat_object_put(b->body.w, header.data, header.size, &run->key, err);
    run->entries = b->total;
    feat_buffer_done(&header);
    return status;
}

/* ---- Reading a run. ---- */

typedef struct reader {
    feat_digest body_key;
    feat_buffer header, scratch;
    size_t n_pages;
    const uint8_t *fences;
    feat_unique_entry entries[PAGE_ENTRIES];
    size_t page, n; /* the page in `entries`; SIZE_MAX: none */
} reader;

static void reader_free(reader *r) {
    if (!r) return;
    feat_buffer_done(&r->header);
    feat_buffer_done(&r->scratch);
    feat_free(r);
}

static feat_status malformed(feat_error *err) {
    return feat_fail(err, FEAT_CORRUPT, "a run of the unique index is malformed; restore the store from a copy");
}

static uint64_t load(const uint8_t *p, unsigned bytes) {
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static uint64_t fence_hash(const reader *r, size_t page) { return load(r->fences + page * FENCE_SIZE, 8); }
static size_t fence_entries(const reader *r, size_t page) { return (size_t)load(r->fences + page * FENCE_SIZE + 8, 4); }

static feat_status reader_fill(reader *r, feat_env *env, MDB_txn *txn, const feat_run *run, feat_error *err) {
    feat_object object;
    FEAT_TRY(feat_object_open(env, txn, &run->key, "unique index", &object, err));
    if (object.size < RUN_HEADER || object.size > SIZE_MAX) return malformed(err);
    void *room = feat_buffer_extend(&r->header, (size_t)object.size);
    if (!room) return feat_fail_memory(err);
    FEAT_TRY(feat_object_read(&object, 0, (size_t)object.size, room, err));
    const uint8_t *p = room;
    r->n_pages = (size_t)load(p + 4, 4);
    memcpy(r->body_key.bytes, p + 16, sizeof r->body_key.bytes);
    r->fences = p + RUN_HEADER;
    if (p[0] != RUN_VERSION || object.size != RUN_HEADER + (uint64_t)r->n_pages * FENCE_SIZE ||
        load(p + 8, 8) != run->entries)
        return malformed(err);
    uint64_t total = 0;
    for (size_t i = 0; i < r->n_pages; i++) {
        size_t n = fence_entries(r, i);
        if (n == 0 || n > PAGE_ENTRIES || (i > 0 && fence_hash(r, i) < fence_hash(r, i - 1))) return malformed(err);
        total += n;
    }
    return total == run->entries ? FEAT_OK : malformed(err);
}

feat_status feat_unique_body(feat_env *env, MDB_txn *txn, const feat_run *run, feat_digest *body, feat_error *err) {
    uint8_t header[RUN_HEADER];
    feat_object object;
    FEAT_TRY(feat_object_open(env, txn, &run->key, "unique index", &object, err));
    if (object.size < RUN_HEADER) return malformed(err);
    FEAT_TRY(feat_object_read(&object, 0, RUN_HEADER, header, err));
    if (header[0] != RUN_VERSION) return malformed(err);
    memcpy(body->bytes, header + 16, sizeof body->bytes);
    return FEAT_OK;
}

static feat_status reader_open(feat_env *env, MDB_txn *txn, const feat_run *run, reader **out, feat_error *err) {
    reader *r = feat_alloc_zero(1, sizeof *r);
    if (!r) return feat_fail_memory(err);
    r->page = SIZE_MAX;
    feat_status status = reader_fill(r, env, txn, run, err);
    if (status == FEAT_OK) *out = r;
    else reader_free(r);
    return status;
}

static feat_status decode_page(reader *r, size_t page, const uint8_t *p, size_t size, feat_error *err) {
    size_t n = fence_entries(r, page);
    if (size < 10) return malformed(err);
    unsigned hash_width = p[0], segment_width = p[1];
    uint64_t least = load(p + 2, 8), hash = fence_hash(r, page);
    if (hash_width > 8 || segment_width > 8 || size != 10 + n * (hash_width + segment_width + 2)) return malformed(err);
    const uint8_t *hashes = p + 10, *segments = hashes + n * hash_width, *rows = segments + n * segment_width;
    for (size_t i = 0; i < n; i++) {
        uint64_t step = load(hashes + i * hash_width, hash_width);
        if (hash + step < hash) return malformed(err);
        hash += step;
        r->entries[i] = (feat_unique_entry){hash, least + load(segments + i * segment_width, segment_width),
                                            (uint32_t)load(rows + 2 * i, 2)};
    }
    r->page = page;
    r->n = n;
    return FEAT_OK;
}

static feat_status reader_load(reader *r, feat_object *body, size_t page, feat_error *err) {
    if (r->page == page) return FEAT_OK;
    const uint8_t *fence = r->fences + page * FENCE_SIZE, *bytes;
    size_t size = (size_t)load(fence + 12, 4);
    r->page = SIZE_MAX;
    FEAT_TRY(feat_object_view(body, load(fence + 16, 8), size, &r->scratch, &bytes, err));
    if (feat_hash64(bytes, size) != load(fence + 24, 8))
        return feat_fail(err, FEAT_CORRUPT,
                         "a page of the unique index fails its checksum; restore the store from a copy");
    return decode_page(r, page, bytes, size, err);
}

/* First page whose first hash is not below `hash`. */
static size_t fence_bound(const reader *r, uint64_t hash) {
    size_t low = 0, high = r->n_pages;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (fence_hash(r, middle) < hash) low = middle + 1;
        else high = middle;
    }
    return low;
}

feat_status feat_unique_probe_run(feat_env *env, MDB_txn *txn, const feat_run *run, const uint64_t *hashes, size_t n,
                                  feat_unique_hits *hits, feat_error *err) {
    if (run->entries == 0 || n == 0) return FEAT_OK;
    reader *r;
    feat_object body;
    FEAT_TRY(reader_open(env, txn, run, &r, err));
    feat_status status = feat_object_open(env, txn, &r->body_key, "unique index", &body, err);
    for (size_t i = 0; i < n && status == FEAT_OK; i++) {
        /* Entries of this hash may start at the end of the page before the fence, and go on over several. */
        size_t bound = fence_bound(r, hashes[i]), page = bound > 0 ? bound - 1 : 0;
        for (; page < r->n_pages && status == FEAT_OK && (page < bound || fence_hash(r, page) == hashes[i]); page++) {
            status = reader_load(r, &body, page, err);
            if (status == FEAT_OK) status = probe_entries(r->entries, r->n, hashes[i], i, hits, err);
        }
    }
    reader_free(r);
    return status;
}

feat_status feat_unique_walk(feat_env *env, MDB_txn *txn, const feat_run *run, feat_unique_visit *visit, void *context,
                             feat_error *err) {
    reader *r;
    feat_object body;
    FEAT_TRY(reader_open(env, txn, run, &r, err));
    feat_status status = feat_object_open(env, txn, &r->body_key, "unique index", &body, err);
    for (size_t page = 0; page < r->n_pages && status == FEAT_OK; page++) {
        status = reader_load(r, &body, page, err);
        if (status == FEAT_OK) status = visit(context, r->entries, r->n, err);
    }
    reader_free(r);
    return status;
}

/* ---- Merging. ---- */

typedef struct source {
    const feat_unique_entry *entries; /* at hand */
    size_t n, at;
    reader *stored; /* NULL: an array */
    size_t next_page;
} source;

/* Makes sure that an entry is at hand, if there is one left. Pages are read through a transaction of their own each
 * time: the writer's may be committed between two of them. */
static feat_status source_refill(source *s, feat_object_writer *w, feat_error *err) {
    if (s->at < s->n || !s->stored || s->next_page == s->stored->n_pages) return FEAT_OK;
    MDB_txn *txn, *own;
    feat_object body;
    FEAT_TRY(feat_object_writer_txn(w, &txn, &own, err));
    feat_status status = feat_object_open(w->env, txn, &s->stored->body_key, "unique index", &body, err);
    if (status == FEAT_OK) status = reader_load(s->stored, &body, s->next_page, err);
    if (own) feat_env_abort(own);
    if (status != FEAT_OK) return status;
    s->next_page++;
    s->entries = s->stored->entries;
    s->n = s->stored->n;
    s->at = 0;
    return FEAT_OK;
}

static bool is_dead(const feat_manifest *m, const feat_unique_entry *e) {
    size_t i = feat_manifest_find(m, e->segment);
    if (i == SIZE_MAX) return true; /* of no segment of this version: never visible in it or after it */
    const feat_segment *s = &m->segments[i];
    return s->deleted > 0 && s->bitmap && feat_bit_get(s->bitmap, e->row);
}

static feat_status merge_sources(source *sources, size_t n, const feat_manifest *m, feat_object_writer *w,
                                 feat_run *run, feat_error *err) {
    builder *b = builder_new(w);
    if (!b) return feat_fail_memory(err);
    feat_status status = FEAT_OK;
    for (;;) {
        source *least = NULL;
        for (size_t i = 0; i < n && status == FEAT_OK; i++) {
            status = source_refill(&sources[i], w, err);
            if (status != FEAT_OK || sources[i].at == sources[i].n) continue;
            if (!least || before(&sources[i].entries[sources[i].at], &least->entries[least->at])) least = &sources[i];
        }
        if (status != FEAT_OK || !least) break;
        const feat_unique_entry *e = &least->entries[least->at++];
        if (!is_dead(m, e)) status = builder_add(b, e, err);
        if (status != FEAT_OK) break;
    }
    if (status == FEAT_OK) status = builder_finish(b, run, err);
    builder_free(b);
    return status;
}

static feat_status merge_newest(feat_unique_pending *p, feat_manifest *m, size_t width, feat_object_writer *w,
                                feat_error *err) {
    size_t n = 0;
    source *sources = feat_alloc_zero(width + p->n, sizeof *sources);
    if (!sources) return feat_fail_memory(err);
    feat_status status = FEAT_OK;
    for (size_t i = m->n_runs - width; i < m->n_runs && status == FEAT_OK; i++) {
        MDB_txn *txn, *own;
        status = feat_object_writer_txn(w, &txn, &own, err);
        if (status != FEAT_OK) break;
        status = reader_open(w->env, txn, &m->runs[i], &sources[n].stored, err);
        if (own) feat_env_abort(own);
        if (status == FEAT_OK) n++;
    }
    for (size_t i = 0; i < p->n && status == FEAT_OK; i++)
        sources[n++] = (source){.entries = p->arrays[i].entries, .n = p->arrays[i].n};
    feat_run run = {.entries = 0};
    if (status == FEAT_OK) status = merge_sources(sources, n, m, w, &run, err);
    for (size_t i = 0; i < n; i++) reader_free(sources[i].stored);
    feat_free(sources);
    if (status != FEAT_OK) return status;
    m->n_runs -= width;
    feat_unique_pending_done(p);
    return run.entries > 0 ? feat_manifest_add_run(m, run, err) : FEAT_OK;
}

feat_status feat_unique_spill(feat_unique_pending *p, feat_manifest *m, feat_object_writer *w, feat_error *err) {
    return p->n > 0 ? merge_newest(p, m, 0, w, err) : FEAT_OK;
}

/* The oldest run that is not more than twice all that is newer decides, so that after the merge each run is, also where
 * a spill has left a large one behind small ones. */
size_t feat_unique_merge_width(const feat_unique_pending *p, const feat_manifest *m) {
    uint64_t newer = feat_unique_pending_size(p);
    size_t width = 0;
    for (size_t i = 1; newer > 0 && i <= m->n_runs; i++) {
        uint64_t entries = m->runs[m->n_runs - i].entries;
        if (newer >= entries / 2) width = i;
        newer += entries;
    }
    return width;
}

feat_status feat_unique_merge(feat_unique_pending *p, feat_manifest *m, feat_object_writer *w, feat_error *err) {
    return p->n > 0 ? merge_newest(p, m, feat_unique_merge_width(p, m), w, err) : FEAT_OK;
}

feat_status feat_unique_check_run(feat_env *env, MDB_txn *txn, const feat_run *run, feat_error *err) {
    if (run->entries == 0) return malformed(err);
    reader *r;
    feat_object body;
    feat_unique_entry last = {0};
    uint64_t n = 0;
    FEAT_TRY(reader_open(env, txn, run, &r, err));
    feat_status status = feat_object_open(env, txn, &r->body_key, "unique index", &body, err);
    for (size_t page = 0; page < r->n_pages && status == FEAT_OK; page++) {
        status = reader_load(r, &body, page, err);
        for (size_t i = 0; i < r->n && status == FEAT_OK; i++) {
            if (n++ > 0 && !before(&last, &r->entries[i])) status = malformed(err);
            last = r->entries[i];
        }
    }
    if (status == FEAT_OK && n != run->entries) status = malformed(err);
    reader_free(r);
    return status;
}
