/* From tables' rows to the projected events of keys: what the offline engine and deployment both start from. */
#ifndef FEAT_LIB_PROJECT_H
#define FEAT_LIB_PROJECT_H

#include "engine/lives.h"
#include "engine/keymap.h"
#include "engine/work.h"
#include "exec/exec.h"
#include "plan/plan.h"
#include "store/store.h"

/* Events of many entities, with the number of each one's key. */
typedef struct feat_entity_events {
    feat_events events;
    uint32_t *entity;    /* per event: number in the key map */
    feat_lifetime *life; /* per event, of several versions; else NULL */
    size_t entity_capacity, life_capacity;
    uint64_t rows_read; /* of tables, to make them */
} feat_entity_events;

feat_status feat_entity_events_init(feat_entity_events *e, const feat_block *block, feat_error *err);
void feat_entity_events_done(feat_entity_events *e);

/* Projects single rows of one branch. Keys enter the map. */
feat_status feat_project_rows(feat_db *db, uint64_t version, const feat_block *block, size_t branch,
                              const feat_row_address *rows, size_t n, feat_keymap *map, feat_entity_events *out,
                              feat_error *err);

/* Events grouped by entity, each group in canonical order: numbers[starts[k] .. starts[k + 1]) are the events of key k.
 * Both are freed with feat_free. */
feat_status feat_group_events(const feat_entity_events *e, size_t n_keys, uint32_t **numbers, size_t **starts,
                              feat_error *err);

/* How blocks are asked. */
typedef struct feat_answering {
    feat_db *db;
    uint64_t version;
    size_t threads;              /* at most so many; at least 1 */
    uint64_t memory;             /* bytes for events that are gathered at once; 0: no bound */
    const char *spill_directory; /* for what is more than that; NULL: the store's */
    feat_work *work;             /* or NULL; a row of a join is a unit */
    /* By branch of the one block that is asked: its tables over several versions. NULL: all rows ask at `version`. */
    const feat_lives *lives;
    const feat_moments *among; /* with lives: these versions, */
    const uint32_t *moments;   /* and at which of them each row asks */
} feat_answering;

/* What is projected of the live rows of a block's tables, and where the events go. */
typedef struct feat_projection {
    const feat_answering *how; /* the version, which is also that of what events are enriched with */
    const feat_block *block;
    feat_keymap *map;     /* of the keys whose events are wanted */
    bool all;             /* those of every key, which then enters the map */
    size_t share, shares; /* of each table's segments: the first, second, ... of so many parts */
    feat_entity_events *out;
    /* NULL, or called when some events have been added to `out`, from which it may take them. */
    feat_status (*taken)(void *context, feat_error *err);
    void *context;
} feat_projection;

/* Several shares can be projected at the same time, unless keys enter the map. */
feat_status feat_project(const feat_projection *projection, feat_error *err);
/* All of it, of every key. */
feat_status feat_project_block(feat_db *db, uint64_t version, const feat_block *block, feat_keymap *map,
                               feat_entity_events *out, feat_error *err);

/* Asks the block of one join; those before it have been answered. `answers` as below. */
feat_status feat_answer_join(const feat_answering *how, const feat_code *code, size_t join, const feat_row_source *rows,
                             size_t n, feat_answers *answers, feat_error *err);
/* Asks the blocks of a code's joins, in order, for n rows of inputs at their times: answers[0..n_joins), which the
 * caller has zeroed and ends with feat_answers_done whatever comes back. */
feat_status feat_answer_blocks(const feat_answering *how, const feat_code *code, const feat_column *const *inputs,
                               const int64_t *times, size_t n, feat_answers *answers, feat_error *err);

#endif
