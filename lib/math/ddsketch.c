#include "math/ddsketch.h"

#include <math.h>

#include "base/alloc.h"
#include "math/number.h"

/* ---- Bins. ---- */

enum { DROPPED_BITS = 52 - 6, BIN_INFINITE = 0x7ff * 64 + 1, BIN_LEAST = -BIN_INFINITE };

/* Zero is bin 0; a positive number one above the number that its leading bits make, a negative one the opposite. */
int32_t feat_ddsketch_bin_of(double value) {
    if (value != value) return FEAT_DDSKETCH_BIN_MAX;
    if (value == 0) return 0;
    int32_t magnitude = (int32_t)(feat_double_bits(fabs(value)) >> DROPPED_BITS) + 1;
    return value < 0 ? -magnitude : magnitude;
}

double feat_ddsketch_value(int32_t bin, double least, double greatest) {
    if (bin == 0) return 0.0;
    if (bin == FEAT_DDSKETCH_BIN_MAX) return feat_double_of_bits(FEAT_NAN_BITS);
    int32_t magnitude = bin < 0 ? -bin : bin;
    double middle =
        magnitude == BIN_INFINITE
            ? HUGE_VAL
            : feat_double_of_bits((uint64_t)(magnitude - 1) << DROPPED_BITS | UINT64_C(1) << (DROPPED_BITS - 1));
    if (bin < 0) middle = -middle;
    if (middle < least) return least;
    return middle > greatest ? greatest : middle; /* a NaN is greater than none here, and limits nothing */
}

/* ---- The state. ---- */

void feat_ddsketch_init(feat_ddsketch *s) { *s = (feat_ddsketch){0}; }

void feat_ddsketch_done(feat_ddsketch *s) {
    feat_free(s->bins);
    feat_ddsketch_init(s);
}

static void sift(feat_ddsketch_bin *heap, size_t root, size_t n) {
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && heap[child].bin < heap[child + 1].bin) child++;
        if (heap[root].bin >= heap[child].bin) return;
        feat_ddsketch_bin greater = heap[child];
        heap[child] = heap[root];
        heap[root] = greater;
    }
}

/* Sorts in place and adds up counts of one bin. */
static void put_in_order(feat_ddsketch *s) {
    if (s->ordered == s->n) return;
    feat_ddsketch_bin *bins = s->bins;
    for (size_t i = s->n / 2; i-- > 0;) sift(bins, i, s->n);
    for (size_t i = s->n; i-- > 1;) {
        feat_ddsketch_bin greatest = bins[0];
        bins[0] = bins[i];
        bins[i] = greatest;
        sift(bins, 0, i);
    }
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (kept && bins[kept - 1].bin == bins[i].bin) bins[kept - 1].count += bins[i].count;
        else bins[kept++] = bins[i];
    }
    s->n = s->ordered = kept;
}

/* Room for `more` bins behind. Sorting is put off until the room is used up, and more is taken where it leaves less
 * than half of it free: so a bin costs the logarithm of their number. */
static int make_room(feat_ddsketch *s, size_t more) {
    if (s->capacity - s->n >= more) return 0;
    put_in_order(s);
    size_t want = s->n + more;
    if (want <= s->capacity / 2) return 0;
    return FEAT_GROW(s->bins, s->capacity, 2 * want);
}

/* In the total order of min, where zeros are one. */
static void widen(feat_ddsketch *s, double least, double greatest) {
    if (s->count == 0 || feat_double_order(least, s->least) < 0) s->least = least;
    if (s->count == 0 || feat_double_order(greatest, s->greatest) > 0) s->greatest = greatest;
}

/* A bin among those in order; NULL when it is not there. */
static feat_ddsketch_bin *find(const feat_ddsketch *s, int32_t bin) {
    if (s->ordered == 0) return NULL;
    size_t low = 0;
    for (size_t size = s->ordered; size > 1;) {
        size_t half = size / 2;
        low += s->bins[low + half].bin <= bin ? half : 0;
        size -= half;
    }
    return s->bins[low].bin == bin ? &s->bins[low] : NULL;
}

int feat_ddsketch_add(feat_ddsketch *s, double value) {
    int32_t bin = feat_ddsketch_bin_of(value);
    feat_ddsketch_bin *known = find(s, bin);
    if (!known && make_room(s, 1) != 0) return -1;
    value = feat_double_canonical(value == 0 ? 0.0 : value);
    widen(s, value, value);
    if (known) known->count++;
    else s->bins[s->n++] = (feat_ddsketch_bin){bin, 1};
    s->count++;
    return 0;
}

int feat_ddsketch_merge(feat_ddsketch *s, const feat_ddsketch *other) {
    size_t n = other->n; /* `other` may be `s` itself: its bins up to here stay where they are unless they are sorted */
    if (n == 0) return 0;
    if (s == other) put_in_order(s), n = s->n;
    if (make_room(s, n) != 0) return -1;
    widen(s, other->least, other->greatest);
    uint64_t count = other->count;
    for (size_t i = 0; i < n; i++) s->bins[s->n + i] = other->bins[i];
    s->n += n;
    s->count += count;
    return 0;
}

double feat_ddsketch_quantile(feat_ddsketch *s, feat_share share) {
    size_t place = feat_share_place(share, s->count);
    if (place == 0) return s->least;
    if (place == s->count - 1) return s->greatest;
    put_in_order(s);
    uint64_t passed = 0;
    size_t i = 0;
    while (passed + s->bins[i].count <= place) passed += s->bins[i++].count;
    return feat_ddsketch_value(s->bins[i].bin, s->least, s->greatest);
}

/* ---- Bytes. ---- */

static void put_number(feat_buffer *out, uint64_t v) {
    for (; v >= 0x80; v >>= 7) feat_buffer_byte(out, (uint8_t)(v | 0x80));
    feat_buffer_byte(out, (uint8_t)v);
}

static uint64_t get_number(feat_cursor *in) {
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t byte = feat_cursor_byte(in);
        if (shift == 63 && byte > 1) break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte >= 0x80) continue;
        if (shift > 0 && byte == 0) break; /* longer than it need be */
        return v;
    }
    in->failed = true;
    return 0;
}

void feat_ddsketch_write(feat_ddsketch *s, feat_buffer *out) {
    put_in_order(s);
    put_number(out, s->n);
    if (s->n == 0) return;
    feat_buffer_be64(out, feat_double_key(s->least));
    feat_buffer_be64(out, feat_double_key(s->greatest));
    int32_t next = BIN_LEAST;
    for (size_t i = 0; i < s->n; i++) {
        put_number(out, (uint64_t)(s->bins[i].bin - next));
        put_number(out, s->bins[i].count);
        next = s->bins[i].bin + 1;
    }
}

static bool get_limit(feat_cursor *in, double *out) {
    uint64_t key = feat_cursor_be64(in);
    double value = feat_double_of_bits(key >> 63 ? key ^ UINT64_C(1) << 63 : ~key);
    *out = value;
    return !in->failed && feat_double_key(value) == key && feat_double_bits(value) != UINT64_C(1) << 63;
}

static bool read_bins(feat_ddsketch *s, feat_cursor *in, size_t n) {
    int64_t next = BIN_LEAST;
    for (size_t i = 0; i < n; i++) {
        uint64_t distance = get_number(in), count = get_number(in);
        if (in->failed || distance > (uint64_t)(FEAT_DDSKETCH_BIN_MAX - next) || count == 0 ||
            count > INT64_MAX - s->count)
            return false;
        next += (int64_t)distance;
        s->bins[i] = (feat_ddsketch_bin){(int32_t)next++, count};
        s->count += count;
        if (next > FEAT_DDSKETCH_BIN_MAX && i + 1 < n) return false;
    }
    s->n = s->ordered = n;
    return s->bins[0].bin == feat_ddsketch_bin_of(s->least) &&
           s->bins[n - 1].bin == feat_ddsketch_bin_of(s->greatest) &&
           (s->count == 1 ? feat_double_order(s->least, s->greatest) == 0
                          : feat_double_order(s->least, s->greatest) <= 0);
}

feat_status feat_ddsketch_read(feat_ddsketch *s, feat_cursor *bytes, feat_error *err) {
    uint64_t n = get_number(bytes);
    bool good = !bytes->failed;
    if (good && n > 0) {
        /* A bin takes two bytes at least. */
        good = get_limit(bytes, &s->least) && get_limit(bytes, &s->greatest) &&
               n <= (uint64_t)(bytes->end - bytes->at) / 2;
        if (good && FEAT_GROW(s->bins, s->capacity, (size_t)n) != 0) return feat_fail_memory(err);
        good = good && read_bins(s, bytes, (size_t)n);
    }
    if (good) return FEAT_OK;
    feat_ddsketch_done(s);
    return feat_fail(err, FEAT_CORRUPT, "a sketch of quantiles is damaged");
}
