/* Building errors. One place, where the failure is known, fills the message; callers above pass it on unchanged. */
#ifndef FEAT_LIB_ERROR_H
#define FEAT_LIB_ERROR_H

#include "feat/base.h"

#if defined(__GNUC__)
#define FEAT_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define FEAT_PRINTF(f, a)
#endif

/* Fills `err` (which may be NULL) and returns `code`, so that `return feat_fail(...)` reads as a sentence. */
feat_status feat_fail(feat_error *err, feat_status code, const char *format, ...) FEAT_PRINTF(3, 4);

/* The same, naming a row of the caller's input. */
feat_status feat_fail_row(feat_error *err, feat_status code, int64_t row, const char *format, ...) FEAT_PRINTF(4, 5);

/* The failure of an allocation: needs no memory itself. */
feat_status feat_fail_memory(feat_error *err);

/* The failure of a system call: appends the text of `errnum`. FEAT_READ_ONLY for EROFS, EACCES and EPERM, else FEAT_IO.
 */
feat_status feat_fail_os(feat_error *err, int errnum, const char *format, ...) FEAT_PRINTF(3, 4);

/* Leaves the calling function with the status of `expr` unless it is FEAT_OK. */
#define FEAT_TRY(expr)                                                                                                 \
    do {                                                                                                               \
        feat_status feat_try_status_ = (expr);                                                                         \
        if (feat_try_status_ != FEAT_OK) return feat_try_status_;                                                      \
    } while (0)

/* Stores the status of `expr` in `status` and jumps to `label` unless it is FEAT_OK. */
#define FEAT_GOTO(status, expr, label)                                                                                 \
    do {                                                                                                               \
        (status) = (expr);                                                                                             \
        if ((status) != FEAT_OK) goto label;                                                                           \
    } while (0)

#endif
