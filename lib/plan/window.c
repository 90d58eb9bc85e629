/* Where a window lies at t. */
#include "base/clock.h"
#include "math/exact.h" /* feat_int128 */
#include "plan/plan.h"

/* t minus an interval, months first. In 128 bits, so that only the months can leave the range: they then saturate far
 * beyond anything that days and microseconds could bring back. */
static feat_int128 back_from(int64_t t, const feat_interval *interval) {
    int64_t at = t;
    if (interval->months != 0 && !feat_add_months(t, -(int64_t)interval->months, &at)) {
        feat_int128 beyond = (feat_int128)1 << 120;
        return interval->months > 0 ? -beyond : beyond;
    }
    return (feat_int128)at - (feat_int128)interval->days * FEAT_US_PER_DAY - interval->us;
}

void feat_window_bounds(const feat_window *window, int64_t t, int64_t delay_us, int64_t *first, int64_t *last) {
    feat_int128 low = INT64_MIN;
    if (!window->unbounded) low = back_from(t, &window->start) + window->open_left;
    feat_int128 high = back_from(t, &window->end) - window->open_right;
    feat_int128 visible = (feat_int128)t - delay_us;
    if (high > visible) high = visible;
    if (low > INT64_MAX || high < INT64_MIN || low > high) { /* the bounds of an empty window need not fit */
        *first = INT64_MAX;
        *last = INT64_MIN;
        return;
    }
    *first = low < INT64_MIN ? INT64_MIN : (int64_t)low;
    *last = high > INT64_MAX ? INT64_MAX : (int64_t)high;
}
