/* feat_export and feat_import. */
#define _POSIX_C_SOURCE 200809L /* getpid */

#include "feat/export.h"

#include <unistd.h>

#include "api/handle.h"
#include "base/alloc.h"
#include "base/buffer.h"
#include "base/fpenv.h"

#define LOCK_TIMEOUT_MS 10000

feat_status feat_export(feat_store *store, const feat_at *at, const char *path, const feat_export_options *opt,
                        feat_error *err) {
    feat_export_options options = FEAT_EXPORT_OPTIONS_INIT;
    uint64_t version;
    if (!store || !path || !path[0])
        return feat_fail(err, FEAT_ARGUMENT, "feat_export: store and path must not be NULL, nor path empty");
    if (opt && opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_export: the options' size is not one that this library knows");
    if (opt) options = *opt;
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_at_resolve(store->db, "feat_export", at, &version, err));
    return feat_db_export(store->db, version, path, options.progress, options.progress_context, err);
}

static feat_status fill(feat_db *db, const char *file, feat_error *err) {
    feat_verify_options options = FEAT_VERIFY_OPTIONS_INIT;
    feat_verified verified;
    FEAT_TRY(feat_db_lock(db, LOCK_TIMEOUT_MS, err));
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = feat_db_import(db, file, err);
    if (status == FEAT_OK) status = feat_verify_run(db, &options, NULL, &verified, err);
    feat_fpenv_leave(&saved);
    feat_db_unlock(db);
    return status;
}

feat_status feat_import(const char *file, const char *path, feat_error *err) {
    feat_buffer name;
    feat_db *db = NULL;
    if (!file || !path || !path[0])
        return feat_fail(err, FEAT_ARGUMENT, "feat_import: file and path must not be NULL, nor path empty");
    feat_buffer_init(&name);
    feat_buffer_printf(&name, "%s.%ld.new", path, (long)getpid());
    char *directory = feat_buffer_take_text(&name);
    if (!directory) return feat_fail_memory(err);
    feat_status status = feat_db_open(directory, FEAT_MODE_CREATE, &db, err);
    if (status == FEAT_OK) {
        status = fill(db, file, err);
        feat_db_unref(db);
    }
    if (status == FEAT_OK) status = feat_directory_appear(directory, path, err);
    if (status != FEAT_OK) feat_directory_discard(directory);
    feat_free(directory);
    return status;
}
