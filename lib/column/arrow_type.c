#include "column/arrow_type.h"

#include <stdio.h>
#include <string.h>

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
    {"z", FEAT_ARROW_OTHER, "binary"},
    {"Z", FEAT_ARROW_OTHER, "large_binary"},
    {"vz", FEAT_ARROW_OTHER, "binary_view"},
    {"tts", FEAT_ARROW_OTHER, "time32[s]"},
    {"ttm", FEAT_ARROW_OTHER, "time32[ms]"},
    {"ttu", FEAT_ARROW_OTHER, "time64[us]"},
    {"ttn", FEAT_ARROW_OTHER, "time64[ns]"},
    {"tDs", FEAT_ARROW_OTHER, "duration[s]"},
    {"tDm", FEAT_ARROW_OTHER, "duration[ms]"},
    {"tDu", FEAT_ARROW_OTHER, "duration[us]"},
    {"tDn", FEAT_ARROW_OTHER, "duration[ns]"},
    {"tiM", FEAT_ARROW_OTHER, "interval in months"},
    {"tiD", FEAT_ARROW_OTHER, "interval in days"},
    {"tin", FEAT_ARROW_OTHER, "interval in months, days and nanoseconds"},
    {"+l", FEAT_ARROW_OTHER, "list"},
    {"+L", FEAT_ARROW_OTHER, "large_list"},
    {"+vl", FEAT_ARROW_OTHER, "list_view"},
    {"+vL", FEAT_ARROW_OTHER, "large_list_view"},
    {"+s", FEAT_ARROW_OTHER, "struct"},
    {"+m", FEAT_ARROW_OTHER, "map"},
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
    {"d:", FEAT_ARROW_OTHER, "decimal"},
    {"w:", FEAT_ARROW_OTHER, "fixed_size_binary"},
    {"+w:", FEAT_ARROW_OTHER, "fixed_size_list"},
    {"+ud:", FEAT_ARROW_OTHER, "dense_union"},
    {"+us:", FEAT_ARROW_OTHER, "sparse_union"},
};

static feat_arrow_kind look_up(const char *format, const char **name) {
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strcmp(format, whole[i].format) == 0) {
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

bool feat_arrow_natural_type(const struct ArrowSchema *schema, feat_type *type) {
    static const feat_type order[] = {FEAT_TYPE_BOOLEAN,   FEAT_TYPE_BIGINT, FEAT_TYPE_DATE,
                                      FEAT_TYPE_TIMESTAMP, FEAT_TYPE_DOUBLE, FEAT_TYPE_TEXT};
    if (!schema->dictionary && feat_arrow_kind_of(schema->format) == FEAT_ARROW_NULL) return false; /* any would do */
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (feat_arrow_converts(schema, order[i])) {
            *type = order[i];
            return true;
        }
    return false;
}

bool feat_arrow_converts(const struct ArrowSchema *schema, feat_type type) {
    feat_arrow_kind kind = feat_arrow_kind_of(schema->format);
    if (schema->dictionary)
        return type == FEAT_TYPE_TEXT && feat_arrow_kind_integer(kind) && !schema->dictionary->dictionary &&
               feat_arrow_kind_text(feat_arrow_kind_of(schema->dictionary->format));
    if (kind == FEAT_ARROW_NULL) return true;
    switch (type) {
    case FEAT_TYPE_BOOLEAN: return kind == FEAT_ARROW_BOOL;
    case FEAT_TYPE_BIGINT: return feat_arrow_kind_integer(kind);
    case FEAT_TYPE_DOUBLE: /* a 64-bit integer that would lose digits is an error of its row */
        return feat_arrow_kind_integer(kind) || (kind >= FEAT_ARROW_FLOAT16 && kind <= FEAT_ARROW_FLOAT64);
    case FEAT_TYPE_TEXT: return feat_arrow_kind_text(kind);
    case FEAT_TYPE_DATE: return kind == FEAT_ARROW_DATE32 || kind == FEAT_ARROW_DATE64;
    case FEAT_TYPE_TIMESTAMP: return kind >= FEAT_ARROW_SECONDS && kind <= FEAT_ARROW_NANOSECONDS;
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
