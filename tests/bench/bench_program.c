/* How long a service takes to load: as a program, from its form, and from its text.
 *
 *     bench_program [SECONDS]
 *
 * The service has a profile, four blocks of aggregates and about 40 features. Every program loaded is packed again at
 * the end, and must be the bytes that it was loaded from. Prints a line for each way: name, microseconds. Built by
 * hand:
 *
 *     cc -O2 -D_DEFAULT_SOURCE -Ilib -Iinclude tests/bench/bench_program.c BUILD/lib/libfeat.a -llmdb -lzstd -lxxhash \
 *         -lmsgpackc -lm */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plan/plan.h"
#include "sql/sql.h"

static const char tables_sql[] =
    "CREATE TABLE purchases (id BIGINT NOT NULL, user_id BIGINT, merchant TEXT, amount DOUBLE, n BIGINT, ok BOOLEAN, t "
    "TIMESTAMP, ENTITY KEY (user_id), EVENT TIME (t), UNIQUE (id));"
    "CREATE TABLE logins (user_id BIGINT, device TEXT, seconds BIGINT, at TIMESTAMP, ENTITY KEY (user_id), EVENT TIME "
    "(at));"
    "CREATE TABLE chargebacks (merchant TEXT, amount DOUBLE, at TIMESTAMP, ENTITY KEY (merchant), EVENT TIME (at));"
    "CREATE TABLE clicks (user_id BIGINT, page TEXT, at TIMESTAMP, ENTITY KEY (user_id), EVENT TIME (at));"
    "CREATE DIMENSION users (user_id BIGINT NOT NULL, country TEXT, plan TEXT, since DATE, updated TIMESTAMP NOT NULL, "
    "ENTITY KEY (user_id), EVENT TIME (updated));";

static const char service_sql[] =
    "CREATE FEATURE VIEW spending AS SELECT user_id, count(*) OVER d AS n_1d, count(*) OVER w AS n_7d, count(*) OVER m "
    "AS n_30d, sum(amount) OVER d AS s_1d, sum(amount) OVER w AS s_7d, sum(amount) OVER m AS s_30d, avg(amount) OVER m "
    "AS a_30d, max(amount) OVER m AS max_30d, sum(amount) FILTER (WHERE ok) OVER m AS paid_30d, last(merchant) OVER m "
    "AS last_merchant, s_7d / nullif(n_7d, 0) AS mean_7d, n_1d * 30.0 / nullif(n_30d, 0) AS burst FROM purchases GROUP "
    "BY user_id WINDOW d AS (RANGE INTERVAL '1 day' PRECEDING), w AS (RANGE INTERVAL '7 days' PRECEDING), m AS (RANGE "
    "INTERVAL '30 days' PRECEDING);"
    "CREATE FEATURE VIEW sessions AS SELECT user_id, count(*) OVER w AS logins_7d, sum(seconds) OVER w AS seconds_7d, "
    "max(at) OVER w AS seen, last(device) OVER w AS device, seconds_7d // nullif(logins_7d, 0) AS length_7d, CASE WHEN "
    "logins_7d > 50 THEN 'heavy' WHEN logins_7d > 5 THEN 'usual' ELSE 'light' END AS use FROM logins GROUP BY user_id "
    "WINDOW w AS (RANGE INTERVAL '7 days' PRECEDING);"
    "CREATE FEATURE VIEW risk AS SELECT merchant, count(*) OVER w AS backs_90d, sum(amount) OVER w AS lost_90d, "
    "max(amount) OVER w AS worst_90d, lost_90d / nullif(backs_90d, 0) AS loss FROM chargebacks GROUP BY merchant "
    "WINDOW w AS (RANGE INTERVAL '90 days' PRECEDING);"
    "CREATE FEATURE VIEW browsing AS SELECT user_id, count(*) OVER h AS clicks_1h, count(*) OVER d AS clicks_1d, "
    "last(page) OVER d AS page, clicks_1h * 24.0 / nullif(clicks_1d, 0) AS pace FROM clicks GROUP BY user_id WINDOW h "
    "AS (RANGE INTERVAL '1 hour' PRECEDING), d AS (RANGE INTERVAL '1 day' PRECEDING);"
    "CREATE FEATURE SERVICE user_360 AS SELECT u.country, u.plan, datediff('day', u.since, CURRENT_DATE) AS age, p.*, "
    "s.*, k.*, b.*, r.amount / nullif(p.a_30d, 0.0) AS vs_usual, r.amount > 2 * p.max_30d AS large, r.merchant = "
    "p.last_merchant AS again, hour(now()) AS hour_of_day, coalesce(p.s_30d, 0.0) + coalesce(k.lost_90d, 0.0) AS "
    "exposure, CASE WHEN r.amount > 1000.0 AND k.backs_90d > 3 THEN 'review' ELSE 'pass' END AS verdict, p.n_30d + "
    "s.logins_7d + b.clicks_1d AS activity, date_trunc('week', now()) AS week, r.amount - coalesce(p.s_1d, 0.0) AS "
    "rest, abs(r.amount - coalesce(p.a_30d, r.amount)) AS off FROM REQUEST (user_id BIGINT, merchant TEXT, amount "
    "DOUBLE) r LEFT JOIN users u USING (user_id) LEFT JOIN spending p USING (user_id) LEFT JOIN sessions s USING "
    "(user_id) LEFT JOIN risk k USING (merchant) LEFT JOIN browsing b USING (user_id)";

static feat_arena arena; /* of what is bound */
static feat_scope scope;
static feat_error err;

static void check(feat_status status) {
    if (status == FEAT_OK) return;
    fprintf(stderr, "%s\n", err.message);
    exit(EXIT_FAILURE);
}

/* Binds a script in `memory`; returns the service that it ends with, if it does. */
static feat_service *bind(feat_arena *memory, const char *sql, feat_scope *to) {
    feat_ast_script *script = NULL;
    feat_source source = {sql, strlen(sql)};
    feat_service *service = NULL;
    check(feat_sql_parse(memory, sql, strlen(sql), &script, &err));
    for (size_t i = 0; i < script->n; i++) {
        const feat_ast_statement *s = script->statements[i];
        feat_schema *table;
        feat_view *view;
        if (s->kind == FEAT_AST_CREATE_TABLE || s->kind == FEAT_AST_CREATE_DIMENSION) {
            check(feat_bind_table(memory, &source, s, &table, &err));
            table->table_id = (uint32_t)to->n_tables + 1;
            if (feat_scope_add_table(to, table) != 0) abort();
        } else if (s->kind == FEAT_AST_CREATE_VIEW) {
            check(feat_bind_view(memory, &source, s, to, &view, &err));
            if (feat_scope_add_view(to, view) != 0) abort();
        } else {
            check(feat_bind_service(memory, &source, s, to, &service, &err));
        }
    }
    return service;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static const feat_service *original;
static feat_buffer form, program;

static const feat_service *load(feat_arena *memory, int way) {
    feat_service *service = NULL;
    feat_scope names = {.tables = scope.tables, .n_tables = scope.n_tables}; /* the text brings its views along */
    if (way == 0)
        check(feat_program_unpack(memory, program.data, program.size, &scope, &original->fingerprint, &service, &err));
    else if (way == 1) check(feat_service_unpack(memory, form.data, form.size, &scope, &service, &err));
    else service = bind(memory, service_sql, &names);
    if (way == 2) {
        names.tables = NULL; /* borrowed */
        feat_scope_done(&names);
    }
    return service;
}

static void verify(const feat_service *service) {
    feat_buffer again;
    feat_buffer_init(&again);
    check(feat_program_pack(service, &again, &err));
    if (again.size != program.size || memcmp(again.data, program.data, again.size) != 0) {
        fprintf(stderr, "what was loaded is another program\n");
        exit(EXIT_FAILURE);
    }
    feat_buffer_done(&again);
}

int main(int argc, char **argv) {
    static const char *const ways[] = {"program", "form", "text"};
    double budget = argc > 1 ? atof(argv[1]) : 1.0;
    size_t blocks = 0, steps;
    feat_arena_init(&arena);
    bind(&arena, tables_sql, &scope);
    original = bind(&arena, service_sql, &scope);
    feat_buffer_init(&form);
    feat_buffer_init(&program);
    check(feat_service_pack(original, &form, &err));
    check(feat_program_pack(original, &program, &err));
    steps = original->stage.code->n_steps;
    for (size_t j = 0; j < original->stage.code->n_joins; j++) {
        const feat_block *block = original->stage.code->joins[j].block;
        blocks++;
        for (size_t b = 0; b < block->n_branches; b++) steps += block->branches[b].stage.code->n_steps;
    }
    printf("%zu features, %zu blocks, %zu steps; program %zu bytes, form %zu\n", original->n_features, blocks, steps,
           program.size, form.size);
    for (int way = 0; way < 3; way++) {
        feat_arena memory;
        feat_arena_init(&memory);
        if (way < 2) verify(load(&memory, way)); /* binding may order joins in another way */
        size_t n = 0;
        double least = 1e9, start = seconds(), before = start, now = start;
        while (now - start < budget) {
            feat_arena_reset(&memory);
            load(&memory, way);
            now = seconds();
            if (now - before < least) least = now - before;
            before = now;
            n++;
        }
        printf("%-8s %9.2f us mean, %9.2f us least\n", ways[way], (now - start) / (double)n * 1e6, least * 1e6);
        feat_arena_done(&memory);
    }
    feat_buffer_done(&form);
    feat_buffer_done(&program);
    feat_scope_done(&scope);
    feat_arena_done(&arena);
    return 0;
}
