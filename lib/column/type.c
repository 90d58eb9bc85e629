/* Types as SQL writes them, and back; which numbers are types. */
#include <stdio.h>
#include <string.h>

#include "column/schema.h"

static const struct {
    feat_type type;
    const char *name;
    size_t bytes;
} types[] = {
#define FEAT_TYPE(name, number, sql, bytes, arrow) {FEAT_TYPE_##name, sql, bytes},
#include "feat/type.def"
#undef FEAT_TYPE
};

enum {
    N_TYPES = sizeof types / sizeof *types,
    DECIMAL_PRECISION = 18,
    DECIMAL_SCALE = 3 /* of one that does not say */
};

const char *feat_type_name(feat_type type) {
    for (size_t i = 0; i < N_TYPES; i++)
        if (types[i].type == (feat_type)FEAT_TYPE_BASE(type)) return types[i].name;
    return "UNKNOWN";
}

size_t feat_type_size(feat_type type) {
    for (size_t i = 0; i < N_TYPES; i++)
        if (types[i].type == (feat_type)FEAT_TYPE_BASE(type)) return types[i].bytes;
    return 0;
}

/* ---- Validity. ---- */

static bool is_base(int number) { return number >= FEAT_TYPE_BOOLEAN && number < FEAT_TYPE_LAST; }

static bool is_nested(int base) { return base == FEAT_TYPE_VECTOR || base == FEAT_TYPE_LIST || base == FEAT_TYPE_MAP; }

bool feat_type_is_integer(feat_type type) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_TINYINT:
    case FEAT_TYPE_SMALLINT:
    case FEAT_TYPE_INTEGER:
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_UTINYINT:
    case FEAT_TYPE_USMALLINT:
    case FEAT_TYPE_UINTEGER:
    case FEAT_TYPE_UBIGINT: return true;
    default: return false;
    }
}

bool feat_type_has_order(feat_type type) {
    int base = FEAT_TYPE_BASE(type);
    return base != 0 && base != FEAT_TYPE_VECTOR && base != FEAT_TYPE_LIST && base != FEAT_TYPE_MAP;
}

bool feat_type_is_number(feat_type type) {
    int base = FEAT_TYPE_BASE(type);
    return feat_type_is_integer(type) || base == FEAT_TYPE_REAL || base == FEAT_TYPE_DOUBLE ||
           base == FEAT_TYPE_DECIMAL;
}

bool feat_type_valid(feat_type type) {
    int base = FEAT_TYPE_BASE(type), element = FEAT_TYPE_ELEMENT(type), key = FEAT_TYPE_MAP_KEY(type),
        precision = FEAT_TYPE_PRECISION(type), scale = FEAT_TYPE_SCALE(type);
    uint32_t dimensions = FEAT_TYPE_DIMENSIONS(type);
    if (!is_base(base)) return false;
    if (base != FEAT_TYPE_DECIMAL && !is_nested(base)) return type == (feat_type)base;
    bool decimal = base == FEAT_TYPE_DECIMAL || element == FEAT_TYPE_DECIMAL;
    if (decimal ? precision < 1 || precision > 38 || scale > precision : precision || scale) return false;
    if (base == FEAT_TYPE_DECIMAL) return element == 0 && key == 0 && dimensions == 0;
    if (!is_base(element) || is_nested(element) || (base == FEAT_TYPE_VECTOR) != (dimensions > 0)) return false;
    if (base != FEAT_TYPE_MAP) return key == 0;
    return (key == FEAT_TYPE_TEXT || feat_type_is_integer((feat_type)key)) && feat_type_is_number((feat_type)element);
}

bool feat_type_keys(feat_type type) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_DOUBLE:
    case FEAT_TYPE_REAL:
    case FEAT_TYPE_INTERVAL:
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP: return false;
    default: return true;
    }
}

/* ---- Names. ---- */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

int feat_name_compare(const char *a, const char *b) {
    for (; *a && lower(*a) == lower(*b); a++, b++) {
    }
    return (unsigned char)lower(*a) - (unsigned char)lower(*b);
}

static bool flat_name(const char *name, feat_type *type) {
    static const struct {
        const char *name;
        feat_type type;
    } synonyms[] = {
        {"BOOL", FEAT_TYPE_BOOLEAN},
        {"LOGICAL", FEAT_TYPE_BOOLEAN},
        {"INT1", FEAT_TYPE_TINYINT},
        {"INT2", FEAT_TYPE_SMALLINT},
        {"INT16", FEAT_TYPE_SMALLINT},
        {"SHORT", FEAT_TYPE_SMALLINT},
        {"INT", FEAT_TYPE_INTEGER},
        {"INT4", FEAT_TYPE_INTEGER},
        {"INT32", FEAT_TYPE_INTEGER},
        {"SIGNED", FEAT_TYPE_INTEGER},
        {"INT8", FEAT_TYPE_BIGINT},
        {"INT64", FEAT_TYPE_BIGINT},
        {"LONG", FEAT_TYPE_BIGINT},
        {"UINT8", FEAT_TYPE_UTINYINT},
        {"UINT16", FEAT_TYPE_USMALLINT},
        {"UINT32", FEAT_TYPE_UINTEGER},
        {"UINT64", FEAT_TYPE_UBIGINT},
        {"FLOAT", FEAT_TYPE_REAL},
        {"FLOAT4", FEAT_TYPE_REAL},
        {"FLOAT32", FEAT_TYPE_REAL},
        {"FLOAT8", FEAT_TYPE_DOUBLE},
        {"FLOAT64", FEAT_TYPE_DOUBLE},
        {"DOUBLE PRECISION", FEAT_TYPE_DOUBLE},
        {"VARCHAR", FEAT_TYPE_TEXT},
        {"STRING", FEAT_TYPE_TEXT},
        {"CHAR", FEAT_TYPE_TEXT},
        {"BPCHAR", FEAT_TYPE_TEXT},
        {"CHARACTER VARYING", FEAT_TYPE_TEXT},
        {"BYTEA", FEAT_TYPE_BLOB},
        {"BINARY", FEAT_TYPE_BLOB},
        {"VARBINARY", FEAT_TYPE_BLOB},
        {"BYTES", FEAT_TYPE_BLOB},
        {"TIMESTAMPTZ", FEAT_TYPE_TIMESTAMP},
        {"DATETIME", FEAT_TYPE_TIMESTAMP},
        {"TIMESTAMP WITH TIME ZONE", FEAT_TYPE_TIMESTAMP},
        {"TIMESTAMP WITHOUT TIME ZONE", FEAT_TYPE_TIMESTAMP},
        {"NUMERIC", FEAT_TYPE_DECIMAL},
        {"DEC", FEAT_TYPE_DECIMAL},
    };
    for (size_t i = 0; i < N_TYPES; i++) {
        if (feat_name_compare(name, types[i].name) != 0 || is_nested((int)types[i].type)) continue;
        *type = types[i].type;
        return true;
    }
    for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++) {
        if (feat_name_compare(name, synonyms[i].name) != 0) continue;
        *type = synonyms[i].type;
        return true;
    }
    return false;
}

/* Digits at *at; false when there are none or too many. */
static bool read_number(const char **at, uint32_t *number) {
    uint32_t value = 0;
    const char *p = *at;
    for (; *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (uint32_t)(*p - '0');
        if (value > 0xffffff) return false;
    }
    if (p == *at) return false;
    *at = p;
    *number = value;
    return true;
}

static void skip_spaces(const char **at) {
    while (**at == ' ') (*at)++;
}

static bool read_char(const char **at, char c) {
    skip_spaces(at);
    if (**at != c) return false;
    (*at)++;
    return true;
}

/* A name with its parameters, up to '[', ',' or ')'. */
static bool read_flat(const char **at, feat_type *type) {
    char name[40];
    size_t n = 0;
    skip_spaces(at);
    for (; **at && !strchr("([,)", **at); (*at)++) {
        if (n + 1 == sizeof name) return false;
        name[n++] = **at;
    }
    while (n > 0 && name[n - 1] == ' ') n--;
    name[n] = 0;
    if (!flat_name(name, type)) return false;
    uint32_t precision = DECIMAL_PRECISION, scale = DECIMAL_SCALE, length;
    bool decimal = *type == FEAT_TYPE_DECIMAL;
    if (read_char(at, '(')) {
        if (!decimal && *type != FEAT_TYPE_TEXT)
            return false; /* VARCHAR(n) says nothing that is checked, as in DuckDB */
        skip_spaces(at);
        if (!read_number(at, decimal ? &precision : &length)) return false;
        scale = 0;
        if (decimal && read_char(at, ',')) {
            skip_spaces(at);
            if (!read_number(at, &scale)) return false;
        }
        if (!read_char(at, ')')) return false;
    }
    if (!decimal) return true;
    if (precision < 1 || precision > 38 || scale > precision) return false;
    *type = FEAT_TYPE_DECIMAL_OF(precision, scale);
    return true;
}

bool feat_type_from_sql(const char *text, feat_type *type) {
    const char *at = text;
    feat_type read, key;
    skip_spaces(&at);
    bool map = lower(at[0]) == 'm' && lower(at[1]) == 'a' && lower(at[2]) == 'p';
    if (map) {
        at += 3;
        if (!read_char(&at, '(') || !read_flat(&at, &key) || !read_char(&at, ',') || !read_flat(&at, &read) ||
            !read_char(&at, ')'))
            return false;
        read = FEAT_TYPE_MAP_OF(key, read);
    } else {
        if (!read_flat(&at, &read)) return false;
        if (read_char(&at, '[')) {
            uint32_t n = 0;
            skip_spaces(&at);
            bool vector = read_number(&at, &n);
            if (!read_char(&at, ']') || (vector && n == 0)) return false;
            read = vector ? FEAT_TYPE_VECTOR_OF(read, n) : FEAT_TYPE_LIST_OF(read);
        }
    }
    skip_spaces(&at);
    if (*at || !feat_type_valid(read)) return false;
    *type = read;
    return true;
}

const char *feat_type_format(feat_type type, char out[FEAT_TYPE_TEXT_SIZE]) {
    int base = FEAT_TYPE_BASE(type), element = FEAT_TYPE_ELEMENT(type);
    char digits[16] = "";
    if (base == FEAT_TYPE_DECIMAL || element == FEAT_TYPE_DECIMAL)
        snprintf(digits, sizeof digits, "(%d,%d)", FEAT_TYPE_PRECISION(type), FEAT_TYPE_SCALE(type));
    const char *name = feat_type_name((feat_type)element);
    switch (base) {
    case FEAT_TYPE_VECTOR:
        snprintf(out, FEAT_TYPE_TEXT_SIZE, "%s%s[%u]", name, digits, (unsigned)FEAT_TYPE_DIMENSIONS(type));
        break;
    case FEAT_TYPE_LIST: snprintf(out, FEAT_TYPE_TEXT_SIZE, "%s%s[]", name, digits); break;
    case FEAT_TYPE_MAP:
        snprintf(out, FEAT_TYPE_TEXT_SIZE, "MAP(%s, %s%s)", feat_type_name((feat_type)FEAT_TYPE_MAP_KEY(type)), name,
                 digits);
        break;
    default: snprintf(out, FEAT_TYPE_TEXT_SIZE, "%s%s", type == 0 ? "NULL" : feat_type_name(type), digits);
    }
    return out;
}
