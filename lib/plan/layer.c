#include "plan/layer.h"

#include <string.h>
#include <strings.h>

char *feat_layer_name(feat_arena *arena, const feat_view *view) {
    char text[FEAT_DIGEST_TEXT_SIZE];
    feat_digest_format(&view->fingerprint, text);
    return feat_arena_printf(arena, "%s$%s", view->name, text);
}

bool feat_layer_is(const char *name) {
    const char *mark = strrchr(name, '$');
    feat_digest digest;
    return mark && feat_digest_parse(&digest, mark + 1);
}

static const struct {
    const char *name;
    feat_type type;
} fields[FEAT_LAYER_FIELDS] = {
    [FEAT_LAYER_FOUND] = {"$found", FEAT_TYPE_BOOLEAN},      [FEAT_LAYER_EXPIRED] = {"$expired", FEAT_TYPE_BOOLEAN},
    [FEAT_LAYER_RUN] = {"$run", FEAT_TYPE_BIGINT},           [FEAT_LAYER_INPUT] = {"$input", FEAT_TYPE_BIGINT},
    [FEAT_LAYER_ENTITIES] = {"$entities", FEAT_TYPE_BIGINT}, [FEAT_LAYER_ROWS] = {"$rows", FEAT_TYPE_BIGINT},
    [FEAT_LAYER_FULL] = {"$full", FEAT_TYPE_BOOLEAN},
};

static void add(feat_schema *s, const char *name, feat_type type) {
    s->fields[s->n_fields] = (feat_field){.name = name, .type = type, .id = (uint32_t)s->n_fields + 1};
    s->n_fields++;
}

feat_status feat_layer_schema(feat_arena *arena, const feat_view *view, feat_schema **out, feat_error *err) {
    feat_schema *s = FEAT_ARENA_NEW(arena, feat_schema);
    size_t n = feat_layer_errors(view, feat_layer_error_fields(view));
    if (!s) return feat_fail_memory(err);
    if (view->n_key == 0)
        return feat_fail(err, FEAT_DEFINITION, "feature view '%.200s' has no entity: there is nothing to materialise",
                         view->name);
    s->name = feat_layer_name(arena, view);
    s->fields = feat_arena_array(arena, n, sizeof *s->fields);
    s->key = feat_arena_array(arena, view->n_key, sizeof *s->key);
    s->unique = feat_arena_array(arena, view->n_key + 1, sizeof *s->unique);
    if (!s->name || !s->fields || !s->key || !s->unique) return feat_fail_memory(err);
    for (size_t k = 0; k < view->n_key; k++) {
        s->key[s->n_key++] = s->unique[s->n_unique++] = (uint32_t)k;
        add(s, view->key[k].name, view->key[k].type);
    }
    s->time = s->unique[s->n_unique++] = feat_layer_time(view);
    add(s, "$at", FEAT_TYPE_TIMESTAMP);
    s->fields[s->time].not_null = true;
    for (size_t f = 0; f < view->n_features; f++) add(s, view->features[f].name, view->features[f].type);
    for (size_t i = 0; i < FEAT_LAYER_FIELDS; i++) add(s, fields[i].name, fields[i].type);
    for (size_t i = 0; i < feat_layer_error_fields(view); i++) {
        const char *name = i ? feat_arena_printf(arena, "$errors_%zu", i + 1) : "$errors";
        if (!name) return feat_fail_memory(err);
        add(s, name, FEAT_TYPE_BIGINT);
    }
    for (size_t i = 0; i < s->n_fields; i++)
        for (size_t k = 0; k < i; k++)
            if (feat_name_compare(s->fields[i].name, s->fields[k].name) == 0)
                return feat_fail(err, FEAT_DEFINITION,
                                 "feature view '%.200s' cannot be materialised: two columns of its layer would be "
                                 "called '%.200s'; give the feature another name",
                                 view->name, s->fields[k].name);
    *out = s;
    return FEAT_OK;
}

feat_status feat_layer_check(const feat_schema *table, const feat_view *view, feat_error *err) {
    uint32_t n = feat_layer_errors(view, feat_layer_error_fields(view));
    if (table->n_fields == n && table->fields[n - 1].type == FEAT_TYPE_BIGINT &&
        strncmp(table->fields[n - 1].name, "$errors", 7) == 0)
        return FEAT_OK;
    return feat_fail(err, FEAT_FORMAT,
                     "the layer of feature view '%.200s' was made by another build of the library, which kept other "
                     "columns; make the store anew",
                     view->name);
}
