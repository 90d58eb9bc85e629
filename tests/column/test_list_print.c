#include "column/list_print.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void check(feat_type type, const void *bytes, size_t size, const char *wanted) {
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    feat_text out = {"", 0};
    /* Its own memory, so that a read behind the end is seen. */
    char *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    bool made = feat_nested_print(&scratch, type, (feat_text){copy, size}, &out);
    ck_assert(made == (wanted != NULL));
    if (made)
        ck_assert_msg(out.length == strlen(wanted) && memcmp(out.data, wanted, out.length) == 0, "%.*s, not %s",
                      (int)out.length, out.data, wanted);
    free(copy);
    feat_scratch_done(&scratch);
}

#define CHECK(type, bytes, wanted) check(type, bytes, sizeof(bytes) - 1, wanted)

START_TEST(test_maps) {
    const feat_type words = FEAT_TYPE_MAP_OF(FEAT_TYPE_TEXT, FEAT_TYPE_SMALLINT),
                    numbers = FEAT_TYPE_MAP_OF(FEAT_TYPE_UTINYINT, FEAT_TYPE_DOUBLE);
    CHECK(words, "\0\0\0\0\0", "{}");
    CHECK(words, "\3\0\0\0\0\0\0\0\1\0\0\0\3\0\0\0ab,c\1\x05\1\0\0\0\xff\xff", "{''=1, a=NULL, 'b,c'=-1}");
    CHECK(numbers, "\2\0\0\0\x07\xff\0\0\0\0\0\0\0\xf8\x3f\0\0\0\0\0\0\0\x80", "{7=1.5, 255=-0.0}");
}
END_TEST

START_TEST(test_lists) {
    CHECK(FEAT_TYPE_LIST_OF(FEAT_TYPE_TEXT), "\2\0\0\0\0\4\0\0\0\1\0\0\0NULL\\", "['NULL', '\\\\']");
    CHECK(FEAT_TYPE_LIST_OF(FEAT_TYPE_BLOB), "\2\0\0\0\0\2\0\0\0\1\0\0\0a\0b", "['a\\\\x00', b]");
    CHECK(FEAT_TYPE_VECTOR_OF(FEAT_TYPE_REAL, 2), "\0\0\0\x80\x3f\xcd\xcc\xcc\x3d", "[1.0, 0.1]");
    CHECK(FEAT_TYPE_LIST_OF(FEAT_TYPE_BOOLEAN), "\3\0\0\0\1\3\1\0\0", "[true, false, NULL]");
}
END_TEST

/* What is no value of the type. */
START_TEST(test_damage) {
    CHECK(FEAT_TYPE_BIGINT, "\0\0\0\0\0\0\0\0", NULL);
    CHECK((feat_type)0, "", NULL);
    CHECK(FEAT_TYPE_LIST_OF(FEAT_TYPE_TEXT), "", NULL);
    CHECK(FEAT_TYPE_LIST_OF(FEAT_TYPE_TEXT), "\1\0\0\0\0\2\0\0\0a", NULL);
    CHECK(FEAT_TYPE_LIST_OF(FEAT_TYPE_TEXT), "\xff\xff\xff\xff\0", NULL);
    CHECK(FEAT_TYPE_VECTOR_OF(FEAT_TYPE_REAL, 2), "\0\0\0\x80\x3f", NULL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("column/list_print");
    TCase *tests = tcase_create("list_print");
    tcase_add_test(tests, test_maps);
    tcase_add_test(tests, test_lists);
    tcase_add_test(tests, test_damage);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
