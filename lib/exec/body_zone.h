/* Bodies of time zones and of formats of times; see body.h. */
#ifndef FEAT_LIB_EXEC_BODY_ZONE_H
#define FEAT_LIB_EXEC_BODY_ZONE_H

#include "exec/exec.h"
#include "time/zone.h"

static inline int64_t feat_body_zone(feat_text a, uint8_t *state) {
    int32_t zone = feat_zone_find(a.data, a.length);
    if (zone < 0) *state = FEAT_STATE_ERROR;
    return zone;
}

/* Numbers of zones may come out of a stored program; those that are none are errors. */
static inline int32_t feat_zone_number(int64_t zone) { return zone == (int32_t)zone ? (int32_t)zone : -1; }
static inline int64_t feat_body_to_local(int64_t a, int64_t zone, uint8_t *state) {
    int64_t out = 0;
    if (!feat_zone_to_local(feat_zone_number(zone), a, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline int64_t feat_body_to_utc(int64_t a, int64_t zone, uint8_t *state) {
    int64_t out = 0;
    if (!feat_zone_to_utc(feat_zone_number(zone), a, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline int64_t feat_body_zone_start(int64_t a, int64_t zone, uint8_t *state) {
    int64_t out = 0;
    if (!feat_zone_start(feat_zone_number(zone), a, &out)) *state = FEAT_STATE_ERROR;
    return out;
}

#endif
