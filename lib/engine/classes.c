#include "engine/classes.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/ingest.h" /* feat_sort_keys */
#include "exec/frame.h"    /* feat_time_lower_bound */

/* What waits is answered once it is so much. */
enum { BATCH_EVENTS = 65536, BATCH_ROWS = 65536 };
/* A class has at most so many times the events that its rows can need, but for a few. */
enum { MOST_WASTE = 4, FEW_EVENTS = 1024 };

/* A row of the entity. Events are counted in the entity's order, those of all versions together. */
typedef struct asker {
    uint32_t moment, place; /* place: in the groups */
    uint32_t first, end;    /* the events that its windows can need */
    uint32_t from, to;      /* of its class, those that it sees */
} asker;

struct feat_classes {
    const feat_grouping *groups;
    const uint32_t *moments;
    feat_sweep *sweep;
    feat_scanner *scanner;
    /* The entity at hand: of its events the times, the lifetimes, */
    int64_t *times;
    feat_lifetime *life;
    uint32_t *latest; /* the latest birth up to each of them, */
    uint32_t *least;  /* and the earliest from each of them on; */
    bool any_end;     /* whether one ends before a row that asks; */
    size_t n;
    asker *askers; /* and its rows, the latest moment first. */
    feat_sort_item *items;
    uint32_t *ranks; /* events of the class before each of them */
    /* What waits. */
    uint32_t *numbers; /* of events */
    size_t n_numbers;
    feat_sweep_entity *entities;
    size_t n_entities;
    int64_t *row_times;
    uint32_t *rows;
    size_t n_rows;
    feat_events events;
    size_t times_capacity, life_capacity, latest_capacity, least_capacity, askers_capacity, items_capacity,
        ranks_capacity, numbers_capacity, entities_capacity, row_times_capacity, rows_capacity;
};

feat_status feat_classes_new(const feat_block *block, const feat_grouping *groups, const uint32_t *moments,
                             feat_classes **classes, feat_error *err) {
    feat_classes *c = feat_alloc_zero(1, sizeof *c);
    if (!c) return feat_fail_memory(err);
    c->groups = groups;
    c->moments = moments;
    feat_status status = feat_sweep_new(block, &c->sweep, err);
    if (status == FEAT_OK) status = feat_scanner_new(block, &c->scanner, err);
    if (status == FEAT_OK) status = feat_events_init(&c->events, block, err);
    if (status == FEAT_OK) *classes = c;
    else feat_classes_free(c);
    return status;
}

void feat_classes_free(feat_classes *c) {
    if (!c) return;
    feat_sweep_free(c->sweep);
    feat_scanner_free(c->scanner);
    if (c->events.slots) feat_events_done(&c->events);
    feat_free(c->times);
    feat_free(c->life);
    feat_free(c->latest);
    feat_free(c->least);
    feat_free(c->askers);
    feat_free(c->items);
    feat_free(c->ranks);
    feat_free(c->numbers);
    feat_free(c->entities);
    feat_free(c->row_times);
    feat_free(c->rows);
    feat_free(c);
}

/* ---- An entity: its events, and what each row can need of them. ---- */

static feat_status take_events(feat_classes *c, const feat_entity_events *events, const uint32_t *numbers, size_t n,
                               feat_error *err) {
    if (FEAT_GROW(c->times, c->times_capacity, n) != 0 || FEAT_GROW(c->life, c->life_capacity, n) != 0 ||
        FEAT_GROW(c->latest, c->latest_capacity, n) != 0 || FEAT_GROW(c->least, c->least_capacity, n) != 0 ||
        FEAT_GROW(c->ranks, c->ranks_capacity, n + 1) != 0)
        return feat_fail_memory(err);
    uint32_t latest = 0, least = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        c->times[i] = events->events.time[numbers[i]];
        c->life[i] = events->life[numbers[i]];
        if (c->life[i].from > latest) latest = c->life[i].from;
        c->latest[i] = latest;
    }
    for (size_t i = n; i-- > 0;) {
        if (c->life[i].from < least) least = c->life[i].from;
        c->least[i] = least;
    }
    c->n = n;
    return FEAT_OK;
}

static feat_status take_row(feat_classes *c, uint32_t place, asker *a, feat_error *err) {
    const feat_grouping *g = c->groups;
    int64_t first, last;
    FEAT_TRY(feat_scanner_span(c->scanner, g->times[place], &first, &last, err));
    *a = (asker){.moment = c->moments[g->rows ? g->rows[place] : place], .place = place};
    a->first = (uint32_t)feat_time_lower_bound(c->times, c->n, first);
    a->end = last == INT64_MAX ? (uint32_t)c->n : (uint32_t)feat_time_lower_bound(c->times, c->n, last + 1);
    if (a->end < a->first) a->end = a->first;
    return FEAT_OK;
}

/* The rows of the group, the latest moment first; those of one moment in the order of their times. */
static feat_status take_rows(feat_classes *c, size_t group, feat_error *err) {
    uint32_t first = c->groups->starts[group], n = c->groups->starts[group + 1] - first, latest = 0;
    if (FEAT_GROW(c->askers, c->askers_capacity, n) != 0 || FEAT_GROW(c->items, c->items_capacity, 2 * (size_t)n) != 0)
        return feat_fail_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t place = first + i, moment = c->moments[c->groups->rows ? c->groups->rows[place] : place];
        c->items[i] = (feat_sort_item){UINT32_MAX - moment, place};
        if (moment > latest) latest = moment;
    }
    feat_sort_keys(c->items, c->items + n, n);
    for (uint32_t i = 0; i < n; i++) FEAT_TRY(take_row(c, c->items[i].row, &c->askers[i], err));
    c->any_end = false;
    for (size_t i = 0; i < c->n && !c->any_end; i++) c->any_end = c->life[i].to <= latest;
    return FEAT_OK;
}

/* ---- Classes. ---- */

/* The first event that was born after `moment` or has one before it that was. */
static uint32_t first_unborn(const feat_classes *c, uint32_t moment) {
    size_t low = 0, left = c->n;
    while (left > 0) {
        size_t half = left / 2;
        if (c->latest[low + half] <= moment) low += half + 1, left -= half + 1;
        else left = half;
    }
    return (uint32_t)low;
}

/* The first event from which on none was born up to `moment`. */
static uint32_t all_unborn(const feat_classes *c, uint32_t moment) {
    size_t low = 0, left = c->n;
    while (left > 0) {
        size_t half = left / 2;
        if (c->least[low + half] <= moment) low += half + 1, left -= half + 1;
        else left = half;
    }
    return (uint32_t)low;
}

/* Whether the row belongs to the class of what was there at `moment`: of the events that it can need it sees some that
 * follow each other in the class, and no others. */
static bool belongs(const feat_classes *c, uint32_t moment, asker *a) {
    uint32_t first = a->first, end = a->end;
    bool began = false, ended = false, missed = false;
    a->from = 0;
    a->to = (uint32_t)c->n;
    if (a->moment == moment) return true;
    if (!c->any_end) { /* what is there stays: looked at is only where some are born and some are not */
        uint32_t born = first_unborn(c, a->moment), unborn = all_unborn(c, a->moment);
        if (born >= end) return true;
        began = born > first;
        if (began) first = born;
        if (unborn < end) end = unborn;
    }
    for (uint32_t i = first; i < end; i++) {
        bool seen = feat_alive(c->life[i], a->moment), there = feat_alive(c->life[i], moment);
        if (seen && (ended || !there)) return false;
        if (seen && !began && missed) a->from = i;
        began |= seen;
        if (seen || !there) continue;
        if (began && !ended) a->to = i;
        ended = began;
        missed = true;
    }
    if (end < a->end && began && !ended) a->to = end;
    if (!began && (missed || end < a->end)) a->to = 0;
    return true;
}

/* Events of a class. */
typedef struct extent {
    uint32_t first, end;
    uint64_t needed;
} extent;

static bool widen(extent *e, const asker *a) {
    uint32_t first = a->first < e->first ? a->first : e->first, end = a->end > e->end ? a->end : e->end;
    uint64_t needed = e->needed + (a->end - a->first);
    if (end - first > MOST_WASTE * needed + FEW_EVENTS) return false;
    *e = (extent){first, end, needed};
    return true;
}

static uint32_t rank_of(const feat_classes *c, const extent *e, uint32_t event) {
    if (event <= e->first) return 0;
    return c->ranks[event < e->end ? event : e->end];
}

/* Rows that see the same part of a class follow each other as one entity of the sweep. */
static feat_status add_row(feat_classes *c, const asker *a, const extent *e, uint32_t base, bool first,
                           feat_error *err) {
    uint32_t from = base + rank_of(c, e, a->from), to = base + rank_of(c, e, a->to), row = (uint32_t)c->n_rows;
    if (to < from) to = from;
    if (FEAT_GROW(c->row_times, c->row_times_capacity, c->n_rows + 1) != 0 ||
        FEAT_GROW(c->rows, c->rows_capacity, c->n_rows + 1) != 0)
        return feat_fail_memory(err);
    c->row_times[row] = c->groups->times[a->place];
    c->rows[row] = c->groups->rows ? c->groups->rows[a->place] : a->place;
    c->n_rows++;
    feat_sweep_entity *last = first ? NULL : &c->entities[c->n_entities - 1];
    if (last && last->from == from && last->to == to) {
        last->row_end++;
        return FEAT_OK;
    }
    if (FEAT_GROW(c->entities, c->entities_capacity, c->n_entities + 1) != 0) return feat_fail_memory(err);
    c->entities[c->n_entities++] = (feat_sweep_entity){from, to, row, row + 1};
    return FEAT_OK;
}

/* The class of the rows [at, end) of the entity. */
static feat_status add_class(feat_classes *c, uint32_t at, uint32_t end, const extent *e, const uint32_t *numbers,
                             feat_error *err) {
    uint32_t moment = c->askers[at].moment, base = (uint32_t)c->n_numbers;
    if (c->n_numbers + (e->end - e->first) >= UINT32_MAX)
        return feat_fail(err, FEAT_LIMIT, "more than 4,294,967,294 events at once");
    if (FEAT_GROW(c->numbers, c->numbers_capacity, c->n_numbers + (e->end - e->first)) != 0)
        return feat_fail_memory(err);
    for (uint32_t i = e->first; i < e->end; i++) {
        c->ranks[i] = (uint32_t)c->n_numbers - base;
        if (feat_alive(c->life[i], moment)) c->numbers[c->n_numbers++] = numbers[i];
    }
    c->ranks[e->end] = (uint32_t)c->n_numbers - base;
    /* Places are in the order of time. */
    for (uint32_t i = at; i < end; i++) c->items[i - at] = (feat_sort_item){c->askers[i].place, i};
    feat_sort_keys(c->items, c->items + (end - at), end - at);
    for (uint32_t i = at; i < end; i++) FEAT_TRY(add_row(c, &c->askers[c->items[i - at].row], e, base, i == at, err));
    return FEAT_OK;
}

feat_status feat_classes_add(feat_classes *c, size_t group, const feat_entity_events *events, const uint32_t *numbers,
                             size_t n, feat_answers *answers, feat_error *err) {
    uint32_t n_rows = c->groups->starts[group + 1] - c->groups->starts[group];
    FEAT_TRY(take_events(c, events, numbers, n, err));
    FEAT_TRY(take_rows(c, group, err));
    for (uint32_t at = 0, end; at < n_rows; at = end) {
        asker *a = &c->askers[at];
        extent e = {a->first, a->end, a->end - a->first};
        (void)belongs(c, a->moment, a);
        for (end = at + 1; end < n_rows; end++)
            if (!belongs(c, a->moment, &c->askers[end]) || !widen(&e, &c->askers[end])) break;
        FEAT_TRY(add_class(c, at, end, &e, numbers, err));
        if (c->n_numbers < BATCH_EVENTS && c->n_rows < BATCH_ROWS) continue;
        FEAT_TRY(feat_classes_run(c, events, answers, err));
    }
    return FEAT_OK;
}

feat_status feat_classes_run(feat_classes *c, const feat_entity_events *events, feat_answers *answers,
                             feat_error *err) {
    feat_sweep_rows rows = {.entities = c->entities,
                            .n_entities = c->n_entities,
                            .times = c->row_times,
                            .places = c->rows,
                            .n_rows = c->n_rows};
    if (c->n_rows == 0) return FEAT_OK;
    feat_events_clear(&c->events);
    FEAT_TRY(feat_events_gather(&c->events, &events->events, c->numbers, c->n_numbers, err));
    FEAT_TRY(feat_sweep_run(c->sweep, &c->events, &rows, answers, err));
    c->n_numbers = c->n_entities = c->n_rows = 0;
    return FEAT_OK;
}
