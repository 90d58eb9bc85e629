/* What the index and the sweep over it share. */
#ifndef FEAT_LIB_EXEC_INDEX_H
#define FEAT_LIB_EXEC_INDEX_H

#include "exec/best.h"
#include "exec/slide.h"
#include "exec/summary.h"
#include "exec/window_moments.h"

struct feat_window_index {
    const feat_block *block;
    feat_summary *summaries;      /* by slot */
    feat_window_moments *moments; /* those that aggregates ask for */
    size_t n_moments;
    uint32_t *moments_of;       /* by aggregate: one of them, or FEAT_NO_NODE */
    feat_statistic *statistics; /* by aggregate: what it asks of it */
    feat_slide *slides;         /* those that aggregates ask for: one for each slot and window */
    size_t n_slides;
    uint32_t *slide_of;    /* by aggregate: one of them, or FEAT_NO_NODE */
    feat_best *bests;      /* by aggregate: those that it serves */
    feat_scanner *scanner; /* finds the windows, and walks those that the index has no structure for */
    const feat_events *events;
    size_t first, n;
};

/* The moments that an aggregate asks for over the events at hand, or NULL. */
static inline feat_window_moments *feat_window_index_moments(const feat_window_index *index, size_t aggregate) {
    uint32_t at = index->moments_of[aggregate];
    return at != FEAT_NO_NODE && index->moments[at].served ? &index->moments[at] : NULL;
}

/* The best events that an aggregate asks for, or NULL. */
static inline feat_best *feat_window_index_best(const feat_window_index *index, size_t aggregate) {
    return index->bests[aggregate].aggregate ? &index->bests[aggregate] : NULL;
}

/* The values counted by value that an aggregate asks for, or NULL. */
static inline feat_slide *feat_window_index_slide(const feat_window_index *index, size_t aggregate) {
    uint32_t at = index->slide_of[aggregate];
    return at != FEAT_NO_NODE ? &index->slides[at] : NULL;
}

#endif
