#include "engine/partitions.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "base/spill.h"
#include "exec/cell.h"
#include "exec/events.h"

/* So many events are dealt at once. */
enum { STAGED_EVENTS = 16384 };
/* Without a bound of memory, so many partitions for each thread even out what they cost. */
enum { PARTS_A_THREAD = 8 };
/* Partitions are not cut smaller than this for the sake of memory, and are at most so many; what is then still too
 * large is taken in slices. */
enum { LEAST_PART = 65536, MOST_PARTS = 1024 };

/* Events of one partition that wait in the file. */
typedef struct chunk {
    feat_spilled piece;
    size_t next; /* of the same partition, + 1 */
} chunk;

/* What one thread has projected. */
typedef struct dealer {
    feat_partitions *of;
    feat_entity_events staged, *parts;
    uint64_t held, *bytes; /* in memory; of each partition, wherever it is */
    chunk *chunks;
    size_t n_chunks, chunks_capacity, *heads; /* by partition: its newest chunk, + 1 */
    uint32_t *order, *starts;
    size_t order_capacity;
    feat_buffer packed;
} dealer;

/* What is taken at once: a partition, or a slice of the keys of one that is too large. */
typedef struct slice {
    uint32_t part, first, end; /* keys [first, end) */
    bool whole;
} slice;

struct feat_partitions {
    const feat_answering *how;
    const feat_block *block;
    feat_keymap *keys;
    size_t n, each; /* partitions; keys of each */
    size_t n_dealers;
    dealer *dealers;
    uint64_t limit; /* of what a dealer holds; 0: none */
    pthread_mutex_t lock;
    feat_spill *spill; /* made when it is first needed */
    slice *slices;
    size_t n_slices, slices_capacity;
};

/* ---- Sizes. ---- */

/* Bytes that an event takes beside texts: its values, its number, and its place in the order. */
static size_t event_bytes(const feat_partitions *p) {
    const feat_block *block = p->block;
    size_t bytes = sizeof(int64_t) + 3 * sizeof(uint32_t) + (p->how->lives ? sizeof(feat_lifetime) : 0);
    for (size_t s = 0; s < block->n_slots; s++) bytes += 1 + feat_class_size(feat_class_of(block->slots[s]));
    return bytes + 16 * block->branches[0].n_ties;
}

static uint64_t text_bytes(const feat_events *events, const uint32_t *numbers, size_t n) {
    uint64_t bytes = 0;
    for (size_t s = 0; s < events->n_slots; s++) {
        const feat_text *texts = events->slots[s].values;
        for (size_t i = 0; events->slots[s].class == FEAT_CLASS_T && i < n; i++) bytes += texts[numbers[i]].length;
    }
    for (size_t k = 0; k < events->n_ties; k++) {
        const int64_t *offsets = events->ties[k].offsets;
        for (size_t i = 0; offsets && i < n; i++) bytes += (uint64_t)(offsets[numbers[i] + 1] - offsets[numbers[i]]);
    }
    return bytes;
}

static feat_status count_rows(const feat_partitions *p, uint64_t *rows, size_t *segments, feat_error *err) {
    *rows = *segments = 0;
    for (size_t b = 0; b < p->block->n_branches; b++) {
        if (p->how->lives) {
            *rows += p->how->lives[b].rows;
            *segments += p->how->lives[b].n;
            continue;
        }
        feat_table_version *tv;
        FEAT_TRY(feat_table_open(p->how->db, p->block->branches[b].table, p->how->version, &tv, err));
        *rows += (uint64_t)feat_table_rows(tv);
        *segments += feat_table_segments(tv);
        feat_table_close(tv);
    }
    return FEAT_OK;
}

static bool is_enriched(const feat_block *block) {
    for (size_t b = 0; b < block->n_branches; b++)
        if (block->branches[b].stage.code->n_joins) return true;
    return false;
}

/* Of what a thread works on at once. */
static uint64_t part_memory(const feat_partitions *p) {
    uint64_t most = p->how->memory / 2 / p->how->threads;
    return p->how->memory == 0 ? UINT64_MAX : most < LEAST_PART ? LEAST_PART : most;
}

static feat_status choose_parts(feat_partitions *p, feat_error *err) {
    uint64_t rows, wanted = 1;
    size_t segments, threads = p->how->threads;
    FEAT_TRY(count_rows(p, &rows, &segments, err));
    if (threads > 1 && rows > STAGED_EVENTS) wanted = threads * PARTS_A_THREAD;
    uint64_t fit = rows * event_bytes(p) / part_memory(p) + 1;
    if (fit > wanted) wanted = fit;
    if (wanted > MOST_PARTS) wanted = MOST_PARTS;
    if (wanted > p->keys->n) wanted = p->keys->n ? p->keys->n : 1;
    p->each = (p->keys->n + wanted - 1) / wanted;
    if (p->each == 0) p->each = 1;
    p->n = (p->keys->n + p->each - 1) / p->each;
    /* What rows are enriched with is read for many of them at once, by threads of its own. */
    p->n_dealers = is_enriched(p->block) ? 1 : threads < segments ? threads : segments;
    if (p->n_dealers == 0) p->n_dealers = 1;
    p->limit = p->how->memory ? p->how->memory / 2 / p->n_dealers + 1 : 0;
    return FEAT_OK;
}

/* ---- Dealing. ---- */

static feat_status open_spill(feat_partitions *p, feat_error *err) {
    const char *directory = p->how->spill_directory ? p->how->spill_directory : feat_db_path(p->how->db);
    feat_status status = FEAT_OK;
    pthread_mutex_lock(&p->lock);
    if (!p->spill) status = feat_spill_open(directory, &p->spill, err);
    pthread_mutex_unlock(&p->lock);
    return status;
}

static feat_status spill_part(dealer *d, size_t part, feat_error *err) {
    feat_entity_events *from = &d->parts[part];
    uint64_t n[2] = {from->events.n, from->life != NULL};
    if (n[0] == 0) return FEAT_OK;
    feat_buffer_clear(&d->packed);
    feat_buffer_append(&d->packed, n, sizeof n);
    size_t size = from->events.n * sizeof *from->entity;
    void *numbers = feat_buffer_extend(&d->packed, (size + 15) / 16 * 16);
    if (numbers) memcpy(numbers, from->entity, size);
    size = from->events.n * sizeof *from->life;
    void *life = from->life ? feat_buffer_extend(&d->packed, (size + 15) / 16 * 16) : NULL;
    if (life) memcpy(life, from->life, size);
    feat_events_pack(&from->events, &d->packed);
    if (d->packed.failed || FEAT_GROW(d->chunks, d->chunks_capacity, d->n_chunks + 1) != 0)
        return feat_fail_memory(err);
    chunk *c = &d->chunks[d->n_chunks];
    c->next = d->heads[part];
    FEAT_TRY(feat_spill_write(d->of->spill, d->packed.data, d->packed.size, &c->piece, err));
    d->heads[part] = ++d->n_chunks;
    feat_events_clear(&from->events);
    return FEAT_OK;
}

static feat_status spill_all(dealer *d, feat_error *err) {
    FEAT_TRY(open_spill(d->of, err));
    for (size_t part = 0; part < d->of->n; part++) FEAT_TRY(spill_part(d, part, err));
    d->held = 0;
    return FEAT_OK;
}

static feat_status deal_part(dealer *d, size_t part, const uint32_t *numbers, size_t n, feat_error *err) {
    feat_entity_events *to = &d->parts[part];
    size_t before = to->events.n;
    if (n == 0) return FEAT_OK;
    if (FEAT_GROW(to->entity, to->entity_capacity, before + n) != 0) return feat_fail_memory(err);
    FEAT_TRY(feat_events_gather(&to->events, &d->staged.events, numbers, n, err));
    for (size_t i = 0; i < n; i++) to->entity[before + i] = d->staged.entity[numbers[i]];
    if (d->staged.life && FEAT_GROW(to->life, to->life_capacity, before + n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; d->staged.life && i < n; i++) to->life[before + i] = d->staged.life[numbers[i]];
    uint64_t bytes = n * event_bytes(d->of) + text_bytes(&d->staged.events, numbers, n);
    d->bytes[part] += bytes;
    d->held += bytes;
    return FEAT_OK;
}

static feat_status deal(dealer *d, feat_error *err) {
    size_t n = d->staged.events.n, parts = d->of->n, each = d->of->each;
    if (FEAT_GROW(d->order, d->order_capacity, n) != 0) return feat_fail_memory(err);
    memset(d->starts, 0, (parts + 2) * sizeof *d->starts);
    for (size_t i = 0; i < n; i++) d->starts[d->staged.entity[i] / each + 2]++;
    for (size_t k = 2; k < parts + 2; k++) d->starts[k] += d->starts[k - 1];
    for (size_t i = 0; i < n; i++) d->order[d->starts[d->staged.entity[i] / each + 1]++] = (uint32_t)i;
    for (size_t k = 0; k < parts; k++)
        FEAT_TRY(deal_part(d, k, d->order + d->starts[k], d->starts[k + 1] - d->starts[k], err));
    feat_events_clear(&d->staged.events);
    return d->of->limit && d->held > d->of->limit ? spill_all(d, err) : FEAT_OK;
}

static feat_status staged(void *context, feat_error *err) {
    dealer *d = context;
    return d->staged.events.n >= STAGED_EVENTS ? deal(d, err) : FEAT_OK;
}

static feat_status dealer_init(dealer *d, feat_partitions *p, feat_error *err) {
    d->of = p;
    feat_buffer_init(&d->packed);
    d->parts = feat_alloc_zero(p->n, sizeof *d->parts);
    d->bytes = feat_alloc_zero(p->n, sizeof *d->bytes);
    d->heads = feat_alloc_zero(p->n, sizeof *d->heads);
    d->starts = feat_alloc_array(p->n + 2, sizeof *d->starts);
    if (!d->parts || !d->bytes || !d->heads || !d->starts) return feat_fail_memory(err);
    FEAT_TRY(feat_entity_events_init(&d->staged, p->block, err));
    for (size_t k = 0; k < p->n; k++) FEAT_TRY(feat_entity_events_init(&d->parts[k], p->block, err));
    return FEAT_OK;
}

static void dealer_done(dealer *d) {
    for (size_t k = 0; d->parts && k < d->of->n; k++) feat_entity_events_done(&d->parts[k]);
    feat_entity_events_done(&d->staged);
    feat_free(d->parts);
    feat_free(d->bytes);
    feat_free(d->heads);
    feat_free(d->starts);
    feat_free(d->chunks);
    feat_free(d->order);
    feat_buffer_done(&d->packed);
}

static feat_status deal_share(void *context, size_t share, feat_error *err) {
    feat_partitions *p = context;
    dealer *d = &p->dealers[share];
    feat_answering how = *p->how;
    if (p->n_dealers > 1) how.threads = 1;
    FEAT_TRY(dealer_init(d, p, err));
    feat_projection projection = {.how = &how,
                                  .block = p->block,
                                  .map = p->keys,
                                  .share = share,
                                  .shares = p->n_dealers,
                                  .out = &d->staged,
                                  .taken = staged,
                                  .context = d};
    /* One partition that may grow needs no dealing. */
    bool direct = p->n == 1 && p->limit == 0;
    if (direct) {
        projection.out = &d->parts[0];
        projection.taken = NULL;
    }
    FEAT_TRY(feat_project(&projection, err));
    if (p->how->work) atomic_fetch_add(&p->how->work->rows_read, projection.out->rows_read);
    return direct ? FEAT_OK : deal(d, err);
}

/* ---- Taking. ---- */

static feat_status cut_slices(feat_partitions *p, feat_error *err) {
    for (size_t part = 0; part < p->n; part++) {
        uint64_t bytes = 0, most = part_memory(p);
        size_t first = part * p->each, end = first + p->each < p->keys->n ? first + p->each : p->keys->n;
        for (size_t d = 0; d < p->n_dealers; d++) bytes += p->dealers[d].bytes[part];
        uint64_t n = bytes / most + 1;
        if (n > end - first) n = end - first;
        for (uint64_t i = 0; i < n; i++) {
            if (FEAT_GROW(p->slices, p->slices_capacity, p->n_slices + 1) != 0) return feat_fail_memory(err);
            uint64_t keys = end - first;
            p->slices[p->n_slices++] = (slice){(uint32_t)part, (uint32_t)(first + keys * i / n),
                                               (uint32_t)(first + keys * (i + 1) / n), n == 1};
        }
    }
    return FEAT_OK;
}

feat_status feat_partitions_make(const feat_answering *how, const feat_block *block, feat_keymap *keys,
                                 feat_partitions **partitions, feat_error *err) {
    feat_partitions *p = feat_alloc_zero(1, sizeof *p);
    *partitions = NULL;
    if (!p) return feat_fail_memory(err);
    *p = (feat_partitions){.how = how, .block = block, .keys = keys};
    pthread_mutex_init(&p->lock, NULL);
    feat_status status = choose_parts(p, err);
    if (status == FEAT_OK) {
        p->dealers = feat_alloc_zero(p->n_dealers, sizeof *p->dealers);
        for (size_t d = 0; p->dealers && d < p->n_dealers; d++) p->dealers[d].of = p;
        status = p->dealers ? feat_parallel(how->threads, p->n_dealers, deal_share, p, err) : feat_fail_memory(err);
    }
    if (status == FEAT_OK) status = cut_slices(p, err);
    if (status == FEAT_OK) *partitions = p;
    else feat_partitions_free(p);
    return status;
}

void feat_partitions_free(feat_partitions *p) {
    if (!p) return;
    for (size_t d = 0; p->dealers && d < p->n_dealers; d++) dealer_done(&p->dealers[d]);
    feat_free(p->dealers);
    feat_free(p->slices);
    feat_spill_close(p->spill);
    pthread_mutex_destroy(&p->lock);
    feat_free(p);
}

size_t feat_partitions_count(const feat_partitions *p) { return p->n_slices; }
uint64_t feat_partitions_spilled(const feat_partitions *p) { return feat_spill_bytes(p->spill); }

typedef struct picker {
    slice of;
    uint32_t *numbers;
    size_t capacity;
    feat_entity_events *out;
} picker;

/* Adds those of n events whose keys are in the slice. */
static feat_status pick_events(picker *k, const uint32_t *entity, const feat_lifetime *life, const feat_events *events,
                               feat_error *err) {
    feat_entity_events *out = k->out;
    size_t n = 0, before = out->events.n;
    if (FEAT_GROW(k->numbers, k->capacity, events->n) != 0 ||
        FEAT_GROW(out->entity, out->entity_capacity, before + events->n) != 0 ||
        (life && FEAT_GROW(out->life, out->life_capacity, before + events->n) != 0))
        return feat_fail_memory(err);
    for (size_t i = 0; i < events->n; i++) {
        if (entity[i] < k->of.first || entity[i] >= k->of.end) continue;
        out->entity[before + n] = entity[i] - k->of.first;
        if (life) out->life[before + n] = life[i];
        k->numbers[n++] = (uint32_t)i;
    }
    if (before + n > UINT32_MAX) return feat_fail(err, FEAT_LIMIT, "more than 4,294,967,295 events at once");
    return feat_events_gather(&out->events, events, k->numbers, n, err);
}

static feat_status pick_chunk(const feat_partitions *p, picker *k, const chunk *c, feat_events *view, void *room,
                              feat_error *err) {
    unsigned char *bytes = room;
    uint64_t n[2];
    FEAT_TRY(feat_spill_read(p->spill, &c->piece, bytes, err));
    memcpy(n, bytes, sizeof n);
    bytes += sizeof n;
    const uint32_t *entity = (const void *)bytes;
    bytes += (n[0] * sizeof *entity + 15) / 16 * 16;
    const feat_lifetime *life = n[1] ? (const void *)bytes : NULL;
    if (life) bytes += (n[0] * sizeof *life + 15) / 16 * 16;
    feat_packed_open(view, bytes);
    return pick_events(k, entity, life, view, err);
}

static feat_status pick_dealt(const feat_partitions *p, picker *k, dealer *d, feat_error *err) {
    size_t largest = 0, part = k->of.part;
    feat_events view = {0};
    for (size_t c = d->heads[part]; c; c = d->chunks[c - 1].next)
        if (d->chunks[c - 1].piece.size > largest) largest = d->chunks[c - 1].piece.size;
    void *room = feat_alloc_aligned(largest);
    feat_status status = room ? feat_packed_init(&view, &d->parts[part].events, err) : feat_fail_memory(err);
    for (size_t c = d->heads[part]; c && status == FEAT_OK; c = d->chunks[c - 1].next)
        status = pick_chunk(p, k, &d->chunks[c - 1], &view, room, err);
    feat_packed_done(&view);
    feat_free(room);
    if (status == FEAT_OK)
        status = pick_events(k, d->parts[part].entity, d->parts[part].life, &d->parts[part].events, err);
    if (k->of.whole) feat_entity_events_done(&d->parts[part]);
    return status;
}

/* The one set of events that a slice is, all in memory, or NULL. */
static feat_entity_events *only_part(const feat_partitions *p, const slice *s) {
    feat_entity_events *only = &p->dealers[0].parts[s->part];
    return p->n_dealers == 1 && s->whole && !p->dealers[0].heads[s->part] ? only : NULL;
}

feat_status feat_partitions_take(feat_partitions *p, size_t number, feat_entity_events *out, size_t *first,
                                 size_t *n_keys, feat_error *err) {
    picker k = {.of = p->slices[number], .out = out};
    feat_entity_events *only = only_part(p, &k.of);
    *first = k.of.first;
    *n_keys = k.of.end - k.of.first;
    if (only) {
        *out = *only;
        *only = (feat_entity_events){0};
        for (size_t i = 0; i < out->events.n && k.of.first; i++) out->entity[i] -= k.of.first;
        return FEAT_OK;
    }
    *out = (feat_entity_events){0};
    feat_status status = feat_entity_events_init(out, p->block, err);
    for (size_t d = 0; d < p->n_dealers && status == FEAT_OK; d++) status = pick_dealt(p, &k, &p->dealers[d], err);
    feat_free(k.numbers);
    return status;
}
