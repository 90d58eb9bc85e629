/* Aggregates from an index over events, for many t: those of one entity, or of many that stand one after the other. The
 * windows at a t are found as the scan finds them; what the aggregates of a slot share is in summary.c. */
#include "exec/index.h"

#include <string.h>

#include "base/alloc.h"
#include "exec/cell.h"

feat_status feat_window_index_new(const feat_block *block, feat_window_index **index, feat_error *err) {
    feat_window_index *made = feat_alloc_zero(1, sizeof *made);
    feat_summary *summaries = feat_alloc_zero(block->n_slots, sizeof *summaries);
    if (!made || !summaries) {
        feat_free(made);
        feat_free(summaries);
        return feat_fail_memory(err);
    }
    feat_status status = feat_scanner_new(block, &made->scanner, err);
    if (status != FEAT_OK) {
        feat_free(made);
        feat_free(summaries);
        return status;
    }
    made->block = block;
    made->summaries = summaries;
    for (size_t s = 0; s < block->n_slots; s++) {
        feat_summary_clear(&summaries[s]);
        summaries[s].slot.class = feat_class_of(block->slots[s]);
    }
    for (size_t a = 0; a < block->n_aggregates; a++)
        if (feat_summary_serves(block, &block->aggregates[a]))
            feat_summary_want(&summaries[block->aggregates[a].slot], block->aggregates[a].agg);
    *index = made;
    return FEAT_OK;
}

void feat_window_index_free(feat_window_index *index) {
    if (!index) return;
    for (size_t s = 0; s < index->block->n_slots; s++) feat_summary_done(&index->summaries[s]);
    feat_scanner_free(index->scanner);
    feat_free(index->summaries);
    feat_free(index);
}

feat_status feat_window_index_build(feat_window_index *index, const feat_events *events, size_t first, size_t n,
                                    feat_error *err) {
    /* An index without events answers any query: what a failure leaves. */
    index->n = 0;
    index->events = events;
    index->first = first;
    for (size_t s = 0; s < index->block->n_slots; s++) feat_summary_clear(&index->summaries[s]);
    if (n >= UINT32_MAX)
        return feat_fail(
            err, FEAT_LIMIT,
            "one entity has %zu events, more than the 4,294,967,294 that an index holds; choose a finer key", n);
    for (size_t s = 0; s < index->block->n_slots && feat_scanner_frames(index->scanner)->uniform; s++) {
        feat_summary *p = &index->summaries[s];
        const feat_event_slot *slot = &events->slots[s];
        p->slot.values = n ? (unsigned char *)slot->values + first * feat_class_size(slot->class) : NULL;
        p->slot.state = n ? slot->state + first : NULL;
        if (!p->used || feat_summary_build(p, n) == 0) continue;
        for (size_t done = 0; done <= s; done++) feat_summary_clear(&index->summaries[done]);
        return feat_fail_memory(err);
    }
    index->n = n;
    return FEAT_OK;
}

feat_status feat_window_index_query(feat_window_index *index, size_t from, size_t to, int64_t t, feat_cell *out,
                                    bool *found, feat_error *err) {
    const feat_block *block = index->block;
    const feat_frames *frames = feat_scanner_frames(index->scanner);
    const feat_events *events = index->events;
    size_t first = index->first + from, n = index->n ? to - from : 0;
    FEAT_TRY(feat_scanner_frame(index->scanner, &events, &first, &n, t, found, err));
    for (size_t a = 0; a < block->n_aggregates; a++) {
        const feat_aggregate *aggregate = &block->aggregates[a];
        const feat_ranges *ranges = &frames->windows[aggregate->window];
        feat_range range = ranges->first;
        if (!frames->uniform || !feat_summary_serves(block, aggregate) || feat_range_length(ranges->second) ||
            frames->window_failed[aggregate->window] ||
            !feat_frames_narrow(frames, aggregate->low, aggregate->high, events->time + first, &range)) {
            FEAT_TRY(feat_scanner_aggregate(index->scanner, a, events, first, &out[a], err));
            continue;
        }
        if (range.to < range.from) range.to = range.from;
        range = (feat_range){range.from + from, range.to + from};
        out[a] = feat_cell_canonical(feat_summary_query(&index->summaries[aggregate->slot], aggregate->agg, range),
                                     feat_class_of(aggregate->type));
    }
    return FEAT_OK;
}
