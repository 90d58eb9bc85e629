/* Definitions that between them use every part of a form, and a scope to bind them in. */
#ifndef FEAT_TEST_DEFINITIONS_H
#define FEAT_TEST_DEFINITIONS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "plan/plan.h"
#include "sql/sql.h"

static const char tables_sql[] =
    "CREATE TABLE purchases (id BIGINT NOT NULL, user_id BIGINT, merchant TEXT, amount DOUBLE, n BIGINT, ok BOOLEAN, "
    "day DATE, t TIMESTAMP, ENTITY KEY (user_id), EVENT TIME (t), UNIQUE (id));"
    "CREATE TABLE logins (user_id BIGINT, device TEXT, at TIMESTAMP, ENTITY KEY (user_id), EVENT TIME (at));"
    "CREATE TABLE kept (user_id BIGINT, n BIGINT, at TIMESTAMP, ENTITY KEY (user_id), EVENT TIME (at)) WITH (retention "
    "= INTERVAL '30 days');"
    "CREATE DIMENSION users (user_id BIGINT NOT NULL, country TEXT, email TEXT, since DATE, updated TIMESTAMP NOT "
    "NULL, ENTITY KEY (user_id), EVENT TIME (updated));"
    "CREATE DIMENSION countries (code TEXT NOT NULL, region TEXT, at TIMESTAMP NOT NULL, ENTITY KEY (code), EVENT TIME "
    "(at)) WITH (ttl = INTERVAL '1 year');";

static const char definitions_sql[] =
    "CREATE FEATURE VIEW base WITH (owner = 'risk', description = 'It''s \"base\"') AS SELECT count(*) OVER () AS c, "
    "avg(amount) OVER (RANGE INTERVAL '30 days' PRECEDING) AS a FROM purchases GROUP BY user_id;"
    "CREATE FEATURE VIEW month AS SELECT user_id, count(*) AS n, avg(amount) AS a, max(t) AS last_t, sum(CASE WHEN t "
    ">= CURRENT_DATE - 7 THEN amount ELSE 0 END) AS w FROM purchases WHERE t >= DATEADD(day, -30, CURRENT_DATE) AND "
    "merchant <> 'test' GROUP BY user_id HAVING count(*) > 3;"
    "CREATE FEATURE VIEW frames AS SELECT count(*) OVER (SINCE month) AS a, sum(n) OVER (ROWS BETWEEN 9 PRECEDING AND "
    "1 PRECEDING) AS b, last(merchant IGNORE NULLS) OVER () AS c, lag(n, 2, 0) OVER () AS d, max(n) OVER (GROUPS 3 "
    "PRECEDING EXCLUDE TIES) AS e, min(n) FILTER (WHERE ok) OVER (RANGE BETWEEN INTERVAL '3 months' PRECEDING AND "
    "INTERVAL '1 day' PRECEDING) AS f, sum(amount) OVER (RANGE INTERVAL '1 hour' PRECEDING CLOSED left) AS g FROM "
    "purchases GROUP BY user_id;"
    "CREATE FEATURE VIEW newest AS SELECT user_id, merchant, amount FROM purchases QUALIFY row_number() OVER "
    "(PARTITION BY user_id ORDER BY t DESC) = 1;"
    "CREATE FEATURE VIEW regions AS SELECT u.country, c.region, count(*) AS n, sum(p.amount) AS s FROM purchases p "
    "LEFT JOIN users u ON p.user_id = u.user_id LEFT JOIN countries c ON c.code = u.country GROUP BY u.country, "
    "c.region;"
    "CREATE FEATURE VIEW activity AS SELECT user_id, count(*) OVER w AS n, sum(v) OVER w AS s FROM (SELECT user_id, t, "
    "n "
    "AS v FROM purchases WHERE ok UNION ALL SELECT user_id, at, 0.5 FROM logins) GROUP BY user_id WINDOW w AS (RANGE "
    "INTERVAL '7 days' PRECEDING);"
    "CREATE FEATURE VIEW kept_rows WITH (lifetime = 'retained', ttl = INTERVAL '1 day', tags = ['a', 'b']) AS SELECT "
    "count(*) AS c FROM kept GROUP BY user_id;"
    "CREATE FEATURE VIEW profile AS SELECT user_id, country, c.region, DATEDIFF(day, since, CURRENT_DATE) AS age, "
    "CAST(12.50 AS DECIMAL(10, 2)) AS d, CAST(12 AS UBIGINT) AS u, INTERVAL '2 months 3 days' AS i, coalesce(email, "
    "'it''s') AS e FROM users "
    "LEFT JOIN countries c ON c.code = country WHERE country <> 'XX';"
    "CREATE FEATURE VIEW chosen AS SELECT first(merchant ORDER BY amount DESC NULLS FIRST, n) OVER () AS a, "
    "last(ok ORDER BY merchant) OVER () AS b, count(DISTINCT merchant) OVER () AS c, avg(DISTINCT n) OVER () AS d FROM "
    "purchases GROUP BY user_id;"
    "CREATE FEATURE VIEW listed AS SELECT user_id, last([merchant, 'a', NULL]) OVER () AS m, last(bucketize(amount, "
    "[0, "
    "0.5, 10])) OVER () AS b, sum(dot_product([amount, 1, n], [0.5, 2.5, -1])) OVER () AS d, last(CAST([n, 1] AS "
    "DOUBLE[2])[-1]) OVER () AS e, count(*) FILTER (WHERE list_contains([TRUE, NULL], ok)) OVER () AS c, "
    "last(one_hot(day, [DATE '2024-01-01', NULL])) OVER () AS h, last(l2_normalize([1.0, -0.0, 2])) OVER () AS z, "
    "last([INTERVAL '1 day', NULL]) OVER () AS i, last([CAST(1 AS UBIGINT), 2]) OVER () AS u FROM purchases GROUP BY "
    "user_id;"
    "CREATE FEATURE VIEW gathered AS SELECT arg_max(merchant, amount, 3) OVER () AS m, arg_min(DISTINCT n, merchant) "
    "OVER () AS n, string_agg(merchant, '-' ORDER BY amount DESC NULLS FIRST) OVER () AS s, list(DISTINCT day) FILTER "
    "(WHERE ok) OVER () AS l, nth_value(ok, 2 IGNORE NULLS) OVER () AS o, time_since_last() OVER () AS t, "
    "avg(CAST([n, amount] AS DOUBLE[2])) OVER () AS v, count_if(ok) OVER () AS c, product(n) OVER () AS p FROM "
    "purchases GROUP BY user_id;"
    "CREATE FEATURE SERVICE gatherings AS gathered;"
    "CREATE FEATURE SERVICE choices AS chosen; CREATE FEATURE SERVICE lists AS listed;"
    "CREATE FEATURE VIEW on_base AS SELECT user_id, c, c + 1 AS d FROM base WHERE c > 0;"
    "CREATE FEATURE SERVICE score WITH (owner = 'risk') AS SELECT u.country, c.region, b.c, r.x + b.c AS y, "
    "hour(now()) "
    "AS h, CURRENT_DATE AS today, o.d, m.* EXCLUDE (n) FROM REQUEST (user_id INTEGER, x BIGINT) r LEFT JOIN users u "
    "USING (user_id) LEFT JOIN countries c ON c.code = u.country LEFT JOIN MATERIALIZED base b ON b.user_id = "
    "r.user_id LEFT JOIN on_base o USING (user_id) LEFT JOIN month m USING (user_id);"
    "CREATE FEATURE SERVICE picked AS frames, profile (country, age), activity;";

typedef struct world {
    feat_arena arena;
    feat_scope scope;
    feat_source source;
    feat_error err;
} world;

static inline void world_init(world *w) {
    memset(w, 0, sizeof *w);
    feat_arena_init(&w->arena);
}

static inline void world_done(world *w) {
    feat_scope_done(&w->scope);
    feat_arena_done(&w->arena);
}

/* Binds a script; the scope grows by what it defines. */
static inline feat_status world_run(world *w, const char *sql) {
    feat_ast_script *script = NULL;
    w->source = (feat_source){sql, strlen(sql)};
    FEAT_TRY(feat_sql_parse(&w->arena, sql, strlen(sql), &script, &w->err));
    for (size_t i = 0; i < script->n; i++) {
        const feat_ast_statement *s = script->statements[i];
        if (s->kind == FEAT_AST_CREATE_TABLE || s->kind == FEAT_AST_CREATE_DIMENSION) {
            feat_schema *table = NULL;
            FEAT_TRY(feat_bind_table(&w->arena, &w->source, s, &table, &w->err));
            table->table_id = (uint32_t)w->scope.n_tables + 1;
            if (feat_scope_add_table(&w->scope, table) != 0) abort();
        } else if (s->kind == FEAT_AST_CREATE_VIEW) {
            feat_view *view = NULL;
            FEAT_TRY(feat_bind_view(&w->arena, &w->source, s, &w->scope, &view, &w->err));
            view->version = (uint32_t)w->scope.n_views + 1;
            if (feat_scope_add_view(&w->scope, view) != 0) abort();
        } else {
            feat_service *service = NULL;
            FEAT_TRY(feat_bind_service(&w->arena, &w->source, s, &w->scope, &service, &w->err));
            service->version = 7;
            if (feat_scope_add_service(&w->scope, service) != 0) abort();
        }
    }
    return FEAT_OK;
}

/* Records and programs by number: the views, the services, then the programs of the services. */
static inline size_t world_records(const world *w) { return w->scope.n_views + 2 * w->scope.n_services; }

static inline feat_status world_pack(const world *w, size_t i, feat_buffer *out, feat_error *err) {
    size_t views = w->scope.n_views, services = w->scope.n_services;
    if (i < views) return feat_view_pack(w->scope.views[i], out, err);
    if (i < views + services) return feat_service_pack(w->scope.services[i - views], out, err);
    return feat_program_pack(w->scope.services[i - views - services], out, err);
}

/* Unpacks bytes as record i, and packs what they mean again. */
static inline feat_status world_again(const world *w, size_t i, const void *bytes, size_t size, feat_buffer *again,
                                      feat_error *err) {
    size_t views = w->scope.n_views, services = w->scope.n_services;
    feat_arena arena;
    feat_view *view = NULL;
    feat_service *service = NULL;
    feat_status status;
    feat_arena_init(&arena);
    if (i < views) {
        status = feat_view_unpack(&arena, bytes, size, &w->scope, &view, err);
        if (status == FEAT_OK) status = feat_view_pack(view, again, err);
    } else if (i < views + services) {
        status = feat_service_unpack(&arena, bytes, size, &w->scope, &service, err);
        if (status == FEAT_OK) status = feat_service_pack(service, again, err);
    } else {
        status = feat_program_unpack(&arena, bytes, size, &w->scope,
                                     &w->scope.services[i - views - services]->fingerprint, &service, err);
        if (status == FEAT_OK) status = feat_program_pack(service, again, err);
    }
    feat_arena_done(&arena);
    return status;
}

#endif
