/* CHECK: conditions that every row written meets. They are compiled anew for each write, which costs microseconds, and
 * run by the machine that runs features, so a condition means what it means in a view. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "column/utf8.h"
#include "engine/ingest.h"
#include "exec/exec.h"
#include "plan/row.h"
#include "sql/sql.h"

struct feat_checks {
    const feat_schema *table;
    feat_arena arena;
    feat_stage stage;
    uint32_t *fields; /* the one that output i is the CHECK of */
    feat_machine *machine;
};

static feat_status bind(feat_checks *c, const feat_field *field, uint32_t *node, feat_error *err) {
    feat_ast_expr *expr;
    feat_source source = {field->check_sql, strlen(field->check_sql)};
    FEAT_TRY(feat_sql_parse_expr(&c->arena, source.sql, source.length, &expr, err));
    return feat_bind_check(&c->arena, &source, c->table, expr, &c->stage, node, err);
}

static feat_status compile(feat_checks *c, size_t n, feat_error *err) {
    uint32_t *outputs = feat_arena_array(&c->arena, n, sizeof *outputs);
    c->fields = feat_arena_array(&c->arena, n, sizeof *c->fields);
    if (!outputs || !c->fields) return feat_fail_memory(err);
    feat_pool_init(&c->stage.pool, &c->arena);
    size_t at = 0;
    for (uint32_t i = 0; i < c->table->n_fields; i++) {
        if (!c->table->fields[i].check_sql) continue;
        FEAT_TRY(bind(c, &c->table->fields[i], &outputs[at], err));
        c->fields[at++] = i;
    }
    FEAT_TRY(feat_lower_stage(&c->arena, &c->stage, outputs, n, feat_fold_op, err));
    return feat_machine_new(c->stage.code, &c->machine, err);
}

feat_status feat_checks_new(const feat_schema *table, feat_checks **checks, feat_error *err) {
    size_t n = 0;
    for (size_t i = 0; i < table->n_fields; i++) n += table->fields[i].check_sql != NULL;
    if (n == 0) {
        *checks = NULL;
        return FEAT_OK;
    }
    feat_checks *c = feat_alloc_zero(1, sizeof *c);
    if (!c) return feat_fail_memory(err);
    c->table = table;
    feat_arena_init(&c->arena);
    feat_status status = compile(c, n, err);
    if (status != FEAT_OK) {
        feat_checks_free(c);
        return status;
    }
    *checks = c;
    return FEAT_OK;
}

void feat_checks_free(feat_checks *c) {
    if (!c) return;
    feat_machine_free(c->machine);
    feat_arena_done(&c->arena);
    feat_free(c);
}

static feat_status refuse(const feat_checks *c, const feat_field *field, int64_t row, bool failed, feat_error *err) {
    const char *name = c->table->name;
    return feat_fail_row(err, FEAT_CONSTRAINT, row, "table '%.*s', row %" PRId64 ": CHECK (%.*s) of column '%.*s' %s",
                         feat_utf8_clip(name, 100), name, row, feat_utf8_clip(field->check_sql, 200), field->check_sql,
                         feat_utf8_clip(field->name, 100), field->name,
                         failed ? "fails with an error" : "does not hold");
}

/* Rows [start, start + n). The lowest row is told, and of its conditions the first. */
static feat_status run(feat_checks *c, const feat_batch *rows, size_t start, size_t n, int64_t first_row,
                       feat_error *err) {
    const feat_code *code = c->stage.code;
    uint8_t states[FEAT_LANES];
    size_t worst = n, output = 0;
    bool failed = false;
    for (size_t i = 0; i < code->n_loads; i++)
        feat_vector_load(feat_machine_register(c->machine, code->loads[i].reg), &rows->columns[code->loads[i].index],
                         start, n);
    FEAT_TRY(feat_machine_run(c->machine, n, err));
    for (size_t i = 0; i < code->n_outputs; i++) {
        const feat_vector *v = feat_machine_register(c->machine, code->outputs[i]);
        feat_vector_states(v, n, states);
        for (size_t lane = 0; lane < worst; lane++) {
            if (states[lane] == FEAT_STATE_NULL) continue;
            if (states[lane] == FEAT_STATE_VALUE && feat_vector_cell(v, lane).v.b) continue;
            worst = lane;
            output = i;
            failed = states[lane] != FEAT_STATE_VALUE;
        }
    }
    if (worst == n) return FEAT_OK;
    return refuse(c, &c->table->fields[c->fields[output]], first_row + (int64_t)(start + worst), failed, err);
}

feat_status feat_checks_mark(feat_checks *c, const feat_batch *rows, const feat_field **broken, feat_error *err) {
    const feat_code *code = c->stage.code;
    uint8_t states[FEAT_LANES];
    size_t n = rows->length;
    for (size_t lane = 0; lane < n; lane++) broken[lane] = NULL;
    for (size_t i = 0; i < code->n_loads; i++)
        feat_vector_load(feat_machine_register(c->machine, code->loads[i].reg), &rows->columns[code->loads[i].index], 0,
                         n);
    FEAT_TRY(feat_machine_run(c->machine, n, err));
    for (size_t i = 0; i < code->n_outputs; i++) {
        const feat_vector *v = feat_machine_register(c->machine, code->outputs[i]);
        feat_vector_states(v, n, states);
        for (size_t lane = 0; lane < n; lane++) {
            bool holds =
                states[lane] == FEAT_STATE_NULL || (states[lane] == FEAT_STATE_VALUE && feat_vector_cell(v, lane).v.b);
            if (!holds && !broken[lane]) broken[lane] = &c->table->fields[c->fields[i]];
        }
    }
    return FEAT_OK;
}

feat_status feat_checks_run(feat_checks *c, const feat_batch *rows, int64_t first_row, feat_error *err) {
    for (size_t start = 0; start < rows->length; start += FEAT_LANES) {
        size_t n = rows->length - start < FEAT_LANES ? rows->length - start : FEAT_LANES;
        FEAT_TRY(run(c, rows, start, n, first_row, err));
    }
    return FEAT_OK;
}
