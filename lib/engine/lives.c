#include "engine/lives.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"

void feat_lives_done(feat_lives *h) {
    for (size_t s = 0; s < h->n; s++) {
        feat_free(h->segments[s].ends);
        feat_free(h->segments[s].gone);
    }
    feat_free(h->segments);
    *h = (feat_lives){0};
}

feat_lifetime feat_lives_row(const feat_lives_segment *s, uint32_t row) {
    feat_lifetime life = s->life;
    if (s->ends && s->ends[row] < life.to) life.to = s->ends[row];
    return life;
}

/* Whether a row that was deleted is there again, as it is where a table was restored. */
static bool rows_return(const feat_lives_segment *s, const uint8_t *deleted) {
    if (!s->gone) return false;
    for (size_t i = 0; i < feat_bitmap_size(s->rows); i++)
        if (s->gone[i] & ~(deleted ? deleted[i] : 0)) return true;
    return false;
}

/* Ends the rows that are deleted at version `at` and were not before. */
static feat_status end_rows(feat_lives_segment *s, uint32_t at, const uint8_t *deleted, feat_error *err) {
    size_t size = feat_bitmap_size(s->rows);
    if (!s->ends) {
        s->ends = feat_alloc_array(s->rows, sizeof *s->ends);
        s->gone = feat_alloc_zero(size, 1);
        if (!s->ends || !s->gone) return feat_fail_memory(err);
        memset(s->ends, 0xff, s->rows * sizeof *s->ends);
    }
    for (size_t i = 0; i < size; i++) {
        if (deleted[i] == s->gone[i]) continue;
        for (uint32_t row = (uint32_t)i * 8; row < s->rows && row < i * 8 + 8; row++)
            if (feat_bit_get(deleted, row) && s->ends[row] == UINT32_MAX) s->ends[row] = at;
        s->gone[i] = deleted[i];
    }
    return FEAT_OK;
}

/* What is followed from one version to the next. */
typedef struct following {
    feat_lives *h;
    feat_table_follower *table;
    const uint64_t *versions;
    size_t *there, *before; /* numbers of the segments of the version, by their place; of a part of the one before */
    size_t n, there_capacity, before_capacity;
    uint32_t n_versions;
    bool restored; /* rows may have come back: how many are deleted does not tell which */
} following;

static feat_status begin_segment(following *f, const feat_segment_info *info, uint32_t at, size_t *number,
                                 feat_error *err) {
    feat_lives *h = f->h;
    if (FEAT_GROW(h->segments, h->capacity, h->n + 1) != 0) return feat_fail_memory(err);
    h->segments[h->n] =
        (feat_lives_segment){.id = info->id, .rows = info->rows, .life = (feat_lifetime){at, f->n_versions}};
    h->rows += info->rows;
    *number = h->n++;
    return FEAT_OK;
}

/* It is read at the last version that has it. */
static void end_segment(following *f, size_t number, size_t index, uint32_t at) {
    feat_lives_segment *s = &f->h->segments[number];
    s->life.to = at;
    s->version = f->versions[at - 1];
    s->index = index;
}

/* A segment that is at `index`, and was at `old_index` before if it is known. */
static feat_status keep_segment(following *f, size_t index, const feat_segment_info *info, const size_t *old_index,
                                uint32_t at, feat_error *err) {
    feat_lives *h = f->h;
    const uint8_t *deleted = NULL;
    size_t *number = &f->there[index];
    if (!old_index) FEAT_TRY(begin_segment(f, info, at, number, err));
    if (info->deleted != h->segments[*number].deleted || (f->restored && info->deleted > 0)) {
        FEAT_TRY(feat_table_follower_deleted(f->table, index, &deleted, err));
        if (old_index && rows_return(&h->segments[*number], deleted)) { /* as if another segment from here on */
            end_segment(f, *number, *old_index, at);
            FEAT_TRY(begin_segment(f, info, at, number, err));
        }
        if (deleted) FEAT_TRY(end_rows(&h->segments[*number], at, deleted, err));
    }
    h->segments[*number].deleted = info->deleted;
    return FEAT_OK;
}

/* Both lists of segments ascend by id. */
static feat_status follow_change(following *f, const feat_segments_change *c, uint32_t at, feat_error *err) {
    size_t n = c->old_end - c->first, i = 0;
    if (FEAT_GROW(f->before, f->before_capacity, n) != 0 || FEAT_GROW(f->there, f->there_capacity, c->end) != 0)
        return feat_fail_memory(err);
    if (n) memcpy(f->before, f->there + c->first, n * sizeof *f->before);
    for (size_t s = c->first; s < c->end; s++) {
        feat_segment_info info = feat_table_follower_segment(f->table, s);
        for (; i < n && f->h->segments[f->before[i]].id < info.id; i++) end_segment(f, f->before[i], c->first + i, at);
        bool known = i < n && f->h->segments[f->before[i]].id == info.id;
        size_t old_index = c->first + i;
        if (known) f->there[s] = f->before[i++];
        FEAT_TRY(keep_segment(f, s, &info, known ? &old_index : NULL, at, err));
    }
    for (; i < n; i++) end_segment(f, f->before[i], c->first + i, at);
    return FEAT_OK;
}

static feat_status follow(following *f, feat_error *err) {
    for (uint32_t at = 0; at < f->n_versions; at++) {
        const feat_segments_change *changes;
        size_t n;
        FEAT_TRY(feat_table_step(f->table, f->versions[at], &changes, &n, err));
        for (size_t i = 0; i < n; i++) FEAT_TRY(follow_change(f, &changes[i], at, err));
        f->n = feat_table_follower_segments(f->table);
    }
    for (size_t i = 0; i < f->n; i++) end_segment(f, f->there[i], i, f->n_versions);
    return FEAT_OK;
}

static int by_place(const void *a, const void *b) {
    const feat_lives_segment *x = a, *y = b;
    if (x->version != y->version) return x->version < y->version ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

feat_status feat_lives_make(feat_lives *h, feat_db *db, const feat_schema *table, const uint64_t *versions, size_t n,
                            bool restored, feat_error *err) {
    following f = {.h = h, .versions = versions, .n_versions = (uint32_t)n, .restored = restored};
    *h = (feat_lives){0};
    feat_status status = feat_table_follow(db, table, &f.table, err);
    if (status == FEAT_OK) status = follow(&f, err);
    for (size_t s = 0; s < h->n; s++) {
        feat_free(h->segments[s].gone);
        h->segments[s].gone = NULL;
    }
    if (h->n) qsort(h->segments, h->n, sizeof *h->segments, by_place);
    feat_table_follower_free(f.table);
    feat_free(f.there);
    feat_free(f.before);
    if (status != FEAT_OK) feat_lives_done(h);
    return status;
}
