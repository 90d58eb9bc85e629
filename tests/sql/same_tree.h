/* Whether two trees are equal in all but the places that they come from. Chains are as deep as the parser allows, so
 * recursion is all right. */
#ifndef FEAT_TESTS_SAME_TREE_H
#define FEAT_TESTS_SAME_TREE_H

#include <string.h>

#include "sql/sql.h"

static inline bool same_text(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

static inline bool same_bytes(const char *a, size_t n, const char *b, size_t m) {
    return a && b ? n == m && memcmp(a, b, n) == 0 : a == b;
}

static inline bool same_names(const feat_ast_names *a, const feat_ast_names *b) {
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++) same = same_text(a->items[i].text, b->items[i].text);
    return same;
}

static inline bool same_window(const feat_ast_window *a, const feat_ast_window *b);

static inline bool same_expr(const feat_ast_expr *a, const feat_ast_expr *b);

static inline bool same_exprs(feat_ast_expr *const *a, size_t n, feat_ast_expr *const *b, size_t m) {
    bool same = n == m;
    for (size_t i = 0; same && i < n; i++) same = same_expr(a[i], b[i]);
    return same;
}

static inline bool same_order(const feat_ast_order *a, size_t n, const feat_ast_order *b, size_t m) {
    bool same = n == m;
    for (size_t i = 0; same && i < n; i++)
        same = same_expr(a[i].expr, b[i].expr) && a[i].descending == b[i].descending && a[i].nulls == b[i].nulls;
    return same;
}

static inline bool same_expr(const feat_ast_expr *a, const feat_ast_expr *b) {
    if (!a || !b) return a == b;
    return a->kind == b->kind && a->depth == b->depth && same_text(a->name, b->name) &&
           same_text(a->qualifier, b->qualifier) && same_bytes(a->text, a->length, b->text, b->length) &&
           same_exprs(a->args, a->n_args, b->args, b->n_args) && same_expr(a->operand, b->operand) &&
           same_expr(a->otherwise, b->otherwise) && same_expr(a->filter, b->filter) && same_window(a->over, b->over) &&
           same_order(a->order, a->n_order, b->order, b->n_order) && a->months == b->months && a->days == b->days &&
           a->us == b->us && a->nulls == b->nulls && a->truth == b->truth && a->negated == b->negated &&
           a->distinct == b->distinct && a->star == b->star && a->try_cast == b->try_cast;
}

static inline bool same_window(const feat_ast_window *a, const feat_ast_window *b) {
    if (!a || !b) return a == b;
    return same_text(a->name, b->name) && same_text(a->base, b->base) &&
           same_exprs(a->partition, a->n_partition, b->partition, b->n_partition) &&
           same_order(a->order, a->n_order, b->order, b->n_order) && a->unit == b->unit &&
           a->start.kind == b->start.kind && same_expr(a->start.distance, b->start.distance) &&
           a->end.kind == b->end.kind && same_expr(a->end.distance, b->end.distance) && same_text(a->since, b->since) &&
           same_text(a->zone, b->zone) && same_text(a->closed, b->closed) && same_text(a->exclude, b->exclude);
}

static inline bool same_columns(const feat_ast_column_def *a, size_t n, const feat_ast_column_def *b, size_t m) {
    bool same = n == m;
    for (size_t i = 0; same && i < n; i++)
        same = same_text(a[i].name, b[i].name) && same_text(a[i].type, b[i].type) && a[i].not_null == b[i].not_null &&
               same_expr(a[i].default_value, b[i].default_value) && same_expr(a[i].check, b[i].check);
    return same;
}

static inline bool same_select(const feat_ast_select *a, const feat_ast_select *b);

static inline bool same_source(const feat_ast_source *a, const feat_ast_source *b) {
    return a->join == b->join && same_text(a->name, b->name) && same_select(a->select, b->select) &&
           a->request == b->request && a->materialized == b->materialized &&
           same_columns(a->columns, a->n_columns, b->columns, b->n_columns) && same_text(a->alias, b->alias) &&
           same_names(&a->using_columns, &b->using_columns) && same_expr(a->on, b->on);
}

static inline bool same_branch(const feat_ast_select *a, const feat_ast_select *b) {
    bool same = a->n_ctes == b->n_ctes && a->distinct == b->distinct && a->n_items == b->n_items &&
                a->n_sources == b->n_sources && a->n_windows == b->n_windows;
    for (size_t i = 0; same && i < a->n_ctes; i++)
        same = same_text(a->ctes[i].name, b->ctes[i].name) && same_select(a->ctes[i].select, b->ctes[i].select);
    for (size_t i = 0; same && i < a->n_items; i++)
        same = same_expr(a->items[i].expr, b->items[i].expr) && same_text(a->items[i].alias, b->items[i].alias);
    for (size_t i = 0; same && i < a->n_sources; i++) same = same_source(&a->sources[i], &b->sources[i]);
    for (size_t i = 0; same && i < a->n_windows; i++) same = same_window(&a->windows[i], &b->windows[i]);
    return same && same_exprs(a->distinct_on, a->n_distinct_on, b->distinct_on, b->n_distinct_on) &&
           same_expr(a->where, b->where) && same_expr(a->having, b->having) && same_expr(a->qualify, b->qualify) &&
           same_exprs(a->group, a->n_group, b->group, b->n_group) &&
           same_order(a->order, a->n_order, b->order, b->n_order) && same_expr(a->limit, b->limit) &&
           same_expr(a->skip, b->skip);
}

static inline bool same_select(const feat_ast_select *a, const feat_ast_select *b) {
    for (; a && b; a = a->union_all, b = b->union_all)
        if (!same_branch(a, b)) return false;
    return a == b;
}

static inline bool same_statement(const feat_ast_statement *a, const feat_ast_statement *b) {
    if (!a || !b) return a == b;
    bool same = a->kind == b->kind && same_text(a->name.text, b->name.text) && a->or_replace == b->or_replace &&
                a->raw == b->raw && same_text(a->target.text, b->target.text) && a->if_exists == b->if_exists &&
                a->json == b->json && same_text(a->object, b->object) && a->alter == b->alter &&
                same_text(a->column.text, b->column.text) && same_text(a->new_name.text, b->new_name.text) &&
                same_bytes(a->comment, a->comment_length, b->comment, b->comment_length) &&
                same_statement(a->inner, b->inner) &&
                same_columns(a->columns, a->n_columns, b->columns, b->n_columns) &&
                same_names(&a->entity_key, &b->entity_key) && same_names(&a->unique, &b->unique) &&
                a->has_unique == b->has_unique && same_text(a->event_time.text, b->event_time.text) &&
                same_expr(a->delay, b->delay) && same_select(a->select, b->select) && a->n_options == b->n_options &&
                a->n_picks == b->n_picks;
    for (size_t i = 0; same && i < a->n_options; i++)
        same = same_text(a->options[i].name.text, b->options[i].name.text) &&
               same_expr(a->options[i].value, b->options[i].value);
    for (size_t i = 0; same && i < a->n_picks; i++)
        same = same_text(a->picks[i].view.text, b->picks[i].view.text) &&
               same_names(&a->picks[i].features, &b->picks[i].features);
    return same;
}

static inline bool same_script(const feat_ast_script *a, const feat_ast_script *b) {
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++) same = same_statement(a->statements[i], b->statements[i]);
    return same;
}

#endif
