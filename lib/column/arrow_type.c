#include "column/arrow_type.h"

#include <stdio.h>
#include <string.h>

#include "column/nested.h"
#include "column/utf8.h"

static const struct {
    const char *format;
    feat_arrow_kind kind;
    const char *name;
} whole[] = {
    {"n", FEAT_ARROW_NULL, "null"},
    {"b", FEAT_ARROW_BOOL, "bool"},
    {"c", FEAT_ARROW_INT8, "int8"},
    {"C", FEAT_ARROW_UINT8, "uint8"},
    {"s", FEAT_ARROW_INT16, "int16"},
    {"S", FEAT_ARROW_UINT16, "uint16"},
    {"i", FEAT_ARROW_INT32, "int32"},
    {"I", FEAT_ARROW_UINT32, "uint32"},
    {"l", FEAT_ARROW_INT64, "int64"},
    {"L", FEAT_ARROW_UINT64, "uint64"},
    {"e", FEAT_ARROW_FLOAT16, "float16"},
    {"f", FEAT_ARROW_FLOAT32, "float32"},
    {"g", FEAT_ARROW_FLOAT64, "float64"},
    {"u", FEAT_ARROW_UTF8, "utf8"},
    {"U", FEAT_ARROW_LARGE_UTF8, "large_utf8"},
    {"vu", FEAT_ARROW_UTF8_VIEW, "utf8_view"},
    {"tdD", FEAT_ARROW_DATE32, "date32"},
    {"tdm", FEAT_ARROW_DATE64, "date64"},
    {"z", FEAT_ARROW_BINARY, "binary"},
    {"Z", FEAT_ARROW_LARGE_BINARY, "large_binary"},
    {"vz", FEAT_ARROW_BINARY_VIEW, "binary_view"},
    {"tts", FEAT_ARROW_OTHER, "time32[s]"},
    {"ttm", FEAT_ARROW_OTHER, "time32[ms]"},
    {"ttu", FEAT_ARROW_OTHER, "time64[us]"},
    {"ttn", FEAT_ARROW_OTHER, "time64[ns]"},
    {"tDs", FEAT_ARROW_DURATION_S, "duration[s]"},
    {"tDm", FEAT_ARROW_DURATION_MS, "duration[ms]"},
    {"tDu", FEAT_ARROW_DURATION_US, "duration[us]"},
    {"tDn", FEAT_ARROW_DURATION_NS, "duration[ns]"},
    {"tiM", FEAT_ARROW_MONTHS, "interval in months"},
    {"tiD", FEAT_ARROW_DAY_TIME, "interval in days"},
    {"tin", FEAT_ARROW_MONTH_DAY_NANO, "interval in months, days and nanoseconds"},
    {"+l", FEAT_ARROW_LIST, "list"},
    {"+L", FEAT_ARROW_LARGE_LIST, "large_list"},
    {"+vl", FEAT_ARROW_LIST_VIEW, "list_view"},
    {"+vL", FEAT_ARROW_LARGE_LIST_VIEW, "large_list_view"},
    {"+s", FEAT_ARROW_OTHER, "struct"},
    {"+m", FEAT_ARROW_MAP, "map"},
    {"+r", FEAT_ARROW_OTHER, "run_end_encoded"},
};

/* Formats that end in parameters. */
static const struct {
    const char *start;
    feat_arrow_kind kind;
    const char *name;
} open_ended[] = {
    {"tss:", FEAT_ARROW_SECONDS, "timestamp[s]"},
    {"tsm:", FEAT_ARROW_MILLISECONDS, "timestamp[ms]"},
    {"tsu:", FEAT_ARROW_MICROSECONDS, "timestamp[us]"},
    {"tsn:", FEAT_ARROW_NANOSECONDS, "timestamp[ns]"},
    {"d:", FEAT_ARROW_DECIMAL, "decimal"},
    {"w:", FEAT_ARROW_FIXED_BINARY, "fixed_size_binary"},
    {"+w:", FEAT_ARROW_FIXED_LIST, "fixed_size_list"},
    {"+ud:", FEAT_ARROW_OTHER, "dense_union"},
    {"+us:", FEAT_ARROW_OTHER, "sparse_union"},
};

static feat_arrow_kind look_up(const char *format, const char **name) {
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (format[0] == whole[i].format[0] && strcmp(format, whole[i].format) == 0) {
            *name = whole[i].name;
            return whole[i].kind;
        }
    for (size_t i = 0; i < sizeof open_ended / sizeof *open_ended; i++)
        if (strncmp(format, open_ended[i].start, strlen(open_ended[i].start)) == 0) {
            *name = open_ended[i].name;
            return open_ended[i].kind;
        }
    *name = "type that is unknown here";
    return FEAT_ARROW_OTHER;
}

feat_arrow_kind feat_arrow_kind_of(const char *format) {
    const char *name;
    return look_up(format, &name);
}

/* ---- Parameters of formats. ---- */

/* A number at *at, of at most nine digits; false when there is none. */
static bool read_number(const char **at, int *number) {
    int sign = **at == '-' ? -1 : 1, value = 0, digits = 0;
    const char *p = *at + (sign < 0);
    for (; *p >= '0' && *p <= '9'; p++, digits++) {
        if (digits == 9) return false;
        value = value * 10 + (*p - '0');
    }
    if (digits == 0) return false;
    *at = p;
    *number = sign * value;
    return true;
}

size_t feat_arrow_size_of(const char *format) {
    const char *at = strchr(format, ':');
    int number;
    if (!at) return 0;
    at++;
    return read_number(&at, &number) && *at == 0 && number > 0 ? (size_t)number : 0;
}

bool feat_arrow_decimal_of(const char *format, int *precision, int *scale, int *bits) {
    const char *at = format + 2;
    *bits = 128;
    if (strncmp(format, "d:", 2) != 0 || !read_number(&at, precision) || *at++ != ',' || !read_number(&at, scale))
        return false;
    if (*at == ',' && (at++, !read_number(&at, bits))) return false;
    return *at == 0 && *precision >= 1 && *precision <= 76 && *scale >= -76 && *scale <= 76 &&
           (*bits == 32 || *bits == 64 || *bits == 128 || *bits == 256);
}

/* ---- Types for columns. ---- */

static const struct ArrowSchema *element_of(const struct ArrowSchema *schema) {
    return schema->n_children == 1 ? schema->children[0] : NULL;
}

/* A map's one child is a struct of a key and a value. */
static bool map_parts(const struct ArrowSchema *schema, const struct ArrowSchema **key,
                      const struct ArrowSchema **value) {
    const struct ArrowSchema *entries = element_of(schema);
    if (!entries || entries->dictionary || strcmp(entries->format, "+s") != 0 || entries->n_children != 2) return false;
    *key = entries->children[0];
    *value = entries->children[1];
    return true;
}

/* One that holds all values of the Arrow type, if there is one of at most 38 digits. */
static bool natural_decimal(const char *format, feat_type *type) {
    int precision, scale, bits;
    if (!feat_arrow_decimal_of(format, &precision, &scale, &bits)) return false;
    if (scale < 0) {
        precision -= scale;
        scale = 0;
    }
    if (precision < scale) precision = scale; /* 0.00123 */
    if (scale > 38) return false;
    *type = FEAT_TYPE_DECIMAL_OF(precision > 38 ? 38 : precision, scale);
    return true;
}

static bool natural_nested(const struct ArrowSchema *schema, feat_arrow_kind kind, feat_type *type) {
    const struct ArrowSchema *key_schema, *value_schema;
    feat_type element, key;
    if (kind == FEAT_ARROW_MAP) {
        if (!map_parts(schema, &key_schema, &value_schema) || !feat_arrow_natural_type(key_schema, &key) ||
            !feat_arrow_natural_type(value_schema, &element))
            return false;
        *type = FEAT_TYPE_MAP_OF(key, element);
    } else {
        if (!element_of(schema) || !feat_arrow_natural_type(element_of(schema), &element)) return false;
        size_t n = kind == FEAT_ARROW_FIXED_LIST ? feat_arrow_size_of(schema->format) : 0;
        *type = n > 0 && n <= 0xffffff ? FEAT_TYPE_VECTOR_OF(element, n) : FEAT_TYPE_LIST_OF(element);
    }
    return feat_type_valid(*type) && feat_arrow_converts(schema, *type);
}

bool feat_arrow_natural_type(const struct ArrowSchema *schema, feat_type *type) {
    static const feat_type order[] = {FEAT_TYPE_BOOLEAN, FEAT_TYPE_BIGINT, FEAT_TYPE_DATE, FEAT_TYPE_TIMESTAMP,
                                      FEAT_TYPE_DOUBLE,  FEAT_TYPE_TEXT,   FEAT_TYPE_BLOB, FEAT_TYPE_INTERVAL};
    if (schema->dictionary) {
        feat_type values;
        if (schema->dictionary->dictionary || !feat_arrow_natural_type(schema->dictionary, &values) ||
            !feat_arrow_converts(schema, values))
            return false;
        *type = values;
        return true;
    }
    feat_arrow_kind kind = feat_arrow_kind_of(schema->format);
    if (kind == FEAT_ARROW_NULL) return false; /* any would do */
    if (kind == FEAT_ARROW_DECIMAL) return natural_decimal(schema->format, type);
    if (feat_arrow_kind_list(kind) || kind == FEAT_ARROW_MAP) return natural_nested(schema, kind, type);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (feat_arrow_converts(schema, order[i])) {
            *type = order[i];
            return true;
        }
    return false;
}

static bool converts_nested(const struct ArrowSchema *schema, feat_arrow_kind kind, feat_type type) {
    const struct ArrowSchema *key, *value;
    int base = FEAT_TYPE_BASE(type);
    if (base == FEAT_TYPE_MAP)
        return kind == FEAT_ARROW_MAP && map_parts(schema, &key, &value) &&
               feat_arrow_converts(key, feat_nested_key(type)) && feat_arrow_converts(value, feat_nested_element(type));
    if (!feat_arrow_kind_list(kind) || !element_of(schema)) return false;
    if (kind == FEAT_ARROW_FIXED_LIST && base == FEAT_TYPE_VECTOR &&
        feat_arrow_size_of(schema->format) != FEAT_TYPE_DIMENSIONS(type))
        return false;
    return feat_arrow_converts(element_of(schema), feat_nested_element(type));
}

bool feat_arrow_converts(const struct ArrowSchema *schema, feat_type type) {
    feat_arrow_kind kind = feat_arrow_kind_of(schema->format);
    int precision, scale, bits;
    if (schema->dictionary)
        return feat_arrow_kind_integer(kind) && !schema->dictionary->dictionary &&
               feat_arrow_converts(schema->dictionary, type);
    if (kind == FEAT_ARROW_NULL) return true;
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_BOOLEAN: return kind == FEAT_ARROW_BOOL;
    case FEAT_TYPE_TINYINT:
    case FEAT_TYPE_SMALLINT:
    case FEAT_TYPE_INTEGER:
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_UTINYINT:
    case FEAT_TYPE_USMALLINT:
    case FEAT_TYPE_UINTEGER:
    case FEAT_TYPE_UBIGINT: return feat_arrow_kind_integer(kind); /* one out of range is an error of its row */
    case FEAT_TYPE_REAL:
    case FEAT_TYPE_DOUBLE: /* and so is one that would lose digits */
        return feat_arrow_kind_integer(kind) || (kind >= FEAT_ARROW_FLOAT16 && kind <= FEAT_ARROW_FLOAT64);
    case FEAT_TYPE_DECIMAL:
        return feat_arrow_kind_integer(kind) ||
               (kind == FEAT_ARROW_DECIMAL && feat_arrow_decimal_of(schema->format, &precision, &scale, &bits));
    case FEAT_TYPE_TEXT: return feat_arrow_kind_text(kind);
    case FEAT_TYPE_BLOB: return feat_arrow_kind_bytes(kind);
    case FEAT_TYPE_DATE: return kind == FEAT_ARROW_DATE32 || kind == FEAT_ARROW_DATE64;
    case FEAT_TYPE_TIMESTAMP: /* of a day its first instant */
        return (kind >= FEAT_ARROW_SECONDS && kind <= FEAT_ARROW_NANOSECONDS) || kind == FEAT_ARROW_DATE32 ||
               kind == FEAT_ARROW_DATE64;
    case FEAT_TYPE_INTERVAL: return kind >= FEAT_ARROW_MONTHS && kind <= FEAT_ARROW_DURATION_NS;
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP: return converts_nested(schema, kind, type);
    }
    return false;
}

void feat_arrow_describe(const struct ArrowSchema *schema, char words[FEAT_ARROW_WORDS]) {
    const char *format = schema->format, *name;
    look_up(schema->dictionary ? schema->dictionary->format : format, &name);
    int length = feat_utf8_clip(format, 40);
    if (!schema->dictionary) {
        snprintf(words, FEAT_ARROW_WORDS, "%s (format '%.*s')", name, length, format);
        return;
    }
    const char *values = schema->dictionary->format;
    snprintf(words, FEAT_ARROW_WORDS, "dictionary of %s (format '%.*s', values '%.*s')", name, length, format,
             feat_utf8_clip(values, 40), values);
}
