#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

void feat_buffer_init(feat_buffer *b) { *b = (feat_buffer){0}; }

void feat_buffer_done(feat_buffer *b) {
    feat_free(b->data);
    feat_buffer_init(b);
}

void feat_buffer_clear(feat_buffer *b) {
    b->size = 0;
    b->failed = false;
}

void *feat_buffer_extend(feat_buffer *b, size_t size) {
    if (b->failed || size > SIZE_MAX - b->size || FEAT_GROW(b->data, b->capacity, b->size + size) != 0) {
        b->failed = true;
        return NULL;
    }
    void *p = b->data + b->size;
    b->size += size;
    return p;
}

void feat_buffer_append(feat_buffer *b, const void *bytes, size_t size) {
    if (size == 0) return;
    void *p = feat_buffer_extend(b, size);
    if (p) memcpy(p, bytes, size);
}

void feat_buffer_byte(feat_buffer *b, uint8_t value) { feat_buffer_append(b, &value, 1); }

void feat_buffer_u32(feat_buffer *b, uint32_t value) {
    uint8_t bytes[4];
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(value >> (8 * i));
    feat_buffer_append(b, bytes, 4);
}

void feat_buffer_u64(feat_buffer *b, uint64_t value) {
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> (8 * i));
    feat_buffer_append(b, bytes, 8);
}

void feat_buffer_be64(feat_buffer *b, uint64_t value) {
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> (56 - 8 * i));
    feat_buffer_append(b, bytes, 8);
}

void feat_buffer_text(feat_buffer *b, const char *text) { feat_buffer_append(b, text, strlen(text)); }

void feat_buffer_printf(feat_buffer *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        b->failed = true;
        return;
    }
    char *p = feat_buffer_extend(b, (size_t)n + 1);
    if (!p) return;
    va_start(args, format);
    vsnprintf(p, (size_t)n + 1, format, args);
    va_end(args);
    b->size--; /* the NUL is not part of the text */
}

char *feat_buffer_take_text(feat_buffer *b) {
    feat_buffer_byte(b, 0);
    char *text = b->failed ? NULL : (char *)b->data;
    if (!text) feat_free(b->data);
    feat_buffer_init(b);
    return text;
}

void feat_cursor_init(feat_cursor *c, const void *bytes, size_t size) {
    c->at = bytes;
    c->end = c->at + size;
    c->failed = false;
}

const void *feat_cursor_bytes(feat_cursor *c, size_t size) {
    if (c->failed || (size_t)(c->end - c->at) < size) {
        c->failed = true;
        return NULL;
    }
    const void *p = c->at;
    c->at += size;
    return p;
}

uint8_t feat_cursor_byte(feat_cursor *c) {
    const uint8_t *p = feat_cursor_bytes(c, 1);
    return p ? *p : 0;
}

uint32_t feat_cursor_u32(feat_cursor *c) {
    const uint8_t *p = feat_cursor_bytes(c, 4);
    uint32_t v = 0;
    for (int i = 0; p && i < 4; i++) v |= (uint32_t)p[i] << (8 * i);
    return v;
}

uint64_t feat_cursor_u64(feat_cursor *c) {
    const uint8_t *p = feat_cursor_bytes(c, 8);
    uint64_t v = 0;
    for (int i = 0; p && i < 8; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint64_t feat_cursor_be64(feat_cursor *c) {
    const uint8_t *p = feat_cursor_bytes(c, 8);
    uint64_t v = 0;
    for (int i = 0; p && i < 8; i++) v = v << 8 | p[i];
    return v;
}
