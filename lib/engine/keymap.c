#include "engine/keymap.h"

#include <string.h>

#include "base/alloc.h"
#include "base/digest.h"

void feat_keymap_init(feat_keymap *map) {
    *map = (feat_keymap){0};
    feat_buffer_init(&map->bytes);
}

void feat_keymap_done(feat_keymap *map) {
    feat_free(map->table);
    feat_free(map->hashes);
    feat_free(map->ends);
    feat_buffer_done(&map->bytes);
    feat_keymap_init(map);
}

const void *feat_keymap_key(const feat_keymap *map, uint32_t number, size_t *size) {
    uint64_t start = number ? map->ends[number - 1] : 0;
    *size = (size_t)(map->ends[number] - start);
    return map->bytes.data + start;
}

static bool rehash(feat_keymap *map) {
    size_t size = map->table_size ? map->table_size * 2 : 64;
    uint32_t *table = feat_alloc_zero(size, sizeof *table);
    if (!table) return false;
    for (size_t i = 0; i < map->n; i++) {
        size_t at = map->hashes[i] & (size - 1);
        while (table[at]) at = (at + 1) & (size - 1);
        table[at] = (uint32_t)i + 1;
    }
    feat_free(map->table);
    map->table = table;
    map->table_size = size;
    return true;
}

bool feat_keymap_number(feat_keymap *map, const void *key, size_t size, bool insert, uint32_t *number) {
    *number = FEAT_NO_KEY;
    if (!insert && map->n == 0) return true;
    if (map->n * 2 >= map->table_size && insert && !rehash(map)) return false;
    uint64_t hash = feat_hash64(key, size);
    size_t at = hash & (map->table_size - 1);
    for (; map->table[at]; at = (at + 1) & (map->table_size - 1)) {
        uint32_t candidate = map->table[at] - 1;
        if (map->hashes[candidate] != hash) continue;
        size_t stored_size;
        const void *stored = feat_keymap_key(map, candidate, &stored_size);
        if (stored_size == size && memcmp(stored, key, size) == 0) {
            *number = candidate;
            return true;
        }
    }
    if (!insert) return true;
    if (map->n >= FEAT_NO_KEY - 1 || FEAT_GROW(map->hashes, map->hashes_capacity, map->n + 1) != 0 ||
        FEAT_GROW(map->ends, map->ends_capacity, map->n + 1) != 0)
        return false;
    feat_buffer_append(&map->bytes, key, size);
    if (map->bytes.failed) return false;
    map->hashes[map->n] = hash;
    map->ends[map->n] = map->bytes.size;
    map->table[at] = (uint32_t)map->n + 1;
    *number = (uint32_t)map->n++;
    return true;
}

bool feat_entity_key(feat_buffer *out, const feat_column *const *parts, size_t n, size_t row) {
    feat_buffer_clear(out);
    for (size_t i = 0; i < n; i++) {
        if (feat_column_is_null(parts[i], row)) return false;
        feat_key_append(out, parts[i], row);
    }
    return true;
}
