/* What a definition says about itself beside its meaning: description, owner, tags, freshness, comments on columns. It
 * belongs to a name, not to one version, and is in no fingerprint. */
#ifndef FEAT_LIB_NOTES_H
#define FEAT_LIB_NOTES_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "column/column.h"
#include "plan/plan.h"
#include "sql/ast.h"
#include "store/store.h"

/* A column is known by its id where it has one (a table's keeps it when it is renamed), else by its name. */
typedef struct feat_column_note {
    uint32_t id;
    const char *name, *text;
} feat_column_note;

typedef struct feat_notes {
    const char *description, *owner; /* or NULL */
    const char **tags;
    size_t n_tags;
    bool has_freshness;
    feat_interval freshness;
    feat_column_note *columns;
    size_t n_columns;
} feat_notes;

/* Empty bytes are notes that say nothing; notes that say nothing are empty bytes. Equal notes are equal bytes. */
void feat_notes_pack(const feat_notes *notes, feat_buffer *out);
feat_status feat_notes_unpack(feat_arena *arena, feat_bytes bytes, feat_notes *notes, feat_error *err);

/* Takes what the options of a CREATE say; options that mean something else are left to the binder. Errors point into
 * the text. */
feat_status feat_notes_take_options(feat_arena *arena, const feat_source *source, const feat_ast_statement *s,
                                    feat_notes *notes, feat_error *err);
/* `text` NULL: takes the comment away. */
feat_status feat_notes_set_column(feat_arena *arena, feat_notes *notes, uint32_t id, const char *name, const char *text,
                                  feat_error *err);
const char *feat_notes_column(const feat_notes *notes, uint32_t id, const char *name);

#endif
