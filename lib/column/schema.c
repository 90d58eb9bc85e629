#include "column/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/pack.h"
#include "column/utf8.h"

/* ---- Types. ---- */

static const struct {
    feat_type type;
    const char *name;
    size_t bytes;
} types[] = {
#define FEAT_TYPE(name, number, sql, bytes, arrow) {FEAT_TYPE_##name, sql, bytes},
#include "feat/type.def"
#undef FEAT_TYPE
};

enum { N_TYPES = sizeof types / sizeof *types };

const char *feat_type_name(feat_type type) {
    for (size_t i = 0; i < N_TYPES; i++)
        if (types[i].type == type) return types[i].name;
    return "UNKNOWN";
}

size_t feat_type_size(feat_type type) {
    for (size_t i = 0; i < N_TYPES; i++)
        if (types[i].type == type) return types[i].bytes;
    return 0;
}

bool feat_type_valid(int number) {
    for (size_t i = 0; i < N_TYPES; i++)
        if ((int)types[i].type == number) return true;
    return false;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

int feat_name_compare(const char *a, const char *b) {
    for (; *a && lower(*a) == lower(*b); a++, b++) {
    }
    return (unsigned char)lower(*a) - (unsigned char)lower(*b);
}

/* Only names of a type of the same width: an INTEGER that silently took 64 bits would overflow elsewhere than in SQL.
 */
bool feat_type_from_sql(const char *name, feat_type *type) {
    static const struct {
        const char *name;
        feat_type type;
    } synonyms[] = {
        {"BOOL", FEAT_TYPE_BOOLEAN},
        {"LOGICAL", FEAT_TYPE_BOOLEAN},
        {"INT8", FEAT_TYPE_BIGINT},
        {"INT64", FEAT_TYPE_BIGINT},
        {"LONG", FEAT_TYPE_BIGINT},
        {"FLOAT8", FEAT_TYPE_DOUBLE},
        {"FLOAT64", FEAT_TYPE_DOUBLE},
        {"DOUBLE PRECISION", FEAT_TYPE_DOUBLE},
        {"VARCHAR", FEAT_TYPE_TEXT},
        {"STRING", FEAT_TYPE_TEXT},
        {"CHAR", FEAT_TYPE_TEXT},
        {"BPCHAR", FEAT_TYPE_TEXT},
        {"CHARACTER VARYING", FEAT_TYPE_TEXT},
        {"TIMESTAMPTZ", FEAT_TYPE_TIMESTAMP},
        {"DATETIME", FEAT_TYPE_TIMESTAMP},
        {"TIMESTAMP WITH TIME ZONE", FEAT_TYPE_TIMESTAMP},
        {"TIMESTAMP WITHOUT TIME ZONE", FEAT_TYPE_TIMESTAMP},
    };
    for (size_t i = 0; i < N_TYPES; i++) {
        if (feat_name_compare(name, types[i].name) != 0) continue;
        *type = types[i].type;
        return true;
    }
    for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++) {
        if (feat_name_compare(name, synonyms[i].name) != 0) continue;
        *type = synonyms[i].type;
        return true;
    }
    return false;
}

/* ---- Schemas. ---- */

int feat_schema_find(const feat_schema *schema, const char *name) {
    for (size_t i = 0; i < schema->n_fields; i++)
        if (feat_name_compare(schema->fields[i].name, name) == 0) return (int)i;
    return -1;
}

/* The record: [form, table id, name, [[id, name, type, not null], ...], key, time, delay in µs, unique]. */
enum { FORM = 1, N_PARTS = 8, N_FIELD_PARTS = 4 };

static void pack_list(feat_buffer *out, const uint32_t *list, size_t n) {
    feat_pack_array(out, (uint32_t)n);
    for (size_t i = 0; i < n; i++) feat_pack_uint(out, list[i]);
}

void feat_schema_pack(const feat_schema *schema, feat_buffer *out) {
    feat_pack_array(out, N_PARTS);
    feat_pack_uint(out, FORM);
    feat_pack_uint(out, schema->table_id);
    feat_pack_text(out, schema->name);
    feat_pack_array(out, (uint32_t)schema->n_fields);
    for (size_t i = 0; i < schema->n_fields; i++) {
        const feat_field *field = &schema->fields[i];
        feat_pack_array(out, N_FIELD_PARTS);
        feat_pack_uint(out, field->id);
        feat_pack_text(out, field->name);
        feat_pack_uint(out, (uint64_t)field->type);
        feat_pack_bool(out, field->not_null);
    }
    pack_list(out, schema->key, schema->n_key);
    feat_pack_uint(out, schema->time);
    feat_pack_int(out, schema->delay_us);
    pack_list(out, schema->unique, schema->n_unique);
}

static feat_status corrupt(feat_error *err, const char *why) {
    return feat_fail(err, FEAT_CORRUPT, "the definition of a table is damaged (%s); restore the store from a copy",
                     why);
}

static uint32_t unpack_u32(feat_cursor *in) {
    uint64_t v = feat_unpack_uint(in);
    if (v > UINT32_MAX) in->failed = true;
    return in->failed ? 0 : (uint32_t)v;
}

static feat_status unpack_name(feat_arena *arena, feat_cursor *in, const char **name, feat_error *err) {
    size_t length;
    const char *text = feat_unpack_text(in, &length);
    if (in->failed || length == 0 || memchr(text, 0, length) || !feat_utf8_valid(text, length))
        return corrupt(err, "a name");
    *name = feat_arena_strndup(arena, text, length);
    return *name ? FEAT_OK : feat_fail_memory(err);
}

static int compare_name_pointers(const void *a, const void *b) {
    return feat_name_compare(*(const char *const *)a, *(const char *const *)b);
}

static feat_status check_distinct_names(feat_arena *arena, const feat_schema *schema, feat_error *err) {
    const char **names = feat_arena_array(arena, schema->n_fields, sizeof *names);
    if (!names) return feat_fail_memory(err);
    for (size_t i = 0; i < schema->n_fields; i++) names[i] = schema->fields[i].name;
    qsort(names, schema->n_fields, sizeof *names, compare_name_pointers);
    for (size_t i = 1; i < schema->n_fields; i++)
        if (feat_name_compare(names[i - 1], names[i]) == 0) return corrupt(err, "two columns of one name");
    return FEAT_OK;
}

static feat_status unpack_fields(feat_arena *arena, feat_cursor *in, feat_schema *schema, feat_error *err) {
    schema->n_fields = feat_unpack_array(in); /* at most the bytes that follow */
    if (in->failed || schema->n_fields == 0) return corrupt(err, "its columns");
    schema->fields = feat_arena_array(arena, schema->n_fields, sizeof *schema->fields);
    if (!schema->fields) return feat_fail_memory(err);
    for (size_t i = 0; i < schema->n_fields; i++) {
        feat_field *field = &schema->fields[i];
        if (feat_unpack_array(in) != N_FIELD_PARTS) return corrupt(err, "a column");
        field->id = unpack_u32(in);
        if (in->failed || field->id <= (i > 0 ? field[-1].id : 0)) return corrupt(err, "the id of a column");
        FEAT_TRY(unpack_name(arena, in, &field->name, err));
        uint32_t type = unpack_u32(in);
        if (in->failed || type > INT32_MAX || !feat_type_valid((int)type)) return corrupt(err, "the type of a column");
        field->type = (feat_type)type;
        field->not_null = feat_unpack_bool(in);
    }
    return in->failed ? corrupt(err, "its columns") : check_distinct_names(arena, schema, err);
}

/* A list of different columns that can be compared for equality. */
static feat_status unpack_list(feat_arena *arena, feat_cursor *in, const feat_schema *schema, uint32_t **list,
                               size_t *n, feat_error *err) {
    *n = feat_unpack_array(in);
    if (in->failed || *n > schema->n_fields) return corrupt(err, "a key");
    *list = feat_arena_array(arena, *n, sizeof **list);
    bool *used = feat_arena_array(arena, schema->n_fields, sizeof *used);
    if (!*list || !used) return feat_fail_memory(err);
    for (size_t i = 0; i < *n; i++) {
        uint32_t field = unpack_u32(in);
        if (in->failed || field >= schema->n_fields || used[field] || schema->fields[field].type == FEAT_TYPE_DOUBLE)
            return corrupt(err, "a key");
        used[field] = true;
        (*list)[i] = field;
    }
    return FEAT_OK;
}

feat_status feat_schema_unpack(feat_arena *arena, feat_cursor *in, feat_schema **schema, feat_error *err) {
    feat_schema *s = FEAT_ARENA_NEW(arena, feat_schema);
    if (!s) return feat_fail_memory(err);
    if (feat_unpack_array(in) != N_PARTS || feat_unpack_uint(in) != FORM) return corrupt(err, "its form");
    s->table_id = unpack_u32(in);
    FEAT_TRY(unpack_name(arena, in, &s->name, err));
    FEAT_TRY(unpack_fields(arena, in, s, err));
    FEAT_TRY(unpack_list(arena, in, s, &s->key, &s->n_key, err));
    if (s->n_key == 0) return corrupt(err, "its entity key");
    s->time = unpack_u32(in);
    if (in->failed || s->time >= s->n_fields) return corrupt(err, "its event time");
    const feat_field *time = &s->fields[s->time];
    if ((time->type != FEAT_TYPE_TIMESTAMP && time->type != FEAT_TYPE_DATE) || !time->not_null)
        return corrupt(err, "its event time");
    s->delay_us = feat_unpack_int(in);
    if (in->failed || s->delay_us < 0) return corrupt(err, "its delay");
    FEAT_TRY(unpack_list(arena, in, s, &s->unique, &s->n_unique, err));
    *schema = s;
    return FEAT_OK;
}
