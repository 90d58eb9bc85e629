/* Watching long work, and stopping it. */
#ifndef FEAT_PROGRESS_H
#define FEAT_PROGRESS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Called now and then, on the thread of the call that does the work, with how many of `total` units are done (units
 *  have no other meaning than their ratio; `done` never falls). Anything but 0 stops the work: the call fails with
 *  FEAT_CANCELLED and has changed nothing. It must not call back into the handle that works. */
typedef int feat_progress(void *context, uint64_t done, uint64_t total);

#ifdef __cplusplus
}
#endif

#endif
