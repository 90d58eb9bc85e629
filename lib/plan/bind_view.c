/* CREATE FEATURE VIEW: one query with one row per key. */
#include <strings.h>

#include "plan/query.h"

static feat_status bind_view_options(feat_definition *d, const feat_ast_statement *s, feat_view *view) {
    static const char *const known[] = {"description", "owner", "tags", "freshness_sla", "ttl", "lifetime"};
    feat_binder b = {.arena = d->arena, .source = d->source, .err = d->err};
    FEAT_TRY(feat_bind_options(&b, s, known, sizeof known / sizeof *known));
    FEAT_TRY(feat_bind_metadata(&b, s, &view->options, &view->n_options));
    for (size_t i = 0; i < s->n_options; i++) {
        const feat_ast_option *option = &s->options[i];
        if (strcasecmp(option->name.text, "ttl") == 0) FEAT_TRY(feat_bind_span(&b, option, &view->ttl));
        if (strcasecmp(option->name.text, "lifetime") != 0) continue;
        if (option->value->kind != FEAT_AST_STRING || strcasecmp(option->value->text, "retained") != 0)
            return feat_bind_fail(&b, option->value->offset,
                                  "lifetime = 'retained' says that windows mean the rows that the tables keep");
        d->lifetime_retained = true;
    }
    return FEAT_OK;
}

feat_status feat_bind_view(feat_arena *arena, const feat_source *source, const feat_ast_statement *s,
                           const feat_scope *scope, feat_view **out, feat_error *err) {
    feat_view *view = FEAT_ARENA_NEW(arena, feat_view), options = {0};
    feat_uses uses = {0};
    feat_definition d = {.arena = arena, .source = source, .scope = scope, .uses = &uses, .err = err};
    feat_binder b = {.arena = arena, .source = source, .err = err};
    const feat_relation *relation;
    if (!view) return feat_fail_memory(err);
    FEAT_TRY(bind_view_options(&d, s, &options));
    FEAT_TRY(feat_bind_query(&d, NULL, s->select, false, &relation));
    if (!relation->view)
        return feat_bind_fail(
            &b, s->select->offset,
            "this query has many rows for an entity; a feature view has one: aggregate with GROUP BY or "
            "windows, or choose the newest row with QUALIFY or DISTINCT ON");
    *view = *relation->view;
    view->name = s->name.text;
    view->options = options.options;
    view->n_options = options.n_options;
    view->ttl = options.ttl;
    view->uses = uses;
    if (view->n_features == 0)
        return feat_bind_fail(&b, s->name.offset, "the view has no features, only the key of its entity");
    FEAT_TRY(feat_lower_view(arena, view, scope->fold, err));
    FEAT_TRY(feat_view_fingerprint(view, err));
    *out = view;
    return FEAT_OK;
}
