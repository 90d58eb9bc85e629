/* Bodies of text functions: lib/text does the work. See body.h. */
#ifndef FEAT_LIB_EXEC_BODY_STRING_H
#define FEAT_LIB_EXEC_BODY_STRING_H

#include "base/scratch.h"
#include "column/utf8.h"
#include "exec/exec.h"
#include "text/accent.h"
#include "text/case.h"
#include "text/checksum.h"
#include "text/distance.h"
#include "text/like.h"
#include "text/make.h"
#include "text/piece.h"
#include "text/points.h"
#include "text/search.h"

static inline int64_t feat_body_length(feat_text a) { return feat_text_length(a); }
static inline int64_t feat_body_octet_length(feat_text a) { return feat_text_octets(a); }
static inline int64_t feat_body_ascii(feat_text a) { return feat_text_first(a, 0); }
static inline int64_t feat_body_unicode(feat_text a) { return feat_text_first(a, -1); }

/* ---- pieces ---- */

static inline feat_text feat_body_trim(feat_text a) { return feat_text_trim(a, FEAT_TRIM_BOTH); }
static inline feat_text feat_body_ltrim(feat_text a) { return feat_text_trim(a, FEAT_TRIM_LEFT); }
static inline feat_text feat_body_rtrim(feat_text a) { return feat_text_trim(a, FEAT_TRIM_RIGHT); }
static inline feat_text feat_body_trim_set(feat_scratch *scratch, feat_text a, feat_text set, uint8_t *state) {
    (void)state;
    return feat_text_trim_set(scratch, a, set, FEAT_TRIM_BOTH);
}
static inline feat_text feat_body_ltrim_set(feat_scratch *scratch, feat_text a, feat_text set, uint8_t *state) {
    (void)state;
    return feat_text_trim_set(scratch, a, set, FEAT_TRIM_LEFT);
}
static inline feat_text feat_body_rtrim_set(feat_scratch *scratch, feat_text a, feat_text set, uint8_t *state) {
    (void)state;
    return feat_text_trim_set(scratch, a, set, FEAT_TRIM_RIGHT);
}
static inline feat_text feat_body_substring_from(feat_text a, int64_t start) {
    return feat_text_substring_from(a, start);
}
static inline feat_text feat_body_substring(feat_text a, int64_t start, int64_t length) {
    return feat_text_substring(a, start, length);
}
static inline feat_text feat_body_left(feat_text a, int64_t n) { return feat_text_left(a, n); }
static inline feat_text feat_body_right(feat_text a, int64_t n) { return feat_text_right(a, n); }
static inline feat_text feat_body_split_part(feat_text a, feat_text separator, int64_t n) {
    return feat_text_split_part(a, separator, n);
}

/* ---- texts that are made ---- */

static inline feat_text feat_body_lower(feat_scratch *scratch, feat_text a, uint8_t *state) {
    (void)state;
    return feat_text_lower(scratch, a);
}
static inline feat_text feat_body_upper(feat_scratch *scratch, feat_text a, uint8_t *state) {
    (void)state;
    return feat_text_upper(scratch, a);
}
static inline feat_text feat_body_strip_accents(feat_scratch *scratch, feat_text a, uint8_t *state) {
    (void)state;
    return feat_text_strip_accents(scratch, a);
}
static inline feat_text feat_body_reverse(feat_scratch *scratch, feat_text a, uint8_t *state) {
    (void)state;
    return feat_text_reverse(scratch, a);
}
static inline feat_text feat_body_md5(feat_scratch *scratch, feat_text a, uint8_t *state) {
    (void)state;
    return feat_text_md5(scratch, a);
}
static inline feat_text feat_body_hex_i(feat_scratch *scratch, int64_t a, uint8_t *state) {
    (void)state;
    return feat_text_hex_number(scratch, (uint64_t)a);
}
static inline feat_text feat_body_hex_w(feat_scratch *scratch, feat_int128 a, uint8_t *state) {
    (void)state;
    return feat_text_hex_number(scratch, (uint64_t)a);
}

/* The others are false for an error value. */
#define FEAT_MADE(call)                                                                                                \
    feat_text out;                                                                                                     \
    if (!(call)) *state = FEAT_STATE_ERROR;                                                                            \
    return out

static inline feat_text feat_body_concat(feat_scratch *scratch, feat_text a, feat_text b, uint8_t *state) {
    FEAT_MADE(feat_text_concat(scratch, a, b, &out));
}
static inline feat_text feat_body_concat3(feat_scratch *scratch, feat_text a, feat_text b, feat_text c,
                                          uint8_t *state) {
    FEAT_MADE(feat_text_concat3(scratch, a, b, c, &out));
}
static inline feat_text feat_body_replace(feat_scratch *scratch, feat_text a, feat_text part, feat_text by,
                                          uint8_t *state) {
    FEAT_MADE(feat_text_replace(scratch, a, part, by, &out));
}
static inline feat_text feat_body_lpad(feat_scratch *scratch, feat_text a, int64_t n, feat_text fill, uint8_t *state) {
    FEAT_MADE(feat_text_lpad(scratch, a, n, fill, &out));
}
static inline feat_text feat_body_rpad(feat_scratch *scratch, feat_text a, int64_t n, feat_text fill, uint8_t *state) {
    FEAT_MADE(feat_text_rpad(scratch, a, n, fill, &out));
}
static inline feat_text feat_body_repeat(feat_scratch *scratch, feat_text a, int64_t times, uint8_t *state) {
    FEAT_MADE(feat_text_repeat(scratch, a, times, &out));
}
static inline feat_text feat_body_chr(feat_scratch *scratch, int64_t point, uint8_t *state) {
    FEAT_MADE(feat_text_chr(scratch, point, &out));
}
static inline feat_text feat_body_hex_t(feat_scratch *scratch, feat_text a, uint8_t *state) {
    FEAT_MADE(feat_text_hex(scratch, a, &out));
}
static inline feat_text feat_body_unhex(feat_scratch *scratch, feat_text a, uint8_t *state) {
    FEAT_MADE(feat_text_unhex(scratch, a, &out));
}

static inline feat_text feat_body_decode(feat_scratch *scratch, feat_text a, uint8_t *state) {
    static const feat_text empty = {"", 0};
    (void)scratch;
    if (feat_utf8_valid(a.data, a.length)) return a;
    *state = FEAT_STATE_ERROR;
    return empty;
}

/* ---- finding ---- */

static inline uint8_t feat_body_starts_with(feat_text a, feat_text prefix) { return feat_text_starts_with(a, prefix); }
static inline uint8_t feat_body_ends_with(feat_text a, feat_text suffix) { return feat_text_ends_with(a, suffix); }
static inline uint8_t feat_body_contains(feat_text a, feat_text part) { return feat_text_contains(a, part); }
static inline int64_t feat_body_position(feat_text a, feat_text part) { return feat_text_position(a, part); }

static inline feat_text feat_body_pattern(feat_scratch *scratch, feat_text pattern, feat_text escape, bool fold,
                                          uint8_t *state) {
    feat_text out = {"", 0};
    int32_t point;
    if (!feat_like_escape(escape, &point) || !feat_like_compile(scratch, pattern, point, fold, &out))
        *state = FEAT_STATE_ERROR;
    return out;
}
static inline feat_text feat_body_like_pattern(feat_scratch *scratch, feat_text pattern, feat_text escape,
                                               uint8_t *state) {
    return feat_body_pattern(scratch, pattern, escape, false, state);
}
static inline feat_text feat_body_like_folded(feat_scratch *scratch, feat_text pattern, feat_text escape,
                                              uint8_t *state) {
    return feat_body_pattern(scratch, pattern, escape, true, state);
}
static inline uint8_t feat_body_like_match(feat_scratch *scratch, feat_text a, feat_text program, uint8_t *state) {
    (void)state;
    return feat_like_match(scratch, program, a);
}

/* ---- distances ---- */

static inline int64_t feat_body_levenshtein(feat_scratch *scratch, feat_text a, feat_text b, uint8_t *state) {
    (void)state;
    return feat_text_levenshtein(scratch, a, b);
}
static inline int64_t feat_body_hamming(feat_text a, feat_text b, uint8_t *state) {
    int64_t out;
    if (!feat_text_hamming(a, b, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline double feat_body_jaccard(feat_scratch *scratch, feat_text a, feat_text b, uint8_t *state) {
    double out;
    if (!feat_text_jaccard(scratch, a, b, &out)) *state = FEAT_STATE_ERROR;
    return out;
}

/* ---- sums and hashes ---- */

static inline int64_t feat_body_crc32(feat_text a) { return feat_text_crc32(a); }

static inline feat_int128 feat_body_hash_t(feat_text a) { return feat_hash_bytes(a); }
static inline feat_int128 feat_body_hash_b(uint8_t a) { return feat_hash_boolean(a); }
static inline feat_int128 feat_body_hash_i(int64_t a) { return feat_hash_integer((uint64_t)a); }
static inline feat_int128 feat_body_hash_f(double a) { return feat_hash_double(a); }
static inline feat_int128 feat_body_hash_w(feat_int128 a, int64_t scale) {
    return feat_hash_decimal(a, scale >= 0 && scale <= 38 ? (int)scale : 0);
}
static inline feat_int128 feat_body_hash_v(feat_interval a) { return feat_hash_length(feat_interval_length(a)); }
static inline int64_t feat_body_hash_bucket(feat_int128 hash, int64_t n, uint8_t *state) {
    if (n <= 0) *state = FEAT_STATE_ERROR;
    return n <= 0 ? 0 : (int64_t)((uint64_t)hash % (uint64_t)n);
}

#endif
