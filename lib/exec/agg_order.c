/* Truths, bits, and what depends on the order of the events. */
#include "exec/agg.h"

static feat_cell of_truth(bool value) {
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    cell.v.b = value;
    return cell;
}

feat_cell feat_agg_bool_and(const feat_agg_input *in) {
    const uint8_t *values = in->values[0];
    bool all = true;
    for (size_t i = 0; i < in->n; i++) all &= values[i];
    return of_truth(all);
}

feat_cell feat_agg_bool_or(const feat_agg_input *in) {
    const uint8_t *values = in->values[0];
    bool any = false;
    for (size_t i = 0; i < in->n; i++) any |= values[i];
    return of_truth(any);
}
