/* Which entities of a view a new materialisation has to compute. */
#ifndef FEAT_LIB_AFFECTED_H
#define FEAT_LIB_AFFECTED_H

#include "engine/keymap.h"
#include "engine/work.h"
#include "plan/drift.h"
#include "store/store.h"

/* Keys, with what has been found out about each. */
typedef enum feat_touch {
    FEAT_TOUCH_CHANGED = 1, /* an event came, went or moved over the edge of a window */
    FEAT_TOUCH_KNOWN = 2,   /* an event is visible at the later time */
    FEAT_TOUCH_LOST = 4     /* an event was visible at the earlier time and is not at the later one */
} feat_touch;

typedef struct feat_touched {
    feat_keymap keys;
    uint8_t *flags;
    size_t capacity;
} feat_touched;

void feat_touched_init(feat_touched *touched);
void feat_touched_done(feat_touched *touched);
feat_status feat_touched_add(feat_touched *touched, const void *key, size_t size, uint8_t flags, feat_error *err);

/* Keys of a view back to values: those of `keys` from number `*from` on, at most `room`, into a column for each part
 * (cleared first). numbers[0..*n) are theirs; `*from` is where to go on. A key that no value of the view's types has is
 * passed over. */
feat_status feat_entities_columns(const feat_view *view, const feat_keymap *keys, uint32_t *from, size_t room,
                                  feat_column *columns, uint32_t *numbers, size_t *n, feat_error *err);

/* A view at a time, read at a version. */
typedef struct feat_moment {
    int64_t t;
    uint64_t version;
} feat_moment;

/* Called between lots of rows; an error ends the work. */
typedef struct feat_pause {
    feat_status (*check)(void *state, feat_error *err);
    void *state;
} feat_pause;

typedef struct feat_affecting {
    feat_db *db;
    const feat_view *view;
    const feat_drift *drift; /* of the view; it has no reason */
    feat_pause pause;
    size_t threads;  /* at least 1 */
    uint64_t memory; /* for events that are gathered at once; 0: no bound */
    const char *spill_directory;
    feat_work *work; /* what has been read is counted there */
} feat_affecting;

/* Adds FEAT_TOUCH_KNOWN to the entities that an event makes known at a moment: an event of a block that is asked for
 * the view's own key, visible, whether in a window or not. `all`: of every entity, which then enters `entities`; else
 * of those that are in it. FEAT_DEFINITION when no block is asked for the key: nothing says which entities there are.
 */
feat_status feat_entities_known(const feat_affecting *a, feat_moment at, bool all, feat_touched *entities,
                                feat_error *err);

/* Whether an entity that is known at `from` can be unknown at `to` (to.t >= from.t, to.version >= from.version). */
feat_status feat_entities_may_go(const feat_affecting *a, feat_moment from, feat_moment to, bool *may, feat_error *err);

/* The entities whose values at `to` can differ from those at `from` (to.t >= from.t, to.version >= from.version), or
 * that are known at one of them only: FEAT_TOUCH_CHANGED is set for each; those that have FEAT_TOUCH_KNOWN too are
 * known at `to`, the others are not. What has no FEAT_TOUCH_CHANGED has not changed. `*all`: every entity may have, and
 * `entities` means nothing. */
feat_status feat_entities_affected(const feat_affecting *a, feat_moment from, feat_moment to, feat_touched *entities,
                                   bool *all, feat_error *err);

#endif
