/* Projected events: what the windows of a view need of its table's rows, their canonical order, and the projector that
 * makes them by running the view's event code over batches of rows. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/clock.h"
#include "exec/cell.h"
#include "exec/exec.h"
#include "math/number.h"

/* ---- a growing set of events ---- */

feat_status feat_events_init(feat_events *events, const feat_view *view, feat_error *err) {
    feat_events made;
    memset(&made, 0, sizeof made);
    made.slots = feat_alloc_zero(view->n_slots, sizeof *made.slots);
    made.ties = feat_alloc_zero(view->n_ties, sizeof *made.ties);
    if (!made.slots || !made.ties) {
        feat_free(made.slots);
        feat_free(made.ties);
        return feat_fail_memory(err);
    }
    made.n_slots = view->n_slots;
    made.n_ties = view->n_ties;
    for (size_t s = 0; s < view->n_slots; s++) made.slots[s].class = feat_class_of(view->slots[s].type);
    for (size_t k = 0; k < view->n_ties; k++) feat_column_init(&made.ties[k], view->table->fields[view->ties[k]].type);
    feat_arena_init(&made.text);
    *events = made;
    return FEAT_OK;
}

void feat_events_done(feat_events *events) {
    feat_free(events->time);
    for (size_t s = 0; s < events->n_slots; s++) {
        feat_free(events->slots[s].values);
        feat_free(events->slots[s].state);
    }
    for (size_t k = 0; k < events->n_ties; k++) feat_column_done(&events->ties[k]);
    feat_free(events->slots);
    feat_free(events->ties);
    feat_arena_done(&events->text);
    memset(events, 0, sizeof *events);
}

void feat_events_clear(feat_events *events) {
    events->n = 0;
    for (size_t k = 0; k < events->n_ties; k++) feat_column_clear(&events->ties[k]);
    feat_arena_reset(&events->text);
}

static int regrow(void **p, size_t count, size_t size) {
    void *grown = feat_realloc_array(*p, count, size);
    if (!grown) return -1;
    *p = grown;
    return 0;
}

/* All arrays share one capacity, which counts only once all of them have it. */
static int reserve(feat_events *events, size_t more) {
    size_t need;
    if (__builtin_add_overflow(events->n, more, &need)) return -1;
    if (need > events->capacity) {
        size_t next = events->capacity > SIZE_MAX / 2 ? need : events->capacity * 2;
        if (next < need) next = need;
        if (next < 16) next = 16;
        if (regrow((void **)&events->time, next, sizeof *events->time) != 0) return -1;
        for (size_t s = 0; s < events->n_slots; s++) {
            feat_event_slot *slot = &events->slots[s];
            if (regrow(&slot->values, next, feat_class_size(slot->class)) != 0) return -1;
            if (regrow((void **)&slot->state, next, 1) != 0) return -1;
        }
        events->capacity = next;
    }
    for (size_t k = 0; k < events->n_ties; k++)
        if (feat_column_reserve(&events->ties[k], more) != 0) return -1;
    return 0;
}

feat_status feat_events_reserve(feat_events *events, size_t more, feat_error *err) {
    return reserve(events, more) == 0 ? FEAT_OK : feat_fail_memory(err);
}

/* Takes away what a failed append left behind: ties are the only arrays that carry their own length. */
static void drop_ties_past(feat_events *events) {
    for (size_t k = 0; k < events->n_ties; k++) {
        feat_column *column = &events->ties[k];
        for (size_t row = events->n; row < column->length; row++) {
            if (!column->validity) break;
            if (!feat_bit_get(column->validity, row)) column->null_count--;
            feat_bit_clear(column->validity, row);
        }
        if (column->length > events->n) column->length = events->n;
    }
}

/* Copies the bytes of a text into the events' own memory. */
static bool keep_text(feat_events *events, feat_text *text) {
    if (text->length == 0) {
        *text = (feat_text){"", 0};
        return true;
    }
    char *copy = feat_arena_strndup(&events->text, text->data, text->length);
    if (!copy) return false;
    text->data = copy;
    return true;
}

/* Copies the values of events picked by number behind the events there are; texts still point to where they were. */
static void copy_picked(feat_event_slot *to, size_t at, const feat_event_slot *from, const uint32_t *numbers,
                        size_t n) {
    for (size_t i = 0; i < n; i++) to->state[at + i] = from->state[numbers[i]];
#define COPY(type)                                                                                                     \
    for (size_t i = 0; i < n; i++) ((type *)to->values)[at + i] = ((const type *)from->values)[numbers[i]]
    switch (to->class) {
    case FEAT_CLASS_B: COPY(uint8_t); break;
    case FEAT_CLASS_I: COPY(int64_t); break;
    case FEAT_CLASS_F: COPY(double); break;
    case FEAT_CLASS_T: COPY(feat_text); break;
    case FEAT_CLASS_N: break;
    }
#undef COPY
}

feat_status feat_events_gather(feat_events *to, const feat_events *from, const uint32_t *numbers, size_t n,
                               feat_error *err) {
    assert(to != from && to->n_slots == from->n_slots && to->n_ties == from->n_ties);
    if (reserve(to, n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) to->time[to->n + i] = from->time[numbers[i]];
    for (size_t s = 0; s < to->n_slots; s++) {
        feat_event_slot *slot = &to->slots[s];
        copy_picked(slot, to->n, &from->slots[s], numbers, n);
        if (slot->class != FEAT_CLASS_T) continue;
        for (size_t i = 0; i < n; i++)
            if (!keep_text(to, (feat_text *)slot->values + to->n + i)) return feat_fail_memory(err);
    }
    for (size_t k = 0; k < to->n_ties; k++) {
        if (feat_column_append_rows(&to->ties[k], &from->ties[k], numbers, n) == 0) continue;
        drop_ties_past(to);
        return feat_fail_memory(err);
    }
    to->n += n;
    return FEAT_OK;
}

feat_status feat_events_append(feat_events *to, const feat_events *from, size_t i, feat_error *err) {
    assert(i <= UINT32_MAX);
    uint32_t number = (uint32_t)i;
    return feat_events_gather(to, from, &number, 1, err);
}

/* ---- order ---- */

static int compare_ties(const feat_events *a, size_t i, const feat_events *b, size_t j) {
    for (size_t k = 0; k < a->n_ties; k++) {
        int order = feat_column_compare(&a->ties[k], i, &b->ties[k], j);
        if (order) return order;
    }
    return 0;
}

static int compare_slot(const feat_event_slot *a, size_t i, const feat_event_slot *b, size_t j) {
    if (a->state[i] != b->state[j]) return a->state[i] < b->state[j] ? -1 : 1;
    if (a->state[i] != FEAT_STATE_VALUE) return 0;
    switch (a->class) {
    case FEAT_CLASS_B: return ((const uint8_t *)a->values)[i] - ((const uint8_t *)b->values)[j];
    case FEAT_CLASS_I: {
        int64_t x = ((const int64_t *)a->values)[i], y = ((const int64_t *)b->values)[j];
        return x < y ? -1 : x > y;
    }
    case FEAT_CLASS_F: return feat_double_order(((const double *)a->values)[i], ((const double *)b->values)[j]);
    case FEAT_CLASS_T: {
        feat_text x = ((const feat_text *)a->values)[i], y = ((const feat_text *)b->values)[j];
        size_t shared = x.length < y.length ? x.length : y.length;
        int order = shared ? memcmp(x.data, y.data, shared) : 0;
        return order ? order : x.length < y.length ? -1 : x.length > y.length;
    }
    case FEAT_CLASS_N: break;
    }
    return 0;
}

/* Slots decide last: for the view such events are interchangeable, but a list of events is then one byte string. */
static int compare_contents(const feat_events *a, size_t i, const feat_events *b, size_t j) {
    int order = compare_ties(a, i, b, j);
    for (size_t s = 0; order == 0 && s < a->n_slots; s++) order = compare_slot(&a->slots[s], i, &b->slots[s], j);
    return order;
}

int feat_events_compare(const feat_events *a, size_t i, const feat_events *b, size_t j) {
    if (a->time[i] != b->time[j]) return a->time[i] < b->time[j] ? -1 : 1;
    return compare_contents(a, i, b, j);
}

static bool same_value(const feat_event_slot *a, size_t i, const feat_event_slot *b, size_t j) {
    if (a->state[i] != b->state[j]) return false;
    if (a->state[i] != FEAT_STATE_VALUE) return true;
    switch (a->class) {
    case FEAT_CLASS_B: return ((const uint8_t *)a->values)[i] == ((const uint8_t *)b->values)[j];
    case FEAT_CLASS_I: return ((const int64_t *)a->values)[i] == ((const int64_t *)b->values)[j];
    case FEAT_CLASS_F:
        return feat_double_bits(((const double *)a->values)[i]) == feat_double_bits(((const double *)b->values)[j]);
    case FEAT_CLASS_T: {
        feat_text x = ((const feat_text *)a->values)[i], y = ((const feat_text *)b->values)[j];
        return x.length == y.length && (x.length == 0 || memcmp(x.data, y.data, x.length) == 0);
    }
    case FEAT_CLASS_N: break;
    }
    return true;
}

bool feat_events_same(const feat_events *a, size_t i, const feat_events *b, size_t j) {
    if (a->time[i] != b->time[j]) return false;
    for (size_t s = 0; s < a->n_slots; s++)
        if (!same_value(&a->slots[s], i, &b->slots[s], j)) return false;
    for (size_t k = 0; k < a->n_ties; k++)
        if (!feat_column_same(&a->ties[k], i, &b->ties[k], j)) return false;
    return true;
}

/* The time beside the number, so that comparing walks memory in order and looks at ties only for equal times. */
typedef struct sort_item {
    int64_t time;
    uint32_t number;
} sort_item;

static inline bool item_after(const feat_events *events, const sort_item *a, const sort_item *b) {
    if (a->time != b->time) return a->time > b->time;
    return compare_contents(events, a->number, events, b->number) > 0;
}

#define INSERTION_RUN 16

static void insertion_sort(const feat_events *events, sort_item *items, size_t n) {
    for (size_t i = 1; i < n; i++) {
        sort_item item = items[i];
        size_t at = i;
        for (; at > 0 && item_after(events, &items[at - 1], &item); at--) items[at] = items[at - 1];
        items[at] = item;
    }
}

/* Merges two neighbouring runs; of equal items that of the left run comes first, which makes the sort stable. */
static void merge(const feat_events *events, const sort_item *from, size_t middle, size_t n, sort_item *to) {
    if (middle == n || !item_after(events, &from[middle - 1], &from[middle])) {
        memcpy(to, from, n * sizeof *to);
        return;
    }
    size_t left = 0, right = middle, at = 0;
    while (left < middle && right < n)
        to[at++] = item_after(events, &from[left], &from[right]) ? from[right++] : from[left++];
    memcpy(to + at, from + left, (middle - left) * sizeof *to);
    at += middle - left;
    memcpy(to + at, from + right, (n - right) * sizeof *to);
}

static sort_item *merge_sort(const feat_events *events, sort_item *items, sort_item *spare, size_t n) {
    for (size_t at = 0; at < n; at += INSERTION_RUN)
        insertion_sort(events, items + at, n - at < INSERTION_RUN ? n - at : INSERTION_RUN);
    for (size_t run = INSERTION_RUN; run < n; run *= 2) { /* n <= SIZE_MAX / sizeof(sort_item): no overflow */
        for (size_t at = 0; at < n; at += 2 * run) {
            size_t left = n - at;
            merge(events, items + at, left < run ? left : run, left < 2 * run ? left : 2 * run, spare + at);
        }
        sort_item *swap = items;
        items = spare;
        spare = swap;
    }
    return items;
}

feat_status feat_events_sort(const feat_events *events, uint32_t *numbers, size_t n, feat_error *err) {
    enum { SMALL = 64 };
    size_t sorted = 1;
    while (sorted < n && feat_events_compare(events, numbers[sorted - 1], events, numbers[sorted]) <= 0) sorted++;
    if (sorted >= n) return FEAT_OK;

    sort_item small[2 * SMALL], *items = small;
    size_t both;
    if (n > SMALL) {
        if (__builtin_mul_overflow(n, 2, &both) || !(items = feat_alloc_array(both, sizeof *items)))
            return feat_fail_memory(err);
    }
    for (size_t i = 0; i < n; i++) items[i] = (sort_item){events->time[numbers[i]], numbers[i]};
    const sort_item *result = merge_sort(events, items, items + n, n);
    for (size_t i = 0; i < n; i++) numbers[i] = result[i].number;
    if (items != small) feat_free(items);
    return FEAT_OK;
}

/* ---- projection ---- */

void feat_view_reads(const feat_view *view, bool *reads) {
    for (size_t f = 0; f < view->table->n_fields; f++) reads[f] = false;
    reads[view->table->time] = true;
    for (size_t k = 0; k < view->n_ties; k++) reads[view->ties[k]] = true;
    const feat_code *code = view->event_code;
    for (size_t i = 0; i < code->n_loads; i++)
        if (code->loads[i].kind == FEAT_LOAD_FIELD) reads[code->loads[i].index] = true;
}

struct feat_projector {
    const feat_view *view;
    feat_machine *machine;
    const feat_vector *where;               /* NULL: every event passes */
    const feat_vector **argument, **filter; /* by slot; NULL: none */
    uint32_t lanes[FEAT_LANES];             /* of the batch's events that pass */
};

feat_status feat_projector_new(const feat_view *view, feat_projector **projector, feat_error *err) {
    const feat_code *code = view->event_code;
    feat_projector *p = feat_alloc_zero(1, sizeof *p);
    if (!p) return feat_fail_memory(err);
    p->view = view;
    p->argument = feat_alloc_zero(view->n_slots, sizeof *p->argument);
    p->filter = feat_alloc_zero(view->n_slots, sizeof *p->filter);
    feat_status status = p->argument && p->filter ? FEAT_OK : feat_fail_memory(err);
    if (status == FEAT_OK) status = feat_machine_new(code, &p->machine, err);
    if (status != FEAT_OK) {
        feat_projector_free(p);
        return status;
    }
    size_t output = 0;
    if (view->where != FEAT_NO_NODE) p->where = feat_machine_register(p->machine, code->outputs[output++]);
    for (size_t s = 0; s < view->n_slots; s++) {
        if (view->slots[s].arg != FEAT_NO_NODE)
            p->argument[s] = feat_machine_register(p->machine, code->outputs[output++]);
        if (view->slots[s].filter != FEAT_NO_NODE)
            p->filter[s] = feat_machine_register(p->machine, code->outputs[output++]);
    }
    assert(output == code->n_outputs);
    *projector = p;
    return FEAT_OK;
}

void feat_projector_free(feat_projector *projector) {
    if (!projector) return;
    feat_machine_free(projector->machine);
    feat_free((void *)projector->argument);
    feat_free((void *)projector->filter);
    feat_free(projector);
}

static uint8_t lane_state(const feat_vector *v, size_t lane) { return v->plain ? FEAT_STATE_VALUE : v->state[lane]; }

/* Picks the lanes that WHERE is TRUE for, or an error. */
static size_t pick_lanes(feat_projector *p, size_t n) {
    size_t picked = 0;
    for (size_t lane = 0; lane < n; lane++) {
        uint8_t state = p->where ? lane_state(p->where, lane) : FEAT_STATE_VALUE;
        bool passes = !p->where || (state == FEAT_STATE_VALUE && ((const uint8_t *)p->where->values)[lane]);
        p->lanes[picked] = (uint32_t)lane;
        picked += passes || state == FEAT_STATE_ERROR;
    }
    return picked;
}

/* What becomes of a slot in an event, before its argument is looked at. */
static uint8_t slot_state(const feat_projector *p, size_t s, size_t lane) {
    if (p->where && lane_state(p->where, lane) == FEAT_STATE_ERROR) return FEAT_STATE_ERROR;
    const feat_vector *filter = p->filter[s];
    if (filter) {
        uint8_t state = lane_state(filter, lane);
        if (state == FEAT_STATE_ERROR) return FEAT_STATE_ERROR;
        if (state == FEAT_STATE_NULL || !((const uint8_t *)filter->values)[lane]) return FEAT_STATE_SKIPPED;
    }
    return p->argument[s] ? lane_state(p->argument[s], lane) : FEAT_STATE_VALUE;
}

/* Writes slot `s` of the picked lanes behind the events there are. False when memory is out. */
static bool project_slot(const feat_projector *p, size_t s, size_t picked, feat_events *out, size_t at) {
    feat_event_slot *slot = &out->slots[s];
    const feat_vector *argument = p->argument[s];
    for (size_t i = 0; i < picked; i++) {
        size_t lane = p->lanes[i];
        uint8_t state = slot_state(p, s, lane);
        bool value = state == FEAT_STATE_VALUE;
        slot->state[at + i] = state;
        switch (slot->class) {
        case FEAT_CLASS_B:
            ((uint8_t *)slot->values)[at + i] = value && (!argument || ((const uint8_t *)argument->values)[lane]);
            break;
        case FEAT_CLASS_I:
            ((int64_t *)slot->values)[at + i] = value ? ((const int64_t *)argument->values)[lane] : 0;
            break;
        case FEAT_CLASS_F:
            ((double *)slot->values)[at + i] =
                value ? feat_double_canonical(((const double *)argument->values)[lane]) : 0.0;
            break;
        case FEAT_CLASS_T: {
            feat_text text = value ? ((const feat_text *)argument->values)[lane] : (feat_text){"", 0};
            if (!keep_text(out, &text)) return false;
            ((feat_text *)slot->values)[at + i] = text;
            break;
        }
        case FEAT_CLASS_N: break;
        }
    }
    return true;
}

/* A DATE is its first instant; days that no TIMESTAMP reaches stand at the ends of time. */
static int64_t event_time(const feat_column *column, size_t row) {
    assert(!feat_column_is_null(column, row));
    int64_t value = feat_column_int(column, row), us;
    if (column->type != FEAT_TYPE_DATE) return value;
    if (__builtin_mul_overflow(value, FEAT_US_PER_DAY, &us)) return value < 0 ? INT64_MIN : INT64_MAX;
    return us;
}

/* Rows in a run need no gathering. */
static bool consecutive(const uint32_t *rows, size_t n) {
    uint32_t broken = 0;
    for (size_t i = 0; i < n; i++) broken |= rows[i] ^ (uint32_t)(rows[0] + i);
    return broken == 0;
}

/* One batch; its events stand behind out->n but are not counted yet. */
static feat_status run_batch(feat_projector *p, const feat_column *const *fields, const uint32_t *rows, size_t n,
                             feat_events *out, size_t *picked, feat_error *err) {
    const feat_code *code = p->view->event_code;
    bool run = consecutive(rows, n);
    for (size_t i = 0; i < code->n_loads; i++) {
        assert(code->loads[i].kind == FEAT_LOAD_FIELD);
        feat_vector *v = feat_machine_register(p->machine, code->loads[i].reg);
        if (run) feat_vector_load(v, fields[code->loads[i].index], rows[0], n);
        else feat_vector_gather(v, fields[code->loads[i].index], rows, n);
    }
    feat_machine_run(p->machine, n);
    *picked = pick_lanes(p, n);
    if (reserve(out, *picked) != 0) return feat_fail_memory(err);
    const feat_column *time = fields[p->view->table->time];
    for (size_t i = 0; i < *picked; i++) out->time[out->n + i] = event_time(time, rows[p->lanes[i]]);
    for (size_t s = 0; s < p->view->n_slots; s++)
        if (!project_slot(p, s, *picked, out, out->n)) return feat_fail_memory(err);
    for (size_t k = 0; k < p->view->n_ties; k++) {
        const feat_column *field = fields[p->view->ties[k]];
        for (size_t i = 0; i < *picked; i++)
            if (feat_column_append_from(&out->ties[k], field, rows[p->lanes[i]]) != 0) return feat_fail_memory(err);
    }
    return FEAT_OK;
}

feat_status feat_projector_run(feat_projector *projector, const feat_column *const *fields, const uint32_t *rows,
                               size_t n, feat_events *out, uint32_t **kept, size_t *kept_capacity, feat_error *err) {
    size_t before = out->n;
    for (size_t at = 0; at < n; at += FEAT_LANES) {
        size_t part = n - at < FEAT_LANES ? n - at : FEAT_LANES, picked;
        feat_status status = run_batch(projector, fields, rows + at, part, out, &picked, err);
        if (status == FEAT_OK && feat_grow((void **)kept, kept_capacity, out->n - before + picked, sizeof **kept) != 0)
            status = feat_fail_memory(err);
        if (status != FEAT_OK) {
            out->n = before;
            drop_ties_past(out);
            return status;
        }
        for (size_t i = 0; i < picked; i++) (*kept)[out->n - before + i] = (uint32_t)at + projector->lanes[i];
        out->n += picked;
    }
    return FEAT_OK;
}
