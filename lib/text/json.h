/* Values within JSON texts (RFC 8259), without a tree: a text is checked as a whole, then its values are passed over.
 */
#ifndef FEAT_LIB_TEXT_JSON_H
#define FEAT_LIB_TEXT_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scratch.h"
#include "base/text.h"

#define FEAT_JSON_DEEPEST 1000

/* Arrays and objects nested deeper than FEAT_JSON_DEEPEST are not taken. */
bool feat_json_valid(feat_text s);

/* Paths: $ with steps .key, ."any key", [n], [-n] or [#-n] (from the end); a JSON pointer /key/0; any other text is a
 * key, and an empty one the text itself. Steps * and .. are refused. False: *reason, static text, says why. */
bool feat_json_check_path(feat_text path, const char **reason);

typedef enum feat_json_found { FEAT_JSON_VALUE, FEAT_JSON_MISSING, FEAT_JSON_WRONG } feat_json_found;

/* The value at a path, without the blanks between its parts; numbers and texts as they are written. Of two members of
 * one name the first. With `plain` a string is its text, and null is missing. Borrowed where it can be. */
feat_json_found feat_json_extract(feat_scratch *scratch, feat_text s, feat_text path, bool plain, feat_text *out);

#endif
