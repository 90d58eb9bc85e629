/* Rows of an entity that see the same of its events are swept together. Most see all that their windows can reach,
 * since what comes later is about later: these are one sweep over all events. For the others the events that their
 * version shows are gathered, once for each version. */
#include "engine/served_join.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parallel.h"
#include "engine/grouping.h"
#include "engine/ingest.h" /* feat_sort_keys */
#include "engine/shown.h"

enum { BATCH_EVENTS = 65536, BATCH_ROWS = 65536, PARTS_A_THREAD = 4 };

bool feat_served_join_serves(const feat_block *block) {
    for (size_t b = 0; b < block->n_branches; b++)
        if (block->branches[b].stage.code->n_joins) return false;
    return true;
}

typedef struct asking {
    const feat_answering *how;
    const feat_block *block;
    const feat_row_versions *versions;
    const feat_grouping *groups;
    const feat_entity_events *events;
    const uint32_t *from, *to; /* by event: the versions that show it */
    const uint32_t *numbers;   /* events by entity, in canonical order */
    const size_t *starts;
    feat_answers *workers; /* of the parts */
    size_t n_parts;
} asking;

/* ---- All events that any version shows. ---- */

typedef struct shown {
    feat_entity_events events;
    uint32_t *from, *to;
    size_t from_capacity, to_capacity;
} shown;

/* Rows of one branch, a version's at a time: that is where they can be read. */
static feat_status project_branch(const asking *a, size_t branch, feat_keymap *keys, shown *s, feat_error *err) {
    const feat_row_versions *v = a->versions;
    feat_shown_row *rows;
    feat_row_address *addresses = NULL;
    size_t n_rows, capacity = 0;
    FEAT_TRY(feat_rows_shown(a->how->db, a->block->branches[branch].table, v->distinct, v->n, &rows, &n_rows, err));
    feat_status status = FEAT_OK;
    for (size_t at = 0, end; at < n_rows && status == FEAT_OK; at = end) {
        for (end = at; end < n_rows && rows[end].from == rows[at].from;) end++;
        size_t n = end - at, before = s->events.events.n;
        if (FEAT_GROW(addresses, capacity, n) != 0) {
            status = feat_fail_memory(err);
            break;
        }
        for (size_t i = 0; i < n; i++) addresses[i] = rows[at + i].at;
        status = feat_project_rows(a->how->db, v->distinct[rows[at].from], a->block, branch, addresses, n, keys, false,
                                   &s->events, err);
        if (status != FEAT_OK) break;
        if (FEAT_GROW(s->from, s->from_capacity, s->events.events.n) != 0 ||
            FEAT_GROW(s->to, s->to_capacity, s->events.events.n) != 0) {
            status = feat_fail_memory(err);
            break;
        }
        for (size_t i = before; i < s->events.events.n; i++) {
            s->from[i] = rows[at].from;
            s->to[i] = rows[at + s->events.source[i]].to;
        }
    }
    if (a->how->work) atomic_fetch_add(&a->how->work->rows_read, n_rows);
    feat_free(rows);
    feat_free(addresses);
    return status;
}

static void shown_done(shown *s) {
    feat_entity_events_done(&s->events);
    feat_free(s->from);
    feat_free(s->to);
}

/* ---- Which rows see all that they can reach. ---- */

/* The latest version at which an event of a range comes, and the earliest at which one goes: entry i is that of
 * entries 2 i and 2 i + 1, the events are the last n. */
typedef struct extremes {
    uint32_t *comes, *goes;
    size_t comes_capacity, goes_capacity, n;
} extremes;

static feat_status build_extremes(extremes *x, const asking *a, const uint32_t *numbers, size_t n, feat_error *err) {
    if (FEAT_GROW(x->comes, x->comes_capacity, 2 * n) != 0 || FEAT_GROW(x->goes, x->goes_capacity, 2 * n) != 0)
        return feat_fail_memory(err);
    x->n = n;
    for (size_t i = 0; i < n; i++) {
        x->comes[n + i] = a->from[numbers[i]];
        x->goes[n + i] = a->to[numbers[i]];
    }
    for (size_t i = n; i-- > 1;) {
        x->comes[i] = x->comes[2 * i] > x->comes[2 * i + 1] ? x->comes[2 * i] : x->comes[2 * i + 1];
        x->goes[i] = x->goes[2 * i] < x->goes[2 * i + 1] ? x->goes[2 * i] : x->goes[2 * i + 1];
    }
    return FEAT_OK;
}

/* Whether a version shows all events of [low, high). */
static bool shows_all(const extremes *x, size_t low, size_t high, uint32_t version) {
    bool all = true;
    for (low += x->n, high += x->n; low < high && all; low /= 2, high /= 2) {
        if (low & 1) {
            all &= x->comes[low] <= version && version < x->goes[low];
            low++;
        }
        if (high & 1) {
            high--;
            all &= x->comes[high] <= version && version < x->goes[high];
        }
    }
    return all;
}

/* ---- Sweeping. ---- */

/* What one thread works with. */
typedef struct worker {
    const asking *a;
    feat_sweep *sweep;
    feat_scanner *scanner; /* knows how far windows reach */
    feat_events events;
    feat_sweep_entity *entities;
    int64_t *times, *entity_times;
    uint32_t *places, *picked;
    feat_sort_item *items;
    extremes seen;
    size_t n, n_rows, entities_capacity, times_capacity, places_capacity, picked_capacity, items_capacity,
        entity_times_capacity;
} worker;

static feat_status run(worker *w, feat_answers *answers, feat_error *err) {
    feat_sweep_rows rows = {
        .entities = w->entities, .n_entities = w->n, .times = w->times, .places = w->places, .n_rows = w->n_rows};
    int64_t ticks = feat_clock_ticks();
    feat_status status = w->n_rows ? feat_sweep_run(w->sweep, &w->events, &rows, answers, err) : FEAT_OK;
    (void)feat_work_spent(w->a->how->work, FEAT_WORK_SWEEP, ticks);
    if (status == FEAT_OK) status = feat_work_step(w->a->how->work, w->n_rows, err);
    feat_events_clear(&w->events);
    w->n = w->n_rows = 0;
    return status;
}

/* Begins an entity over the events numbers[0..n), which follows the entity before. */
static feat_status begin(worker *w, const uint32_t *numbers, size_t n, feat_answers *answers, feat_error *err) {
    if (w->events.n >= BATCH_EVENTS || w->n_rows >= BATCH_ROWS) FEAT_TRY(run(w, answers, err));
    uint32_t from = (uint32_t)w->events.n;
    if (n > 0) FEAT_TRY(feat_events_gather(&w->events, &w->a->events->events, numbers, n, err));
    if (FEAT_GROW(w->entities, w->entities_capacity, w->n + 1) != 0) return feat_fail_memory(err);
    w->entities[w->n++] = (feat_sweep_entity){from, from + (uint32_t)n, (uint32_t)w->n_rows, (uint32_t)w->n_rows};
    return FEAT_OK;
}

static feat_status add_row(worker *w, size_t place, feat_error *err) {
    const feat_grouping *g = w->a->groups;
    if (FEAT_GROW(w->times, w->times_capacity, w->n_rows + 1) != 0 ||
        FEAT_GROW(w->places, w->places_capacity, w->n_rows + 1) != 0)
        return feat_fail_memory(err);
    w->times[w->n_rows] = g->times[place];
    w->places[w->n_rows++] = g->rows ? g->rows[place] : (uint32_t)place;
    w->entities[w->n - 1].row_end++;
    return FEAT_OK;
}

static uint32_t version_of(const asking *a, size_t place) {
    return a->versions->of_row[a->groups->rows ? a->groups->rows[place] : place];
}

static size_t below(const int64_t *times, size_t n, int64_t bound) {
    size_t low = 0;
    while (n > 0) {
        size_t half = n / 2;
        if (times[low + half] < bound) low += half + 1, n -= half + 1;
        else n = half;
    }
    return low;
}

/* The rows items[0..n) of one entity, which are at one version: over the events that it shows. */
static feat_status add_version(worker *w, const feat_sort_item *items, size_t n, const uint32_t *numbers,
                               size_t n_events, feat_answers *answers, feat_error *err) {
    const asking *a = w->a;
    uint32_t version = (uint32_t)items[0].key;
    int64_t earliest = INT64_MAX, latest = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        int64_t first, last;
        FEAT_TRY(feat_scanner_span(w->scanner, a->groups->times[items[i].row], &first, &last, err));
        earliest = first < earliest ? first : earliest;
        latest = last > latest ? last : latest;
    }
    size_t low = below(w->entity_times, n_events, earliest), kept = 0;
    size_t high = latest == INT64_MAX ? n_events : below(w->entity_times, n_events, latest + 1);
    if (FEAT_GROW(w->picked, w->picked_capacity, n_events) != 0) return feat_fail_memory(err);
    for (size_t i = low; i < high; i++)
        if (a->from[numbers[i]] <= version && version < a->to[numbers[i]]) w->picked[kept++] = numbers[i];
    FEAT_TRY(begin(w, w->picked, kept, answers, err));
    for (size_t i = 0; i < n; i++) FEAT_TRY(add_row(w, items[i].row, err));
    return FEAT_OK;
}

/* The rows of group `k`, from its first one to `end`; the last group is of rows without a key. */
static feat_status add_group(worker *w, size_t k, feat_answers *answers, feat_error *err) {
    const asking *a = w->a;
    const feat_grouping *g = a->groups;
    size_t first = g->starts[k], end = g->starts[k + 1], n_apart = 0;
    const uint32_t *numbers = k < g->n_keys ? a->numbers + a->starts[k] : NULL;
    size_t n = k < g->n_keys ? a->starts[k + 1] - a->starts[k] : 0;
    if (first == end) return FEAT_OK;
    if (FEAT_GROW(w->entity_times, w->entity_times_capacity, n) != 0 ||
        FEAT_GROW(w->items, w->items_capacity, 2 * (end - first)) != 0)
        return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) w->entity_times[i] = a->events->events.time[numbers[i]];
    FEAT_TRY(build_extremes(&w->seen, a, numbers, n, err));
    FEAT_TRY(begin(w, numbers, n, answers, err));
    for (size_t place = first; place < end; place++) {
        int64_t reach, last;
        uint32_t version = version_of(a, place);
        FEAT_TRY(feat_scanner_span(w->scanner, g->times[place], &reach, &last, err));
        size_t low = below(w->entity_times, n, reach),
               high = last == INT64_MAX ? n : below(w->entity_times, n, last + 1);
        if (n == 0 || low >= high || shows_all(&w->seen, low, high, version)) FEAT_TRY(add_row(w, place, err));
        else w->items[n_apart++] = (feat_sort_item){version, (uint32_t)place};
    }
    feat_sort_keys(w->items, w->items + (end - first), n_apart);
    for (size_t at = 0, stop; at < n_apart; at = stop) {
        for (stop = at; stop < n_apart && w->items[stop].key == w->items[at].key;) stop++;
        FEAT_TRY(add_version(w, w->items + at, stop - at, numbers, n, answers, err));
    }
    return FEAT_OK;
}

static void worker_done(worker *w) {
    feat_sweep_free(w->sweep);
    feat_scanner_free(w->scanner);
    if (w->events.slots) feat_events_done(&w->events);
    feat_free(w->entities);
    feat_free(w->times);
    feat_free(w->entity_times);
    feat_free(w->places);
    feat_free(w->picked);
    feat_free(w->items);
    feat_free(w->seen.comes);
    feat_free(w->seen.goes);
}

static feat_status answer_part(void *context, size_t part, feat_error *err) {
    const asking *a = context;
    worker w = {.a = a};
    size_t n = a->groups->n_keys + 1, end = n * (part + 1) / a->n_parts;
    feat_status status = feat_sweep_new(a->block, &w.sweep, err);
    if (status == FEAT_OK) status = feat_scanner_new(a->block, &w.scanner, err);
    if (status == FEAT_OK) status = feat_events_init(&w.events, a->block, err);
    for (size_t k = n * part / a->n_parts; k < end && status == FEAT_OK; k++)
        status = add_group(&w, k, &a->workers[part], err);
    if (status == FEAT_OK) status = run(&w, &a->workers[part], err);
    worker_done(&w);
    return status;
}

static feat_status sweep_parts(asking *a, feat_answers *answers, feat_error *err) {
    size_t threads = a->how->threads ? a->how->threads : 1;
    a->n_parts = threads > 1 ? threads * PARTS_A_THREAD : 1;
    a->workers = feat_alloc_zero(a->n_parts, sizeof *a->workers);
    if (!a->workers) return feat_fail_memory(err);
    for (size_t i = 0; i < a->n_parts; i++) feat_answers_share(answers, &a->workers[i]);
    feat_status status = feat_parallel(threads, a->n_parts, answer_part, a, err);
    for (size_t i = 0; i < a->n_parts; i++) feat_answers_join(answers, &a->workers[i]);
    feat_free(a->workers);
    return status;
}

feat_status feat_served_join(const feat_answering *how, const feat_code *code, size_t join, const feat_row_source *rows,
                             const feat_row_versions *versions, size_t n, feat_answers *answers, feat_error *err) {
    feat_grouping groups = {0};
    shown s = {0};
    asking a = {.how = how, .block = code->joins[join].block, .versions = versions, .groups = &groups};
    uint32_t *numbers = NULL;
    size_t *starts = NULL;
    int64_t ticks = feat_clock_ticks();
    feat_status status = feat_grouping_make(&groups, code, join, rows, n, how->threads ? how->threads : 1, err);
    if (status == FEAT_OK) status = feat_grouping_encode(&groups, err);
    ticks = feat_work_spent(how->work, FEAT_WORK_GROUP, ticks);
    if (how->work) atomic_fetch_add(&how->work->passes, 1);
    if (status == FEAT_OK) status = feat_entity_events_init(&s.events, a.block, err);
    s.events.sourced = true;
    for (size_t b = 0; b < a.block->n_branches && status == FEAT_OK && groups.n_keys > 0; b++)
        status = project_branch(&a, b, &groups.map, &s, err);
    if (status == FEAT_OK) status = feat_group_events(&s.events, groups.n_keys, &numbers, &starts, err);
    (void)feat_work_spent(how->work, FEAT_WORK_READ, ticks);
    a.events = &s.events;
    a.from = s.from;
    a.to = s.to;
    a.numbers = numbers;
    a.starts = starts;
    if (status == FEAT_OK) status = sweep_parts(&a, answers, err);
    shown_done(&s);
    feat_free(numbers);
    feat_free(starts);
    feat_grouping_done(&groups);
    return status;
}
