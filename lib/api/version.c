/* The version of the library, and giving back text that it handed over. */
#include "feat/base.h"

#include "base/alloc.h"

#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)

const char *feat_version(void) {
    return TEXT(FEAT_VERSION_MAJOR) "." TEXT(FEAT_VERSION_MINOR) "." TEXT(FEAT_VERSION_PATCH);
}

void feat_text_free(char *text) { feat_free(text); }
