/* Schemas that go out. Every node owns all it points to, so that a consumer may move and release children on their own.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "column/arrow.h"
#include "column/nested.h"

#define FORMAT_SIZE 24

static void format_of(feat_type type, char format[FORMAT_SIZE]) {
    const char *arrow = "n";
    switch (FEAT_TYPE_BASE(type)) {
#define FEAT_TYPE(name, number, sql, bytes, arrow_format)                                                              \
    case FEAT_TYPE_##name:                                                                                             \
        arrow = arrow_format;                                                                                          \
        break;
#include "feat/type.def"
#undef FEAT_TYPE
    }
    if (FEAT_TYPE_BASE(type) == FEAT_TYPE_DECIMAL)
        snprintf(format, FORMAT_SIZE, "%s%d,%d", arrow, FEAT_TYPE_PRECISION(type), FEAT_TYPE_SCALE(type));
    else if (FEAT_TYPE_BASE(type) == FEAT_TYPE_VECTOR)
        snprintf(format, FORMAT_SIZE, "%s%u", arrow, (unsigned)FEAT_TYPE_DIMENSIONS(type));
    else snprintf(format, FORMAT_SIZE, "%s", arrow);
}

/* ---- Nodes. ---- */

typedef struct node {
    char *format, *name, *metadata;
    struct ArrowSchema **children; /* each on the heap */
    struct ArrowSchema *dictionary;
} node;

static void release_part(struct ArrowSchema *part) {
    if (part && part->release) part->release(part);
    feat_free(part);
}

static void node_free(node *own, int64_t n_children) {
    if (!own) return;
    for (int64_t i = 0; own->children && i < n_children; i++) release_part(own->children[i]);
    release_part(own->dictionary);
    feat_free(own->children);
    feat_free(own->format);
    feat_free(own->name);
    feat_free(own->metadata);
    feat_free(own);
}

static void node_release(struct ArrowSchema *schema) {
    node_free(schema->private_data, schema->n_children);
    schema->release = NULL;
}

static struct ArrowSchema schema_of(node *own, int64_t flags, int64_t n_children) {
    return (struct ArrowSchema){.format = own->format,
                                .name = own->name,
                                .metadata = own->metadata,
                                .flags = flags,
                                .n_children = n_children,
                                .children = own->children,
                                .dictionary = own->dictionary,
                                .release = node_release,
                                .private_data = own};
}

/* A node with room for `n` children, all of them released. NULL without memory. */
static node *node_new(const char *format, const char *name, size_t n) {
    node *own = feat_alloc_zero(1, sizeof *own);
    if (!own) return NULL;
    own->format = feat_strdup(format);
    own->name = feat_strdup(name ? name : "");
    if (n > 0) own->children = feat_alloc_zero(n, sizeof *own->children);
    if (!own->format || !own->name || (n > 0 && !own->children)) goto fail;
    for (size_t i = 0; i < n; i++)
        if (!(own->children[i] = feat_alloc_zero(1, sizeof **own->children))) goto fail;
    return own;
fail:
    node_free(own, (int64_t)n);
    return NULL;
}

/* The struct of a map's entries. */
static feat_status entries_field(feat_type type, struct ArrowSchema *out, feat_error *err) {
    node *own = node_new("+s", "entries", 2);
    if (!own) return feat_fail_memory(err);
    feat_status status = feat_arrow_out_field("key", feat_nested_key(type), false, own->children[0], err);
    if (status == FEAT_OK)
        status = feat_arrow_out_field("value", feat_nested_element(type), true, own->children[1], err);
    if (status == FEAT_OK) *out = schema_of(own, 0, 2);
    else node_free(own, 2);
    return status;
}

feat_status feat_arrow_out_field(const char *name, feat_type type, bool nullable, struct ArrowSchema *out,
                                 feat_error *err) {
    char format[FORMAT_SIZE];
    int base = FEAT_TYPE_BASE(type);
    bool map = base == FEAT_TYPE_MAP, nested = map || base == FEAT_TYPE_VECTOR || base == FEAT_TYPE_LIST;
    format_of(type, format);
    node *own = node_new(format, name, nested);
    if (!own) return feat_fail_memory(err);
    feat_status status = FEAT_OK;
    if (map) status = entries_field(type, own->children[0], err);
    else if (nested) status = feat_arrow_out_field("item", feat_nested_element(type), true, own->children[0], err);
    if (status == FEAT_OK)
        *out = schema_of(own, (nullable ? ARROW_FLAG_NULLABLE : 0) | (map ? ARROW_FLAG_MAP_KEYS_SORTED : 0), nested);
    else node_free(own, nested);
    return status;
}

/* ---- Metadata: a count, then for each pair the length and bytes of the key and of the value; lengths are int32. ----
 */

static size_t put(char *to, size_t at, const void *bytes, size_t size) {
    if (to) memcpy(to + at, bytes, size);
    return at + size;
}

/* Writes the block and returns its size; `to` NULL only counts. */
static size_t encode_pairs(const char *const *texts, size_t n_texts, char *to) {
    int32_t number = (int32_t)(n_texts / 2);
    size_t at = put(to, 0, &number, sizeof number);
    for (size_t i = 0; i < n_texts; i++) {
        size_t length = strlen(texts[i]);
        number = (int32_t)length;
        at = put(to, at, &number, sizeof number);
        at = put(to, at, texts[i], length);
    }
    return at;
}

/* Size of a block, or -1 when a number in it is negative. The interface does not say where it must end. */
static int64_t metadata_size(const char *metadata) {
    int32_t pairs, length;
    memcpy(&pairs, metadata, sizeof pairs);
    if (pairs < 0) return -1;
    int64_t at = sizeof pairs;
    for (int64_t i = 0; i < 2 * (int64_t)pairs; i++) {
        memcpy(&length, metadata + at, sizeof length);
        if (length < 0) return -1;
        at += (int64_t)sizeof length + length;
    }
    return at;
}

feat_status feat_arrow_out_struct(struct ArrowSchema *children, size_t n, const char *const *metadata_pairs,
                                  size_t n_pairs, struct ArrowSchema *out, feat_error *err) {
    for (size_t i = 0; i < 2 * n_pairs; i++)
        if (strlen(metadata_pairs[i]) > INT32_MAX)
            return feat_fail(err, FEAT_LIMIT, "Arrow metadata: a text is longer than 2147483647 bytes");
    node *own = node_new("+s", "", n);
    if (!own) return feat_fail_memory(err);
    if (n_pairs > 0) {
        own->metadata = feat_alloc(encode_pairs(metadata_pairs, 2 * n_pairs, NULL));
        if (!own->metadata) {
            node_free(own, (int64_t)n);
            return feat_fail_memory(err);
        }
        encode_pairs(metadata_pairs, 2 * n_pairs, own->metadata);
    }
    for (size_t i = 0; i < n; i++) { /* nothing can fail any more: the children move */
        *own->children[i] = children[i];
        children[i].release = NULL;
    }
    *out = schema_of(own, 0, (int64_t)n);
    return FEAT_OK;
}

/* ---- Copies. ---- */

enum { MAX_DEPTH = 64 };

static feat_status copy(const struct ArrowSchema *in, int depth, struct ArrowSchema *out, feat_error *err) {
    if (depth > MAX_DEPTH || !in || !in->release || !in->format || in->n_children < 0 ||
        (in->n_children > 0 && !in->children))
        return feat_fail(err, FEAT_SCHEMA, "malformed Arrow schema: a part is missing, or it is nested too deeply");
    int64_t size = in->metadata ? metadata_size(in->metadata) : 0;
    if (size < 0) return feat_fail(err, FEAT_SCHEMA, "malformed Arrow schema: its metadata has a negative length");
    node *own = node_new(in->format, in->name, (size_t)in->n_children);
    if (!own) return feat_fail_memory(err);
    feat_status status = FEAT_OK;
    if (in->metadata) {
        own->metadata = feat_alloc((size_t)size);
        if (own->metadata) memcpy(own->metadata, in->metadata, (size_t)size);
        else status = feat_fail_memory(err);
    }
    for (int64_t i = 0; i < in->n_children && status == FEAT_OK; i++)
        status = copy(in->children[i], depth + 1, own->children[i], err);
    if (in->dictionary && status == FEAT_OK) {
        own->dictionary = feat_alloc_zero(1, sizeof *own->dictionary);
        status = own->dictionary ? copy(in->dictionary, depth + 1, own->dictionary, err) : feat_fail_memory(err);
    }
    if (status == FEAT_OK) *out = schema_of(own, in->flags, in->n_children);
    else node_free(own, in->n_children);
    return status;
}

feat_status feat_arrow_schema_copy(const struct ArrowSchema *in, struct ArrowSchema *out, feat_error *err) {
    return copy(in, 0, out, err);
}
