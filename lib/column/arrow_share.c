#include "column/arrow_share.h"

#include <stdatomic.h>

#include "base/alloc.h"

/* The arrays were read by the converters before, which know no deeper ones. */
enum { MOST_DEEP = 64 };

struct feat_arrow_shared {
    atomic_size_t refs;
    struct ArrowArray array;
};

feat_status feat_arrow_shared_new(struct ArrowArray *array, feat_arrow_shared **shared, feat_error *err) {
    feat_arrow_shared *s = feat_alloc(sizeof *s);
    if (!s) return feat_fail_memory(err);
    atomic_init(&s->refs, 1);
    s->array = *array;
    array->release = NULL;
    *shared = s;
    return FEAT_OK;
}

void feat_arrow_shared_unref(feat_arrow_shared *s) {
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1) return;
    if (s->array.release) s->array.release(&s->array);
    feat_free(s);
}

const struct ArrowArray *feat_arrow_shared_array(const feat_arrow_shared *s) { return &s->array; }

/* The parts of a copy, whose buffers are the shared array's. A child that its owner has moved away is released already.
 */
static void free_parts(struct ArrowArray *array) {
    for (int64_t i = 0; array->children && i < array->n_children; i++) {
        if (array->children[i] && array->children[i]->release) array->children[i]->release(array->children[i]);
        feat_free(array->children[i]);
    }
    feat_free(array->children);
    if (array->dictionary && array->dictionary->release) array->dictionary->release(array->dictionary);
    feat_free(array->dictionary);
}

static void release_copy(struct ArrowArray *array) {
    feat_arrow_shared *shared = array->private_data;
    free_parts(array);
    array->release = NULL;
    feat_arrow_shared_unref(shared);
}

static int copy_array(feat_arrow_shared *shared, const struct ArrowArray *in, int depth, struct ArrowArray *out) {
    struct ArrowArray copy = *in;
    copy.children = NULL;
    copy.dictionary = NULL;
    if (depth > MOST_DEEP) return -1;
    if (in->n_children > 0 && !(copy.children = feat_alloc_zero((size_t)in->n_children, sizeof *copy.children)))
        return -1;
    for (int64_t i = 0; i < in->n_children; i++) {
        copy.children[i] = feat_alloc_zero(1, sizeof *copy.children[i]);
        if (!copy.children[i] || copy_array(shared, in->children[i], depth + 1, copy.children[i]) != 0) goto fail;
    }
    if (in->dictionary) {
        copy.dictionary = feat_alloc_zero(1, sizeof *copy.dictionary);
        if (!copy.dictionary || copy_array(shared, in->dictionary, depth + 1, copy.dictionary) != 0) goto fail;
    }
    copy.release = release_copy;
    copy.private_data = shared;
    atomic_fetch_add(&shared->refs, 1);
    *out = copy;
    return 0;
fail:
    free_parts(&copy);
    return -1;
}

feat_status feat_arrow_shared_slice(feat_arrow_shared *shared, size_t i, int64_t start, int64_t n,
                                    struct ArrowArray *out, feat_error *err) {
    if (copy_array(shared, shared->array.children[i], 0, out) != 0) return feat_fail_memory(err);
    out->offset += shared->array.offset + start;
    if (out->null_count != 0 && out->length != n) out->null_count = -1;
    out->length = n;
    return FEAT_OK;
}
