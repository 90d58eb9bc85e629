/* Opening a store, and defining what it holds.
 *
 * A store is a directory. Any number of processes may read it while one writes. It must lie on a local file system.
 * A `feat_store` may be shared between threads. No handle survives fork: the child gets FEAT_FORKED. */
#ifndef FEAT_STORE_H
#define FEAT_STORE_H

#include "feat/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct feat_store feat_store;

typedef enum feat_mode {
    FEAT_MODE_CREATE = 0, /**< read and write; the directory is made when it is missing or empty */
    FEAT_MODE_WRITE = 1,  /**< read and write; the store must exist */
    FEAT_MODE_READ = 2    /**< read only; nothing in the directory changes but the readers' lock table */
} feat_mode;

typedef struct feat_open_options {
    size_t size; /**< sizeof(feat_open_options): set by FEAT_OPEN_OPTIONS_INIT */
    feat_mode mode;
    uint32_t busy_timeout_ms; /**< how long a write waits for another writer before FEAT_BUSY */
} feat_open_options;

#define FEAT_OPEN_OPTIONS_INIT                                                                                         \
    { sizeof(feat_open_options), FEAT_MODE_CREATE, 5000 }

/** Opens the store at `path`. `opt` may be NULL (the defaults above). On success `*store` is owned by the caller and
 *  closed with feat_close; on failure it is untouched. Opening one store several times in a process is allowed.
 *  Errors: FEAT_FORMAT (no store, or another format version), FEAT_READ_ONLY, FEAT_NOT_FOUND, FEAT_CORRUPT, FEAT_IO. */
FEAT_API feat_status feat_open(const char *path, const feat_open_options *opt, feat_store **store, feat_error *err);

/** Closes a store. Snapshots and readers keep what they need and may outlive it. NULL is a no-op. */
FEAT_API void feat_close(feat_store *store);

/** Runs a script of definitions, separated by ';', in order, each seeing those before it: all of its statements or
 * none.
 *
 *  - `CREATE TABLE | DIMENSION | FEATURE VIEW | FEATURE SERVICE`: creating again what exists with the same meaning
 *    changes nothing. With `OR REPLACE` a view or a service of another meaning becomes the next version of its name;
 *    older versions stay readable and runnable, and a service keeps the versions of views that it was made with. With
 *    the same meaning its description, owner, tags and freshness become what the statement says.
 *  - `ALTER TABLE`, `COMMENT ON`, `DROP`: dropping what a definition uses, or a column of it, is refused with the list;
 *    so is dropping a service that is deployed. A dropped name can be created again; its versions count on.
 *
 *  Errors: FEAT_SYNTAX and FEAT_DEFINITION with line, column, the source line, a caret and, where one is known, the
 *  mend; FEAT_NOT_FOUND, FEAT_EXISTS, FEAT_BUSY, FEAT_READ_ONLY. */
FEAT_API feat_status feat_define(feat_store *store, const char *sql, feat_error *err);

/** Explains the newest definition of a table, feature view or feature service called `name`: its fingerprint, stages,
 *  steps, windows and the columns it reads. `*text` is owned by the caller and freed with feat_text_free. */
FEAT_API feat_status feat_explain(feat_store *store, const char *name, char **text, feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
