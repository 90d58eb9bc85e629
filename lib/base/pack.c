#include "base/pack.h"

#include <msgpack/pack.h>
#include <string.h>

static int append(void *data, const char *bytes, size_t size) {
    feat_buffer *out = data;
    feat_buffer_append(out, bytes, size);
    return out->failed ? -1 : 0;
}

static msgpack_packer packer(feat_buffer *out) { return (msgpack_packer){.data = out, .callback = append}; }

void feat_pack_map(feat_buffer *out, uint32_t pairs) {
    msgpack_packer p = packer(out);
    msgpack_pack_map(&p, pairs);
}

void feat_pack_array(feat_buffer *out, uint32_t items) {
    msgpack_packer p = packer(out);
    msgpack_pack_array(&p, items);
}

void feat_pack_int(feat_buffer *out, int64_t value) {
    msgpack_packer p = packer(out);
    msgpack_pack_int64(&p, value);
}

void feat_pack_uint(feat_buffer *out, uint64_t value) {
    msgpack_packer p = packer(out);
    msgpack_pack_uint64(&p, value);
}

void feat_pack_double(feat_buffer *out, double value) {
    msgpack_packer p = packer(out);
    msgpack_pack_double(&p, value);
}

void feat_pack_bool(feat_buffer *out, bool value) {
    msgpack_packer p = packer(out);
    if (value) msgpack_pack_true(&p);
    else msgpack_pack_false(&p);
}

void feat_pack_nil(feat_buffer *out) {
    msgpack_packer p = packer(out);
    msgpack_pack_nil(&p);
}

void feat_pack_textn(feat_buffer *out, const char *text, size_t length) {
    msgpack_packer p = packer(out);
    msgpack_pack_str(&p, length);
    msgpack_pack_str_body(&p, text, length);
}

void feat_pack_text(feat_buffer *out, const char *text) { feat_pack_textn(out, text, strlen(text)); }

void feat_pack_bytes(feat_buffer *out, const void *bytes, size_t size) {
    msgpack_packer p = packer(out);
    msgpack_pack_bin(&p, size);
    msgpack_pack_bin_body(&p, bytes, size);
}

void feat_pack_digest(feat_buffer *out, const feat_digest *d) { feat_pack_bytes(out, d->bytes, sizeof d->bytes); }

/* msgpack-c's unpacker builds an object tree and allocates by the lengths that it reads; records here are flat and in a
 * fixed order, so they are read straight from the bytes. */
static uint64_t big_endian(feat_cursor *c, int bytes) {
    const uint8_t *p = feat_cursor_bytes(c, (size_t)bytes);
    uint64_t v = 0;
    for (int i = 0; p && i < bytes; i++) v = v << 8 | p[i];
    return v;
}

static uint64_t wrong(feat_cursor *c) {
    c->failed = true;
    return 0;
}

/* Every item of a container takes at least one byte, so a count above the bytes that remain is a lie. */
static uint32_t count(feat_cursor *c, uint64_t n, unsigned bytes_each) {
    if (c->failed || n > (uint64_t)(c->end - c->at) / bytes_each) return (uint32_t)wrong(c);
    return (uint32_t)n;
}

uint32_t feat_unpack_map(feat_cursor *c) {
    uint8_t tag = feat_cursor_byte(c);
    if ((tag & 0xf0) == 0x80) return count(c, tag & 15, 2);
    if (tag == 0xde) return count(c, big_endian(c, 2), 2);
    if (tag == 0xdf) return count(c, big_endian(c, 4), 2);
    return (uint32_t)wrong(c);
}

uint32_t feat_unpack_array(feat_cursor *c) {
    uint8_t tag = feat_cursor_byte(c);
    if ((tag & 0xf0) == 0x90) return count(c, tag & 15, 1);
    if (tag == 0xdc) return count(c, big_endian(c, 2), 1);
    if (tag == 0xdd) return count(c, big_endian(c, 4), 1);
    return (uint32_t)wrong(c);
}

int64_t feat_unpack_int(feat_cursor *c) {
    uint8_t tag = feat_cursor_byte(c);
    if (tag <= 0x7f) return tag;
    if (tag >= 0xe0) return (int8_t)tag;
    switch (tag) {
    case 0xcc: return (int64_t)big_endian(c, 1);
    case 0xcd: return (int64_t)big_endian(c, 2);
    case 0xce: return (int64_t)big_endian(c, 4);
    case 0xcf: {
        uint64_t v = big_endian(c, 8);
        return v > INT64_MAX ? (int64_t)wrong(c) : (int64_t)v;
    }
    case 0xd0: return (int8_t)big_endian(c, 1);
    case 0xd1: return (int16_t)big_endian(c, 2);
    case 0xd2: return (int32_t)big_endian(c, 4);
    case 0xd3: return (int64_t)big_endian(c, 8);
    default: return (int64_t)wrong(c);
    }
}

uint64_t feat_unpack_uint(feat_cursor *c) {
    if (c->at < c->end && *c->at == 0xcf) {
        c->at++;
        return big_endian(c, 8);
    }
    int64_t v = feat_unpack_int(c);
    return v < 0 ? wrong(c) : (uint64_t)v;
}

double feat_unpack_double(feat_cursor *c) {
    if (feat_cursor_byte(c) != 0xcb) return (double)wrong(c);
    uint64_t bits = big_endian(c, 8);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

bool feat_unpack_bool(feat_cursor *c) {
    uint8_t tag = feat_cursor_byte(c);
    if (tag != 0xc2 && tag != 0xc3) wrong(c);
    return tag == 0xc3;
}

bool feat_unpack_nil(feat_cursor *c) {
    if (c->failed || c->at == c->end || *c->at != 0xc0) return false;
    c->at++;
    return true;
}

const char *feat_unpack_text(feat_cursor *c, size_t *length) {
    uint8_t tag = feat_cursor_byte(c);
    size_t n = (tag & 0xe0) == 0xa0 ? (size_t)(tag & 31)
               : tag == 0xd9        ? (size_t)big_endian(c, 1)
               : tag == 0xda        ? (size_t)big_endian(c, 2)
               : tag == 0xdb        ? (size_t)big_endian(c, 4)
                                    : (size_t)wrong(c);
    const char *p = feat_cursor_bytes(c, n);
    *length = p ? n : 0;
    return p ? p : "";
}

const void *feat_unpack_bytes(feat_cursor *c, size_t *size) {
    uint8_t tag = feat_cursor_byte(c);
    size_t n = tag == 0xc4   ? (size_t)big_endian(c, 1)
               : tag == 0xc5 ? (size_t)big_endian(c, 2)
               : tag == 0xc6 ? (size_t)big_endian(c, 4)
                             : (size_t)wrong(c);
    const void *p = feat_cursor_bytes(c, n);
    *size = p ? n : 0;
    return p ? p : "";
}

feat_digest feat_unpack_digest(feat_cursor *c) {
    feat_digest d = {{0}};
    size_t n;
    const void *p = feat_unpack_bytes(c, &n);
    if (n == sizeof d.bytes) memcpy(d.bytes, p, n);
    else wrong(c);
    return d;
}
