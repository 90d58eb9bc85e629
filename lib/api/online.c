/* feat_deploy and feat_undeploy. */
#include "feat/online.h"

#include "api/handle.h"
#include "base/fpenv.h"
#include "engine/engine.h"

feat_status feat_deploy(feat_store *store, const char *service, feat_error *err) {
    if (!store || !service) return feat_fail(err, FEAT_ARGUMENT, "feat_deploy: store and service must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_store_lock(store, err));
    feat_catalog *catalog = NULL;
    const feat_service *found = NULL;
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = feat_catalog_load(store->db, &catalog, err);
    if (status == FEAT_OK) status = feat_catalog_service(catalog, service, &found, err);
    if (status == FEAT_OK) status = feat_deploy_service(store->db, catalog, found, err);
    feat_catalog_unref(catalog);
    feat_fpenv_leave(&saved);
    feat_db_unlock(store->db);
    return status;
}

feat_status feat_undeploy(feat_store *store, const char *service, feat_error *err) {
    if (!store || !service) return feat_fail(err, FEAT_ARGUMENT, "feat_undeploy: store and service must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_store_lock(store, err));
    feat_catalog *catalog = NULL;
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = feat_catalog_load(store->db, &catalog, err);
    if (status == FEAT_OK) status = feat_undeploy_service(store->db, catalog, service, err);
    feat_catalog_unref(catalog);
    feat_fpenv_leave(&saved);
    feat_db_unlock(store->db);
    return status;
}
