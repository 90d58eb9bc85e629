/* Passing over the rows of a branch, to see whose they are and what is projected of them: what finding out about
 * entities is made of. */
#ifndef FEAT_LIB_PASS_H
#define FEAT_LIB_PASS_H

#include "engine/affected.h"
#include "engine/project.h"
#include "engine/spans.h"

/* So many rows are handed over together where they are enriched: each lot reads what they are enriched with anew. */
#define FEAT_PASS_JOINED_ROWS (1 << 20)

/* Rows of a branch, projected. */
typedef struct feat_lot {
    feat_keymap map;
    feat_entity_events events;
} feat_lot;

void feat_lot_done(feat_lot *lot);
/* What was in it before is gone. */
feat_status feat_lot_project(feat_lot *lot, feat_db *db, uint64_t version, const feat_block *block, size_t branch,
                             const feat_row_address *rows, size_t n, feat_error *err);
const void *feat_lot_key(const feat_lot *lot, size_t event, size_t *size);

/* One pass over a branch's rows at a version. */
typedef struct feat_pass {
    const feat_affecting *a;
    uint64_t version;
    const feat_block *block;
    size_t branch;
    const feat_time_spans *times; /* event times that are asked for; NULL: all */
    const feat_row_address *skip; /* rows to leave out, by address */
    size_t n_skip;
    feat_status (*take)(struct feat_pass *pass, const feat_row_address *rows, size_t n, feat_error *err);
    void *state;
} feat_pass;

feat_status feat_pass_run(feat_pass *pass, feat_error *err);
/* Whether no row of a segment has a time that is asked for; counts the segment as passed over or as read. */
feat_status feat_pass_prunes(const feat_pass *pass, feat_table_version *tv, size_t segment, bool *prunes,
                             feat_error *err);

feat_status feat_pause_check(const feat_affecting *a, feat_error *err);

/* Joins of the view that are asked for the entity itself; of those that ask one block, the first. */
bool feat_view_asks_entity(const feat_view *view, size_t join);
bool feat_view_asks_first(const feat_view *view, size_t join);

#endif
