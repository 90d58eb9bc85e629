/* The values of a window that slides over events, counted by value: order statistics, what is most frequent, how many
 * different ones there are. An event is counted in when the window comes to hold it and out when it leaves, whichever
 * way the window moves, so that rows in the order of time cost what the window moves, not what it holds. The events may
 * be those of many entities, one after the other. Bit-equal to the functions that look at a whole window. */
#ifndef FEAT_LIB_EXEC_SLIDE_H
#define FEAT_LIB_EXEC_SLIDE_H

#include "exec/frame.h"
#include "exec/values.h"
#include "math/exact.h"
#include "math/hyperloglog.h"

typedef struct feat_slide {
    const feat_block *block;
    uint32_t slot, window;
    bool orders, ranks, shares, sketches, sums; /* what its aggregates ask for beside counts; see slide.c */

    /* Of the events at hand. */
    feat_event_slot events; /* from the first one on */
    size_t n_events;
    bool counted;   /* what follows is made: with the first long window */
    feat_tally all; /* the different values; what its counts and groups say is not of use later */
    feat_scratch values, result;
    uint32_t *value_of; /* by event: the number of its value */
    size_t zero;        /* the number of the value 0.0, or SIZE_MAX */
    feat_range at;
    size_t n, errors, different, minus_zeros; /* in the window: values, errors, different values, -0.0s */
    uint32_t *counts;                         /* by value */
    uint64_t *present;                        /* a bit for each value: it is in the window */
    uint32_t *below;                          /* orders: a Fenwick tree of the counts */
    uint32_t *most;                           /* ranks: a tree of the greatest count; leaves from `leaves` on */
    size_t leaves;
    uint32_t *of_count, *listed, *place; /* shares: by count how many values have it; the counts that some have */
    size_t n_listed;
    uint64_t *hashes;    /* sketches: by value; registers are made when there are more values than are counted */
    uint32_t *first_of;  /* where values share hashes: the first value of each one's hash, and how many are there; */
    uint32_t *of_hash;   /* else NULL */
    size_t twins;        /* values of the window whose hash another one has */
    uint32_t *registers; /* by register and rank: how many values of the window */
    uint8_t *highest;    /* by register */
    uint32_t of_rank[FEAT_HLL_RANK_MAX + 1];
    feat_int128 whole; /* sums: of the different values */
    feat_exact exact;
    size_t value_of_capacity, counts_capacity, present_capacity, below_capacity, most_capacity, of_count_capacity,
        listed_capacity, place_capacity, hashes_capacity;
} feat_slide;

/* Whether there is such a structure for an aggregate. */
bool feat_slide_serves(const feat_block *block, const feat_aggregate *a);
void feat_slide_init(feat_slide *s, const feat_block *block, const feat_aggregate *a);
/* Notes that another aggregate of the same slot and window is going to ask. */
void feat_slide_want(feat_slide *s, const feat_aggregate *a);
bool feat_slide_is_of(const feat_slide *s, const feat_aggregate *a);
void feat_slide_done(feat_slide *s);
/* Over n events of `events`, which are borrowed. */
void feat_slide_build(feat_slide *s, const feat_event_slot *events, size_t n);
/* Whether sliding to a range is worth while; shorter ones are looked at whole. */
bool feat_slide_pays(feat_range range);
/* Takes back the texts and lists of the answers so far. */
void feat_slide_forget(feat_slide *s);
/* The answer over a range, canonical or not. */
feat_status feat_slide_query(feat_slide *s, const feat_aggregate *a, feat_range range, feat_cell *out, feat_error *err);

#endif
