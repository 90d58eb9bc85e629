/* EXPLAIN as JSON (RFC 8259): the same as the text, for programs. Keys are stable: new ones may come, none changes its
 * meaning. What is not there is null or an empty list, never left out. */
#include "plan/explain_json.h"

#include <inttypes.h>

/* ---- Values. `comma` stands before every value but the first of its container. ---- */

typedef struct json {
    feat_buffer *out;
    bool comma;
} json;

static void string_body(feat_buffer *out, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') feat_buffer_printf(out, "\\%c", c);
        else if (c == '\n') feat_buffer_text(out, "\\n");
        else if (c < 0x20) feat_buffer_printf(out, "\\u%04x", c);
        else feat_buffer_byte(out, c);
    }
}

static void quote(feat_buffer *out, const char *text) {
    feat_buffer_byte(out, '"');
    string_body(out, text);
    feat_buffer_byte(out, '"');
}

/* Before each value; `name` is NULL in a list. */
static void begin(json *j, const char *name) {
    if (j->comma) feat_buffer_byte(j->out, ',');
    if (name) {
        quote(j->out, name);
        feat_buffer_byte(j->out, ':');
    }
    j->comma = true;
}

static void open(json *j, const char *name, char bracket) {
    begin(j, name);
    feat_buffer_byte(j->out, (uint8_t)bracket);
    j->comma = false;
}

static void shut(json *j, char bracket) {
    feat_buffer_byte(j->out, (uint8_t)bracket);
    j->comma = true;
}

static void put_text(json *j, const char *name, const char *text) {
    begin(j, name);
    if (text) quote(j->out, text);
    else feat_buffer_text(j->out, "null");
}

static void put_number(json *j, const char *name, uint64_t n) {
    begin(j, name);
    feat_buffer_printf(j->out, "%" PRIu64, n);
}

static void put_bool(json *j, const char *name, bool v) {
    begin(j, name);
    feat_buffer_text(j->out, v ? "true" : "false");
}

/* Names of types hold nothing that needs an escape. */
static void put_type(json *j, const char *name, feat_type type) {
    begin(j, name);
    feat_buffer_byte(j->out, '"');
    feat_explain_type(j->out, type);
    feat_buffer_byte(j->out, '"');
}

static void put_digest(json *j, const char *name, const feat_digest *digest) {
    char text[FEAT_DIGEST_TEXT_SIZE];
    feat_digest_format(digest, text);
    put_text(j, name, text);
}

static void put_span(json *j, const char *name, const feat_span *v) {
    begin(j, name);
    if (v->months == 0 && v->us == 0) {
        feat_buffer_text(j->out, "null");
        return;
    }
    feat_buffer_byte(j->out, '"');
    feat_explain_interval(j->out, v->months, 0, v->us);
    feat_buffer_byte(j->out, '"');
}

static void put_names(json *j, const char *name, const feat_schema *table, const uint32_t *fields, size_t n) {
    open(j, name, '[');
    for (size_t i = 0; i < n; i++) put_text(j, NULL, table->fields[fields[i]].name);
    shut(j, ']');
}

static void put_fields(json *j, const char *name, const feat_field *fields, size_t n) {
    open(j, name, '[');
    for (size_t i = 0; i < n; i++) {
        open(j, NULL, '{');
        put_text(j, "name", fields[i].name);
        put_type(j, "type", fields[i].type);
        shut(j, '}');
    }
    shut(j, ']');
}

/* ---- Tables. ---- */

void feat_explain_table_json(const feat_schema *table, feat_buffer *out) {
    json j = {.out = out};
    bool failed;
    feat_digest fingerprint = feat_table_fingerprint(table, &failed);
    if (failed) out->failed = true;
    open(&j, NULL, '{');
    put_text(&j, "kind", table->dimension ? "dimension" : "table");
    put_text(&j, "name", table->name);
    put_digest(&j, "fingerprint", &fingerprint);
    open(&j, "columns", '[');
    for (size_t i = 0; i < table->n_fields; i++) {
        const feat_field *field = &table->fields[i];
        if (table->dimension && i == table->ended) continue; /* is no column to its users */
        open(&j, NULL, '{');
        put_number(&j, "id", field->id);
        put_text(&j, "name", field->name);
        put_type(&j, "type", field->type);
        put_bool(&j, "not_null", field->not_null);
        put_text(&j, "default", field->default_sql);
        put_text(&j, "check", field->check_sql);
        shut(&j, '}');
    }
    shut(&j, ']');
    put_names(&j, "entity_key", table, table->key, table->n_key);
    put_text(&j, "event_time", table->fields[table->time].name);
    put_span(&j, "delay", &(feat_span){0, table->delay_us});
    put_names(&j, "unique", table, table->unique, table->n_unique);
    put_span(&j, "ttl", &table->ttl);
    put_span(&j, "retention", &table->retention);
    put_text(&j, "partition", feat_partition_name(table->partition));
    shut(&j, '}');
    feat_buffer_byte(out, '\n');
}

/* ---- Stages. ---- */

static void put_node(json *j, const char *name, const feat_explained_stage *stage, uint32_t node) {
    put_text(j, name, node == FEAT_NO_NODE ? NULL : stage->text[node]);
}

static void put_stage(json *j, const feat_explained *e, const feat_explained_stage *stage) {
    open(j, "joins", '[');
    for (uint32_t i = 0; i < stage->walk.n_joins; i++) {
        const feat_join *join = &stage->stage->joins[stage->walk.join_order[i]];
        open(j, NULL, '{');
        put_number(j, "number", i + 1);
        put_number(j, "block", feat_block_set_find(&e->set, &join->block->fingerprint) + 1);
        open(j, "key", '[');
        for (size_t k = 0; k < join->block->n_key; k++) put_node(j, NULL, stage, join->key[k]);
        shut(j, ']');
        shut(j, '}');
    }
    shut(j, ']');
    open(j, "steps", '[');
    for (size_t i = 0; i < stage->n_steps; i++) {
        open(j, NULL, '{');
        put_number(j, "number", i + 1);
        put_text(j, "expression", stage->steps[i].text);
        put_type(j, "type", stage->steps[i].type);
        shut(j, '}');
    }
    shut(j, ']');
    open(j, "operators", '[');
    for (int op = 0; op < FEAT_OP_COUNT; op++)
        if (stage->ops && stage->ops[op]) put_text(j, NULL, feat_op_table[op].id);
    shut(j, ']');
    put_number(j, "operations", stage->n_ops);
}

/* ---- Blocks. ---- */

static void put_branch(json *j, const feat_explained *e, const feat_explained_block *b, size_t i) {
    const feat_block *block = b->block;
    const feat_union_branch *branch = &block->branches[i];
    const feat_explained_stage *stage = &b->branches[i];
    open(j, NULL, '{');
    put_text(j, "table", branch->table->name);
    put_text(j, "event_time", branch->table->fields[branch->table->time].name);
    open(j, "columns", '[');
    for (size_t f = 0; f < branch->table->n_fields; f++)
        if (stage->fields[f]) put_text(j, NULL, branch->table->fields[f].name);
    shut(j, ']');
    put_names(j, "ties", branch->table, branch->ties, branch->n_ties);
    put_bool(j, "retained", branch->retained);
    put_stage(j, e, stage);
    put_node(j, "where", stage, branch->where);
    open(j, "key", '[');
    for (size_t k = 0; k < block->n_key; k++) put_node(j, NULL, stage, branch->key[k]);
    shut(j, ']');
    open(j, "slots", '[');
    for (size_t s = 0; s < block->n_slots; s++) {
        open(j, NULL, '{');
        put_node(j, "argument", stage, branch->slots[s].arg);
        put_node(j, "filter", stage, branch->slots[s].filter);
        shut(j, '}');
    }
    shut(j, ']');
    shut(j, '}');
}

static void put_block(json *j, const feat_explained *e, size_t number) {
    const feat_explained_block *b = &e->blocks[number];
    const feat_block *block = b->block;
    open(j, NULL, '{');
    put_number(j, "number", number + 1);
    put_digest(j, "fingerprint", &block->fingerprint);
    open(j, "key", '[');
    for (size_t k = 0; k < block->n_key; k++) put_type(j, NULL, block->key[k]);
    shut(j, ']');
    open(j, "events", '[');
    for (size_t i = 0; i < block->n_branches; i++) put_branch(j, e, b, i);
    shut(j, ']');
    open(j, "clock", '{');
    put_stage(j, e, &b->clock);
    shut(j, '}');
    put_text(j, "since", b->low);
    put_text(j, "up_to", b->high);
    open(j, "windows", '[');
    for (size_t i = 0; i < block->n_windows; i++) put_text(j, NULL, b->windows[i]);
    shut(j, ']');
    open(j, "aggregates", '[');
    for (size_t i = 0; i < block->n_aggregates; i++) {
        const feat_aggregate *a = &block->aggregates[i];
        open(j, NULL, '{');
        put_number(j, "number", i + 1);
        put_text(j, "aggregate", feat_agg_table[a->agg].id);
        put_text(j, "algebra", feat_explain_algebra(a->agg));
        put_text(j, "expression", b->aggregates[i]);
        put_number(j, "slot", a->slot + 1);
        put_number(j, "window", a->window + 1);
        put_type(j, "type", a->type);
        shut(j, '}');
    }
    shut(j, ']');
    open(j, "state", '{');
    put_number(j, "bytes_per_event", b->event_bytes);
    put_bool(j, "texts_per_event", b->event_texts);
    put_number(j, "bytes_per_entity", b->entity_bytes);
    shut(j, '}');
    shut(j, '}');
}

static void put_blocks(json *j, const feat_explained *e) {
    open(j, "blocks", '[');
    for (size_t i = 0; i < e->n_blocks; i++) put_block(j, e, i);
    shut(j, ']');
}

/* ---- Definitions. ---- */

static void put_feature(json *j, const feat_explained *e, const feat_output *feature) {
    put_text(j, "name", feature->name);
    put_type(j, "type", feature->type);
    put_node(j, "expression", &e->stage, feature->node);
}

static void put_uses(json *j, const feat_uses *uses) {
    open(j, "tables", '[');
    for (size_t i = 0; i < uses->n_tables; i++) put_text(j, NULL, uses->tables[i]->name);
    shut(j, ']');
    open(j, "uses_views", '[');
    for (size_t i = 0; i < uses->n_views; i++) {
        open(j, NULL, '{');
        put_text(j, "name", uses->views[i]->name);
        put_number(j, "version", uses->views[i]->version);
        put_digest(j, "fingerprint", &uses->views[i]->fingerprint);
        shut(j, '}');
    }
    shut(j, ']');
}

static void put_options(json *j, const feat_option *options, size_t n) {
    open(j, "options", '{');
    for (size_t i = 0; i < n; i++) put_text(j, options[i].name, options[i].value);
    shut(j, '}');
}

void feat_explain_view_json(const feat_view *view, const feat_explained *e, feat_buffer *out) {
    json j = {.out = out};
    open(&j, NULL, '{');
    put_text(&j, "kind", "feature view");
    put_text(&j, "name", view->name);
    put_digest(&j, "fingerprint", &view->fingerprint);
    put_fields(&j, "entity", view->key, view->n_key);
    put_blocks(&j, e);
    put_stage(&j, e, &e->stage);
    open(&j, "features", '[');
    for (size_t i = 0; i < view->n_features; i++) {
        open(&j, NULL, '{');
        put_feature(&j, e, &view->features[i]);
        shut(&j, '}');
    }
    shut(&j, ']');
    put_node(&j, "present", &e->stage, view->present);
    put_node(&j, "found", &e->stage, view->found);
    put_node(&j, "expired", &e->stage, view->expired);
    put_span(&j, "ttl", &view->ttl);
    put_text(&j, "computes_every_entity", e->drift);
    put_options(&j, view->options, view->n_options);
    put_uses(&j, &view->uses);
    shut(&j, '}');
    feat_buffer_byte(out, '\n');
}

void feat_explain_service_json(const feat_service *service, const feat_explained *e, feat_buffer *out) {
    json j = {.out = out};
    open(&j, NULL, '{');
    put_text(&j, "kind", "feature service");
    put_text(&j, "name", service->name);
    put_digest(&j, "fingerprint", &service->fingerprint);
    put_fields(&j, "request", service->inputs, service->n_inputs);
    open(&j, "views", '[');
    for (size_t v = 0; v < service->n_views; v++) {
        const feat_service_view *view = &service->views[v];
        open(&j, NULL, '{');
        put_text(&j, "alias", view->alias);
        put_text(&j, "name", view->name);
        put_number(&j, "version", view->version);
        put_digest(&j, "fingerprint", &view->fingerprint);
        put_bool(&j, "materialized", view->materialized);
        put_node(&j, "found", &e->stage, view->found);
        put_node(&j, "expired", &e->stage, view->expired);
        shut(&j, '}');
    }
    shut(&j, ']');
    put_blocks(&j, e);
    put_stage(&j, e, &e->stage);
    open(&j, "features", '[');
    for (size_t i = 0; i < service->n_features; i++) {
        int32_t v = service->feature_view[i];
        open(&j, NULL, '{');
        put_feature(&j, e, &service->features[i]);
        put_text(&j, "view", v >= 0 ? service->views[v].alias : NULL);
        shut(&j, '}');
    }
    shut(&j, ']');
    put_options(&j, service->options, service->n_options);
    put_uses(&j, &service->uses);
    shut(&j, '}');
    feat_buffer_byte(out, '\n');
}
