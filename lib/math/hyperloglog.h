/* How many different values there are, from 64-bit hashes of them: HyperLogLog, as registers that only ever grow.
 *
 * A state is a function of the set of hashes: neither their order, nor how often one came, nor how states were merged
 * leaves a trace. Up to FEAT_HLL_FEW different hashes are kept as they are, so that the count is exact (unless two
 * values have one hash); beyond that 4096 registers hold the longest run of zeros seen of their share of the hashes,
 * and the standard error is 1.63 %. The estimate is a function of the registers' histogram alone: Ertl's improved
 * estimator (O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017), which needs no table of
 * biases and no second formula for small counts. It uses + - * / and sqrt in a fixed order. */
#ifndef FEAT_LIB_MATH_HYPERLOGLOG_H
#define FEAT_LIB_MATH_HYPERLOGLOG_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum {
    FEAT_HLL_BITS = 12, /* of a hash choose its register */
    FEAT_HLL_REGISTERS = 1 << FEAT_HLL_BITS,
    FEAT_HLL_RANK_MAX = 64 - FEAT_HLL_BITS + 1,
    FEAT_HLL_FEW = 512, /* as many hashes as take the place of the registers */
    FEAT_HLL_MAX_BYTES = 3 + 8 * FEAT_HLL_FEW
};

typedef struct feat_hll {
    uint32_t n; /* hashes, or FEAT_HLL_DENSE */
    union {
        uint64_t hashes[FEAT_HLL_FEW]; /* ascending, each once */
        uint8_t registers[FEAT_HLL_REGISTERS];
    };
} feat_hll;

#define FEAT_HLL_DENSE UINT32_MAX

static inline void feat_hll_init(feat_hll *h) { h->n = 0; }
void feat_hll_add(feat_hll *h, uint64_t hash);
/* The state of both sets together. */
void feat_hll_merge(feat_hll *h, const feat_hll *other);
/* The number of different hashes, rounded to a whole number. */
uint64_t feat_hll_count(const feat_hll *h);

/* Of registers by what they hold, for those who keep the registers otherwise. */
uint64_t feat_hll_estimate(const uint32_t of_rank[FEAT_HLL_RANK_MAX + 1]);
/* What a hash raises its register to, and which one. */
static inline uint8_t feat_hll_rank(uint64_t hash) {
    uint64_t rest = hash << FEAT_HLL_BITS;
    return rest ? (uint8_t)(__builtin_clzll(rest) + 1) : FEAT_HLL_RANK_MAX;
}
static inline uint32_t feat_hll_register(uint64_t hash) { return (uint32_t)(hash >> (64 - FEAT_HLL_BITS)); }

/* Canonical bytes, equal for equal states. A byte 0, u16 n (big-endian) and the hashes, ascending and big-endian; or a
 * byte 1 and the registers in order, 6 bits each, the highest first. */
void feat_hll_write(const feat_hll *h, feat_buffer *out);
/* Untrusted bytes: what feat_hll_write cannot have written is FEAT_CORRUPT, and `h` is then unspecified. */
feat_status feat_hll_read(feat_hll *h, feat_cursor *bytes, feat_error *err);

#endif
