/* What definitions read: tables, columns, views. */
#ifndef FEAT_LIB_USES_H
#define FEAT_LIB_USES_H

#include "engine/catalog.h"

/* The blocks below a stage, those that their events ask for included, each once. */
typedef struct feat_block_list {
    const feat_block **blocks;
    size_t n, capacity;
    uint32_t *slots; /* open addressing over addresses: index + 1 */
    size_t n_slots;
} feat_block_list;
feat_status feat_block_list_of(const feat_stage *stage, feat_block_list *list, feat_error *err);
void feat_block_list_done(feat_block_list *list);

/* What a view or a service (the other is NULL) reads; memory from the catalog. */
feat_status feat_reads_of(feat_catalog *catalog, const feat_view *view, const feat_service *service, feat_reads **reads,
                          feat_error *err);
void feat_reads_pack(const feat_reads *reads, feat_buffer *out);

/* Whether a stage's blocks read a column of a table: in an expression, a key, or to order events of one time. */
feat_status feat_stage_reads_column(const feat_stage *stage, uint32_t table_id, uint32_t column_id, bool *reads,
                                    feat_error *err);

/* The definitions that can be run: the newest version of each view, all versions of each service, and the versions of
 * views that those read. `live` has a place for each entry. */
feat_status feat_catalog_live(feat_catalog *catalog, uint8_t *live, feat_error *err);
/* Appends "feature view 'a', feature service 's' version 1 (not the newest)" for the marked entries. */
feat_status feat_catalog_list(feat_catalog *catalog, const uint8_t *marked, const uint8_t *live, feat_buffer *out,
                              feat_error *err);

#endif
