/* Types by name, and the stored form of a schema against hostile bytes. */
#include "column/schema.h"
#include "base/pack.h"
#include "support.h"

START_TEST(test_types) {
    static const struct {
        const char *name;
        int type; /* 0: none */
    } names[] = {
        {"BIGINT", FEAT_TYPE_BIGINT},
        {"bigint", FEAT_TYPE_BIGINT},
        {"Int8", FEAT_TYPE_BIGINT},
        {"LONG", FEAT_TYPE_BIGINT},
        {"double", FEAT_TYPE_DOUBLE},
        {"DOUBLE PRECISION", FEAT_TYPE_DOUBLE},
        {"float8", FEAT_TYPE_DOUBLE},
        {"TEXT", FEAT_TYPE_TEXT},
        {"varchar", FEAT_TYPE_TEXT},
        {"string", FEAT_TYPE_TEXT},
        {"BOOL", FEAT_TYPE_BOOLEAN},
        {"boolean", FEAT_TYPE_BOOLEAN},
        {"date", FEAT_TYPE_DATE},
        {"timestamp", FEAT_TYPE_TIMESTAMP},
        {"TimestampTZ", FEAT_TYPE_TIMESTAMP},
        {"datetime", FEAT_TYPE_TIMESTAMP},
        {"INTEGER", 0},
        {"int", 0},
        {"REAL", 0},
        {"FLOAT", 0},
        {"BIGINTS", 0},
        {"BIGIN", 0},
        {"", 0},
        {"DECIMAL(3,1)", 0},
        {"BIGINT[]", 0},
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        feat_type type = FEAT_TYPE_DATE;
        bool found = feat_type_from_sql(names[i].name, &type);
        ck_assert_msg(found == (names[i].type != 0), "%s", names[i].name);
        ck_assert_msg((int)type == (found ? names[i].type : (int)FEAT_TYPE_DATE), "%s", names[i].name);
    }
    for (size_t i = 0; i < COUNT(all_types); i++) {
        feat_type type;
        ck_assert(feat_type_from_sql(feat_type_name(all_types[i]), &type) && type == all_types[i]);
        ck_assert(feat_type_valid((int)all_types[i]));
    }
    ck_assert(!feat_type_valid(0) && !feat_type_valid(7) && !feat_type_valid(-1));
    ck_assert_str_eq(feat_type_name((feat_type)99), "UNKNOWN");
    ck_assert_uint_eq(feat_type_size(FEAT_TYPE_DATE), 4);
    ck_assert_uint_eq(feat_type_size(FEAT_TYPE_TEXT), 0);
    ck_assert_int_eq(feat_name_compare("Amount", "aMOUNT"), 0);
    ck_assert_int_lt(feat_name_compare("amount", "amounts"), 0);
    ck_assert_int_gt(feat_name_compare("b", "A"), 0);
    ck_assert_int_ne(feat_name_compare("\xc3\x84", "\xc3\xa4"), 0); /* beyond ASCII letters are what they are */
}
END_TEST

static feat_field fields[] = {{"purchase_id", FEAT_TYPE_BIGINT, 1, true},
                              {"user_id", FEAT_TYPE_BIGINT, 2, true},
                              {"amount", FEAT_TYPE_DOUBLE, 3, false},
                              {"größe", FEAT_TYPE_TEXT, 70000, false},
                              {"at", FEAT_TYPE_TIMESTAMP, 70001, true}};
static uint32_t key[] = {1, 3}, unique_key[] = {0};

static feat_schema sample(void) {
    return (feat_schema){.name = "purchases",
                         .table_id = 9,
                         .fields = fields,
                         .n_fields = COUNT(fields),
                         .key = key,
                         .n_key = 2,
                         .time = 4,
                         .delay_us = INT64_C(86400000000),
                         .unique = unique_key,
                         .n_unique = 1};
}

static void check_same(const feat_schema *a, const feat_schema *b) {
    ck_assert_str_eq(a->name, b->name);
    ck_assert(a->table_id == b->table_id && a->n_fields == b->n_fields && a->time == b->time &&
              a->delay_us == b->delay_us);
    for (size_t i = 0; i < a->n_fields; i++) {
        ck_assert_str_eq(a->fields[i].name, b->fields[i].name);
        ck_assert(a->fields[i].type == b->fields[i].type && a->fields[i].id == b->fields[i].id &&
                  a->fields[i].not_null == b->fields[i].not_null);
    }
    ck_assert(a->n_key == b->n_key && memcmp(a->key, b->key, a->n_key * sizeof *a->key) == 0);
    ck_assert(a->n_unique == b->n_unique && memcmp(a->unique, b->unique, a->n_unique * sizeof *a->unique) == 0);
}

static feat_status unpack(const void *bytes, size_t size, feat_arena *arena, feat_schema **schema, feat_error *err) {
    feat_cursor in;
    feat_cursor_init(&in, bytes, size);
    return feat_schema_unpack(arena, &in, schema, err);
}

START_TEST(test_round_trip) {
    feat_schema schema = sample();
    ck_assert_int_eq(feat_schema_find(&schema, "AMOUNT"), 2);
    ck_assert_int_eq(feat_schema_find(&schema, "amounts"), -1);
    feat_buffer b;
    feat_buffer_init(&b);
    feat_schema_pack(&schema, &b);
    feat_buffer_byte(&b, 0xc0); /* what follows belongs to the caller */
    ck_assert(!b.failed);
    feat_arena arena;
    feat_cursor in;
    feat_error err;
    for (int64_t k = 1;; k++) {
        feat_schema *read = NULL;
        feat_arena_init(&arena);
        feat_cursor_init(&in, b.data, b.size);
        feat_alloc_fail_after(k);
        feat_status status = feat_schema_unpack(&arena, &in, &read, &err);
        feat_alloc_fail_after(0);
        if (status == FEAT_OK) check_same(&schema, read);
        else ck_assert(status == FEAT_MEMORY && !read);
        feat_arena_done(&arena);
        if (status == FEAT_OK) break;
    }
    ck_assert(in.at + 1 == in.end);
    for (size_t size = 0; size + 1 < b.size; size++) { /* every shorter text */
        feat_schema *read = NULL;
        void *exact = copy_of(b.data, size);
        feat_arena_init(&arena);
        ck_assert_int_eq(unpack(exact, size, &arena, &read, &err), FEAT_CORRUPT);
        ck_assert(!read && strncmp(err.message, "the definition of a table is damaged (", 38) == 0);
        feat_arena_done(&arena);
        free(exact);
    }
    feat_buffer_done(&b);
}
END_TEST

/* Each spoils one thing that a reader of schemas relies on. */
START_TEST(test_invalid) {
    for (int harm = 0; harm < 18; harm++) {
        feat_schema schema = sample();
        feat_field copy[COUNT(fields)];
        uint32_t keys[6] = {1, 3}, uniques[6] = {0};
        memcpy(copy, fields, sizeof copy);
        schema.fields = copy;
        schema.key = keys;
        schema.unique = uniques;
        switch (harm) {
        case 0: schema.name = ""; break;
        case 1: copy[1].name = "PURCHASE_ID"; break;
        case 2: copy[1].name = ""; break;
        case 3: copy[1].name = "\xff"; break;
        case 4: copy[1].id = 1; break;
        case 5: copy[0].id = 0; break;
        case 6: copy[2].type = (feat_type)7; break;
        case 7: keys[1] = 5; break;
        case 8: keys[1] = 1; break;
        case 9: keys[1] = 2; break; /* DOUBLE */
        case 10: schema.n_key = 0; break;
        case 11: schema.time = 5; break;
        case 12: schema.time = 0; break;
        case 13: copy[4].not_null = false; break;
        case 14: schema.delay_us = -1; break;
        case 15: uniques[0] = 9; break;
        case 16: schema.n_unique = 6; break;
        case 17: schema.n_fields = 0; break;
        }
        feat_buffer b;
        feat_buffer_init(&b);
        feat_schema_pack(&schema, &b);
        feat_arena arena;
        feat_arena_init(&arena);
        feat_schema *read = NULL;
        feat_error err;
        ck_assert_msg(unpack(b.data, b.size, &arena, &read, &err) == FEAT_CORRUPT, "harm %d", harm);
        ck_assert(!read);
        feat_arena_done(&arena);
        feat_buffer_done(&b);
    }
}
END_TEST

START_TEST(test_hostile_bytes) {
    feat_schema schema = sample();
    feat_buffer b, again;
    feat_buffer_init(&b);
    feat_buffer_init(&again);
    feat_schema_pack(&schema, &b);
    size_t accepted = 0;
    for (int round = 0; round < 300000; round++) {
        size_t size = random_below(8) ? b.size : random_below(b.size + 1);
        unsigned char *bytes = copy_of(b.data, size);
        for (size_t k = 1 + random_below(4); k > 0 && size > 0; k--)
            bytes[random_below(size)] = random_below(3)
                                            ? (unsigned char)random_bits()
                                            : (unsigned char)(0xc0 + random_below(32)); /* tags with lengths */
        feat_arena arena;
        feat_arena_init(&arena);
        feat_schema *read = NULL;
        feat_error err;
        feat_status status = unpack(bytes, size, &arena, &read, &err);
        if (status == FEAT_OK) { /* then it is a schema: it survives a round trip */
            accepted++;
            feat_buffer_clear(&again);
            feat_schema_pack(read, &again);
            feat_schema *twice = NULL;
            ck_assert_int_eq(unpack(again.data, again.size, &arena, &twice, &err), FEAT_OK);
            check_same(read, twice);
        } else {
            ck_assert_int_eq(status, FEAT_CORRUPT);
        }
        feat_arena_done(&arena);
        free(bytes);
    }
    ck_assert_uint_gt(accepted, 1000); /* else the test tests nothing */
    feat_buffer_done(&b);
    feat_buffer_done(&again);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_types, test_round_trip, test_invalid, test_hostile_bytes};
    return run_suite("column/schema", tests, COUNT(tests));
}
