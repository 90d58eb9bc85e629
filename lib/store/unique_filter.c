/* Filters of runs: whether a hash is certainly not in a run, told from memory alone. Rows that are pushed one by one
 * have new keys nearly always, and a page of each run would be read and checked for each. A filter is made by one pass
 * over its run, and lives as long as the run is asked about: runs never change.
 *
 * Blocks of 256 bits, one for a range of hashes, of which each entry sets one bit in each of eight words (Putze,
 * Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007); at 12 bits an entry about one hash in 250
 * is asked for in vain. */
#include "base/alloc.h"
#include "store/unique.h"

#define ENTRIES_OF_BLOCK 21
#define MOST_ENTRIES     (UINT64_C(1) << 26) /* larger runs have no filter: 100 MB */
#define WORDS            8

typedef struct filter {
    feat_digest key; /* of the run */
    uint32_t *words;
    uint64_t blocks;
    bool used; /* since the last turn */
} filter;

struct feat_unique_filters {
    filter *filters;
    size_t n, capacity;
};

feat_unique_filters *feat_unique_filters_new(void) { return feat_alloc_zero(1, sizeof(feat_unique_filters)); }

void feat_unique_filters_free(feat_unique_filters *f) {
    if (!f) return;
    for (size_t i = 0; i < f->n; i++) feat_free(f->filters[i].words);
    feat_free(f->filters);
    feat_free(f);
}

void feat_unique_filters_turn(feat_unique_filters *f) {
    size_t kept = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (!f->filters[i].used) {
            feat_free(f->filters[i].words);
            continue;
        }
        f->filters[kept] = f->filters[i];
        f->filters[kept++].used = false;
    }
    f->n = kept;
}

static uint32_t *block_of(const filter *f, uint64_t hash) {
    return f->words + (size_t)(((unsigned __int128)hash * f->blocks) >> 64) * WORDS;
}

/* The bit of word `i` comes from the hash's low half: its high half chooses the block. */
static uint32_t bit_of(uint64_t hash, int i) {
    static const uint32_t salts[WORDS] = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                          0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};
    return UINT32_C(1) << (((uint32_t)hash * salts[i]) >> 27);
}

static feat_status add_page(void *context, const feat_unique_entry *entries, size_t n, feat_error *err) {
    const filter *f = context;
    (void)err;
    for (size_t k = 0; k < n; k++) {
        uint32_t *block = block_of(f, entries[k].hash);
        for (int i = 0; i < WORDS; i++) block[i] |= bit_of(entries[k].hash, i);
    }
    return FEAT_OK;
}

static filter *find(feat_unique_filters *f, const feat_run *run) {
    for (size_t i = 0; i < f->n; i++)
        if (feat_digest_equal(&f->filters[i].key, &run->key)) return &f->filters[i];
    return NULL;
}

static bool excludes(filter *f, const uint64_t *hashes, size_t n) {
    f->used = true;
    for (size_t k = 0; k < n; k++) {
        const uint32_t *block = block_of(f, hashes[k]);
        uint32_t missing = 0;
        for (int i = 0; i < WORDS; i++) missing |= bit_of(hashes[k], i) & ~block[i];
        if (!missing) return false;
    }
    return true;
}

static feat_status make(feat_unique_filters *f, feat_env *env, MDB_txn *txn, const feat_run *run, feat_error *err) {
    filter made = {.key = run->key, .blocks = run->entries / ENTRIES_OF_BLOCK + 1};
    if (FEAT_GROW(f->filters, f->capacity, f->n + 1) != 0) return feat_fail_memory(err);
    made.words = feat_alloc_zero((size_t)made.blocks, WORDS * sizeof *made.words);
    if (!made.words) return feat_fail_memory(err);
    feat_status status = feat_unique_walk(env, txn, run, add_page, &made, err);
    if (status == FEAT_OK) f->filters[f->n++] = made;
    else feat_free(made.words);
    return status;
}

bool feat_unique_filters_exclude(feat_unique_filters *f, const feat_run *run, const uint64_t *hashes, size_t n) {
    filter *at = find(f, run);
    return at && excludes(at, hashes, n);
}

feat_status feat_unique_filters_ask(feat_unique_filters *f, feat_env *env, MDB_txn *txn, const feat_run *run,
                                    const uint64_t *hashes, size_t n, bool *may, feat_error *err) {
    *may = true;
    if (run->entries > MOST_ENTRIES) return FEAT_OK;
    if (!find(f, run)) FEAT_TRY(make(f, env, txn, run, err));
    *may = !excludes(find(f, run), hashes, n);
    return FEAT_OK;
}
