/* Sums, means and extremes of vectors, element by element. */
#include "base/alloc.h"
#include "column/list.h"
#include "exec/agg.h"
#include "math/exact.h"
#include "math/number.h"

/* As many elements are looked at together as have their sums in the fastest cache. */
enum { TOGETHER = 16 };

typedef enum folding { FOLD_SUM, FOLD_MEAN, FOLD_LEAST, FOLD_GREATEST } folding;

typedef struct fold {
    folding how;
    feat_exact sums[TOGETHER];
    double best[TOGETHER];
    int64_t counts[TOGETHER];
} fold;

static void take(fold *f, size_t i, double value) {
    if (f->how == FOLD_SUM || f->how == FOLD_MEAN) feat_exact_add(&f->sums[i], value);
    else if (f->counts[i] == 0 || feat_double_order(value, f->best[i]) == (f->how == FOLD_LEAST ? -1 : 1))
        f->best[i] = value;
    f->counts[i]++;
}

static double result(const fold *f, size_t i) {
    switch (f->how) {
    case FOLD_SUM: return feat_exact_round(&f->sums[i]);
    case FOLD_MEAN: return feat_exact_mean(&f->sums[i], f->counts[i]);
    case FOLD_LEAST:
    case FOLD_GREATEST: break;
    }
    return f->best[i];
}

static feat_cell each_element(const feat_agg_input *in, folding how) {
    const feat_text *vectors = in->values[0];
    size_t n = FEAT_TYPE_DIMENSIONS(in->types[0]);
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    double *results = feat_alloc_array(n, sizeof *results);
    uint8_t *null = feat_alloc_zero(n, 1);
    for (size_t first = 0; results && null && first < n; first += TOGETHER) {
        size_t last = n - first < TOGETHER ? n : first + TOGETHER;
        fold f = {.how = how};
        for (size_t row = 0; row < in->n; row++) {
            feat_nested_layout vector;
            feat_element element;
            if (!feat_list_read(in->types[0], vectors[row], &vector) || vector.n != n) continue;
            for (size_t i = first; i < last; i++)
                if (feat_list_get(&vector, i, &element)) take(&f, i - first, element.f);
        }
        for (size_t i = first; i < last; i++) {
            null[i] = f.counts[i - first] == 0;
            results[i] = null[i] ? 0 : result(&f, i - first);
        }
    }
    if (!results || !null) in->scratch->failed = true;
    else if (!feat_list_make(in->scratch, in->type, results, sizeof *results, null, n, &cell.v.t))
        cell.state = FEAT_STATE_ERROR;
    feat_free(results);
    feat_free(null);
    return cell;
}

feat_cell feat_agg_sum_vector(const feat_agg_input *in) { return each_element(in, FOLD_SUM); }
feat_cell feat_agg_avg_vector(const feat_agg_input *in) { return each_element(in, FOLD_MEAN); }
feat_cell feat_agg_min_vector(const feat_agg_input *in) { return each_element(in, FOLD_LEAST); }
feat_cell feat_agg_max_vector(const feat_agg_input *in) { return each_element(in, FOLD_GREATEST); }
