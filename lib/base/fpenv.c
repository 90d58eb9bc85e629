#include "base/fpenv.h"

#include <float.h>

_Static_assert(FLT_EVAL_METHOD == 0, "exact results need expressions evaluated in their own type");

#if defined(__x86_64__)
#include <xmmintrin.h>

/* MXCSR: rounding control (13-14), flush to zero (15), denormals are zero (6), exception masks (7-12). */
enum { MXCSR_DEFAULT = 0x1f80, MXCSR_FLAGS = 0x3f };

void feat_fpenv_enter(feat_fpenv *saved) {
    unsigned control = _mm_getcsr();
    saved->control = control;
    if ((control & ~(unsigned)MXCSR_FLAGS) != MXCSR_DEFAULT) _mm_setcsr(MXCSR_DEFAULT);
}

void feat_fpenv_leave(const feat_fpenv *saved) {
    if ((saved->control & ~(uint64_t)MXCSR_FLAGS) != MXCSR_DEFAULT) _mm_setcsr((unsigned)saved->control);
}

#elif defined(__aarch64__)

void feat_fpenv_enter(feat_fpenv *saved) {
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    saved->control = control;
    if (control != 0) __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
}

void feat_fpenv_leave(const feat_fpenv *saved) {
    if (saved->control != 0) __asm__ volatile("msr fpcr, %0" : : "r"(saved->control));
}

#else
#include <fenv.h>

void feat_fpenv_enter(feat_fpenv *saved) {
    saved->control = (uint64_t)fegetround();
    fesetround(FE_TONEAREST);
}

void feat_fpenv_leave(const feat_fpenv *saved) { fesetround((int)saved->control); }
#endif
