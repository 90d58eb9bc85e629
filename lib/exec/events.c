/* Projected events: what the windows of a block need of its tables' rows, and their canonical order. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/clock.h"
#include "exec/body.h"
#include "exec/cell.h"
#include "exec/events.h"
#include "exec/exec.h"
#include "math/number.h"

/* ---- a growing set of events ---- */

feat_status feat_events_init(feat_events *events, const feat_block *block, feat_error *err) {
    feat_events made;
    memset(&made, 0, sizeof made);
    bool united = block->n_branches > 1;
    made.n_ties = united ? 2 : block->branches[0].n_ties;
    made.n_slots = block->n_slots;
    made.slots = feat_alloc_zero(block->n_slots, sizeof *made.slots);
    made.ties = feat_alloc_zero(made.n_ties, sizeof *made.ties);
    if (!made.slots || !made.ties) {
        feat_free(made.slots);
        feat_free(made.ties);
        return feat_fail_memory(err);
    }
    for (size_t s = 0; s < block->n_slots; s++) made.slots[s].class = feat_class_of(block->slots[s]);
    for (size_t k = 0; k < made.n_ties; k++) {
        const feat_union_branch *branch = &block->branches[0];
        feat_type type =
            united ? (k == 0 ? FEAT_TYPE_BIGINT : FEAT_TYPE_BLOB) : branch->table->fields[branch->ties[k]].type;
        feat_column_init(&made.ties[k], type);
    }
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
int feat_events_room(feat_events *events, size_t more) {
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
    return feat_events_room(events, more) == 0 ? FEAT_OK : feat_fail_memory(err);
}

/* Takes away what a failed append left behind: ties are the only arrays that carry their own length. */
void feat_events_drop_ties(feat_events *events) {
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
bool feat_events_keep_text(feat_events *events, feat_text *text) {
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
    case FEAT_CLASS_W: COPY(feat_int128); break;
    case FEAT_CLASS_V: COPY(feat_interval); break;
    case FEAT_CLASS_N: break;
    }
#undef COPY
}

feat_status feat_events_gather(feat_events *to, const feat_events *from, const uint32_t *numbers, size_t n,
                               feat_error *err) {
    assert(to != from && to->n_slots == from->n_slots && to->n_ties == from->n_ties);
    if (feat_events_room(to, n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) to->time[to->n + i] = from->time[numbers[i]];
    for (size_t s = 0; s < to->n_slots; s++) {
        feat_event_slot *slot = &to->slots[s];
        copy_picked(slot, to->n, &from->slots[s], numbers, n);
        if (slot->class != FEAT_CLASS_T) continue;
        for (size_t i = 0; i < n; i++)
            if (!feat_events_keep_text(to, (feat_text *)slot->values + to->n + i)) return feat_fail_memory(err);
    }
    for (size_t k = 0; k < to->n_ties; k++) {
        if (feat_column_append_rows(&to->ties[k], &from->ties[k], numbers, n) == 0) continue;
        feat_events_drop_ties(to);
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
    case FEAT_CLASS_W: {
        feat_int128 x = ((const feat_int128 *)a->values)[i], y = ((const feat_int128 *)b->values)[j];
        return x < y ? -1 : x > y;
    }
    case FEAT_CLASS_V:
        return feat_interval_order(((const feat_interval *)a->values)[i], ((const feat_interval *)b->values)[j]);
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
    case FEAT_CLASS_W: return ((const feat_int128 *)a->values)[i] == ((const feat_int128 *)b->values)[j];
    case FEAT_CLASS_V:
        return feat_interval_order(((const feat_interval *)a->values)[i], ((const feat_interval *)b->values)[j]) == 0;
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

/* Events often come in a few runs, each in order: what several commits hold of an entity. Merges neighbouring runs
 * until there is one; ends[i] is where run i ends. */
static sort_item *merge_runs(const feat_events *events, sort_item *items, sort_item *spare, uint32_t *ends,
                             size_t n_runs) {
    while (n_runs > 1) {
        size_t kept = 0, start = 0;
        for (size_t r = 0; r < n_runs; r += 2) {
            size_t middle = ends[r], end = r + 1 < n_runs ? ends[r + 1] : middle;
            merge(events, items + start, middle - start, end - start, spare + start);
            ends[kept++] = (uint32_t)end;
            start = end;
        }
        n_runs = kept;
        sort_item *swap = items;
        items = spare;
        spare = swap;
    }
    return items;
}

enum { MOST_RUNS = 64 };

/* Where the runs end, or 0: there are more. */
static size_t find_runs(const feat_events *events, const sort_item *items, size_t n, uint32_t ends[MOST_RUNS]) {
    size_t runs = 0;
    for (size_t i = 1; i <= n; i++) {
        if (i < n && !item_after(events, &items[i - 1], &items[i])) continue;
        if (runs == MOST_RUNS) return 0;
        ends[runs++] = (uint32_t)i;
    }
    return runs;
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
    uint32_t ends[MOST_RUNS];
    size_t runs = n > SMALL ? find_runs(events, items, n, ends) : 0;
    const sort_item *result =
        runs ? merge_runs(events, items, items + n, ends, runs) : merge_sort(events, items, items + n, n);
    for (size_t i = 0; i < n; i++) numbers[i] = result[i].number;
    if (items != small) feat_free(items);
    return FEAT_OK;
}
