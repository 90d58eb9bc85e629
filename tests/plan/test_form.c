/* Logical forms, records and programs: what is packed comes back whole, fingerprints stay what they are, and damage is
 * refused. */
#include <check.h>

#include "base/pack.h"
#include "plan/definitions.h"
#include "plan/form.h"

static void open_world(world *w) {
    world_init(w);
    ck_assert_msg(world_run(w, tables_sql) == FEAT_OK, "%s", w->err.message);
    ck_assert_msg(world_run(w, definitions_sql) == FEAT_OK, "%s", w->err.message);
}

static const char *record_name(const world *w, size_t i) {
    size_t views = w->scope.n_views, services = w->scope.n_services;
    return i < views ? w->scope.views[i]->name : w->scope.services[(i - views) % services]->name;
}

static bool same_bytes(const feat_buffer *a, const feat_buffer *b) {
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

START_TEST(records_come_back_whole) {
    world w;
    feat_error err;
    open_world(&w);
    for (size_t i = 0; i < world_records(&w); i++) {
        feat_buffer bytes, again;
        feat_buffer_init(&bytes);
        feat_buffer_init(&again);
        ck_assert_msg(world_pack(&w, i, &bytes, &err) == FEAT_OK, "%s: %s", record_name(&w, i), err.message);
        ck_assert_msg(world_again(&w, i, bytes.data, bytes.size, &again, &err) == FEAT_OK, "%s: %s", record_name(&w, i),
                      err.message);
        ck_assert_msg(same_bytes(&bytes, &again), "%s", record_name(&w, i));
        feat_buffer_done(&bytes);
        feat_buffer_done(&again);
    }
    world_done(&w);
}
END_TEST

static void same_options(const feat_option *a, size_t n_a, const feat_option *b, size_t n_b) {
    ck_assert_uint_eq(n_a, n_b);
    for (size_t i = 0; i < n_a; i++) {
        ck_assert_str_eq(a[i].name, b[i].name);
        ck_assert_str_eq(a[i].value, b[i].value);
    }
}

static void same_uses(const feat_uses *a, const feat_uses *b) {
    ck_assert_uint_eq(a->n_tables, b->n_tables);
    ck_assert_uint_eq(a->n_views, b->n_views);
    for (size_t i = 0; i < a->n_tables; i++) ck_assert_ptr_eq(a->tables[i], b->tables[i]);
    for (size_t i = 0; i < a->n_views; i++) ck_assert_ptr_eq(a->views[i], b->views[i]);
}

static void same_code(const feat_code *a, const feat_code *b) {
    ck_assert_uint_eq(a->n_regs, b->n_regs);
    ck_assert_uint_eq(a->n_loads, b->n_loads);
    ck_assert_uint_eq(a->n_constants, b->n_constants);
    ck_assert_uint_eq(a->n_steps, b->n_steps);
    ck_assert_uint_eq(a->n_joins, b->n_joins);
    ck_assert_uint_eq(a->n_outputs, b->n_outputs);
    for (size_t i = 0; i < a->n_regs; i++) ck_assert_int_eq(a->regs[i], b->regs[i]);
    for (size_t i = 0; i < a->n_steps; i++) {
        ck_assert_uint_eq(a->steps[i].op, b->steps[i].op);
        ck_assert_uint_eq(a->steps[i].out, b->steps[i].out);
        ck_assert_uint_eq(a->steps[i].a, b->steps[i].a);
    }
    for (size_t i = 0; i < a->n_outputs; i++) ck_assert_uint_eq(a->outputs[i], b->outputs[i]);
}

START_TEST(views_come_back_with_names_and_meaning) {
    world w;
    feat_error err;
    open_world(&w);
    for (size_t i = 0; i < w.scope.n_views; i++) {
        const feat_view *view = w.scope.views[i];
        feat_view *back = NULL;
        feat_buffer bytes;
        feat_buffer_init(&bytes);
        ck_assert_int_eq(feat_view_pack(view, &bytes, &err), FEAT_OK);
        ck_assert_msg(feat_view_unpack(&w.arena, bytes.data, bytes.size, &w.scope, &back, &err) == FEAT_OK, "%s",
                      err.message);
        feat_buffer_done(&bytes);
        ck_assert_str_eq(view->name, back->name);
        ck_assert_uint_eq(view->version, back->version);
        ck_assert(feat_digest_equal(&view->fingerprint, &back->fingerprint));
        ck_assert_uint_eq(view->n_features, back->n_features);
        for (size_t f = 0; f < view->n_features; f++) {
            ck_assert_str_eq(view->features[f].name, back->features[f].name);
            ck_assert_uint_eq(view->features[f].type, back->features[f].type);
        }
        ck_assert_int_eq(view->ttl.us, back->ttl.us);
        same_options(view->options, view->n_options, back->options, back->n_options);
        same_uses(&view->uses, &back->uses);
        ck_assert_uint_eq(view->stage.code->n_outputs, back->stage.code->n_outputs);
        ck_assert_uint_le(back->stage.pool.n, view->stage.pool.n);
    }
    world_done(&w);
}
END_TEST

START_TEST(services_come_back_with_names_and_meaning) {
    world w;
    feat_error err;
    open_world(&w);
    for (size_t i = 0; i < w.scope.n_services; i++) {
        const feat_service *service = w.scope.services[i];
        feat_service *back = NULL, *loaded = NULL;
        feat_buffer bytes, program;
        feat_buffer_init(&bytes);
        feat_buffer_init(&program);
        ck_assert_int_eq(feat_service_pack(service, &bytes, &err), FEAT_OK);
        ck_assert_int_eq(feat_program_pack(service, &program, &err), FEAT_OK);
        ck_assert_msg(feat_service_unpack(&w.arena, bytes.data, bytes.size, &w.scope, &back, &err) == FEAT_OK, "%s",
                      err.message);
        ck_assert_msg(feat_program_unpack(&w.arena, program.data, program.size, &w.scope, &service->fingerprint,
                                          &loaded, &err) == FEAT_OK,
                      "%s", err.message);
        feat_buffer_done(&bytes);
        feat_buffer_done(&program);
        const feat_service *both[] = {back, loaded};
        for (int k = 0; k < 2; k++) {
            const feat_service *other = both[k];
            ck_assert_str_eq(service->name, other->name);
            ck_assert_uint_eq(service->version, other->version);
            ck_assert(feat_digest_equal(&service->fingerprint, &other->fingerprint));
            ck_assert_uint_eq(service->n_inputs, other->n_inputs);
            ck_assert_uint_eq(service->n_features, other->n_features);
            ck_assert_uint_eq(service->n_views, other->n_views);
            for (size_t f = 0; f < service->n_features; f++) {
                ck_assert_str_eq(service->features[f].name, other->features[f].name);
                ck_assert_uint_eq(service->features[f].type, other->features[f].type);
                ck_assert_int_eq(service->feature_view[f], other->feature_view[f]);
            }
            for (size_t v = 0; v < service->n_views; v++) {
                ck_assert_str_eq(service->views[v].alias, other->views[v].alias);
                ck_assert_str_eq(service->views[v].name, other->views[v].name);
                ck_assert_uint_eq(service->views[v].version, other->views[v].version);
                ck_assert_int_eq(service->views[v].materialized, other->views[v].materialized);
                ck_assert_int_eq(service->views[v].found_output, other->views[v].found_output);
                ck_assert_int_eq(service->views[v].expired_output, other->views[v].expired_output);
                ck_assert(feat_digest_equal(&service->views[v].fingerprint, &other->views[v].fingerprint));
            }
        }
        same_options(service->options, service->n_options, back->options, back->n_options);
        same_uses(&service->uses, &back->uses);
        same_code(service->stage.code, loaded->stage.code);
        ck_assert_uint_eq(loaded->stage.pool.n, 0);
    }
    world_done(&w);
}
END_TEST

/* ---- Fingerprints of forms made by hand: they are on disk, and must never change. ---- */

typedef struct made {
    feat_field fields[3];
    uint32_t key[1], ties[1], branch_key[1], join_key[1], bounds[1];
    feat_schema table;
    feat_union_branch branch;
    feat_slot slots[2];
    feat_type key_types[1], slot_types[2];
    feat_window windows[2];
    feat_aggregate aggregates[2];
    feat_block block;
    feat_field view_key[1];
    feat_output features[2];
    feat_view view;
    feat_service_view service_view;
    int32_t owner[2];
    feat_service service;
} made;

static uint32_t add(feat_pool *pool, feat_node node) {
    uint32_t at = feat_pool_add(pool, &node);
    ck_assert_uint_ne(at, FEAT_NO_NODE);
    return at;
}

static uint32_t input(feat_pool *pool, feat_type type, uint32_t index) {
    return add(pool, (feat_node){.kind = FEAT_NODE_INPUT, .type = type, .index = index});
}

static uint32_t op2(feat_pool *pool, feat_op op, feat_type type, uint32_t a, uint32_t b) {
    return add(pool, (feat_node){.kind = FEAT_NODE_OP, .type = type, .op = op, .args = {a, b}});
}

static uint32_t number(feat_pool *pool, int64_t v) {
    return add(pool, (feat_node){.kind = FEAT_NODE_CONST, .type = FEAT_TYPE_BIGINT, .constant.i = v});
}

/* `shuffled`: nodes in another order, and some that nothing needs. */
static void make(made *m, feat_arena *arena, bool shuffled) {
    memset(m, 0, sizeof *m);
    m->fields[0] = (feat_field){.name = "who", .type = FEAT_TYPE_BIGINT, .id = 1};
    m->fields[1] = (feat_field){.name = "n", .type = FEAT_TYPE_BIGINT, .id = 2};
    m->fields[2] = (feat_field){.name = "at", .type = FEAT_TYPE_TIMESTAMP, .id = 4, .not_null = true};
    m->table = (feat_schema){.name = "visits",
                             .table_id = shuffled ? 9 : 1, /* changes nothing */
                             .fields = m->fields,
                             .n_fields = 3,
                             .key = m->key,
                             .n_key = 1,
                             .time = 2,
                             .delay_us = 1000000};
    feat_pool *pool = &m->branch.stage.pool;
    feat_pool_init(pool, arena);
    uint32_t three = 0;
    if (shuffled) {
        three = number(pool, 3);
        number(pool, 77);
    }
    uint32_t who = input(pool, FEAT_TYPE_BIGINT, 0), n = input(pool, FEAT_TYPE_BIGINT, 1);
    if (!shuffled) three = number(pool, 3);
    m->branch.table = &m->table;
    m->branch.where = op2(pool, FEAT_OP_LT_I, FEAT_TYPE_BOOLEAN, three, n);
    m->branch_key[0] = who;
    m->branch.key = m->branch_key;
    m->slots[0] = (feat_slot){op2(pool, FEAT_OP_MUL_I, FEAT_TYPE_BIGINT, n, n), FEAT_NO_NODE};
    m->slots[1] = (feat_slot){FEAT_NO_NODE, FEAT_NO_NODE};
    m->branch.slots = m->slots;
    m->ties[0] = 1;
    m->branch.ties = m->ties;
    m->branch.n_ties = 1;
    m->key_types[0] = m->slot_types[0] = FEAT_TYPE_BIGINT;
    m->slot_types[1] = FEAT_TYPE_BOOLEAN;
    m->windows[0] =
        (feat_window){.start = {.days = 30}, .open_left = true, .low = FEAT_NO_BOUND, .high = FEAT_NO_BOUND};
    m->windows[1] = (feat_window){
        .frame = FEAT_FRAME_ROWS, .first = 5, .last = 1, .low = 0, .high = FEAT_NO_BOUND, .exclude = FEAT_EXCLUDE_TIES};
    m->aggregates[0] = (feat_aggregate){.agg = FEAT_AGG_SUM_INT,
                                        .low = FEAT_NO_BOUND,
                                        .high = FEAT_NO_BOUND,
                                        .otherwise = FEAT_NO_NODE,
                                        .type = FEAT_TYPE_BIGINT};
    m->aggregates[1] = m->aggregates[0];
    m->aggregates[1].agg = FEAT_AGG_COUNT;
    m->aggregates[1].slot = m->aggregates[1].window = 1;
    feat_pool_init(&m->block.clock.pool, arena);
    m->bounds[0] = add(&m->block.clock.pool, (feat_node){.kind = FEAT_NODE_NOW, .type = FEAT_TYPE_TIMESTAMP});
    m->block.branches = &m->branch;
    m->block.n_branches = 1;
    m->block.key = m->key_types;
    m->block.n_key = 1;
    m->block.slots = m->slot_types;
    m->block.n_slots = 2;
    m->block.windows = m->windows;
    m->block.n_windows = 2;
    m->block.aggregates = m->aggregates;
    m->block.n_aggregates = 2;
    m->block.bounds = m->bounds;
    m->block.n_bounds = 1;
    m->block.low = m->block.high = FEAT_NO_BOUND;
    feat_error err;
    ck_assert_int_eq(feat_block_fingerprint(&m->block, &err), FEAT_OK);

    m->view_key[0] = (feat_field){.name = "who", .type = FEAT_TYPE_BIGINT, .id = 1};
    feat_stage *stage = &m->view.stage;
    feat_pool_init(&stage->pool, arena);
    if (shuffled) number(&stage->pool, 5);
    uint32_t key = input(&stage->pool, FEAT_TYPE_BIGINT, 0);
    uint32_t join = feat_stage_join(stage, &m->block, &key);
    ck_assert_uint_eq(join, 0);
    uint32_t count = 0, found = 0;
    if (shuffled) found = add(&stage->pool, (feat_node){.kind = FEAT_NODE_FOUND, .type = FEAT_TYPE_BOOLEAN});
    if (shuffled)
        count = add(&stage->pool, (feat_node){.kind = FEAT_NODE_AGGREGATE, .type = FEAT_TYPE_BIGINT, .index = 1});
    uint32_t sum = add(&stage->pool, (feat_node){.kind = FEAT_NODE_AGGREGATE, .type = FEAT_TYPE_BIGINT, .index = 0});
    if (!shuffled)
        count = add(&stage->pool, (feat_node){.kind = FEAT_NODE_AGGREGATE, .type = FEAT_TYPE_BIGINT, .index = 1});
    if (!shuffled) found = add(&stage->pool, (feat_node){.kind = FEAT_NODE_FOUND, .type = FEAT_TYPE_BOOLEAN});
    m->features[0] =
        (feat_output){"mean", FEAT_TYPE_BIGINT, op2(&stage->pool, FEAT_OP_IDIV_I, FEAT_TYPE_BIGINT, sum, count)};
    m->features[1] = (feat_output){"n", FEAT_TYPE_BIGINT, count};
    m->view.name = shuffled ? "other" : "visits_30d"; /* changes nothing */
    m->view.key = m->view_key;
    m->view.n_key = 1;
    m->view.features = m->features;
    m->view.n_features = 2;
    m->view.present = m->view.expired = FEAT_NO_NODE;
    m->view.found = found;
    ck_assert_int_eq(feat_view_fingerprint(&m->view, &err), FEAT_OK);

    m->service.stage = m->view.stage;
    m->service.name = "s";
    m->service.inputs = m->view_key;
    m->service.n_inputs = 1;
    m->service.features = m->features;
    m->service.n_features = 2;
    m->owner[1] = -1;
    m->service.feature_view = m->owner;
    m->service_view = (feat_service_view){.alias = "v",
                                          .name = m->view.name,
                                          .fingerprint = m->view.fingerprint,
                                          .found = found,
                                          .expired = FEAT_NO_NODE};
    m->service.views = &m->service_view;
    m->service.n_views = 1;
    ck_assert_int_eq(feat_service_fingerprint(&m->service, &err), FEAT_OK);
}

static void is_fingerprint(const feat_digest *digest, const char *expected) {
    char text[FEAT_DIGEST_TEXT_SIZE];
    feat_digest_format(digest, text);
    ck_assert_str_eq(text, expected);
}

START_TEST(fingerprints_never_change) {
    feat_arena arena;
    made m;
    for (int shuffled = 0; shuffled < 2; shuffled++) {
        feat_arena_init(&arena);
        make(&m, &arena, shuffled);
        is_fingerprint(&m.block.fingerprint, "76dae758ca5e90ad0e4fed10338f36cc");
        is_fingerprint(&m.view.fingerprint, "f0bbdff4f9933ac414158def5dd9cbf6");
        is_fingerprint(&m.service.fingerprint, "1f3ea3ad995bb7d1cbc03d4a1755e23d");
        feat_arena_done(&arena);
    }
}
END_TEST

/* Each of these changes a value or a status, so it changes the fingerprint. */
static void change(made *m, int what) {
    static const feat_span day = {0, 86400000000};
    switch (what) {
    case 0: m->table.name = "visit"; break;
    case 1: m->table.delay_us++; break;
    case 2: m->table.ttl = day; break;
    case 3: m->table.retention = day; break;
    case 4: m->branch.retained = true; break;
    case 5: m->branch.n_ties = 0; break;
    case 6: m->branch.where = FEAT_NO_NODE; break;
    case 7: m->slots[1].filter = m->branch.where; break;
    case 8: m->windows[0].open_left = false; break;
    case 9: m->windows[0].end.us = 1; break;
    case 10: m->windows[1].exclude = FEAT_EXCLUDE_GROUP; break;
    case 11: m->windows[1].low = FEAT_NO_BOUND; break;
    case 12: m->aggregates[0].window = 1; break;
    case 13: m->aggregates[0].high = 0; break;
    case 14: m->block.low = 0; break;
    case 15: m->fields[1].id = 3; break;
    case 16: m->table.dimension = true; break;
    case 17: m->table.n_unique = 1, m->table.unique = m->key; break;
    default: m->view.ttl = day, m->features[1].name = "m"; break;
    }
}

START_TEST(what_changes_a_value_changes_the_fingerprint) {
    feat_arena arena;
    made m;
    feat_arena_init(&arena);
    make(&m, &arena, false);
    feat_digest block = m.block.fingerprint, view = m.view.fingerprint;
    change(&m, _i);
    ck_assert_int_eq(feat_block_fingerprint(&m.block, NULL), FEAT_OK);
    ck_assert_int_eq(feat_view_fingerprint(&m.view, NULL), FEAT_OK);
    ck_assert_int_eq(feat_digest_equal(&block, &m.block.fingerprint), _i == 18);
    ck_assert(!feat_digest_equal(&view, &m.view.fingerprint));
    feat_arena_done(&arena);
}
END_TEST

/* ---- Damage. ---- */

static void set_hash(feat_buffer *bytes) {
    uint64_t hash = feat_hash64(bytes->data, bytes->size - 8);
    for (int i = 0; i < 8; i++) bytes->data[bytes->size - 8 + (size_t)i] = (uint8_t)(hash >> (8 * i));
}

/* Every byte, several values. As it is, the hash shows any change. With a hash that fits, what is taken must mean what
 * it says: packed again it is the same bytes. A program numbers its operators as they come, so one that says something
 * else may be packed in another order, but then for good. */
static bool means_what_it_says(const world *w, size_t record, const feat_buffer *bytes, const feat_buffer *again) {
    if (same_bytes(bytes, again)) return true;
    if (record < w->scope.n_views + w->scope.n_services) return false;
    feat_buffer third;
    feat_error err;
    feat_buffer_init(&third);
    bool stable =
        world_again(w, record, again->data, again->size, &third, &err) == FEAT_OK && same_bytes(again, &third);
    feat_buffer_done(&third);
    return stable;
}

START_TEST(flipped_bytes_are_refused_or_meant) {
    static const uint8_t masks[] = {0x01, 0x80, 0x0f, 0xff};
    world w;
    feat_error err;
    size_t taken = 0, refused = 0;
    open_world(&w);
    for (size_t i = 0; i < world_records(&w); i++) {
        feat_buffer bytes, again;
        feat_buffer_init(&bytes);
        feat_buffer_init(&again);
        ck_assert_int_eq(world_pack(&w, i, &bytes, &err), FEAT_OK);
        for (size_t at = 0; at < bytes.size; at++)
            for (size_t k = 0; k < sizeof masks; k++) {
                bytes.data[at] ^= masks[k];
                feat_buffer_clear(&again);
                ck_assert_int_ne(world_again(&w, i, bytes.data, bytes.size, &again, &err), FEAT_OK);
                if (at < bytes.size - 8) {
                    set_hash(&bytes);
                    feat_buffer_clear(&again);
                    feat_status status = world_again(&w, i, bytes.data, bytes.size, &again, &err);
                    if (status == FEAT_OK) {
                        taken++;
                        ck_assert_msg(means_what_it_says(&w, i, &bytes, &again), "%s: byte %zu ^ %d",
                                      record_name(&w, i), at, masks[k]);
                    } else {
                        refused++;
                        ck_assert_msg(status == FEAT_CORRUPT || status == FEAT_FORMAT, "%s: byte %zu: %s",
                                      record_name(&w, i), at, err.message);
                    }
                }
                bytes.data[at] ^= masks[k];
                if (at < bytes.size - 8) set_hash(&bytes);
            }
        feat_buffer_done(&bytes);
        feat_buffer_done(&again);
    }
    ck_assert_uint_gt(refused, taken); /* most bytes say something that another value does not fit */
    ck_assert_uint_gt(taken, 0);
    world_done(&w);
}
END_TEST

START_TEST(cut_records_are_refused) {
    world w;
    feat_error err;
    open_world(&w);
    for (size_t i = 0; i < world_records(&w); i++) {
        feat_buffer bytes, again;
        feat_buffer_init(&bytes);
        feat_buffer_init(&again);
        ck_assert_int_eq(world_pack(&w, i, &bytes, &err), FEAT_OK);
        for (size_t size = 0; size < bytes.size; size++) {
            feat_buffer cut;
            feat_buffer_init(&cut);
            feat_buffer_append(&cut, bytes.data, size); /* of its very size: a read behind it is seen */
            if (size >= 8) set_hash(&cut);
            ck_assert_int_ne(world_again(&w, i, cut.data, cut.size, &again, &err), FEAT_OK);
            feat_buffer_done(&cut);
        }
        feat_buffer_done(&bytes);
        feat_buffer_done(&again);
    }
    world_done(&w);
}
END_TEST

START_TEST(programs_belong_to_one_definition) {
    world w;
    feat_error err;
    feat_buffer bytes;
    feat_service *service = NULL;
    open_world(&w);
    feat_buffer_init(&bytes);
    ck_assert_int_eq(feat_program_pack(w.scope.services[0], &bytes, &err), FEAT_OK);
    ck_assert_int_eq(feat_program_unpack(&w.arena, bytes.data, bytes.size, &w.scope, &w.scope.services[1]->fingerprint,
                                         &service, NULL),
                     FEAT_CORRUPT);
    ck_assert_ptr_null(service);
    feat_buffer_done(&bytes);
    world_done(&w);
}
END_TEST

/* A definition was made for a table as it was. */
START_TEST(another_table_is_refused) {
    world w;
    feat_error err;
    feat_buffer bytes;
    feat_view *view = NULL;
    open_world(&w);
    feat_buffer_init(&bytes);
    ck_assert_int_eq(feat_view_pack(w.scope.views[0], &bytes, &err), FEAT_OK);
    feat_schema other = *w.scope.tables[0];
    w.scope.tables[0] = &other;
    ck_assert_int_eq(feat_view_unpack(&w.arena, bytes.data, bytes.size, &w.scope, &view, &err), FEAT_OK);
    other.delay_us = 5;
    ck_assert_int_eq(feat_view_unpack(&w.arena, bytes.data, bytes.size, &w.scope, &view, &err), FEAT_CORRUPT);
    other.delay_us = 0;
    other.table_id = 77;
    ck_assert_int_eq(feat_view_unpack(&w.arena, bytes.data, bytes.size, &w.scope, &view, &err), FEAT_CORRUPT);
    feat_buffer_done(&bytes);
    world_done(&w);
}
END_TEST

/* Allocation N fails, for every N: an error, nothing lost, and `out` as it was. */
START_TEST(memory_can_run_out) {
    world w;
    feat_error err;
    open_world(&w);
    for (size_t i = 0; i < world_records(&w); i++) {
        feat_buffer bytes, again;
        feat_buffer_init(&bytes);
        ck_assert_int_eq(world_pack(&w, i, &bytes, &err), FEAT_OK);
        for (int64_t n = 1;; n++) {
            feat_buffer_init(&again);
            feat_alloc_fail_after(n);
            feat_status status = world_again(&w, i, bytes.data, bytes.size, &again, &err);
            feat_alloc_fail_after(0);
            ck_assert(status == FEAT_OK || status == FEAT_MEMORY);
            if (status != FEAT_OK) ck_assert_uint_eq(again.size, 0);
            feat_buffer_done(&again);
            if (status == FEAT_OK) break;
        }
        feat_buffer_done(&bytes);
    }
    world_done(&w);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("plan/form");
    TCase *t = tcase_create("form");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, records_come_back_whole);
    tcase_add_test(t, views_come_back_with_names_and_meaning);
    tcase_add_test(t, services_come_back_with_names_and_meaning);
    tcase_add_test(t, fingerprints_never_change);
    tcase_add_loop_test(t, what_changes_a_value_changes_the_fingerprint, 0, 19);
    tcase_add_test(t, flipped_bytes_are_refused_or_meant);
    tcase_add_test(t, cut_records_are_refused);
    tcase_add_test(t, programs_belong_to_one_definition);
    tcase_add_test(t, another_table_is_refused);
    tcase_add_test(t, memory_can_run_out);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
