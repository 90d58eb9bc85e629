/* feat_reader: a lookup with the definition that it needs. */
#include "base/alloc.h"
#include "base/fpenv.h"
#include "engine/engine.h"
#include "api/handle.h"
#include "feat/online.h"
#include "online/lookup.h"

struct feat_reader {
    feat_db *db;
    feat_catalog *catalog;
    const feat_service *service; /* in the catalog */
    feat_lookup *lookup;
    feat_field_info *inputs, *features;
    char fingerprint[FEAT_DIGEST_TEXT_SIZE];
};

void feat_reader_close(feat_reader *reader) {
    if (!reader) return;
    feat_lookup_close(reader->lookup);
    feat_catalog_unref(reader->catalog);
    feat_db_unref(reader->db);
    feat_free(reader->inputs);
    feat_free(reader->features);
    feat_free(reader);
}

static feat_status describe(feat_reader *r, feat_error *err) {
    const feat_service *s = r->service;
    r->inputs = feat_alloc_zero(s->n_inputs, sizeof *r->inputs);
    r->features = feat_alloc_zero(s->n_features, sizeof *r->features);
    if (!r->inputs || !r->features) return feat_fail_memory(err);
    for (size_t i = 0; i < s->n_inputs; i++) r->inputs[i] = (feat_field_info){s->inputs[i].name, s->inputs[i].type};
    for (size_t i = 0; i < s->n_features; i++)
        r->features[i] = (feat_field_info){s->features[i].name, s->features[i].type};
    feat_digest_format(&s->fingerprint, r->fingerprint);
    return FEAT_OK;
}

feat_status feat_reader_open(feat_store *store, const char *service, const feat_reader_options *opt,
                             feat_reader **reader, feat_error *err) {
    if (!store || !service || !reader)
        return feat_fail(err, FEAT_ARGUMENT, "feat_reader_open: store, service and reader must not be NULL");
    if (opt && opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_reader_open: the options' size is not one that this library knows");
    feat_digest wanted, deployed;
    bool named = opt && opt->fingerprint;
    if (named && !feat_digest_parse(&wanted, opt->fingerprint))
        return feat_fail(err, FEAT_ARGUMENT, "feat_reader_open: a fingerprint has 32 hexadecimal digits");
    FEAT_TRY(feat_db_check(store->db, err));
    feat_reader *r = feat_alloc_zero(1, sizeof *r);
    if (!r) return feat_fail_memory(err);
    feat_status status;
    r->db = feat_db_ref(store->db);
    FEAT_GOTO(status, feat_catalog_load(r->db, &r->catalog, err), fail);
    if (opt && opt->service_version) {
        FEAT_GOTO(status,
                  feat_catalog_resolve_service(r->catalog, service, opt->service_version, named ? &wanted : NULL,
                                               &wanted, err),
                  fail);
        named = true;
    }
    FEAT_GOTO(status, feat_online_find_service(r->db, service, named ? &wanted : NULL, &deployed, err), fail);
    FEAT_GOTO(status, feat_catalog_program_of(r->catalog, &deployed, &r->service, err), fail);
    FEAT_GOTO(status, describe(r, err), fail);
    FEAT_GOTO(status, feat_lookup_open(r->db, r->service, &r->lookup, err), fail);
    *reader = r;
    return FEAT_OK;
fail:
    feat_reader_close(r);
    return status;
}

size_t feat_reader_inputs(const feat_reader *reader, const feat_field_info **fields) {
    if (fields) *fields = reader->inputs;
    return reader->service->n_inputs;
}

size_t feat_reader_features(const feat_reader *reader, const feat_field_info **fields) {
    if (fields) *fields = reader->features;
    return reader->service->n_features;
}

const char *feat_reader_fingerprint(const feat_reader *reader) { return reader->fingerprint; }

feat_status feat_reader_get(feat_reader *reader, const feat_request *request, feat_value *values,
                            feat_position *position, feat_error *err) {
    if (!reader || !request || (request->n > 0 && !values) ||
        (request->n > 0 && reader->service->n_inputs > 0 && !request->inputs))
        return feat_fail(err, FEAT_ARGUMENT,
                         "feat_reader_get: reader, request, its inputs and values must not be NULL");
    if (request->size != sizeof *request)
        return feat_fail(err, FEAT_ARGUMENT, "feat_reader_get: the request's size is not one that this library knows");
    FEAT_TRY(feat_db_check(reader->db, err));
    feat_fpenv fpenv;
    feat_fpenv_enter(&fpenv);
    feat_status status = feat_lookup_get(reader->lookup, request, values, position, err);
    feat_fpenv_leave(&fpenv);
    return status;
}
