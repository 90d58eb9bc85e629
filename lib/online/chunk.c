#include "online/chunk.h"

#include <string.h>

#include "base/alloc.h"
#include "math/decimal.h"

enum { FLAG_STATE = 1 };

static size_t class_size(feat_class class) {
    switch (class) {
    case FEAT_CLASS_B: return 1;
    case FEAT_CLASS_T: return 4;
    case FEAT_CLASS_W:
    case FEAT_CLASS_V: return 16;
    default: return 8;
    }
}

/* How a tie's value is written: by the class of its type. */
static feat_class tie_class(const feat_column *tie) { return feat_class_of(tie->type); }

size_t feat_chunk_event_size(const feat_events *events, size_t i) {
    size_t size = 8;
    for (size_t s = 0; s < events->n_slots; s++) {
        const feat_event_slot *slot = &events->slots[s];
        size += 1 + class_size(slot->class);
        if (slot->class == FEAT_CLASS_T) size += ((const feat_text *)slot->values)[i].length;
    }
    for (size_t k = 0; k < events->n_ties; k++) {
        const feat_column *tie = &events->ties[k];
        size += 17;
        if (tie_class(tie) == FEAT_CLASS_T) size += feat_column_text(tie, i).length;
    }
    return size;
}

static void put_i64(uint8_t *at, uint64_t v) {
    for (int i = 0; i < 8; i++) at[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_i64(const uint8_t *at) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) v |= (uint64_t)at[i] << (8 * i);
    return v;
}

/* Two words, the low one first; an interval's are its months and days, and its µs. */
static void put_wide(feat_buffer *out, feat_int128 v) {
    feat_buffer_u64(out, (uint64_t)v);
    feat_buffer_u64(out, (uint64_t)(v >> 64));
}

static void put_interval(feat_buffer *out, feat_interval v) {
    feat_buffer_u32(out, (uint32_t)v.months);
    feat_buffer_u32(out, (uint32_t)v.days);
    feat_buffer_u64(out, (uint64_t)v.us);
}

static feat_int128 get_wide(feat_cursor *in) {
    uint64_t low = feat_cursor_u64(in), high = feat_cursor_u64(in);
    return (feat_int128)((feat_uint128)high << 64 | low);
}

static feat_interval get_interval(feat_cursor *in) {
    feat_interval v;
    v.months = (int32_t)feat_cursor_u32(in);
    v.days = (int32_t)feat_cursor_u32(in);
    v.us = (int64_t)feat_cursor_u64(in);
    return v;
}

static void encode_words(feat_buffer *out, const void *values, size_t first, size_t n) {
    uint8_t *room = feat_buffer_extend(out, 8 * n);
    if (!room) return;
    for (size_t i = 0; i < n; i++) {
        uint64_t v;
        memcpy(&v, (const char *)values + 8 * (first + i), 8);
        put_i64(room + 8 * i, v);
    }
}

static void encode_slot(feat_buffer *out, const feat_event_slot *slot, size_t first, size_t n) {
    bool states = false;
    for (size_t i = 0; i < n; i++) states |= slot->state[first + i] != FEAT_STATE_VALUE;
    feat_buffer_byte(out, states ? FLAG_STATE : 0);
    if (states) feat_buffer_append(out, slot->state + first, n);
    if (slot->class == FEAT_CLASS_B) {
        feat_buffer_append(out, (const uint8_t *)slot->values + first, n);
    } else if (slot->class == FEAT_CLASS_W) {
        for (size_t i = 0; i < n; i++) put_wide(out, ((const feat_int128 *)slot->values)[first + i]);
    } else if (slot->class == FEAT_CLASS_V) {
        for (size_t i = 0; i < n; i++) put_interval(out, ((const feat_interval *)slot->values)[first + i]);
    } else if (slot->class != FEAT_CLASS_T) {
        encode_words(out, slot->values, first, n);
    } else {
        const feat_text *texts = (const feat_text *)slot->values + first;
        for (size_t i = 0; i < n; i++) feat_buffer_u32(out, (uint32_t)texts[i].length);
        for (size_t i = 0; i < n; i++) feat_buffer_append(out, texts[i].data, texts[i].length);
    }
}

static void encode_tie(feat_buffer *out, const feat_column *tie, size_t first, size_t n) {
    for (size_t i = first; i < first + n; i++) {
        bool null = feat_column_is_null(tie, i);
        feat_buffer_byte(out, null);
        if (null) continue;
        if (tie_class(tie) == FEAT_CLASS_T) {
            feat_text text = feat_column_text(tie, i);
            feat_buffer_u32(out, (uint32_t)text.length);
            feat_buffer_append(out, text.data, text.length);
        } else if (tie_class(tie) == FEAT_CLASS_W) {
            put_wide(out, feat_column_wide(tie, i));
        } else if (tie_class(tie) == FEAT_CLASS_V) {
            put_interval(out, feat_column_interval(tie, i));
        } else if (tie_class(tie) == FEAT_CLASS_F) {
            double v = feat_column_double(tie, i);
            uint64_t bits;
            memcpy(&bits, &v, sizeof bits);
            feat_buffer_u64(out, bits);
        } else {
            feat_buffer_u64(out, (uint64_t)feat_column_int(tie, i));
        }
    }
}

void feat_chunk_encode(feat_buffer *out, const void *key, size_t key_size, const feat_events *events, size_t first,
                       size_t n) {
    feat_buffer_u32(out, (uint32_t)key_size);
    feat_buffer_append(out, key, key_size);
    feat_buffer_u32(out, (uint32_t)n);
    encode_words(out, events->time, first, n);
    for (size_t s = 0; s < events->n_slots; s++) encode_slot(out, &events->slots[s], first, n);
    for (size_t k = 0; k < events->n_ties; k++) encode_tie(out, &events->ties[k], first, n);
}

static feat_status corrupt(feat_error *err) {
    return feat_fail(err, FEAT_CORRUPT, "serving state: a chunk of events is malformed");
}

feat_status feat_chunk_key(feat_cursor *in, const void **key, size_t *key_size, feat_error *err) {
    size_t size = feat_cursor_u32(in);
    const void *bytes = feat_cursor_bytes(in, size);
    if (!bytes) return corrupt(err);
    *key = bytes;
    *key_size = size;
    return FEAT_OK;
}

static feat_status decode_words(feat_cursor *in, void *values, size_t first, size_t n, feat_error *err) {
    const uint8_t *bytes = feat_cursor_bytes(in, 8 * n);
    if (!bytes) return corrupt(err);
    for (size_t i = 0; i < n; i++) {
        uint64_t v = get_i64(bytes + 8 * i);
        memcpy((char *)values + 8 * (first + i), &v, 8);
    }
    return FEAT_OK;
}

static feat_status decode_texts(feat_cursor *in, feat_text *texts, size_t n, feat_arena *arena, feat_error *err) {
    const uint8_t *lengths = feat_cursor_bytes(in, 4 * n);
    if (!lengths) return corrupt(err);
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        texts[i].length = (size_t)lengths[4 * i] | (size_t)lengths[4 * i + 1] << 8 | (size_t)lengths[4 * i + 2] << 16 |
                          (size_t)lengths[4 * i + 3] << 24;
        total += texts[i].length;
    }
    const char *bytes = feat_cursor_bytes(in, total);
    if (!bytes) return corrupt(err);
    char *copy = feat_arena_strndup(arena, bytes, total);
    if (!copy) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        texts[i].data = copy;
        copy += texts[i].length;
    }
    return FEAT_OK;
}

static feat_status decode_slot(feat_cursor *in, feat_event_slot *slot, size_t first, size_t n, feat_arena *arena,
                               feat_error *err) {
    uint8_t flags = feat_cursor_byte(in);
    if (n == 0) return FEAT_OK;
    memset(slot->state + first, FEAT_STATE_VALUE, n);
    if (flags & FLAG_STATE) {
        const uint8_t *states = feat_cursor_bytes(in, n);
        if (!states) return corrupt(err);
        for (size_t i = 0; i < n; i++)
            if (states[i] > FEAT_STATE_SKIPPED) return corrupt(err);
        memcpy(slot->state + first, states, n);
    }
    if (slot->class == FEAT_CLASS_T) return decode_texts(in, (feat_text *)slot->values + first, n, arena, err);
    if (slot->class == FEAT_CLASS_W || slot->class == FEAT_CLASS_V) {
        const uint8_t *wide = feat_cursor_bytes(in, 16 * n);
        feat_cursor values;
        if (!wide) return corrupt(err);
        feat_cursor_init(&values, wide, 16 * n);
        for (size_t i = first; i < first + n; i++) {
            if (slot->class == FEAT_CLASS_W) ((feat_int128 *)slot->values)[i] = get_wide(&values);
            else ((feat_interval *)slot->values)[i] = get_interval(&values);
        }
        return FEAT_OK;
    }
    if (slot->class != FEAT_CLASS_B) return decode_words(in, slot->values, first, n, err);
    const uint8_t *bytes = feat_cursor_bytes(in, n);
    if (!bytes) return corrupt(err);
    for (size_t i = 0; i < n; i++) ((uint8_t *)slot->values)[first + i] = bytes[i] != 0;
    return FEAT_OK;
}

static feat_status decode_tie(feat_cursor *in, feat_column *tie, size_t n, feat_error *err) {
    for (size_t i = 0; i < n; i++) {
        int failed;
        uint8_t null = feat_cursor_byte(in);
        if (null) {
            failed = feat_column_append_null(tie);
        } else if (tie_class(tie) == FEAT_CLASS_W) {
            feat_int128 v = get_wide(in);
            if (tie->type == FEAT_TYPE_UBIGINT ? v < 0 || v > UINT64_MAX
                                               : !feat_decimal_fits(v, FEAT_TYPE_PRECISION(tie->type)))
                return corrupt(err);
            failed = feat_column_append_wide(tie, v);
        } else if (tie_class(tie) == FEAT_CLASS_V) {
            failed = feat_column_append_interval(tie, get_interval(in));
        } else if (tie_class(tie) == FEAT_CLASS_T) {
            size_t length = feat_cursor_u32(in);
            const char *bytes = feat_cursor_bytes(in, length);
            if (!bytes) return corrupt(err);
            failed = feat_column_append_text(tie, bytes, length);
        } else if (tie_class(tie) == FEAT_CLASS_F) {
            uint64_t bits = feat_cursor_u64(in);
            double v;
            memcpy(&v, &bits, sizeof v);
            failed = feat_column_append_double(tie, v);
        } else {
            int64_t v = (int64_t)feat_cursor_u64(in);
            if (!feat_int_fits(tie->type, v)) return corrupt(err);
            failed = feat_column_append_int(tie, v);
        }
        if (failed) return feat_fail_memory(err);
    }
    return in->failed ? corrupt(err) : FEAT_OK;
}

feat_status feat_chunk_decode(feat_cursor *in, feat_events *out, feat_error *err) {
    size_t n = feat_cursor_u32(in), first = out->n;
    if (in->failed || n > (size_t)(in->end - in->at) / 8) return corrupt(err); /* a time each, at least */
    FEAT_TRY(feat_events_reserve(out, n, err));
    FEAT_TRY(decode_words(in, out->time, first, n, err));
    for (size_t s = 0; s < out->n_slots; s++) FEAT_TRY(decode_slot(in, &out->slots[s], first, n, &out->text, err));
    for (size_t k = 0; k < out->n_ties; k++) FEAT_TRY(decode_tie(in, &out->ties[k], n, err));
    for (size_t i = first; i < first + n; i++)
        if (i > 0 && i > first && out->time[i - 1] > out->time[i]) return corrupt(err);
    if (in->at != in->end) return corrupt(err);
    out->n = first + n;
    return FEAT_OK;
}
