/* A growing byte string. Appends after a failed allocation do nothing; the caller checks `failed` once at the end. */
#ifndef FEAT_LIB_BUFFER_H
#define FEAT_LIB_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct feat_buffer {
    unsigned char *data;
    size_t size, capacity;
    bool failed;
} feat_buffer;

void feat_buffer_init(feat_buffer *b);
void feat_buffer_done(feat_buffer *b);
void feat_buffer_clear(feat_buffer *b);
void feat_buffer_append(feat_buffer *b, const void *bytes, size_t size);
/* Room for `size` more bytes, counted as written; NULL when memory is out. Valid until the next append. */
void *feat_buffer_extend(feat_buffer *b, size_t size);
void feat_buffer_byte(feat_buffer *b, uint8_t value);
/* Little-endian. */
void feat_buffer_u32(feat_buffer *b, uint32_t value);
void feat_buffer_u64(feat_buffer *b, uint64_t value);
/* Big-endian, so that byte order is number order. */
void feat_buffer_be64(feat_buffer *b, uint64_t value);
void feat_buffer_text(feat_buffer *b, const char *text);
void feat_buffer_printf(feat_buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Hands over the bytes with a NUL behind (freed with feat_free), or NULL if anything failed. The buffer is empty after.
 */
char *feat_buffer_take_text(feat_buffer *b);

/* Reading: a cursor over untrusted bytes. A read past the end sets `failed` and yields zeros. */
typedef struct feat_cursor {
    const unsigned char *at, *end;
    bool failed;
} feat_cursor;

void feat_cursor_init(feat_cursor *c, const void *bytes, size_t size);
const void *feat_cursor_bytes(feat_cursor *c, size_t size);
uint8_t feat_cursor_byte(feat_cursor *c);
uint32_t feat_cursor_u32(feat_cursor *c);
uint64_t feat_cursor_u64(feat_cursor *c);
uint64_t feat_cursor_be64(feat_cursor *c);

#endif
