/* feat_backup. */
#include "feat/backup.h"

#include "api/handle.h"

feat_status feat_backup(feat_store *store, const char *path, const feat_backup_options *opt, feat_error *err) {
    feat_backup_options options = FEAT_BACKUP_OPTIONS_INIT;
    if (!store || !path || !path[0])
        return feat_fail(err, FEAT_ARGUMENT, "feat_backup: store and path must not be NULL, nor path empty");
    if (opt && opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_backup: the options' size is not one that this library knows");
    if (opt) options = *opt;
    return feat_db_backup(store->db, path, options.progress, options.progress_context, err);
}
