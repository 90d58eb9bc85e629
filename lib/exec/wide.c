#include "exec/wide.h"

#include "exec/cell.h"
#include "math/decimal.h"
#include "math/exact.h"

feat_cell feat_wide_answer(const feat_wide_sum *sum, feat_agg agg, size_t n, int scale) {
    feat_int128 whole = (feat_int128)sum->low;
    bool fits = sum->high == (whole < 0 ? -1 : 0);
    if (agg == FEAT_AGG_AVG_WIDE) return feat_cell_of_double(feat_wide_mean(sum->low, sum->high, n, scale));
    if (agg == FEAT_AGG_SUM_UNSIGNED)
        return fits && whole <= INT64_MAX ? feat_cell_of_int((int64_t)whole) : feat_cell_of_state(FEAT_STATE_ERROR);
    if (!fits || !feat_decimal_fits(whole, FEAT_DECIMAL_DIGITS)) return feat_cell_of_state(FEAT_STATE_ERROR);
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    cell.v.w = whole;
    return cell;
}
