/* The names that a script can refer to: compared as SQL does, ASCII letters without case; the latest definition wins.
 */
#include <strings.h>

#include "base/alloc.h"
#include "plan/plan.h"

#define NEWEST(list, n, name)                                                                                          \
    for (size_t i = (n); i-- > 0;)                                                                                     \
        if (strcasecmp((list)[i]->name, (name)) == 0) return (list)[i];                                                \
    return NULL

const feat_schema *feat_scope_table(const feat_scope *scope, const char *name) {
    NEWEST(scope->tables, scope->n_tables, name);
}
const feat_view *feat_scope_view(const feat_scope *scope, const char *name) {
    NEWEST(scope->views, scope->n_views, name);
}
const feat_service *feat_scope_service(const feat_scope *scope, const char *name) {
    NEWEST(scope->services, scope->n_services, name);
}

#define ADD(list, n, capacity, item)                                                                                   \
    if (FEAT_GROW(list, capacity, (n) + 1) != 0) return -1;                                                            \
    (list)[(n)++] = (item);                                                                                            \
    return 0

int feat_scope_add_table(feat_scope *scope, const feat_schema *table) {
    ADD(scope->tables, scope->n_tables, scope->tables_capacity, table);
}
int feat_scope_add_view(feat_scope *scope, const feat_view *view) {
    ADD(scope->views, scope->n_views, scope->views_capacity, view);
}
int feat_scope_add_service(feat_scope *scope, const feat_service *service) {
    ADD(scope->services, scope->n_services, scope->services_capacity, service);
}

void feat_scope_done(feat_scope *scope) {
    feat_free(scope->tables);
    feat_free(scope->views);
    feat_free(scope->services);
    *scope = (feat_scope){0};
}
