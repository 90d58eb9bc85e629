/* Truths, bits, and what depends on the order of the events. */
#include "base/alloc.h"
#include "base/clock.h"
#include "column/list.h"
#include "exec/agg.h"
#include "exec/gather.h"
#include "math/decimal.h"
#include "math/exact.h"
#include "math/product.h"
#include "text/points.h"

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

/* ---- Bits. ---- */

static uint64_t bits_at(const feat_agg_input *in, size_t i) {
    if (feat_class_of(in->types[0]) == FEAT_CLASS_W) return (uint64_t)((const feat_int128 *)in->values[0])[i];
    return (uint64_t)((const int64_t *)in->values[0])[i];
}

static feat_cell of_bits(const feat_agg_input *in, uint64_t bits) {
    feat_cell cell = feat_cell_of_int((int64_t)bits);
    if (feat_class_of(in->types[0]) == FEAT_CLASS_W) cell.v.w = bits;
    return cell;
}

feat_cell feat_agg_bit_and(const feat_agg_input *in) {
    uint64_t bits = UINT64_MAX;
    for (size_t i = 0; i < in->n; i++) bits &= bits_at(in, i);
    return of_bits(in, bits);
}

feat_cell feat_agg_bit_or(const feat_agg_input *in) {
    uint64_t bits = 0;
    for (size_t i = 0; i < in->n; i++) bits |= bits_at(in, i);
    return of_bits(in, bits);
}

feat_cell feat_agg_bit_xor(const feat_agg_input *in) {
    uint64_t bits = 0;
    for (size_t i = 0; i < in->n; i++) bits ^= bits_at(in, i);
    return of_bits(in, bits);
}

feat_cell feat_agg_product(const feat_agg_input *in) {
    double product = 0;
    if (!feat_product(in->values[0], in->n, &product)) in->scratch->failed = true;
    return feat_cell_of_double(product);
}

/* ---- One row of the window. ---- */

static feat_cell cell_at(const feat_agg_input *in, size_t i) {
    feat_cell cell = feat_cell_of_state(in->states[0][i]);
    size_t size = feat_class_size(feat_class_of(in->types[0]));
    memcpy(&cell.v, (const char *)in->values[0] + i * size, size);
    return cell;
}

feat_cell feat_agg_nth_value(const feat_agg_input *in) {
    uint64_t n = (uint64_t)in->parameter->v.i;
    return n <= in->n ? cell_at(in, (size_t)n - 1) : feat_cell_of_state(FEAT_STATE_NULL);
}

/* Whether row `i` is to be taken before row `k`. */
static bool comes_before(const feat_agg_input *in, bool greatest, size_t i, size_t k) {
    feat_class class = feat_class_of(in->types[1]);
    if (feat_lane_below(class, in->values[1], i, k)) return !greatest;
    if (feat_lane_below(class, in->values[1], k, i)) return greatest;
    return i < k;
}

/* A heap with the row on top that is to be taken last. */
static void sift_down(const feat_agg_input *in, bool greatest, uint32_t *heap, size_t root, size_t n) {
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && comes_before(in, greatest, heap[child], heap[child + 1])) child++;
        if (!comes_before(in, greatest, heap[root], heap[child])) return;
        uint32_t swap = heap[root];
        heap[root] = heap[child];
        heap[child] = swap;
    }
}

/* The `most` rows that come first, in order, put into `rows`. */
static void best_rows(const feat_agg_input *in, bool greatest, uint32_t *rows, size_t most) {
    for (size_t i = 0; i < most; i++) rows[i] = (uint32_t)i;
    for (size_t i = most / 2; i-- > 0;) sift_down(in, greatest, rows, i, most);
    for (size_t i = most; i < in->n; i++) {
        if (!comes_before(in, greatest, i, rows[0])) continue;
        rows[0] = (uint32_t)i;
        sift_down(in, greatest, rows, 0, most);
    }
    for (size_t end = most; end-- > 1;) {
        uint32_t swap = rows[0];
        rows[0] = rows[end];
        rows[end] = swap;
        sift_down(in, greatest, rows, 0, end);
    }
}

static feat_cell list_of_best(const feat_agg_input *in, bool greatest) {
    size_t most = (uint64_t)in->parameter->v.i < in->n ? (size_t)in->parameter->v.i : in->n;
    size_t size = feat_class_size(feat_class_of(in->types[0]));
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    uint32_t *rows = feat_alloc_array(most, sizeof *rows);
    char *values = feat_alloc_array(most, size);
    if (rows && values) {
        best_rows(in, greatest, rows, most);
        for (size_t i = 0; i < most; i++) memcpy(values + i * size, (const char *)in->values[0] + rows[i] * size, size);
        if (!feat_list_make(in->scratch, in->type, values, size, NULL, most, &cell.v.t)) cell.state = FEAT_STATE_ERROR;
    } else in->scratch->failed = true;
    feat_free(rows);
    feat_free(values);
    return cell;
}

static feat_cell arg_extreme(const feat_agg_input *in, bool greatest) {
    if (in->parameter->type) return list_of_best(in, greatest);
    feat_class class = feat_class_of(in->types[1]);
    size_t best = 0;
    for (size_t i = 1; i < in->n; i++)
        if (feat_lane_below(class, in->values[1], greatest ? best : i, greatest ? i : best)) best = i;
    return cell_at(in, best);
}

feat_cell feat_agg_arg_min(const feat_agg_input *in) { return arg_extreme(in, false); }
feat_cell feat_agg_arg_max(const feat_agg_input *in) { return arg_extreme(in, true); }

/* ---- All rows of the window. ---- */

feat_cell feat_agg_list(const feat_agg_input *in) {
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    size_t size = feat_class_size(feat_class_of(in->types[0]));
    if (!feat_list_make(in->scratch, in->type, in->values[0], size, in->states[0], in->n, &cell.v.t))
        cell.state = FEAT_STATE_ERROR;
    return cell;
}

feat_cell feat_agg_string_agg(const feat_agg_input *in) {
    const feat_text *texts = in->values[0], comma = {",", 1};
    feat_text between = in->parameter->type ? in->parameter->v.t : comma;
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    size_t length = 0;
    for (size_t i = 0; i < in->n && length <= FEAT_TEXT_MOST; i++) length += texts[i].length + (i ? between.length : 0);
    if (length > FEAT_TEXT_MOST) return feat_cell_of_state(FEAT_STATE_ERROR);
    char *made = feat_scratch_take(in->scratch, length), *at = made;
    for (size_t i = 0; made && i < in->n; i++) {
        if (i && between.length) memcpy(at, between.data, between.length);
        at += i ? between.length : 0;
        if (texts[i].length) memcpy(at, texts[i].data, texts[i].length);
        at += texts[i].length;
    }
    cell.v.t = made ? (feat_text){made, length} : (feat_text){"", 0};
    return cell;
}

/* ---- Times. ---- */

feat_cell feat_agg_time_since_last(const feat_agg_input *in) {
    return feat_cell_of_double(feat_int_mean((feat_int128)in->t - in->times[in->n - 1], FEAT_US_PER_SECOND));
}

feat_cell feat_agg_time_between(const feat_agg_input *in) {
    if (in->n < 2) return feat_cell_of_state(FEAT_STATE_NULL);
    feat_int128 span = (feat_int128)in->times[in->n - 1] - in->times[0];
    return feat_cell_of_double(feat_int_mean(span, (int64_t)(in->n - 1) * FEAT_US_PER_SECOND));
}

/* ---- What the order of the values tells. ---- */

feat_cell feat_agg_streak(const feat_agg_input *in) {
    const uint8_t *values = in->values[0];
    size_t first = in->n;
    while (first > 0 && in->states[0][first - 1] == FEAT_STATE_VALUE && values[first - 1]) first--;
    return feat_cell_of_int((int64_t)(in->n - first));
}

feat_cell feat_agg_drawdown_int(const feat_agg_input *in) {
    const int64_t *values = in->values[0];
    int64_t greatest = values[0], fall = 0, down;
    for (size_t i = 1; i < in->n; i++) {
        if (values[i] > greatest) greatest = values[i];
        if (__builtin_sub_overflow(greatest, values[i], &down)) return feat_cell_of_state(FEAT_STATE_ERROR);
        if (down > fall) fall = down;
    }
    return feat_cell_of_int(fall);
}

feat_cell feat_agg_drawdown_wide(const feat_agg_input *in) {
    const feat_int128 *values = in->values[0];
    feat_int128 greatest = values[0], fall = 0; /* below 2 * 10^38, which is more than 2^127 */
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    for (size_t i = 1; i < in->n; i++) {
        feat_int128 down;
        if (values[i] > greatest) greatest = values[i];
        if (__builtin_sub_overflow(greatest, values[i], &down)) return feat_cell_of_state(FEAT_STATE_ERROR);
        if (down > fall) fall = down;
    }
    cell.v.w = fall;
    if (!feat_decimal_fits(fall, 38)) cell.state = FEAT_STATE_ERROR;
    return cell;
}

/* Rounding keeps the order, so the greatest of the differences rounded is the greatest one rounded. */
feat_cell feat_agg_drawdown_double(const feat_agg_input *in) {
    const double *values = in->values[0];
    double greatest = values[0], fall = 0;
    for (size_t i = 0; i < in->n; i++) {
        if (values[i] != values[i]) return feat_cell_of_double(values[i]);
        if (values[i] >= greatest) greatest = values[i];
        else if (greatest - values[i] > fall) fall = greatest - values[i];
    }
    return feat_cell_of_double(fall);
}
