/* EXPLAIN as text: what a definition was understood as, for a person. */
#include <inttypes.h>

#include "base/clock.h"
#include "plan/explain.h"
#include "plan/explain_json.h"

static void head(feat_buffer *out, const char *kind, const char *name, const feat_digest *fingerprint) {
    char text[FEAT_DIGEST_TEXT_SIZE];
    feat_digest_format(fingerprint, text);
    feat_buffer_printf(out, "%s %s\n  fingerprint %s\n", kind, name, text);
}

static void field_list(feat_buffer *out, const feat_schema *table, const uint32_t *fields, size_t n) {
    for (size_t i = 0; i < n; i++) feat_buffer_printf(out, "%s%s", i ? ", " : "", table->fields[fields[i]].name);
}

static void typed_fields(feat_buffer *out, const feat_field *fields, size_t n) {
    for (size_t i = 0; i < n; i++) {
        feat_buffer_printf(out, "%s%s ", i ? ", " : "", fields[i].name);
        feat_explain_type(out, fields[i].type);
    }
}

static void span(feat_buffer *out, const char *what, const feat_span *v) {
    if (v->months == 0 && v->us == 0) return;
    feat_buffer_printf(out, "  %s ", what);
    feat_explain_interval(out, v->months, 0, v->us);
    feat_buffer_text(out, "\n");
}

/* ---- Tables. ---- */

static void table_text(const feat_schema *table, feat_buffer *out) {
    bool failed;
    feat_digest fingerprint = feat_table_fingerprint(table, &failed);
    if (failed) out->failed = true;
    head(out, table->dimension ? "DIMENSION" : "TABLE", table->name, &fingerprint);
    for (size_t i = 0; i < table->n_fields; i++) {
        const feat_field *field = &table->fields[i];
        if (table->dimension && i == table->ended) continue; /* is no column to its users */
        feat_buffer_printf(out, "  column %" PRIu32 "  %s ", field->id, field->name);
        feat_explain_type(out, field->type);
        if (field->not_null) feat_buffer_text(out, " NOT NULL");
        if (field->default_sql) feat_buffer_printf(out, " DEFAULT %s", field->default_sql);
        if (field->check_sql) feat_buffer_printf(out, " CHECK (%s)", field->check_sql);
        feat_buffer_text(out, "\n");
    }
    feat_buffer_text(out, "  entity key (");
    field_list(out, table, table->key, table->n_key);
    feat_buffer_printf(out, ")\n  event time %s", table->fields[table->time].name);
    if (table->delay_us) {
        feat_buffer_text(out, ", visible ");
        feat_explain_interval(out, 0, 0, table->delay_us);
        feat_buffer_text(out, " later");
    }
    feat_buffer_text(out, "\n");
    if (table->n_unique) {
        feat_buffer_text(out, "  unique (");
        field_list(out, table, table->unique, table->n_unique);
        feat_buffer_text(out, ")\n");
    }
    if (table->dimension)
        feat_buffer_text(out, "  read as of a time: the newest row of a key, if the key has not ended\n");
    span(out, "rows expire after", &table->ttl);
    span(out, "keeps rows for", &table->retention);
    if (table->partition != FEAT_PARTITION_NONE)
        feat_buffer_printf(out, "  stored by %s of the event time\n", feat_partition_name(table->partition));
}

/* ---- Stages. ---- */

static void join_lines(feat_buffer *out, const feat_explained *e, const feat_explained_stage *stage, const char *indent,
                       const char *when) {
    for (uint32_t j = 0; j < stage->walk.n_joins; j++) {
        const feat_join *join = &stage->stage->joins[stage->walk.join_order[j]];
        feat_buffer_printf(out, "%sj%" PRIu32 " = block %" PRIu32 " of (", indent, j + 1,
                           feat_block_set_find(&e->set, &join->block->fingerprint) + 1);
        for (size_t k = 0; k < join->block->n_key; k++)
            feat_buffer_printf(out, "%s%s", k ? ", " : "", stage->text[join->key[k]]);
        feat_buffer_printf(out, "), as of %s\n", when);
    }
}

static void step_lines(feat_buffer *out, const feat_explained_stage *stage, const char *indent) {
    for (size_t i = 0; i < stage->n_steps; i++) {
        feat_buffer_printf(out, "%s%%%zu = %s  -- ", indent, i + 1, stage->steps[i].text);
        feat_explain_type(out, stage->steps[i].type);
        feat_buffer_text(out, "\n");
    }
}

static void op_line(feat_buffer *out, const feat_explained_stage *stage, const char *indent) {
    if (stage->n_ops == 0) return;
    feat_buffer_printf(out, "%soperators", indent);
    for (int op = 0; op < FEAT_OP_COUNT; op++)
        if (stage->ops[op]) feat_buffer_printf(out, " [%s]", feat_op_table[op].id);
    feat_buffer_text(out, "\n");
}

/* ---- Blocks. ---- */

/* The columns that are read for what they say, and those that only decide which of two events of one time is later. */
static void column_lines(feat_buffer *out, const feat_union_branch *branch, const feat_explained_stage *stage) {
    const feat_schema *table = branch->table;
    bool first = true;
    feat_buffer_text(out, "      reads ");
    for (size_t f = 0; f < table->n_fields; f++)
        if (stage->fields[f] && f != table->time) {
            feat_buffer_printf(out, "%s%s", first ? "" : ", ", table->fields[f].name);
            first = false;
        }
    feat_buffer_printf(out, "%s%s (event time)\n", first ? "" : ", ", table->fields[table->time].name);
    if (branch->n_ties == 0) return;
    feat_buffer_text(out, "      orders events of one time by ");
    for (size_t i = 0; i < branch->n_ties; i++)
        feat_buffer_printf(out, "%s%s%s", i ? ", " : "", table->fields[branch->ties[i]].name,
                           stage->fields[branch->ties[i]] ? "" : " (read for this only)");
    feat_buffer_text(out, "\n");
}

static void branch_lines(feat_buffer *out, const feat_explained *e, const feat_explained_block *b, size_t i) {
    const feat_block *block = b->block;
    const feat_union_branch *branch = &block->branches[i];
    const feat_explained_stage *stage = &b->branches[i];
    feat_buffer_printf(out, "    events of %s%s\n", branch->table->name,
                       branch->retained ? ", as far as the table keeps them" : "");
    column_lines(out, branch, stage);
    join_lines(out, e, stage, "      ", "the event's time");
    step_lines(out, stage, "      ");
    op_line(out, stage, "      ");
    if (branch->where != FEAT_NO_NODE) feat_buffer_printf(out, "      where %s\n", stage->text[branch->where]);
    feat_buffer_text(out, "      belong to (");
    for (size_t k = 0; k < block->n_key; k++)
        feat_buffer_printf(out, "%s%s", k ? ", " : "", stage->text[branch->key[k]]);
    feat_buffer_text(out, ")\n");
    for (size_t s = 0; block->n_branches > 1 && s < block->n_slots; s++) {
        const feat_slot *slot = &branch->slots[s];
        feat_buffer_printf(out, "      s%zu = %s", s + 1, slot->arg == FEAT_NO_NODE ? "*" : stage->text[slot->arg]);
        if (slot->filter != FEAT_NO_NODE) feat_buffer_printf(out, " where %s", stage->text[slot->filter]);
        feat_buffer_text(out, "\n");
    }
}

static void block_lines(feat_buffer *out, const feat_explained *e, size_t number) {
    const feat_explained_block *b = &e->blocks[number];
    const feat_block *block = b->block;
    char text[FEAT_DIGEST_TEXT_SIZE];
    feat_digest_format(&block->fingerprint, text);
    feat_buffer_printf(out, "  block %zu, fingerprint %s, key (", number + 1, text);
    for (size_t k = 0; k < block->n_key; k++) {
        if (k) feat_buffer_text(out, ", ");
        feat_explain_type(out, block->key[k]);
    }
    feat_buffer_text(out, ")\n");
    for (size_t i = 0; i < block->n_branches; i++) branch_lines(out, e, b, i);
    step_lines(out, &b->clock, "    clock ");
    op_line(out, &b->clock, "    clock ");
    if (b->low) feat_buffer_printf(out, "    only events since %s\n", b->low);
    if (b->high) feat_buffer_printf(out, "    only events up to %s\n", b->high);
    for (size_t i = 0; i < block->n_windows; i++) feat_buffer_printf(out, "    w%zu = %s\n", i + 1, b->windows[i]);
    for (size_t i = 0; i < block->n_aggregates; i++) {
        const feat_aggregate *a = &block->aggregates[i];
        feat_buffer_printf(out, "    a%zu = %s  -- ", i + 1, b->aggregates[i]);
        feat_explain_type(out, a->type);
        feat_buffer_printf(out, ", %s [%s]\n", feat_explain_algebra(a->agg), feat_agg_table[a->agg].id);
    }
    feat_buffer_printf(out, "    state kept online: about %zu bytes an event%s and %zu an entity\n", b->event_bytes,
                       b->event_texts ? " besides its texts," : "", b->entity_bytes);
}

static void cost_lines(feat_buffer *out, const feat_explained *e) {
    size_t lookup = e->stage.n_ops;
    feat_buffer_text(out, "  cost\n");
    for (size_t i = 0; i < e->n_blocks; i++) {
        lookup += e->blocks[i].clock.n_ops;
        for (size_t b = 0; b < e->blocks[i].block->n_branches; b++)
            feat_buffer_printf(out, "    an event of %s in block %zu: %zu operations, %" PRIu32 " joins\n",
                               e->blocks[i].block->branches[b].table->name, i + 1, e->blocks[i].branches[b].n_ops,
                               e->blocks[i].branches[b].walk.n_joins);
    }
    feat_buffer_printf(out, "    a lookup: %zu operations, %" PRIu32 " blocks asked\n", lookup, e->stage.walk.n_joins);
}

/* ---- Definitions. ---- */

static void feature_line(feat_buffer *out, const feat_explained *e, const feat_output *feature, const char *from) {
    feat_buffer_printf(out, "    feature %s = %s  -- ", feature->name, e->stage.text[feature->node]);
    feat_explain_type(out, feature->type);
    if (from) feat_buffer_printf(out, ", of %s", from);
    feat_buffer_text(out, "\n");
}

static void status_line(feat_buffer *out, const feat_explained *e, const char *what, const char *of, uint32_t node) {
    if (node != FEAT_NO_NODE) feat_buffer_printf(out, "    %s%s if %s\n", what, of, e->stage.text[node]);
}

static void view_text(const feat_view *view, const feat_explained *e, feat_buffer *out) {
    head(out, "FEATURE VIEW", view->name, &view->fingerprint);
    feat_buffer_text(out, "  entity (");
    typed_fields(out, view->key, view->n_key);
    feat_buffer_text(out, ")\n");
    for (size_t i = 0; i < view->uses.n_views; i++)
        feat_buffer_printf(out, "  uses view %s version %" PRIu32 "\n", view->uses.views[i]->name,
                           view->uses.views[i]->version);
    for (size_t i = 0; i < e->n_blocks; i++) block_lines(out, e, i);
    feat_buffer_text(out, "  for an entity at t\n");
    join_lines(out, e, &e->stage, "    ", "t");
    step_lines(out, &e->stage, "    ");
    op_line(out, &e->stage, "    ");
    for (size_t i = 0; i < view->n_features; i++) feature_line(out, e, &view->features[i], NULL);
    status_line(out, e, "there is a row", "", view->present);
    status_line(out, e, "found", "", view->found);
    status_line(out, e, "expired", "", view->expired);
    span(out, "materialisations expire after", &view->ttl);
    if (e->drift) feat_buffer_printf(out, "  a materialisation computes every entity: %s\n", e->drift);
    cost_lines(out, e);
}

static void service_text(const feat_service *service, const feat_explained *e, feat_buffer *out) {
    head(out, "FEATURE SERVICE", service->name, &service->fingerprint);
    feat_buffer_text(out, "  request (");
    typed_fields(out, service->inputs, service->n_inputs);
    feat_buffer_text(out, ")\n");
    for (size_t v = 0; v < service->n_views; v++) {
        const feat_service_view *view = &service->views[v];
        char text[FEAT_DIGEST_TEXT_SIZE];
        feat_digest_format(&view->fingerprint, text);
        feat_buffer_printf(out, "  view %s = %s", view->alias, view->name);
        if (view->version) feat_buffer_printf(out, " version %" PRIu32, view->version);
        feat_buffer_printf(out, ", %s, fingerprint %s\n", view->materialized ? "materialized" : "live", text);
    }
    for (size_t i = 0; i < e->n_blocks; i++) block_lines(out, e, i);
    feat_buffer_text(out, "  for a request at t\n");
    join_lines(out, e, &e->stage, "    ", "t");
    step_lines(out, &e->stage, "    ");
    op_line(out, &e->stage, "    ");
    for (size_t i = 0; i < service->n_features; i++) {
        int32_t v = service->feature_view[i];
        feature_line(out, e, &service->features[i], v >= 0 ? service->views[v].alias : NULL);
    }
    for (size_t v = 0; v < service->n_views; v++) {
        status_line(out, e, "found in ", service->views[v].alias, service->views[v].found);
        status_line(out, e, "expired in ", service->views[v].alias, service->views[v].expired);
    }
    cost_lines(out, e);
}

void feat_explain_table(const feat_schema *table, feat_explain_format format, feat_buffer *out) {
    if (format == FEAT_EXPLAIN_JSON) feat_explain_table_json(table, out);
    else table_text(table, out);
}

void feat_explain_view(const feat_view *view, feat_explain_format format, feat_buffer *out) {
    feat_explained e;
    feat_explained_view(&e, view);
    if (e.failed) out->failed = true;
    else if (format == FEAT_EXPLAIN_JSON) feat_explain_view_json(view, &e, out);
    else view_text(view, &e, out);
    feat_explained_done(&e);
}

void feat_explain_service(const feat_service *service, feat_explain_format format, feat_buffer *out) {
    feat_explained e;
    feat_explained_service(&e, service);
    if (e.failed) out->failed = true;
    else if (format == FEAT_EXPLAIN_JSON) feat_explain_service_json(service, &e, out);
    else service_text(service, &e, out);
    feat_explained_done(&e);
}
