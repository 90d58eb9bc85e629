#include "engine/served.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
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

/* ---- Rows of one version after the other. ---- */

/* Answers of the rows items[0..n) to their places. */
static feat_status put_answers(const feat_sort_item *items, size_t n, const feat_answers *from, feat_answers *to,
                               feat_error *err) {
    for (size_t a = 0; a < to->n; a++) {
        const feat_event_slot *column = &from->columns[a];
        if (column->class == FEAT_CLASS_N) continue;
        for (size_t i = 0; i < n; i++) {
            feat_cell cell = feat_cell_of_event(column, i);
            if (!feat_answers_put_one(to, a, items[i].row, &cell)) return feat_fail_memory(err);
        }
    }
    return FEAT_OK;
}

static feat_status answer_version(const feat_answering *how, const feat_code *code, const feat_row_source *rows,
                                  size_t n_inputs, const feat_sort_item *items, size_t n, feat_answers *answers,
                                  feat_error *err) {
    feat_answering at = *how;
    at.version = items[0].key;
    uint32_t *numbers = feat_alloc_array(n, sizeof *numbers);
    int64_t *times = feat_alloc_array(n, sizeof *times);
    feat_column *columns = feat_alloc_zero(n_inputs, sizeof *columns);
    const feat_column **inputs = feat_alloc_array(n_inputs, sizeof *inputs);
    feat_answers *own = feat_alloc_zero(code->n_joins, sizeof *own);
    feat_status status = numbers && times && columns && inputs && own ? FEAT_OK : feat_fail_memory(err);
    if (status != FEAT_OK) goto out;
    for (size_t i = 0; i < n; i++) {
        numbers[i] = items[i].row;
        times[i] = rows->times[items[i].row];
    }
    for (size_t i = 0; i < n_inputs; i++) {
        feat_column_init(&columns[i], rows->inputs[i]->type);
        inputs[i] = &columns[i];
        if (feat_column_append_rows(&columns[i], rows->inputs[i], numbers, n) != 0) {
            status = feat_fail_memory(err);
            goto out;
        }
    }
    FEAT_GOTO(status, feat_answer_blocks(&at, code, inputs, times, n, own, err), out);
    for (size_t j = 0; j < code->n_joins; j++) FEAT_GOTO(status, put_answers(items, n, &own[j], &answers[j], err), out);
out:
    for (size_t j = 0; own && j < code->n_joins; j++) feat_answers_done(&own[j]);
    for (size_t i = 0; columns && i < n_inputs; i++) feat_column_done(&columns[i]);
    feat_free(numbers);
    feat_free(times);
    feat_free(columns);
    feat_free(inputs);
    feat_free(own);
    return status;
}

feat_status feat_served_answer(const feat_answering *how, const feat_code *code, const feat_row_source *rows,
                               const uint64_t *versions, size_t n_inputs, size_t n, feat_answers *answers,
                               feat_error *err) {
    feat_sort_item *items = feat_alloc_array(n, 2 * sizeof *items);
    feat_status status = items ? FEAT_OK : feat_fail_memory(err);
    for (size_t j = 0; j < code->n_joins && status == FEAT_OK; j++)
        status = feat_answers_init(&answers[j], code, j, n, err);
    if (status == FEAT_OK) {
        for (size_t i = 0; i < n; i++) items[i] = (feat_sort_item){versions[i], (uint32_t)i};
        feat_sort_keys(items, items + n, n);
    }
    for (size_t first = 0, end; first < n && status == FEAT_OK; first = end) {
        for (end = first + 1; end < n && items[end].key == items[first].key;) end++;
        status = answer_version(how, code, rows, n_inputs, items + first, end - first, answers, err);
    }
    feat_free(items);
    return status;
}
