/* What the tests of this layer share: a random source, values that hurt, and small views made by hand. */
#ifndef FEAT_TESTS_EXEC_SUPPORT_H
#define FEAT_TESTS_EXEC_SUPPORT_H

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/exec.h"
#include "math/number.h"

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static inline uint64_t random_bits(void) { /* splitmix64 */
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint64_t random_below(uint64_t n) { return random_bits() % n; }

static inline int64_t random_int(void) {
    static const int64_t hard[] = {0, 1, -1, 2, -2, 7, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1, 86400000000};
    switch (random_below(4)) {
    case 0: return hard[random_below(sizeof hard / sizeof *hard)];
    case 1: return (int64_t)random_below(20) - 10;
    default: return (int64_t)random_bits() >> random_below(64);
    }
}

static inline feat_int128 random_wide(void) {
    feat_uint128 wide = (feat_uint128)random_bits() << 64 | random_bits();
    return random_below(3) ? (feat_int128)random_int() : (feat_int128)wide >> random_below(128);
}

/* Any bits at all, the hard ones often. */
static inline double random_double(void) {
    static const double hard[] = {0.0,
                                  -0.0,
                                  1.0,
                                  -1.0,
                                  0.5,
                                  2.5,
                                  -2.5,
                                  0x1p63,
                                  -0x1p63,
                                  0x1p-74,
                                  0x1p-1074,
                                  -0x1p-1060,
                                  0x1.fffffffffffffp1023,
                                  3.0,
                                  1e300,
                                  -1e300};
    switch (random_below(8)) {
    case 0: return feat_double_of_bits(random_bits());
    case 1: return feat_double_of_bits(random_bits() | UINT64_C(0x7ff0000000000000)); /* mostly NaN of any sign */
    case 2: return random_below(2) ? HUGE_VAL : -HUGE_VAL;
    case 3: return (double)(int64_t)random_below(20) - 10;
    case 4: return hard[random_below(sizeof hard / sizeof *hard)];
    default: return ((double)(int64_t)random_bits()) * 0x1p-50;
    }
}

static inline feat_text random_text(void) {
    static const char *texts[] = {"", "a", "b", "ab", "a\xff", "abc", "zebra", "\xc3\xa9t\xc3\xa9", "a\x01"};
    const char *text = texts[random_below(sizeof texts / sizeof *texts)];
    return (feat_text){text, strlen(text)};
}

static inline feat_cell random_cell(feat_class class, unsigned percent_no_value) {
    feat_cell cell;
    memset(&cell, 0, sizeof cell);
    if (class == FEAT_CLASS_T) cell.v.t = (feat_text){"", 0};
    if (random_below(100) < percent_no_value) {
        cell.state = random_below(2) ? FEAT_STATE_NULL : FEAT_STATE_ERROR;
        return cell;
    }
    switch (class) {
    case FEAT_CLASS_B: cell.v.b = (uint8_t)random_below(2); break;
    case FEAT_CLASS_I: cell.v.i = random_int(); break;
    case FEAT_CLASS_F: cell.v.f = random_double(); break;
    case FEAT_CLASS_T: cell.v.t = random_text(); break;
    case FEAT_CLASS_W: cell.v.w = random_wide(); break;
    case FEAT_CLASS_V: cell.v.p = (feat_interval){(int32_t)random_int(), (int32_t)random_int(), random_int()}; break;
    case FEAT_CLASS_N: break;
    }
    return cell;
}

static inline bool same_cell(const feat_cell *a, const feat_cell *b, feat_class class) {
    if (a->state != b->state) return false;
    if (a->state != FEAT_STATE_VALUE) return true;
    switch (class) {
    case FEAT_CLASS_B: return a->v.b == b->v.b;
    case FEAT_CLASS_I: return a->v.i == b->v.i;
    case FEAT_CLASS_F: return feat_double_bits(a->v.f) == feat_double_bits(b->v.f);
    case FEAT_CLASS_T:
        return a->v.t.length == b->v.t.length &&
               (a->v.t.length == 0 || memcmp(a->v.t.data, b->v.t.data, a->v.t.length) == 0);
    case FEAT_CLASS_W: return a->v.w == b->v.w;
    case FEAT_CLASS_V: return memcmp(&a->v.p, &b->v.p, sizeof a->v.p) == 0;
    case FEAT_CLASS_N: break;
    }
    return true;
}

/* What event `i` has in a slot. */
static inline feat_cell event_cell(const feat_event_slot *slot, size_t i) {
    feat_cell cell;
    memset(&cell, 0, sizeof cell);
    cell.state = slot->state[i];
    switch (slot->class) {
    case FEAT_CLASS_B: cell.v.b = ((uint8_t *)slot->values)[i]; break;
    case FEAT_CLASS_I: cell.v.i = ((int64_t *)slot->values)[i]; break;
    case FEAT_CLASS_F: cell.v.f = ((double *)slot->values)[i]; break;
    case FEAT_CLASS_T: cell.v.t = ((feat_text *)slot->values)[i]; break;
    case FEAT_CLASS_W: cell.v.w = ((feat_int128 *)slot->values)[i]; break;
    case FEAT_CLASS_V: cell.v.p = ((feat_interval *)slot->values)[i]; break;
    case FEAT_CLASS_N: break;
    }
    return cell;
}

static inline feat_type type_of_class(feat_class class) {
    return class == FEAT_CLASS_B   ? FEAT_TYPE_BOOLEAN
           : class == FEAT_CLASS_I ? FEAT_TYPE_BIGINT
           : class == FEAT_CLASS_F ? FEAT_TYPE_DOUBLE
           : class == FEAT_CLASS_W ? FEAT_TYPE_DECIMAL_OF(38, 2)
           : class == FEAT_CLASS_V ? FEAT_TYPE_INTERVAL
                                   : FEAT_TYPE_TEXT;
}

/* Runs the tests of a case in this process, so that sanitizers and debuggers see them. */
static inline int run_case(const char *name, void (*add)(TCase *)) {
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);
    tcase_set_timeout(tests, 0);
    add(tests);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
