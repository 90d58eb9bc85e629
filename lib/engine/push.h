/* Rows that are pushed into the tail, and the commits that they become. The store's lock must be held for all of it. */
#ifndef FEAT_LIB_ENGINE_PUSH_H
#define FEAT_LIB_ENGINE_PUSH_H

#include "engine/engine.h"
#include "feat/push.h"

/* What pushing to a store keeps from one push to the next: definitions, and the rows in the tail with an index of their
 * UNIQUE keys. */
typedef struct feat_pusher feat_pusher;

feat_status feat_pusher_new(feat_db *db, feat_pusher **pusher, feat_error *err);
void feat_pusher_free(feat_pusher *pusher); /* NULL is a no-op */
/* Adds rows to the tail. The stream is released in every case. */
feat_status feat_pusher_push(feat_pusher *pusher, const char *table, struct ArrowArrayStream *rows,
                             const feat_push_options *opt, feat_pushed *done, feat_error *err);

/* Makes all rows in the tail one commit; with none, `done` is the newest version. */
feat_status feat_push_fold(feat_db *db, feat_commit *done, feat_error *err);
/* The same; only whether it went well. */
feat_status feat_push_settle(feat_db *db, feat_error *err);

#endif
