/* Columns that a table gets because rows have them. */
#ifndef FEAT_LIB_EVOLVE_H
#define FEAT_LIB_EVOLVE_H

#include "column/arrow.h"
#include "engine/engine.h"

typedef struct feat_evolution {
    feat_arena arena;
    const feat_schema *table; /* as it becomes */
    bool any;                 /* it becomes something else */
    feat_def def;             /* its entry in the log, then */
    feat_buffer form;
} feat_evolution;

/* What the table becomes when every column of the stream that it does not have is added: nullable, without a DEFAULT,
 * of the type that fits the stream's. Nothing else changes. FEAT_SCHEMA when there is no such type. The lock must be
 * held. To be freed in every case. */
feat_status feat_evolve(feat_db *db, const feat_schema *table, const feat_arrow_in *in, feat_evolution *evolution,
                        feat_error *err);
void feat_evolution_done(feat_evolution *evolution);

#endif
