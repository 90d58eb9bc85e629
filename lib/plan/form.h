/* The logical form as bytes: canonical msgpack, the same for the same meaning (doc/format.md lists it). Its digest is
 * the fingerprint, and records of definitions hold it. */
#ifndef FEAT_LIB_FORM_H
#define FEAT_LIB_FORM_H

#include <string.h>

#include "plan/walk.h"

enum { FEAT_FORM_TABLE = 1, FEAT_FORM_VIEW = 2, FEAT_FORM_SERVICE = 3, FEAT_FORM_BLOCK = 4 };

/* Each appends to `out`. Blocks that are joined must have their fingerprints. */
feat_status feat_form_block(const feat_block *block, feat_buffer *out, feat_error *err);
feat_status feat_form_view(const feat_view *view, feat_buffer *out, feat_error *err);
feat_status feat_form_service(const feat_service *service, feat_buffer *out, feat_error *err);

/* What a form refers to by name or fingerprint. */
typedef struct feat_form_context {
    feat_arena *arena;
    const feat_schema *const *tables; /* sorted by name, by bytes */
    size_t n_tables;
    const feat_uses *uses; /* the views are those whose fingerprints the form holds */
    const feat_block_set *blocks;
    const uint32_t *depths; /* of the blocks */
} feat_form_context;

/* Reads untrusted bytes, all of them: every number is checked. The result is not lowered; its fingerprint is the digest
 * of the bytes, which are known to be the canonical ones. `depth` becomes how deep the block nests. */
feat_status feat_form_read_block(const feat_form_context *context, const void *bytes, size_t size, feat_block **block,
                                 uint32_t *depth, feat_error *err);
/* Without names, versions, options and uses.tables. */
feat_status feat_form_read_view(const feat_form_context *context, const void *bytes, size_t size, feat_view **view,
                                feat_error *err);
feat_status feat_form_read_service(const feat_form_context *context, const void *bytes, size_t size,
                                   feat_service **service, feat_error *err);

/* What must hold of the parts of a block, wherever they were read from; `bare[s]`: slot s has no argument somewhere.
 * The indices of an aggregate are in range. */
bool feat_form_key_valid(const feat_block *block);
/* Whether a value of type `given` can be looked up in a key of type `own`: numbers compare by value. */
bool feat_form_key_fits(feat_type given, feat_type own);
bool feat_form_window_valid(const feat_window *window);
bool feat_form_aggregate_valid(const feat_block *block, const feat_aggregate *aggregate, const bool *bare);
/* Index of the field with this id, or -1. */
int feat_form_find_field(const feat_schema *table, uint64_t id);

/* Whether bytes that may hold anything, NUL too, are this text. */
static inline bool feat_form_is(const char *text, const char *bytes, size_t length) {
    return strlen(text) == length && memcmp(text, bytes, length) == 0;
}

feat_status feat_form_corrupt(feat_error *err, const char *why);

#endif
