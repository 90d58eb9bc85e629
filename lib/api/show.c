/* feat_show and feat_explain. */
#include "feat/show.h"

#include "api/handle.h"
#include "base/buffer.h"
#include "base/fpenv.h"
#include "engine/engine.h"

feat_status feat_show(feat_store *store, const char *sql, struct ArrowArrayStream *out, feat_error *err) {
    if (!store || !sql || !out) return feat_fail(err, FEAT_ARGUMENT, "feat_show: store, sql and out must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    feat_fpenv saved;
    feat_fpenv_enter(&saved); /* EXPLAIN binds, and constants are folded */
    feat_status status = feat_show_run(store->db, sql, out, err);
    feat_fpenv_leave(&saved);
    return status;
}

feat_status feat_explain(feat_store *store, const char *name, char **text, feat_error *err) {
    if (!store || !name || !text)
        return feat_fail(err, FEAT_ARGUMENT, "feat_explain: store, name and text must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    feat_buffer out;
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_buffer_init(&out);
    feat_status status = feat_explain_run(store->db, name, &out, err);
    if (status == FEAT_OK) {
        char *taken = feat_buffer_take_text(&out);
        if (taken) *text = taken;
        else status = feat_fail_memory(err);
    }
    feat_buffer_done(&out);
    feat_fpenv_leave(&saved);
    return status;
}
