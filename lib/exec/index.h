/* What the index and the sweep over it share. */
#ifndef FEAT_LIB_EXEC_INDEX_H
#define FEAT_LIB_EXEC_INDEX_H

#include "exec/summary.h"

struct feat_window_index {
    const feat_block *block;
    feat_summary *summaries; /* by slot */
    feat_scanner *scanner;   /* finds the windows, and walks those that the index has no structure for */
    const feat_events *events;
    size_t first, n;
};

#endif
