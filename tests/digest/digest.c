/* A digest of what every operator of op.def makes of a fixed corpus, by the machine of one row and by that of vectors:
 * equal for every compiler, option and processor. Prints a line for each: id, revision, tuples, digest.
 *
 *   digest [least number of tuples for each operator]
 *
 * The corpus of an argument class is a list of values that hurt, filled up by a generator. Texts that an operator makes
 * join the texts of its family, so that what one prepares (a compiled pattern) another one gets. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/fpenv.h"
#include "exec/cell.h"
#include "exec/exec.h"
#include "exec/kernel.h"
#include "math/number.h"

static uint64_t random_state;

static uint64_t random_bits(void) { /* splitmix64 */
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t random_below(uint64_t n) { return random_bits() % n; }

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* ---- the corpus ---- */

static int64_t random_int(void) {
    static const int64_t hard[] = {0,
                                   1,
                                   -1,
                                   2,
                                   7,
                                   10,
                                   12,
                                   13,
                                   28,
                                   29,
                                   30,
                                   31,
                                   59,
                                   60,
                                   100,
                                   365,
                                   366,
                                   1000,
                                   1024,
                                   9999,
                                   10000,
                                   719468,
                                   INT32_MAX,
                                   INT32_MIN,
                                   INT64_MAX,
                                   INT64_MIN,
                                   INT64_MAX - 1,
                                   INT64_MIN + 1,
                                   86400000000,
                                   -86400000000,
                                   1709210730500000,
                                   -62135596800000000};
    switch (random_below(8)) {
    case 0:
    case 1: return hard[random_below(COUNT_OF(hard))];
    case 2: return (int64_t)random_below(64) - 10;
    case 3: return (int64_t)random_below(40000) - 10000; /* days */
    case 4:
        return ((int64_t)random_below(4000000000) - 2000000000) * 1000000 + (int64_t)random_below(1000000); /* times */
    default: return (int64_t)(random_bits() >> random_below(64)) * (random_below(2) ? 1 : -1);
    }
}

static double random_double(void) {
    static const double hard[] = {0.0,
                                  -0.0,
                                  1.0,
                                  -1.0,
                                  0.5,
                                  1.5,
                                  2.5,
                                  -2.5,
                                  10.0,
                                  100.0,
                                  0x1p63,
                                  -0x1p63,
                                  0x1p-1022,
                                  0x1p-1074,
                                  -0x1p-1060,
                                  0x1.fffffffffffffp1023,
                                  1e300,
                                  -1e300,
                                  1e-300,
                                  0.1,
                                  709.78,
                                  -745.13,
                                  1024.0,
                                  -1075.0,
                                  3.141592653589793,
                                  1.5707963267948966};
    switch (random_below(16)) {
    case 0: return hard[random_below(COUNT_OF(hard))];
    case 1: return feat_double_of_bits(random_bits() | UINT64_C(0x7ff0000000000000)); /* mostly NaN of any sign */
    case 2: return feat_double_of_bits(UINT64_C(0x7ff0000000000000) | random_below(2) << 63);
    case 3: return (double)(int64_t)random_below(2000) - 1000;
    case 4: return (double)((int64_t)random_below(2000000) - 1000000) / 100.0;
    case 5:
    case 6: return feat_double_of_bits(random_bits());
    case 7: return feat_double_of_bits(UINT64_C(0x3fe0000000000000) + (random_bits() >> 10)); /* around 1 */
    case 8: return (double)(int64_t)random_bits() * 0x1p-62;                                  /* [-2, 2] */
    case 9: return (double)(int64_t)random_bits() * 0x1p-53;                                  /* [-1024, 1024] */
    default:
        return feat_double_of_bits((random_bits() & UINT64_C(0x800fffffffffffff)) | (990 + random_below(66)) << 52);
    }
}

static const char *const first_texts[] = {
    "",
    " ",
    "a",
    "A",
    "abc",
    "ABC",
    "aB c",
    "  both  ",
    "zebra",
    "0",
    "1",
    "-1",
    "12.5",
    "1e10",
    "1e-400",
    "0x1F",
    "inf",
    "nan",
    "true",
    "f",
    "2024-02-29",
    "2024-02-29 13:45:30.5",
    "1969-12-31 23:59:59.999999",
    "13:45",
    "1 day",
    "1 year 2 months",
    "-3 hours",
    "year",
    "month",
    "day",
    "hour",
    "Europe/Berlin",
    "UTC",
    "America/New_York",
    "Asia/Kathmandu",
    "%Y-%m-%d",
    "%H:%M:%S.%f",
    "%a %b %d %j %U",
    "a%",
    "%b%",
    "_b_",
    "a.c",
    "(a|b)*c",
    "[a-z]+",
    "\\d{2,4}",
    "(?i)AbC",
    "^x?$",
    "i",
    "g",
    "s",
    "\\1-\\0",
    "{\"a\": {\"b\": [1, 2.5, \"x\\u00e9\"]}}",
    "[1, 2, 3]",
    "$.a.b[1]",
    "$.a",
    "/a/b/0",
    "null",
    "é",
    "É",
    "ß",
    "İ",
    "ı",
    "Σς",
    "日本語",
    "👍🏽 ok",
    "e\xcc\x81",
    "Straße",
    "ЖУК",
    "The quick brown fox jumps over the lazy dog",
    "WHITE HANGING HEART T-LIGHT HOLDER",
    ",",
    "a,b,,c",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

/* What operators have made, each with the family of its maker: what comes before the first '_' of its id. */
enum { MOST_MADE = 8192, MOST_FROM_ONE = 64, LONGEST_KEPT = 4096 };
static struct made_text {
    feat_text text;
    const char *maker;
} made_texts[MOST_MADE];
static size_t n_made;
static feat_arena kept;

static bool same_family(const char *a, const char *b) {
    size_t n = strcspn(a, "_");
    return n == strcspn(b, "_") && memcmp(a, b, n) == 0;
}

static void keep_text(feat_text text, const char *maker) {
    if (n_made == MOST_MADE || text.length > LONGEST_KEPT) return;
    const char *copy = feat_arena_strndup(&kept, text.length ? text.data : "", text.length);
    if (!copy) exit(2);
    made_texts[n_made++] = (struct made_text){{copy, text.length}, maker};
}

/* Other families' texts are left out, so that a new operator changes no digest of theirs. */
static feat_text random_text(const char *id) {
    const char *plain = first_texts[random_below(COUNT_OF(first_texts))];
    if (random_below(2)) return (feat_text){plain, strlen(plain)};
    size_t n = 0, chosen;
    for (size_t i = 0; i < n_made; i++) n += same_family(made_texts[i].maker, id);
    if (n == 0) return (feat_text){plain, strlen(plain)};
    chosen = random_below(n);
    for (size_t i = 0;; i++)
        if (same_family(made_texts[i].maker, id) && chosen-- == 0) return made_texts[i].text;
}

static feat_int128 random_wide(void) {
    static const feat_int128 e19 = (feat_int128)10000000000000000000u;
    switch (random_below(4)) {
    case 0: return random_int();
    case 1: return (feat_int128)random_bits(); /* UBIGINT */
    case 2: return e19 * e19 - 1 - (feat_int128)random_below(3);
    default: return (feat_int128)((feat_uint128)(random_bits() >> 2) << 64 | random_bits()) >> random_below(126);
    }
}

static feat_cell random_value(feat_class class, const char *id) {
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    switch (class) {
    case FEAT_CLASS_B: cell.v.b = (uint8_t)random_below(2); break;
    case FEAT_CLASS_I: cell.v.i = random_int(); break;
    case FEAT_CLASS_F: cell.v.f = random_double(); break;
    case FEAT_CLASS_T: cell.v.t = random_text(id); break;
    case FEAT_CLASS_W: cell.v.w = random_wide(); break;
    case FEAT_CLASS_V:
        cell.v.p = (feat_interval){(int32_t)random_below(2400) - 1200, (int32_t)random_below(4000) - 2000,
                                   random_int() % 1000000000000};
        break;
    case FEAT_CLASS_N: break;
    }
    return cell;
}

/* A number that is no number: the operators of lists take the types of lists as their last arguments. */
static bool takes_type(const feat_op_info *info, int k) {
    if (!same_family(info->id, "LIST_") || info->arg[k] != FEAT_CLASS_I) return false;
    return k == info->n_args - 1 || strcmp(info->id, "LIST_CAST") == 0;
}

static int64_t random_type(void) {
    static const feat_type types[] = {
        FEAT_TYPE_LIST_OF(FEAT_TYPE_BIGINT),      FEAT_TYPE_LIST_OF(FEAT_TYPE_DOUBLE),
        FEAT_TYPE_LIST_OF(FEAT_TYPE_REAL),        FEAT_TYPE_LIST_OF(FEAT_TYPE_TEXT),
        FEAT_TYPE_LIST_OF(FEAT_TYPE_BOOLEAN),     FEAT_TYPE_LIST_OF(FEAT_TYPE_INTERVAL),
        FEAT_TYPE_LIST_OF(FEAT_TYPE_SMALLINT),    FEAT_TYPE_LIST_OF(FEAT_TYPE_DECIMAL_OF(18, 3)),
        FEAT_TYPE_VECTOR_OF(FEAT_TYPE_DOUBLE, 2), FEAT_TYPE_VECTOR_OF(FEAT_TYPE_REAL, 3)};
    return (int64_t)types[random_below(COUNT_OF(types))];
}

/* Results grow with such an argument. */
static bool takes_length(const feat_op_info *info) {
    static const char *const names[] = {"repeat", "lpad", "rpad"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(info->sql, names[i]) == 0) return true;
    return false;
}

static feat_cell random_argument(const feat_op_info *info, int k) {
    if (random_below(50) == 0) return feat_cell_of_state(random_below(3) ? FEAT_STATE_NULL : FEAT_STATE_ERROR);
    feat_cell cell = random_value(info->arg[k], info->id);
    if (info->arg[k] == FEAT_CLASS_I && takes_length(info)) cell.v.i %= 200;
    if (takes_type(info, k)) cell.v.i = random_type();
    return cell;
}

/* ---- the digest ---- */

static size_t put_little(unsigned char *to, feat_uint128 value, size_t size) {
    for (size_t i = 0; i < size; i++) to[i] = (unsigned char)(value >> (8 * i));
    return size;
}

/* A cell in bytes that are the same on every machine. */
static void add_cell(feat_digest *sum, const feat_cell *cell, feat_class class, uint64_t tuple) {
    unsigned char bytes[32];
    size_t size = put_little(bytes, tuple, 8);
    bytes[size++] = cell->state;
    feat_text text = {"", 0};
    if (cell->state == FEAT_STATE_VALUE) switch (class) {
        case FEAT_CLASS_B: bytes[size++] = cell->v.b; break;
        case FEAT_CLASS_I: size += put_little(bytes + size, (uint64_t)cell->v.i, 8); break;
        case FEAT_CLASS_F: size += put_little(bytes + size, feat_double_bits(cell->v.f), 8); break;
        case FEAT_CLASS_T: text = cell->v.t; break;
        case FEAT_CLASS_W: size += put_little(bytes + size, (feat_uint128)cell->v.w, 16); break;
        case FEAT_CLASS_V:
            size += put_little(bytes + size, (uint32_t)cell->v.p.months, 4);
            size += put_little(bytes + size, (uint32_t)cell->v.p.days, 4);
            size += put_little(bytes + size, (uint64_t)cell->v.p.us, 8);
            break;
        case FEAT_CLASS_N: break;
        }
    feat_digest one = feat_digest_pair(bytes, size, text.length ? text.data : "", text.length);
    feat_digest_add(sum, &one);
}

static void fail(const char *what, const feat_op_info *info) {
    fprintf(stderr, "%s: %s\n", info->id, what);
    exit(1);
}

/* ---- both machines ---- */

typedef struct bench {
    feat_code code;
    feat_step step;
    feat_class regs[4];
    uint32_t output;
} bench;

static void bench_of(bench *b, feat_op op) {
    const feat_op_info *info = &feat_op_table[op];
    *b = (bench){.step = {.op = (uint16_t)op, .out = 3, .a = 0, .b = 1, .c = 2}, .output = 3};
    for (int k = 0; k < 3; k++) b->regs[k] = info->arg[k] == FEAT_CLASS_N ? FEAT_CLASS_B : info->arg[k];
    b->regs[3] = info->out;
    b->code = (feat_code){
        .regs = b->regs, .n_regs = 4, .steps = &b->step, .n_steps = 1, .outputs = &b->output, .n_outputs = 1};
}

static feat_digest digest_op(feat_op op, size_t tuples, size_t *done) {
    const feat_op_info *info = &feat_op_table[op];
    feat_digest rows = {{0}}, vectors = {{0}};
    feat_scratch scratch;
    bench b;
    bench_of(&b, op);
    feat_scratch_init(&scratch);
    random_state = feat_hash64(info->id, strlen(info->id));
    feat_cell(*lanes)[3] = calloc(FEAT_LANES, sizeof *lanes);
    feat_machine *machines[3] = {NULL, NULL, NULL};
    int levels = 1 + (int)feat_level_best();
    for (int level = 0; level < levels; level++)
        if (feat_machine_new_level(&b.code, (feat_level)level, &machines[level], NULL) != FEAT_OK) fail("memory", info);
    if (!lanes) fail("memory", info);
    size_t made = 0;
    for (*done = 0; *done < tuples; *done += FEAT_LANES) {
        for (size_t i = 0; i < FEAT_LANES; i++)
            for (int k = 0; k < info->n_args; k++) lanes[i][k] = random_argument(info, k);
        for (size_t i = 0; i < FEAT_LANES; i++) {
            feat_cell cells[4];
            feat_scratch_reset(&scratch);
            feat_row_init(&b.code, cells);
            for (int k = 0; k < info->n_args; k++) cells[k] = lanes[i][k];
            feat_row_run(&b.code, cells, &scratch);
            if (scratch.failed) fail("memory", info);
            add_cell(&rows, &cells[3], info->out, *done + i);
            if (info->out == FEAT_CLASS_T && cells[3].state == FEAT_STATE_VALUE && made < MOST_FROM_ONE &&
                random_below(8) == 0) {
                keep_text(cells[3].v.t, info->id);
                made++;
            }
        }
        feat_digest first = vectors;
        for (int level = 0; level < levels; level++) {
            feat_digest sum = first;
            for (int k = 0; k < info->n_args; k++)
                feat_vector_put_cells(feat_machine_register(machines[level], (uint32_t)k), &lanes[0][k], 3, FEAT_LANES);
            if (feat_machine_run(machines[level], FEAT_LANES, NULL) != FEAT_OK) fail("memory", info);
            for (size_t i = 0; i < FEAT_LANES; i++) {
                feat_cell cell = feat_vector_cell(feat_machine_register(machines[level], 3), i);
                add_cell(&sum, &cell, info->out, *done + i);
            }
            if (level > 0 && !feat_digest_equal(&sum, &vectors))
                fail("the kernels of this processor differ from the plain ones", info);
            vectors = sum;
        }
        if (!feat_digest_equal(&rows, &vectors)) fail("rows and vectors differ", info);
    }
    for (int level = 0; level < levels; level++) feat_machine_free(machines[level]);
    feat_scratch_done(&scratch);
    free(lanes);
    return rows;
}

int main(int argc, char **argv) {
    size_t tuples = argc > 1 ? strtoul(argv[1], NULL, 10) : 4096;
    feat_fpenv environment;
    feat_fpenv_enter(&environment);
    feat_arena_init(&kept);
    for (int op = 0; op < FEAT_OP_COUNT; op++) {
        size_t done;
        char text[FEAT_DIGEST_TEXT_SIZE];
        feat_digest digest = digest_op((feat_op)op, tuples, &done);
        feat_digest_format(&digest, text);
        printf("%s\t%d\t%zu\t%s\n", feat_op_table[op].id, feat_op_table[op].revision, done, text);
    }
    feat_arena_done(&kept);
    feat_fpenv_leave(&environment);
    return 0;
}
