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
#include "base/scratch.h"
#include "column/column.h"
#include "math/exact.h" /* feat_int128 */
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
        feat_int128 w;
        feat_interval p;
    } v;
    uint8_t state;
} feat_cell;

/* The form in which a cell leaves this layer: NaN has one bit pattern, a cell that is no value holds zero (an empty
 * text). */
feat_cell feat_cell_canonical(feat_cell cell, feat_class class);

/* ---- Vectors. ---- */

#define FEAT_LANES 1024

/* A register. Only lib/exec looks inside; others use the functions below. */
typedef struct feat_vector {
    feat_class class;
    uint32_t plain;         /* bit s: all lanes in use of strip s (exec/kernel.h) are values, and the bitmaps may hold
                               anything there */
    size_t lane_mask;       /* SIZE_MAX; 0 for a constant, which kernels read from its first block only */
    const void *values;     /* lanes of the class's C type: `own`, or a column's; a lane that is no value still holds
                               something harmless (zero, an empty text) */
    void *own;              /* FEAT_LANES lanes */
    uint64_t *null, *error; /* a bit a lane, never both */
} feat_vector;

typedef struct feat_machine feat_machine;

/* Registers for FEAT_LANES rows, constants filled in. `code` is borrowed. */
feat_status feat_machine_new(const feat_code *code, feat_machine **machine, feat_error *err);
void feat_machine_free(feat_machine *machine);
feat_vector *feat_machine_register(feat_machine *machine, uint32_t reg);
/* Fills a register with rows [start, start + n) of a column, n <= FEAT_LANES. Integers widen to the class of their type
 * and BOOLEAN to bytes. Borrows the column until the register is filled anew: bytes always, numbers where no widening
 * is needed. */
void feat_vector_load(feat_vector *v, const feat_column *column, size_t start, size_t n);
/* The same with rows picked by number. */
void feat_vector_gather(feat_vector *v, const feat_column *column, const uint32_t *rows, size_t n);
/* Lane i from cells[i * stride]. TEXT borrows. */
void feat_vector_put_cells(feat_vector *v, const feat_cell *cells, size_t stride, size_t n);
/* From lanes as feat_vector_values has them and FEAT_STATE_* of each. TEXT borrows. */
void feat_vector_put_lanes(feat_vector *v, const void *values, const uint8_t *states, size_t n);
/* Class I, no nulls. */
void feat_vector_put_ints(feat_vector *v, const int64_t *values, size_t n);
/* Runs all steps over lanes [0, n). Allocates nothing but memory for texts, which is kept from run to run: they are
 * valid until step 0 runs again. */
feat_status feat_machine_run(feat_machine *machine, size_t n, feat_error *err);
/* Steps [from, to) only. */
feat_status feat_machine_run_steps(feat_machine *machine, size_t from, size_t to, size_t n, feat_error *err);
/* Lanes that follow each other: uint8_t, int64_t, double, feat_text, feat_int128 or feat_interval. Valid until the
 * register is filled anew or its step runs again. */
const void *feat_vector_values(const feat_vector *v);
/* FEAT_STATE_* of lanes [0, n). */
void feat_vector_states(const feat_vector *v, size_t n, uint8_t *states);
feat_cell feat_vector_cell(const feat_vector *v, size_t lane);
/* Appends lanes [0, n) to a column of a type of the register's class (an error becomes NULL); 0, or -1 when memory is
 * out. */
int feat_vector_store(const feat_vector *v, size_t n, feat_column *column);

/* ---- One row. ---- */

/* `cells` has code->n_regs entries. Init fills in the constants; run changes neither them nor loads. */
void feat_row_init(const feat_code *code, feat_cell *cells);
/* All steps; outputs are canonical afterwards. Texts that are made lie in `scratch`: the caller resets it before a row
 * and looks at `failed` behind it. */
void feat_row_run(const feat_code *code, feat_cell *cells, feat_scratch *scratch);
/* Steps [from, to) only; outputs are left as they are. */
void feat_row_run_steps(const feat_code *code, feat_cell *cells, feat_scratch *scratch, size_t from, size_t to);
/* One operation; only the arguments that it has are looked at. */
void feat_row_op(feat_op op, feat_cell *out, const feat_cell *a, const feat_cell *b, const feat_cell *c,
                 feat_scratch *scratch);
/* Computes an operator over constants for feat_pool_fold (plan/fold.h). */
bool feat_fold_op(feat_arena *arena, feat_op op, const feat_node *const *args, feat_node *out);

/* ---- Projected events: what the windows of a block need of its tables' rows. ---- */

typedef struct feat_event_slot {
    feat_class class; /* N: nobody reads it */
    void *values;     /* one per event, as in feat_vector */
    uint8_t *state;
} feat_event_slot;

typedef struct feat_events {
    size_t n, capacity;
    int64_t *time; /* event time in µs (a DATE: its first instant) */
    feat_event_slot *slots;
    size_t n_slots;
    /* What orders events of one time: the tie fields of the one branch; of several branches the number of the branch,
     * then the key encoding of its tie fields as one text. */
    feat_column *ties;
    size_t n_ties;
    feat_arena text; /* bytes of slots of class T */
} feat_events;

feat_status feat_events_init(feat_events *events, const feat_block *block, feat_error *err);
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

/* What a block says of many rows, a lane for each: its aggregates, then FOUND as a BOOLEAN. */
typedef struct feat_answers {
    feat_event_slot *columns; /* n_aggregates + 1; class N where the code does not load it. The values are from
                                 feat_alloc_aligned */
    bool *shares_state;       /* of each column: its states are those of a column before, and that one's to free */
    size_t n;
    feat_arena text;
    struct feat_arrival *arrival; /* or NULL: every answer is at its row's place */
} feat_answers;
/* For the aggregates that `code` loads of its join `join`. */
feat_status feat_answers_init(feat_answers *answers, const feat_code *code, size_t join, size_t n_rows,
                              feat_error *err);
void feat_answers_done(feat_answers *answers);
/* The same columns with a memory of its own for texts, for another thread that answers other rows; afterwards `worker`
 * is joined to `answers` and gone. */
void feat_answers_share(const feat_answers *answers, feat_answers *worker);
void feat_answers_join(feat_answers *answers, feat_answers *worker);
/* Answers may stand in the order in which they are made, which writes memory line after line, until all are settled.
 * Those who answer take the places of n rows together, for good, whichever thread they are. */
feat_status feat_answers_arrive(feat_answers *answers, size_t n_rows, feat_error *err);
size_t feat_answers_take(const feat_answers *answers, const uint32_t *rows, size_t n);
/* Every answer to its row. All rows have been taken. */
feat_status feat_answers_settle(feat_answers *answers, size_t threads, feat_error *err);
/* One aggregate of a row; false when memory is out. */
bool feat_answers_put_one(feat_answers *answers, size_t aggregate, size_t row, const feat_cell *cell);
feat_status feat_answers_put(feat_answers *answers, size_t row, const feat_cell *cells, bool found, feat_error *err);

/* What a code's loads are filled from: inputs by number, answers by join, times. */
typedef struct feat_row_source {
    const feat_column *const *inputs;
    const int64_t *times;
    const feat_answers *answers;
} feat_row_source;
/* Fills the loads of joins before `joins` (and those of none) with rows [start, start + n). */
void feat_row_source_load(const feat_row_source *rows, const feat_code *code, size_t joins, feat_machine *machine,
                          size_t start, size_t n);

/* Appends the key encoding of a value that is one. */
void feat_key_append_cell(feat_buffer *out, feat_type type, const feat_cell *cell);

typedef struct feat_projector feat_projector;
feat_status feat_projector_new(const feat_block *block, size_t branch, feat_projector **projector, feat_error *err);
void feat_projector_free(feat_projector *projector);
/* Runs a batch of at most FEAT_LANES rows [start, start + n). (*lanes)[0..n_lanes) are those that pass WHERE (or whose
 * WHERE is an error: all their slots are then errors) and have a key. */
feat_status feat_projector_batch(feat_projector *projector, const feat_row_source *rows, size_t start, size_t n,
                                 const uint32_t **lanes, size_t *n_lanes, feat_error *err);
/* The key of a lane of the batch, appended. */
void feat_projector_key(const feat_projector *projector, uint32_t lane, feat_buffer *key);
/* The key of a lane of a block whose key is one integer. */
int64_t feat_projector_key_int(const feat_projector *projector, uint32_t lane);
/* Appends the events of lanes of the batch. On failure none is. */
feat_status feat_projector_take(feat_projector *projector, const feat_row_source *rows, size_t start,
                                const uint32_t *lanes, size_t n, feat_events *out, feat_error *err);
/* Marks in reads[0..n_fields) the fields that projection needs: loads, event time, ties. */
void feat_branch_reads(const feat_union_branch *branch, bool *reads);
/* The event time of a row; days that no TIMESTAMP reaches stand at the ends of time. */
int64_t feat_event_time(const feat_column *column, size_t row);

/* ---- Aggregates over the events [first, first + n) of one entity, in canonical order. ---- */

/* At t, by walking the windows. out: one cell for each aggregate. `*found`: an event lies in the union of the block's
 * windows. A scanner keeps its memory from call to call. */
typedef struct feat_scanner feat_scanner;
feat_status feat_scanner_new(const feat_block *block, feat_scanner **scanner, feat_error *err);
void feat_scanner_free(feat_scanner *scanner);
feat_status feat_scanner_run(feat_scanner *scanner, const feat_events *events, size_t first, size_t n, int64_t t,
                             feat_cell *out, bool *found, feat_error *err);
/* The event times that any window at t can need. */
feat_status feat_scanner_span(feat_scanner *scanner, int64_t t, int64_t *first, int64_t *last, feat_error *err);

/* The same from an index built once and asked at many t: prefix sums for groups (128-bit fixed point where the
 * exponents allow, else exact accumulators every 64 events), a tree for min and max, next/previous passing event for
 * first and last; a query takes logarithmic time, whatever the window. What it has no structure for is scanned.
 * Bit-equal to the scan. */
typedef struct feat_window_index feat_window_index;
feat_status feat_window_index_new(const feat_block *block, feat_window_index **index, feat_error *err);
void feat_window_index_free(feat_window_index *index);
/* Builds over events that may be those of many entities, one after the other; memory is kept for the next. `events` are
 * borrowed by the queries that follow. */
feat_status feat_window_index_build(feat_window_index *index, const feat_events *events, size_t first, size_t n,
                                    feat_error *err);
/* For the entity whose events are [from, to) of those that the index was built over. */
feat_status feat_window_index_query(feat_window_index *index, size_t from, size_t to, int64_t t, feat_cell *out,
                                    bool *found, feat_error *err);

/* One entity of a sweep: its events are [from, to) of those that the index was built over, its rows [row, row_end) of
 * the sweep's. */
typedef struct feat_sweep_entity {
    uint32_t from, to, row, row_end;
} feat_sweep_entity;

typedef struct feat_sweep_rows {
    const feat_sweep_entity *entities;
    size_t n_entities;
    const int64_t *times;   /* of each row; ascending within an entity */
    const uint32_t *places; /* of each row: where its answer goes; NULL: they follow each other from `first` on */
    size_t first, n_rows;
} feat_sweep_rows;

/* Answers all rows, aggregate after aggregate, into the columns of `answers` that are loaded. */
typedef struct feat_sweep feat_sweep;
feat_status feat_sweep_new(const feat_block *block, feat_sweep **sweep, feat_error *err);
void feat_sweep_free(feat_sweep *sweep);
/* `events`: those of all entities, [0, n). Borrowed for the call. */
feat_status feat_sweep_run(feat_sweep *sweep, const feat_events *events, const feat_sweep_rows *rows,
                           feat_answers *answers, feat_error *err);

#endif
