/* Evaluates expressions over rows that a text gives: what a test compares with another engine. From standard input:
 *
 *   columns <n>            then n lines: name and type
 *   rows <n>               then n lines: a value for each column, separated by tabs; \N is NULL
 *   one expression a line  until the end
 *
 * Values: integers, dates and timestamps as the integers they are, unscaled decimals, doubles as 16 hexadecimal digits
 * of their bits, booleans as 0 or 1, texts as they are, intervals as "months days us". For each expression it prints
 * its type and the values, tab-separated, in the same form, "\N" for NULL and "!" for an error value; or "?" and the
 * message. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/cell.h"
#include "exec/exec.h"
#include "math/decimal.h"
#include "plan/bind.h"

typedef struct table {
    char **names;
    feat_type *types;
    size_t n_columns, n_rows;
    feat_cell *cells; /* row by row */
} table;

static void *some(size_t n, size_t size) {
    void *memory = calloc(n ? n : 1, size);
    if (!memory) abort();
    return memory;
}

static char *read_line(void) {
    char *line = NULL;
    size_t size = 0;
    ssize_t n = getline(&line, &size, stdin);
    if (n < 0) {
        free(line);
        return NULL;
    }
    if (n > 0 && line[n - 1] == '\n') line[n - 1] = 0;
    return line;
}

static feat_type type_of(const char *text) {
    feat_type type;
    int precision, scale = 0;
    if (sscanf(text, "DECIMAL(%d,%d)", &precision, &scale) == 2) return FEAT_TYPE_DECIMAL_OF(precision, scale);
    if (!feat_type_from_sql(text, &type)) abort();
    return type;
}

static feat_cell cell_of(feat_type type, char *text) {
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    int months, days;
    if (strcmp(text, "\\N") == 0) return feat_cell_of_state(FEAT_STATE_NULL);
    switch (feat_class_of(type)) {
    case FEAT_CLASS_B: cell.v.b = text[0] == '1'; break;
    case FEAT_CLASS_I: cell.v.i = strtoll(text, NULL, 10); break;
    case FEAT_CLASS_F: cell.v.f = feat_double_of_bits(strtoull(text, NULL, 16)); break;
    case FEAT_CLASS_T: cell.v.t = (feat_text){text, strlen(text)}; break;
    case FEAT_CLASS_W:
        if (feat_decimal_parse(text, strlen(text), 0, &cell.v.w) != FEAT_NUMBER_OK) abort();
        break;
    case FEAT_CLASS_V:
        if (sscanf(text, "%d %d %" SCNd64, &months, &days, &cell.v.p.us) != 3) abort();
        cell.v.p.months = months;
        cell.v.p.days = days;
        break;
    case FEAT_CLASS_N: abort();
    }
    return cell;
}

static void print_cell(feat_class class, const feat_cell *cell) {
    char text[FEAT_DECIMAL_TEXT_SIZE];
    if (cell->state != FEAT_STATE_VALUE) {
        fputs(cell->state == FEAT_STATE_NULL ? "\t\\N" : "\t!", stdout);
        return;
    }
    switch (class) {
    case FEAT_CLASS_B: printf("\t%d", cell->v.b); break;
    case FEAT_CLASS_I: printf("\t%" PRId64, cell->v.i); break;
    case FEAT_CLASS_F: printf("\t%016" PRIx64, feat_double_bits(cell->v.f)); break;
    case FEAT_CLASS_T: printf("\t%.*s", (int)cell->v.t.length, cell->v.t.data); break;
    case FEAT_CLASS_W:
        feat_decimal_format(cell->v.w, 0, text);
        printf("\t%s", text);
        break;
    case FEAT_CLASS_V: printf("\t%d %d %" PRId64, cell->v.p.months, cell->v.p.days, cell->v.p.us); break;
    case FEAT_CLASS_N: break;
    }
}

static feat_status bind_column(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    const table *t = b->context;
    for (size_t i = 0; i < t->n_columns; i++) {
        if (strcmp(t->names[i], expr->name) != 0) continue;
        *node = feat_build_leaf(&b->build, FEAT_NODE_INPUT, t->types[i], (uint32_t)i, 0);
        return FEAT_OK;
    }
    return feat_bind_fail(b, expr->offset, "unknown column");
}

static feat_status bind_call(feat_binder *b, const feat_ast_expr *expr, bool *handled, uint32_t *node) {
    (void)b, (void)expr, (void)handled, (void)node;
    return FEAT_OK;
}

static feat_status bind(feat_arena *arena, const table *t, const char *sql, feat_stage *stage, feat_type *type,
                        feat_error *err) {
    feat_ast_script *script;
    FEAT_TRY(feat_sql_parse(arena, sql, strlen(sql), &script, err));
    feat_source source = {sql, strlen(sql)};
    feat_binder b = {.arena = arena,
                     .source = &source,
                     .err = err,
                     .column = bind_column,
                     .call = bind_call,
                     .context = (void *)(uintptr_t)t};
    uint32_t node;
    b.build.pool = &stage->pool;
    FEAT_TRY(feat_bind_expr(&b, script->statements[0]->select->items[0].expr, &node));
    *type = feat_build_type(&b.build, node);
    return feat_lower_stage(arena, stage, &node, 1, feat_fold_op, err);
}

static void print_type(feat_type type) {
    printf("%s", type == FEAT_TYPE_UNKNOWN ? "NULL" : feat_type_name(type));
    if (FEAT_TYPE_BASE(type) == FEAT_TYPE_DECIMAL) printf("(%d,%d)", FEAT_TYPE_PRECISION(type), FEAT_TYPE_SCALE(type));
}

static void evaluate(const table *t, const char *expression) {
    feat_arena arena;
    feat_arena_init(&arena);
    feat_error err = {0};
    feat_stage stage = {0};
    feat_type type = FEAT_TYPE_UNKNOWN;
    char *sql = feat_arena_printf(&arena, "EXPLAIN SELECT %s", expression);
    feat_pool_init(&stage.pool, &arena);
    feat_status status = sql ? bind(&arena, t, sql, &stage, &type, &err) : FEAT_MEMORY;
    if (status != FEAT_OK || type == FEAT_TYPE_UNKNOWN) {
        err.message[strcspn(err.message, "\n")] = 0;
        printf("?%s\n", err.message);
    } else {
        const feat_code *code = stage.code;
        feat_cell *cells = some(code->n_regs, sizeof *cells);
        feat_scratch scratch;
        feat_scratch_init(&scratch);
        print_type(type);
        feat_row_init(code, cells);
        for (size_t row = 0; row < t->n_rows; row++) {
            for (size_t i = 0; i < code->n_loads; i++)
                cells[code->loads[i].reg] = t->cells[row * t->n_columns + code->loads[i].index];
            feat_scratch_reset(&scratch);
            feat_row_run(code, cells, &scratch);
            print_cell(feat_class_of(type), &cells[code->outputs[0]]);
        }
        putchar('\n');
        feat_scratch_done(&scratch);
        free(cells);
    }
    feat_arena_done(&arena);
}

static void free_lines(char **lines, size_t n) {
    for (size_t i = 0; i < n; i++) free(lines[i]);
    free(lines);
}

int main(void) {
    table t = {0};
    char *line = read_line();
    if (!line || sscanf(line, "columns %zu", &t.n_columns) != 1) return 2;
    free(line);
    t.names = some(t.n_columns, sizeof *t.names);
    t.types = some(t.n_columns, sizeof *t.types);
    for (size_t i = 0; i < t.n_columns; i++) {
        char *blank = (t.names[i] = read_line()) ? strchr(t.names[i], ' ') : NULL;
        if (!blank) return 2;
        *blank = 0;
        t.types[i] = type_of(blank + 1);
    }
    line = read_line();
    if (!line || sscanf(line, "rows %zu", &t.n_rows) != 1) return 2;
    free(line);
    char **rows = some(t.n_rows, sizeof *rows);
    t.cells = some(t.n_rows * t.n_columns, sizeof *t.cells);
    for (size_t row = 0; row < t.n_rows; row++) {
        char *at = rows[row] = read_line();
        if (!at) return 2;
        for (size_t i = 0; i < t.n_columns; i++) {
            char *tab = strchr(at, '\t');
            if (tab) *tab = 0;
            t.cells[row * t.n_columns + i] = cell_of(t.types[i], at);
            at = tab ? tab + 1 : at + strlen(at);
        }
    }
    while ((line = read_line())) {
        evaluate(&t, line);
        free(line);
    }
    free_lines(rows, t.n_rows);
    free_lines(t.names, t.n_columns);
    free(t.types);
    free(t.cells);
    return 0;
}
