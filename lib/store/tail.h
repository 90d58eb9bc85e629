/* tail.log: rows that were pushed and are in no version yet, as records one after the other. The writer appends, a sync
 * makes durable, a fold puts all of them into a commit and so begins a new epoch. See doc/format.md.
 *
 * The catalog says which epoch is the file's and up to which sequence all rows are in versions; a record says its epoch
 * by its check. So the commit that folds makes every record invalid in the instant that it becomes visible, and the
 * file needs no change then. */
#ifndef FEAT_LIB_TAIL_H
#define FEAT_LIB_TAIL_H

#include "store/db.h"

#define FEAT_TAIL_FORMAT      1
#define FEAT_TAIL_START       4096 /* of the first record: behind the page of the header */
#define FEAT_TAIL_RECORD_HEAD 64
#define FEAT_TAIL_MOST_BYTES  ((size_t)16 << 20) /* of a record's payload */
#define FEAT_TAIL_MOST_ROWS   65536              /* of a table in an epoch */

typedef struct feat_tail_record {
    uint32_t table_id;
    uint32_t rows;      /* 0: the payload is the layout of the table's records that follow */
    uint64_t sequence;  /* of its first row; rows are counted from 1 for the store's whole life */
    int64_t known_time; /* µs since 1970 UTC; does not fall */
    uint64_t synced;    /* the file was synced up to there when this was written */
    const uint8_t *payload;
    size_t size;
} feat_tail_record;

/* ---- Bytes. ---- */

/* The record at the beginning of `bytes`; false when there is no whole and undamaged one of this epoch. `taken`: its
 * bytes in the file. */
bool feat_tail_parse(const uint8_t *bytes, size_t size, uint64_t epoch, feat_tail_record *record, size_t *taken);
/* FEAT_CORRUPT when a record behind `end` of the file says that it was synced beyond there; `any`: there are records.
 */
feat_status feat_tail_check_rest(const char *path, const uint8_t *bytes, size_t end, size_t size, uint64_t epoch,
                                 bool *any, feat_error *err);
feat_status feat_tail_check_header(const char *path, const uint8_t *bytes, size_t size, feat_error *err);

/* Numbers that processes share, in the page of the header. They say where to look; what is there is for the records to
 * say. */
typedef struct feat_tail_hints {
    uint64_t busy, epoch, written, sequence; /* busy: a record is being written */
    uint64_t synced, sequence_synced;
} feat_tail_hints;
void feat_tail_read_hints(const uint8_t *page, feat_tail_hints *hints);

/* ---- The writer's side. The lock must be held, where not said otherwise. ---- */

typedef struct feat_tail_state {
    uint64_t epoch;   /* 0: the store has no tail yet */
    uint64_t folded;  /* all rows up to this sequence are in versions */
    uint64_t written; /* end of the records, and how far the file was synced */
    uint64_t synced;
    uint64_t sequence, sequence_synced; /* of the last row */
    int64_t known_time;                 /* of the last record; 0: there is none */
} feat_tail_state;

/* What the file and the catalog say. Reads what other processes have written; after a crash it makes the file whole
 * again and durable. */
feat_status feat_tail_refresh(feat_db *db, feat_tail_state *state, feat_error *err);
/* Appends a record behind what the last refresh has seen; its sequence and synced are filled in. On failure nothing has
 * changed. */
feat_status feat_tail_append(feat_db *db, const feat_tail_record *record, feat_tail_state *state, feat_error *err);
/* Calls `visit` for each record from offset `from` on. */
typedef feat_status feat_tail_visit(void *context, const feat_tail_record *record, feat_error *err);
feat_status feat_tail_walk(feat_db *db, uint64_t from, feat_tail_visit *visit, void *context, feat_error *err);
/* Makes all that was pushed durable, by whomever; takes the lock itself, and does not hold it during the sync. */
feat_status feat_tail_flush(feat_db *db, uint32_t timeout_ms, feat_tail_state *state, feat_error *err);

/* Within the transaction of the commit that holds all that was pushed: the next epoch begins. After it is durable: */
feat_status feat_tail_put_folded(feat_db *db, MDB_txn *txn, feat_error *err);
void feat_tail_folded(feat_db *db);

/* What the catalog says; `found` false: the store has no tail. */
feat_status feat_tail_catalog(feat_db *db, MDB_txn *txn, bool *found, uint64_t *epoch, uint64_t *folded,
                              feat_error *err);

/* ---- Copies. ---- */

typedef struct feat_tail_copy {
    bool found; /* the store has a tail */
    bool again; /* a fold came in between: the catalog is older than the file */
    uint64_t epoch;
    uint64_t sequence; /* of the last row */
    uint8_t *bytes;    /* of the durable records; freed with feat_free */
    size_t size;
} feat_tail_copy;

/* The durable records behind what a transaction of the catalog sees. */
feat_status feat_tail_copy_read(feat_db *db, MDB_txn *txn, feat_tail_copy *copy, feat_error *err);
/* Makes the file that holds them, in a directory that has none; durable. */
feat_status feat_tail_copy_write(const feat_tail_copy *copy, const char *directory, feat_error *err);

/* Of feat_db. */
typedef struct feat_tail feat_tail;
void feat_tail_free(feat_tail *tail); /* NULL is a no-op */

#endif
