/* The unique index: runs of (hash of the key, row address), each sorted by hash and stored as an object: a header, the first hash of
 * each page, then the pages. A probe with sorted hashes reads only the pages that can hold them. Runs of similar size are merged, so
 * their number is logarithmic. Runs are immutable: an older version keeps the ones that it lists. */
#include <string.h>

#include "base/alloc.h"
#include "store/internal.h"

enum { ENTRY_SIZE = 20, PAGE_ENTRIES = 4096, RUN_HEADER = 12 };

static bool before(const feat_unique_entry *a, const feat_unique_entry *b) {
    if (a->hash != b->hash) return a->hash < b->hash;
    return a->segment != b->segment ? a->segment < b->segment : a->row < b->row;
}

feat_status feat_unique_sort(feat_unique_entry *entries, size_t n, feat_error *err) {
    bool sorted = true;
    for (size_t i = 1; i < n && sorted; i++) sorted = !before(&entries[i], &entries[i - 1]);
    if (sorted) return FEAT_OK;
    feat_unique_entry *other = feat_alloc_array(n, sizeof *other), *from = entries, *to = other;
    if (!other) return feat_fail_memory(err);
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t start = 0; start < n; start += 2 * width) {
            size_t mid = start + width < n ? start + width : n, end = start + 2 * width < n ? start + 2 * width : n, a = start, b = mid;
            for (size_t k = start; k < end; k++) to[k] = a < mid && (b >= end || !before(&from[b], &from[a])) ? from[a++] : from[b++];
        }
        feat_unique_entry *swap = from;
        from = to;
        to = swap;
    }
    if (from != entries) memcpy(entries, from, n * sizeof *entries);
    feat_free(other);
    return FEAT_OK;
}

feat_status feat_unique_write_run(feat_object_writer *w, const feat_unique_entry *entries, size_t n, feat_run *run, feat_error *err) {
    feat_buffer out;
    feat_buffer_init(&out);
    size_t pages = (n + PAGE_ENTRIES - 1) / PAGE_ENTRIES;
    feat_buffer_u64(&out, n);
    feat_buffer_u32(&out, (uint32_t)pages);
    for (size_t p = 0; p < pages; p++) feat_buffer_u64(&out, entries[p * PAGE_ENTRIES].hash);
    for (size_t i = 0; i < n; i++) {
        feat_buffer_u64(&out, entries[i].hash);
        feat_buffer_u64(&out, entries[i].segment);
        feat_buffer_u32(&out, entries[i].row);
    }
    run->entries = n;
    feat_status status = out.failed ? feat_fail_memory(err) : feat_object_put(w, out.data, out.size, &run->key, err);
    feat_buffer_done(&out);
    return status;
}

static feat_status corrupt(feat_error *err) { return feat_fail(err, FEAT_CORRUPT, "blocks: a run of the unique index is malformed"); }

static feat_unique_entry get_entry(feat_cursor *in) {
    feat_unique_entry e;
    e.hash = feat_cursor_u64(in);
    e.segment = feat_cursor_u64(in);
    e.row = feat_cursor_u32(in);
    return e;
}

static feat_status read_run(feat_env *env, MDB_txn *txn, const feat_run *run, feat_unique_entry *entries, feat_error *err) {
    feat_buffer bytes;
    feat_cursor in;
    feat_buffer_init(&bytes);
    size_t pages = (run->entries + PAGE_ENTRIES - 1) / PAGE_ENTRIES;
    feat_status status = feat_object_read_all(env, txn, &run->key, &bytes, err);
    if (status == FEAT_OK && bytes.size != RUN_HEADER + pages * 8 + run->entries * ENTRY_SIZE) status = corrupt(err);
    if (status == FEAT_OK) {
        feat_cursor_init(&in, bytes.data, bytes.size);
        feat_cursor_bytes(&in, RUN_HEADER + pages * 8);
        for (size_t i = 0; i < run->entries; i++) entries[i] = get_entry(&in);
    }
    feat_buffer_done(&bytes);
    return status;
}

static feat_status merge_last_two(feat_object_writer *w, feat_manifest *m, feat_error *err) {
    feat_run *a = &m->runs[m->n_runs - 2], *b = &m->runs[m->n_runs - 1];
    feat_unique_entry *entries = feat_alloc_array(a->entries + b->entries, sizeof *entries);
    if (!entries) return feat_fail_memory(err);
    feat_run merged = {{{0}}, 0};
    feat_status status = FEAT_OK;
    if (!w->txn) status = feat_env_begin(w->env, true, &w->txn, err); /* sees what this writer has put */
    if (status == FEAT_OK) status = read_run(w->env, w->txn, a, entries, err);
    if (status == FEAT_OK) status = read_run(w->env, w->txn, b, entries + a->entries, err);
    if (status == FEAT_OK) status = feat_unique_sort(entries, a->entries + b->entries, err);
    if (status == FEAT_OK) status = feat_unique_write_run(w, entries, a->entries + b->entries, &merged, err);
    if (status == FEAT_OK) {
        *a = merged;
        m->n_runs--;
    }
    feat_free(entries);
    return status;
}

feat_status feat_unique_compact(feat_object_writer *w, feat_manifest *m, feat_error *err) {
    while (m->n_runs >= 2 && m->runs[m->n_runs - 1].entries >= m->runs[m->n_runs - 2].entries / 2) FEAT_TRY(merge_last_two(w, m, err));
    return FEAT_OK;
}

/* ---- Probing. ---- */

static feat_status add_hit(feat_unique_hits *hits, size_t probe, const feat_unique_entry *e, feat_error *err) {
    if (FEAT_GROW(hits->items, hits->capacity, hits->n + 1) != 0) return feat_fail_memory(err);
    hits->items[hits->n++] = (feat_unique_hit){probe, {e->segment, e->row}};
    return FEAT_OK;
}

feat_status feat_unique_probe_entries(const feat_unique_entry *entries, size_t n_entries, const uint64_t *hashes, size_t n, feat_unique_hits *hits,
                                      feat_error *err) {
    size_t at = 0;
    for (size_t i = 0; i < n && at < n_entries; i++) {
        if (entries[at].hash < hashes[i]) { /* gallop: few probes into many entries, and the reverse, are both cheap */
            size_t step = 1, low = at;
            while (low + step < n_entries && entries[low + step].hash < hashes[i]) {
                low += step;
                step *= 2;
            }
            size_t high = low + step < n_entries ? low + step : n_entries;
            while (low < high) {
                size_t mid = low + (high - low) / 2;
                if (entries[mid].hash < hashes[i]) low = mid + 1;
                else high = mid;
            }
            at = low;
        }
        for (size_t k = at; k < n_entries && entries[k].hash == hashes[i]; k++) FEAT_TRY(add_hit(hits, i, &entries[k], err));
    }
    return FEAT_OK;
}

feat_status feat_unique_probe_run(feat_env *env, MDB_txn *txn, const feat_run *run, const uint64_t *hashes, size_t n, feat_unique_hits *hits,
                                  feat_error *err) {
    size_t pages = (run->entries + PAGE_ENTRIES - 1) / PAGE_ENTRIES;
    feat_buffer fences, bytes;
    feat_buffer_init(&fences);
    feat_buffer_init(&bytes);
    feat_unique_entry *entries = feat_alloc_array(PAGE_ENTRIES, sizeof *entries);
    uint64_t *first = feat_alloc_array(pages, sizeof *first);
    feat_status status = entries && first ? FEAT_OK : feat_fail_memory(err);
    if (status == FEAT_OK) status = feat_object_read(env, txn, &run->key, RUN_HEADER, pages * 8, &fences, err);
    feat_cursor in;
    feat_cursor_init(&in, fences.data, fences.size);
    for (size_t p = 0; status == FEAT_OK && p < pages; p++) first[p] = feat_cursor_u64(&in);
    size_t i = 0;
    for (size_t p = 0; status == FEAT_OK && p < pages; p++) {
        /* Hashes that can lie in page p: above its first, or equal, and not above the next page's first. */
        while (i < n && hashes[i] < first[p]) i++;
        size_t end = i;
        while (end < n && (p + 1 == pages || hashes[end] <= first[p + 1])) end++;
        if (end == i) continue;
        size_t count = run->entries - p * PAGE_ENTRIES < PAGE_ENTRIES ? run->entries - p * PAGE_ENTRIES : PAGE_ENTRIES;
        feat_buffer_clear(&bytes);
        status = feat_object_read(env, txn, &run->key, RUN_HEADER + pages * 8 + (uint64_t)p * PAGE_ENTRIES * ENTRY_SIZE, count * ENTRY_SIZE, &bytes, err);
        if (status != FEAT_OK) break;
        feat_cursor_init(&in, bytes.data, bytes.size);
        for (size_t k = 0; k < count; k++) entries[k] = get_entry(&in);
        size_t before_hits = hits->n;
        status = feat_unique_probe_entries(entries, count, hashes + i, end - i, hits, err);
        for (size_t k = before_hits; k < hits->n; k++) hits->items[k].probe += i;
        while (i < end && (p + 1 == pages || hashes[i] < first[p + 1])) i++;
    }
    feat_free(entries);
    feat_free(first);
    feat_buffer_done(&fences);
    feat_buffer_done(&bytes);
    return status;
}
