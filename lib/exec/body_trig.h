/* Bodies of trigonometric functions, tests of doubles and functions of places; see body.h. */
#ifndef FEAT_LIB_EXEC_BODY_TRIG_H
#define FEAT_LIB_EXEC_BODY_TRIG_H

#include "base/scratch.h"
#include "exec/exec.h"
#include "math/geohash.h"
#include "math/number.h"
#include "math/trigonometry.h"

static inline double feat_body_sin(double a) { return feat_sin(a); }
static inline double feat_body_cos(double a) { return feat_cos(a); }
static inline double feat_body_tan(double a) { return feat_tan(a); }
static inline double feat_body_cot(double a) { return feat_cot(a); }
static inline double feat_body_asin(double a) { return feat_asin(a); }
static inline double feat_body_acos(double a) { return feat_acos(a); }
static inline double feat_body_atan(double a) { return feat_atan(a); }
static inline double feat_body_atan2(double a, double b) { return feat_atan2(a, b); }
static inline double feat_body_asinh(double a) { return feat_asinh(a); }
static inline double feat_body_acosh(double a) { return feat_acosh(a); }
static inline double feat_body_atanh(double a) { return feat_atanh(a); }
static inline double feat_body_cbrt(double a) { return feat_cbrt(a); }

/* Times the nearest double to 180 / pi and to pi / 180, as in DuckDB. */
static inline double feat_body_degrees(double a) { return a * 0x1.ca5dc1a63c1f8p+5; }
static inline double feat_body_radians(double a) { return a * 0x1.1df46a2529d39p-6; }

static inline uint8_t feat_body_isnan(double a) { return a != a; }
static inline uint8_t feat_body_isinf(double a) { return a - a != a - a && a == a; }
static inline uint8_t feat_body_isfinite(double a) { return a - a == 0.0; }

/* The lower bound first, so that the upper one is never passed. NaN stays NaN, and as a bound is none. */
static inline double feat_body_clip_f(double a, double low, double high) {
    double raised = a < low ? low : a;
    return raised > high ? high : raised;
}
static inline int64_t feat_body_clip_i(int64_t a, int64_t low, int64_t high) {
    int64_t raised = a < low ? low : a;
    return raised > high ? high : raised;
}

static inline feat_text feat_body_geohash(feat_scratch *scratch, double latitude, double longitude, int64_t length,
                                          uint8_t *state) {
    char letters[FEAT_GEOHASH_MAX];
    if (!feat_geohash(latitude, longitude, length, letters)) {
        *state = FEAT_STATE_ERROR;
        return (feat_text){"", 0};
    }
    char *out = feat_scratch_take(scratch, (size_t)length);
    if (!out) return (feat_text){"", 0};
    memcpy(out, letters, (size_t)length);
    return (feat_text){out, (size_t)length};
}

#endif
