/* Adding to events, between those who do. */
#ifndef FEAT_LIB_EXEC_EVENTS_H
#define FEAT_LIB_EXEC_EVENTS_H

#include "exec/exec.h"

/* Room for `more` events; 0, or -1 when memory is out. */
int feat_events_room(feat_events *events, size_t more);
/* Takes away the ties that a failed addition left behind. */
void feat_events_drop_ties(feat_events *events);
/* Copies the bytes of a text into the events' own memory. */
bool feat_events_keep_text(feat_events *events, feat_text *text);

#endif
