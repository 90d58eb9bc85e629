/* Events as one run of bytes of this machine and process, for those who put them away for a while. */
#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "exec/cell.h"
#include "exec/events.h"

/* Arrays start where the widest values may. */
enum { ALIGN = 16 };

static void pack_array(feat_buffer *out, const void *bytes, size_t size) {
    size_t padded = (size + ALIGN - 1) / ALIGN * ALIGN;
    unsigned char *room = feat_buffer_extend(out, padded);
    if (!room || padded == 0) return;
    if (size) memcpy(room, bytes, size);
    memset(room + size, 0, padded - size);
}

static bool has_offsets(const feat_column *c) { return c->offsets != NULL; }

static size_t value_bytes(const feat_column *c, size_t n) {
    if (has_offsets(c)) return (size_t)c->offsets[n];
    return c->type == FEAT_TYPE_BOOLEAN ? feat_bitmap_size(n) : n * feat_type_size(c->type);
}

static void pack_column(feat_buffer *out, const feat_column *c) {
    size_t n = c->length;
    uint64_t head[2] = {c->null_count, (uint64_t)has_offsets(c)};
    pack_array(out, head, sizeof head);
    if (c->null_count) pack_array(out, c->validity, feat_bitmap_size(n));
    if (has_offsets(c)) pack_array(out, c->offsets, (n + 1) * sizeof *c->offsets);
    pack_array(out, c->values, value_bytes(c, n));
}

/* Texts as where they start among the bytes that follow. */
static void pack_texts(feat_buffer *out, const feat_text *texts, size_t n) {
    uint64_t size = 0;
    for (size_t i = 0; i < n; i++) size += texts[i].length;
    uint64_t head[2] = {size, 0};
    pack_array(out, head, sizeof head);
    feat_text *placed = feat_buffer_extend(out, (n * sizeof *placed + ALIGN - 1) / ALIGN * ALIGN);
    if (!placed) return;
    uintptr_t at = 0;
    for (size_t i = 0; i < n; i++) {
        placed[i] = (feat_text){(const char *)at, texts[i].length};
        at += texts[i].length;
    }
    char *bytes = feat_buffer_extend(out, (size + ALIGN - 1) / ALIGN * ALIGN);
    for (size_t i = 0; bytes && i < n; i++) {
        if (texts[i].length) memcpy(bytes, texts[i].data, texts[i].length);
        bytes += texts[i].length;
    }
}

void feat_events_pack(const feat_events *events, feat_buffer *out) {
    size_t n = events->n;
    uint64_t head[2] = {n, 0};
    pack_array(out, head, sizeof head);
    pack_array(out, events->time, n * sizeof *events->time);
    for (size_t s = 0; s < events->n_slots; s++) {
        const feat_event_slot *slot = &events->slots[s];
        pack_array(out, slot->state, n);
        if (slot->class == FEAT_CLASS_T) pack_texts(out, slot->values, n);
        else pack_array(out, slot->values, n * feat_class_size(slot->class));
    }
    for (size_t k = 0; k < events->n_ties; k++) pack_column(out, &events->ties[k]);
}

/* ---- The way back: arrays that lie in the bytes. ---- */

static void *take_array(unsigned char **at, size_t size) {
    void *array = *at;
    *at += (size + ALIGN - 1) / ALIGN * ALIGN;
    return array;
}

static void unpack_column(feat_column *c, size_t n, unsigned char **at) {
    const uint64_t *head = take_array(at, 2 * sizeof *head);
    c->length = c->capacity = n;
    c->null_count = head[0];
    c->validity = c->null_count ? take_array(at, feat_bitmap_size(n)) : NULL;
    c->offsets = head[1] ? take_array(at, (n + 1) * sizeof *c->offsets) : NULL;
    c->values = take_array(at, value_bytes(c, n));
}

static feat_text *unpack_texts(size_t n, unsigned char **at) {
    const uint64_t *head = take_array(at, 2 * sizeof *head);
    feat_text *texts = take_array(at, n * sizeof *texts);
    const char *bytes = take_array(at, head[0]);
    for (size_t i = 0; i < n; i++) texts[i].data = bytes + (uintptr_t)texts[i].data;
    return texts;
}

feat_status feat_packed_init(feat_events *view, const feat_events *like, feat_error *err) {
    *view = (feat_events){.n_slots = like->n_slots, .n_ties = like->n_ties};
    view->slots = feat_alloc_zero(like->n_slots, sizeof *view->slots);
    view->ties = feat_alloc_zero(like->n_ties, sizeof *view->ties);
    if (!view->slots || !view->ties) {
        feat_packed_done(view);
        return feat_fail_memory(err);
    }
    for (size_t s = 0; s < like->n_slots; s++) view->slots[s].class = like->slots[s].class;
    for (size_t k = 0; k < like->n_ties; k++) view->ties[k].type = like->ties[k].type;
    return FEAT_OK;
}

void feat_packed_done(feat_events *view) {
    feat_free(view->slots);
    feat_free(view->ties);
    *view = (feat_events){0};
}

void feat_packed_open(feat_events *view, void *bytes) {
    unsigned char *at = bytes;
    const uint64_t *head = take_array(&at, 2 * sizeof *head);
    size_t n = view->n = view->capacity = head[0];
    view->time = take_array(&at, n * sizeof *view->time);
    for (size_t s = 0; s < view->n_slots; s++) {
        feat_event_slot *slot = &view->slots[s];
        slot->state = take_array(&at, n);
        slot->values =
            slot->class == FEAT_CLASS_T ? unpack_texts(n, &at) : take_array(&at, n * feat_class_size(slot->class));
    }
    for (size_t k = 0; k < view->n_ties; k++) unpack_column(&view->ties[k], n, &at);
}
