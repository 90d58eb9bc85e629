/* Aggregates from an index over events, for many t: those of one entity, or of many that stand one after the other. The
 * windows at a t are found as the scan finds them; what the aggregates of a slot share is in summary.c. */
#include "exec/index.h"

#include <string.h>

#include "base/alloc.h"
#include "exec/cell.h"

/* Aggregates of the same moments share them. */
static void plan_moments(feat_window_index *index) {
    for (size_t a = 0; a < index->block->n_aggregates; a++) {
        feat_window_moments part;
        index->moments_of[a] = FEAT_NO_NODE;
        if (!feat_window_moments_serve(&index->block->aggregates[a], &part, &index->statistics[a])) continue;
        uint32_t at = 0;
        while (at < index->n_moments && !feat_window_moments_same(&index->moments[at], &part)) at++;
        if (at == index->n_moments) index->moments[index->n_moments++] = part;
        index->moments_of[a] = at;
    }
}

/* Aggregates of one slot and window share what they count. */
static void plan_slides(feat_window_index *index) {
    for (size_t a = 0; a < index->block->n_aggregates; a++) {
        const feat_aggregate *aggregate = &index->block->aggregates[a];
        index->slide_of[a] = FEAT_NO_NODE;
        if (!feat_slide_serves(index->block, aggregate)) continue;
        uint32_t at = 0;
        while (at < index->n_slides && !feat_slide_is_of(&index->slides[at], aggregate)) at++;
        if (at == index->n_slides) feat_slide_init(&index->slides[index->n_slides++], index->block, aggregate);
        else feat_slide_want(&index->slides[at], aggregate);
        index->slide_of[a] = at;
    }
}

feat_status feat_window_index_new(const feat_block *block, feat_window_index **index, feat_error *err) {
    feat_window_index *made = feat_alloc_zero(1, sizeof *made);
    if (!made) return feat_fail_memory(err);
    made->block = block;
    made->summaries = feat_alloc_zero(block->n_slots, sizeof *made->summaries);
    made->moments = feat_alloc_zero(block->n_aggregates, sizeof *made->moments);
    made->moments_of = feat_alloc_array(block->n_aggregates, sizeof *made->moments_of);
    made->statistics = feat_alloc_zero(block->n_aggregates, sizeof *made->statistics);
    made->slides = feat_alloc_zero(block->n_aggregates, sizeof *made->slides);
    made->slide_of = feat_alloc_array(block->n_aggregates, sizeof *made->slide_of);
    made->bests = feat_alloc_zero(block->n_aggregates, sizeof *made->bests);
    bool good = made->bests && made->slides && made->slide_of && made->summaries && made->moments && made->moments_of &&
                made->statistics;
    feat_status status = good ? feat_scanner_new(block, &made->scanner, err) : feat_fail_memory(err);
    if (status != FEAT_OK) {
        feat_window_index_free(made);
        return status;
    }
    for (size_t s = 0; s < block->n_slots; s++) {
        feat_summary_clear(&made->summaries[s]);
        made->summaries[s].slot.class = feat_class_of(block->slots[s]);
        made->summaries[s].scale =
            FEAT_TYPE_BASE(block->slots[s]) == FEAT_TYPE_DECIMAL ? FEAT_TYPE_SCALE(block->slots[s]) : 0;
    }
    for (size_t a = 0; a < block->n_aggregates; a++)
        if (feat_summary_serves(block, &block->aggregates[a]))
            feat_summary_want(&made->summaries[block->aggregates[a].slot], block->aggregates[a].agg);
    plan_moments(made);
    plan_slides(made);
    for (size_t a = 0; a < block->n_aggregates; a++)
        if (feat_best_serves(&block->aggregates[a])) made->bests[a].aggregate = &block->aggregates[a];
    *index = made;
    return FEAT_OK;
}

void feat_window_index_free(feat_window_index *index) {
    if (!index) return;
    for (size_t s = 0; index->summaries && s < index->block->n_slots; s++) feat_summary_done(&index->summaries[s]);
    for (size_t m = 0; m < index->n_moments; m++) feat_window_moments_done(&index->moments[m]);
    for (size_t i = 0; i < index->n_slides; i++) feat_slide_done(&index->slides[i]);
    for (size_t a = 0; index->bests && a < index->block->n_aggregates; a++) feat_best_done(&index->bests[a]);
    feat_scanner_free(index->scanner);
    feat_free(index->bests);
    feat_free(index->slides);
    feat_free(index->slide_of);
    feat_free(index->summaries);
    feat_free(index->moments);
    feat_free(index->moments_of);
    feat_free(index->statistics);
    feat_free(index);
}

feat_status feat_window_index_build(feat_window_index *index, const feat_events *events, size_t first, size_t n,
                                    feat_error *err) {
    /* An index without events answers any query: what a failure leaves. */
    index->n = 0;
    index->events = events;
    index->first = first;
    for (size_t s = 0; s < index->block->n_slots; s++) feat_summary_clear(&index->summaries[s]);
    for (size_t m = 0; m < index->n_moments; m++) feat_window_moments_clear(&index->moments[m]);
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
    /* A failure leaves those that were built, of which queries of no event ask nothing. */
    for (size_t m = 0; m < index->n_moments && feat_scanner_frames(index->scanner)->uniform; m++)
        if (feat_window_moments_build(&index->moments[m], events, first, n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < index->n_slides && feat_scanner_frames(index->scanner)->uniform; i++) {
        feat_event_slot slot = events->slots[index->slides[i].slot];
        if (n) {
            slot.values = (char *)slot.values + first * feat_class_size(slot.class);
            slot.state += first;
        }
        feat_slide_build(&index->slides[i], &slot, n);
    }
    for (size_t a = 0; a < index->block->n_aggregates && feat_scanner_frames(index->scanner)->uniform; a++)
        if (feat_window_index_best(index, a)) feat_best_build(&index->bests[a], events, first, n);
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
    for (size_t i = 0; i < index->n_slides; i++) feat_slide_forget(&index->slides[i]);
    for (size_t a = 0; a < block->n_aggregates; a++) {
        const feat_aggregate *aggregate = &block->aggregates[a];
        const feat_ranges *ranges = &frames->windows[aggregate->window];
        feat_range range = ranges->first;
        feat_window_moments *moments = feat_window_index_moments(index, a);
        feat_slide *slide = feat_window_index_slide(index, a);
        feat_best *best = feat_window_index_best(index, a);
        bool served = moments || slide || best || feat_summary_serves(block, aggregate);
        if (!frames->uniform || !served || feat_range_length(ranges->second) ||
            frames->window_failed[aggregate->window] ||
            !feat_frames_narrow(frames, aggregate->low, aggregate->high, events->time + first, &range)) {
            FEAT_TRY(feat_scanner_aggregate(index->scanner, a, events, first, &out[a], err));
            continue;
        }
        if (range.to < range.from) range.to = range.from;
        range = (feat_range){range.from + from, range.to + from};
        if (slide || best) {
            if (best && feat_slide_pays(range)) FEAT_TRY(feat_best_query(best, range, &out[a], err));
            else if (feat_slide_pays(range)) FEAT_TRY(feat_slide_query(slide, aggregate, range, &out[a], err));
            else FEAT_TRY(feat_scanner_aggregate(index->scanner, a, events, first, &out[a], err));
            out[a] = feat_cell_canonical(out[a], feat_class_of(aggregate->type));
            continue;
        }
        if (moments) {
            FEAT_TRY(feat_window_moments_query(moments, index->statistics[a], range, &out[a], err));
            continue;
        }
        out[a] = feat_cell_canonical(feat_summary_query(&index->summaries[aggregate->slot], aggregate->agg, range),
                                     feat_class_of(aggregate->type));
    }
    return FEAT_OK;
}
