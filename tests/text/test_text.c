/* The text functions, from tables; what is expected comes from DuckDB 2.0 and Python 3.11, but for what differs on
 * purpose. Whatever can be is also compared with the plainest code there is. */
#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/case.h"
#include "text/like.h"
#include "text/points.h"
#include "text/search.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static feat_text text_of(const char *s) { return (feat_text){s, strlen(s)}; }

static void check_text(feat_text found, const char *expected) {
    ck_assert_msg(found.length == strlen(expected) && memcmp(found.data, expected, found.length) == 0,
                  "found '%.*s', expected '%s'", (int)found.length, found.data, expected);
}

/* A generator whose numbers are the same everywhere. */
static uint64_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* Code points of 1 to 4 bytes. */
static feat_text random_text(uint64_t *state, char *to, size_t points, bool ascii) {
    static const uint32_t some[] = {0xe9, 0x130, 0x3b1, 0x431, 0x300, 0x6f22, 0x1e9e, 0x2126, 0xfeff, 0x1f600, 0x10400};
    size_t n = 0;
    for (size_t i = 0; i < points; i++) {
        uint64_t r = next_random(state);
        uint32_t point = ascii || r % 3 ? (uint32_t) "aAbBzZ@[`{ 0"[r / 3 % 12] : some[r / 3 % COUNT(some)];
        n += feat_point_write(to + n, point);
    }
    return (feat_text){to, n};
}

/* ---- code points ---- */

START_TEST(points_are_counted_and_skipped) {
    uint64_t state = 1;
    char bytes[400];
    uint32_t decoded[400];
    for (int round = 0; round < 4000; round++) {
        size_t points = next_random(&state) % 90;
        feat_text s = random_text(&state, bytes, points, round % 4 == 0);
        ck_assert_uint_eq(feat_points_count(s.data, s.length), points);
        ck_assert_uint_eq(feat_points_decode(s, decoded), points);
        size_t starts[101], n = 0;
        for (size_t at = 0; at < s.length; at++)
            if (!feat_point_continues(s.data[at])) starts[n++] = at;
        starts[n] = s.length;
        for (size_t k = 0; k <= points; k++) {
            ck_assert_uint_eq(feat_points_skip(s.data, s.length, k), starts[k]);
            ck_assert_uint_eq(feat_points_skip_back(s.data, s.length, k), starts[points - k]);
        }
        ck_assert_uint_eq(feat_points_skip(s.data, s.length, points + 1), s.length);
        ck_assert_uint_eq(feat_points_skip(s.data, s.length, UINT64_MAX), s.length);
        ck_assert_uint_eq(feat_points_skip_back(s.data, s.length, UINT64_MAX), 0);
        bool ascii = true;
        for (size_t i = 0; i < points; i++) ascii = ascii && decoded[i] < 0x80;
        ck_assert_int_eq(feat_points_ascii(s.data, s.length), ascii);
    }
}
END_TEST

START_TEST(points_are_sorted) {
    uint64_t state = 2;
    for (int round = 0; round < 200; round++) {
        uint32_t points[300], spare[300], n = (uint32_t)(next_random(&state) % 300);
        bool seen[1200] = {false};
        for (uint32_t i = 0; i < n; i++) {
            uint32_t place = (uint32_t)(next_random(&state) % 1200);
            seen[place] = true;
            points[i] = place * 929; /* up to U+10FFFF */
        }
        size_t kept = feat_points_sort(points, spare, n), at = 0;
        for (uint32_t i = 0; i < 1200; i++)
            if (seen[i]) ck_assert_uint_eq(points[at++], i * 929);
        ck_assert_uint_eq(at, kept);
    }
}
END_TEST

/* ---- case ---- */

static const struct {
    const char *text, *lower, *upper;
} cases[] = {
    {"", "", ""},
    {"a", "a", "A"},
    {"Hello, World 1@[`{", "hello, world 1@[`{", "HELLO, WORLD 1@[`{"},
    {"WHITE HANGING HEART T-LIGHT HOLDER", "white hanging heart t-light holder", "WHITE HANGING HEART T-LIGHT HOLDER"},
    {"É", "é", "É"},
    {"ß", "ß", "ẞ"}, /* not SS: one code point to one */
    {"ẞ", "ß", "ẞ"},
    {"İ", "i", "İ"}, /* not i with a dot above */
    {"ı", "ı", "I"},
    {"ŉ", "ŉ", "ŉ"},
    {"ﬁ", "ﬁ", "ﬁ"},
    {"ΑΣ", "ασ", "ΑΣ"}, /* no final sigma: no context */
    {"ς", "ς", "Σ"},
    {"ſ", "ſ", "S"},
    {"K", "k", "K"}, /* the sign of kelvin, three bytes to one */
    {"ɐ", "ɐ", "Ɐ"}, /* two bytes to three */
    {"ǅ", "ǆ", "Ǆ"},
    {"ᾀ", "ᾀ", "ᾈ"},
    {"ა", "ა", "Ა"},
    {"ꭰ", "ꭰ", "Ꭰ"},
    {"𐐀", "𐐨", "𐐀"},
    {"漢字 and 😀", "漢字 and 😀", "漢字 AND 😀"},
};

START_TEST(case_is_mapped) {
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_text(feat_text_lower(&scratch, text_of(cases[i].text)), cases[i].lower);
        check_text(feat_text_upper(&scratch, text_of(cases[i].text)), cases[i].upper);
    }
    ck_assert_str_eq(feat_unicode_version(), "14.0.0");
    /* All lengths, with what is not ASCII at each place. */
    uint64_t state = 3;
    for (int round = 0; round < 20000; round++) {
        char bytes[400], lower[600], upper[600];
        feat_text s = random_text(&state, bytes, next_random(&state) % 70, round % 2);
        size_t n = 0, m = 0;
        for (size_t at = 0; at < s.length;) {
            uint32_t point;
            at += feat_point_read(s.data + at, s.length - at, &point);
            n += feat_point_write(lower + n, feat_point_case(point, false));
            m += feat_point_write(upper + m, feat_point_case(point, true));
        }
        lower[n] = upper[m] = 0;
        check_text(feat_text_lower(&scratch, s), lower);
        check_text(feat_text_upper(&scratch, s), upper);
        feat_scratch_reset(&scratch);
    }
    feat_scratch_done(&scratch);
}
END_TEST

/* ---- search ---- */

static size_t find_plainly(feat_text s, feat_text part) {
    for (size_t at = 0; at + part.length <= s.length; at++)
        if (memcmp(s.data + at, part.data, part.length) == 0) return at;
    return FEAT_NOT_FOUND;
}

START_TEST(parts_are_found) {
    uint64_t state = 4;
    for (int round = 0; round < 100000; round++) {
        char a[200], b[60];
        uint64_t letters = next_random(&state) % 3 + 1;
        feat_text s = {a, next_random(&state) % 200}, part = {b, next_random(&state) % 60};
        for (size_t i = 0; i < s.length; i++) a[i] = (char)('a' + next_random(&state) % letters);
        for (size_t i = 0; i < part.length; i++) b[i] = (char)('a' + next_random(&state) % letters);
        if (round % 2 && part.length < s.length) part.data = a + next_random(&state) % (s.length - part.length);
        ck_assert_uint_eq(feat_find(s.data, s.length, part.data, part.length), find_plainly(s, part));
    }
    ck_assert_int_eq(feat_text_position(text_of("aéb"), text_of("b")), 3);
    ck_assert_int_eq(feat_text_position(text_of("abc"), text_of("")), 1);
    ck_assert_int_eq(feat_text_position(text_of(""), text_of("")), 1);
    ck_assert_int_eq(feat_text_position(text_of(""), text_of("a")), 0);
    ck_assert(feat_text_contains(text_of(""), text_of("")));
    ck_assert(feat_text_starts_with(text_of("abc"), text_of("ab")) &&
              !feat_text_starts_with(text_of("a"), text_of("ab")));
    ck_assert(feat_text_ends_with(text_of("abc"), text_of("bc")) && !feat_text_ends_with(text_of("c"), text_of("bc")));
}
END_TEST

/* Texts that make candidates fail: quadratic code would need 10^11 steps. */
START_TEST(search_is_linear) {
    enum { LENGTH = 1 << 20, PART = 1 << 17 };
    char *s = malloc(LENGTH), *part = malloc(PART);
    memset(s, 'a', LENGTH);
    memset(part, 'a', PART);
    part[PART / 2] = 'b';
    ck_assert_uint_eq(feat_find(s, LENGTH, part, PART), FEAT_NOT_FOUND);
    s[LENGTH / 2 + 1] = 'b';
    ck_assert_uint_eq(feat_find(s, LENGTH, part, PART), LENGTH / 2 + 1 - PART / 2);
    for (size_t i = 0; i < PART; i++) part[i] = "ab"[i % 2];
    for (size_t i = 0; i < LENGTH; i++) s[i] = "ab"[i % 2];
    part[2] = 'b';
    ck_assert_uint_eq(feat_find(s, LENGTH, part, PART), FEAT_NOT_FOUND);
    s[LENGTH - PART + 2] = 'b';
    ck_assert_uint_eq(feat_find(s, LENGTH, part, PART), LENGTH - PART);
    free(s);
    free(part);
}
END_TEST

/* ---- LIKE ---- */

static const struct {
    const char *text, *pattern, *escape;
    int like, ilike; /* -1: an error */
} likes[] = {
    {"", "", "", 1, 1},
    {"", "%", "", 1, 1},
    {"", "%%", "", 1, 1},
    {"", "_", "", 0, 0},
    {"", "%_", "", 0, 0},
    {"a", "", "", 0, 0},
    {"a", "_", "", 1, 1},
    {"é", "_", "", 1, 1},
    {"e\u0301", "_", "", 0, 0},
    {"e\u0301", "__", "", 1, 1},
    {"😀", "_", "", 1, 1},
    {"abc", "abc", "", 1, 1},
    {"abc", "ABC", "", 0, 1},
    {"abc", "a%", "", 1, 1},
    {"abc", "%c", "", 1, 1},
    {"abc", "%b%", "", 1, 1},
    {"abc", "%B%", "", 0, 1},
    {"abc", "b%", "", 0, 0},
    {"abc", "%b", "", 0, 0},
    {"abc", "a%c", "", 1, 1},
    {"ac", "a%c", "", 1, 1},
    {"a", "a%a", "", 0, 0},
    {"aa", "a%a", "", 1, 1},
    {"abcabc", "%abc", "", 1, 1},
    {"abcab", "%abc", "", 0, 0},
    {"abXbc", "ab%bc", "", 1, 1},
    {"abc", "ab%bc", "", 0, 0},
    {"abc", "a_c", "", 1, 1},
    {"ac", "a_c", "", 0, 0},
    {"aéc", "a_c", "", 1, 1},
    {"xaéc", "%a_c", "", 1, 1},
    {"xaacb", "%a_c%", "", 1, 1},
    {"xaab", "%a_c%", "", 0, 0},
    {"aab", "%a_", "", 1, 1},
    {"abcd", "%_b%_", "", 1, 1},
    {"bcd", "%_b%_", "", 0, 0},
    {"é漢😀", "%___%", "", 1, 1},
    {"é漢", "%___%", "", 0, 0},
    {"mississippi", "m%is%ip%", "", 1, 1},
    {"mississippi", "m%iss%iss%iss%", "", 0, 0},
    {"ÉÀ", "%é%", "", 0, 1},
    {"straße", "STRAẞE", "", 0, 1},
    {"straße", "STRASSE", "", 0, 0},
    {"İ", "i", "", 0, 1},
    {"Σ", "ς", "", 0, 0},
    {"a_c", "a\\_c", "", 0, 0},
    {"a\\xc", "a\\_c", "", 1, 1},
    {"a_c", "a\\_c", "\\", 1, 1},
    {"axc", "a\\_c", "\\", 0, 0},
    {"a%", "a$%", "$", 1, 1},
    {"a$", "a$$", "$", 1, 1},
    {"ab", "a$b", "$", 1, 1},
    {"abc", "a$", "$", -1, -1},
    {"", "$", "$", -1, -1},
    {"a", "a", "xy", -1, -1},
    {"a%b", "aé%b", "é", 1, 1},
    {"a%b", "a%%b", "%", 1, 1},
    {"axb", "a%b", "%", 0, 0},
    {"a_b", "a__b", "_", 1, 1},
    {"%", "X%", "x", 0, 1},
    {"X%", "X%", "x", 1, 0},
};

START_TEST(patterns_match) {
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    for (size_t i = 0; i < COUNT(likes); i++) {
        for (int fold = 0; fold < 2; fold++) {
            bool matches;
            bool fine = feat_text_like(&scratch, text_of(likes[i].text), text_of(likes[i].pattern),
                                       text_of(likes[i].escape), fold, &matches);
            int found = fine ? matches : -1, expected = fold ? likes[i].ilike : likes[i].like;
            ck_assert_msg(found == expected, "'%s' %s '%s' escape '%s': found %d", likes[i].text,
                          fold ? "ILIKE" : "LIKE", likes[i].pattern, likes[i].escape, found);
        }
    }
    feat_scratch_done(&scratch);
}
END_TEST

static bool like_plainly(const uint32_t *s, size_t n, const uint32_t *p, size_t m) {
    if (m == 0) return n == 0;
    if (*p == '%') return like_plainly(s, n, p + 1, m - 1) || (n > 0 && like_plainly(s + 1, n - 1, p, m));
    return n > 0 && (*p == '_' || *p == *s) && like_plainly(s + 1, n - 1, p + 1, m - 1);
}

START_TEST(random_patterns_match) {
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    uint64_t state = 5;
    size_t matched = 0;
    for (int round = 0; round < 200000; round++) {
        static const uint32_t letters[] = {'a', 'b', 0xe9, 0x6f22, '_', '%', '%'};
        uint32_t s[24], p[12], n = (uint32_t)(next_random(&state) % 24), m = (uint32_t)(next_random(&state) % 12);
        char s_bytes[96], p_bytes[48];
        feat_text text = {s_bytes, 0}, pattern = {p_bytes, 0}, program;
        for (size_t i = 0; i < n; i++) {
            s[i] = letters[next_random(&state) % 4];
            text.length += feat_point_write(s_bytes + text.length, s[i]);
        }
        for (size_t i = 0; i < m; i++) {
            p[i] = letters[next_random(&state) % 7];
            pattern.length += feat_point_write(p_bytes + pattern.length, p[i]);
        }
        bool expected = like_plainly(s, n, p, m);
        ck_assert(feat_like_compile(&scratch, pattern, FEAT_LIKE_NO_ESCAPE, round % 2, &program));
        ck_assert_msg(feat_like_match(&scratch, program, text) == expected, "'%.*s' LIKE '%.*s'", (int)text.length,
                      text.data, (int)pattern.length, pattern.data);
        matched += expected;
        feat_scratch_reset(&scratch);
    }
    ck_assert_uint_gt(matched, 20000);
    feat_scratch_done(&scratch);
}
END_TEST

/* A stored program may be anything. Texts and programs lie in blocks of their own, so that sanitizers see every byte.
 */
START_TEST(damaged_programs_are_harmless) {
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    uint64_t state = 6;
    for (int round = 0; round < 200000; round++) {
        size_t n = next_random(&state) % 24, m = next_random(&state) % 20;
        char *text = malloc(n ? n : 1), *program = malloc(m ? m : 1);
        for (size_t i = 0; i < n; i++) text[i] = (char)(next_random(&state) % 4 ? 'a' : next_random(&state));
        for (size_t i = 0; i < m; i++) program[i] = "\0\1\2\3aab\xff%%"[next_random(&state) % 10];
        if (m > 0) program[0] = "=<>~*%%%"[next_random(&state) % 8];
        feat_like_match(&scratch, (feat_text){program, m}, (feat_text){text, n});
        free(text);
        free(program);
    }
    ck_assert(!feat_like_match(&scratch, (feat_text){NULL, 0}, text_of("a")));
    feat_scratch_done(&scratch);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("text/text");
    struct {
        const char *name;
        const TTest *test;
    } tests[] = {
        {"points", points_are_counted_and_skipped},
        {"sort", points_are_sorted},
        {"case", case_is_mapped},
        {"search", parts_are_found},
        {"linear", search_is_linear},
        {"like", patterns_match},
        {"random_like", random_patterns_match},
        {"damaged", damaged_programs_are_harmless},
    };
    for (size_t i = 0; i < COUNT(tests); i++) {
        TCase *group = tcase_create(tests[i].name);
        tcase_set_timeout(group, 0);
        tcase_add_test(group, tests[i].test);
        suite_add_tcase(suite, group);
    }
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
