/* The best event of a range, by any order: trees that hold the number of the best one of each sixteen. Over them the
 * least and greatest of values that have no 64-bit keys, and what aggregates say of the event that comes first or last
 * in an order of their own. */
#ifndef FEAT_LIB_EXEC_BEST_H
#define FEAT_LIB_EXEC_BEST_H

#include "exec/frame.h"

#define FEAT_TREE_LEVELS 16 /* of a tree whose entries stand for 16 of the level below: 16^16 events */
#define FEAT_TREE_FANOUT 16
#define FEAT_TREE_DIRECT 32 /* a range this short is looked at where it is */
#define FEAT_NO_EVENT    UINT32_MAX

typedef struct feat_levels {
    size_t start[FEAT_TREE_LEVELS], count;
    size_t total; /* entries of all levels */
} feat_levels;

/* Entry i of a level stands for entries [16 i, 16 i + 16) of the level below; what is left over at the end of a level
 * has no entry above, as no query would use it. `first`: entries of the lowest level; `stored`: whether it is one of
 * those kept. */
feat_levels feat_levels_of(size_t first, bool stored);

typedef struct feat_event_order {
    bool (*counts)(const void *context, uint32_t event);
    bool (*before)(const void *context, uint32_t a, uint32_t b); /* whether `a` is better */
    const void *context;
} feat_event_order;

typedef struct feat_event_tree {
    uint32_t *events;
    size_t capacity;
    feat_levels levels; /* the lowest level is the events themselves */
} feat_event_tree;

/* Over events [0, n); 0, or -1 when memory is out. */
int feat_event_tree_build(feat_event_tree *tree, const feat_event_order *order, size_t n);
/* FEAT_NO_EVENT when none of the range counts. */
uint32_t feat_event_tree_query(const feat_event_tree *tree, const feat_event_order *order, feat_range range);

/* The order of min, or of max, among the values of a slot. */
typedef struct feat_slot_order {
    const feat_event_slot *slot;
    bool greatest;
} feat_slot_order;
feat_event_order feat_order_of_slot(const feat_slot_order *of);

/* ---- Aggregates of one event of the window: arg_min, arg_max, and first and last with an ORDER BY. ---- */

typedef struct feat_best {
    const feat_aggregate *aggregate;
    /* Of the events at hand. */
    const feat_events *events;
    size_t first, n;
    bool built; /* with the first long range */
    feat_event_tree tree;
    uint32_t *errors; /* before each event, and after the last */
    size_t errors_capacity;
} feat_best;

bool feat_best_serves(const feat_aggregate *a);
void feat_best_done(feat_best *b);
/* Over events [first, first + n) of `events`, which are borrowed. */
void feat_best_build(feat_best *b, const feat_events *events, size_t first, size_t n);
/* Over a range of them, counted from `first`; canonical or not. */
feat_status feat_best_query(feat_best *b, feat_range range, feat_cell *out, feat_error *err);

#endif
