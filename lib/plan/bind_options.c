/* WITH (...): free text that a definition carries, and spans of time. */
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "plan/query.h"

static const char *const metadata[] = {"description", "owner", "tags", "freshness_sla"};

bool feat_is_metadata(const char *name) {
    for (size_t i = 0; i < sizeof metadata / sizeof *metadata; i++)
        if (strcasecmp(metadata[i], name) == 0) return true;
    return false;
}

static feat_status option_text(feat_binder *b, const feat_ast_option *option, const char **out) {
    const feat_ast_expr *v = option->value;
    if (v->kind == FEAT_AST_STRING) {
        *out = feat_arena_strndup(b->arena, v->text, v->length);
        return *out ? FEAT_OK : feat_fail_memory(b->err);
    }
    bool list = v->kind == FEAT_AST_CALL && strcasecmp(v->name, "list_value") == 0 &&
                strcasecmp(option->name.text, "tags") == 0;
    bool span = v->kind == FEAT_AST_INTERVAL && strcasecmp(option->name.text, "freshness_sla") == 0;
    if (!list && !span)
        return feat_bind_fail(b, v->offset, "option '%.100s' is a text in quotes%s", option->name.text,
                              strcasecmp(option->name.text, "tags") == 0            ? ", or a list of texts"
                              : strcasecmp(option->name.text, "freshness_sla") == 0 ? ", or an INTERVAL"
                                                                                    : "");
    for (size_t i = 0; list && i < v->n_args; i++)
        if (v->args[i]->kind != FEAT_AST_STRING)
            return feat_bind_fail(b, v->args[i]->offset, "a tag is a text in quotes");
    feat_buffer printed;
    feat_buffer_init(&printed);
    feat_status status = feat_sql_print_expr(v, &printed);
    *out = status == FEAT_OK ? feat_arena_strndup(b->arena, (const char *)printed.data, printed.size) : NULL;
    feat_buffer_done(&printed);
    return *out ? FEAT_OK : feat_fail_memory(b->err);
}

feat_status feat_bind_metadata(feat_binder *b, const feat_ast_statement *s, feat_option **options, size_t *n) {
    *options = feat_arena_array(b->arena, s->n_options, sizeof **options);
    if (!*options) return feat_fail_memory(b->err);
    *n = 0;
    for (size_t i = 0; i < s->n_options; i++) {
        const feat_ast_option *option = &s->options[i];
        for (size_t k = 0; k < i; k++)
            if (strcasecmp(s->options[k].name.text, option->name.text) == 0)
                return feat_bind_fail(b, option->name.offset, "option '%.100s' is given twice", option->name.text);
        for (size_t k = 0; k < sizeof metadata / sizeof *metadata; k++)
            if (strcasecmp(metadata[k], option->name.text) == 0) {
                (*options)[*n].name = metadata[k];
                FEAT_TRY(option_text(b, option, &(*options)[*n].value));
                (*n)++;
            }
    }
    return FEAT_OK;
}

feat_status feat_bind_span(feat_binder *b, const feat_ast_option *option, feat_span *span) {
    const feat_ast_expr *v = option->value;
    int64_t us;
    if (v->kind != FEAT_AST_INTERVAL)
        return feat_bind_fail(b, v->offset, "option '%.100s' is an INTERVAL, such as INTERVAL '7 days'",
                              option->name.text);
    if (v->months < 0 || v->months > INT32_MAX || __builtin_mul_overflow(v->days, FEAT_US_PER_DAY, &us) ||
        __builtin_add_overflow(us, v->us, &us) || us < 0 || (v->months == 0 && us == 0))
        return feat_bind_fail(b, v->offset, "option '%.100s' is a positive INTERVAL", option->name.text);
    *span = (feat_span){v->months, us};
    return FEAT_OK;
}
