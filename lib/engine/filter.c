/* Compiled when it is first asked for and run by the machine that runs features, so that a condition means what it
 * means in a view. */
#include "engine/filter.h"

#include <string.h>

#include "base/alloc.h"
#include "column/utf8.h"
#include "exec/exec.h"
#include "plan/row.h"
#include "sql/sql.h"

struct feat_filter {
    const feat_schema *table;
    const char *sql; /* in the arena */
    feat_arena arena;
    feat_stage stage;
    feat_machine *machine;
    feat_prune prune;
};

static feat_status compile(feat_filter *f, const char *sql, feat_error *err) {
    feat_ast_expr *expr;
    uint32_t node;
    f->sql = feat_arena_strndup(&f->arena, sql, strlen(sql));
    if (!f->sql) return feat_fail_memory(err);
    feat_source source = {f->sql, strlen(f->sql)};
    FEAT_TRY(feat_sql_parse_expr(&f->arena, source.sql, source.length, &expr, err));
    feat_pool_init(&f->stage.pool, &f->arena);
    FEAT_TRY(feat_bind_condition(&f->arena, &source, f->table, "a WHERE", expr, &f->stage, &node, err));
    FEAT_TRY(feat_lower_stage(&f->arena, &f->stage, &node, 1, feat_fold_op, err));
    FEAT_TRY(feat_machine_new(f->stage.code, &f->machine, err));
    return feat_prune_init_code(&f->prune, f->stage.code, err);
}

feat_status feat_filter_new(const feat_schema *table, const char *sql, feat_filter **filter, feat_error *err) {
    feat_filter *f = feat_alloc_zero(1, sizeof *f);
    if (!f) return feat_fail_memory(err);
    f->table = table;
    feat_arena_init(&f->arena);
    feat_status status = compile(f, sql, err);
    if (status == FEAT_OK) *filter = f;
    else feat_filter_free(f);
    return status;
}

void feat_filter_free(feat_filter *f) {
    if (!f) return;
    feat_prune_done(&f->prune);
    feat_machine_free(f->machine);
    feat_arena_done(&f->arena);
    feat_free(f);
}

void feat_filter_reads(const feat_filter *f, bool *reads) {
    const feat_code *code = f->stage.code;
    for (size_t i = 0; i < code->n_loads; i++) reads[code->loads[i].index] = true;
}

const feat_prune *feat_filter_prune(const feat_filter *f) { return &f->prune; }

static feat_status refuse(const feat_filter *f, feat_error *err) {
    const char *name = f->table->name;
    return feat_fail(err, FEAT_DATA,
                     "table '%.*s': the condition (%.*s) is an error for a row (overflow or a failed conversion); say "
                     "what it means for such rows, with CASE or TRY_CAST",
                     feat_utf8_clip(name, 100), name, feat_utf8_clip(f->sql, 300), f->sql);
}

/* At most FEAT_LANES rows. */
static feat_status run(feat_filter *f, const feat_column *const *columns, const uint32_t *rows, size_t start, size_t n,
                       uint32_t *kept, size_t *n_kept, feat_error *err) {
    const feat_code *code = f->stage.code;
    uint8_t states[FEAT_LANES];
    for (size_t i = 0; i < code->n_loads; i++) {
        feat_vector *v = feat_machine_register(f->machine, code->loads[i].reg);
        const feat_column *column = columns[code->loads[i].index];
        if (rows) feat_vector_gather(v, column, rows + start, n);
        else feat_vector_load(v, column, start, n);
    }
    FEAT_TRY(feat_machine_run(f->machine, n, err));
    const feat_vector *answer = feat_machine_register(f->machine, code->outputs[0]);
    feat_vector_states(answer, n, states);
    for (size_t lane = 0; lane < n; lane++) {
        if (states[lane] == FEAT_STATE_ERROR) return refuse(f, err);
        if (states[lane] == FEAT_STATE_VALUE && feat_vector_cell(answer, lane).v.b)
            kept[(*n_kept)++] = rows ? rows[start + lane] : (uint32_t)(start + lane);
    }
    return FEAT_OK;
}

feat_status feat_filter_run(feat_filter *f, const feat_column *const *columns, const uint32_t *rows, size_t n,
                            uint32_t *kept, size_t *n_kept, feat_error *err) {
    size_t found = 0;
    for (size_t start = 0; start < n; start += FEAT_LANES)
        FEAT_TRY(run(f, columns, rows, start, n - start < FEAT_LANES ? n - start : FEAT_LANES, kept, &found, err));
    *n_kept = found;
    return FEAT_OK;
}
