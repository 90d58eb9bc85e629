/* EXPLAIN as one JSON object. */
#ifndef FEAT_LIB_EXPLAIN_JSON_H
#define FEAT_LIB_EXPLAIN_JSON_H

#include "plan/explain.h"

void feat_explain_table_json(const feat_schema *table, feat_buffer *out);
void feat_explain_view_json(const feat_view *view, const feat_explained *e, feat_buffer *out);
void feat_explain_service_json(const feat_service *service, const feat_explained *e, feat_buffer *out);

#endif
