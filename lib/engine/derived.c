/* Rows of a table made into rows of another, by the machine that runs features: an expression means what it means in a
 * view. What the table asks of its rows is looked at here, where a row can still be told by where it came from. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "column/utf8.h"
#include "column/widen.h"
#include "engine/derivation.h"
#include "engine/ingest.h"
#include "exec/exec.h"

enum { ERRORS_TOLD = 8 };

struct feat_derived_rows {
    const feat_derivation *d;
    bool skip;
    feat_machine *machine;
    feat_checks *checks;
    uint32_t *needs;
    size_t n_needs;
    feat_batch input;  /* all fields of the source; those of `needs` are filled */
    feat_batch picked; /* the same of the rows that were picked, at most FEAT_LANES */
    feat_batch lanes;  /* a column for each that is computed: of the lanes */
    feat_batch whole;  /* all fields of the table: of the lanes, for its CHECKs; no columns where it has none */
    feat_batch output;
    int64_t rows_read, rows_filtered, rows_skipped;
    feat_buffer errors;
    int n_errors;
};

void feat_derived_rows_free(feat_derived_rows *r) {
    if (!r) return;
    feat_machine_free(r->machine);
    feat_checks_free(r->checks);
    feat_free(r->needs);
    feat_batch_done(&r->input);
    feat_batch_done(&r->picked);
    feat_batch_done(&r->lanes);
    feat_batch_done(&r->whole);
    feat_batch_done(&r->output);
    feat_buffer_done(&r->errors);
    feat_free(r);
}

static feat_status init_fields(feat_batch *batch, const feat_schema *table, const uint32_t *fields, size_t n,
                               feat_error *err) {
    feat_type *types = feat_alloc_array(n, sizeof *types);
    if (!types) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) types[i] = table->fields[fields ? fields[i] : i].type;
    feat_status status = feat_batch_init(batch, types, n, err);
    feat_free(types);
    return status;
}

static feat_status prepare(feat_derived_rows *r, feat_error *err) {
    const feat_derivation *d = r->d;
    const feat_schema *source = d->source;
    r->needs = feat_alloc_array(source->n_fields, sizeof *r->needs);
    if (!r->needs) return feat_fail_memory(err);
    for (uint32_t i = 0; i < source->n_fields; i++) {
        bool named = d->reads[i];
        for (size_t k = 0; k < source->n_unique; k++) named |= source->unique[k] == i;
        if (named) r->needs[r->n_needs++] = i;
    }
    FEAT_TRY(feat_machine_new(d->stage.code, &r->machine, err));
    FEAT_TRY(feat_checks_new(d->table, &r->checks, err));
    FEAT_TRY(init_fields(&r->input, source, NULL, source->n_fields, err));
    FEAT_TRY(init_fields(&r->picked, source, NULL, source->n_fields, err));
    FEAT_TRY(init_fields(&r->lanes, d->table, d->fields, d->n_columns, err));
    FEAT_TRY(init_fields(&r->output, d->table, d->fields, d->n_columns, err));
    return r->checks ? init_fields(&r->whole, d->table, NULL, d->table->n_fields, err) : FEAT_OK;
}

feat_status feat_derived_rows_new(const feat_derivation *d, bool skip, feat_derived_rows **rows, feat_error *err) {
    feat_derived_rows *r = feat_alloc_zero(1, sizeof *r);
    if (!r) return feat_fail_memory(err);
    r->d = d;
    r->skip = skip;
    feat_buffer_init(&r->errors);
    feat_status status = prepare(r, err);
    if (status == FEAT_OK) *rows = r;
    else feat_derived_rows_free(r);
    return status;
}

const uint32_t *feat_derived_rows_needs(const feat_derived_rows *r, size_t *n) {
    *n = r->n_needs;
    return r->needs;
}

feat_batch *feat_derived_rows_input(feat_derived_rows *r) { return &r->input; }
feat_batch *feat_derived_rows_output(feat_derived_rows *r) { return &r->output; }

void feat_derived_rows_count(const feat_derived_rows *r, feat_derived *done) {
    done->rows_read = r->rows_read;
    done->rows_filtered = r->rows_filtered;
    done->rows_skipped = r->rows_skipped;
    snprintf(done->errors, sizeof done->errors, "%.*s", (int)r->errors.size,
             r->errors.size ? (const char *)r->errors.data : "");
}

/* ---- Rows that cannot be derived. ---- */

/* What is wrong with a row: an expression that fails on it (WHERE, or a column), a NULL, or a CHECK. */
typedef struct fault {
    enum { FINE, WHERE_FAILS, FAILS, IS_NULL, BREAKS_CHECK } kind;
    const feat_field *field;
    const char *sql;
} fault;

static void print_fault(const feat_derived_rows *r, const fault *f, const char *key, feat_buffer *out) {
    const feat_schema *source = r->d->source;
    feat_buffer_printf(out, "row %.*s of table '%.*s': ", feat_utf8_clip(key, 200), key,
                       feat_utf8_clip(source->name, 60), source->name);
    if (f->kind == WHERE_FAILS) {
        feat_buffer_text(out, "WHERE fails with an error");
        return;
    }
    feat_buffer_printf(out, "column '%.*s'", feat_utf8_clip(f->field->name, 60), f->field->name);
    if (f->kind == FAILS)
        feat_buffer_printf(out, " cannot be computed: %.*s fails", feat_utf8_clip(f->sql, 200), f->sql);
    else if (f->kind == IS_NULL)
        feat_buffer_printf(out, " is NOT NULL, and %.*s is NULL", feat_utf8_clip(f->sql, 200), f->sql);
    else
        feat_buffer_printf(out, ": CHECK (%.*s) does not hold", feat_utf8_clip(f->field->check_sql, 200),
                           f->field->check_sql);
}

/* Counts the row, or fails. */
static feat_status refuse(feat_derived_rows *r, const feat_batch *rows, size_t row, const fault *f, feat_error *err) {
    enum { ROOM = (int)sizeof(((feat_derived *)0)->errors) - 1 };
    r->rows_skipped++;
    if (r->skip && r->n_errors == ERRORS_TOLD) return FEAT_OK;
    char *key = r->d->source->n_unique ? feat_unique_text(r->d->source, rows, row) : NULL;
    if (r->d->source->n_unique && !key) return feat_fail_memory(err);
    feat_buffer text;
    feat_buffer_init(&text);
    print_fault(r, f, key ? key : "(without a UNIQUE key)", &text);
    feat_free(key);
    feat_status status = text.failed ? feat_fail_memory(err) : FEAT_OK;
    if (status == FEAT_OK && !r->skip) {
        status = feat_fail(err, FEAT_CONSTRAINT, "derivation '%.*s', %.*s; mend the definition, or skip such rows",
                           feat_utf8_clip(r->d->name, 100), r->d->name, (int)text.size, (const char *)text.data);
    } else if (status == FEAT_OK) {
        if (r->errors.size + text.size + 1 <= ROOM) {
            if (r->errors.size) feat_buffer_byte(&r->errors, '\n');
            feat_buffer_append(&r->errors, text.data, text.size);
            r->n_errors++;
        } else {
            r->n_errors = ERRORS_TOLD; /* those told are the first, without gaps */
        }
        if (r->errors.failed) status = feat_fail_memory(err);
    }
    feat_buffer_done(&text);
    return status;
}

/* ---- Running. ---- */

/* Lanes that a column puts at fault. */
static void mark_column(const feat_derived_rows *r, size_t column, size_t n, fault *faults) {
    const feat_code *code = r->d->stage.code;
    const feat_field *field = &r->d->table->fields[r->d->fields[column]];
    uint8_t states[FEAT_LANES];
    feat_vector_states(feat_machine_register(r->machine, code->outputs[column]), n, states);
    for (size_t lane = 0; lane < n; lane++) {
        if (faults[lane].kind != FINE || states[lane] == FEAT_STATE_VALUE) continue;
        if (states[lane] == FEAT_STATE_NULL && !field->not_null) continue;
        faults[lane] = (fault){states[lane] == FEAT_STATE_NULL ? IS_NULL : FAILS, field, r->d->sqls[column]};
    }
}

/* Lanes that WHERE leaves out are not looked at any further. */
static void filter(feat_derived_rows *r, size_t n, fault *faults, bool *kept) {
    uint8_t states[FEAT_LANES];
    for (size_t lane = 0; lane < n; lane++) kept[lane] = true;
    if (!r->d->filtered) return;
    const feat_vector *v = feat_machine_register(r->machine, r->d->stage.code->outputs[r->d->n_columns]);
    feat_vector_states(v, n, states);
    for (size_t lane = 0; lane < n; lane++) {
        bool failed = states[lane] != FEAT_STATE_VALUE && states[lane] != FEAT_STATE_NULL;
        if (failed) faults[lane] = (fault){.kind = WHERE_FAILS};
        else kept[lane] = states[lane] == FEAT_STATE_VALUE && feat_vector_cell(v, lane).v.b;
        r->rows_filtered += !kept[lane];
    }
}

/* The rows that the table would get, all columns of them: what its CHECKs are about. */
static feat_status check(feat_derived_rows *r, size_t n, fault *faults, feat_error *err) {
    static const feat_constant_value null = {0};
    const feat_schema *table = r->d->table;
    const feat_field *broken[FEAT_LANES];
    if (!r->checks) return FEAT_OK;
    feat_batch_clear(&r->whole);
    for (size_t i = 0; i < r->d->n_columns; i++)
        if (feat_column_append_range(&r->whole.columns[r->d->fields[i]], &r->lanes.columns[i], 0, n))
            return feat_fail_memory(err);
    for (size_t i = 0; i < table->n_fields; i++) {
        const feat_constant_value *value = &table->fields[i].default_value;
        if (r->d->writes[i]) continue;
        if (feat_column_append_value(&r->whole.columns[i], value->type ? value : &null, n))
            return feat_fail_memory(err);
    }
    r->whole.length = n;
    FEAT_TRY(feat_checks_mark(r->checks, &r->whole, broken, err));
    for (size_t lane = 0; lane < n; lane++)
        if (faults[lane].kind == FINE && broken[lane]) faults[lane] = (fault){BREAKS_CHECK, broken[lane], NULL};
    return FEAT_OK;
}

/* Rows [start, start + n) of `rows`, n <= FEAT_LANES. */
static feat_status run(feat_derived_rows *r, const feat_batch *rows, size_t start, size_t n, feat_error *err) {
    const feat_code *code = r->d->stage.code;
    fault faults[FEAT_LANES];
    bool kept[FEAT_LANES];
    uint32_t picks[FEAT_LANES];
    size_t n_picks = 0;
    for (size_t lane = 0; lane < n; lane++) faults[lane] = (fault){.kind = FINE};
    for (size_t i = 0; i < code->n_loads; i++)
        feat_vector_load(feat_machine_register(r->machine, code->loads[i].reg), &rows->columns[code->loads[i].index],
                         start, n);
    FEAT_TRY(feat_machine_run(r->machine, n, err));
    filter(r, n, faults, kept);
    feat_batch_clear(&r->lanes);
    for (size_t i = 0; i < r->d->n_columns; i++) {
        mark_column(r, i, n, faults);
        if (feat_vector_store(feat_machine_register(r->machine, code->outputs[i]), n, &r->lanes.columns[i]))
            return feat_fail_memory(err);
    }
    FEAT_TRY(check(r, n, faults, err));
    r->rows_read += (int64_t)n;
    for (size_t lane = 0; lane < n; lane++) {
        if (!kept[lane]) continue;
        if (faults[lane].kind == FINE) picks[n_picks++] = (uint32_t)lane;
        else FEAT_TRY(refuse(r, rows, start + lane, &faults[lane], err));
    }
    for (size_t i = 0; i < r->d->n_columns; i++)
        if (feat_column_append_rows(&r->output.columns[i], &r->lanes.columns[i], picks, n_picks))
            return feat_fail_memory(err);
    r->output.length += n_picks;
    return FEAT_OK;
}

feat_status feat_derived_rows_run(feat_derived_rows *r, const uint32_t *picks, size_t n, feat_error *err) {
    for (size_t start = 0; start < n; start += FEAT_LANES) {
        size_t count = n - start < FEAT_LANES ? n - start : FEAT_LANES;
        if (!picks) {
            FEAT_TRY(run(r, &r->input, start, count, err));
            continue;
        }
        feat_batch_clear(&r->picked);
        for (size_t i = 0; i < r->n_needs; i++)
            if (feat_column_append_rows(&r->picked.columns[r->needs[i]], &r->input.columns[r->needs[i]], picks + start,
                                        count))
                return feat_fail_memory(err);
        FEAT_TRY(run(r, &r->picked, 0, count, err));
    }
    return FEAT_OK;
}
