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

/* What is followed from one version to the next: the segments that the last one had, by ascending id. */
typedef struct following {
    feat_lives *h;
    size_t *there, *next; /* numbers of segments */
    size_t n, there_capacity, next_capacity;
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

static feat_status follow(following *f, feat_table_version *tv, uint64_t version, uint32_t at, feat_error *err) {
    feat_lives *h = f->h;
    size_t n = feat_table_segments(tv), i = 0;
    if (FEAT_GROW(f->next, f->next_capacity, n) != 0) return feat_fail_memory(err);
    for (size_t s = 0; s < n; s++) {
        feat_segment_info info = feat_table_segment(tv, s);
        while (i < f->n && h->segments[f->there[i]].id < info.id) h->segments[f->there[i++]].life.to = at;
        bool known = i < f->n && h->segments[f->there[i]].id == info.id;
        if (known) f->next[s] = f->there[i++];
        else FEAT_TRY(begin_segment(f, &info, at, &f->next[s], err));
        feat_lives_segment *segment = &h->segments[f->next[s]];
        if (info.deleted != segment->deleted || (f->restored && info.deleted > 0)) {
            const uint8_t *deleted;
            FEAT_TRY(feat_table_deleted(tv, s, &deleted, err));
            if (rows_return(segment, deleted)) { /* as if it were another segment from here on */
                segment->life.to = at;
                FEAT_TRY(begin_segment(f, &info, at, &f->next[s], err));
                segment = &h->segments[f->next[s]];
            }
            if (deleted) FEAT_TRY(end_rows(segment, at, deleted, err));
        }
        segment->deleted = info.deleted;
        segment->version = version;
        segment->index = s;
    }
    while (i < f->n) h->segments[f->there[i++]].life.to = at;
    size_t *swap = f->there, capacity = f->there_capacity;
    f->there = f->next;
    f->there_capacity = f->next_capacity;
    f->next = swap;
    f->next_capacity = capacity;
    f->n = n;
    return FEAT_OK;
}

static int by_place(const void *a, const void *b) {
    const feat_lives_segment *x = a, *y = b;
    if (x->version != y->version) return x->version < y->version ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

feat_status feat_lives_make(feat_lives *h, feat_db *db, const feat_schema *table, const uint64_t *versions, size_t n,
                            bool restored, feat_error *err) {
    following f = {.h = h, .n_versions = (uint32_t)n, .restored = restored};
    feat_status status = FEAT_OK;
    *h = (feat_lives){0};
    for (uint32_t at = 0; at < n && status == FEAT_OK; at++) {
        feat_table_version *tv = NULL;
        status = feat_table_open(db, table, versions[at], &tv, err);
        if (status == FEAT_OK) status = follow(&f, tv, versions[at], at, err);
        feat_table_close(tv);
    }
    for (size_t s = 0; s < h->n; s++) {
        feat_free(h->segments[s].gone);
        h->segments[s].gone = NULL;
    }
    if (h->n) qsort(h->segments, h->n, sizeof *h->segments, by_place);
    feat_free(f.there);
    feat_free(f.next);
    if (status != FEAT_OK) feat_lives_done(h);
    return status;
}
