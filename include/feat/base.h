/* Status codes, the error struct, the version of the library, and the allocator. */
#ifndef FEAT_BASE_H
#define FEAT_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FEAT_API __attribute__((visibility("default")))
#else
#define FEAT_API
#endif

#define FEAT_VERSION_MAJOR 0
#define FEAT_VERSION_MINOR 1
#define FEAT_VERSION_PATCH 0

/** Outcome of a call. FEAT_OK is 0; every other value means that the call changed nothing, unless its
 *  documentation says otherwise. The table is `feat/error.def`. */
typedef enum feat_status {
#define FEAT_ERROR(name, number, text) FEAT_##name = number,
#include "feat/error.def"
#undef FEAT_ERROR
} feat_status;

#define FEAT_ERROR_MESSAGE_SIZE 1024

/** What went wrong, filled by a failing call. Owned by the caller; every function takes NULL instead.
 *  A call that succeeds leaves it untouched. */
typedef struct feat_error {
    feat_status code;
    uint32_t line;                         /**< line in the SQL text, from 1; 0 when the error has no place in a text */
    uint32_t column;                       /**< column in bytes, from 1 */
    int64_t row;                           /**< row of the input, from 0; -1 when the error is not about a row */
    char message[FEAT_ERROR_MESSAGE_SIZE]; /**< what, where and how to mend it; NUL-terminated UTF-8 */
} feat_error;

/** Version of the linked library as "major.minor.patch". Static storage. Any thread. */
FEAT_API const char *feat_version(void);

/** Upper-case name of a status code, as "NOT_FOUND"; "UNKNOWN" for a number outside the table. Static storage. */
FEAT_API const char *feat_status_name(feat_status status);

/** One-line meaning of a status code. Static storage. */
FEAT_API const char *feat_status_text(feat_status status);

/** Frees text that a call of this library handed over (`feat_explain`). NULL is a no-op. */
FEAT_API void feat_text_free(char *text);

#ifdef __cplusplus
}
#endif

#endif
