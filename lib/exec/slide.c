#include "exec/slide.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/cell.h"
#include "math/elementary.h"
#include "math/number.h"

/* Windows of fewer events are looked at whole. Measured. */
enum { SHORT = 64 };
#define NO_VALUE UINT32_MAX

/* ---- What is served. ---- */

static bool is_quantile(feat_agg agg) {
    return agg == FEAT_AGG_MEDIAN || agg == FEAT_AGG_MEDIAN_TIME || agg == FEAT_AGG_MEDIAN_OTHER ||
           agg == FEAT_AGG_QUANTILE_CONT || agg == FEAT_AGG_QUANTILE_CONT_TIME || agg == FEAT_AGG_QUANTILE_DISC ||
           agg == FEAT_AGG_APPROX_QUANTILE;
}

static bool is_sum(feat_agg agg) {
    return agg == FEAT_AGG_SUM_DISTINCT_INT || agg == FEAT_AGG_AVG_DISTINCT_INT ||
           agg == FEAT_AGG_SUM_DISTINCT_DOUBLE || agg == FEAT_AGG_AVG_DISTINCT_DOUBLE;
}

static bool is_rank(feat_agg agg) {
    return agg == FEAT_AGG_MODE || agg == FEAT_AGG_TOP1_RATIO || agg == FEAT_AGG_TOP_K;
}

bool feat_slide_serves(const feat_block *block, const feat_aggregate *a) {
    bool counts = a->agg == FEAT_AGG_COUNT_DISTINCT || a->agg == FEAT_AGG_DISTINCT_RATIO ||
                  a->agg == FEAT_AGG_LIST_DISTINCT || a->agg == FEAT_AGG_HISTOGRAM || a->agg == FEAT_AGG_ENTROPY ||
                  a->agg == FEAT_AGG_APPROX_COUNT_DISTINCT;
    if (!counts && !is_quantile(a->agg) && !is_sum(a->agg) && !is_rank(a->agg)) return false;
    if (feat_agg_table[a->agg].function && a->distinct) return false;
    /* Of intervals that are one length a window shows the one that it holds. */
    feat_class class = feat_class_of(block->slots[a->slot]);
    return a->n_order == 0 && a->otherwise == FEAT_NO_NODE && class != FEAT_CLASS_V && class != FEAT_CLASS_N;
}

void feat_slide_init(feat_slide *s, const feat_block *block, const feat_aggregate *a) {
    *s = (feat_slide){.block = block, .slot = a->slot, .window = a->window};
    feat_scratch_init(&s->values);
    feat_scratch_init(&s->result);
    feat_slide_want(s, a);
}

void feat_slide_want(feat_slide *s, const feat_aggregate *a) {
    s->orders |= is_quantile(a->agg);
    s->ranks |= is_rank(a->agg);
    s->shares |= a->agg == FEAT_AGG_ENTROPY;
    s->sketches |= a->agg == FEAT_AGG_APPROX_COUNT_DISTINCT;
    s->sums |= is_sum(a->agg);
}

bool feat_slide_is_of(const feat_slide *s, const feat_aggregate *a) {
    return s->slot == a->slot && s->window == a->window;
}

void feat_slide_done(feat_slide *s) {
    feat_scratch_done(&s->values);
    feat_scratch_done(&s->result);
    feat_free(s->value_of);
    feat_free(s->counts);
    feat_free(s->present);
    feat_free(s->below);
    feat_free(s->most);
    feat_free(s->of_count);
    feat_free(s->listed);
    feat_free(s->place);
    feat_free(s->hashes);
    feat_free(s->registers);
    feat_free(s->highest);
}

void feat_slide_build(feat_slide *s, const feat_event_slot *events, size_t n) {
    s->events = *events;
    s->n_events = n;
    s->counted = false;
}

void feat_slide_forget(feat_slide *s) { feat_scratch_reset(&s->result); }

bool feat_slide_pays(feat_range range) { return feat_range_length(range) >= SHORT; }

/* ---- Values and their numbers. ---- */

static int number_values(feat_slide *s) {
    feat_class class = s->events.class;
    size_t size = feat_class_size(class), n = 0;
    feat_scratch_reset(&s->values);
    char *lanes = feat_values_room(&s->values, s->n_events, size);
    if (!lanes || FEAT_GROW(s->value_of, s->value_of_capacity, s->n_events) != 0) return -1;
    for (size_t i = 0; i < s->n_events; i++)
        if (s->events.state[i] == FEAT_STATE_VALUE)
            memcpy(lanes + n++ * size, (const char *)s->events.values + i * size, size);
    s->all = (feat_tally){.class = class};
    if (n > 0 && !feat_tally_make(&s->all, &s->values, class, lanes, n, true)) return -1;
    for (size_t i = 0, k = 0; i < s->n_events; i++)
        s->value_of[i] = s->events.state[i] == FEAT_STATE_VALUE ? s->all.groups[k++] : NO_VALUE;
    s->zero = SIZE_MAX;
    for (size_t v = 0; class == FEAT_CLASS_F && v < s->all.n; v++)
        if (((const double *)s->all.values)[v] == 0) s->zero = v;
    return 0;
}

static int compare_hashes(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Hashes are what is counted: of values that share one, texts that somebody made so, the first stands for all. */
static int find_twins(feat_slide *s) {
    size_t n = s->all.n;
    const uint64_t *sorted = s->hashes + n;
    bool any = false;
    s->first_of = s->of_hash = NULL;
    s->twins = 0;
    memcpy(s->hashes + n, s->hashes, n * sizeof *s->hashes);
    qsort(s->hashes + n, n, sizeof *s->hashes, compare_hashes);
    for (size_t v = 1; v < n; v++) any |= sorted[v - 1] == sorted[v];
    if (!any) return 0;
    s->first_of = feat_values_room(&s->values, n, sizeof *s->first_of);
    s->of_hash = feat_values_room(&s->values, n, sizeof *s->of_hash);
    if (!s->first_of || !s->of_hash) return -1;
    memset(s->of_hash, 0, n * sizeof *s->of_hash);
    for (size_t v = 0; v < n; v++) { /* the place of the hash among the sorted ones */
        size_t low = 0;
        for (size_t left = n; left > 0;) {
            size_t half = left / 2;
            if (sorted[low + half] < s->hashes[v]) low += half + 1, left -= half + 1;
            else left = half;
        }
        s->first_of[v] = (uint32_t)low;
    }
    return 0;
}

static int hash_values(feat_slide *s) {
    size_t n = s->all.n;
    if (FEAT_GROW(s->hashes, s->hashes_capacity, 2 * n) != 0) return -1;
    int scale = FEAT_TYPE_SCALE(s->block->slots[s->slot]);
    for (size_t v = 0; v < n; v++) s->hashes[v] = feat_value_hash(s->all.class, scale, s->all.values, v);
    if (find_twins(s) != 0) return -1;
    if (n <= FEAT_HLL_FEW) return 0;
    if (!s->registers) s->registers = feat_alloc_array(FEAT_HLL_REGISTERS, (FEAT_HLL_RANK_MAX + 1) * sizeof(uint32_t));
    if (!s->highest) s->highest = feat_alloc(FEAT_HLL_REGISTERS);
    if (!s->registers || !s->highest) return -1;
    memset(s->registers, 0, FEAT_HLL_REGISTERS * (FEAT_HLL_RANK_MAX + 1) * sizeof *s->registers);
    memset(s->highest, 0, FEAT_HLL_REGISTERS);
    memset(s->of_rank, 0, sizeof s->of_rank);
    s->of_rank[0] = FEAT_HLL_REGISTERS;
    return 0;
}

static int count_values(feat_slide *s) {
    if (number_values(s) != 0) return -1;
    size_t n = s->all.n, words = n / 64 + 1;
    s->leaves = 1;
    while (s->leaves < n) s->leaves *= 2;
    if (FEAT_GROW(s->counts, s->counts_capacity, n + 1) != 0 ||
        FEAT_GROW(s->present, s->present_capacity, words) != 0 ||
        (s->orders && FEAT_GROW(s->below, s->below_capacity, n + 1) != 0) ||
        (s->ranks && FEAT_GROW(s->most, s->most_capacity, 2 * s->leaves) != 0) ||
        (s->shares && (FEAT_GROW(s->of_count, s->of_count_capacity, s->n_events + 1) != 0 ||
                       FEAT_GROW(s->listed, s->listed_capacity, n + 2) != 0 ||
                       FEAT_GROW(s->place, s->place_capacity, s->n_events + 1) != 0)))
        return -1;
    memset(s->counts, 0, (n + 1) * sizeof *s->counts);
    memset(s->present, 0, words * sizeof *s->present);
    if (s->orders) memset(s->below, 0, (n + 1) * sizeof *s->below);
    if (s->ranks) memset(s->most, 0, 2 * s->leaves * sizeof *s->most);
    if (s->shares) memset(s->of_count, 0, (s->n_events + 1) * sizeof *s->of_count);
    if (s->sketches && hash_values(s) != 0) return -1;
    s->at = (feat_range){0, 0};
    if (!s->sketches) s->twins = 0;
    s->n = s->errors = s->different = s->minus_zeros = s->n_listed = 0;
    s->whole = 0;
    feat_exact_init(&s->exact);
    s->counted = true;
    return 0;
}

/* ---- Moving. ---- */

static void note_order(feat_slide *s, size_t value, uint32_t change) {
    for (size_t i = value + 1; i <= s->all.n; i += i & (0 - i)) s->below[i] += change;
}

static void note_rank(feat_slide *s, size_t value, uint32_t count) {
    size_t i = s->leaves + value;
    for (s->most[i] = count; i > 1; i /= 2) {
        uint32_t greatest = s->most[i] > s->most[i ^ 1] ? s->most[i] : s->most[i ^ 1];
        if (s->most[i / 2] == greatest) return;
        s->most[i / 2] = greatest;
    }
}

/* One value less has the count `from`, one more has `to`; 0 is no count. */
static void note_share(feat_slide *s, uint32_t from, uint32_t to) {
    if (from > 0 && --s->of_count[from] == 0) {
        uint32_t last = s->listed[--s->n_listed];
        s->listed[s->place[from]] = last;
        s->place[last] = s->place[from];
    }
    if (to > 0 && s->of_count[to]++ == 0) {
        s->place[to] = (uint32_t)s->n_listed;
        s->listed[s->n_listed++] = to;
    }
}

static void note_twin(feat_slide *s, size_t value, bool comes) {
    uint32_t *there = &s->of_hash[s->first_of[value]];
    if (comes && (*there)++ > 0) s->twins++;
    if (!comes && --*there > 0) s->twins--;
}

static void note_sketch(feat_slide *s, size_t value, bool comes) {
    uint64_t hash = s->hashes[value];
    uint8_t rank = feat_hll_rank(hash), *highest = &s->highest[feat_hll_register(hash)], before = *highest;
    uint32_t *of_register = s->registers + (size_t)feat_hll_register(hash) * (FEAT_HLL_RANK_MAX + 1);
    of_register[rank] += comes ? 1 : UINT32_MAX;
    if (comes && rank > before) *highest = rank;
    while (!comes && *highest > 0 && of_register[*highest] == 0) --*highest;
    s->of_rank[before]--;
    s->of_rank[*highest]++;
}

static void note_sum(feat_slide *s, size_t value, bool comes) {
    if (s->all.class == FEAT_CLASS_F) feat_exact_add_signed(&s->exact, ((const double *)s->all.values)[value], -!comes);
    else
        s->whole +=
            comes ? ((const int64_t *)s->all.values)[value] : -(feat_int128)((const int64_t *)s->all.values)[value];
}

/* A value comes into the window that it was not in, or goes for good. */
static void note_value(feat_slide *s, size_t value, bool comes) {
    s->different += comes ? 1 : SIZE_MAX;
    s->present[value / 64] ^= UINT64_C(1) << value % 64;
    if (s->sketches && s->of_hash) note_twin(s, value, comes);
    if (s->sketches && s->all.n > FEAT_HLL_FEW) note_sketch(s, value, comes);
    if (s->sums) note_sum(s, value, comes);
}

static void count_event(feat_slide *s, size_t event, bool comes) {
    uint32_t value = s->value_of[event], one = comes ? 1 : UINT32_MAX;
    if (value == NO_VALUE) {
        s->errors += s->events.state[event] == FEAT_STATE_ERROR ? (comes ? 1 : SIZE_MAX) : 0;
        return;
    }
    uint32_t before = s->counts[value], now = before + one;
    s->counts[value] = now;
    s->n += comes ? 1 : SIZE_MAX;
    if (value == s->zero && feat_double_bits(((const double *)s->events.values)[event]) != 0)
        s->minus_zeros += comes ? 1 : SIZE_MAX;
    if (s->orders) note_order(s, value, one);
    if (s->ranks) note_rank(s, value, now);
    if (s->shares) note_share(s, before, now);
    if (before == 0 || now == 0) note_value(s, value, comes);
}

static void move_to(feat_slide *s, feat_range range) {
    feat_range *at = &s->at;
    if (range.from >= at->to || range.to <= at->from) {
        while (at->to > at->from) count_event(s, --at->to, false);
        *at = (feat_range){range.from, range.from};
    }
    while (at->from > range.from) count_event(s, --at->from, true);
    while (at->to < range.to) count_event(s, at->to++, true);
    while (at->from < range.from) count_event(s, at->from++, false);
    while (at->to > range.to) count_event(s, --at->to, false);
}

/* ---- Answers. ---- */

static feat_cell cell_of(const feat_slide *s, size_t value) {
    uint8_t state = FEAT_STATE_VALUE;
    size_t size = feat_class_size(s->all.class);
    feat_event_slot one = {
        .class = s->all.class, .values = (char *)(uintptr_t)s->all.values + value * size, .state = &state};
    return feat_cell_of_event(&one, 0);
}

/* The value at a place among those of the window, 0 being the least. */
static feat_cell find_place(const void *context, size_t place) {
    const feat_slide *s = context;
    size_t value = 0;
    for (size_t step = s->leaves; step; step /= 2) {
        if (value + step > s->all.n || s->below[value + step] > place) continue;
        value += step;
        place -= s->below[value];
    }
    feat_cell cell = cell_of(s, value);
    if (value == s->zero) cell.v.f = place < s->minus_zeros ? -0.0 : 0.0;
    return cell;
}

/* Of the values that come most often the least. */
static size_t most_frequent(const feat_slide *s) {
    size_t i = 1;
    while (i < s->leaves) i = 2 * i + (s->most[2 * i] < s->most[i]);
    return i - s->leaves;
}

/* Each value's count is put back once all have been taken. */
static feat_cell top(feat_slide *s, const feat_agg_input *in) {
    uint64_t wanted = (uint64_t)in->parameter->v.i;
    size_t k = wanted < s->different ? (size_t)wanted : s->different;
    uint32_t *order = feat_values_room(&s->result, k, sizeof *order);
    if (!order) return feat_cell_of_state(FEAT_STATE_ERROR);
    for (size_t i = 0; i < k; i++) {
        order[i] = (uint32_t)most_frequent(s);
        note_rank(s, order[i], 0);
    }
    for (size_t i = 0; i < k; i++) note_rank(s, order[i], s->counts[order[i]]);
    return feat_tally_top(in, &s->all, order, k);
}

/* Terms are added exactly, so that those of values with one count are one term so many times. */
static feat_cell entropy(const feat_slide *s) {
    feat_exact sum;
    feat_exact_init(&sum);
    for (size_t i = 0; i < s->n_listed; i++) {
        double count = s->listed[i], term = count * feat_log2((double)s->n / count);
        for (uint32_t times = s->of_count[s->listed[i]]; times; times /= 2, term += term)
            if (times % 2) feat_exact_add(&sum, term);
    }
    return feat_cell_of_double(feat_exact_mean(&sum, (int64_t)s->n));
}

static feat_cell all_of(feat_slide *s, const feat_agg_input *in, bool map) {
    size_t size = feat_class_size(s->all.class), n = 0;
    char *values = feat_values_room(&s->result, s->different, size);
    uint32_t *counts = feat_values_room(&s->result, s->different, sizeof *counts);
    if (!values || !counts) return feat_cell_of_state(FEAT_STATE_ERROR);
    for (size_t word = 0; word <= s->all.n / 64; word++)
        for (uint64_t bits = s->present[word]; bits; bits &= bits - 1) {
            size_t value = 64 * word + (size_t)__builtin_ctzll(bits);
            memcpy(values + n * size, (const char *)s->all.values + value * size, size);
            counts[n++] = s->counts[value];
        }
    feat_tally here = {.class = s->all.class, .n = n, .values = values, .counts = counts};
    return map ? feat_tally_map(in, &here) : feat_tally_list(in, &here);
}

static feat_cell sketched(const feat_slide *s) {
    size_t hashes = s->different - s->twins;
    return feat_cell_of_int((int64_t)(hashes <= FEAT_HLL_FEW ? hashes : feat_hll_estimate(s->of_rank)));
}

static feat_cell sum(const feat_slide *s, feat_agg agg) {
    int64_t n = (int64_t)s->different;
    switch (agg) {
    case FEAT_AGG_SUM_DISTINCT_DOUBLE: return feat_cell_of_double(feat_exact_round(&s->exact));
    case FEAT_AGG_AVG_DISTINCT_DOUBLE: return feat_cell_of_double(feat_exact_mean(&s->exact, n));
    case FEAT_AGG_AVG_DISTINCT_INT: return feat_cell_of_double(feat_int_mean(s->whole, n));
    default:
        return s->whole == (int64_t)s->whole ? feat_cell_of_int((int64_t)s->whole)
                                             : feat_cell_of_state(FEAT_STATE_ERROR);
    }
}

static feat_cell answer(feat_slide *s, const feat_aggregate *a) {
    feat_agg_input in = {.n = s->n,
                         .types = {s->block->slots[s->slot]},
                         .type = a->type,
                         .parameter = &a->parameter,
                         .scratch = &s->result};
    bool counts = a->agg == FEAT_AGG_COUNT_DISTINCT || a->agg == FEAT_AGG_APPROX_COUNT_DISTINCT;
    if (s->errors > 0) return feat_cell_of_state(FEAT_STATE_ERROR);
    if (s->n == 0 && !counts) return feat_cell_of_state(FEAT_STATE_NULL);
    if (is_quantile(a->agg)) {
        feat_ranking ranking = {.class = s->all.class, .n = s->n, .find = find_place, .context = s};
        return feat_quantile_of(&in, a->agg, &ranking);
    }
    switch (a->agg) {
    case FEAT_AGG_COUNT_DISTINCT: return feat_cell_of_int((int64_t)s->different);
    case FEAT_AGG_APPROX_COUNT_DISTINCT: return sketched(s);
    case FEAT_AGG_DISTINCT_RATIO: return feat_cell_of_double((double)s->different / (double)s->n);
    case FEAT_AGG_MODE: return cell_of(s, most_frequent(s));
    case FEAT_AGG_TOP1_RATIO: return feat_cell_of_double((double)s->most[1] / (double)s->n);
    case FEAT_AGG_TOP_K: return top(s, &in);
    case FEAT_AGG_ENTROPY: return entropy(s);
    case FEAT_AGG_LIST_DISTINCT: return all_of(s, &in, false);
    case FEAT_AGG_HISTOGRAM: return all_of(s, &in, true);
    default: return sum(s, a->agg);
    }
}

feat_status feat_slide_query(feat_slide *s, const feat_aggregate *a, feat_range range, feat_cell *out,
                             feat_error *err) {
    if (!s->counted && count_values(s) != 0) return feat_fail_memory(err);
    move_to(s, range);
    *out = answer(s, a);
    return s->result.failed ? feat_fail_memory(err) : FEAT_OK;
}
