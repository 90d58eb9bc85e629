/* The table of time zones, which generate_zones.py makes. For zone.c alone. */
#ifndef FEAT_LIB_ZONES_TABLE_H
#define FEAT_LIB_ZONES_TABLE_H

#include <stdint.h>

/* A change of the clocks: the week-th weekday (Sunday is 0; 5 is the last) of a month, at a local time in seconds,
 * which may be negative or more than a day. */
typedef struct feat_zone_change {
    int8_t month, week, weekday;
    int32_t time;
} feat_zone_change;

/* What holds behind the last transition of a history that has one. Offsets are seconds east of UTC. */
typedef struct feat_zone_rule {
    int32_t standard, summer;
    feat_zone_change start, end; /* of summer */
} feat_zone_rule;

typedef struct feat_zone_history {
    uint16_t start, n; /* transitions */
    uint16_t first;    /* number of the offset before them */
    int16_t rule;      /* behind them; -1: the last offset stays */
} feat_zone_history;

typedef struct feat_zone_name {
    uint16_t start; /* in feat_zone_names; ends with NUL */
    uint16_t history;
} feat_zone_name;

extern const char feat_zones_version[];
extern const char feat_zone_names[];
extern const feat_zone_name feat_zone_name_table[];
extern const int32_t feat_zone_count;
extern const int32_t feat_zone_offsets[];
extern const feat_zone_rule feat_zone_rules[];
extern const feat_zone_history feat_zone_histories[];
extern const int64_t feat_zone_transitions[];

#endif
