#include "engine/served.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "engine/lives.h"
#include "engine/ingest.h" /* feat_sort_keys */
#include "exec/cell.h"

/* ---- Which version. ---- */

/* A position that a reader returned. */
static feat_status given_version(const feat_spine *s, size_t row, uint64_t newest, uint64_t *version, feat_error *err) {
    int64_t number = feat_column_int(s->versions, row);
    if (s->sequences && feat_column_int(s->sequences, row) != 0)
        return feat_fail_row(err, FEAT_DATA, (int64_t)row,
                             "spine row %zu: position (%lld, %lld) counts pushed events, of which there are none", row,
                             (long long)number, (long long)feat_column_int(s->sequences, row));
    if (number < 1)
        return feat_fail_row(err, FEAT_NOT_FOUND, (int64_t)row,
                             "spine row %zu: nothing was served at version %lld, before the first commit", row,
                             (long long)number);
    if ((uint64_t)number > newest)
        return feat_fail_row(err, FEAT_NOT_FOUND, (int64_t)row,
                             "spine row %zu: version %lld is newer than %llu, which the training set is read from", row,
                             (long long)number, (unsigned long long)newest);
    *version = (uint64_t)number;
    return FEAT_OK;
}

/* The log of what the main line has pointed to: a commit was the newest from its known time on. */
static feat_status known_version(const feat_version_info *log, size_t n, int64_t t, size_t row, uint64_t *version,
                                 feat_error *err) {
    size_t low = 0, left = n;
    while (left > 0) {
        size_t half = left / 2;
        if (log[low + half].known_time <= t) low += half + 1, left -= half + 1;
        else left = half;
    }
    if (low == 0) {
        char text[FEAT_TIME_TEXT_SIZE], first[FEAT_TIME_TEXT_SIZE];
        feat_format_timestamp(t, text);
        if (n > 0) feat_format_timestamp(log[0].known_time, first);
        return feat_fail_row(err, FEAT_NOT_FOUND, (int64_t)row,
                             "spine row %zu: nothing was served at %s, before the first commit%s%s", row, text,
                             n ? " at " : "", n ? first : "");
    }
    *version = log[low - 1].version;
    return FEAT_OK;
}

feat_status feat_served_versions(feat_db *db, uint64_t newest, const feat_spine *s, uint64_t **versions,
                                 feat_error *err) {
    uint64_t *made = feat_alloc_array(s->n_rows, sizeof *made);
    feat_arena arena;
    feat_version_info *log = NULL;
    size_t n = 0;
    feat_status status = made ? FEAT_OK : feat_fail_memory(err);
    feat_arena_init(&arena);
    if (status == FEAT_OK && !s->versions) status = feat_version_list(db, 0, &arena, &log, &n, err);
    while (n > 0 && log[n - 1].version > newest) n--;
    for (size_t row = 0; row < s->n_rows && status == FEAT_OK; row++)
        status = s->versions ? given_version(s, row, newest, &made[row], err)
                             : known_version(log, n, feat_column_int(s->times, row), row, &made[row], err);
    feat_arena_done(&arena);
    if (status != FEAT_OK) feat_free(made);
    else *versions = made;
    return status;
}

/* ---- The versions that differ for a block. ---- */

static bool is_enriched(const feat_block *block) {
    for (size_t b = 0; b < block->n_branches; b++)
        if (block->branches[b].stage.code->n_joins) return true;
    return false;
}

/* Whether a block reads a table, itself or to enrich its events. */
static bool reads_table(const feat_block *block, uint32_t table_id) {
    for (size_t b = 0; b < block->n_branches; b++) {
        const feat_code *code = block->branches[b].stage.code;
        if (block->branches[b].table->table_id == table_id) return true;
        for (size_t j = 0; j < code->n_joins; j++)
            if (reads_table(code->joins[j].block, table_id)) return true;
    }
    return false;
}

/* Versions between which no table of the block has changed are one moment to it. */
typedef struct moments {
    uint32_t *of_rows;
    uint64_t *versions; /* by moment; ascending */
    size_t n;
    bool restored; /* a table of the block has been, at some time */
} moments;

static void moments_done(moments *m) {
    feat_free(m->of_rows);
    feat_free(m->versions);
}

/* `items`: the rows by ascending version; `log`: all commits. */
static feat_status find_moments(moments *m, const feat_block *block, const feat_version_info *log, size_t n_log,
                                const feat_sort_item *items, size_t n, feat_error *err) {
    bool changed = true;
    *m = (moments){feat_alloc_array(n, sizeof *m->of_rows), feat_alloc_array(n, sizeof *m->versions), 0, false};
    if (!m->of_rows || !m->versions) return feat_fail_memory(err);
    for (size_t i = 0; i < n_log && !m->restored; i++)
        m->restored = log[i].operation == FEAT_OPERATION_RESTORE && reads_table(block, log[i].table_id);
    for (size_t i = 0, at = 0; i < n; i++) {
        for (; at < n_log && log[at].version <= items[i].key; at++)
            changed = changed || reads_table(block, log[at].table_id);
        if (changed) m->versions[m->n++] = items[i].key;
        changed = false;
        m->of_rows[items[i].row] = (uint32_t)(m->n - 1);
    }
    return FEAT_OK;
}

/* ---- One moment after the other. ---- */

/* Answers of rows to rows; NULL: their own places. */
static feat_status copy_answers(const feat_answers *from, const uint32_t *from_rows, feat_answers *to,
                                const uint32_t *to_rows, size_t n, feat_error *err) {
    for (size_t a = 0; a < to->n; a++) {
        const feat_event_slot *column = &from->columns[a];
        if (column->class == FEAT_CLASS_N) continue;
        for (size_t i = 0; i < n; i++) {
            feat_cell cell = feat_cell_of_event(column, from_rows ? from_rows[i] : i);
            if (!feat_answers_put_one(to, a, to_rows ? to_rows[i] : i, &cell)) return feat_fail_memory(err);
        }
    }
    return FEAT_OK;
}

/* Some rows of a source, copied: the answers too of the joins before `join`. */
typedef struct excerpt {
    feat_row_source rows;
    int64_t *times;
    feat_column *columns;
    const feat_column **inputs;
    feat_answers *answers;
} excerpt;

static void excerpt_done(excerpt *e, size_t join, size_t n_inputs) {
    for (size_t j = 0; e->answers && j <= join; j++) feat_answers_done(&e->answers[j]);
    for (size_t i = 0; e->columns && i < n_inputs; i++) feat_column_done(&e->columns[i]);
    feat_free(e->times);
    feat_free(e->columns);
    feat_free(e->inputs);
    feat_free(e->answers);
}

static feat_status excerpt_make(excerpt *e, const feat_code *code, size_t join, const feat_row_source *rows,
                                size_t n_inputs, const uint32_t *numbers, size_t n, feat_error *err) {
    *e = (excerpt){.times = feat_alloc_array(n, sizeof *e->times),
                   .columns = feat_alloc_zero(n_inputs, sizeof *e->columns),
                   .inputs = feat_alloc_array(n_inputs, sizeof *e->inputs),
                   .answers = feat_alloc_zero(join + 1, sizeof *e->answers)};
    if (!e->times || !e->columns || !e->inputs || !e->answers) return feat_fail_memory(err);
    e->rows = (feat_row_source){e->inputs, e->times, e->answers};
    for (size_t i = 0; i < n; i++) e->times[i] = rows->times[numbers[i]];
    for (size_t i = 0; i < n_inputs; i++) {
        feat_column_init(&e->columns[i], rows->inputs[i]->type);
        e->inputs[i] = &e->columns[i];
        if (feat_column_append_rows(&e->columns[i], rows->inputs[i], numbers, n) != 0) return feat_fail_memory(err);
    }
    for (size_t j = 0; j < join; j++) {
        FEAT_TRY(feat_answers_init(&e->answers[j], code, j, n, err));
        FEAT_TRY(copy_answers(&rows->answers[j], numbers, &e->answers[j], NULL, n, err));
    }
    return FEAT_OK;
}

/* `items`: the rows of one moment. */
static feat_status answer_moment(const feat_answering *how, const feat_code *code, size_t join,
                                 const feat_row_source *rows, size_t n_inputs, const feat_sort_item *items, size_t n,
                                 feat_answers *answers, feat_error *err) {
    excerpt e = {0};
    uint32_t *numbers = feat_alloc_array(n, sizeof *numbers);
    feat_status status = numbers ? FEAT_OK : feat_fail_memory(err);
    for (size_t i = 0; numbers && i < n; i++) numbers[i] = items[i].row;
    if (status == FEAT_OK) status = excerpt_make(&e, code, join, rows, n_inputs, numbers, n, err);
    if (status == FEAT_OK) status = feat_answer_join(how, code, join, &e.rows, n, &e.answers[join], err);
    if (status == FEAT_OK) status = copy_answers(&e.answers[join], NULL, answers, numbers, n, err);
    excerpt_done(&e, join, n_inputs);
    feat_free(numbers);
    return status;
}

/* Enriched events are other events wherever a table that they are enriched with has changed. */
static feat_status answer_in_turn(const feat_answering *how, const feat_code *code, size_t join,
                                  const feat_row_source *rows, size_t n_inputs, const moments *m,
                                  const feat_sort_item *items, size_t n, feat_answers *answers, feat_error *err) {
    feat_status status = feat_answers_init(answers, code, join, n, err);
    for (size_t first = 0, end; first < n && status == FEAT_OK; first = end) {
        feat_answering at = *how;
        uint32_t moment = m->of_rows[items[first].row];
        at.version = m->versions[moment];
        for (end = first + 1; end < n && m->of_rows[items[end].row] == moment;) end++;
        status = answer_moment(&at, code, join, rows, n_inputs, items + first, end - first, answers, err);
    }
    return status;
}

/* ---- All moments at once. ---- */

static feat_status answer_together(const feat_answering *how, const feat_code *code, size_t join,
                                   const feat_row_source *rows, const moments *m, size_t n, feat_answers *answers,
                                   feat_error *err) {
    const feat_block *block = code->joins[join].block;
    feat_lives *lives = feat_alloc_zero(block->n_branches, sizeof *lives);
    feat_answering at = *how;
    feat_status status = lives ? FEAT_OK : feat_fail_memory(err);
    int64_t ticks = feat_clock_ticks();
    at.lives = lives;
    at.moments = m->of_rows;
    for (size_t b = 0; b < block->n_branches && status == FEAT_OK; b++)
        status = feat_lives_make(&lives[b], how->db, block->branches[b].table, m->versions, m->n, m->restored, err);
    (void)feat_work_spent(how->work, FEAT_WORK_READ, ticks);
    if (status == FEAT_OK) status = feat_answer_join(&at, code, join, rows, n, answers, err);
    for (size_t b = 0; lives && b < block->n_branches; b++) feat_lives_done(&lives[b]);
    feat_free(lives);
    return status;
}

static feat_status answer_join(const feat_answering *how, const feat_code *code, size_t join,
                               const feat_row_source *rows, size_t n_inputs, const moments *m,
                               const feat_sort_item *items, size_t n, feat_answers *answers, feat_error *err) {
    feat_answering at = *how;
    if (m->n == 1) at.version = m->versions[0];
    if (m->n <= 1) return feat_answer_join(&at, code, join, rows, n, answers, err);
    if (is_enriched(code->joins[join].block))
        return answer_in_turn(how, code, join, rows, n_inputs, m, items, n, answers, err);
    return answer_together(how, code, join, rows, m, n, answers, err);
}

feat_status feat_served_answer(const feat_answering *how, const feat_code *code, const feat_row_source *rows,
                               const uint64_t *versions, size_t n_inputs, size_t n, feat_answers *answers,
                               feat_error *err) {
    feat_arena arena;
    feat_version_info *log = NULL;
    size_t n_log = 0;
    feat_sort_item *items = feat_alloc_array(n, 2 * sizeof *items);
    feat_status status = items ? FEAT_OK : feat_fail_memory(err);
    feat_arena_init(&arena);
    if (status == FEAT_OK) status = feat_version_list(how->db, 0, &arena, &log, &n_log, err);
    if (status == FEAT_OK) {
        for (size_t i = 0; i < n; i++) items[i] = (feat_sort_item){versions[i], (uint32_t)i};
        feat_sort_keys(items, items + n, n);
    }
    for (size_t j = 0; j < code->n_joins && status == FEAT_OK; j++) {
        moments m;
        status = find_moments(&m, code->joins[j].block, log, n_log, items, n, err);
        if (status == FEAT_OK) status = answer_join(how, code, j, rows, n_inputs, &m, items, n, &answers[j], err);
        moments_done(&m);
    }
    feat_arena_done(&arena);
    feat_free(items);
    return status;
}
