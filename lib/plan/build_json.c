/* Functions of JSON texts: a path that is written is tried here, so that a wrong one is refused and not an error of
 * every row. */
#include "plan/build_parts.h"
#include "text/json.h"

static bool to_text(feat_builder *b, const feat_function *function, uint32_t *node) {
    feat_type type = feat_build_type(b, *node);
    if (type == FEAT_TYPE_UNKNOWN) *node = feat_build_null(b, FEAT_TYPE_TEXT);
    else if (type != FEAT_TYPE_TEXT) {
        feat_build_refuse(b, "%s needs TEXT, found %s", function->name, feat_build_type_name(type));
        return false;
    }
    return *node != FEAT_NO_NODE;
}

static uint32_t build_extract(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    const char *reason = "";
    if (!to_text(b, function, &args[0]) || !to_text(b, function, &args[1])) return FEAT_NO_NODE;
    if (feat_build_is_literal(b, args[1], FEAT_TYPE_TEXT) &&
        !feat_json_check_path(feat_build_at(b, args[1])->constant.t, &reason))
        return feat_build_refuse(b, "%s: %s", function->name, reason);
    feat_op op = function->parameter ? FEAT_OP_JSON_EXTRACT_STRING : FEAT_OP_JSON_EXTRACT;
    return feat_build_op(b, op, FEAT_TYPE_TEXT, args, (int)n);
}

const feat_function feat_json_functions[] = {
    {"json_extract", 2, 2, false, build_extract, 0},
    {"json_extract_path", 2, 2, false, build_extract, 0},
    {"json_extract_string", 2, 2, false, build_extract, 1},
    {"json_extract_path_text", 2, 2, false, build_extract, 1},
    {NULL, 0, 0, false, NULL, 0},
};
