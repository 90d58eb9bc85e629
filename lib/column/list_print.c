#include "column/list_print.h"

#include <string.h>
#include <strings.h>

#include "base/little.h"
#include "column/list.h"
#include "text/print.h"

/* What an element needs at most, without its quotes; 0 where that depends on its bytes. */
static size_t most_of(feat_type type) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_BOOLEAN: return 5;
    case FEAT_TYPE_DOUBLE:
    case FEAT_TYPE_REAL: return 26;
    case FEAT_TYPE_UBIGINT:
    case FEAT_TYPE_DECIMAL: return 42;
    case FEAT_TYPE_DATE: return 24;
    case FEAT_TYPE_TIMESTAMP: return 48;
    case FEAT_TYPE_INTERVAL: return FEAT_PRINT_SIZE;
    case FEAT_TYPE_TEXT:
    case FEAT_TYPE_BLOB: return 0;
    default: return 20;
    }
}

static size_t print_fixed(feat_type type, const feat_element *e, char *to) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_BOOLEAN: memcpy(to, e->b ? "true" : "false", e->b ? 4 : 5); return e->b ? 4 : 5;
    case FEAT_TYPE_DOUBLE: return feat_print_double(e->f, to);
    case FEAT_TYPE_REAL: return feat_print_real((float)e->f, to);
    case FEAT_TYPE_UBIGINT: return feat_print_decimal(e->w, 20, 0, to);
    case FEAT_TYPE_DECIMAL: return feat_print_decimal(e->w, FEAT_TYPE_PRECISION(type), FEAT_TYPE_SCALE(type), to);
    case FEAT_TYPE_DATE: return feat_print_date(e->i, to);
    case FEAT_TYPE_TIMESTAMP: return feat_print_timestamp(e->i, to);
    case FEAT_TYPE_INTERVAL: return feat_print_interval(e->p.months, e->p.days, e->p.us, to);
    default: return feat_print_integer(e->i, to);
    }
}

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static bool is_hidden(char c) { return (unsigned char)c < ' ' || (unsigned char)c >= 0x7f; }

static bool needs_quotes(feat_text t, bool bytes) {
    if (t.length == 0 || is_blank(t.data[0]) || is_blank(t.data[t.length - 1])) return true;
    if (t.length == 4 && strncasecmp(t.data, "null", 4) == 0) return true;
    for (size_t i = 0; i < t.length; i++)
        if ((t.data[i] && strchr("\"'(),:=[\\]{}", t.data[i])) || (bytes && is_hidden(t.data[i]))) return true;
    return false;
}

/* A byte of a BLOB as the text that it has alone, behind one more backslash. */
static char *put_byte(char *at, unsigned char c) {
    static const char hex[] = "0123456789ABCDEF";
    memcpy(at, "\\\\x", 3);
    at[3] = hex[c >> 4];
    at[4] = hex[c & 15];
    return at + 5;
}

static char *put_text(char *at, feat_text t, bool bytes) {
    if (!needs_quotes(t, bytes)) {
        memcpy(at, t.data, t.length);
        return at + t.length;
    }
    *at++ = '\'';
    for (size_t i = 0; i < t.length; i++) {
        char c = t.data[i];
        bool marked = c == '\'' || c == '\\';
        if (bytes && (marked || c == '"' || is_hidden(c))) {
            at = put_byte(at, (unsigned char)c);
            continue;
        }
        if (marked) *at++ = '\\';
        *at++ = c;
    }
    *at++ = '\'';
    return at;
}

/* Elements in their order; those of no fixed width have to be counted through. */
typedef struct reader {
    const feat_nested_layout *list;
    size_t at; /* bytes of texts before the next */
} reader;

static uint32_t length_at(const feat_nested_part *p, size_t i) {
    uint32_t length;
    feat_little_copy(&length, p->lengths + 4 * i, sizeof length, 1);
    return length;
}

static char *put_element(reader *r, size_t i, char *at) {
    const feat_nested_part *p = &r->list->elements;
    const feat_type type = p->type;
    feat_element e;
    if (p->width == 0) {
        size_t length = length_at(p, i);
        feat_text t = {(const char *)p->values + r->at, length};
        r->at += length;
        bool present = !r->list->present || (r->list->present[i / 8] >> i % 8 & 1);
        if (present) return put_text(at, t, FEAT_TYPE_BASE(type) == FEAT_TYPE_BLOB);
    } else if (feat_list_get(r->list, i, &e)) {
        char text[FEAT_PRINT_SIZE];
        switch (FEAT_TYPE_BASE(type)) { /* whose text can need quotes */
        case FEAT_TYPE_DATE:
        case FEAT_TYPE_TIMESTAMP:
        case FEAT_TYPE_INTERVAL: return put_text(at, (feat_text){text, print_fixed(type, &e, text)}, false);
        default: break;
        }
        size_t length = print_fixed(type, &e, text);
        memcpy(at, text, length);
        return at + length;
    }
    memcpy(at, "NULL", 4);
    return at + 4;
}

/* Room for all elements with quotes and what stands between them. A text's byte takes two, a BLOB's five. */
static size_t room_for(const feat_nested_part *p, size_t n) {
    size_t most = most_of(p->type), each = (most < 4 ? 4 : most) + 4;
    return n * each + (p->width ? 0 : p->size * (FEAT_TYPE_BASE(p->type) == FEAT_TYPE_BLOB ? 5 : 2));
}

bool feat_nested_print(feat_scratch *scratch, feat_type type, feat_text bytes, feat_text *out) {
    feat_nested_layout list, keys;
    const bool map = FEAT_TYPE_BASE(type) == FEAT_TYPE_MAP;
    bool nested = map || FEAT_TYPE_BASE(type) == FEAT_TYPE_LIST || FEAT_TYPE_BASE(type) == FEAT_TYPE_VECTOR;
    if (!nested || !feat_type_valid(type) || !feat_nested_read_layout(type, bytes.data, bytes.length, &list))
        return false;
    size_t size = 2 + room_for(&list.elements, list.n);
    keys = list;
    if (map) {
        keys.elements = list.keys;
        keys.present = NULL;
        size += room_for(&keys.elements, keys.n);
    }
    *out = (feat_text){"", 0};
    char *to = feat_scratch_take(scratch, size), *at = to;
    if (!to) return true;
    reader values = {&list, 0}, names = {&keys, 0};
    *at++ = map ? '{' : '[';
    for (size_t i = 0; i < list.n; i++) {
        if (i > 0) {
            *at++ = ',';
            *at++ = ' ';
        }
        if (map) {
            at = put_element(&names, i, at);
            *at++ = '=';
        }
        at = put_element(&values, i, at);
    }
    *at++ = map ? '}' : ']';
    *out = (feat_text){to, (size_t)(at - to)};
    feat_scratch_trim(scratch, to, out->length);
    return true;
}
