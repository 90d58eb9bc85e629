/* Letters without their marks. */
#ifndef FEAT_LIB_TEXT_ACCENT_H
#define FEAT_LIB_TEXT_ACCENT_H

#include "base/scratch.h"
#include "base/text.h"

/* Each code point decomposed, without combining marks, and composed again; code points are not composed with each
 * other. ASCII borrows. An empty text when memory is out. */
feat_text feat_text_strip_accents(feat_scratch *scratch, feat_text s);

#endif
