/* The text functions, from tables; what is expected comes from DuckDB 2.0 and Python 3.11, but for what differs on
 * purpose. Whatever can be is also compared with the plainest code there is. */
#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "text/accent.h"
#include "text/case.h"
#include "text/checksum.h"
#include "text/distance.h"
#include "text/like.h"
#include "text/make.h"
#include "text/piece.h"
#include "text/points.h"
#include "text/search.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static feat_text text_of(const char *s) { return (feat_text){s, strlen(s)}; }

static void check_text(feat_text found, const char *expected) {
    size_t n = strlen(expected);
    ck_assert_msg(found.length == n && (n == 0 || memcmp(found.data, expected, n) == 0), "found '%.*s', expected '%s'",
                  (int)found.length, found.data, expected);
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

START_TEST(accents_are_stripped) {
    static const struct {
        const char *text, *stripped;
    } known[] = {
        {"", ""},
        {"abc", "abc"},
        {"Ünïcödé", "Unicode"},
        {"e\u0301\u0323", "e"},
        {"\u0301", ""},
        {"ΰΆ", "υΑ"},
        {"йЁ", "иЕ"},
        {"ệ", "e"},
        {"ø", "ø"}, /* a letter, not a mark */
        {"ß", "ß"},
        {"한글", "한글"},
        {"漢字😀", "漢字😀"},
        {"\uf900", "豈"},
        {"\u212a\u212b", "KA"},
    };
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    for (size_t i = 0; i < COUNT(known); i++)
        check_text(feat_text_strip_accents(&scratch, text_of(known[i].text)), known[i].stripped);
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

/* ---- pieces ---- */

static const struct {
    const char *text, *trim, *left, *right;
} trims[] = {
    {"", "", "", ""},
    {"   ", "", "", ""},
    {"a", "a", "a", "a"},
    {"  a b  ", "a b", "a b  ", "  a b"},
    {"\ta\n", "\ta\n", "\ta\n", "\ta\n"}, /* spaces alone */
    {" \u00a0\u3000é\u2003\u205f", "é", "é\u2003\u205f", " \u00a0\u3000é"},
    {"\u200b a \u2028", "\u200b a \u2028", "\u200b a \u2028", "\u200b a \u2028"}, /* no space separators */
    {"\u1680\u2000\u200a\u202fx", "x", "x", "\u1680\u2000\u200a\u202fx"},
};

static const struct {
    const char *text, *set, *trim;
} set_trims[] = {
    {"", "", ""},
    {"  a  ", "", "  a  "},
    {"xxaxx", "x", "a"},
    {"xyaxyyx", "yx", "a"},
    {"ééxéaé", "éa", "x"},
    {"e\u0301xe", "e", "\u0301x"},
    {"xxx", "x", ""},
    {"漢字a字漢", "字漢", "a"},
    {"àáâãäåæçèéêëìíîïðñòóôõaáâ", "áâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿà", "a"}, /* a large set */
    {"aàb", "áâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿb", "aà"},
};

START_TEST(texts_are_trimmed) {
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    for (size_t i = 0; i < COUNT(trims); i++) {
        check_text(feat_text_trim(text_of(trims[i].text), FEAT_TRIM_BOTH), trims[i].trim);
        check_text(feat_text_trim(text_of(trims[i].text), FEAT_TRIM_LEFT), trims[i].left);
        check_text(feat_text_trim(text_of(trims[i].text), FEAT_TRIM_RIGHT), trims[i].right);
    }
    for (size_t i = 0; i < COUNT(set_trims); i++)
        check_text(feat_text_trim_set(&scratch, text_of(set_trims[i].text), text_of(set_trims[i].set), FEAT_TRIM_BOTH),
                   set_trims[i].trim);
    check_text(feat_text_trim_set(&scratch, text_of("xax"), text_of("x"), FEAT_TRIM_LEFT), "ax");
    check_text(feat_text_trim_set(&scratch, text_of("xax"), text_of("x"), FEAT_TRIM_RIGHT), "xa");
    check_text(feat_text_trim((feat_text){NULL, 0}, FEAT_TRIM_BOTH), "");
    feat_scratch_done(&scratch);
}
END_TEST

#define NO_LENGTH INT64_C(999)
static const struct {
    const char *text;
    int64_t start, length;
    const char *expected;
} substrings[] = {
    {"hello", 1, NO_LENGTH, "hello"},
    {"hello", 0, NO_LENGTH, "hello"},
    {"hello", 2, NO_LENGTH, "ello"},
    {"hello", 6, NO_LENGTH, ""},
    {"hello", -1, NO_LENGTH, "o"},
    {"hello", -10, NO_LENGTH, "hello"},
    {"hello", INT64_MIN, NO_LENGTH, "hello"},
    {"hello", INT64_MAX, NO_LENGTH, ""},
    {"hello", 0, 2, "h"},
    {"hello", 0, 1, ""},
    {"hello", -3, 2, "ll"},
    {"hello", -10, 7, "he"},
    {"hello", 2, -1, "h"},
    {"hello", 3, -2, "he"},
    {"hello", 3, -5, "he"},
    {"hello", -2, -2, "el"},
    {"hello", 10, -8, "ello"},
    {"hello", 0, -1, ""},
    {"hello", 7, -3, "lo"},
    {"hello", 2, 0, ""},
    {"hello", 2, INT64_MAX, "ello"},
    {"hello", INT64_MIN, INT64_MAX, ""},
    {"hello", INT64_MAX, INT64_MIN, "hello"},
    {"hello", INT64_MIN, INT64_MIN, ""},
    {"hello", INT64_MAX, INT64_MAX, ""},
    {"", 1, 1, ""},
    {"é漢😀x", 2, 2, "漢😀"},
    {"é漢😀x", -2, 1, "😀"},
    {"é漢😀x", 4, -2, "漢😀"},
};

static const struct {
    const char *text;
    int64_t n;
    const char *left, *right;
} ends[] = {
    {"héllo", 2, "hé", "lo"},
    {"héllo", -2, "hél", "llo"},
    {"héllo", 0, "", ""},
    {"héllo", -7, "", ""},
    {"héllo", 100, "héllo", "héllo"},
    {"héllo", INT64_MIN, "", ""},
    {"héllo", INT64_MAX, "héllo", "héllo"},
    {"", 1, "", ""},
    {"", -1, "", ""},
    {"ee\u0301", 1, "e", "\u0301"},
};

static const struct {
    const char *text, *separator;
    int64_t n;
    const char *expected;
} splits[] = {
    {"a,b,c", ",", 1, "a"},    {"a,b,c", ",", 3, "c"},    {"a,b,c", ",", 4, ""},    {"a,b,c", ",", 0, ""},
    {"a,b,c", ",", -1, "c"},   {"a,b,c", ",", -3, "a"},   {"a,b,c", ",", -4, ""},   {"a,,b", ",", 2, ""},
    {",", ",", 1, ""},         {"", "", 1, ""},           {"", ",", 1, ""},         {"abc", ",", 1, "abc"},
    {"abc", ",", -1, "abc"},   {"aaa", "aa", 1, ""},      {"aaa", "aa", 2, "a"},    {"aaa", "aa", -1, "a"},
    {"aaa", "aa", -2, ""},     {"a,b,c", "", 1, "a"},     {"aéb", "", 2, "é"},      {"aéb", "", 4, ""},
    {"aéb", "", -1, "b"},      {"aéb", "", -2, "é"},      {"aéb", "", -4, ""},      {"a::b::漢", "::", 3, "漢"},
    {"a", ",", INT64_MIN, ""}, {"a", ",", INT64_MAX, ""}, {"a", "", INT64_MIN, ""}, {"a", "", INT64_MAX, ""},
};

START_TEST(pieces_are_taken) {
    for (size_t i = 0; i < COUNT(substrings); i++) {
        feat_text s = text_of(substrings[i].text);
        int64_t start = substrings[i].start, length = substrings[i].length;
        check_text(length == NO_LENGTH ? feat_text_substring_from(s, start) : feat_text_substring(s, start, length),
                   substrings[i].expected);
    }
    for (size_t i = 0; i < COUNT(ends); i++) {
        check_text(feat_text_left(text_of(ends[i].text), ends[i].n), ends[i].left);
        check_text(feat_text_right(text_of(ends[i].text), ends[i].n), ends[i].right);
    }
    for (size_t i = 0; i < COUNT(splits); i++)
        check_text(feat_text_split_part(text_of(splits[i].text), text_of(splits[i].separator), splits[i].n),
                   splits[i].expected);
}
END_TEST

/* Every start and length near a text, against counting one code point after the other. */
START_TEST(substrings_of_random_texts) {
    uint64_t state = 7;
    for (int round = 0; round < 300; round++) {
        char bytes[200], expected[200];
        int64_t n = (int64_t)(next_random(&state) % 30);
        feat_text s = random_text(&state, bytes, (size_t)n, round % 3 == 0);
        for (int64_t start = -n - 3; start <= n + 3; start++) {
            for (int64_t length = -n - 3; length <= n + 3; length++) {
                int64_t from = start > 0 ? start - 1 : start < 0 ? n + start : -1, to = from + length, place = 0;
                if (to < from) to = from, from = from + length;
                size_t size = 0;
                for (size_t at = 0; at < s.length; place++) {
                    size_t point = feat_point_size(s.data[at], s.length - at);
                    if (place >= from && place < to) memcpy(expected + size, s.data + at, point), size += point;
                    at += point;
                }
                expected[size] = 0;
                check_text(feat_text_substring(s, start, length), expected);
            }
        }
    }
}
END_TEST

/* ---- texts that are made ---- */

static const struct {
    const char *text, *part, *by, *expected;
} replacements[] = {
    {"aaa", "aa", "b", "ba"},
    {"abc", "", "x", "abc"},
    {"", "", "x", ""},
    {"", "a", "x", ""},
    {"abc", "b", "", "ac"},
    {"abcabc", "c", "déf", "abdéfabdéf"},
    {"漢字漢", "漢", "x", "x字x"},
    {"aXbXc", "X", "XX", "aXXbXXc"},
    {"aaaa", "a", "aa", "aaaaaaaa"},
};

static const struct {
    const char *text;
    int64_t n;
    const char *fill, *left, *right; /* NULL: an error */
} pads[] = {
    {"hi", 5, "xy", "xyxhi", "hixyx"},
    {"hi", 1, "xy", "h", "h"},
    {"hi", 2, "xy", "hi", "hi"},
    {"hi", 0, "xy", "", ""},
    {"hi", -1, "xy", "", ""},
    {"hi", INT64_MIN, "xy", "", ""},
    {"hi", 5, "", NULL, NULL},
    {"hi", 2, "", "hi", "hi"},
    {"hi", 1, "", "h", "h"},
    {"", 3, "é", "ééé", "ééé"},
    {"hé", 5, "漢é", "漢é漢hé", "hé漢é漢"},
    {"hé", 9, "漢éx", "漢éx漢éx漢hé", "hé漢éx漢éx漢"},
    {"hi", INT64_C(1) << 31, "x", NULL, NULL},
    {"hi", INT64_MAX, "x", NULL, NULL},
    {"hi", INT64_MAX, "xyz", NULL, NULL},
};

START_TEST(texts_are_made) {
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    feat_text out;
    for (size_t i = 0; i < COUNT(replacements); i++) {
        ck_assert(feat_text_replace(&scratch, text_of(replacements[i].text), text_of(replacements[i].part),
                                    text_of(replacements[i].by), &out));
        check_text(out, replacements[i].expected);
    }
    for (size_t i = 0; i < COUNT(pads); i++) {
        feat_text s = text_of(pads[i].text), fill = text_of(pads[i].fill);
        ck_assert_int_eq(feat_text_lpad(&scratch, s, pads[i].n, fill, &out), pads[i].left != NULL);
        if (pads[i].left) check_text(out, pads[i].left);
        ck_assert_int_eq(feat_text_rpad(&scratch, s, pads[i].n, fill, &out), pads[i].right != NULL);
        if (pads[i].right) check_text(out, pads[i].right);
    }
    ck_assert(feat_text_repeat(&scratch, text_of("ab"), 3, &out));
    check_text(out, "ababab");
    ck_assert(feat_text_repeat(&scratch, text_of("é"), 7, &out));
    check_text(out, "ééééééé");
    ck_assert(feat_text_repeat(&scratch, text_of("ab"), 0, &out));
    check_text(out, "");
    ck_assert(feat_text_repeat(&scratch, text_of("ab"), INT64_MIN, &out));
    check_text(out, "");
    ck_assert(feat_text_repeat(&scratch, text_of(""), INT64_MAX, &out));
    check_text(out, "");
    ck_assert(!feat_text_repeat(&scratch, text_of("ab"), INT64_MAX, &out));
    ck_assert(!feat_text_repeat(&scratch, text_of("ab"), (INT64_C(1) << 29) + 1, &out));
    ck_assert(feat_text_concat(&scratch, text_of("a"), text_of("é"), &out));
    check_text(out, "aé");
    ck_assert(feat_text_concat(&scratch, (feat_text){NULL, 0}, (feat_text){NULL, 0}, &out));
    check_text(out, "");
    ck_assert(feat_text_concat3(&scratch, text_of("a"), text_of(", "), text_of("b"), &out));
    check_text(out, "a, b");
    check_text(feat_text_reverse(&scratch, text_of("")), "");
    check_text(feat_text_reverse(&scratch, text_of("abé漢😀")), "😀漢éba");
    check_text(feat_text_reverse(&scratch, text_of("0123456789abcdefé01234567")), "76543210éfedcba9876543210");
    check_text(feat_text_reverse(&scratch, text_of("xe\u0301")), "\u0301ex"); /* code points, not what is seen */
    ck_assert(feat_text_chr(&scratch, 65, &out));
    check_text(out, "A");
    ck_assert(feat_text_chr(&scratch, 0, &out) && out.length == 1 && out.data[0] == 0);
    ck_assert(feat_text_chr(&scratch, 8364, &out));
    check_text(out, "€");
    ck_assert(feat_text_chr(&scratch, 0x10ffff, &out));
    check_text(out, "\xf4\x8f\xbf\xbf");
    ck_assert(feat_text_chr(&scratch, 0xd7ff, &out) && feat_text_chr(&scratch, 0xe000, &out));
    ck_assert(!feat_text_chr(&scratch, -1, &out) && !feat_text_chr(&scratch, 0x110000, &out));
    ck_assert(!feat_text_chr(&scratch, 0xd800, &out) && !feat_text_chr(&scratch, 0xdfff, &out));
    ck_assert_int_eq(feat_text_first(text_of("é"), 0), 233);
    ck_assert_int_eq(feat_text_first(text_of("😀x"), 0), 128512);
    ck_assert_int_eq(feat_text_first(text_of(""), -1), -1);
    feat_scratch_done(&scratch);
}
END_TEST

START_TEST(hexadecimal) {
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    feat_text out;
    ck_assert(feat_text_hex(&scratch, text_of("aé"), &out));
    check_text(out, "61C3A9");
    ck_assert(feat_text_hex(&scratch, text_of(""), &out));
    check_text(out, "");
    check_text(feat_text_hex_number(&scratch, 0), "0");
    check_text(feat_text_hex_number(&scratch, 255), "FF");
    check_text(feat_text_hex_number(&scratch, 4096), "1000");
    check_text(feat_text_hex_number(&scratch, UINT64_MAX), "FFFFFFFFFFFFFFFF");
    ck_assert(feat_text_unhex(&scratch, text_of("6A6b"), &out));
    check_text(out, "jk");
    ck_assert(feat_text_unhex(&scratch, text_of("6a6"), &out));
    check_text(out, "\006\xa6");
    ck_assert(feat_text_unhex(&scratch, text_of(""), &out));
    check_text(out, "");
    ck_assert(!feat_text_unhex(&scratch, text_of("6g"), &out));
    ck_assert(!feat_text_unhex(&scratch,
                               text_of("6"
                                       "6 "),
                               &out));
    ck_assert(!feat_text_unhex(&scratch, text_of("é"), &out));
    feat_scratch_done(&scratch);
}
END_TEST

/* ---- distances ---- */

static int64_t levenshtein_plainly(feat_text a, feat_text b) {
    uint32_t x[400], y[400];
    static int64_t row[401];
    size_t n = feat_points_decode(a, x), m = feat_points_decode(b, y);
    for (size_t j = 0; j <= m; j++) row[j] = (int64_t)j;
    for (size_t i = 1; i <= n; i++) {
        int64_t corner = row[0];
        row[0] = (int64_t)i;
        for (size_t j = 1; j <= m; j++) {
            int64_t least = corner + (x[i - 1] != y[j - 1]);
            if (row[j] + 1 < least) least = row[j] + 1;
            if (row[j - 1] + 1 < least) least = row[j - 1] + 1;
            corner = row[j];
            row[j] = least;
        }
    }
    return row[m];
}

START_TEST(distances) {
    static const struct {
        const char *a, *b;
        int64_t levenshtein, hamming; /* -1: an error */
        double jaccard;
    } known[] = {
        {"", "", 0, -1, -1.0},       {"", "abc", 3, -1, -1.0},
        {"abc", "", 3, -1, -1.0},    {"kitten", "sitting", 3, -1, 3.0 / 7.0},
        {"duck", "luck", 1, 1, 0.6}, {"flaw", "lawn", 2, 4, 0.6},
        {"abc", "abc", 0, 0, 1.0},   {"aaa", "a", 2, -1, 1.0},
        {"é", "e", 1, 1, 0.0},       {"é", "è", 1, 1, 0.0},
        {"漢字", "漢", 1, -1, 0.5},  {"aé漢😀", "😀漢éa", 4, 4, 1.0},
        {"ab", "xaby", 2, -1, 0.5},
    };
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    for (size_t i = 0; i < COUNT(known); i++) {
        feat_text a = text_of(known[i].a), b = text_of(known[i].b);
        int64_t hamming;
        double jaccard;
        ck_assert_int_eq(feat_text_levenshtein(&scratch, a, b), known[i].levenshtein);
        ck_assert_int_eq(feat_text_hamming(a, b, &hamming) ? hamming : -1, known[i].hamming);
        ck_assert(feat_text_jaccard(&scratch, a, b, &jaccard) == (known[i].jaccard >= 0));
        if (known[i].jaccard >= 0) ck_assert_double_eq(jaccard, known[i].jaccard);
    }
    uint64_t state = 8;
    for (int round = 0; round < 3000; round++) {
        char x[1200], y[1200];
        size_t most = round % 3 ? 20 : 300;
        feat_text a = random_text(&state, x, next_random(&state) % most, round % 2);
        feat_text b = random_text(&state, y, next_random(&state) % most, round % 2);
        if (round % 5 == 0) { /* two texts that are near: b is a with some bytes of it gone */
            b.length = 0;
            for (size_t at = 0; at < a.length;) {
                size_t size = feat_point_size(a.data[at], a.length - at);
                if (next_random(&state) % 10) memcpy(y + b.length, a.data + at, size), b.length += size;
                at += size;
            }
        }
        ck_assert_int_eq(feat_text_levenshtein(&scratch, a, b), levenshtein_plainly(a, b));
        double jaccard;
        if (feat_text_jaccard(&scratch, a, b, &jaccard)) {
            uint32_t p[300], q[300];
            size_t n = feat_points_decode(a, p), m = feat_points_decode(b, q);
            bool in_a[0x10500 / 8 + 0x10000] = {false}, in_b[COUNT(in_a)] = {false};
            for (size_t i = 0; i < n; i++) in_a[p[i] % COUNT(in_a)] = true;
            for (size_t i = 0; i < m; i++) in_b[q[i] % COUNT(in_a)] = true;
            int both = 0, either = 0;
            for (size_t i = 0; i < COUNT(in_a); i++) both += in_a[i] && in_b[i], either += in_a[i] || in_b[i];
            ck_assert_double_eq(jaccard, (double)both / (double)either);
        }
        feat_scratch_reset(&scratch);
    }
    feat_scratch_done(&scratch);
}
END_TEST

/* ---- sums ---- */

START_TEST(sums) {
    static const struct {
        const char *text, *md5;
        uint32_t crc;
    } known[] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e", 0},
        {"a", "0cc175b9c0f1b6a831c399e269772661", 0xe8b7be43},
        {"abc", "900150983cd24fb0d6963f7d28e17f72", 0x352441c2},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0", 0x20159d7f},
        {"123456789", "25f9e794323b453885f5181f1b624d0b", 0xcbf43926},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a", 0x7ca94a72},
    };
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    for (size_t i = 0; i < COUNT(known); i++) {
        check_text(feat_text_md5(&scratch, text_of(known[i].text)), known[i].md5);
        ck_assert_uint_eq(feat_text_crc32(text_of(known[i].text)), known[i].crc);
    }
    feat_scratch_done(&scratch);
}
END_TEST

START_TEST(hashes) {
    ck_assert_uint_eq(feat_hash_bytes(text_of("")), UINT64_C(3244421341483603138));
    ck_assert_uint_eq(feat_hash_bytes(text_of("abc")), UINT64_C(8696274497037089104));
    ck_assert_uint_eq(feat_hash_integer(1), UINT64_C(3439722301264460078));
    ck_assert_uint_eq(feat_hash_integer((uint64_t)-2), UINT64_C(8645101703549425753));
    ck_assert_uint_eq(feat_hash_double(1.5), UINT64_C(2693614958850487384));
    ck_assert_uint_eq(feat_hash_double(-0.0), feat_hash_double(0.0));
    ck_assert_uint_eq(feat_hash_double(-__builtin_nan("1")), UINT64_C(767333564151873895));
    ck_assert_uint_eq(feat_hash_boolean(true), UINT64_C(16226181191752404715));
    ck_assert_uint_eq(feat_hash_decimal(150, 2), UINT64_C(7345618359479353359));
    ck_assert_uint_eq(feat_hash_decimal(15, 1), feat_hash_decimal(1500, 3));
    ck_assert_uint_eq(feat_hash_decimal(1000, 3), feat_hash_integer(1));
    ck_assert_uint_eq(feat_hash_decimal(0, 3), feat_hash_integer(0));
    ck_assert_uint_eq(feat_hash_decimal(-2, 0), feat_hash_integer((uint64_t)-2));
    ck_assert_uint_eq(feat_hash_length((feat_hash_wide)86400000000), UINT64_C(1698039493801369977));
}
END_TEST

/* ---- bytes that are no UTF-8 ---- */

/* A damaged store may hold them; whatever comes out, nothing else is touched. */
START_TEST(any_bytes_are_harmless) {
    feat_scratch scratch;
    uint64_t state = 9;
    for (int round = 0; round < 30000; round++) {
        feat_scratch_init(&scratch); /* new memory, so that sanitizers see its end */
        feat_text text[3], out;
        for (int k = 0; k < 3; k++) {
            size_t n = next_random(&state) % 150;
            char *bytes = malloc(n ? n : 1);
            for (size_t i = 0; i < n; i++) {
                uint64_t r = next_random(&state);
                bytes[i] = (char)(r % 4 == 0   ? r >> 8
                                  : r % 4 == 1 ? 0x80 | (r >> 8 & 63)
                                  : r % 4 == 2 ? 0xc0 | (r >> 8 & 63)
                                               : 'a');
            }
            text[k] = (feat_text){bytes, n};
        }
        feat_text a = text[0], b = text[1], c = text[2];
        int64_t n = (int64_t)(next_random(&state) % 80) - 40, m = (int64_t)(next_random(&state) % 80) - 40;
        int64_t whole;
        double real;
        bool matches;
        feat_text_length(a);
        feat_text_first(a, 0);
        feat_text_lower(&scratch, a);
        feat_text_upper(&scratch, a);
        feat_text_strip_accents(&scratch, a);
        feat_text_trim(a, FEAT_TRIM_BOTH);
        feat_text_trim_set(&scratch, a, b, FEAT_TRIM_BOTH);
        feat_text_substring(a, n, m);
        feat_text_substring_from(a, n);
        feat_text_left(a, n);
        feat_text_right(a, n);
        feat_text_split_part(a, b, n);
        feat_text_split_part(a, (feat_text){"", 0}, n);
        feat_text_replace(&scratch, a, (feat_text){b.data, b.length % 3}, c, &out);
        feat_text_lpad(&scratch, a, 4 * n, b, &out);
        feat_text_rpad(&scratch, a, 4 * n, b, &out);
        feat_text_reverse(&scratch, a);
        feat_text_position(a, (feat_text){b.data, b.length % 3});
        feat_text_unhex(&scratch, a, &out);
        feat_text_levenshtein(&scratch, a, b);
        feat_text_hamming(a, b, &whole);
        feat_text_jaccard(&scratch, a, b, &real);
        feat_text_like(&scratch, a, b, (feat_text){c.data, c.length % 4}, round % 2, &matches);
        feat_text_like(&scratch, a, a, (feat_text){"", 0}, round % 2, &matches);
        for (int k = 0; k < 3; k++) free((char *)(uintptr_t)text[k].data);
        feat_scratch_done(&scratch);
    }
}
END_TEST

/* ---- memory ---- */

/* Without memory nothing is read or written that is not there, and the scratch remembers. */
START_TEST(memory_runs_out) {
    static char bytes[6000];
    for (size_t i = 0; i < sizeof bytes; i += 2) memcpy(bytes + i, "é", 2);
    feat_text s = {bytes, sizeof bytes}, a = text_of("a"), out;
    for (int k = 0; k < 19; k++) {
        feat_scratch scratch;
        double d;
        feat_scratch_init(&scratch);
        feat_alloc_fail_after(1);
        switch (k) {
        case 0: out = feat_text_lower(&scratch, s); break;
        case 1: out = feat_text_upper(&scratch, s); break;
        case 2: out = feat_text_trim_set(&scratch, s, s, FEAT_TRIM_BOTH); break;
        case 3: ck_assert(feat_text_concat(&scratch, s, a, &out)); break;
        case 4: ck_assert(feat_text_concat3(&scratch, s, a, s, &out)); break;
        case 5: ck_assert(feat_text_replace(&scratch, s, text_of("é"), a, &out)); break;
        case 6: ck_assert(feat_text_lpad(&scratch, s, 5000, a, &out)); break;
        case 7: ck_assert(feat_text_rpad(&scratch, s, 5000, a, &out)); break;
        case 8: ck_assert(feat_text_repeat(&scratch, s, 2, &out)); break;
        case 9: out = feat_text_reverse(&scratch, s); break;
        case 10: ck_assert(feat_text_chr(&scratch, 65, &out)); break;
        case 11: ck_assert(feat_text_hex(&scratch, s, &out)); break;
        case 12: out = feat_text_hex_number(&scratch, 255); break;
        case 13: ck_assert(feat_text_unhex(&scratch, text_of("6161"), &out)); break;
        case 14: out = feat_text_md5(&scratch, s); break;
        case 15: ck_assert(feat_like_compile(&scratch, s, FEAT_LIKE_NO_ESCAPE, true, &out)); break;
        case 16: ck_assert(!feat_like_match(&scratch, (feat_text){"~\1a", 3}, s)); break;
        case 17: ck_assert(feat_text_jaccard(&scratch, s, s, &d)); break;
        default: ck_assert_int_eq(feat_text_levenshtein(&scratch, s, a), 0);
        }
        feat_alloc_fail_after(0);
        ck_assert_msg(scratch.failed, "case %d", k);
        if (k < 16) ck_assert_uint_eq(out.length, 0);
        feat_scratch_done(&scratch);
    }
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
        {"trim", texts_are_trimmed},
        {"pieces", pieces_are_taken},
        {"random_pieces", substrings_of_random_texts},
        {"make", texts_are_made},
        {"hex", hexadecimal},
        {"distance", distances},
        {"sums", sums},
        {"hash", hashes},
        {"any_bytes", any_bytes_are_harmless},
        {"accents", accents_are_stripped},
        {"memory", memory_runs_out},
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
