/* Notes: reading them from options, and their record. */
#include "engine/notes.h"

#include <string.h>

#include "base/pack.h"
#include "column/utf8.h"
#include "sql/sql.h"

/* ---- The record: [description, owner, [tag, ...], nil or [months, days, us], [[id, name, text], ...]]. ---- */

static void pack_text(feat_buffer *out, const char *text) {
    if (text) feat_pack_text(out, text);
    else feat_pack_nil(out);
}

void feat_notes_pack(const feat_notes *n, feat_buffer *out) {
    if (!n->description && !n->owner && n->n_tags == 0 && !n->has_freshness && n->n_columns == 0) return;
    feat_pack_array(out, 5);
    pack_text(out, n->description);
    pack_text(out, n->owner);
    feat_pack_array(out, (uint32_t)n->n_tags);
    for (size_t i = 0; i < n->n_tags; i++) feat_pack_text(out, n->tags[i]);
    if (n->has_freshness) {
        feat_pack_array(out, 3);
        feat_pack_int(out, n->freshness.months);
        feat_pack_int(out, n->freshness.days);
        feat_pack_int(out, n->freshness.us);
    } else {
        feat_pack_nil(out);
    }
    feat_pack_array(out, (uint32_t)n->n_columns);
    for (size_t i = 0; i < n->n_columns; i++) {
        feat_pack_array(out, 3);
        feat_pack_uint(out, n->columns[i].id);
        pack_text(out, n->columns[i].name);
        feat_pack_text(out, n->columns[i].text);
    }
}

/* NULL where nil may stand. A text that is none sets `in->failed`. */
static feat_status unpack_text(feat_arena *arena, feat_cursor *in, bool optional, const char **text, feat_error *err) {
    *text = NULL;
    if (optional && feat_unpack_nil(in)) return FEAT_OK;
    size_t length;
    const char *bytes = feat_unpack_text(in, &length);
    if (in->failed || (length && (memchr(bytes, 0, length) || !feat_utf8_valid(bytes, length)))) in->failed = true;
    if (in->failed) return FEAT_OK;
    *text = feat_arena_strndup(arena, bytes, length);
    return *text ? FEAT_OK : feat_fail_memory(err);
}

static int32_t unpack_i32(feat_cursor *in) {
    int64_t v = feat_unpack_int(in);
    if (v < INT32_MIN || v > INT32_MAX) in->failed = true;
    return in->failed ? 0 : (int32_t)v;
}

static feat_status unpack(feat_arena *arena, feat_cursor *in, feat_notes *n, feat_error *err) {
    if (feat_unpack_array(in) != 5) in->failed = true;
    FEAT_TRY(unpack_text(arena, in, true, &n->description, err));
    FEAT_TRY(unpack_text(arena, in, true, &n->owner, err));
    n->n_tags = feat_unpack_array(in); /* at most the bytes that follow; 0 after a failure */
    n->tags = feat_arena_array(arena, n->n_tags, sizeof *n->tags);
    if (!n->tags) return feat_fail_memory(err);
    for (size_t i = 0; i < n->n_tags; i++) FEAT_TRY(unpack_text(arena, in, false, &n->tags[i], err));
    n->has_freshness = !feat_unpack_nil(in);
    if (n->has_freshness) {
        if (feat_unpack_array(in) != 3) in->failed = true;
        n->freshness.months = unpack_i32(in);
        n->freshness.days = unpack_i32(in);
        n->freshness.us = feat_unpack_int(in);
    }
    n->n_columns = feat_unpack_array(in);
    n->columns = feat_arena_array(arena, n->n_columns, sizeof *n->columns);
    if (!n->columns) return feat_fail_memory(err);
    for (size_t i = 0; i < n->n_columns; i++) {
        if (feat_unpack_array(in) != 3) in->failed = true;
        uint64_t id = feat_unpack_uint(in);
        if (id > UINT32_MAX) in->failed = true;
        n->columns[i].id = (uint32_t)id;
        FEAT_TRY(unpack_text(arena, in, id != 0, &n->columns[i].name, err));
        FEAT_TRY(unpack_text(arena, in, false, &n->columns[i].text, err));
    }
    return FEAT_OK;
}

feat_status feat_notes_unpack(feat_arena *arena, feat_bytes bytes, feat_notes *notes, feat_error *err) {
    feat_notes n = {0};
    feat_cursor in;
    feat_cursor_init(&in, bytes.bytes, bytes.size);
    if (bytes.size > 0) {
        FEAT_TRY(unpack(arena, &in, &n, err));
        if (in.failed || in.at != in.end)
            return feat_fail(err, FEAT_CORRUPT,
                             "what is noted about a definition is malformed; restore the store from a copy");
    }
    *notes = n;
    return FEAT_OK;
}

/* ---- Options. ---- */

typedef struct taking {
    feat_arena *arena;
    const feat_source *source;
    feat_error *err;
} taking;

static feat_status refuse(const taking *t, const feat_ast_expr *value, const char *message) {
    return feat_sql_fail(t->err, FEAT_DEFINITION, t->source->sql, t->source->length, value->offset, "%s", message);
}

static feat_status take_text(const taking *t, const feat_ast_expr *value, const char *wanted, const char **text) {
    *text = NULL;
    if (value->kind == FEAT_AST_NULL) return FEAT_OK;
    if (value->kind != FEAT_AST_STRING) return refuse(t, value, wanted);
    if (memchr(value->text, 0, value->length)) return refuse(t, value, "this text holds a NUL character");
    *text = feat_arena_strndup(t->arena, value->text, value->length);
    return *text ? FEAT_OK : feat_fail_memory(t->err);
}

static feat_status take_tags(const taking *t, const feat_ast_expr *value, feat_notes *n) {
    static const char wanted[] = "tags are texts: tags = ['churn', 'weekly']";
    bool is_list = value->kind == FEAT_AST_CALL && value->name && strcmp(value->name, "list_value") == 0;
    size_t count = is_list ? value->n_args : value->kind == FEAT_AST_NULL ? 0 : 1;
    const char **tags = feat_arena_array(t->arena, count, sizeof *tags);
    if (!tags) return feat_fail_memory(t->err);
    for (size_t i = 0; i < count; i++) {
        const feat_ast_expr *tag = is_list ? value->args[i] : value;
        FEAT_TRY(take_text(t, tag, wanted, &tags[i]));
        if (!tags[i] || !tags[i][0]) return refuse(t, tag, "a tag is a text that is not empty");
    }
    n->tags = tags;
    n->n_tags = count;
    return FEAT_OK;
}

static feat_status take_freshness(const taking *t, const feat_ast_expr *value, feat_notes *n) {
    n->has_freshness = value->kind != FEAT_AST_NULL;
    if (!n->has_freshness) return FEAT_OK;
    if (value->kind != FEAT_AST_INTERVAL)
        return refuse(t, value, "freshness_sla is an interval: freshness_sla = INTERVAL '1 day'");
    bool positive = value->months >= 0 && value->days >= 0 && value->us >= 0 &&
                    (value->months > 0 || value->days > 0 || value->us > 0);
    if (!positive || value->months > INT32_MAX || value->days > INT32_MAX)
        return refuse(t, value, "freshness_sla is longer than nothing and shorter than 100 million years");
    n->freshness = (feat_interval){(int32_t)value->months, (int32_t)value->days, value->us};
    return FEAT_OK;
}

feat_status feat_notes_take_options(feat_arena *arena, const feat_source *source, const feat_ast_statement *s,
                                    feat_notes *notes, feat_error *err) {
    taking t = {arena, source, err};
    for (size_t i = 0; i < s->n_options; i++) {
        const char *name = s->options[i].name.text;
        const feat_ast_expr *value = s->options[i].value;
        if (feat_name_compare(name, "description") == 0)
            FEAT_TRY(take_text(&t, value, "description is a text: description = 'what it is'", &notes->description));
        else if (feat_name_compare(name, "owner") == 0)
            FEAT_TRY(take_text(&t, value, "owner is a text: owner = 'who answers for it'", &notes->owner));
        else if (feat_name_compare(name, "tags") == 0) FEAT_TRY(take_tags(&t, value, notes));
        else if (feat_name_compare(name, "freshness_sla") == 0) FEAT_TRY(take_freshness(&t, value, notes));
    }
    return FEAT_OK;
}

/* ---- Comments on columns. ---- */

static bool is_column(const feat_column_note *note, uint32_t id, const char *name) {
    return id ? note->id == id : note->id == 0 && feat_name_compare(note->name, name) == 0;
}

const char *feat_notes_column(const feat_notes *notes, uint32_t id, const char *name) {
    for (size_t i = 0; i < notes->n_columns; i++)
        if (is_column(&notes->columns[i], id, name)) return notes->columns[i].text;
    return NULL;
}

/* Columns stay ordered by id and name, so that the order of the statements does not matter. */
static int compare_columns(const feat_column_note *a, uint32_t id, const char *name) {
    if (a->id != id) return a->id < id ? -1 : 1;
    return id ? 0 : feat_name_compare(a->name, name);
}

feat_status feat_notes_set_column(feat_arena *arena, feat_notes *notes, uint32_t id, const char *name, const char *text,
                                  feat_error *err) {
    feat_column_note *columns = feat_arena_array(arena, notes->n_columns + 1, sizeof *columns);
    if (!columns) return feat_fail_memory(err);
    size_t at = 0, n = 0;
    while (at < notes->n_columns && compare_columns(&notes->columns[at], id, name) < 0)
        columns[n++] = notes->columns[at++];
    if (text) columns[n++] = (feat_column_note){id, id ? NULL : name, text};
    if (at < notes->n_columns && compare_columns(&notes->columns[at], id, name) == 0) at++;
    while (at < notes->n_columns) columns[n++] = notes->columns[at++];
    notes->columns = columns;
    notes->n_columns = n;
    return FEAT_OK;
}
