/* Functions of texts that take any number of arguments, or arguments of any type; LIKE. */
#include "base/scratch.h"
#include "plan/build_parts.h"
#include "text/like.h"

#define ANY_NUMBER ((size_t)-1)

static bool is_written(const feat_builder *b, uint32_t node) { return feat_build_is_literal(b, node, FEAT_TYPE_TEXT); }

static bool is_null(const feat_builder *b, uint32_t node) {
    return feat_build_type(b, node) == FEAT_TYPE_UNKNOWN ||
           (feat_build_is_constant(b, node) && feat_build_at(b, node)->is_null);
}

static uint32_t coalesce(feat_builder *b, uint32_t x, uint32_t y) {
    return feat_build_op2(b, FEAT_OP_COALESCE_T, FEAT_TYPE_TEXT, x, y);
}

/* ---- || and concat ---- */

/* x || y of two lists, two TEXT or two BLOB; a value of another type beside a TEXT becomes one. */
uint32_t feat_build_join(feat_builder *b, uint32_t left, uint32_t right) {
    feat_type l = feat_build_type(b, left), r = feat_build_type(b, right), type = FEAT_TYPE_TEXT;
    if (feat_is_list(l) || feat_is_list(r)) return feat_build_list_concat(b, left, right);
    if (l == FEAT_TYPE_BLOB || r == FEAT_TYPE_BLOB) {
        type = FEAT_TYPE_BLOB;
        if ((l != type && l != FEAT_TYPE_UNKNOWN) || (r != type && r != FEAT_TYPE_UNKNOWN))
            return feat_build_refuse(b, "|| takes two BLOB or two TEXT, found %s and %s", feat_build_type_name(l),
                                     feat_build_type_name(r));
    }
    left = feat_build_cast(b, left, type, true);
    if (left == FEAT_NO_NODE) return left;
    right = feat_build_cast(b, right, type, true);
    return feat_build_op2(b, FEAT_OP_CONCAT, type, left, right);
}

/* All as TEXT, in place; NULLs that are written are left out. */
static bool to_texts(feat_builder *b, uint32_t *args, size_t *n) {
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        if (is_null(b, args[i])) continue;
        args[kept] = feat_build_cast(b, args[i], FEAT_TYPE_TEXT, true);
        if (args[kept++] == FEAT_NO_NODE) return false;
    }
    *n = kept;
    return true;
}

/* Neighbours are joined by threes until one is left, so that no text is copied more than a few times. */
static uint32_t build_concat(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function;
    for (size_t i = 0; i < n; i++)
        if (feat_is_list(feat_build_type(b, args[i]))) return feat_build_call(b, "list_concat", args, n);
    if (!to_texts(b, args, &n)) return FEAT_NO_NODE;
    uint32_t empty = feat_build_text(b, "", 0);
    if (n == 0 || empty == FEAT_NO_NODE) return empty;
    for (size_t i = 0; i < n; i++)
        if (!is_written(b, args[i])) args[i] = coalesce(b, args[i], empty);
    while (n > 1) {
        size_t made = 0;
        for (size_t i = 0; i < n;) {
            size_t left = n - i, take = left < 3 ? left : 3;
            uint32_t *part = args + i;
            uint32_t one = take == 3   ? feat_build_op(b, FEAT_OP_CONCAT_3, FEAT_TYPE_TEXT, part, 3)
                           : take == 2 ? feat_build_op(b, FEAT_OP_CONCAT, FEAT_TYPE_TEXT, part, 2)
                                       : part[0];
            if (one == FEAT_NO_NODE) return one;
            args[made++] = one;
            i += take;
        }
        n = made;
    }
    return args[0];
}

/* Of two neighbours: both with the separator between, or the one that is not NULL. */
static uint32_t join_two(feat_builder *b, uint32_t separator, uint32_t x, uint32_t y) {
    uint32_t both = feat_build_op(b, FEAT_OP_CONCAT_3, FEAT_TYPE_TEXT, (uint32_t[]){x, separator, y}, 3);
    if (is_written(b, x) && is_written(b, y)) return both;
    return coalesce(b, both, coalesce(b, x, y));
}

static uint32_t build_concat_ws(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function;
    uint32_t separator = feat_build_cast(b, args[0], FEAT_TYPE_TEXT, true);
    if (separator == FEAT_NO_NODE) return separator;
    if (is_null(b, separator)) return feat_build_null(b, FEAT_TYPE_TEXT);
    args++, n--;
    if (!to_texts(b, args, &n)) return FEAT_NO_NODE;
    uint32_t value = feat_build_text(b, "", 0);
    if (value == FEAT_NO_NODE) return value;
    while (n > 1) {
        size_t made = 0;
        for (size_t i = 0; i < n; i += 2) {
            args[made] = i + 1 < n ? join_two(b, separator, args[i], args[i + 1]) : args[i];
            if (args[made++] == FEAT_NO_NODE) return FEAT_NO_NODE;
        }
        n = made;
    }
    if (n == 1) value = is_written(b, args[0]) ? args[0] : coalesce(b, args[0], value);
    if (is_written(b, separator) || value == FEAT_NO_NODE) return value;
    uint32_t known = feat_build_is_null(b, separator);
    if (known == FEAT_NO_NODE) return known;
    uint32_t null = feat_build_null(b, FEAT_TYPE_TEXT);
    return feat_build_case(b, &known, &null, 1, value);
}

/* ---- LIKE ---- */

static bool to_text(feat_builder *b, uint32_t *node) {
    feat_type type = feat_build_type(b, *node);
    if (type == FEAT_TYPE_UNKNOWN) *node = feat_build_null(b, FEAT_TYPE_TEXT);
    else if (type != FEAT_TYPE_TEXT) {
        feat_build_refuse(b, "LIKE needs TEXT, found %s", feat_build_type_name(type));
        return false;
    }
    return *node != FEAT_NO_NODE;
}

/* A pattern that is written is tried here, so that a wrong one is refused and not an error of every row. */
static bool check_pattern(feat_builder *b, feat_text pattern, feat_text escape) {
    int32_t point;
    if (!feat_like_escape(escape, &point)) {
        feat_build_refuse(b, "ESCAPE takes one character, or '' for none");
        return false;
    }
    feat_scratch scratch;
    feat_text program;
    feat_scratch_init(&scratch);
    bool compiled = feat_like_compile(&scratch, pattern, point, false, &program);
    feat_scratch_done(&scratch);
    if (!compiled) feat_build_refuse(b, "the pattern ends with its escape character; write that twice for itself");
    return compiled;
}

/* `escape` is FEAT_NO_NODE when none is written. */
uint32_t feat_build_like(feat_builder *b, bool fold, uint32_t text, uint32_t pattern, uint32_t escape) {
    if (escape == FEAT_NO_NODE) escape = feat_build_text(b, "", 0);
    if (escape == FEAT_NO_NODE || !to_text(b, &text) || !to_text(b, &pattern) || !to_text(b, &escape))
        return FEAT_NO_NODE;
    if (is_written(b, pattern) && is_written(b, escape) &&
        !check_pattern(b, feat_build_at(b, pattern)->constant.t, feat_build_at(b, escape)->constant.t))
        return FEAT_NO_NODE;
    feat_op op = fold ? FEAT_OP_LIKE_FOLDED : FEAT_OP_LIKE_PATTERN;
    uint32_t program = feat_build_op2(b, op, FEAT_TYPE_BLOB, pattern, escape);
    return feat_build_op2(b, FEAT_OP_LIKE_MATCH, FEAT_TYPE_BOOLEAN, text, program);
}

/* ---- functions of texts and lists ---- */

static bool needs_text(feat_builder *b, const feat_function *function, uint32_t *node) {
    feat_type type = feat_build_type(b, *node);
    if (type == FEAT_TYPE_UNKNOWN) *node = feat_build_null(b, FEAT_TYPE_TEXT);
    else if (type != FEAT_TYPE_TEXT) {
        feat_build_refuse(b, "%s needs a TEXT or a list, found %s", function->name, feat_build_type_name(type));
        return false;
    }
    return *node != FEAT_NO_NODE;
}

static uint32_t build_length(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)n;
    if (feat_is_list(feat_build_type(b, args[0]))) return feat_build_list_length(b, args[0]);
    if (!needs_text(b, function, &args[0])) return FEAT_NO_NODE;
    return feat_build_op1(b, FEAT_OP_LENGTH, FEAT_TYPE_BIGINT, args[0]);
}

static uint32_t build_contains(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    if (feat_is_list(feat_build_type(b, args[0]))) return feat_build_call(b, "list_contains", args, n);
    if (!needs_text(b, function, &args[0]) || !needs_text(b, function, &args[1])) return FEAT_NO_NODE;
    return feat_build_op(b, FEAT_OP_CONTAINS, FEAT_TYPE_BOOLEAN, args, 2);
}

/* ---- hex, hash ---- */

static uint32_t build_hex(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)n;
    feat_type type = feat_build_type(b, args[0]);
    if (type == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_TEXT);
    if (type == FEAT_TYPE_TEXT || type == FEAT_TYPE_BLOB)
        return feat_build_op1(b, FEAT_OP_HEX_T, FEAT_TYPE_TEXT, args[0]);
    if (type == FEAT_TYPE_UBIGINT) return feat_build_op1(b, FEAT_OP_HEX_W, FEAT_TYPE_TEXT, args[0]);
    if (feat_is_integer(type))
        return feat_build_op1(b, FEAT_OP_HEX_I, FEAT_TYPE_TEXT, feat_build_convert(b, args[0], FEAT_TYPE_BIGINT));
    return feat_build_refuse(b, "%s needs a TEXT, a BLOB or an integer, found %s", function->name,
                             feat_build_type_name(type));
}

static uint32_t build_hash(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function, (void)n;
    feat_type type = feat_build_type(b, args[0]);
    if (type == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_UBIGINT);
    switch (feat_class_of(type)) {
    case FEAT_CLASS_T: return feat_build_op1(b, FEAT_OP_HASH_T, FEAT_TYPE_UBIGINT, args[0]);
    case FEAT_CLASS_B: return feat_build_op1(b, FEAT_OP_HASH_B, FEAT_TYPE_UBIGINT, args[0]);
    case FEAT_CLASS_I: return feat_build_op1(b, FEAT_OP_HASH_I, FEAT_TYPE_UBIGINT, args[0]);
    case FEAT_CLASS_F: return feat_build_op1(b, FEAT_OP_HASH_F, FEAT_TYPE_UBIGINT, args[0]);
    case FEAT_CLASS_V: return feat_build_op1(b, FEAT_OP_HASH_V, FEAT_TYPE_UBIGINT, args[0]);
    case FEAT_CLASS_W:
        return feat_build_op_with(b, FEAT_OP_HASH_W, FEAT_TYPE_UBIGINT, args[0],
                                  feat_is_decimal(type) ? FEAT_TYPE_SCALE(type) : 0);
    case FEAT_CLASS_N: break;
    }
    return feat_build_refuse(b, "hash does not take %s", feat_build_type_name(type));
}

static uint32_t build_hash_bucket(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    uint32_t hash = build_hash(b, function, args, 1), buckets = args[n - 1];
    if (hash == FEAT_NO_NODE) return hash;
    feat_type type = feat_build_type(b, buckets);
    if (type != FEAT_TYPE_UNKNOWN && !feat_is_integer(type))
        return feat_build_refuse(b, "hash_bucket needs an integer number of buckets, found %s",
                                 feat_build_type_name(type));
    if (feat_build_is_literal(b, buckets, FEAT_TYPE_BIGINT) && feat_build_at(b, buckets)->constant.i <= 0)
        return feat_build_refuse(b, "hash_bucket needs a positive number of buckets");
    buckets = feat_build_convert(b, buckets, FEAT_TYPE_BIGINT);
    return feat_build_op2(b, FEAT_OP_HASH_BUCKET, FEAT_TYPE_BIGINT, hash, buckets);
}

const feat_function feat_text_functions[] = {
    {"length", 1, 1, false, build_length, 0},
    {"contains", 2, 2, false, build_contains, 0},
    {"concat", 1, ANY_NUMBER, false, build_concat, 0},
    {"concat_ws", 2, ANY_NUMBER, false, build_concat_ws, 0},
    {"hex", 1, 1, false, build_hex, 0},
    {"hash", 1, 1, false, build_hash, 0},
    {"hash_bucket", 2, 2, false, build_hash_bucket, 0},
    {NULL, 0, 0, false, NULL, 0},
};
