/* Time zones, and functions of times that look at a constant when the definition is compiled. A form keeps the name of
 * a zone, and lowering folds it into its number. */
#include "plan/build_parts.h"
#include "sql/sql.h"
#include "time/zone.h"

/* ---- Zones. ---- */

static uint32_t unknown_zone(feat_builder *b, feat_text name) {
    char word[64];
    const char *names[640], *near = NULL;
    size_t n = (size_t)feat_zone_names_count();
    if (name.length < sizeof word && n <= sizeof names / sizeof *names) {
        memcpy(word, name.data, name.length);
        word[name.length] = 0;
        for (size_t i = 0; i < n; i++) names[i] = feat_zone_name_at((int32_t)i);
        near = feat_sql_suggest(word, names, n);
    }
    return feat_build_refuse(b, "'%.*s' is no time zone%s%s%s", (int)(name.length < 60 ? name.length : 60), name.data,
                             near ? "; did you mean '" : "; one is written 'Europe/Berlin', 'UTC', 'GMT+2' or '+02:00",
                             near ? near : "", "'");
}

/* The number of a zone. A constant name is checked, and put in the spelling of the table: one zone, one fingerprint. */
static uint32_t zone_of(feat_builder *b, uint32_t zone) {
    feat_type type = feat_build_type(b, zone);
    if (type == FEAT_TYPE_UNKNOWN) zone = feat_build_convert(b, zone, type = FEAT_TYPE_TEXT);
    if (type != FEAT_TYPE_TEXT)
        return feat_build_refuse(b, "a time zone is a TEXT such as 'Europe/Berlin', found %s",
                                 feat_build_type_name(type));
    if (feat_build_is_literal(b, zone, FEAT_TYPE_TEXT)) {
        feat_text name = feat_build_at(b, zone)->constant.t;
        int32_t number = feat_zone_find(name.data, name.length);
        if (number < 0) return unknown_zone(b, name);
        if (number < feat_zone_names_count()) {
            const char *spelling = feat_zone_name_at(number);
            zone = feat_build_text(b, spelling, strlen(spelling));
        }
    }
    return feat_build_op1(b, FEAT_OP_ZONE, FEAT_TYPE_BIGINT, zone);
}

static uint32_t move(feat_builder *b, feat_op op, uint32_t time, uint32_t zone) {
    zone = zone_of(b, zone);
    if (zone == FEAT_NO_NODE) return zone;
    time = feat_build_convert(b, feat_build_to_time(b, time, false), FEAT_TYPE_TIMESTAMP);
    return feat_build_op2(b, op, FEAT_TYPE_TIMESTAMP, time, zone);
}

uint32_t feat_build_at_zone(feat_builder *b, uint32_t time, uint32_t zone) {
    return move(b, FEAT_OP_TO_LOCAL, time, zone);
}

static uint32_t build_timezone(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function, (void)n;
    return move(b, FEAT_OP_TO_LOCAL, args[1], args[0]);
}

static uint32_t build_to_utc(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function, (void)n;
    return move(b, FEAT_OP_TO_UTC, args[0], args[1]);
}

uint32_t feat_build_trunc_in_zone(feat_builder *b, feat_part part, uint32_t time, uint32_t zone) {
    time = feat_build_convert(b, time, FEAT_TYPE_TIMESTAMP);
    zone = zone_of(b, zone);
    uint32_t local = feat_build_op2(b, FEAT_OP_TO_LOCAL, FEAT_TYPE_TIMESTAMP, time, zone);
    uint32_t start = feat_build_op_with(b, FEAT_OP_PART_FLOOR, FEAT_TYPE_TIMESTAMP, local, part);
    if (part > FEAT_PART_HOUR) return feat_build_op2(b, FEAT_OP_ZONE_START, FEAT_TYPE_TIMESTAMP, start, zone);
    /* Of two hours that clocks show alike, the one that the time is in. */
    uint32_t since = feat_build_op2(b, FEAT_OP_SUB_I, FEAT_TYPE_BIGINT, local, start);
    return feat_build_op2(b, FEAT_OP_SUB_I, FEAT_TYPE_TIMESTAMP, time, since);
}

const feat_function feat_zone_functions[] = {
    {"timezone", 2, 2, false, build_timezone, 0},
    {"to_utc_timestamp", 2, 2, false, build_to_utc, 0},
    {NULL, 0, 0, false, NULL, 0},
};
