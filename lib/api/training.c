/* feat_training_set. */
#include "feat/training.h"

#include "api/handle.h"
#include "base/fpenv.h"
#include "engine/engine.h"

static feat_status check_arguments(feat_snapshot *snap, const char *service, struct ArrowArrayStream *spine,
                                   const feat_training_options *opt, struct ArrowArrayStream *out, feat_error *err) {
    if (!snap || !service || !spine || !spine->release || !out)
        return feat_fail(err, FEAT_ARGUMENT,
                         "feat_training_set: snap, service, a spine that is not released and out are needed");
    if (opt && opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_training_set: the options' size is not one that this library knows");
    if (opt && opt->on_error != FEAT_ON_ERROR_FAIL && opt->on_error != FEAT_ON_ERROR_NULL)
        return feat_fail(err, FEAT_ARGUMENT, "feat_training_set: %d is no rule for errors", (int)opt->on_error);
    if (opt && opt->stats && opt->stats->size != sizeof *opt->stats)
        return feat_fail(err, FEAT_ARGUMENT,
                         "feat_training_set: the statistics' size is not one that this library knows");
    if (opt && ((opt->version_column && !opt->as_served) || (opt->sequence_column && !opt->version_column)))
        return feat_fail(err, FEAT_ARGUMENT,
                         "feat_training_set: position columns belong to `as_served`, a sequence to a version");
    if (opt && opt->threads > 4096) return feat_fail(err, FEAT_ARGUMENT, "feat_training_set: at most 4,096 threads");
    feat_digest wanted;
    if (opt && opt->fingerprint && !feat_digest_parse(&wanted, opt->fingerprint))
        return feat_fail(err, FEAT_ARGUMENT, "feat_training_set: a fingerprint has 32 hexadecimal digits");
    return feat_db_check(snap->db, err);
}

feat_status feat_training_set(feat_snapshot *snap, const char *service, struct ArrowArrayStream *spine,
                              const feat_training_options *opt, struct ArrowArrayStream *out, feat_error *err) {
    feat_training_options defaults = FEAT_TRAINING_OPTIONS_INIT;
    feat_status status = check_arguments(snap, service, spine, opt, out, err);
    if (status == FEAT_OK) {
        feat_catalog *catalog = NULL;
        const feat_service *found = NULL;
        feat_digest wanted;
        if (opt && opt->fingerprint) feat_digest_parse(&wanted, opt->fingerprint); /* it was checked */
        feat_fpenv saved;
        feat_fpenv_enter(&saved);
        status = feat_catalog_load(snap->db, &catalog, err);
        if (status == FEAT_OK)
            status = feat_catalog_service_at(catalog, service, opt ? opt->service_version : 0,
                                             opt && opt->fingerprint ? &wanted : NULL, &found, err);
        if (status == FEAT_OK)
            status = feat_training_build(opt && opt->as_served ? snap->plain : snap->db, catalog, found, snap->version,
                                         spine, opt ? opt : &defaults, out, err);
        feat_catalog_unref(catalog);
        feat_fpenv_leave(&saved);
    }
    if (spine && spine != out && spine->release) spine->release(spine); /* when nothing below has */
    return status;
}

feat_status feat_training_explain(const feat_training_stats *stats, char **text, feat_error *err) {
    if (!stats || stats->size != sizeof *stats || !text)
        return feat_fail(err, FEAT_ARGUMENT,
                         "feat_training_explain: statistics of a size that this library knows and a text are needed");
    feat_buffer out;
    feat_buffer_init(&out);
    feat_training_describe(stats, &out);
    char *made = feat_buffer_take_text(&out);
    if (!made) return feat_fail_memory(err);
    *text = made;
    return FEAT_OK;
}
