/* Bodies of regular expressions; see body.h. */
#ifndef FEAT_LIB_EXEC_BODY_REGEX_H
#define FEAT_LIB_EXEC_BODY_REGEX_H

#include "exec/exec.h"
#include "text/regex.h"

static inline feat_text feat_regex_made(feat_scratch *scratch, feat_text pattern, feat_text options,
                                        feat_regex_kind kind, uint8_t *state) {
    feat_text program;
    char reason[128];
    if (!feat_regex_compile(scratch, pattern, options, kind, &program, reason)) *state = FEAT_STATE_ERROR;
    return program;
}
static inline feat_text feat_body_regex_search(feat_scratch *scratch, feat_text pattern, feat_text options,
                                               uint8_t *state) {
    return feat_regex_made(scratch, pattern, options, FEAT_REGEX_SEARCH, state);
}
static inline feat_text feat_body_regex_whole(feat_scratch *scratch, feat_text pattern, feat_text options,
                                              uint8_t *state) {
    return feat_regex_made(scratch, pattern, options, FEAT_REGEX_WHOLE, state);
}
static inline feat_text feat_body_regex_each(feat_scratch *scratch, feat_text pattern, feat_text options,
                                             uint8_t *state) {
    return feat_regex_made(scratch, pattern, options, FEAT_REGEX_REPLACE, state);
}
static inline uint8_t feat_body_regex_matches(feat_scratch *scratch, feat_text a, feat_text program, uint8_t *state) {
    (void)state;
    return feat_regex_matches(scratch, program, a);
}
static inline feat_text feat_body_regex_extract(feat_scratch *scratch, feat_text a, feat_text program, int64_t group,
                                                uint8_t *state) {
    feat_text out;
    if (!feat_regex_extract(scratch, program, a, group, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline feat_text feat_body_regex_replace(feat_scratch *scratch, feat_text a, feat_text program, feat_text by,
                                                uint8_t *state) {
    feat_text out;
    if (!feat_regex_replace(scratch, program, a, by, &out)) *state = FEAT_STATE_ERROR;
    return out;
}

#endif
