#include "engine/shown.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"

/* A row that comes with a version, or goes. */
typedef struct change {
    feat_row_address at;
    uint32_t version;
    bool comes;
} change;

typedef struct changes {
    change *all;
    size_t n, capacity;
} changes;

static feat_status add_changes(changes *c, const feat_row_address *rows, size_t n, size_t version, bool comes,
                               feat_error *err) {
    if (FEAT_GROW(c->all, c->capacity, c->n + n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) c->all[c->n++] = (change){rows[i], (uint32_t)version, comes};
    return FEAT_OK;
}

/* All rows of a version. */
static feat_status add_first(changes *c, feat_table_version *tv, feat_error *err) {
    for (size_t s = 0; s < feat_table_segments(tv); s++) {
        feat_segment_info info = feat_table_segment(tv, s);
        const uint8_t *deleted;
        FEAT_TRY(feat_table_deleted(tv, s, &deleted, err));
        if (FEAT_GROW(c->all, c->capacity, c->n + info.rows) != 0) return feat_fail_memory(err);
        for (uint32_t row = 0; row < info.rows; row++)
            if (!deleted || !feat_bit_get(deleted, row)) c->all[c->n++] = (change){{info.id, row}, 0, true};
    }
    return FEAT_OK;
}

static int by_address(const void *a, const void *b) {
    const change *x = a, *y = b;
    if (x->at.segment != y->at.segment) return x->at.segment < y->at.segment ? -1 : 1;
    if (x->at.row != y->at.row) return x->at.row < y->at.row ? -1 : 1;
    return x->version < y->version ? -1 : x->version > y->version;
}

static int by_version(const void *a, const void *b) {
    const feat_shown_row *x = a, *y = b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    if (x->at.segment != y->at.segment) return x->at.segment < y->at.segment ? -1 : 1;
    return x->at.row < y->at.row ? -1 : x->at.row > y->at.row;
}

/* What comes and next goes at one address is a stretch. */
static size_t pair_up(changes *c, size_t n_versions, feat_shown_row *rows) {
    size_t n = 0;
    qsort(c->all, c->n, sizeof *c->all, by_address);
    for (size_t i = 0; i < c->n; i++) {
        const change *own = &c->all[i], *next = i + 1 < c->n ? &c->all[i + 1] : NULL;
        if (!own->comes) continue;
        bool goes = next && !next->comes && next->at.segment == own->at.segment && next->at.row == own->at.row;
        rows[n++] = (feat_shown_row){own->at, own->version, goes ? next->version : (uint32_t)n_versions};
    }
    qsort(rows, n, sizeof *rows, by_version);
    return n;
}

feat_status feat_rows_shown(feat_db *db, const feat_schema *table, const uint64_t *versions, size_t n,
                            feat_shown_row **rows, size_t *n_rows, feat_error *err) {
    feat_table_version *older = NULL, *newer = NULL;
    changes c = {0};
    feat_status status = FEAT_OK;
    *rows = NULL;
    *n_rows = 0;
    for (size_t v = 0; v < n && status == FEAT_OK; v++) {
        feat_row_address *added = NULL, *removed = NULL;
        size_t n_added = 0, n_removed = 0;
        status = feat_table_open(db, table, versions[v], &newer, err);
        if (status == FEAT_OK && !older) status = add_first(&c, newer, err);
        if (status == FEAT_OK && older)
            status = feat_table_diff(older, newer, &added, &n_added, &removed, &n_removed, err);
        if (status == FEAT_OK) status = add_changes(&c, removed, n_removed, v, false, err);
        if (status == FEAT_OK) status = add_changes(&c, added, n_added, v, true, err);
        feat_free(added);
        feat_free(removed);
        feat_table_close(older);
        older = newer;
        newer = NULL;
    }
    feat_table_close(older);
    if (status == FEAT_OK) {
        *rows = feat_alloc_array(c.n, sizeof **rows);
        if (*rows) *n_rows = pair_up(&c, n, *rows);
        else status = feat_fail_memory(err);
    }
    feat_free(c.all);
    return status;
}
