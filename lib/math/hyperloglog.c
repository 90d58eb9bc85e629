#include "math/hyperloglog.h"

#include <math.h>
#include <string.h>

/* ---- The state. ---- */

static void raise_register(feat_hll *h, uint64_t hash) {
    uint8_t rank = feat_hll_rank(hash), *place = &h->registers[feat_hll_register(hash)];
    if (rank > *place) *place = rank;
}

static void make_dense(feat_hll *h) {
    uint64_t hashes[FEAT_HLL_FEW];
    uint32_t n = h->n;
    memcpy(hashes, h->hashes, n * sizeof *hashes);
    memset(h->registers, 0, sizeof h->registers);
    h->n = FEAT_HLL_DENSE;
    for (uint32_t i = 0; i < n; i++) raise_register(h, hashes[i]);
}

void feat_hll_add(feat_hll *h, uint64_t hash) {
    if (h->n != FEAT_HLL_DENSE) {
        uint32_t low = 0, high = h->n;
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            if (h->hashes[middle] < hash) low = middle + 1;
            else high = middle;
        }
        if (low < h->n && h->hashes[low] == hash) return;
        if (h->n < FEAT_HLL_FEW) {
            memmove(h->hashes + low + 1, h->hashes + low, (h->n - low) * sizeof *h->hashes);
            h->hashes[low] = hash;
            h->n++;
            return;
        }
        make_dense(h); /* one more than fit */
    }
    raise_register(h, hash);
}

/* The different ones of two ascending lists, as far as there is room for them; false when there is not. */
static bool unite(feat_hll *h, const feat_hll *other) {
    uint64_t both[FEAT_HLL_FEW];
    uint32_t i = 0, k = 0, n = 0;
    for (; i < h->n || k < other->n; n++) {
        if (n == FEAT_HLL_FEW) return false;
        uint64_t a = i < h->n ? h->hashes[i] : UINT64_MAX, b = k < other->n ? other->hashes[k] : UINT64_MAX;
        both[n] = a < b ? a : b;
        i += i < h->n && a == both[n];
        k += k < other->n && b == both[n];
    }
    memcpy(h->hashes, both, n * sizeof *both);
    h->n = n;
    return true;
}

void feat_hll_merge(feat_hll *h, const feat_hll *other) {
    if (h->n != FEAT_HLL_DENSE) {
        if (other->n != FEAT_HLL_DENSE && unite(h, other)) return;
        make_dense(h);
    }
    if (other->n != FEAT_HLL_DENSE) {
        for (uint32_t i = 0; i < other->n; i++) raise_register(h, other->hashes[i]);
        return;
    }
    for (size_t i = 0; i < FEAT_HLL_REGISTERS; i++)
        if (other->registers[i] > h->registers[i]) h->registers[i] = other->registers[i];
}

/* ---- The estimate. ---- */

/* x + x^2 + 2 x^4 + 4 x^8 + ...: what registers that were never touched stand for. Infinite at 1. */
static double sigma(double x) {
    if (x >= 1.0) return HUGE_VAL;
    double sum = x, weight = 1.0, before;
    do {
        x *= x;
        before = sum;
        sum += x * weight;
        weight += weight;
    } while (sum != before);
    return sum;
}

/* (1 - x - (1 - x^(1/2))^2 / 2 - (1 - x^(1/4))^2 / 4 - ...) / 3: what registers at their end stand for. */
static double tau(double x) {
    if (x <= 0.0 || x >= 1.0) return 0.0;
    double sum = 1.0 - x, weight = 1.0, before;
    do {
        x = sqrt(x);
        before = sum;
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
    } while (sum != before);
    return sum / 3.0;
}

uint64_t feat_hll_count(const feat_hll *h) {
    if (h->n != FEAT_HLL_DENSE) return h->n;
    uint32_t of_rank[FEAT_HLL_RANK_MAX + 1] = {0};
    for (size_t i = 0; i < FEAT_HLL_REGISTERS; i++) of_rank[h->registers[i]]++;
    return feat_hll_estimate(of_rank);
}

uint64_t feat_hll_estimate(const uint32_t of_rank[FEAT_HLL_RANK_MAX + 1]) {
    const double m = FEAT_HLL_REGISTERS, half_of_log2_e = 0x1.71547652b82fep-1; /* 1 / (2 ln 2) */
    double sum = m * tau(1.0 - of_rank[FEAT_HLL_RANK_MAX] / m);
    for (int rank = FEAT_HLL_RANK_MAX - 1; rank >= 1; rank--) sum = 0.5 * (sum + of_rank[rank]);
    sum += m * sigma(of_rank[0] / m);
    double estimate = rint(half_of_log2_e * m * m / sum);
    return estimate < 0x1p63 ? (uint64_t)estimate : UINT64_C(1) << 63;
}

/* ---- Bytes. ---- */

enum { FORM_HASHES = 0, FORM_REGISTERS = 1 };

void feat_hll_write(const feat_hll *h, feat_buffer *out) {
    if (h->n != FEAT_HLL_DENSE) {
        feat_buffer_byte(out, FORM_HASHES);
        feat_buffer_byte(out, (uint8_t)(h->n >> 8));
        feat_buffer_byte(out, (uint8_t)h->n);
        for (uint32_t i = 0; i < h->n; i++) feat_buffer_be64(out, h->hashes[i]);
        return;
    }
    feat_buffer_byte(out, FORM_REGISTERS);
    for (size_t i = 0; i < FEAT_HLL_REGISTERS; i += 4) {
        const uint8_t *r = h->registers + i;
        uint32_t four = (uint32_t)r[0] << 18 | (uint32_t)r[1] << 12 | (uint32_t)r[2] << 6 | r[3];
        for (int shift = 16; shift >= 0; shift -= 8) feat_buffer_byte(out, (uint8_t)(four >> shift));
    }
}

static bool read_hashes(feat_hll *h, feat_cursor *bytes) {
    uint32_t n = (uint32_t)feat_cursor_byte(bytes) << 8;
    n |= feat_cursor_byte(bytes);
    if (bytes->failed || n > FEAT_HLL_FEW) return false;
    h->n = n;
    for (uint32_t i = 0; i < n; i++) {
        h->hashes[i] = feat_cursor_be64(bytes);
        if (i > 0 && h->hashes[i] <= h->hashes[i - 1]) return false;
    }
    return !bytes->failed;
}

static bool read_registers(feat_hll *h, feat_cursor *bytes) {
    const uint8_t *from = feat_cursor_bytes(bytes, FEAT_HLL_REGISTERS / 4 * 3);
    if (!from) return false;
    h->n = FEAT_HLL_DENSE;
    uint8_t highest = 0;
    for (size_t i = 0; i < FEAT_HLL_REGISTERS; i += 4, from += 3) {
        uint32_t four = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
        for (size_t k = 0; k < 4; k++) {
            h->registers[i + k] = four >> (18 - 6 * k) & 63;
            if (h->registers[i + k] > highest) highest = h->registers[i + k];
        }
    }
    return highest > 0 && highest <= FEAT_HLL_RANK_MAX;
}

feat_status feat_hll_read(feat_hll *h, feat_cursor *bytes, feat_error *err) {
    uint8_t form = feat_cursor_byte(bytes);
    bool good = !bytes->failed && (form == FORM_HASHES      ? read_hashes(h, bytes)
                                   : form == FORM_REGISTERS ? read_registers(h, bytes)
                                                            : false);
    return good ? FEAT_OK : feat_fail(err, FEAT_CORRUPT, "a count of different values is damaged");
}
