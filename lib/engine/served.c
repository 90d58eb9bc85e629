#include "engine/served.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "engine/lives.h"
#include "engine/ingest.h" /* feat_sort_keys */

/* ---- Which version. ---- */

/* A position that a reader returned. */
static feat_status given_version(const feat_spine *s, size_t row, const feat_version_info *log, size_t n,
                                 uint64_t newest, uint64_t *version, feat_error *err) {
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
    size_t low = 0, left = n; /* the first entry that is not of an earlier version */
    while (left > 0) {
        size_t half = left / 2;
        if (log[low + half].version < (uint64_t)number) low += half + 1, left -= half + 1;
        else left = half;
    }
    if (low == n || log[low].version != (uint64_t)number)
        return feat_fail_row(err, FEAT_NOT_FOUND, (int64_t)row,
                             "spine row %zu: version %lld is of another branch than version %llu, which the training "
                             "set is read from",
                             row, (long long)number, (unsigned long long)newest);
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
    if (status == FEAT_OK) status = feat_version_list(db, newest, 0, &arena, &log, &n, err);
    for (size_t row = 0; row < s->n_rows && status == FEAT_OK; row++)
        status = s->versions ? given_version(s, row, log, n, newest, &made[row], err)
                             : known_version(log, n, feat_column_int(s->times, row), row, &made[row], err);
    feat_arena_done(&arena);
    if (status != FEAT_OK) feat_free(made);
    else *versions = made;
    return status;
}

/* ---- The versions that differ for a block. ---- */

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
        m->restored = (log[i].operation == FEAT_OPERATION_RESTORE || log[i].operation == FEAT_OPERATION_PUBLISH) &&
                      reads_table(block, log[i].table_id);
    for (size_t i = 0, at = 0; i < n; i++) {
        for (; at < n_log && log[at].version <= items[i].key; at++)
            changed = changed || reads_table(block, log[at].table_id);
        if (changed) m->versions[m->n++] = items[i].key;
        changed = false;
        m->of_rows[items[i].row] = (uint32_t)(m->n - 1);
    }
    return FEAT_OK;
}

/* ---- All moments at once. ---- */

static feat_status answer_together(const feat_answering *how, const feat_code *code, size_t join,
                                   const feat_row_source *rows, const moments *m, size_t n, feat_answers *answers,
                                   feat_error *err) {
    const feat_block *block = code->joins[join].block;
    feat_lives *lives = feat_alloc_zero(block->n_branches, sizeof *lives);
    feat_answering at = *how;
    feat_status status = lives ? FEAT_OK : feat_fail_memory(err);
    feat_moments among = {m->versions, m->n, m->restored};
    int64_t ticks = feat_clock_ticks();
    at.lives = lives;
    at.among = &among;
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
                               const feat_row_source *rows, const moments *m, size_t n, feat_answers *answers,
                               feat_error *err) {
    feat_answering at = *how;
    if (m->n == 1) at.version = m->versions[0];
    if (m->n <= 1) return feat_answer_join(&at, code, join, rows, n, answers, err);
    return answer_together(how, code, join, rows, m, n, answers, err);
}

feat_status feat_served_answer(const feat_answering *how, const feat_code *code, const feat_row_source *rows,
                               const uint64_t *versions, size_t n, feat_answers *answers, feat_error *err) {
    feat_arena arena;
    feat_version_info *log = NULL;
    size_t n_log = 0;
    feat_sort_item *items = feat_alloc_array(n, 2 * sizeof *items);
    feat_status status = items ? FEAT_OK : feat_fail_memory(err);
    feat_arena_init(&arena);
    if (status == FEAT_OK) status = feat_version_list(how->db, how->version, 0, &arena, &log, &n_log, err);
    if (status == FEAT_OK) {
        for (size_t i = 0; i < n; i++) items[i] = (feat_sort_item){versions[i], (uint32_t)i};
        feat_sort_keys(items, items + n, n);
    }
    for (size_t j = 0; j < code->n_joins && status == FEAT_OK; j++) {
        moments m;
        status = find_moments(&m, code->joins[j].block, log, n_log, items, n, err);
        if (status == FEAT_OK) status = answer_join(how, code, j, rows, &m, n, &answers[j], err);
        moments_done(&m);
    }
    feat_arena_done(&arena);
    feat_free(items);
    return status;
}
