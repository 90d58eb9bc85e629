/* Functions of regular expressions: a pattern and its options become a program, which folding makes a constant where
 * they are constants. */
#include "base/scratch.h"
#include "plan/build_parts.h"
#include "text/regex.h"

static bool to_text(feat_builder *b, const feat_function *function, uint32_t *node) {
    feat_type type = feat_build_type(b, *node);
    if (type == FEAT_TYPE_UNKNOWN) *node = feat_build_null(b, FEAT_TYPE_TEXT);
    else if (type != FEAT_TYPE_TEXT) {
        feat_build_refuse(b, "%s needs TEXT, found %s", function->name, feat_build_type_name(type));
        return false;
    }
    return *node != FEAT_NO_NODE;
}

static bool is_written(const feat_builder *b, uint32_t node) { return feat_build_is_literal(b, node, FEAT_TYPE_TEXT); }

/* A pattern that is written is tried here, so that a wrong one is refused and not an error of every row. */
static bool check_pattern(feat_builder *b, const feat_function *function, feat_text pattern, feat_text options,
                          feat_regex_kind kind) {
    feat_scratch scratch;
    feat_text program;
    char reason[128];
    feat_scratch_init(&scratch);
    bool compiled = feat_regex_compile(&scratch, pattern, options, kind, &program, reason);
    feat_scratch_done(&scratch);
    if (!compiled) feat_build_refuse(b, "the pattern of %s: %s", function->name, reason);
    return compiled;
}

/* The program of a pattern; `options` is FEAT_NO_NODE when there are none. */
static uint32_t build_program(feat_builder *b, const feat_function *function, uint32_t pattern, uint32_t options,
                              feat_regex_kind kind) {
    static const feat_op ops[] = {FEAT_OP_REGEX_SEARCH, FEAT_OP_REGEX_WHOLE, FEAT_OP_REGEX_EACH};
    if (options == FEAT_NO_NODE) options = feat_build_text(b, "", 0);
    if (options == FEAT_NO_NODE || !to_text(b, function, &pattern) || !to_text(b, function, &options))
        return FEAT_NO_NODE;
    if (is_written(b, pattern) && is_written(b, options) &&
        !check_pattern(b, function, feat_build_at(b, pattern)->constant.t, feat_build_at(b, options)->constant.t, kind))
        return FEAT_NO_NODE;
    return feat_build_op2(b, ops[kind], FEAT_TYPE_BLOB, pattern, options);
}

static uint32_t build_matches(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    feat_regex_kind kind = function->parameter ? FEAT_REGEX_WHOLE : FEAT_REGEX_SEARCH;
    if (!to_text(b, function, &args[0])) return FEAT_NO_NODE;
    uint32_t program = build_program(b, function, args[1], n > 2 ? args[2] : FEAT_NO_NODE, kind);
    return feat_build_op2(b, FEAT_OP_REGEX_MATCHES, FEAT_TYPE_BOOLEAN, args[0], program);
}

/* regexp_extract(s, pattern[, group[, options]]), or with the options in the place of the group. */
static uint32_t build_extract(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    uint32_t options = n > 3 ? args[3] : FEAT_NO_NODE, group = FEAT_NO_NODE;
    if (n == 3 && feat_build_type(b, args[2]) == FEAT_TYPE_TEXT) options = args[2];
    else if (n > 2) group = args[2];
    if (group == FEAT_NO_NODE) group = feat_build_int(b, FEAT_TYPE_BIGINT, 0);
    if (group == FEAT_NO_NODE || !to_text(b, function, &args[0])) return FEAT_NO_NODE;
    feat_type type = feat_build_type(b, group);
    if (type != FEAT_TYPE_UNKNOWN && (!feat_is_integer(type) || type == FEAT_TYPE_UBIGINT))
        return feat_build_refuse(b, "%s needs the number of a group, found %s", function->name,
                                 feat_build_type_name(type));
    group = feat_build_convert(b, group, FEAT_TYPE_BIGINT);
    if (group == FEAT_NO_NODE) return group;
    if (feat_build_is_literal(b, group, FEAT_TYPE_BIGINT)) {
        int64_t number = feat_build_at(b, group)->constant.i;
        if (number < 0 || number > 9) return feat_build_refuse(b, "%s needs a group from 0 to 9", function->name);
    }
    uint32_t program = build_program(b, function, args[1], options, FEAT_REGEX_SEARCH);
    if (program == FEAT_NO_NODE) return program;
    return feat_build_op(b, FEAT_OP_REGEX_EXTRACT, FEAT_TYPE_TEXT, (uint32_t[]){args[0], program, group}, 3);
}

static uint32_t build_replace(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    if (!to_text(b, function, &args[0]) || !to_text(b, function, &args[2])) return FEAT_NO_NODE;
    uint32_t program = build_program(b, function, args[1], n > 3 ? args[3] : FEAT_NO_NODE, FEAT_REGEX_REPLACE);
    if (program == FEAT_NO_NODE) return program;
    return feat_build_op(b, FEAT_OP_REGEX_REPLACE, FEAT_TYPE_TEXT, (uint32_t[]){args[0], program, args[2]}, 3);
}

const feat_function feat_regex_functions[] = {
    {"regexp_matches", 2, 3, false, build_matches, 0},
    {"regexp_full_match", 2, 3, false, build_matches, 1},
    {"regexp_extract", 2, 4, false, build_extract, 0},
    {"regexp_replace", 3, 4, false, build_replace, 0},
    {NULL, 0, 0, false, NULL, 0},
};
