/* Fingerprints: the digests of logical forms. */
#include "base/pack.h"
#include "plan/form.h"

static feat_status finish(feat_buffer *out, feat_status status, feat_digest *fingerprint, feat_error *err) {
    if (status == FEAT_OK && out->failed) status = feat_fail_memory(err);
    if (status == FEAT_OK) *fingerprint = feat_digest_of(out->data, out->size);
    feat_buffer_done(out);
    return status;
}

feat_digest feat_table_fingerprint(const feat_schema *table, bool *failed) {
    feat_buffer out;
    feat_digest fingerprint = {{0}};
    feat_buffer_init(&out);
    feat_pack_array(&out, 2);
    feat_pack_uint(&out, FEAT_FORM_TABLE);
    feat_schema_pack_meaning(table, &out); /* creating a table again is recognised before it has a number */
    *failed = finish(&out, FEAT_OK, &fingerprint, NULL) != FEAT_OK;
    return fingerprint;
}

feat_status feat_block_fingerprint(feat_block *block, feat_error *err) {
    feat_buffer out;
    feat_buffer_init(&out);
    return finish(&out, feat_form_block(block, &out, err), &block->fingerprint, err);
}

feat_status feat_view_fingerprint(feat_view *view, feat_error *err) {
    feat_buffer out;
    feat_buffer_init(&out);
    return finish(&out, feat_form_view(view, &out, err), &view->fingerprint, err);
}

feat_status feat_service_fingerprint(feat_service *service, feat_error *err) {
    feat_buffer out;
    feat_buffer_init(&out);
    return finish(&out, feat_form_service(service, &out, err), &service->fingerprint, err);
}
