#include "engine/enriched.h"

#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "engine/grouping.h"
#include "engine/ingest.h" /* feat_sort_keys */
#include "engine/partitions.h"
#include "exec/cell.h"
#include "exec/frame.h" /* feat_time_lower_bound */

/* The block of one join. */
typedef struct asked {
    feat_lives *lives; /* by branch */
    bool still;        /* nothing of it changes between the versions */
} asked;

struct feat_enriching {
    const feat_answering *how;
    const feat_code *code;
    asked *joins;
};

/* ---- What is asked. ---- */

static bool is_still(const feat_lives *h, uint32_t n_versions) {
    for (size_t s = 0; s < h->n; s++) {
        const feat_lives_segment *segment = &h->segments[s];
        for (uint32_t row = 0; row < segment->rows; row++) {
            feat_lifetime life = feat_lives_row(segment, row);
            if (life.from < life.to && (life.from > 0 || life.to < n_versions)) return false;
            if (!segment->ends) break; /* as all others of it */
        }
    }
    return true;
}

static feat_status asked_make(asked *a, const feat_answering *how, const feat_block *block, feat_error *err) {
    const feat_moments *among = how->among;
    a->lives = feat_alloc_zero(block->n_branches, sizeof *a->lives);
    if (!a->lives) return feat_fail_memory(err);
    a->still = true;
    for (size_t b = 0; b < block->n_branches; b++) {
        FEAT_TRY(feat_lives_make(&a->lives[b], how->db, block->branches[b].table, among->versions, among->n,
                                 among->restored, err));
        a->still = a->still && !block->branches[b].stage.code->n_joins && is_still(&a->lives[b], (uint32_t)among->n);
    }
    return FEAT_OK;
}

feat_status feat_enriching_make(const feat_answering *how, const feat_code *code, feat_enriching **enriching,
                                feat_error *err) {
    feat_enriching *e = feat_alloc_zero(1, sizeof *e);
    if (!e) return feat_fail_memory(err);
    *e = (feat_enriching){how, code, feat_alloc_zero(code->n_joins, sizeof *e->joins)};
    feat_status status = e->joins ? FEAT_OK : feat_fail_memory(err);
    for (size_t j = 0; j < code->n_joins && status == FEAT_OK; j++)
        status = asked_make(&e->joins[j], how, code->joins[j].block, err);
    if (status == FEAT_OK) *enriching = e;
    else feat_enriching_free(e);
    return status;
}

void feat_enriching_free(feat_enriching *e) {
    if (!e) return;
    for (size_t j = 0; e->joins && j < e->code->n_joins; j++) {
        for (size_t b = 0; e->joins[j].lives && b < e->code->joins[j].block->n_branches; b++)
            feat_lives_done(&e->joins[j].lives[b]);
        feat_free(e->joins[j].lives);
    }
    feat_free(e->joins);
    feat_free(e);
}

/* ---- When an answer can change. ---- */

/* Row and moment of each change. */
typedef struct changes {
    feat_sort_item *items;
    size_t n, capacity;
} changes;

typedef struct finding {
    const feat_block *block;
    const feat_grouping *groups;
    const feat_lifetime *life; /* by row */
    uint32_t n_versions;
    feat_partitions *partitions;
    changes *found; /* by partition */
} finding;

/* The events of one key. */
typedef struct known {
    int64_t *times;
    uint32_t *latest; /* up to each of them: the latest moment at which one came or went */
    size_t n, times_capacity, latest_capacity;
} known;

static feat_status take_key(known *k, const feat_entity_events *events, const uint32_t *numbers, size_t n,
                            uint32_t n_versions, feat_error *err) {
    uint32_t latest = 0;
    if (FEAT_GROW(k->times, k->times_capacity, n) != 0 || FEAT_GROW(k->latest, k->latest_capacity, n) != 0)
        return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        feat_lifetime life = events->life[numbers[i]];
        if (life.from > latest) latest = life.from;
        if (life.to < n_versions && life.to > latest) latest = life.to;
        k->times[i] = events->events.time[numbers[i]];
        k->latest[i] = latest;
    }
    k->n = n;
    return FEAT_OK;
}

/* The first event up to which one came or went after `moment`. */
static size_t first_changed(const known *k, uint32_t moment) {
    size_t low = 0, left = k->n;
    while (left > 0) {
        size_t half = left / 2;
        if (k->latest[low + half] <= moment) low += half + 1, left -= half + 1;
        else left = half;
    }
    return low;
}

static feat_status add_change(changes *c, uint32_t row, feat_lifetime life, uint32_t moment, feat_error *err) {
    if (moment <= life.from || moment >= life.to) return FEAT_OK;
    if (FEAT_GROW(c->items, c->capacity, c->n + 1) != 0) return feat_fail_memory(err);
    c->items[c->n++] = (feat_sort_item){(uint64_t)row << 32 | moment, row};
    return FEAT_OK;
}

static feat_status change_row(const finding *f, feat_scanner *scanner, const known *k, const feat_lifetime *lives,
                              const uint32_t *numbers, size_t place, changes *found, feat_error *err) {
    uint32_t row = f->groups->rows ? f->groups->rows[place] : (uint32_t)place;
    feat_lifetime life = f->life[row];
    int64_t first, last;
    size_t changed = first_changed(k, life.from);
    if (changed == k->n) return FEAT_OK;
    FEAT_TRY(feat_scanner_span(scanner, f->groups->times[place], &first, &last, err));
    size_t i = feat_time_lower_bound(k->times, k->n, first);
    if (i < changed) i = changed;
    for (; i < k->n && k->times[i] <= last; i++) {
        FEAT_TRY(add_change(found, row, life, lives[numbers[i]].from, err));
        FEAT_TRY(add_change(found, row, life, lives[numbers[i]].to, err));
    }
    return FEAT_OK;
}

static feat_status find_part(void *context, size_t part, feat_error *err) {
    finding *f = context;
    const feat_grouping *g = f->groups;
    feat_entity_events events = {0};
    feat_scanner *scanner = NULL;
    uint32_t *numbers = NULL;
    size_t *starts = NULL, first, n_keys = 0;
    known k = {0};
    feat_status status = feat_scanner_new(f->block, &scanner, err);
    if (status == FEAT_OK) status = feat_partitions_take(f->partitions, part, &events, &first, &n_keys, err);
    if (status == FEAT_OK) status = feat_group_events(&events, n_keys, &numbers, &starts, err);
    for (size_t key = 0; key < n_keys && status == FEAT_OK; key++) {
        size_t n = starts[key + 1] - starts[key];
        const uint32_t *own = numbers + starts[key];
        if (n > 0) status = take_key(&k, &events, own, n, f->n_versions, err);
        uint32_t end = n > 0 ? g->starts[first + key + 1] : 0;
        for (uint32_t place = g->starts[first + key]; place < end && status == FEAT_OK; place++)
            status = change_row(f, scanner, &k, events.life, own, place, &f->found[part], err);
    }
    feat_free(k.times);
    feat_free(k.latest);
    feat_free(numbers);
    feat_free(starts);
    feat_scanner_free(scanner);
    feat_entity_events_done(&events);
    return status;
}

static feat_status gather_changes(const changes *found, size_t n_found, changes *all, feat_error *err) {
    size_t n = 0;
    for (size_t i = 0; i < n_found; i++) n += found[i].n;
    if (n == 0) return FEAT_OK;
    if (n > SIZE_MAX / 2 || FEAT_GROW(all->items, all->capacity, 2 * n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < n_found; i++) {
        if (found[i].n) memcpy(all->items + all->n, found[i].items, found[i].n * sizeof *all->items);
        all->n += found[i].n;
    }
    feat_sort_keys(all->items, all->items + n, n);
    all->n = 0;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || all->items[i].key != all->items[all->n - 1].key) all->items[all->n++] = all->items[i];
    return FEAT_OK;
}

/* By row and moment, each once: between them what a join says of a row stays. There may be more than needed. */
static feat_status find_changes(const feat_answering *how, const feat_code *code, size_t join, const feat_enriched *of,
                                changes *all, feat_error *err) {
    feat_grouping groups = {0};
    finding f = {code->joins[join].block, &groups, of->life, (uint32_t)how->among->n, NULL, NULL};
    size_t n = 0;
    feat_status status = feat_grouping_make(&groups, code, join, &of->rows, of->n, how->threads, err);
    if (status != FEAT_OK || groups.n_keys == 0) goto out;
    FEAT_GOTO(status, feat_grouping_encode(&groups, err), out);
    FEAT_GOTO(status, feat_partitions_make(how, f.block, &groups.map, &f.partitions, err), out);
    n = feat_partitions_count(f.partitions);
    f.found = feat_alloc_zero(n, sizeof *f.found);
    if (!f.found) {
        status = feat_fail_memory(err);
        goto out;
    }
    FEAT_GOTO(status, feat_parallel(how->threads, n, find_part, &f, err), out);
    status = gather_changes(f.found, n, all, err);
out:
    for (size_t i = 0; f.found && i < n; i++) feat_free(f.found[i].items);
    feat_free(f.found);
    feat_partitions_free(f.partitions);
    feat_grouping_done(&groups);
    return status;
}

/* ---- Rows into several, and back. ---- */

void feat_enriched_done(feat_enriched *e) {
    for (size_t j = 0; e->answers && j < e->n_joins; j++) feat_answers_done(&e->answers[j]);
    for (size_t i = 0; e->columns && i < e->n_inputs; i++) feat_column_done(&e->columns[i]);
    feat_free(e->times);
    feat_free(e->own_life);
    feat_free(e->columns);
    feat_free(e->inputs);
    feat_free(e->answers);
    *e = (feat_enriched){0};
}

static feat_status copy_answers(const feat_answers *from, feat_answers *to, const uint32_t *numbers, size_t n,
                                feat_error *err) {
    for (size_t a = 0; a < to->n; a++) {
        const feat_event_slot *column = &from->columns[a];
        if (column->class == FEAT_CLASS_N) continue;
        for (size_t i = 0; i < n; i++) {
            feat_cell cell = feat_cell_of_event(column, numbers[i]);
            if (!feat_answers_put_one(to, a, i, &cell)) return feat_fail_memory(err);
        }
    }
    return FEAT_OK;
}

static feat_status copy_rows(const feat_enriched *from, const feat_code *code, size_t joins, const uint32_t *numbers,
                             const feat_lifetime *life, size_t n, feat_enriched *to, feat_error *err) {
    to->n_inputs = from->n_inputs;
    to->n_joins = from->n_joins;
    to->n = n;
    to->times = feat_alloc_array(n, sizeof *to->times);
    to->own_life = feat_alloc_array(n, sizeof *to->own_life);
    to->columns = feat_alloc_zero(to->n_inputs, sizeof *to->columns);
    to->inputs = feat_alloc_zero(to->n_inputs, sizeof *to->inputs);
    to->answers = feat_alloc_zero(to->n_joins, sizeof *to->answers);
    if (!to->times || !to->own_life || !to->columns || !to->inputs || !to->answers) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) to->times[i] = from->rows.times[numbers[i]];
    memcpy(to->own_life, life, n * sizeof *life);
    for (size_t i = 0; i < to->n_inputs; i++) {
        const feat_column *column = from->rows.inputs[i];
        if (!column) continue;
        feat_column_init(&to->columns[i], column->type);
        to->inputs[i] = &to->columns[i];
        if (feat_column_append_rows(&to->columns[i], column, numbers, n) != 0) return feat_fail_memory(err);
    }
    for (size_t j = 0; j < joins; j++) {
        FEAT_TRY(feat_answers_init(&to->answers[j], code, j, n, err));
        FEAT_TRY(copy_answers(&from->answers[j], &to->answers[j], numbers, n, err));
    }
    to->life = to->own_life;
    to->rows = (feat_row_source){to->inputs, to->times, to->answers};
    return FEAT_OK;
}

/* Makes e the rows `numbers` of itself, with the answers to its first `joins` joins. */
static feat_status pick_rows(feat_enriched *e, const feat_code *code, size_t joins, const uint32_t *numbers,
                             const feat_lifetime *life, size_t n, feat_error *err) {
    feat_enriched made = {0};
    feat_status status = copy_rows(e, code, joins, numbers, life, n, &made, err);
    if (status == FEAT_OK) {
        feat_enriched swap = *e;
        *e = made;
        made = swap;
    }
    feat_enriched_done(&made);
    return status;
}

typedef struct pieces {
    uint32_t *numbers; /* of the row that each is of */
    feat_lifetime *life;
    size_t n;
} pieces;

static void pieces_done(pieces *p) {
    feat_free(p->numbers);
    feat_free(p->life);
}

static feat_status pieces_init(pieces *p, size_t n, feat_error *err) {
    if (n > UINT32_MAX) return feat_fail(err, FEAT_LIMIT, "too many rows at once");
    p->numbers = feat_alloc_array(n, sizeof *p->numbers);
    p->life = feat_alloc_array(n, sizeof *p->life);
    return p->numbers && p->life ? FEAT_OK : feat_fail_memory(err);
}

static void cut_row(pieces *p, uint32_t row, feat_lifetime life) {
    p->numbers[p->n] = row;
    p->life[p->n++] = life;
}

/* Cuts the rows where they change. */
static feat_status cut_rows(feat_enriched *e, const feat_code *code, size_t join, const changes *all, pieces *p,
                            feat_error *err) {
    FEAT_TRY(pieces_init(p, e->n + all->n, err));
    for (size_t row = 0, c = 0; row < e->n; row++) {
        feat_lifetime life = e->life[row];
        for (; c < all->n && all->items[c].row == row; c++) {
            uint32_t moment = (uint32_t)all->items[c].key;
            cut_row(p, (uint32_t)row, (feat_lifetime){life.from, moment});
            life.from = moment;
        }
        cut_row(p, (uint32_t)row, life);
    }
    return pick_rows(e, code, join, p->numbers, p->life, p->n, err);
}

static bool same_answer(const feat_answers *answers, size_t i, size_t k) {
    for (size_t a = 0; a < answers->n; a++) {
        const feat_event_slot *column = &answers->columns[a];
        if (column->class == FEAT_CLASS_N) continue;
        feat_cell x = feat_cell_of_event(column, i), y = feat_cell_of_event(column, k);
        if (x.state != y.state) return false;
        if (x.state != FEAT_STATE_VALUE) continue;
        if (column->class != FEAT_CLASS_T) {
            if (memcmp(&x, &y, sizeof x) != 0) return false;
        } else if (x.v.t.length != y.v.t.length ||
                   (x.v.t.length && memcmp(x.v.t.data, y.v.t.data, x.v.t.length) != 0)) {
            return false;
        }
    }
    return true;
}

/* Joins the pieces of a row that came to the same answer after all, for fewer events are faster. */
static feat_status mend_rows(feat_enriched *e, const feat_code *code, size_t join, const pieces *cut, feat_error *err) {
    pieces p = {0};
    feat_status status = pieces_init(&p, e->n, err);
    for (size_t i = 0; i < e->n && status == FEAT_OK; i++) {
        if (i > 0 && cut->numbers[i] == cut->numbers[i - 1] && same_answer(&e->answers[join], i - 1, i))
            p.life[p.n - 1].to = e->life[i].to;
        else cut_row(&p, (uint32_t)i, e->life[i]);
    }
    if (status == FEAT_OK && p.n < e->n) status = pick_rows(e, code, join + 1, p.numbers, p.life, p.n, err);
    pieces_done(&p);
    return status;
}

/* ---- Enriching. ---- */

static feat_status ask_moments(const feat_answering *how, const feat_code *code, size_t join, feat_enriched *e,
                               feat_error *err) {
    uint32_t *moments = feat_alloc_array(e->n, sizeof *moments);
    feat_answering at = *how;
    if (!moments) return feat_fail_memory(err);
    for (size_t i = 0; i < e->n; i++) moments[i] = e->life[i].from;
    at.moments = moments;
    feat_status status = feat_answer_join(&at, code, join, &e->rows, e->n, &e->answers[join], err);
    feat_free(moments);
    return status;
}

static feat_status enrich_join(const feat_enriching *e, size_t join, feat_enriched *out, feat_error *err) {
    feat_answering how = *e->how;
    changes all = {0};
    pieces cut = {0};
    how.work = NULL; /* its units are rows of the spine */
    how.lives = NULL;
    how.moments = NULL;
    how.version = how.among->versions[0];
    if (e->joins[join].still)
        return feat_answer_join(&how, e->code, join, &out->rows, out->n, &out->answers[join], err);
    how.lives = e->joins[join].lives;
    feat_status status = find_changes(&how, e->code, join, out, &all, err);
    if (status == FEAT_OK && all.n) status = cut_rows(out, e->code, join, &all, &cut, err);
    if (status == FEAT_OK) status = ask_moments(&how, e->code, join, out, err);
    if (status == FEAT_OK && all.n) status = mend_rows(out, e->code, join, &cut, err);
    feat_free(all.items);
    pieces_done(&cut);
    return status;
}

feat_status feat_enrich(const feat_enriching *e, const feat_column *const *inputs, size_t n_inputs,
                        const int64_t *times, const feat_lifetime *life, size_t n, feat_enriched *out,
                        feat_error *err) {
    *out = (feat_enriched){.life = life, .n = n, .n_inputs = n_inputs, .n_joins = e->code->n_joins};
    out->answers = feat_alloc_zero(out->n_joins, sizeof *out->answers);
    if (!out->answers) return feat_fail_memory(err);
    out->rows = (feat_row_source){inputs, times, out->answers};
    for (size_t j = 0; j < out->n_joins; j++) FEAT_TRY(enrich_join(e, j, out, err));
    return FEAT_OK;
}
