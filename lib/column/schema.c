#include "column/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/pack.h"
#include "column/nested.h"
#include "column/utf8.h"
#include "column/widen.h"

/* ---- Schemas. ---- */

const char *feat_partition_name(feat_partition partition) {
    static const char *const names[] = {"none", "month", "week", "day"};
    return names[partition];
}

int feat_schema_find(const feat_schema *schema, const char *name) {
    for (size_t i = 0; i < schema->n_fields; i++)
        if (feat_name_compare(schema->fields[i].name, name) == 0) return (int)i;
    return -1;
}

uint32_t feat_schema_next_id(const feat_schema *schema) {
    uint32_t last = 0;
    for (size_t i = 0; i < schema->n_fields; i++) {
        const feat_field *field = &schema->fields[i];
        if (field->id == FEAT_ENDED_ID) continue;
        if (field->id > last) last = field->id;
        if (field->stored > last) last = field->stored;
    }
    for (size_t i = 0; i < schema->n_retired; i++)
        if (schema->retired[i].stored > last) last = schema->retired[i].stored;
    return last + 1 == FEAT_ENDED_ID ? 0 : last + 1;
}

/* The record: [form, table id, name, fields, key, time, delay in us, unique, dimension, [ttl months, us], [retention
 * months, us], partition, revision, [[number, type, field], ...]]; a field is [id, name, type, not null, default as SQL
 * or nil, default, check or nil, stored, absent]; a value is nil or [type, bytes]. In form 1 there were no parts after
 * the unique key, and none of a field after "not null". */
enum { FORM = 2, N_PARTS = 14, N_FIELD_PARTS = 9, FIRST_FORM = 1, N_FIRST_PARTS = 8, N_FIRST_FIELD_PARTS = 4 };

static void pack_list(feat_buffer *out, const uint32_t *list, size_t n) {
    feat_pack_array(out, (uint32_t)n);
    for (size_t i = 0; i < n; i++) feat_pack_uint(out, list[i]);
}

static void pack_optional(feat_buffer *out, const char *text) {
    if (text) feat_pack_text(out, text);
    else feat_pack_nil(out);
}

static void pack_value(feat_buffer *out, const feat_constant_value *value) {
    if (!value->type) {
        feat_pack_nil(out);
        return;
    }
    feat_pack_array(out, 2);
    feat_pack_uint(out, value->type);
    feat_pack_bytes(out, value->bytes, value->size);
}

static void pack_span(feat_buffer *out, feat_span span) {
    feat_pack_array(out, 2);
    feat_pack_int(out, span.months);
    feat_pack_int(out, span.us);
}

static void pack_schema(const feat_schema *schema, bool meaning, feat_buffer *out) {
    static const feat_constant_value none = {0};
    feat_pack_array(out, N_PARTS);
    feat_pack_uint(out, FORM);
    feat_pack_uint(out, meaning ? 0 : schema->table_id);
    feat_pack_text(out, schema->name);
    feat_pack_array(out, (uint32_t)schema->n_fields);
    for (size_t i = 0; i < schema->n_fields; i++) {
        const feat_field *field = &schema->fields[i];
        feat_pack_array(out, N_FIELD_PARTS);
        feat_pack_uint(out, meaning ? 0 : field->id);
        feat_pack_text(out, field->name);
        feat_pack_uint(out, (uint64_t)field->type);
        feat_pack_bool(out, field->not_null);
        pack_optional(out, field->default_sql);
        pack_value(out, &field->default_value);
        pack_optional(out, field->check_sql);
        feat_pack_uint(out, meaning ? 0 : field->stored);
        pack_value(out, meaning ? &none : &field->absent);
    }
    pack_list(out, schema->key, schema->n_key);
    feat_pack_uint(out, schema->time);
    feat_pack_int(out, schema->delay_us);
    pack_list(out, schema->unique, schema->n_unique);
    feat_pack_bool(out, schema->dimension);
    pack_span(out, schema->ttl);
    pack_span(out, schema->retention);
    feat_pack_uint(out, (uint64_t)schema->partition);
    feat_pack_uint(out, meaning ? 0 : schema->revision);
    feat_pack_array(out, meaning ? 0 : (uint32_t)schema->n_retired);
    for (size_t i = 0; !meaning && i < schema->n_retired; i++) {
        feat_pack_array(out, 3);
        feat_pack_uint(out, schema->retired[i].stored);
        feat_pack_uint(out, schema->retired[i].type);
        feat_pack_uint(out, schema->retired[i].field);
    }
}

void feat_schema_pack(const feat_schema *schema, feat_buffer *out) { pack_schema(schema, false, out); }
void feat_schema_pack_meaning(const feat_schema *schema, feat_buffer *out) { pack_schema(schema, true, out); }

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

static feat_status unpack_optional(feat_arena *arena, feat_cursor *in, const char **text, feat_error *err) {
    return feat_unpack_nil(in) ? FEAT_OK : unpack_name(arena, in, text, err);
}

/* A constant of `type`, or of one that widens to it. */
static feat_status unpack_value(feat_arena *arena, feat_cursor *in, feat_type type, feat_constant_value *value,
                                feat_error *err) {
    if (feat_unpack_nil(in)) return FEAT_OK;
    if (feat_unpack_array(in) != 2) return corrupt(err, "a constant");
    feat_constant_value v = {.type = feat_unpack_uint(in)};
    const void *bytes = feat_unpack_bytes(in, &v.size);
    if (in->failed || !feat_type_valid(v.type) || (v.type != type && !feat_type_widens(v.type, type)))
        return corrupt(err, "the type of a constant");
    size_t fixed = v.type == FEAT_TYPE_BOOLEAN ? 1 : feat_type_size(v.type);
    if ((fixed && v.size != fixed) || (v.type == FEAT_TYPE_TEXT && !feat_utf8_valid(bytes, v.size)))
        return corrupt(err, "a constant");
    int base = FEAT_TYPE_BASE(v.type);
    bool nested = base == FEAT_TYPE_VECTOR || base == FEAT_TYPE_LIST || base == FEAT_TYPE_MAP;
    if (nested && !feat_nested_valid(v.type, bytes, v.size)) return corrupt(err, "a constant");
    v.bytes = feat_arena_strndup(arena, bytes, v.size);
    if (!v.bytes) return feat_fail_memory(err);
    *value = v;
    return FEAT_OK;
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

static feat_status unpack_field(feat_arena *arena, feat_cursor *in, bool first_form, feat_field *field,
                                feat_error *err) {
    if (feat_unpack_array(in) != (first_form ? N_FIRST_FIELD_PARTS : N_FIELD_PARTS)) return corrupt(err, "a column");
    field->id = unpack_u32(in);
    FEAT_TRY(unpack_name(arena, in, &field->name, err));
    field->type = feat_unpack_uint(in);
    if (in->failed || !feat_type_valid(field->type)) return corrupt(err, "the type of a column");
    field->not_null = feat_unpack_bool(in);
    if (first_form) return FEAT_OK;
    FEAT_TRY(unpack_optional(arena, in, &field->default_sql, err));
    FEAT_TRY(unpack_value(arena, in, field->type, &field->default_value, err));
    if (field->default_value.type && field->default_value.type != field->type) return corrupt(err, "a default");
    FEAT_TRY(unpack_optional(arena, in, &field->check_sql, err));
    field->stored = unpack_u32(in);
    return unpack_value(arena, in, field->type, &field->absent, err);
}

static feat_status unpack_fields(feat_arena *arena, feat_cursor *in, bool first_form, feat_schema *schema,
                                 feat_error *err) {
    schema->n_fields = feat_unpack_array(in); /* at most the bytes that follow */
    if (in->failed || schema->n_fields == 0) return corrupt(err, "its columns");
    schema->fields = feat_arena_array(arena, schema->n_fields, sizeof *schema->fields);
    if (!schema->fields) return feat_fail_memory(err);
    for (size_t i = 0; i < schema->n_fields; i++) {
        feat_field *field = &schema->fields[i];
        FEAT_TRY(unpack_field(arena, in, first_form, field, err));
        if (in->failed || field->id <= (i > 0 ? field[-1].id : 0)) return corrupt(err, "the id of a column");
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
        if (in->failed || field >= schema->n_fields || used[field] || !feat_type_keys(schema->fields[field].type))
            return corrupt(err, "a key");
        used[field] = true;
        (*list)[i] = field;
    }
    return FEAT_OK;
}

static feat_status unpack_span(feat_cursor *in, feat_span *span, feat_error *err) {
    if (feat_unpack_array(in) != 2) return corrupt(err, "a span of time");
    span->months = feat_unpack_int(in);
    span->us = feat_unpack_int(in);
    if (in->failed || span->months < 0 || span->months > INT32_MAX || span->us < 0)
        return corrupt(err, "a span of time");
    return FEAT_OK;
}

static const feat_field *field_of_id(const feat_schema *schema, uint32_t id) {
    for (size_t i = 0; i < schema->n_fields; i++)
        if (schema->fields[i].id == id) return &schema->fields[i];
    return NULL;
}

static int compare_numbers(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Two columns that shared blocks would read each other's values. */
static feat_status check_distinct_blocks(feat_arena *arena, const feat_schema *schema, feat_error *err) {
    size_t n = 0;
    uint32_t *numbers = feat_arena_array(arena, schema->n_fields + schema->n_retired, sizeof *numbers);
    if (!numbers) return feat_fail_memory(err);
    for (size_t i = 0; i < schema->n_fields; i++) numbers[n++] = feat_field_stored(&schema->fields[i]);
    for (size_t i = 0; i < schema->n_retired; i++) numbers[n++] = schema->retired[i].stored;
    qsort(numbers, n, sizeof *numbers, compare_numbers);
    for (size_t i = 1; i < n; i++)
        if (numbers[i - 1] == numbers[i]) return corrupt(err, "two columns with the same blocks");
    return FEAT_OK;
}

static feat_status unpack_retired(feat_arena *arena, feat_cursor *in, feat_schema *schema, feat_error *err) {
    schema->n_retired = feat_unpack_array(in);
    if (in->failed) return corrupt(err, "its older columns");
    schema->retired = feat_arena_array(arena, schema->n_retired, sizeof *schema->retired);
    if (!schema->retired) return feat_fail_memory(err);
    for (size_t i = 0; i < schema->n_retired; i++) {
        feat_retired *r = &schema->retired[i];
        if (feat_unpack_array(in) != 3) return corrupt(err, "an older column");
        r->stored = unpack_u32(in);
        r->type = feat_unpack_uint(in);
        r->field = unpack_u32(in);
        const feat_field *now = r->field ? field_of_id(schema, r->field) : NULL;
        if (in->failed || r->stored <= (i > 0 ? r[-1].stored : 0) || r->stored == FEAT_ENDED_ID ||
            !feat_type_valid(r->type) || (r->field && (!now || !feat_type_widens(r->type, now->type))))
            return corrupt(err, "an older column");
    }
    return check_distinct_blocks(arena, schema, err);
}

static feat_status unpack_rest(feat_arena *arena, feat_cursor *in, feat_schema *s, feat_error *err) {
    s->dimension = feat_unpack_bool(in);
    s->ended = (uint32_t)s->n_fields - 1;
    const feat_field *last = &s->fields[s->ended];
    bool hidden = last->id == FEAT_ENDED_ID;
    if (in->failed || hidden != s->dimension || hidden != (strcmp(last->name, FEAT_ENDED_NAME) == 0) ||
        (hidden && (last->type != FEAT_TYPE_BOOLEAN || s->time == s->ended)))
        return corrupt(err, "its mark of ended rows");
    if (!s->dimension) s->ended = 0;
    FEAT_TRY(unpack_span(in, &s->ttl, err));
    FEAT_TRY(unpack_span(in, &s->retention, err));
    uint64_t partition = feat_unpack_uint(in);
    if (in->failed || partition > FEAT_PARTITION_DAY) return corrupt(err, "its partition");
    s->partition = (feat_partition)partition;
    s->revision = unpack_u32(in);
    return unpack_retired(arena, in, s, err);
}

feat_status feat_schema_unpack(feat_arena *arena, feat_cursor *in, feat_schema **schema, feat_error *err) {
    feat_schema *s = FEAT_ARENA_NEW(arena, feat_schema);
    if (!s) return feat_fail_memory(err);
    uint32_t parts = feat_unpack_array(in);
    uint64_t form = feat_unpack_uint(in);
    bool first_form = form == FIRST_FORM && parts == N_FIRST_PARTS;
    if (in->failed || (!first_form && (form != FORM || parts != N_PARTS))) return corrupt(err, "its form");
    s->table_id = unpack_u32(in);
    FEAT_TRY(unpack_name(arena, in, &s->name, err));
    FEAT_TRY(unpack_fields(arena, in, first_form, s, err));
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
    if (!first_form) FEAT_TRY(unpack_rest(arena, in, s, err));
    *schema = s;
    return FEAT_OK;
}
