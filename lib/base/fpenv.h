/* The floating-point environment that exact results need: round to nearest, no flush-to-zero, no denormals-are-zero. */
#ifndef FEAT_LIB_FPENV_H
#define FEAT_LIB_FPENV_H

#include <stdint.h>

typedef struct feat_fpenv {
    uint64_t control;
} feat_fpenv;

/* Saves the caller's control word and sets the IEEE default; `leave` puts the caller's back. A few cycles when nothing
 * differs. */
void feat_fpenv_enter(feat_fpenv *saved);
void feat_fpenv_leave(const feat_fpenv *saved);

#endif
