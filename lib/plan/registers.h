/* Sharing of registers. */
#ifndef FEAT_LIB_PLAN_REGISTERS_H
#define FEAT_LIB_PLAN_REGISTERS_H

#include "plan/plan.h"

/* Renumbers the registers of code in which each is written once, so that values whose lives do not overlap share one.
 * Loads, constants, outputs and the keys of joins keep theirs to the end; all others may share by class. A step never
 * writes over its own arguments. Memory from `arena`; on failure the code is as it was. */
feat_status feat_code_allocate(feat_arena *arena, feat_code *code, feat_error *err);

#endif
