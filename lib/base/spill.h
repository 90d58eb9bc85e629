/* A file that has no name, for what does not fit into memory while a call works. It belongs to the process alone and is
 * gone when it is closed, or when the process ends in whatever way. */
#ifndef FEAT_LIB_SPILL_H
#define FEAT_LIB_SPILL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct feat_spill feat_spill;

/* What was written at once, for reading it again. */
typedef struct feat_spilled {
    uint64_t at, hash;
    size_t size;
} feat_spilled;

/* In a directory that exists and can be written to. */
feat_status feat_spill_open(const char *directory, feat_spill **spill, feat_error *err);
void feat_spill_close(feat_spill *spill);
/* Threads may write and read at the same time. A full disk is an FEAT_IO that says where. */
feat_status feat_spill_write(feat_spill *spill, const void *data, size_t size, feat_spilled *piece, feat_error *err);
/* Reads a whole piece; FEAT_IO when it is not what was written. */
feat_status feat_spill_read(const feat_spill *spill, const feat_spilled *piece, void *data, feat_error *err);
/* Bytes written so far. */
uint64_t feat_spill_bytes(const feat_spill *spill);

#endif
