/* Order statistics: median and quantiles, exact or within a relative error. */
#include <math.h>

#include "column/list.h"
#include "exec/agg.h"
#include "exec/values.h"
#include "math/ddsketch.h"
#include "math/decimal.h"
#include "math/quantile.h"

/* What an aggregate says of the values at a share of the way through them. */
typedef feat_cell at_share(const feat_agg_input *in, feat_ranking *r, feat_share share);

static feat_cell discrete(const feat_agg_input *in, feat_ranking *r, feat_share share) {
    return feat_ranking_at(r, feat_share_place(share, in->n));
}

static feat_cell continuous(const feat_agg_input *in, feat_ranking *r, feat_share share) {
    uint64_t rest, whole = share.whole;
    size_t place = feat_share_between(share, in->n, &rest);
    feat_cell pair[2];
    if (rest > 0) feat_ranking_pair(r, place, pair);
    else pair[0] = pair[1] = feat_ranking_at(r, place);
    int scale = FEAT_TYPE_SCALE(in->types[0]);
    switch (r->class) {
    case FEAT_CLASS_F: return feat_cell_of_double(feat_between_doubles(pair[0].v.f, pair[1].v.f, rest, whole));
    case FEAT_CLASS_W: return feat_cell_of_double(feat_between_wides(pair[0].v.w, pair[1].v.w, scale, rest, whole));
    default:
        if (in->types[0] == FEAT_TYPE_TIMESTAMP)
            return feat_cell_of_int(feat_between_instants(pair[0].v.i, pair[1].v.i, rest, whole));
        return feat_cell_of_double(feat_between_integers(pair[0].v.i, pair[1].v.i, rest, whole));
    }
}

/* ---- Within a relative error: the bin of the discrete quantile, which is all that a sketch would know of it. ---- */

static double as_double(const feat_agg_input *in, const feat_cell *cell, feat_class class) {
    if (class == FEAT_CLASS_F) return cell->v.f;
    if (class == FEAT_CLASS_W) return feat_decimal_to_double(cell->v.w, FEAT_TYPE_SCALE(in->types[0]));
    return (double)cell->v.i;
}

static feat_int128 clip(feat_int128 v, feat_int128 low, feat_int128 high) {
    return v < low ? low : v > high ? high : v;
}

static feat_cell approximate(const feat_agg_input *in, feat_ranking *r, feat_share share) {
    size_t place = feat_share_place(share, in->n);
    feat_cell exact = feat_ranking_at(r, place);
    if (r->class == FEAT_CLASS_F) exact.v.f += 0.0; /* zeros are one */
    if (place == 0 || place == in->n - 1) return exact;
    feat_cell low = feat_ranking_at(r, 0), high = feat_ranking_at(r, in->n - 1);
    int32_t bin = feat_ddsketch_bin_of(as_double(in, &exact, r->class));
    if (r->class == FEAT_CLASS_F) {
        double value = feat_ddsketch_value(bin, low.v.f + 0.0, high.v.f + 0.0);
        return feat_cell_of_double(in->type == FEAT_TYPE_REAL ? (double)(float)value : value);
    }
    /* A whole number below 128 has a bin of its own, whose lower edge it is. */
    double value = feat_ddsketch_value(bin, -HUGE_VAL, HUGE_VAL);
    int scale = FEAT_TYPE_SCALE(in->types[0]);
    feat_int128 least = r->class == FEAT_CLASS_W ? low.v.w : low.v.i, made,
                greatest = r->class == FEAT_CLASS_W ? high.v.w : high.v.i;
    if (scale == 0) value = trunc(value);
    if (!feat_decimal_of_double(value, FEAT_DECIMAL_DIGITS, scale, &made)) made = value < 0 ? least : greatest;
    made = clip(made, least, greatest);
    if (r->class == FEAT_CLASS_W) exact.v.w = made;
    else exact.v.i = (int64_t)made;
    return exact;
}

/* ---- One share, or a list of them. ---- */

static bool is_one_share(const feat_parameter *p) { return p->type == FEAT_TYPE_DOUBLE || p->type == 0; }

static feat_cell of_ranking(const feat_agg_input *in, feat_ranking *r, at_share *of) {
    const feat_parameter *p = in->parameter;
    if (is_one_share(p)) return of(in, r, p->type ? feat_share_of(p->v.f) : (feat_share){1, 2});
    feat_nested_layout shares;
    feat_element *elements;
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    if (!feat_list_read(p->type, p->v.t, &shares) ||
        !(elements = feat_values_room(in->scratch, shares.n, sizeof *elements)))
        return feat_cell_of_state(FEAT_STATE_ERROR);
    for (size_t i = 0; i < shares.n; i++) {
        feat_element share;
        if (!feat_list_get(&shares, i, &share)) return feat_cell_of_state(FEAT_STATE_ERROR);
        feat_cell one = of(in, r, feat_share_of(share.f));
        memcpy(&elements[i], &one.v, sizeof elements[i]);
    }
    if (!feat_list_make(in->scratch, in->type, elements, sizeof *elements, NULL, shares.n, &cell.v.t))
        return feat_cell_of_state(FEAT_STATE_ERROR);
    return cell;
}

static feat_cell each_share(const feat_agg_input *in, at_share *of) {
    feat_ranking r;
    if (!feat_ranking_make(&r, in->scratch, feat_class_of(in->types[0]), in->values[0], in->n,
                           !is_one_share(in->parameter)))
        return feat_cell_of_state(FEAT_STATE_ERROR);
    return of_ranking(in, &r, of);
}

feat_cell feat_quantile_of(const feat_agg_input *in, feat_agg agg, feat_ranking *r) {
    feat_agg_function *function = feat_agg_function_of(agg);
    return of_ranking(in, r,
                      function == feat_agg_quantile_cont   ? continuous
                      : function == feat_agg_quantile_disc ? discrete
                                                           : approximate);
}

feat_cell feat_agg_quantile_cont(const feat_agg_input *in) { return each_share(in, continuous); }
feat_cell feat_agg_quantile_disc(const feat_agg_input *in) { return each_share(in, discrete); }
feat_cell feat_agg_approx_quantile(const feat_agg_input *in) { return each_share(in, approximate); }
