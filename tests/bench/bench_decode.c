/* What reading stored columns costs, by stage, and what they take on disk, by encoding.
 *
 *     bench-decode DIR [ROWS [key|time]]      makes the events of a shop in DIR if it is no store yet, then reads them
 *     bench-decode DIR --table NAME           reads a table of a store that is there
 *
 * Compile with -Ilib -Iinclude -Itests against libfeat.a, tests/support/stream.c, lmdb, zstd, xxhash, msgpack, m. */
#define _XOPEN_SOURCE 700
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "engine/engine.h"
#include "engine/ingest.h"
#include "feat.h"
/* The planner has a feat_block of its own. */
#define feat_block feat_stored_block
#include "store/block.h"
#include "store/catalog.h"
#include "store/db.h"
#include "store/manifest.h"
#include "support/stream.h"

#define ROUNDS 15

/* Of this thread alone, so that what else runs on the machine disturbs less. */
static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static uint64_t state = 88172645463325252u;
static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}
static double uniform(void) { return ((double)(next_random() >> 11) + 0.5) / 9007199254740992.0; }

static void check(feat_status status, const feat_error *err) {
    if (status == FEAT_OK) return;
    fprintf(stderr, "%s: %s\n", feat_status_name(status), err->message);
    exit(1);
}

/* ---- The shop: a year of events of n / 50 users, few of them very active, in the order of time or of users. ---- */

static const char *const names[] = {"user_id", "t", "amount", "qty", "status", "category"};

static int by_time(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void fill(feat_batch *rows, size_t n) {
    static const feat_type types[] = {FEAT_TYPE_BIGINT,  FEAT_TYPE_TIMESTAMP, FEAT_TYPE_DOUBLE,
                                      FEAT_TYPE_INTEGER, FEAT_TYPE_TEXT,      FEAT_TYPE_TEXT};
    static const char *const statuses[] = {"new",  "new",  "new",     "paid",    "paid",
                                           "paid", "paid", "shipped", "shipped", "returned"};
    size_t users = n / 50 + 1;
    double *weight = malloc(users * sizeof *weight), total = 0;
    int64_t *id = malloc(users * sizeof *id), *times = malloc(n * sizeof *times);
    if (!weight || !id || !times || feat_batch_init(rows, types, 6, NULL) != FEAT_OK) exit(2);
    for (size_t i = 0; i < users; i++) {
        weight[i] = total += pow((double)(i + 1), -0.56);
        size_t k = next_random() % (i + 1);
        id[i] = id[k];
        id[k] = (int64_t)i + 1;
    }
    for (size_t i = 0; i < n; i++) times[i] = 1704067200000000 + (int64_t)(next_random() % 31536000000000u);
    qsort(times, n, sizeof *times, by_time);
    int failed = 0;
    for (size_t i = 0; i < n; i++) {
        double at = uniform() * total;
        size_t low = 0, high = users - 1;
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (weight[middle] < at) low = middle + 1;
            else high = middle;
        }
        double amount = exp(3 + 1.2 * sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform()));
        failed |= feat_column_append_int(&rows->columns[0], id[low]);
        failed |= feat_column_append_int(&rows->columns[1], times[i]);
        if (next_random() % 100 < 3) failed |= feat_column_append_null(&rows->columns[2]);
        else failed |= feat_column_append_double(&rows->columns[2], rint(amount * 100) / 100);
        failed |= feat_column_append_int(&rows->columns[3], (int64_t)(next_random() % 20) + 1);
        const char *status = statuses[next_random() % 10];
        failed |= feat_column_append_text(&rows->columns[4], status, strlen(status));
        char category[32];
        int length = snprintf(category, sizeof category, "category_%02d", (int)(40 * uniform() * uniform()));
        failed |= feat_column_append_text(&rows->columns[5], category, (size_t)length);
    }
    if (failed) exit(2);
    rows->length = n;
    free(weight);
    free(id);
    free(times);
}

/* The rows by user, as a store that is compacted holds them. */
static void sort_by_key(feat_batch *rows) {
    static const uint32_t order[] = {0, 1};
    size_t n = rows->length;
    feat_sort_item *items = malloc(n * sizeof *items);
    uint32_t *picks = malloc(n * sizeof *picks);
    if (!items || !picks) exit(2);
    for (size_t i = 0; i < n; i++) items[i].row = (uint32_t)i;
    if (feat_sort_rows(rows, order, 2, items, n, NULL) != FEAT_OK) exit(2);
    for (size_t i = 0; i < n; i++) picks[i] = items[i].row;
    for (size_t c = 0; c < rows->n_columns; c++) {
        feat_column sorted;
        feat_column_init(&sorted, rows->columns[c].type);
        if (feat_column_append_rows(&sorted, &rows->columns[c], picks, n) != 0) exit(2);
        feat_column_done(&rows->columns[c]);
        rows->columns[c] = sorted;
    }
    free(items);
    free(picks);
}

static void make_store(const char *path, size_t n, bool by_key) {
    feat_store *store = NULL;
    struct ArrowArrayStream stream;
    feat_error err;
    feat_batch rows;
    fill(&rows, n);
    if (by_key) sort_by_key(&rows);
    check(feat_open(path, NULL, &store, &err), &err);
    check(feat_define(store,
                      "CREATE TABLE events (user_id BIGINT NOT NULL, t TIMESTAMP NOT NULL, amount DOUBLE, "
                      "qty INTEGER, status TEXT, category TEXT, ENTITY KEY (user_id), EVENT TIME (t))",
                      &err),
          &err);
    if (test_stream_of_batch(names, &rows, 65536, &stream) != FEAT_OK) exit(2);
    double start = seconds();
    check(feat_write(store, "events", &stream, NULL, NULL, &err), &err);
    printf("ingest %.2f s\n", seconds() - start);
    feat_close(store);
    feat_batch_done(&rows);
}

/* ---- Stages. ---- */

typedef struct table {
    feat_db *db;
    const feat_schema *schema;
    feat_table_version *tv;
    feat_manifest manifest;
    size_t rows;
} table;

static const feat_digest *block_key(const table *t, size_t segment, uint32_t column) {
    return feat_segment_block(&t->manifest.segments[segment], feat_field_stored(&t->schema->fields[column]));
}

/* Every byte of the column's blocks through LMDB and its envelope; the bytes. */
static double stage_fetch(const table *t, uint32_t column, uint64_t *bytes) {
    feat_error err;
    feat_env *env = feat_db_blocks(t->db);
    feat_buffer scratch;
    feat_buffer_init(&scratch);
    *bytes = 0;
    double start = seconds();
    for (size_t s = 0; s < t->manifest.n_segments; s++) {
        MDB_txn *txn;
        feat_object o;
        const feat_digest *key = block_key(t, s, column);
        if (!key) continue;
        check(feat_env_begin(env, false, &txn, &err), &err);
        check(feat_object_open(env, txn, key, "block", &o, &err), &err);
        for (uint64_t at = 0; at < o.size; at += FEAT_CHUNK_SIZE) {
            const uint8_t *p;
            size_t n = o.size - at < FEAT_CHUNK_SIZE ? (size_t)(o.size - at) : FEAT_CHUNK_SIZE;
            check(feat_object_view(&o, at, n, &scratch, &p, &err), &err);
        }
        *bytes += o.size;
        feat_env_abort(txn);
    }
    feat_buffer_done(&scratch);
    return seconds() - start;
}

static double stage_begin(const table *t) {
    feat_error err;
    double start = seconds();
    for (size_t s = 0; s < t->manifest.n_segments; s++) {
        MDB_txn *txn;
        check(feat_env_begin(feat_db_blocks(t->db), false, &txn, &err), &err);
        feat_env_abort(txn);
    }
    return seconds() - start;
}

static double stage_read(const table *t, const uint32_t *columns, size_t n, feat_column *out) {
    feat_error err;
    double start = seconds();
    for (size_t s = 0; s < t->manifest.n_segments; s++) {
        for (size_t i = 0; i < n; i++) feat_column_clear(&out[i]);
        check(feat_table_read(t->tv, s, columns, n, out, &err), &err);
    }
    return seconds() - start;
}

/* The last two are those of blocks with a dictionary of their own or of another column. */
static const char *name_of(unsigned id) {
    const feat_encoding *e = feat_encoding_by_id((uint8_t)id);
    return e ? e->name : id == 8 ? "codes" : "exceptions";
}

static void print_encodings(const table *t, uint32_t column) {
    uint64_t pages[16][2] = {{0}}, rows[16][2] = {{0}}, bytes[16][2] = {{0}};
    feat_error err;
    feat_block *b = feat_block_new();
    MDB_txn *txn;
    check(feat_env_begin(feat_db_blocks(t->db), false, &txn, &err), &err);
    for (size_t s = 0; b && s < t->manifest.n_segments; s++) {
        const feat_digest *key = block_key(t, s, column);
        if (!key) continue;
        check(feat_block_open(b, feat_db_blocks(t->db), txn, key, t->schema->fields[column].type,
                              t->manifest.segments[s].rows, &err),
              &err);
        for (size_t p = 0; p < b->n_pages; p++) {
            const feat_block_page *page = &b->directory[p];
            pages[page->encoding & 15][page->codec & 1]++;
            rows[page->encoding & 15][page->codec & 1] += page->rows;
            bytes[page->encoding & 15][page->codec & 1] += page->stored;
        }
    }
    feat_env_abort(txn);
    feat_block_free(b);
    for (uint8_t e = 0; e < 16; e++)
        for (int c = 0; c < 2; c++)
            if (pages[e][c])
                printf("    %-10s %-4s %6llu pages %9llu bytes %7.3f bytes a row\n", name_of(e), c ? "zstd" : "",
                       (unsigned long long)pages[e][c], (unsigned long long)bytes[e][c],
                       (double)bytes[e][c] / (double)rows[e][c]);
}

static double least(double a, double b) { return a < b ? a : b; }

static void measure(const table *t) {
    size_t n = t->schema->n_fields;
    feat_column *out = calloc(n, sizeof *out);
    double rows = (double)t->rows / 1e9, begin = 1e9;
    for (int r = 0; r < ROUNDS; r++) begin = least(begin, stage_begin(t));
    printf("%zu rows, %zu segments; transactions %.3f ms\n", t->rows, t->manifest.n_segments, 1e3 * begin);
    uint64_t all = 0;
    for (uint32_t c = 0; c < n; c++) {
        double fetch = 1e9, read = 1e9;
        uint64_t bytes = 0;
        feat_column_init(&out[c], t->schema->fields[c].type);
        for (int r = 0; r < ROUNDS; r++) {
            fetch = least(fetch, stage_fetch(t, c, &bytes));
            read = least(read, stage_read(t, &c, 1, &out[c]));
        }
        all += bytes;
        printf("  %-14s %10llu bytes; fetch and checksums %7.2f ms (%5.1f GB/s); read %8.2f ms, %6.3f ns a value\n",
               t->schema->fields[c].name, (unsigned long long)bytes, 1e3 * fetch, 1e-9 * (double)bytes / fetch,
               1e3 * read, read / rows);
        print_encodings(t, c);
    }
    uint32_t first[] = {0, 1, 2};
    double three = 1e9;
    for (int r = 0; r < ROUNDS && n >= 3; r++) three = least(three, stage_read(t, first, 3, out));
    if (n >= 3) printf("  the first three columns together: %.2f ms\n", 1e3 * three);
    printf("  all columns: %llu bytes\n", (unsigned long long)all);
    for (uint32_t c = 0; c < n; c++) feat_column_done(&out[c]);
    free(out);
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    bool named = argc > 3 && strcmp(argv[2], "--table") == 0;
    char catalog_file[4096];
    snprintf(catalog_file, sizeof catalog_file, "%s/catalog.mdb", argv[1]);
    if (access(catalog_file, F_OK) != 0)
        make_store(argv[1], argc > 2 ? (size_t)strtoull(argv[2], NULL, 10) : 1000000,
                   argc > 3 && strcmp(argv[3], "key") == 0);
    table t = {0};
    feat_error err;
    feat_catalog *catalog = NULL;
    uint64_t version = 0;
    bool found = false;
    feat_digest root;
    MDB_txn *txn;
    check(feat_db_open(argv[1], FEAT_MODE_READ, &t.db, &err), &err);
    check(feat_catalog_load(t.db, &catalog, &err), &err);
    check(feat_catalog_table(catalog, named ? argv[3] : "events", &t.schema, &err), &err);
    check(feat_version_newest(t.db, &version, &err), &err);
    check(feat_table_open(t.db, t.schema, version, &t.tv, &err), &err);
    check(feat_catalog_manifest(t.db, t.schema->table_id, version, &found, &root, &err), &err);
    if (!found) return 2;
    feat_manifest_init(&t.manifest, t.schema->table_id);
    check(feat_env_begin(feat_db_blocks(t.db), false, &txn, &err), &err);
    check(feat_manifest_load(&t.manifest, feat_db_blocks(t.db), txn, &root, &err), &err);
    feat_env_abort(txn);
    t.rows = (size_t)feat_table_rows(t.tv);
    measure(&t);
    feat_manifest_done(&t.manifest);
    feat_table_close(t.tv);
    feat_catalog_unref(catalog);
    feat_db_unref(t.db);
    return 0;
}
