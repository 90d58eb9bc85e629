#include "text/distance.h"

#include "text/points.h"

/* ---- levenshtein ---- */

/* Myers' bit-parallel algorithm (J. ACM 46, 1999) in blocks of 64 rows, with Hyyrö's carries between blocks (2003). A
 * column of the table is kept as the signs of the differences between its rows: bit i of `up` says that row i is one
 * more than the row above it, of `down` that it is one less. */
enum { ROWS = 64, SLOTS = 128 };

/* Of a block: where in its 64 code points each of them stands. Open addressing; ASCII never collides. */
typedef struct block {
    uint64_t up, down;
    uint64_t places[SLOTS];
    uint32_t points[SLOTS];
} block;

static uint64_t *places_of(block *b, uint32_t point) {
    uint32_t slot = point % SLOTS;
    while (b->places[slot] && b->points[slot] != point) slot = (slot + 1) % SLOTS;
    return &b->places[slot];
}

static void block_fill(block *b, const uint32_t *points, size_t n) {
    memset(b->places, 0, sizeof b->places);
    b->up = UINT64_MAX;
    b->down = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t *places = places_of(b, points[i]);
        b->points[places - b->places] = points[i];
        *places |= UINT64_C(1) << i;
    }
}

/* The next column, for the code point at its head. `carry` is the difference at the top of the block, -1, 0 or 1; what
 * comes out is that in the row of `last`. */
static inline int block_step(block *b, uint32_t point, uint64_t last, int carry) {
    uint64_t equal = *places_of(b, point), up = b->up, down = b->down;
    uint64_t either = equal | down;
    if (carry < 0) equal |= 1;
    uint64_t zero = (((equal & up) + up) ^ up) | equal;
    uint64_t right = down | ~(zero | up), left = up & zero;
    int out = (right & last ? 1 : 0) - (left & last ? 1 : 0);
    right <<= 1;
    left <<= 1;
    if (carry < 0) left |= 1;
    if (carry > 0) right |= 1;
    b->up = left | ~(either | right);
    b->down = right & either;
    return out;
}

static int64_t distance(const uint32_t *rows, size_t n, const uint32_t *columns, size_t m, block *blocks) {
    size_t count = (n + ROWS - 1) / ROWS;
    for (size_t i = 0; i < count; i++)
        block_fill(&blocks[i], rows + i * ROWS, n - i * ROWS < ROWS ? n - i * ROWS : ROWS);
    uint64_t last = UINT64_C(1) << ((n - 1) % ROWS);
    int64_t result = (int64_t)n;
    for (size_t j = 0; j < m; j++) {
        int carry = 1;
        for (size_t i = 0; i + 1 < count; i++)
            carry = block_step(&blocks[i], columns[j], UINT64_C(1) << (ROWS - 1), carry);
        result += block_step(&blocks[count - 1], columns[j], last, carry);
    }
    return result;
}

int64_t feat_text_levenshtein(feat_scratch *scratch, feat_text a, feat_text b) {
    /* Without what both start and end with. Ends are compared by bytes, and then taken back to a boundary. */
    size_t least = a.length < b.length ? a.length : b.length, same = 0;
    while (same < least && a.data[same] == b.data[same]) same++;
    while (same > 0 && ((same < a.length && feat_point_continues(a.data[same])) ||
                        (same < b.length && feat_point_continues(b.data[same]))))
        same--;
    if (same) a = (feat_text){a.data + same, a.length - same}, b = (feat_text){b.data + same, b.length - same};
    least -= same;
    same = 0;
    while (same < least && a.data[a.length - 1 - same] == b.data[b.length - 1 - same]) same++;
    while (same > 0 && feat_point_continues(a.data[a.length - same])) same--;
    a.length -= same;
    b.length -= same;
    if (a.length == 0) return feat_text_length(b);
    if (b.length == 0) return feat_text_length(a);
    /* The shorter text is the rows. */
    if (a.length > b.length) {
        feat_text swap = a;
        a = b;
        b = swap;
    }
    if (b.length > SIZE_MAX / 64) {
        scratch->failed = true;
        return 0;
    }
    size_t rows = 0; /* of bytes that are no UTF-8 as many as will be decoded */
    for (size_t at = 0; at < a.length; rows++) at += feat_point_size(a.data[at], a.length - at);
    size_t numbers = (rows + ROWS - 1) / ROWS * (sizeof(block) / sizeof(uint32_t));
    char *taken;
    uint32_t *room = feat_points_room(scratch, numbers + a.length + b.length, &taken);
    if (!room) return 0;
    uint32_t *points = room + numbers, *others = points + a.length;
    size_t n = feat_points_decode(a, points), m = feat_points_decode(b, others);
    int64_t result = distance(points, n, others, m, (block *)(void *)room);
    feat_scratch_trim(scratch, taken, 0);
    return result;
}

/* ---- hamming ---- */

bool feat_text_hamming(feat_text a, feat_text b, int64_t *out) {
    size_t i = 0, j = 0;
    int64_t differ = 0;
    *out = 0;
    if (a.length == 0 || b.length == 0) return false;
    while (i < a.length && j < b.length) {
        uint32_t x, y;
        i += feat_point_read(a.data + i, a.length - i, &x);
        j += feat_point_read(b.data + j, b.length - j, &y);
        differ += x != y;
    }
    if (i < a.length || j < b.length) return false;
    *out = differ;
    return true;
}

/* ---- jaccard ---- */

static void ascii_set(feat_text s, uint64_t set[2]) {
    for (size_t i = 0; i < s.length; i++) {
        unsigned char c = (unsigned char)s.data[i];
        set[c >> 6 & 1] |= UINT64_C(1) << (c & 63);
    }
}

static int ones(uint64_t x) { return __builtin_popcountll(x); }

bool feat_text_jaccard(feat_scratch *scratch, feat_text a, feat_text b, double *out) {
    *out = 0.0;
    if (a.length == 0 || b.length == 0) return false;
    if (feat_points_ascii(a.data, a.length) && feat_points_ascii(b.data, b.length)) {
        uint64_t x[2] = {0}, y[2] = {0};
        ascii_set(a, x);
        ascii_set(b, y);
        *out = (double)(ones(x[0] & y[0]) + ones(x[1] & y[1])) / (double)(ones(x[0] | y[0]) + ones(x[1] | y[1]));
        return true;
    }
    char *taken;
    size_t most = a.length > b.length ? a.length : b.length;
    uint32_t *x = most > SIZE_MAX / 64 ? NULL : feat_points_room(scratch, a.length + b.length + most, &taken);
    if (!x) {
        scratch->failed = true;
        return true;
    }
    uint32_t *y = x + a.length, *spare = y + b.length;
    size_t n = feat_points_sort(x, spare, feat_points_decode(a, x));
    size_t m = feat_points_sort(y, spare, feat_points_decode(b, y)), both = 0;
    for (size_t i = 0, j = 0; i < n && j < m;) {
        both += x[i] == y[j];
        bool step_x = x[i] <= y[j], step_y = x[i] >= y[j];
        i += step_x;
        j += step_y;
    }
    *out = (double)both / (double)(n + m - both);
    feat_scratch_trim(scratch, taken, 0);
    return true;
}
