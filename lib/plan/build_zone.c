/* Time zones, and functions of times that look at a constant when the definition is compiled. A form keeps the name of
 * a zone, and lowering folds it into its number. */
#include "plan/build_parts.h"
#include "sql/sql.h"
#include "time/format.h"
#include "time/span.h"
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

/* ---- Formats. ---- */

static bool check_format(feat_builder *b, uint32_t node, bool for_reading) {
    size_t at = 0;
    if (feat_build_is_constant(b, node) && feat_build_at(b, node)->is_null) return true;
    if (!feat_build_is_literal(b, node, FEAT_TYPE_TEXT)) {
        feat_build_refuse(b, "a format is a constant text, such as '%%Y-%%m-%%d'");
        return false;
    }
    feat_text format = feat_build_at(b, node)->constant.t;
    switch (feat_format_check(format, for_reading, &at)) {
    case FEAT_FORMAT_GOOD: return true;
    case FEAT_FORMAT_EMPTY: feat_build_refuse(b, "the format is empty"); return false;
    case FEAT_FORMAT_UNKNOWN:
        feat_build_refuse(b, "'%.*s' in a format means nothing; a per cent sign is written %%%%",
                          (int)(format.length - at < 3       ? format.length - at
                                : format.data[at + 1] == '-' ? 3
                                                             : 2),
                          format.data + at);
        return false;
    case FEAT_FORMAT_MIXED:
        feat_build_refuse(b,
                          "the format takes the date in two ways at once; %%G and %%V go with a weekday alone, and of "
                          "%%j, %%U and %%W there is one");
        return false;
    }
    return false;
}

/* strftime(time, format); DuckDB takes the two the other way round as well. */
static uint32_t build_strftime(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function, (void)n;
    feat_type second = feat_build_type(b, args[1]);
    bool swapped =
        feat_build_type(b, args[0]) == FEAT_TYPE_TEXT && (second == FEAT_TYPE_DATE || second == FEAT_TYPE_TIMESTAMP);
    uint32_t time = feat_build_to_time(b, args[swapped], false), format = args[!swapped];
    if (feat_build_type(b, format) == FEAT_TYPE_UNKNOWN) format = feat_build_convert(b, format, FEAT_TYPE_TEXT);
    if (time == FEAT_NO_NODE || format == FEAT_NO_NODE || !check_format(b, format, false)) return FEAT_NO_NODE;
    time = feat_build_convert(b, time, FEAT_TYPE_TIMESTAMP);
    return feat_build_op2(b, FEAT_OP_STRFTIME, FEAT_TYPE_TEXT, time, format);
}

static uint32_t build_strptime(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)n;
    for (int i = 0; i < 2; i++) {
        feat_type type = feat_build_type(b, args[i]);
        if (type == FEAT_TYPE_UNKNOWN) args[i] = feat_build_convert(b, args[i], type = FEAT_TYPE_TEXT);
        if (type != FEAT_TYPE_TEXT)
            return feat_build_refuse(b, "%s takes a TEXT and a format, found %s", function->name,
                                     feat_build_type_name(type));
        if (args[i] == FEAT_NO_NODE) return FEAT_NO_NODE;
    }
    if (!check_format(b, args[1], true)) return FEAT_NO_NODE;
    return feat_build_op2(b, (feat_op)function->parameter, FEAT_TYPE_TIMESTAMP, args[0], args[1]);
}

/* ---- Numbers and spans. ---- */

static uint32_t to_integer(feat_builder *b, const feat_function *function, uint32_t node) {
    feat_type type = feat_build_type(b, node);
    if (feat_is_integer(type) || type == FEAT_TYPE_UNKNOWN) return feat_build_convert(b, node, FEAT_TYPE_BIGINT);
    return feat_build_refuse(b, "%s takes integers, found %s", function->name, feat_build_type_name(type));
}

static uint32_t build_make_timestamp(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    if (n == 1) return feat_build_op1(b, FEAT_OP_AS_I, FEAT_TYPE_TIMESTAMP, to_integer(b, function, args[0]));
    if (n != 6) return feat_build_refuse(b, "make_timestamp takes 1 or 6 arguments, found %zu", n);
    for (int i = 0; i < 5; i++) {
        args[i] = to_integer(b, function, args[i]);
        if (args[i] == FEAT_NO_NODE) return FEAT_NO_NODE;
    }
    args[5] = feat_build_cast(b, args[5], FEAT_TYPE_DOUBLE, false);
    uint32_t day = feat_build_op(b, FEAT_OP_MAKE_DATE, FEAT_TYPE_DATE, args, 3);
    uint32_t time = feat_build_op(b, FEAT_OP_MAKE_TIME, FEAT_TYPE_BIGINT, args + 3, 3);
    return feat_build_op2(b, FEAT_OP_DAY_AND_TIME, FEAT_TYPE_TIMESTAMP, day, time);
}

static uint32_t build_make_timestamp_ms(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)n;
    return feat_build_op1(b, FEAT_OP_TIMES_1000, FEAT_TYPE_TIMESTAMP, to_integer(b, function, args[0]));
}

/* Of a time its milliseconds, of an integer the time. */
static uint32_t build_epoch_ms(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    if (feat_is_integer(feat_build_type(b, args[0]))) return build_make_timestamp_ms(b, function, args, n);
    uint32_t time = feat_build_convert(b, feat_build_to_time(b, args[0], false), FEAT_TYPE_TIMESTAMP);
    return feat_build_op1(b, FEAT_OP_EPOCH_MS, FEAT_TYPE_BIGINT, time);
}

static uint32_t build_epoch_ns(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function, (void)n;
    uint32_t time = feat_build_convert(b, feat_build_to_time(b, args[0], false), FEAT_TYPE_TIMESTAMP);
    return feat_build_op1(b, FEAT_OP_TIMES_1000, FEAT_TYPE_BIGINT, time);
}

static bool good_width(feat_builder *b, uint32_t width) {
    if (!feat_build_is_literal(b, width, FEAT_TYPE_INTERVAL)) return true;
    feat_interval w = feat_build_at(b, width)->constant.p;
    int64_t out;
    if (feat_time_bucket(w.months, w.days, w.us, FEAT_BUCKET_ORIGIN, FEAT_BUCKET_ORIGIN, &out)) return true;
    feat_build_refuse(b, "a bucket is as wide as an INTERVAL above 0, of months alone or of days and time");
    return false;
}

/* time_bucket(width, time[, origin or shift]). */
static uint32_t build_time_bucket(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function;
    uint32_t width = args[0], time = feat_build_to_time(b, args[1], false);
    if (feat_build_type(b, width) != FEAT_TYPE_INTERVAL) width = feat_build_cast(b, width, FEAT_TYPE_INTERVAL, false);
    if (width == FEAT_NO_NODE || time == FEAT_NO_NODE || !good_width(b, width)) return FEAT_NO_NODE;
    feat_type type = feat_build_type(b, time);
    bool shifted = n == 3 && feat_build_type(b, args[2]) == FEAT_TYPE_INTERVAL;
    uint32_t origin = n == 3 && !shifted
                          ? feat_build_convert(b, feat_build_to_time(b, args[2], false), FEAT_TYPE_TIMESTAMP)
                          : feat_build_int(b, FEAT_TYPE_TIMESTAMP, FEAT_BUCKET_ORIGIN);
    time = feat_build_convert(b, time, FEAT_TYPE_TIMESTAMP);
    if (shifted) time = feat_build_op2(b, FEAT_OP_SUB_TV, FEAT_TYPE_TIMESTAMP, time, args[2]);
    if (time == FEAT_NO_NODE || origin == FEAT_NO_NODE) return FEAT_NO_NODE;
    uint32_t start = feat_build_op(b, FEAT_OP_TIME_BUCKET, FEAT_TYPE_TIMESTAMP, (uint32_t[]){width, time, origin}, 3);
    if (shifted) start = feat_build_op2(b, FEAT_OP_ADD_TV, FEAT_TYPE_TIMESTAMP, start, args[2]);
    return type == FEAT_TYPE_DATE ? feat_build_convert(b, start, FEAT_TYPE_DATE) : start;
}

static uint32_t build_date_sub(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    feat_part part;
    (void)function, (void)n;
    if (!feat_build_read_part(b, args[0], FEAT_PART_MILLENNIUM, &part)) return FEAT_NO_NODE;
    uint32_t from = feat_build_to_time(b, args[1], false);
    uint32_t to = from == FEAT_NO_NODE ? from : feat_build_to_time(b, args[2], false);
    from = feat_build_convert(b, from, FEAT_TYPE_TIMESTAMP);
    to = feat_build_convert(b, to, FEAT_TYPE_TIMESTAMP);
    uint32_t unit = feat_build_int(b, FEAT_TYPE_BIGINT, part);
    return feat_build_op(b, FEAT_OP_PART_WHOLE, FEAT_TYPE_BIGINT, (uint32_t[]){from, to, unit}, 3);
}

const feat_function feat_zone_functions[] = {
    {"timezone", 2, 2, false, build_timezone, 0},
    {"to_utc_timestamp", 2, 2, false, build_to_utc, 0},
    {"strftime", 2, 2, false, build_strftime, 0},
    {"strptime", 2, 2, false, build_strptime, FEAT_OP_STRPTIME},
    {"try_strptime", 2, 2, false, build_strptime, FEAT_OP_TRY_STRPTIME},
    {"make_timestamp", 1, 6, false, build_make_timestamp, 0},
    {"make_timestamp_ms", 1, 1, false, build_make_timestamp_ms, 0},
    {"epoch_ms", 1, 1, false, build_epoch_ms, 0},
    {"epoch_ns", 1, 1, false, build_epoch_ns, 0},
    {"time_bucket", 2, 3, false, build_time_bucket, 0},
    {"date_sub", 3, 3, true, build_date_sub, 0},
    {"datesub", 3, 3, true, build_date_sub, 0},
    {NULL, 0, 0, false, NULL, 0},
};
