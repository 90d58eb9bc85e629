/* The words that mean something to SQL. */
#include <string.h>

#include "sql/lexer.h"

char feat_ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

bool feat_same_word(const char *a, const char *b) {
    for (; *a && *b; a++, b++)
        if (feat_ascii_lower(*a) != feat_ascii_lower(*b)) return false;
    return *a == *b;
}

/* Sorted by byte value. A word that the grammar looks at anywhere is in the table, so that the printer quotes a name
 * that could be taken for it. */
static const struct {
    const char *text;
    feat_word word;
} words[] = {
    {"add", FEAT_WORD_CONTEXT},          {"all", FEAT_WORD_RESERVED},         {"alter", FEAT_WORD_CONTEXT},
    {"analyse", FEAT_WORD_RESERVED},     {"analyze", FEAT_WORD_RESERVED},     {"and", FEAT_WORD_RESERVED},
    {"anti", FEAT_WORD_FUNCTION},        {"any", FEAT_WORD_RESERVED},         {"array", FEAT_WORD_RESERVED},
    {"as", FEAT_WORD_RESERVED},          {"asc", FEAT_WORD_RESERVED},         {"asof", FEAT_WORD_FUNCTION},
    {"asymmetric", FEAT_WORD_RESERVED},  {"at", FEAT_WORD_CONTEXT},           {"between", FEAT_WORD_CONTEXT},
    {"both", FEAT_WORD_RESERVED},        {"by", FEAT_WORD_CONTEXT},           {"case", FEAT_WORD_RESERVED},
    {"cast", FEAT_WORD_RESERVED},        {"check", FEAT_WORD_RESERVED},       {"closed", FEAT_WORD_CONTEXT},
    {"collate", FEAT_WORD_RESERVED},     {"column", FEAT_WORD_RESERVED},      {"comment", FEAT_WORD_CONTEXT},
    {"constraint", FEAT_WORD_RESERVED},  {"create", FEAT_WORD_RESERVED},      {"cross", FEAT_WORD_FUNCTION},
    {"current", FEAT_WORD_CONTEXT},      {"current_date", FEAT_WORD_CONTEXT}, {"current_timestamp", FEAT_WORD_CONTEXT},
    {"data", FEAT_WORD_CONTEXT},         {"date", FEAT_WORD_CONTEXT},         {"default", FEAT_WORD_RESERVED},
    {"deferrable", FEAT_WORD_RESERVED},  {"delay", FEAT_WORD_CONTEXT},        {"derivation", FEAT_WORD_CONTEXT},
    {"derivations", FEAT_WORD_CONTEXT},  {"desc", FEAT_WORD_RESERVED},        {"describe", FEAT_WORD_RESERVED},
    {"dimension", FEAT_WORD_CONTEXT},    {"dimensions", FEAT_WORD_CONTEXT},   {"distinct", FEAT_WORD_RESERVED},
    {"do", FEAT_WORD_RESERVED},          {"drop", FEAT_WORD_CONTEXT},         {"else", FEAT_WORD_RESERVED},
    {"end", FEAT_WORD_RESERVED},         {"entity", FEAT_WORD_CONTEXT},       {"escape", FEAT_WORD_CONTEXT},
    {"event", FEAT_WORD_CONTEXT},        {"except", FEAT_WORD_RESERVED},      {"exclude", FEAT_WORD_CONTEXT},
    {"exists", FEAT_WORD_CONTEXT},       {"explain", FEAT_WORD_CONTEXT},      {"extract", FEAT_WORD_CONTEXT},
    {"false", FEAT_WORD_RESERVED},       {"feature", FEAT_WORD_CONTEXT},      {"fetch", FEAT_WORD_RESERVED},
    {"filter", FEAT_WORD_CONTEXT},       {"first", FEAT_WORD_CONTEXT},        {"following", FEAT_WORD_CONTEXT},
    {"for", FEAT_WORD_RESERVED},         {"foreign", FEAT_WORD_RESERVED},     {"from", FEAT_WORD_RESERVED},
    {"full", FEAT_WORD_FUNCTION},        {"glob", FEAT_WORD_FUNCTION},        {"group", FEAT_WORD_RESERVED},
    {"groups", FEAT_WORD_CONTEXT},       {"having", FEAT_WORD_RESERVED},      {"if", FEAT_WORD_CONTEXT},
    {"ignore", FEAT_WORD_CONTEXT},       {"ilike", FEAT_WORD_FUNCTION},       {"in", FEAT_WORD_RESERVED},
    {"initially", FEAT_WORD_RESERVED},   {"inner", FEAT_WORD_FUNCTION},       {"intersect", FEAT_WORD_RESERVED},
    {"interval", FEAT_WORD_CONTEXT},     {"into", FEAT_WORD_RESERVED},        {"is", FEAT_WORD_FUNCTION},
    {"isnull", FEAT_WORD_FUNCTION},      {"join", FEAT_WORD_FUNCTION},        {"key", FEAT_WORD_CONTEXT},
    {"lambda", FEAT_WORD_RESERVED},      {"last", FEAT_WORD_CONTEXT},         {"lateral", FEAT_WORD_RESERVED},
    {"leading", FEAT_WORD_RESERVED},     {"left", FEAT_WORD_FUNCTION},        {"like", FEAT_WORD_FUNCTION},
    {"limit", FEAT_WORD_RESERVED},       {"live", FEAT_WORD_CONTEXT},         {"materialized", FEAT_WORD_CONTEXT},
    {"natural", FEAT_WORD_FUNCTION},     {"no", FEAT_WORD_CONTEXT},           {"not", FEAT_WORD_RESERVED},
    {"notnull", FEAT_WORD_FUNCTION},     {"null", FEAT_WORD_RESERVED},        {"nulls", FEAT_WORD_CONTEXT},
    {"offset", FEAT_WORD_RESERVED},      {"on", FEAT_WORD_RESERVED},          {"only", FEAT_WORD_RESERVED},
    {"or", FEAT_WORD_RESERVED},          {"order", FEAT_WORD_RESERVED},       {"others", FEAT_WORD_CONTEXT},
    {"outer", FEAT_WORD_FUNCTION},       {"over", FEAT_WORD_CONTEXT},         {"overlaps", FEAT_WORD_FUNCTION},
    {"partition", FEAT_WORD_CONTEXT},    {"pivot", FEAT_WORD_RESERVED},       {"pivot_longer", FEAT_WORD_RESERVED},
    {"pivot_wider", FEAT_WORD_RESERVED}, {"placing", FEAT_WORD_RESERVED},     {"position", FEAT_WORD_CONTEXT},
    {"positional", FEAT_WORD_FUNCTION},  {"preceding", FEAT_WORD_CONTEXT},    {"precision", FEAT_WORD_CONTEXT},
    {"primary", FEAT_WORD_RESERVED},     {"qualify", FEAT_WORD_RESERVED},     {"range", FEAT_WORD_CONTEXT},
    {"raw", FEAT_WORD_CONTEXT},          {"references", FEAT_WORD_RESERVED},  {"rename", FEAT_WORD_CONTEXT},
    {"replace", FEAT_WORD_CONTEXT},      {"request", FEAT_WORD_CONTEXT},      {"respect", FEAT_WORD_CONTEXT},
    {"returning", FEAT_WORD_RESERVED},   {"right", FEAT_WORD_FUNCTION},       {"row", FEAT_WORD_CONTEXT},
    {"rows", FEAT_WORD_CONTEXT},         {"select", FEAT_WORD_RESERVED},      {"semi", FEAT_WORD_FUNCTION},
    {"service", FEAT_WORD_CONTEXT},      {"services", FEAT_WORD_CONTEXT},     {"set", FEAT_WORD_CONTEXT},
    {"show", FEAT_WORD_RESERVED},        {"similar", FEAT_WORD_FUNCTION},     {"since", FEAT_WORD_CONTEXT},
    {"some", FEAT_WORD_RESERVED},        {"substring", FEAT_WORD_CONTEXT},    {"summarize", FEAT_WORD_RESERVED},
    {"symmetric", FEAT_WORD_RESERVED},   {"table", FEAT_WORD_RESERVED},       {"tables", FEAT_WORD_CONTEXT},
    {"tablesample", FEAT_WORD_FUNCTION}, {"then", FEAT_WORD_RESERVED},        {"ties", FEAT_WORD_CONTEXT},
    {"time", FEAT_WORD_CONTEXT},         {"timestamp", FEAT_WORD_CONTEXT},    {"timestamptz", FEAT_WORD_CONTEXT},
    {"to", FEAT_WORD_RESERVED},          {"trailing", FEAT_WORD_RESERVED},    {"true", FEAT_WORD_RESERVED},
    {"try_cast", FEAT_WORD_FUNCTION},    {"type", FEAT_WORD_CONTEXT},         {"unbounded", FEAT_WORD_CONTEXT},
    {"union", FEAT_WORD_RESERVED},       {"unique", FEAT_WORD_RESERVED},      {"unknown", FEAT_WORD_CONTEXT},
    {"unpivot", FEAT_WORD_RESERVED},     {"using", FEAT_WORD_RESERVED},       {"variadic", FEAT_WORD_RESERVED},
    {"varying", FEAT_WORD_CONTEXT},      {"view", FEAT_WORD_CONTEXT},         {"views", FEAT_WORD_CONTEXT},
    {"when", FEAT_WORD_RESERVED},        {"where", FEAT_WORD_RESERVED},       {"window", FEAT_WORD_RESERVED},
    {"with", FEAT_WORD_RESERVED},        {"without", FEAT_WORD_CONTEXT},      {"zone", FEAT_WORD_CONTEXT},
};

enum { LONGEST = 17 };

feat_word feat_word_of(const char *text, size_t length) {
    char lower[LONGEST + 1];
    if (length > LONGEST) return FEAT_WORD_FREE;
    for (size_t i = 0; i < length; i++) lower[i] = feat_ascii_lower(text[i]);
    lower[length] = 0;
    size_t low = 0, high = sizeof words / sizeof *words;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(lower, words[middle].text);
        if (order == 0) return words[middle].word;
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return FEAT_WORD_FREE;
}
