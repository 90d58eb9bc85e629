/* EXPLAIN: what a definition was understood as, for a person. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "math/number.h"
#include "plan/plan.h"

static void fingerprint_line(feat_buffer *out, const char *kind, const char *name, const feat_digest *fingerprint) {
    char text[FEAT_DIGEST_TEXT_SIZE];
    feat_digest_format(fingerprint, text);
    feat_buffer_printf(out, "%s %s\n  fingerprint %s\n", kind, name, text);
}

static void field_list(feat_buffer *out, const feat_schema *table, const uint32_t *fields, size_t n) {
    for (size_t i = 0; i < n; i++) feat_buffer_printf(out, "%s%s", i ? ", " : "", table->fields[fields[i]].name);
}

void feat_explain_table(const feat_schema *table, feat_buffer *out) {
    bool failed;
    feat_digest fingerprint = feat_table_fingerprint(table, &failed);
    if (failed) out->failed = true;
    fingerprint_line(out, "TABLE", table->name, &fingerprint);
    for (size_t i = 0; i < table->n_fields; i++)
        feat_buffer_printf(out, "  column %" PRIu32 "  %s %s%s\n", table->fields[i].id, table->fields[i].name,
                           feat_type_name(table->fields[i].type), table->fields[i].not_null ? " NOT NULL" : "");
    feat_buffer_text(out, "  entity key (");
    field_list(out, table, table->key, table->n_key);
    feat_buffer_printf(out, ")\n  event time %s", table->fields[table->time].name);
    if (table->delay_us) feat_buffer_printf(out, ", visible after %" PRId64 " us", table->delay_us);
    feat_buffer_text(out, "\n");
    if (table->n_unique) {
        feat_buffer_text(out, "  unique (");
        field_list(out, table, table->unique, table->n_unique);
        feat_buffer_text(out, ")\n");
    }
}

static void constant_text(feat_buffer *out, const feat_node *node) {
    char text[64];
    if (node->is_null) {
        feat_buffer_text(out, "NULL");
        return;
    }
    switch (node->type) {
    case FEAT_TYPE_TEXT:
        feat_buffer_byte(out, '\'');
        for (size_t i = 0; i < node->constant.t.length; i++) {
            if (node->constant.t.data[i] == '\'') feat_buffer_byte(out, '\'');
            feat_buffer_byte(out, (uint8_t)node->constant.t.data[i]);
        }
        feat_buffer_byte(out, '\'');
        return;
    case FEAT_TYPE_DOUBLE: feat_number_format_double(node->constant.f, text); break;
    case FEAT_TYPE_BOOLEAN: strcpy(text, node->constant.i ? "TRUE" : "FALSE"); break;
    case FEAT_TYPE_DATE: feat_format_date((int32_t)node->constant.i, text); break;
    case FEAT_TYPE_TIMESTAMP: feat_format_timestamp(node->constant.i, text); break;
    case FEAT_TYPE_BIGINT: snprintf(text, sizeof text, "%" PRId64, node->constant.i); break;
    }
    feat_buffer_text(out, text);
}

/* One line for each node that is not a bare leaf: "  %4  sum_i %1 %3   -- BIGINT". Leaves are shown where they are
 * used. */
static void operand(feat_buffer *out, const feat_pool *pool, uint32_t at, const feat_view *view,
                    const feat_service *service) {
    const feat_node *node = &pool->nodes[at];
    switch (node->kind) {
    case FEAT_NODE_CONST: constant_text(out, node); break;
    case FEAT_NODE_COLUMN: feat_buffer_text(out, view->table->fields[node->index].name); break;
    case FEAT_NODE_AGGREGATE: feat_buffer_printf(out, "a%" PRIu32, node->index); break;
    case FEAT_NODE_INPUT: feat_buffer_printf(out, "request.%s", service->inputs[node->index].name); break;
    case FEAT_NODE_FEATURE:
        feat_buffer_printf(out, "%s.%s", service->joins[node->join].alias,
                           service->joins[node->join].view->features[node->index].name);
        break;
    case FEAT_NODE_NOW: feat_buffer_text(out, "now()"); break;
    case FEAT_NODE_OP: feat_buffer_printf(out, "%%%" PRIu32, at); break;
    }
}

static void steps(feat_buffer *out, const feat_pool *pool, const feat_view *view, const feat_service *service) {
    for (uint32_t i = 0; i < pool->n; i++) {
        const feat_node *node = &pool->nodes[i];
        if (node->kind != FEAT_NODE_OP) continue;
        feat_buffer_printf(out, "    %%%" PRIu32 " = %s [%s]", i, feat_op_table[node->op].sql,
                           feat_op_table[node->op].id);
        for (int k = 0; k < feat_op_table[node->op].n_args; k++) {
            feat_buffer_text(out, k ? ", " : " ");
            operand(out, pool, node->args[k], view, service);
        }
        feat_buffer_printf(out, "  -- %s\n", feat_type_name(node->type));
    }
}

static void interval_text(feat_buffer *out, const feat_interval *interval) {
    bool any = false;
    if (interval->months) {
        feat_buffer_printf(out, "%" PRId64 " months", interval->months);
        any = true;
    }
    int64_t days = interval->days + interval->us / FEAT_US_PER_DAY, us = interval->us % FEAT_US_PER_DAY;
    if (days) {
        feat_buffer_printf(out, "%s%" PRId64 " days", any ? " " : "", days);
        any = true;
    }
    if (us || !any) feat_buffer_printf(out, "%s%" PRId64 " us", any ? " " : "", us);
}

static void window_text(feat_buffer *out, const feat_window *window) {
    feat_buffer_byte(out, window->open_left && !window->unbounded ? '(' : '[');
    if (window->unbounded) {
        feat_buffer_text(out, "unbounded");
    } else {
        feat_buffer_text(out, "t - ");
        interval_text(out, &window->start);
    }
    feat_buffer_text(out, ", t");
    if (window->end.months || window->end.days || window->end.us) {
        feat_buffer_text(out, " - ");
        interval_text(out, &window->end);
    }
    feat_buffer_byte(out, window->open_right ? ')' : ']');
}

void feat_explain_view(const feat_view *view, feat_buffer *out) {
    static const char *const algebras[] = {"group", "lattice", "order"};
    fingerprint_line(out, "FEATURE VIEW", view->name, &view->fingerprint);
    feat_buffer_printf(out, "  from table %s\n  entity (", view->table->name);
    field_list(out, view->table, view->key, view->n_key);
    feat_buffer_text(out, ")\n  event stage, once for each event\n    reads");
    bool first = true;
    for (size_t i = 0; i < view->event_code->n_loads; i++) {
        feat_buffer_printf(out, "%s %s", first ? "" : ",", view->table->fields[view->event_code->loads[i].index].name);
        first = false;
    }
    feat_buffer_printf(out, "%s %s (event time)\n", first ? "" : ",", view->table->fields[view->table->time].name);
    if (view->n_ties) {
        feat_buffer_text(out, "    reads only to order events of one time: ");
        field_list(out, view->table, view->ties, view->n_ties);
        feat_buffer_text(out, "\n");
    }
    steps(out, &view->event, view, NULL);
    if (view->where != FEAT_NO_NODE) {
        feat_buffer_text(out, "    where ");
        operand(out, &view->event, view->where, view, NULL);
        feat_buffer_text(out, "\n");
    }
    feat_buffer_text(out, "  aggregate stage, over the events of an entity at t\n");
    for (size_t i = 0; i < view->n_windows; i++) {
        feat_buffer_printf(out, "    w%zu = ", i);
        window_text(out, &view->windows[i]);
        feat_buffer_text(out, "\n");
    }
    for (size_t i = 0; i < view->n_aggregates; i++) {
        const feat_aggregate *a = &view->aggregates[i];
        const feat_slot *slot = &view->slots[a->slot];
        feat_buffer_printf(out, "    a%zu = %s [%s](", i, feat_agg_table[a->agg].sql, feat_agg_table[a->agg].id);
        if (slot->arg == FEAT_NO_NODE) feat_buffer_text(out, "*");
        else operand(out, &view->event, slot->arg, view, NULL);
        feat_buffer_text(out, ")");
        if (slot->filter != FEAT_NO_NODE) {
            feat_buffer_text(out, " filter ");
            operand(out, &view->event, slot->filter, view, NULL);
        }
        feat_buffer_printf(out, " over w%" PRIu32 "  -- %s, %s\n", a->window, feat_type_name(a->type),
                           algebras[feat_agg_table[a->agg].algebra]);
    }
    feat_buffer_text(out, "  request stage, once for each vector\n");
    steps(out, &view->request, view, NULL);
    for (size_t i = 0; i < view->n_features; i++) {
        feat_buffer_printf(out, "    feature %s = ", view->features[i].name);
        operand(out, &view->request, view->features[i].node, view, NULL);
        feat_buffer_printf(out, "  -- %s\n", feat_type_name(view->features[i].type));
    }
}

void feat_explain_service(const feat_service *service, feat_buffer *out) {
    fingerprint_line(out, "FEATURE SERVICE", service->name, &service->fingerprint);
    feat_buffer_text(out, "  request (");
    for (size_t i = 0; i < service->n_inputs; i++)
        feat_buffer_printf(out, "%s%s %s", i ? ", " : "", service->inputs[i].name,
                           feat_type_name(service->inputs[i].type));
    feat_buffer_text(out, ")\n");
    for (size_t j = 0; j < service->n_joins; j++) {
        const feat_join *join = &service->joins[j];
        char text[FEAT_DIGEST_TEXT_SIZE];
        feat_digest_format(&join->view->fingerprint, text);
        feat_buffer_printf(out, "  join %s = %s [%s] on", join->alias, join->view->name, text);
        for (size_t i = 0; i < join->view->n_key; i++)
            feat_buffer_printf(out, "%s %s = request.%s", i ? " and" : "",
                               join->view->table->fields[join->view->key[i]].name,
                               service->inputs[join->inputs[i]].name);
        feat_buffer_text(out, "\n");
    }
    steps(out, &service->pool, NULL, service);
    for (size_t i = 0; i < service->n_features; i++) {
        feat_buffer_printf(out, "    feature %s = ", service->features[i].name);
        operand(out, &service->pool, service->features[i].node, NULL, service);
        feat_buffer_printf(out, "  -- %s\n", feat_type_name(service->features[i].type));
    }
    feat_buffer_printf(out, "  code: %zu steps, %zu registers, %zu loads\n", service->code->n_steps,
                       service->code->n_regs, service->code->n_loads);
}
