/* Online lookups beside a bare mdb_get of a row of equal size, in one run.
 *
 *   bench_lookup STORE SERVICE REQUESTS
 *
 * REQUESTS holds a line for each request: `customer_id <tab> stock_code <tab> now`. Prints nanoseconds a vector: one at
 * a time, and 100 in one call; then mdb_get of as many 8-byte values a row, with random keys. Single answers are
 * compared with batched ones first. */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "feat.h"

enum { BATCH = 100, ROUNDS = 5 };

static double now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void die(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

typedef struct requests {
    feat_value *inputs;
    int64_t *now;
    size_t n;
} requests;

static requests load(const char *path) {
    requests r = {0};
    size_t capacity = 0;
    char line[512], code[256];
    FILE *f = fopen(path, "r");
    if (!f) die(path, "cannot be read");
    while (fgets(line, sizeof line, f)) {
        long long customer, t;
        if (sscanf(line, "%lld\t%255[^\t]\t%lld", &customer, code, &t) != 3) continue;
        if (r.n == capacity) {
            capacity = capacity ? capacity * 2 : 1024;
            r.inputs = realloc(r.inputs, capacity * 2 * sizeof *r.inputs);
            r.now = realloc(r.now, capacity * sizeof *r.now);
            if (!r.inputs || !r.now) die(path, "out of memory");
        }
        feat_value *in = r.inputs + 2 * r.n;
        memset(in, 0, 2 * sizeof *in);
        in[0].type = FEAT_TYPE_BIGINT;
        in[0].as.i64 = customer;
        in[1].type = FEAT_TYPE_TEXT;
        in[1].as.text.data = strdup(code);
        in[1].as.text.length = strlen(code);
        r.now[r.n++] = t;
    }
    fclose(f);
    if (r.n < BATCH) die(path, "too few requests");
    return r;
}

static double time_reader(feat_reader *reader, const requests *r, size_t batch, feat_value *values, size_t features) {
    double best = 0;
    feat_error err;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        size_t served = 0;
        for (size_t i = 0; i + batch <= r->n; i += batch, served += batch) {
            feat_request request = FEAT_REQUEST_INIT;
            request.n = batch;
            request.inputs = r->inputs + 2 * i;
            request.now = r->now + i;
            if (feat_reader_get(reader, &request, values + i * features, NULL, &err) != FEAT_OK)
                die("feat_reader_get", err.message);
        }
        double ns = (now_ns() - start) / (double)served;
        if (round == 0 || ns < best) best = ns;
    }
    return best;
}

/* A row of `features` doubles under an 8-byte key, for as many rows as there are requests. */
static double time_lmdb(size_t rows, size_t features) {
    char path[] = "/tmp/bench-lookup-XXXXXX";
    if (!mkdtemp(path)) die(path, "cannot be made");
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    double *row = calloc(features, sizeof *row), best = 0, sum = 0;
    if (!row || mdb_env_create(&env) || mdb_env_set_mapsize(env, (size_t)1 << 32) || mdb_env_open(env, path, 0, 0600) ||
        mdb_txn_begin(env, NULL, 0, &txn) || mdb_dbi_open(txn, NULL, 0, &dbi))
        die("lmdb", "cannot be opened");
    for (uint64_t i = 0; i < rows; i++) {
        uint64_t k = i * 0x9E3779B97F4A7C15u;
        MDB_val key = {sizeof k, &k}, value = {features * sizeof *row, row};
        row[0] = (double)i;
        if (mdb_put(txn, dbi, &key, &value, 0)) die("lmdb", "put");
    }
    if (mdb_txn_commit(txn) || mdb_txn_begin(env, NULL, MDB_RDONLY, &txn)) die("lmdb", "commit");
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (uint64_t i = 0; i < rows; i++) {
            uint64_t k = (i * 7919 % rows) * 0x9E3779B97F4A7C15u;
            MDB_val key = {sizeof k, &k}, value;
            if (mdb_get(txn, dbi, &key, &value)) die("lmdb", "get");
            memcpy(row, value.mv_data, value.mv_size);
            sum += row[0];
        }
        double ns = (now_ns() - start) / (double)rows;
        if (round == 0 || ns < best) best = ns;
    }
    mdb_txn_abort(txn);
    mdb_env_close(env);
    free(row);
    char file[64];
    snprintf(file, sizeof file, "%s/data.mdb", path);
    unlink(file);
    snprintf(file, sizeof file, "%s/lock.mdb", path);
    unlink(file);
    rmdir(path);
    return sum < 0 ? 0 : best;
}

int main(int argc, char **argv) {
    if (argc != 4) die("usage", "bench_lookup STORE SERVICE REQUESTS");
    feat_error err;
    feat_store *store;
    feat_reader *reader;
    feat_open_options opt = FEAT_OPEN_OPTIONS_INIT;
    opt.mode = FEAT_MODE_READ;
    if (feat_open(argv[1], &opt, &store, &err) != FEAT_OK) die("feat_open", err.message);
    if (feat_reader_open(store, argv[2], NULL, &reader, &err) != FEAT_OK) die("feat_reader_open", err.message);
    requests r = load(argv[3]);
    size_t features = feat_reader_features(reader, NULL);
    if (feat_reader_inputs(reader, NULL) != 2) die(argv[2], "the request must be (BIGINT, TEXT)");
    feat_value *one = calloc(r.n * features, sizeof *one), *many = calloc(r.n * features, sizeof *many);
    if (!one || !many) die("memory", "out of it");
    double single = time_reader(reader, &r, 1, one, features), batched = time_reader(reader, &r, BATCH, many, features);
    size_t compared = r.n / BATCH * BATCH * features, differ = 0;
    for (size_t i = 0; i < compared; i++)
        differ += one[i].is_null != many[i].is_null || one[i].status != many[i].status ||
                  (!one[i].is_null && one[i].type != FEAT_TYPE_TEXT && one[i].as.i64 != many[i].as.i64);
    double get = time_lmdb(r.n, features);
    printf("requests %zu, features %zu, values compared %zu, differing %zu\n", r.n, features, compared, differ);
    printf("single get      %10.0f ns\n", single);
    printf("100 in one call %10.0f ns a vector\n", batched);
    printf("mdb_get         %10.0f ns (row of %zu bytes)\n", get, features * sizeof(double));
    printf("ratio           %10.1f single, %.1f batched\n", single / get, batched / get);
    feat_reader_close(reader);
    feat_close(store);
    return differ ? 1 : 0;
}
