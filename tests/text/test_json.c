/* JSON: what is valid, and values at paths. More of the latter, beside DuckDB's, is in tests/functions/json.tsv. */
#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/json.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static feat_text text_of(const char *s) { return (feat_text){s, strlen(s)}; }

START_TEST(validity) {
    static const char *const valid[] = {
        "null",
        " true ",
        "false",
        "0",
        "-0",
        "-1.5e+10",
        "1E5",
        "0.0",
        "\"\"",
        "\"a\\u00e9\\n\\/\"",
        "\"\\ud83d\\ude00\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[1,2 , 3]",
        "{\"a\":1,\"b\":[{}]}",
        "[[[[]]]]",
        "\t\r\n[1]\n",
        "{\"\":{\"\":[]}}",
        "[\"]\",\"}\"]",
        "\"\303\251\"",
    };
    static const char *const wrong[] = {
        "",
        " ",
        "nul",
        "True",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "\"\t\"",
        "[",
        "]",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1 \"b\":2}",
        "[}",
        "{]",
        "1 2",
        "[] []",
        "NaN",
        "Infinity",
        "// c",
        "'a'",
        "{\"a\":1]",
        "[1}",
    };
    for (size_t i = 0; i < COUNT(valid); i++) ck_assert_msg(feat_json_valid(text_of(valid[i])), "%s", valid[i]);
    for (size_t i = 0; i < COUNT(wrong); i++) ck_assert_msg(!feat_json_valid(text_of(wrong[i])), "%s", wrong[i]);
}
END_TEST

START_TEST(depth) {
    char deep[2 * FEAT_JSON_DEEPEST + 4];
    for (size_t extra = 0; extra < 2; extra++) {
        size_t n = FEAT_JSON_DEEPEST + extra;
        memset(deep, '[', n);
        memset(deep + n, ']', n);
        ck_assert(feat_json_valid((feat_text){deep, 2 * n}) == (extra == 0));
    }
    size_t n = 1000000;
    char *open = malloc(n);
    memset(open, '[', n);
    ck_assert(!feat_json_valid((feat_text){open, n}));
    free(open);
}
END_TEST

START_TEST(paths) {
    static const char *const wrong[] = {"$.",    "$a",    "$[",     "$[]",   "$[x]", "$[1",   "$[#1]",
                                        "$[#-]", "$.\"a", "$.\"\"", "$[1]a", "$.a.", "$['a']"};
    static const char *const wild[] = {"$.*", "$[*]", "$..a", "$.a[*].b"};
    const char *reason = NULL;
    for (size_t i = 0; i < COUNT(wrong); i++)
        ck_assert_msg(!feat_json_check_path(text_of(wrong[i]), &reason) && strstr(reason, "not a JSON path"), "%s",
                      wrong[i]);
    for (size_t i = 0; i < COUNT(wild); i++)
        ck_assert_msg(!feat_json_check_path(text_of(wild[i]), &reason) && strstr(reason, "wildcards"), "%s", wild[i]);
}
END_TEST

/* Whatever bytes are changed, nothing is read outside the text, which lies at the end of its memory. */
START_TEST(mutations) {
    static const char model[] = "{\"a\":[1,{\"b\":\"x\\u00e9\\ud83d\\ude00\\n\"},[]], \"\":null , \"c d\" : "
                                "-1.5e3,\"e\":{\"f\":{\"g\":[true]}}}";
    static const char *const where[] = {"$", "$.a[1].b", "$.a[#-1]", "/e/f/g/0", "$.\"c d\"",
                                        "",  "zz",       "$.a[-3]",  "/",        "$.e.f"};
    static const char letters[] = "{}[]\",:\\u0e1-.ntf \x01\xc3";
    uint64_t state = 1;
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    for (int i = 0; i < 30000; i++) {
        size_t n = sizeof model - 1;
        char *s = malloc(n);
        memcpy(s, model, n);
        for (int k = 0; k < 3; k++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            size_t at = (size_t)(state >> 33) % n;
            if (k < i % 4) s[at] = letters[(state >> 20) % (sizeof letters - 1)];
            if (i % 7 == 0 && k == 2) {
                n = at + 1;
                s = realloc(s, n);
            }
        }
        feat_text out;
        for (size_t p = 0; p < COUNT(where); p++)
            for (int plain = 0; plain < 2; plain++)
                if (feat_json_extract(&scratch, (feat_text){s, n}, text_of(where[p]), plain, &out) == FEAT_JSON_VALUE)
                    ck_assert(plain || feat_json_valid(out));
        free(s);
        feat_scratch_reset(&scratch);
    }
    feat_scratch_done(&scratch);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("text/json");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 300);
    tcase_add_test(all, validity);
    tcase_add_test(all, depth);
    tcase_add_test(all, paths);
    tcase_add_test(all, mutations);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
