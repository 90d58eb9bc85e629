/* What readers see of tail.log: a copy of its durable records, taken when a snapshot is opened. It needs no lock and
 * changes nothing, so that stores that are open for reading have it, too. */
#define _GNU_SOURCE /* O_CLOEXEC */
#include "store/tail_view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "store/catalog.h"
#include "store/tail.h"
#include "store/tail_rows.h"

/* A file is never as large: a greater number in the page of its header is none of ours. */
#define MOST_BYTES (UINT64_C(1) << 30)

struct feat_tail_view {
    _Atomic size_t references;
    uint64_t version, epoch;
    uint8_t *bytes; /* of whole records */
    size_t size;
};

feat_tail_view *feat_tail_view_ref(feat_tail_view *view) {
    atomic_fetch_add_explicit(&view->references, 1, memory_order_relaxed);
    return view;
}

void feat_tail_view_unref(feat_tail_view *view) {
    if (!view || atomic_fetch_sub_explicit(&view->references, 1, memory_order_acq_rel) != 1) return;
    feat_free(view->bytes);
    feat_free(view);
}

uint64_t feat_tail_view_version(const feat_tail_view *view) { return view->version; }

/* ---- Copying. ---- */

static feat_status read_all(int fd, const char *path, void *to, size_t size, size_t at, size_t *got, feat_error *err) {
    for (*got = 0; *got < size;) {
        ssize_t n = pread(fd, (char *)to + *got, size - *got, (off_t)(at + *got));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return feat_fail_os(err, errno, "reading '%s'", path);
        if (n == 0) break;
        *got += (size_t)n;
    }
    return FEAT_OK;
}

typedef struct look {
    uint64_t version, epoch, folded, sequence;
    bool found;
    bool again; /* a writer was at work meanwhile */
} look;

static feat_status look_up(feat_db *db, look *l, feat_error *err) {
    MDB_txn *txn;
    feat_commit_record tip;
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), false, &txn, err));
    feat_status status = feat_branch_tip(db, txn, FEAT_BRANCH_MAIN, &tip, err);
    if (status == FEAT_OK) status = feat_tail_catalog(db, txn, &l->found, &l->epoch, &l->folded, err);
    feat_env_abort(txn);
    if (status == FEAT_OK) l->version = tip.info.version;
    l->sequence = l->folded;
    return status;
}

/* The whole records up to offset `end` of the file, which are durable. */
static feat_status copy_records(int fd, const char *path, size_t end, look *l, uint8_t **bytes, size_t *size,
                                feat_error *err) {
    size_t got, at = 0, taken, room = end - FEAT_TAIL_START;
    uint8_t *copy = feat_alloc(room);
    feat_tail_record r;
    if (!copy) return feat_fail_memory(err);
    feat_status status = read_all(fd, path, copy, room, FEAT_TAIL_START, &got, err);
    while (status == FEAT_OK && feat_tail_parse(copy + at, got - at, l->epoch, &r, &taken) &&
           r.sequence == l->sequence + 1) {
        at += taken;
        l->sequence += r.rows;
    }
    /* A record that is not whole: the next epoch has begun, or after a crash it never was durable, or it is damaged. */
    l->again = at < room;
    *bytes = copy;
    *size = at;
    return status;
}

static feat_status look_at_file(int fd, const char *path, look *l, bool last, uint8_t **bytes, size_t *size,
                                feat_error *err) {
    _Alignas(8) uint8_t page[FEAT_TAIL_START];
    size_t got;
    feat_tail_hints h, after;
    FEAT_TRY(read_all(fd, path, page, sizeof page, 0, &got, err));
    FEAT_TRY(feat_tail_check_header(path, page, got, err));
    feat_tail_read_hints(page, &h);
    /* A writer that has folded says so in the catalog first; one that has begun an epoch without a row need not have
     * come to say so here. */
    l->again = h.epoch != l->epoch || h.synced > MOST_BYTES;
    if (!l->again && h.synced > FEAT_TAIL_START && h.sequence_synced > l->folded)
        FEAT_TRY(copy_records(fd, path, (size_t)h.synced, l, bytes, size, err));
    FEAT_TRY(read_all(fd, path, page, sizeof page, 0, &got, err));
    feat_tail_read_hints(page, &after);
    l->again = l->again || after.epoch != l->epoch;
    /* Nobody is at work, and the file was synced up to there. */
    if (l->again && last && h.epoch == l->epoch && after.epoch == l->epoch)
        return feat_fail(
            err, FEAT_CORRUPT,
            "'%s' is damaged: a record of pushed rows that was durable is not whole; restore the store from "
            "a copy",
            path);
    return FEAT_OK;
}

static feat_status look_in(feat_db *db, look *l, bool last, uint8_t **bytes, size_t *size, feat_error *err) {
    const char *path = feat_db_tail_path(db);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? feat_fail(err, FEAT_CORRUPT,
                                           "'%s' is missing, which may hold rows; restore the store from a copy", path)
                               : feat_fail_os(err, errno, "opening '%s'", path);
    feat_status status = look_at_file(fd, path, l, last, bytes, size, err);
    close(fd);
    return status;
}

static feat_status try_once(feat_db *db, look *l, bool last, uint8_t **bytes, size_t *size, feat_error *err) {
    *l = (look){0};
    FEAT_TRY(look_up(db, l, err));
    return l->found ? look_in(db, l, last, bytes, size, err) : FEAT_OK;
}

feat_status feat_tail_view_open(feat_db *db, uint64_t *version, uint64_t *sequence, feat_tail_view **out,
                                feat_error *err) {
    enum { ATTEMPTS = 8 };
    look l = {0}, before = {0};
    uint8_t *bytes = NULL;
    size_t size = 0;
    feat_status status = FEAT_OK;
    FEAT_TRY(feat_db_check(db, err));
    *out = NULL;
    for (int attempt = 1;; attempt++) {
        bool last = attempt >= ATTEMPTS;
        status = try_once(db, &l, last, &bytes, &size, err);
        if (status == FEAT_CORRUPT && last && attempt <= 100 * ATTEMPTS) { /* or a fold came in between */
            look now = {0};
            if (look_up(db, &now, NULL) == FEAT_OK && now.epoch != l.epoch) {
                status = FEAT_OK;
                l.again = true;
                before = now;
            }
        }
        /* With the catalog as it was, another look finds the same, but for a writer between two of its steps. */
        if (status != FEAT_OK || !l.again || (last && before.epoch == l.epoch) || attempt > 100 * ATTEMPTS) break;
        feat_free(bytes);
        bytes = NULL;
        size = 0;
        before = l;
        nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    }
    feat_tail_view *view = NULL;
    if (status == FEAT_OK && l.sequence > l.folded) {
        view = feat_alloc_zero(1, sizeof *view);
        if (!view) status = feat_fail_memory(err);
    }
    if (!view) {
        feat_free(bytes);
        FEAT_TRY(status);
    } else {
        atomic_init(&view->references, 1);
        view->version = l.version;
        view->epoch = l.epoch;
        view->bytes = bytes;
        view->size = size;
    }
    *version = l.version;
    *sequence = l.sequence;
    *out = view;
    return FEAT_OK;
}

feat_status feat_tail_copy_read(feat_db *db, MDB_txn *txn, feat_tail_copy *copy, feat_error *err) {
    look l = {0};
    *copy = (feat_tail_copy){0};
    FEAT_TRY(feat_tail_catalog(db, txn, &l.found, &l.epoch, &l.folded, err));
    l.sequence = l.folded;
    if (!l.found) return FEAT_OK;
    feat_status status = look_in(db, &l, false, &copy->bytes, &copy->size, err);
    copy->found = true;
    copy->again = l.again;
    copy->epoch = l.epoch;
    copy->sequence = l.sequence;
    if (status != FEAT_OK || l.again) {
        feat_free(copy->bytes);
        copy->bytes = NULL;
        copy->size = 0;
        copy->sequence = l.folded;
    }
    return status;
}

/* ---- The rows of a table. ---- */

/* In the order of entity key and event time, as the rows of a segment are. */
static int compare_rows(const feat_schema *table, const feat_batch *rows, uint32_t a, uint32_t b) {
    int order = 0;
    for (size_t i = 0; i < table->n_key && order == 0; i++)
        order = feat_column_compare(&rows->columns[table->key[i]], a, &rows->columns[table->key[i]], b);
    return order ? order : feat_column_compare(&rows->columns[table->time], a, &rows->columns[table->time], b);
}

/* Merges runs of twice the length each time; stable. `order` and `work` have room for all rows. */
static uint32_t *sort_rows(const feat_schema *table, const feat_batch *rows, uint32_t *order, uint32_t *work) {
    size_t n = rows->length;
    for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
    for (size_t run = 1; run < n; run *= 2) {
        for (size_t start = 0; start < n; start += 2 * run) {
            size_t middle = n - start < run ? n : start + run, end = n - start < 2 * run ? n : start + 2 * run;
            for (size_t i = start, j = middle, k = start; k < end; k++)
                work[k] = j == end || (i < middle && compare_rows(table, rows, order[i], order[j]) <= 0) ? order[i++]
                                                                                                         : order[j++];
        }
        uint32_t *swap = order;
        order = work;
        work = swap;
    }
    return order;
}

/* Appends the rows to others, sorted. */
static feat_status append_sorted(const feat_schema *table, const feat_batch *rows, feat_batch *out, feat_error *err) {
    uint32_t *order = feat_alloc_array(rows->length, sizeof *order),
             *work = feat_alloc_array(rows->length, sizeof *work);
    feat_status status = order && work ? FEAT_OK : feat_fail_memory(err);
    if (status == FEAT_OK) {
        const uint32_t *sorted = sort_rows(table, rows, order, work);
        for (size_t i = 0; i < rows->n_columns && status == FEAT_OK; i++)
            if (feat_column_append_rows(&out->columns[i], &rows->columns[i], sorted, rows->length) != 0)
                status = feat_fail_memory(err);
        if (status == FEAT_OK) out->length += rows->length;
    }
    feat_free(order);
    feat_free(work);
    return status;
}

static feat_status init_like(const feat_schema *table, feat_batch *rows, feat_error *err) {
    feat_type *types = feat_alloc_array(table->n_fields, sizeof *types);
    if (!types) return feat_fail_memory(err);
    for (size_t i = 0; i < table->n_fields; i++) types[i] = table->fields[i].type;
    feat_status status = feat_batch_init(rows, types, table->n_fields, err);
    feat_free(types);
    return status;
}

feat_status feat_tail_view_rows(const feat_tail_view *view, const feat_schema *table, feat_batch *rows,
                                feat_digest *content, feat_error *err) {
    feat_tail_rows t = {.table_id = table->table_id};
    feat_batch pushed = {0};
    feat_tail_record r;
    size_t taken;
    feat_status status = FEAT_OK;
    for (size_t at = 0; at < view->size && status == FEAT_OK; at += taken) {
        if (!feat_tail_parse(view->bytes + at, view->size - at, view->epoch, &r, &taken)) {
            status = feat_fail(err, FEAT_INTERNAL, "a copy of pushed rows has changed");
            break;
        }
        status = feat_tail_rows_take(&t, &r, err);
    }
    if (status == FEAT_OK) status = feat_tail_rows_digest(&t, content, err);
    if (status == FEAT_OK) status = init_like(table, rows, err);
    if (status == FEAT_OK) status = init_like(table, &pushed, err);
    if (status == FEAT_OK) status = feat_tail_rows_as(&t, table, &pushed, err);
    if (status == FEAT_OK) status = append_sorted(table, &pushed, rows, err);
    feat_batch_done(&pushed);
    feat_tail_rows_done(&t);
    return status;
}
