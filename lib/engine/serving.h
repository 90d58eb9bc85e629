/* What deploying and undeploying share. */
#ifndef FEAT_LIB_SERVING_H
#define FEAT_LIB_SERVING_H

#include "online/state.h"

/* Deletes a state that no record names any more, in transactions of bounded size. */
feat_status feat_serving_drop(feat_env *env, uint32_t state, feat_error *err);
feat_status feat_serving_read(feat_env *env, feat_arena *arena, feat_online_meta *meta, feat_error *err);

#endif
