/* Running code: a machine over vectors of rows (offline), a machine over one row (online), both expanded from op.def
 * with the same bodies; the projected events of entities; and the aggregates over them, scanned or indexed, with the
 * same bits.
 *
 * A value is in one of three states; an error is a value's own, not a run's. Both branches of a choice are evaluated
 * and only the chosen one's state counts, so nothing fails that SQL would not evaluate. */
#ifndef FEAT_LIB_EXEC_H
#define FEAT_LIB_EXEC_H

#include "base/arena.h"
#include "base/error.h"
#include "column/column.h"
#include "plan/plan.h"

enum {
    FEAT_STATE_VALUE = 0,
    FEAT_STATE_NULL = 1,
    FEAT_STATE_ERROR = 2,  /* dominates: the state of a strict operation is the greatest of its arguments' */
    FEAT_STATE_SKIPPED = 3 /* in slots only: the event does not pass the filter */
};

typedef struct feat_cell {
    union {
        uint8_t b;
        int64_t i;
        double f;
        feat_text t;
    } v;
    uint8_t state;
} feat_cell;

/* The form in which a cell leaves this layer: NaN has one bit pattern, a cell that is no value holds zero (an empty
 * text). */
feat_cell feat_cell_canonical(feat_cell cell, feat_class class);

/* ---- Vectors. ---- */

#define FEAT_LANES 2048

typedef struct feat_vector {
    feat_class class;
    void *values;   /* uint8_t, int64_t, double or feat_text; a lane that is no value still holds something harmless
                       (zero, an empty text) */
    uint8_t *state; /* FEAT_LANES bytes */
    bool plain;     /* all lanes in use are values: `state` need not be read */
} feat_vector;

typedef struct feat_machine feat_machine;

/* Registers for FEAT_LANES rows, constants filled in. `code` is borrowed. */
feat_status feat_machine_new(const feat_code *code, feat_machine **machine, feat_error *err);
void feat_machine_free(feat_machine *machine);
feat_vector *feat_machine_register(feat_machine *machine, uint32_t reg);
/* Fills a register with rows [start, start + n) of a column, n <= FEAT_LANES; DATE widens to 64 bits, BOOLEAN to bytes.
 * TEXT borrows. */
void feat_vector_load(feat_vector *v, const feat_column *column, size_t start, size_t n);
/* The same with rows picked by number. */
void feat_vector_gather(feat_vector *v, const feat_column *column, const uint32_t *rows, size_t n);
/* Runs all steps over lanes [0, n). Allocates nothing. */
void feat_machine_run(feat_machine *machine, size_t n);
feat_cell feat_vector_cell(const feat_vector *v, size_t lane);
/* Appends lanes [0, n) to a column of type `type` (an error becomes NULL); 0, or -1 when memory is out. */
int feat_vector_store(const feat_vector *v, size_t n, feat_column *column);

/* One row. `cells` has code->n_regs entries. */
void feat_row_init(const feat_code *code, feat_cell *cells); /* constants */
void feat_row_run(const feat_code *code, feat_cell *cells);
/* One operation; only the arguments that it has are looked at. */
void feat_row_op(feat_op op, feat_cell *out, const feat_cell *a, const feat_cell *b, const feat_cell *c);

/* ---- Projected events: what the windows of a view need of its table's rows. ---- */

typedef struct feat_event_slot {
    feat_class class;
    void *values; /* one per event, as in feat_vector */
    uint8_t *state;
} feat_event_slot;

typedef struct feat_events {
    size_t n, capacity;
    int64_t *time; /* event time in µs (a DATE: its first instant) */
    feat_event_slot *slots;
    size_t n_slots;
    feat_column *ties; /* the view's tie fields */
    size_t n_ties;
    feat_arena text; /* bytes of TEXT slots */
} feat_events;

feat_status feat_events_init(feat_events *events, const feat_view *view, feat_error *err);
void feat_events_done(feat_events *events);
void feat_events_clear(feat_events *events);
/* Room for `more` events behind the present ones; `n` stays. */
feat_status feat_events_reserve(feat_events *events, size_t more, feat_error *err);
/* Canonical order: time, then ties, then the slots (state, then value in total order) so that a sorted list of events
 * is one byte string whatever order they came in. 0: equal in everything. */
int feat_events_compare(const feat_events *a, size_t i, const feat_events *b, size_t j);
/* Equal in everything: time, slots bit for bit, ties. */
bool feat_events_same(const feat_events *a, size_t i, const feat_events *b, size_t j);
feat_status feat_events_append(feat_events *to, const feat_events *from, size_t i, feat_error *err);
/* Sorts event numbers into canonical order (stable merge sort; linear when they are in order already). */
feat_status feat_events_sort(const feat_events *events, uint32_t *numbers, size_t n, feat_error *err);
/* Appends the events `numbers[0..n)` in that order. */
feat_status feat_events_gather(feat_events *to, const feat_events *from, const uint32_t *numbers, size_t n,
                               feat_error *err);

typedef struct feat_projector feat_projector;
feat_status feat_projector_new(const feat_view *view, feat_projector **projector, feat_error *err);
void feat_projector_free(feat_projector *projector);
/* Projects rows `rows[0..n)` (any n) of table columns: `fields[f]` is field f of the table, NULL when feat_view_reads
 * says that it is not read. Appends the events that pass WHERE (or whose WHERE is an error: all their slots are then
 * errors). (*kept)[i] (grown as needed, freed by the caller with feat_free) becomes the index into rows[] of the i-th
 * event that this call appended. An event whose time is NULL cannot occur. On failure no event is appended. */
feat_status feat_projector_run(feat_projector *projector, const feat_column *const *fields, const uint32_t *rows,
                               size_t n, feat_events *out, uint32_t **kept, size_t *kept_capacity, feat_error *err);
/* Marks in reads[0..n_fields) the fields that projection needs: event code loads, event time, ties. Keys are the
 * caller's. */
void feat_view_reads(const feat_view *view, bool *reads);

/* ---- Aggregates over the events [first, first + n) of one entity, in canonical order. ---- */

/* At t, by walking the windows. out: one cell for each aggregate. `*found`: an event lies in the union of the view's
 * windows. */
void feat_aggregates_scan(const feat_view *view, const feat_events *events, size_t first, size_t n, int64_t t,
                          feat_cell *out, bool *found);

/* The same from an index built once for an entity and asked at many t: prefix sums for groups (128-bit fixed point
 * where the exponents allow, else exact accumulators every 64 events), a tree for min and max, next/previous passing
 * event for first and last; a query takes logarithmic time, whatever the window. Bit-equal to the scan. */
typedef struct feat_window_index feat_window_index;
feat_status feat_window_index_new(const feat_view *view, feat_window_index **index, feat_error *err);
void feat_window_index_free(feat_window_index *index);
/* Builds for one entity; memory is kept for the next. `events` are borrowed by the queries that follow. */
feat_status feat_window_index_build(feat_window_index *index, const feat_events *events, size_t first, size_t n,
                                    feat_error *err);
void feat_window_index_query(const feat_window_index *index, int64_t t, feat_cell *out, bool *found);

#endif
