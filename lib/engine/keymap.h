/* Numbers for keys: maps the encoding of an entity key to 0, 1, 2, ... in order of first sight. */
#ifndef FEAT_LIB_KEYMAP_H
#define FEAT_LIB_KEYMAP_H

#include <stdbool.h>

#include "base/buffer.h"
#include "column/column.h"

#define FEAT_NO_KEY UINT32_MAX

typedef struct feat_keymap {
    uint32_t *table; /* open addressing: number + 1 */
    uint64_t *hashes;
    uint64_t *ends; /* end of each key in `bytes` */
    size_t table_size, n, hashes_capacity, ends_capacity;
    feat_buffer bytes;
} feat_keymap;

void feat_keymap_init(feat_keymap *map);
void feat_keymap_done(feat_keymap *map);
/* The number of the key, given one if it is new and `insert`; FEAT_NO_KEY when it is not there. False when memory is
 * out. */
bool feat_keymap_number(feat_keymap *map, const void *key, size_t size, bool insert, uint32_t *number);
/* The encoding of key `number`. Valid until the next insertion. */
const void *feat_keymap_key(const feat_keymap *map, uint32_t number, size_t *size);

/* Appends the encoding of a row's entity key to `out` (cleared first); false when a part is NULL: the row belongs to no
 * entity. */
bool feat_entity_key(feat_buffer *out, const feat_column *const *parts, size_t n, size_t row);

#endif
