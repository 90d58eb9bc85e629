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

/* Appends events as bytes of this machine, which are to start at a multiple of 16. */
void feat_events_pack(const feat_events *events, feat_buffer *out);
/* A view of packed events: `like` has the same slots and ties. The bytes are changed, once, by opening them, and hold
 * what the view shows. */
feat_status feat_packed_init(feat_events *view, const feat_events *like, feat_error *err);
void feat_packed_open(feat_events *view, void *bytes);
void feat_packed_done(feat_events *view);

#endif
