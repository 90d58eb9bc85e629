/* Bodies that make texts of other types, and bytes of texts; see body.h. */
#ifndef FEAT_LIB_EXEC_BODY_PRINT_H
#define FEAT_LIB_EXEC_BODY_PRINT_H

#include "base/scratch.h"
#include "column/list_print.h"
#include "exec/body_number.h"
#include "exec/exec.h"
#include "text/print.h"

/* At once where it will stay; the end that is not needed is given back. Without memory the result is empty, and whoever
 * runs the program learns it from the scratch. */
#define FEAT_PRINTED(CALL)                                                                                             \
    (void)state;                                                                                                       \
    char *to = feat_scratch_take(scratch, FEAT_PRINT_SIZE);                                                            \
    if (!to) return (feat_text){"", 0};                                                                                \
    size_t length = CALL;                                                                                              \
    feat_scratch_trim(scratch, to, length);                                                                            \
    return (feat_text) { to, length }

static inline feat_text feat_body_print_b(uint8_t a) { return a ? (feat_text){"true", 4} : (feat_text){"false", 5}; }
static inline feat_text feat_body_print_i(feat_scratch *scratch, int64_t a, uint8_t *state) {
    FEAT_PRINTED(feat_print_integer(a, to));
}
/* The type's precision and scale as one number: precision * 256 + scale. */
static inline feat_text feat_body_print_w(feat_scratch *scratch, feat_int128 a, int64_t shape, uint8_t *state) {
    FEAT_PRINTED(feat_print_decimal(a, feat_digits(shape >> 8), feat_digits(shape & 255), to));
}
static inline feat_text feat_body_print_f(feat_scratch *scratch, double a, uint8_t *state) {
    FEAT_PRINTED(feat_print_double(a, to));
}
static inline feat_text feat_body_print_f32(feat_scratch *scratch, double a, uint8_t *state) {
    FEAT_PRINTED(feat_print_real((float)a, to));
}
static inline feat_text feat_body_print_date(feat_scratch *scratch, int64_t a, uint8_t *state) {
    FEAT_PRINTED(feat_print_date(a, to));
}
static inline feat_text feat_body_print_timestamp(feat_scratch *scratch, int64_t a, uint8_t *state) {
    FEAT_PRINTED(feat_print_timestamp(a, to));
}
static inline feat_text feat_body_print_v(feat_scratch *scratch, feat_interval a, uint8_t *state) {
    FEAT_PRINTED(feat_print_interval(a.months, a.days, a.us, to));
}
#undef FEAT_PRINTED

static inline feat_text feat_body_print_blob(feat_scratch *scratch, feat_text a, uint8_t *state) {
    (void)state;
    return feat_print_blob(scratch, a);
}
static inline feat_text feat_body_print_list(feat_scratch *scratch, feat_text a, int64_t type, uint8_t *state) {
    feat_text out = {"", 0};
    if (!feat_nested_print(scratch, (feat_type)type, a, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline feat_text feat_body_read_blob(feat_scratch *scratch, feat_text a, uint8_t *state) {
    feat_text out = {"", 0};
    if (!feat_read_blob(scratch, a, &out)) *state = FEAT_STATE_ERROR;
    return out;
}

#endif
