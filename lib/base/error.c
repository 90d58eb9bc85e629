#define _POSIX_C_SOURCE 200809L
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(feat_error *err, feat_status code, int64_t row, const char *format, va_list args) {
    if (!err) return;
    err->code = code;
    err->line = 0;
    err->column = 0;
    err->row = row;
    vsnprintf(err->message, sizeof err->message, format, args);
}

feat_status feat_fail(feat_error *err, feat_status code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fill(err, code, -1, format, args);
    va_end(args);
    return code;
}

feat_status feat_fail_row(feat_error *err, feat_status code, int64_t row, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fill(err, code, row, format, args);
    va_end(args);
    return code;
}

feat_status feat_fail_memory(feat_error *err) { return feat_fail(err, FEAT_MEMORY, "out of memory"); }

feat_status feat_fail_os(feat_error *err, int errnum, const char *format, ...) {
    feat_status code = errnum == EROFS || errnum == EACCES || errnum == EPERM ? FEAT_READ_ONLY
                       : errnum == ENOMEM                                     ? FEAT_MEMORY
                                                                              : FEAT_IO;
    va_list args;
    va_start(args, format);
    fill(err, code, -1, format, args);
    va_end(args);
    if (err) {
        char text[128];
        if (strerror_r(errnum, text, sizeof text) != 0) snprintf(text, sizeof text, "error %d", errnum);
        size_t used = strlen(err->message);
        snprintf(err->message + used, sizeof err->message - used, ": %s", text);
    }
    return code;
}

static const struct {
    feat_status code;
    const char *name, *text;
} codes[] = {
#define FEAT_ERROR(name, number, text) {FEAT_##name, #name, text},
#include "feat/error.def"
#undef FEAT_ERROR
};

const char *feat_status_name(feat_status status) {
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].code == status) return codes[i].name;
    return "UNKNOWN";
}

const char *feat_status_text(feat_status status) {
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].code == status) return codes[i].text;
    return "a code that this version of libfeat does not know";
}
