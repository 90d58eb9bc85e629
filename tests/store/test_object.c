/* Objects: any length, found by content, read by range; envelopes. */
#include "store/db.h"
#include "store/object.h"
#include "support.h"

static feat_env *make_env(void) {
    feat_env *env = NULL;
    OK(feat_env_create(path_in("o.mdb"), NULL, NULL, err));
    OK(feat_env_open(path_in("o.mdb"), true, (size_t)1 << 30, &env, err));
    return env;
}

static size_t count_values(feat_env *env) {
    MDB_txn *txn = NULL;
    MDB_stat st;
    OK(feat_env_begin(env, false, &txn, err));
    ck_assert_int_eq(mdb_stat(txn, feat_env_dbi(env), &st), 0);
    feat_env_abort(txn);
    return st.ms_entries;
}

START_TEST(any_length) {
    feat_env *env = make_env();
    static const size_t sizes[] = {
        0, 1, 100, FEAT_CHUNK_SIZE - 1, FEAT_CHUNK_SIZE, FEAT_CHUNK_SIZE + 1, 2 * FEAT_CHUNK_SIZE, 1000000, 90 << 20};
    enum { N = sizeof sizes / sizeof *sizes };
    uint8_t *bytes = malloc(sizes[N - 1]), *out = malloc(sizes[N - 1]);
    for (size_t i = 0; i + 8 <= sizes[N - 1]; i += 8) {
        uint64_t v = random_bits();
        memcpy(bytes + i, &v, 8);
    }
    feat_object_writer w;
    feat_object_writer_init(&w, env);
    feat_digest keys[N];
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < N; i++) {
            feat_digest key = {{0}};
            OK(feat_object_put(&w, bytes, sizes[i], &key, err));
            if (again) ck_assert(feat_digest_equal(&key, &keys[i]));
            keys[i] = key;
        }
        static size_t values;
        OK(feat_object_writer_commit(&w, err));
        if (again) ck_assert_uint_eq(count_values(env), values); /* the same content is stored once */
        values = count_values(env);
    }
    /* Piece by piece it is the same object. */
    feat_object_stream s;
    feat_object_stream_init(&s, &w);
    feat_digest key = {{0}};
    for (size_t at = 0, n; at < 1000000; at += n) {
        n = random_below(150000);
        if (n > 1000000 - at) n = 1000000 - at;
        OK(feat_object_stream_append(&s, bytes + at, n, err));
    }
    OK(feat_object_stream_finish(&s, &key, err));
    feat_object_stream_done(&s);
    ck_assert(feat_digest_equal(&key, &keys[7]));
    feat_object_writer_abort(&w);

    MDB_txn *txn = NULL;
    feat_buffer scratch;
    feat_buffer_init(&scratch);
    OK(feat_env_begin(env, false, &txn, err));
    for (size_t i = 0; i < N; i++) {
        feat_object o;
        const uint8_t *view = NULL;
        OK(feat_object_open(env, txn, &keys[i], "test", &o, err));
        ck_assert_uint_eq(o.size, sizes[i]);
        OK(feat_object_read(&o, 0, sizes[i], out, err));
        ck_assert_int_eq(memcmp(out, bytes, sizes[i]), 0);
        for (int k = 0; k < 200; k++) {
            size_t at = random_below(sizes[i] + 1), n = random_below(sizes[i] - at + 1);
            if (k % 2 && n > 200000) n = random_below(200000);
            OK(feat_object_view(&o, at, n, &scratch, &view, err));
            ck_assert_int_eq(memcmp(view, bytes + at, n), 0);
        }
        FAILS(feat_object_read(&o, 1, sizes[i], out, err), FEAT_CORRUPT, "shorter");
        FAILS(feat_object_view(&o, UINT64_MAX, 2, &scratch, &view, err), FEAT_CORRUPT, "shorter");
    }
    feat_digest none = {{7}};
    feat_object o;
    FAILS(feat_object_open(env, txn, &none, "that object", &o, err), FEAT_CORRUPT,
          "that object: stored bytes are missing");
    feat_env_abort(txn);
    feat_buffer_done(&scratch);
    free(bytes);
    free(out);
    feat_env_unref(env);
}
END_TEST

/* Lists of lists: zeros, so that all chunks are one. */
START_TEST(two_levels) {
    feat_env *env = make_env();
    feat_object_writer w;
    feat_object_writer_init(&w, env);
    feat_object_stream s;
    feat_object_stream_init(&s, &w);
    uint8_t *zeros = calloc(1 << 20, 1), last[5] = {1, 2, 3, 4, 5}, out[9];
    uint64_t size = 0;
    for (int i = 0; i < 600; i++, size += 1 << 20) OK(feat_object_stream_append(&s, zeros, 1 << 20, err));
    OK(feat_object_stream_append(&s, last, 5, err));
    feat_digest key = {{0}};
    OK(feat_object_stream_finish(&s, &key, err));
    feat_object_stream_done(&s);
    OK(feat_object_writer_commit(&w, err));
    ck_assert_uint_lt(count_values(env), 10);
    MDB_txn *txn = NULL;
    feat_object o;
    OK(feat_env_begin(env, false, &txn, err));
    OK(feat_object_open(env, txn, &key, "test", &o, err));
    ck_assert_uint_eq(o.size, size + 5);
    ck_assert_uint_eq(o.level, 2);
    OK(feat_object_read(&o, size - 4, 9, out, err));
    ck_assert_int_eq(memcmp(out, "\0\0\0\0\1\2\3\4\5", 9), 0);
    OK(feat_object_read(&o, 300 << 20, 9, out, err));
    feat_env_abort(txn);
    free(zeros);
    feat_env_unref(env);
}
END_TEST

/* What lies under the digest of other bytes, by collision or damage, is neither taken for them nor lost. */
START_TEST(collisions) {
    feat_env *env = make_env();
    feat_object_writer w;
    feat_object_writer_init(&w, env);
    feat_digest key = {{0}}, second = {{0}}, third = {{0}};
    OK(feat_object_put(&w, "some bytes", 10, &key, err));
    OK(feat_object_writer_commit(&w, err));
    MDB_txn *txn = NULL;
    OK(feat_env_begin(env, true, &txn, err));
    uint8_t value[FEAT_ENVELOPE_SIZE + 10];
    memcpy(value + FEAT_ENVELOPE_SIZE, "else bytes", 10);
    feat_envelope_seal(value, FEAT_KIND_DATA, key.bytes, 16, value + FEAT_ENVELOPE_SIZE, 10);
    MDB_val k = {16, key.bytes}, v = {sizeof value, value};
    ck_assert_int_eq(mdb_put(txn, feat_env_dbi(env), &k, &v, 0), 0);
    OK(feat_env_commit(env, txn, err));
    OK(feat_object_put(&w, "some bytes", 10, &second, err));
    OK(feat_object_put(&w, "some bytes", 10, &third, err));
    OK(feat_object_writer_commit(&w, err));
    ck_assert(!feat_digest_equal(&key, &second));
    ck_assert(feat_digest_equal(&second, &third));
    OK(feat_env_begin(env, false, &txn, err));
    feat_object o;
    OK(feat_object_open(env, txn, &key, "test", &o, err));
    ck_assert_int_eq(memcmp(o.chunk, "else bytes", 10), 0);
    OK(feat_object_open(env, txn, &second, "test", &o, err));
    ck_assert_int_eq(memcmp(o.chunk, "some bytes", 10), 0);
    feat_env_abort(txn);
    feat_env_unref(env);
}
END_TEST

START_TEST(envelopes) {
    uint8_t value[FEAT_ENVELOPE_SIZE + 20];
    const void *payload = NULL;
    size_t size = 0;
    for (size_t n = 0; n <= 20; n++) {
        memset(value + FEAT_ENVELOPE_SIZE, (int)n, n);
        feat_envelope_seal(value, 5, "key", 3, value + FEAT_ENVELOPE_SIZE, n);
        size_t all = FEAT_ENVELOPE_SIZE + n;
        OK(feat_envelope_open(value, all, 5, "key", 3, &payload, &size, "it", err));
        ck_assert_uint_eq(size, n);
        ck_assert_ptr_eq(payload, value + FEAT_ENVELOPE_SIZE);
        FAILS(feat_envelope_open(value, all, 6, "key", 3, &payload, &size, "it", err), FEAT_CORRUPT, "it: ");
        FAILS(feat_envelope_open(value, all, 5, "kez", 3, &payload, &size, "it", err), FEAT_CORRUPT, "checksum");
        if (n > 0)
            FAILS(feat_envelope_open(value, all - 1, 5, "key", 3, &payload, &size, "it", err), FEAT_CORRUPT, "length");
        for (size_t bit = 0; bit < all * 8; bit++) {
            value[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            FAILS(feat_envelope_open(value, all, 5, "key", 3, &payload, &size, "it", err), FEAT_CORRUPT, "it: ");
            value[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
    }
}
END_TEST

/* Sealed lists that lie about themselves. */
START_TEST(wrong_lists) {
    feat_env *env = make_env();
    static const struct {
        uint64_t size;
        uint32_t level, count, keys;
    } cases[] = {
        {0, 1, 0, 0},      {100, 0, 1, 1},           {100, 9, 1, 1},    {100, 1, 2, 2},    {100, 1, 1, 2},
        {200000, 1, 1, 1}, {UINT64_MAX, 5, 4092, 1}, {200000, 1, 4, 4}, {200000, 2, 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        feat_buffer b;
        feat_buffer_init(&b);
        feat_buffer_extend(&b, FEAT_ENVELOPE_SIZE);
        feat_buffer_u64(&b, cases[i].size);
        feat_buffer_u32(&b, cases[i].level);
        feat_buffer_u32(&b, cases[i].count);
        feat_digest key = {{(uint8_t)i}};
        for (uint32_t n = 0; n < cases[i].keys; n++) feat_buffer_append(&b, key.bytes, 16); /* itself */
        feat_envelope_seal(b.data, FEAT_KIND_CHUNKS, key.bytes, 16, b.data + FEAT_ENVELOPE_SIZE,
                           b.size - FEAT_ENVELOPE_SIZE);
        MDB_txn *txn = NULL;
        OK(feat_env_begin(env, true, &txn, err));
        MDB_val k = {16, key.bytes}, v = {b.size, b.data};
        ck_assert_int_eq(mdb_put(txn, feat_env_dbi(env), &k, &v, 0), 0);
        feat_object o;
        uint8_t out;
        feat_status status = feat_object_open(env, txn, &key, "test", &o, NULL);
        if (status == FEAT_OK) status = feat_object_read(&o, o.size - 1, 1, &out, NULL);
        ck_assert_msg(status == FEAT_CORRUPT, "case %zu: %s", i, feat_status_name(status));
        feat_env_abort(txn);
        feat_buffer_done(&b);
    }
    feat_env_unref(env);
}
END_TEST

RUN("store/object", any_length, two_levels, collisions, envelopes, wrong_lists)
