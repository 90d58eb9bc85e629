/* Types by name, and the stored form of a schema against hostile bytes. */
#define _GNU_SOURCE /* memmem */
#include "column/schema.h"

#include "base/pack.h"
#include "support.h"

START_TEST(test_types) {
    static const struct {
        const char *name;
        feat_type type; /* 0: none */
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
        {"INTEGER", FEAT_TYPE_INTEGER},
        {"int", FEAT_TYPE_INTEGER},
        {"REAL", FEAT_TYPE_REAL},
        {"FLOAT", FEAT_TYPE_REAL},
        {"varchar(20)", FEAT_TYPE_TEXT},
        {"numeric", FEAT_TYPE_DECIMAL_OF(18, 3)},
        {"DECIMAL(3)", FEAT_TYPE_DECIMAL_OF(3, 0)},
        {"DECIMAL(3,1)", FEAT_TYPE_DECIMAL_OF(3, 1)},
        {"decimal(38, 38)", FEAT_TYPE_DECIMAL_OF(38, 38)},
        {"BIGINT[]", FEAT_TYPE_LIST_OF(FEAT_TYPE_BIGINT)},
        {"DECIMAL(10, 2)[]", FEAT_TYPE_LIST_OF(FEAT_TYPE_DECIMAL_OF(10, 2))},
        {"float[768]", FEAT_TYPE_VECTOR_OF(FEAT_TYPE_REAL, 768)},
        {"MAP(TEXT, DOUBLE)", FEAT_TYPE_MAP_OF(FEAT_TYPE_TEXT, FEAT_TYPE_DOUBLE)},
        {"map(int, decimal(4,1))", FEAT_TYPE_MAP_OF(FEAT_TYPE_INTEGER, FEAT_TYPE_DECIMAL_OF(4, 1))},
        {"BIGINTS", 0},
        {"BIGIN", 0},
        {"", 0},
        {"VECTOR", 0},
        {"DECIMAL(39,1)", 0},
        {"DECIMAL(3,4)", 0},
        {"DECIMAL(0)", 0},
        {"DECIMAL(", 0},
        {"DECIMAL(3,1", 0},
        {"BIGINT(3)", 0},
        {"BIGINT[0]", 0},
        {"BIGINT[16777216]", 0},
        {"BIGINT[][]", 0},
        {"MAP(TEXT)", 0},
        {"MAP(DOUBLE, TEXT)", 0},
        {"MAP", 0},
        {"HUGEINT", 0},
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        feat_type type = FEAT_TYPE_DATE;
        bool found = feat_type_from_sql(names[i].name, &type);
        ck_assert_msg(found == (names[i].type != 0), "%s", names[i].name);
        ck_assert_msg(type == (found ? names[i].type : FEAT_TYPE_DATE), "%s", names[i].name);
        char text[FEAT_TYPE_TEXT_SIZE];
        feat_type back;
        ck_assert_msg(!found || (feat_type_valid(type) && feat_type_from_sql(feat_type_format(type, text), &back) &&
                                 back == type),
                      "%s", names[i].name);
    }
    for (size_t i = 0; i < COUNT(all_types); i++) {
        feat_type type;
        ck_assert(feat_type_from_sql(feat_type_name(all_types[i]), &type) && type == all_types[i]);
        ck_assert(feat_type_valid(all_types[i]));
    }
    ck_assert(!feat_type_valid(0) && !feat_type_valid(21) && !feat_type_valid(UINT64_MAX));
    ck_assert(!feat_type_valid(FEAT_TYPE_DECIMAL) && !feat_type_valid(FEAT_TYPE_VECTOR) &&
              !feat_type_valid(FEAT_TYPE_LIST));
    ck_assert(!feat_type_valid(FEAT_TYPE_BIGINT | (feat_type)1 << 24) &&
              !feat_type_valid(FEAT_TYPE_LIST_OF(FEAT_TYPE_LIST)));
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
        case 6: copy[2].type = (feat_type)99; break;
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

/* A dimension with everything that a table can have. */
static const uint8_t no = 0;
static const int32_t three = 3;
static feat_field profile_fields[] = {
    {.name = "user_id", .type = FEAT_TYPE_BIGINT, .id = 2, .not_null = true, .stored = 9},
    {.name = "plan",
     .type = FEAT_TYPE_TEXT,
     .id = 3,
     .default_sql = "'free'",
     .check_sql = "plan <> ''",
     .default_value = {FEAT_TYPE_TEXT, "free", 4},
     .absent = {FEAT_TYPE_TEXT, "", 0}},
    {.name = "ok", .type = FEAT_TYPE_BOOLEAN, .id = 4, .default_value = {FEAT_TYPE_BOOLEAN, &no, 1}},
    {.name = "n", .type = FEAT_TYPE_BIGINT, .id = 5, .absent = {FEAT_TYPE_INTEGER, &three, 4}},
    {.name = "at", .type = FEAT_TYPE_TIMESTAMP, .id = 7, .not_null = true},
    {.name = FEAT_ENDED_NAME, .type = FEAT_TYPE_BOOLEAN, .id = FEAT_ENDED_ID}};
static uint32_t profile_key[] = {0}, profile_unique[] = {0, 4};
static feat_retired profile_retired[] = {{1, FEAT_TYPE_INTERVAL, 0}, {2, FEAT_TYPE_INTEGER, 2}, {6, FEAT_TYPE_TEXT, 0}};

static feat_schema profile(void) {
    return (feat_schema){.name = "profiles",
                         .table_id = 4,
                         .fields = profile_fields,
                         .n_fields = COUNT(profile_fields),
                         .key = profile_key,
                         .n_key = 1,
                         .time = 4,
                         .unique = profile_unique,
                         .n_unique = 2,
                         .dimension = true,
                         .ended = 5,
                         .ttl = {1, 5},
                         .retention = {24, 0},
                         .partition = FEAT_PARTITION_WEEK,
                         .revision = 6,
                         .retired = profile_retired,
                         .n_retired = COUNT(profile_retired)};
}

static void pack_and_compare(const feat_schema *a, const feat_schema *b) {
    feat_buffer x, y;
    feat_buffer_init(&x);
    feat_buffer_init(&y);
    feat_schema_pack(a, &x);
    feat_schema_pack(b, &y);
    ck_assert(!x.failed && !y.failed && x.size == y.size && memcmp(x.data, y.data, x.size) == 0);
    feat_buffer_done(&x);
    feat_buffer_done(&y);
}

START_TEST(test_dimension) {
    feat_schema schema = profile(), *read = NULL;
    feat_buffer b;
    feat_arena arena;
    feat_error err;
    feat_buffer_init(&b);
    feat_arena_init(&arena);
    feat_schema_pack(&schema, &b);
    ck_assert_msg(unpack(b.data, b.size, &arena, &read, &err) == FEAT_OK, "%s", err.message);
    check_same(&schema, read);
    pack_and_compare(&schema, read);
    ck_assert(read->dimension && read->ended == 5 && read->ttl.months == 1 && read->ttl.us == 5);
    ck_assert(read->retention.months == 24 && read->partition == FEAT_PARTITION_WEEK && read->revision == 6);
    ck_assert_str_eq(read->fields[1].check_sql, "plan <> ''");
    ck_assert_str_eq(read->fields[1].default_sql, "'free'");
    ck_assert(read->fields[1].absent.type == FEAT_TYPE_TEXT && read->fields[1].absent.size == 0);
    ck_assert(*(const int32_t *)read->fields[3].absent.bytes == 3);
    /* In a record it is little-endian: an array of type and bytes. */
    static const uint8_t stored[] = {0x92, FEAT_TYPE_INTEGER, 0xc4, 4, 3, 0, 0, 0};
    ck_assert_ptr_nonnull(memmem(b.data, b.size, stored, sizeof stored));
    ck_assert_uint_eq(feat_schema_next_id(read), 10);
    ck_assert_uint_eq(feat_field_stored(&read->fields[0]), 9);
    ck_assert_uint_eq(feat_field_stored(&read->fields[1]), 3);
    for (size_t size = 0; size < b.size; size++) {
        feat_schema *cut = NULL;
        void *exact = copy_of(b.data, size);
        ck_assert_int_eq(unpack(exact, size, &arena, &cut, &err), FEAT_CORRUPT);
        free(exact);
    }
    feat_arena_done(&arena);
    feat_buffer_done(&b);
}
END_TEST

START_TEST(test_invalid_dimension) {
    static const feat_type vector_of_nothing = FEAT_TYPE_VECTOR;
    for (int harm = 0; harm < 24; harm++) {
        feat_schema schema = profile(), *read = NULL;
        feat_field copy[COUNT(profile_fields)];
        feat_retired retired[COUNT(profile_retired)];
        memcpy(copy, profile_fields, sizeof copy);
        memcpy(retired, profile_retired, sizeof retired);
        schema.fields = copy;
        schema.retired = retired;
        switch (harm) {
        case 0: schema.dimension = false; break;
        case 1: copy[5].name = "ended"; break;
        case 2: copy[5].type = FEAT_TYPE_BIGINT; break;
        case 3: copy[5].id = 8; break;
        case 4: schema.n_fields = 5; break;
        case 5: schema.ttl.us = -1; break;
        case 6: schema.retention.months = -1; break;
        case 7: schema.retention.months = INT64_MAX; break;
        case 8: schema.partition = (feat_partition)9; break;
        case 9: retired[1].stored = 1; break;
        case 10: retired[0].stored = 0; break;
        case 11: retired[1].field = 99; break;
        case 12: retired[1].type = FEAT_TYPE_TEXT; break; /* widens to no number */
        case 13: retired[2].stored = 7; break;            /* the blocks of `at` */
        case 14: copy[0].stored = 3; break;               /* the blocks of `plan` */
        case 15: copy[1].default_value.type = FEAT_TYPE_BLOB; break;
        case 16: copy[1].default_value = (feat_constant_value){FEAT_TYPE_TEXT, "\xff", 1}; break;
        case 17: copy[3].absent.size = 3; break;
        case 18: copy[3].absent = (feat_constant_value){FEAT_TYPE_TEXT, "abcd", 4}; break;
        case 19: copy[3].default_value = (feat_constant_value){FEAT_TYPE_INTEGER, &three, 4}; break;
        case 20: copy[1].check_sql = ""; break;
        case 21: copy[2].default_value.size = 0; break;
        case 22: copy[1].type = FEAT_TYPE_DECIMAL_OF(39, 2); break;
        case 23: copy[1].type = vector_of_nothing; break;
        }
        feat_buffer b;
        feat_arena arena;
        feat_error err;
        feat_buffer_init(&b);
        feat_arena_init(&arena);
        feat_schema_pack(&schema, &b);
        ck_assert_msg(unpack(b.data, b.size, &arena, &read, &err) == FEAT_CORRUPT, "harm %d", harm);
        feat_arena_done(&arena);
        feat_buffer_done(&b);
    }
}
END_TEST

/* What was written before tables had defaults, dimensions and revisions. */
START_TEST(test_first_form) {
    feat_schema schema = sample(), *read = NULL;
    feat_buffer b;
    feat_arena arena;
    feat_error err;
    feat_buffer_init(&b);
    feat_arena_init(&arena);
    feat_pack_array(&b, 8);
    feat_pack_uint(&b, 1);
    feat_pack_uint(&b, schema.table_id);
    feat_pack_text(&b, schema.name);
    feat_pack_array(&b, COUNT(fields));
    for (size_t i = 0; i < COUNT(fields); i++) {
        feat_pack_array(&b, 4);
        feat_pack_uint(&b, fields[i].id);
        feat_pack_text(&b, fields[i].name);
        feat_pack_uint(&b, fields[i].type);
        feat_pack_bool(&b, fields[i].not_null);
    }
    feat_pack_array(&b, 2);
    for (size_t i = 0; i < 2; i++) feat_pack_uint(&b, key[i]);
    feat_pack_uint(&b, schema.time);
    feat_pack_int(&b, schema.delay_us);
    feat_pack_array(&b, 1);
    feat_pack_uint(&b, unique_key[0]);
    ck_assert_msg(unpack(b.data, b.size, &arena, &read, &err) == FEAT_OK, "%s", err.message);
    check_same(&schema, read);
    pack_and_compare(&schema, read);
    feat_arena_done(&arena);
    feat_buffer_done(&b);
}
END_TEST

/* Tables of one meaning, whatever their numbers and their past. */
START_TEST(test_meaning) {
    feat_schema a = profile(), b = profile(), c = profile();
    feat_field copy[COUNT(profile_fields)], other[COUNT(profile_fields)];
    feat_buffer x, y, z;
    memcpy(copy, profile_fields, sizeof copy);
    memcpy(other, profile_fields, sizeof other);
    for (uint32_t i = 0; i < COUNT(copy); i++) {
        copy[i].id = i + 1;
        copy[i].stored = 0;
        copy[i].absent = (feat_constant_value){0};
    }
    b.fields = copy;
    b.table_id = 77;
    b.revision = 0;
    b.n_retired = 0;
    other[1].check_sql = NULL;
    c.fields = other;
    feat_buffer_init(&x);
    feat_buffer_init(&y);
    feat_buffer_init(&z);
    feat_schema_pack_meaning(&a, &x);
    feat_schema_pack_meaning(&b, &y);
    feat_schema_pack_meaning(&c, &z);
    ck_assert(x.size == y.size && memcmp(x.data, y.data, x.size) == 0);
    ck_assert(x.size != z.size);
    feat_buffer_done(&x);
    feat_buffer_done(&y);
    feat_buffer_done(&z);
}
END_TEST

START_TEST(test_hostile_bytes) {
    const feat_schema schemas[] = {sample(), profile()};
    feat_buffer b, again;
    feat_buffer_init(&b);
    feat_buffer_init(&again);
    size_t accepted = 0;
    for (int round = 0; round < 300000; round++) {
        feat_buffer_clear(&b);
        feat_schema_pack(&schemas[round % 2], &b);
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
    const TTest *const tests[] = {test_types,   test_round_trip,        test_dimension,
                                  test_invalid, test_invalid_dimension, test_first_form,
                                  test_meaning, test_hostile_bytes};
    return run_suite("column/schema", tests, COUNT(tests));
}
