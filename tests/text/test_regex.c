/* Regular expressions: places of groups, patterns that make backtracking hang, limits, bytes that are no program. That
 * matches are those of RE2 is in tests/python/test_regex.py. */
#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "text/regex.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static feat_text text_of(const char *s) { return (feat_text){s, strlen(s)}; }

static feat_text compiled(feat_scratch *scratch, feat_text pattern, feat_regex_kind kind) {
    feat_text program;
    char reason[128];
    bool made =
        feat_regex_compile(scratch, pattern, text_of(kind == FEAT_REGEX_REPLACE ? "g" : ""), kind, &program, reason);
    ck_assert_msg(made, "%.*s: %s", (int)pattern.length, pattern.data, reason);
    return program;
}

static char *times(const char *part, size_t n) {
    size_t length = strlen(part);
    char *all = malloc(length * n + 1);
    for (size_t i = 0; i < n; i++) memcpy(all + i * length, part, length);
    all[length * n] = 0;
    return all;
}

START_TEST(groups) {
    static const struct {
        const char *pattern, *text;
        long places[8]; /* -1 is none, -2 that there are no more */
    } cases[] = {
        {"(a+)(b+)", "xaabbb", {1, 6, 1, 3, 3, 6, -2}},
        {"(a|ab)(c|bcd)(d*)", "abcd", {0, 4, 0, 1, 1, 4, 4, 4}},
        {"(a)|b", "b", {0, 1, -1, -1, -2}},
        {"(?:(a)|(b))*", "ab", {0, 2, 0, 1, 1, 2, -2}},
        {"(|a)*", "aa", {0, 0, 0, 0, -2}},
        {"(|a)+", "aa", {0, 0, 0, 0, -2}},
        {"(a*?)(a*)", "aaa", {0, 3, 0, 0, 0, 3, -2}},
        {"x*", "axx", {0, 0, -2}},
        {"\\bfoo\\b", "xfoo foo", {5, 8, -2}},
        {"(?i)k", "\342\204\252", {0, 3, -2}},
    };
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const uint32_t wanted[] = {0, 1, 2, 3};
        feat_regex_span spans[4];
        feat_text program = compiled(&scratch, text_of(cases[i].pattern), FEAT_REGEX_SEARCH);
        ck_assert(feat_regex_search(&scratch, program, text_of(cases[i].text), 0, wanted, 4, spans));
        for (int k = 0; k < 8 && cases[i].places[k] != -2; k++) {
            long place = (long)(k & 1 ? spans[k / 2].end : spans[k / 2].begin);
            ck_assert_msg(place == cases[i].places[k], "%s: place %d is %ld", cases[i].pattern, k, place);
        }
    }
    feat_scratch_done(&scratch);
}
END_TEST

START_TEST(hanging) {
    enum { LONG = 100000 };
    static const struct {
        const char *pattern, *part;
        bool matches;
    } cases[] = {
        {"(a*)*b", "a", false},
        {"(x+x+)+y", "x", false},
        {"(a|a)*c", "a", false},
        {"(a|aa)+$", "a", true},
        {"(.*)(.*)(.*)(.*)x", "ab", false},
        {"^(([a-z])+.)+[A-Z]([a-z])+$", "a", false},
        {"(?:a?){30}a{30}b", "a", false},
        {"(.*a){12}b", "a", false},
        {"(a|b)*a(a|b){12}c", "ab", false},
        {"((a{0,30}){0,30})c", "a", false},
        {"(?:[ab]*a[ab]{12}){2}[cd]", "ab", false},
    };
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    clock_t start = clock();
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *s = times(cases[i].part, LONG);
        feat_text out;
        feat_text program = compiled(&scratch, text_of(cases[i].pattern), FEAT_REGEX_SEARCH);
        clock_t began = clock();
        ck_assert_int_eq(feat_regex_matches(&scratch, program, (feat_text){s, LONG}), cases[i].matches);
        ck_assert(feat_regex_extract(&scratch, program, (feat_text){s, LONG}, 1, &out));
        if (getenv("FEAT_TEST_TIMES"))
            fprintf(stderr, "%-30s %8.2f ms, %zu bytes\n", cases[i].pattern,
                    1e3 * (double)(clock() - began) / CLOCKS_PER_SEC, program.length);
        free(s);
        feat_scratch_reset(&scratch);
    }
    ck_assert_msg(clock() - start < 60 * CLOCKS_PER_SEC, "too slow"); /* backtracking would take years */
    feat_scratch_done(&scratch);
}
END_TEST

/* Replacing all matches searches again behind each: that is cut off where it would be quadratic. */
START_TEST(replacing) {
    enum { LONG = 100000 };
    char *s = times("x", LONG);
    feat_scratch scratch;
    feat_text out;
    feat_scratch_init(&scratch);
    ck_assert(feat_regex_replace(&scratch, compiled(&scratch, text_of("x"), FEAT_REGEX_REPLACE), (feat_text){s, LONG},
                                 text_of("yy"), &out));
    ck_assert_uint_eq(out.length, 2 * LONG);
    ck_assert(!feat_regex_replace(&scratch, compiled(&scratch, text_of("x*y|x"), FEAT_REGEX_REPLACE),
                                  (feat_text){s, LONG}, text_of("z"), &out));
    free(s);
    feat_scratch_done(&scratch);
}
END_TEST

START_TEST(limits) {
    feat_scratch scratch;
    feat_text program;
    char reason[128], *open = times("(", 10000), *both = times("((a)", 4000), *stars = times("(?:", 900);
    feat_scratch_init(&scratch);
    ck_assert(!feat_regex_compile(&scratch, text_of(open), text_of(""), FEAT_REGEX_SEARCH, &program, reason));
    ck_assert_ptr_nonnull(strstr(reason, "nested too deep"));
    ck_assert(!feat_regex_compile(&scratch, text_of(both), text_of(""), FEAT_REGEX_SEARCH, &program, reason));
    char *deep = malloc(900 * 5 + 10);
    char *tail = times(")*", 900);
    snprintf(deep, 900 * 5 + 10, "%sa%s", stars, tail);
    ck_assert(feat_regex_compile(&scratch, text_of(deep), text_of(""), FEAT_REGEX_SEARCH, &program, reason));
    ck_assert(feat_regex_matches(&scratch, program, text_of("")));
    static const char *const large[] = {"(abcdefghijklmnopqrstuvwxyz0123456789){1000}",
                                        "(?:(?:\\pL\\pN\\pP){31}.{1000}){31}"};
    for (size_t i = 0; i < COUNT(large); i++) {
        ck_assert(!feat_regex_compile(&scratch, text_of(large[i]), text_of(""), FEAT_REGEX_SEARCH, &program, reason));
        ck_assert_msg(strstr(reason, "too large") || strstr(reason, "repetition size"), "%s", reason);
    }
    char *word = times("word", 5000);
    ck_assert(feat_regex_compile(&scratch, text_of(word), text_of(""), FEAT_REGEX_WHOLE, &program, reason));
    ck_assert(feat_regex_matches(&scratch, program, text_of(word)));
    free(open), free(both), free(stars), free(deep), free(tail), free(word);
    feat_scratch_done(&scratch);
}
END_TEST

/* A program is the same bytes on every machine. */
START_TEST(bytes) {
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    feat_text program = compiled(&scratch, text_of("(?i)[a-f]+\\b|\\p{Greek}x{2,3}"), FEAT_REGEX_SEARCH);
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < program.length; i++)
        digest = (digest ^ (unsigned char)program.data[i]) * UINT64_C(0x100000001b3);
    ck_assert_msg(digest == UINT64_C(0x7f0e2c91d3296ccd), "%#llx", (unsigned long long)digest);
    for (size_t n = 0; n < program.length; n++)
        ck_assert(!feat_regex_matches(&scratch, (feat_text){program.data, n}, text_of("abc")));
    feat_scratch_done(&scratch);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("text/regex");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 300);
    tcase_add_test(all, groups);
    tcase_add_test(all, hanging);
    tcase_add_test(all, replacing);
    tcase_add_test(all, limits);
    tcase_add_test(all, bytes);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
