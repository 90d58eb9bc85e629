/* Bodies of functions of JSON texts; see body.h. */
#ifndef FEAT_LIB_EXEC_BODY_JSON_H
#define FEAT_LIB_EXEC_BODY_JSON_H

#include "exec/exec.h"
#include "text/json.h"

static inline feat_text feat_json_part(feat_scratch *scratch, feat_text a, feat_text path, bool plain, uint8_t *state) {
    feat_text out;
    feat_json_found found = feat_json_extract(scratch, a, path, plain, &out);
    if (found == FEAT_JSON_MISSING) *state = FEAT_STATE_NULL;
    else if (found == FEAT_JSON_WRONG) *state = FEAT_STATE_ERROR;
    return out;
}
static inline feat_text feat_body_json_extract(feat_scratch *scratch, feat_text a, feat_text path, uint8_t *state) {
    return feat_json_part(scratch, a, path, false, state);
}
static inline feat_text feat_body_json_extract_string(feat_scratch *scratch, feat_text a, feat_text path,
                                                      uint8_t *state) {
    return feat_json_part(scratch, a, path, true, state);
}

#endif
