/* feat_verify. */
#include "feat/verify.h"

#include "api/handle.h"
#include "base/fpenv.h"

feat_status feat_verify(feat_store *store, const feat_verify_options *opt, struct ArrowArrayStream *findings,
                        feat_verified *done, feat_error *err) {
    feat_verify_options options = FEAT_VERIFY_OPTIONS_INIT;
    feat_verified made;
    if (!store) return feat_fail(err, FEAT_ARGUMENT, "feat_verify: store must not be NULL");
    if (opt && opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_verify: the options' size is not one that this library knows");
    if (opt) options = *opt;
    FEAT_TRY(feat_db_check(store->db, err));
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = feat_verify_run(store->db, &options, findings, &made, err);
    feat_fpenv_leave(&saved);
    if (status == FEAT_OK && done) *done = made;
    return status;
}
