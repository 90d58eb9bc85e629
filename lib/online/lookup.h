/* Looking vectors up in the serving state of a deployed service: the same code as offline, one row at a time. */
#ifndef FEAT_LIB_LOOKUP_H
#define FEAT_LIB_LOOKUP_H

#include "feat/online.h"
#include "online/state.h"

typedef struct feat_lookup feat_lookup;

/* `service` is borrowed. FEAT_NOT_FOUND when its views have no state. */
feat_status feat_lookup_open(feat_db *db, const feat_service *service, feat_lookup **lookup, feat_error *err);
void feat_lookup_close(feat_lookup *lookup);
feat_status feat_lookup_get(feat_lookup *lookup, const feat_request *request, feat_value *values,
                            feat_position *position, feat_error *err);

#endif
