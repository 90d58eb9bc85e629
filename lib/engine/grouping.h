/* The rows of a spine, grouped by key and in the order of their times: what a sweep over events walks along. */
#ifndef FEAT_LIB_GROUPING_H
#define FEAT_LIB_GROUPING_H

#include "engine/keymap.h"
#include "exec/exec.h"
#include "plan/plan.h"

/* Numbers for integers: 0, 1, 2, ... in the order of first sight. */
typedef struct feat_intmap {
    int64_t *keys;     /* by slot of an open table */
    uint32_t *numbers; /* FEAT_NO_KEY: the slot is free */
    size_t size, n;
} feat_intmap;

void feat_intmap_done(feat_intmap *map);
static inline uint64_t feat_intmap_hash(int64_t key) {
    uint64_t x = (uint64_t)key * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 32;
}
/* The number of a key, given one if it is new. False when memory is out. */
bool feat_intmap_number(feat_intmap *map, int64_t key, uint32_t *number);
/* The number of a key, or FEAT_NO_KEY. */
static inline uint32_t feat_intmap_find(const feat_intmap *map, int64_t key) {
    if (map->size == 0) return FEAT_NO_KEY;
    for (size_t at = feat_intmap_hash(key) & (map->size - 1);; at = (at + 1) & (map->size - 1))
        if (map->numbers[at] == FEAT_NO_KEY || map->keys[at] == key) return map->numbers[at];
}

/* Keys that are one integer are divided by their hash, so that each part is small and threads can work on several. */
#define FEAT_GROUPING_PARTS 32

typedef struct feat_grouping {
    size_t n_rows, n_keys;
    bool by_int; /* the key is one integer, numbered by `parts`; else by `map` */
    feat_intmap parts[FEAT_GROUPING_PARTS];
    uint32_t bases[FEAT_GROUPING_PARTS]; /* the first number of a part's keys */
    feat_keymap map;
    uint32_t *starts; /* n_keys + 2: group k is [starts[k], starts[k + 1]); the last one is of rows without a key */
    uint32_t *rows;   /* by place in the groups: the number of the row */
    int64_t *times;   /* by place */
    int64_t least, greatest; /* keys, where by_int and n_keys > 0 */
} feat_grouping;

/* Groups n rows by the key of a join of `code`, whose earlier joins have been answered. `times` are those of the rows.
 */
feat_status feat_grouping_make(feat_grouping *g, const feat_code *code, size_t join, const feat_row_source *rows,
                               size_t n, size_t threads, feat_error *err);
/* The number of a key that is one integer, or FEAT_NO_KEY. */
static inline uint32_t feat_grouping_find(const feat_grouping *g, int64_t key) {
    size_t part = (size_t)(feat_intmap_hash(key) >> 59);
    uint32_t number = feat_intmap_find(&g->parts[part], key);
    return number == FEAT_NO_KEY ? number : g->bases[part] + number;
}
/* The keys that are one integer, by number; room for n_keys. */
void feat_grouping_keys(const feat_grouping *g, int64_t *keys);
/* Fills `map` with the keys that `parts` have, under the same numbers. */
feat_status feat_grouping_encode(feat_grouping *g, feat_error *err);
void feat_grouping_done(feat_grouping *g);

#endif
