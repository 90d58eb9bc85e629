/* Records of views and services: the form with all its blocks, and beside it what changes no fingerprint. Behind the
 * msgpack stand 8 bytes, its hash64: names are not part of a fingerprint, and must not change unseen either. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/pack.h"
#include "column/utf8.h"
#include "plan/form.h"

enum { RECORD_VERSION = 1, VIEW_PARTS = 10, SERVICE_PARTS = 11, HASH_SIZE = 8 };

/* ---- Packing. ---- */

typedef struct table_list {
    const feat_schema **tables; /* those of `uses` first */
    size_t n;
} table_list;

static int compare_tables(const void *a, const void *b) {
    const feat_schema *x = *(const feat_schema *const *)a, *y = *(const feat_schema *const *)b;
    return strcmp(x->name, y->name);
}

/* The tables that a definition names, and behind them those that only its blocks read. */
static feat_status list_tables(table_list *list, const feat_uses *uses, const feat_block_set *blocks, feat_error *err) {
    size_t n = uses->n_tables, most = n;
    for (size_t i = 0; i < blocks->n; i++) most += blocks->blocks[i]->n_branches;
    list->tables = feat_alloc_array(most + n + 1, sizeof *list->tables);
    if (!list->tables) return feat_fail_memory(err);
    const feat_schema **named = list->tables + most; /* sorted, to look them up */
    if (n) memcpy(list->tables, uses->tables, n * sizeof *list->tables);
    if (n) memcpy(named, uses->tables, n * sizeof *named);
    qsort(named, n, sizeof *named, compare_tables);
    size_t end = n;
    for (size_t i = 0; i < blocks->n; i++)
        for (size_t b = 0; b < blocks->blocks[i]->n_branches; b++)
            list->tables[end++] = blocks->blocks[i]->branches[b].table;
    qsort(list->tables + n, end - n, sizeof *list->tables, compare_tables);
    list->n = n;
    for (size_t i = n; i < end; i++) {
        const feat_schema *table = list->tables[i];
        bool there = list->n > n && strcmp(list->tables[list->n - 1]->name, table->name) == 0;
        if (!there && !bsearch(&table, named, n, sizeof *named, compare_tables)) list->tables[list->n++] = table;
    }
    return FEAT_OK;
}

static void pack_options(feat_buffer *out, const feat_option *options, size_t n) {
    feat_pack_array(out, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        feat_pack_array(out, 2);
        feat_pack_text(out, options[i].name);
        feat_pack_text(out, options[i].value);
    }
}

static void pack_uses(feat_buffer *out, const feat_uses *uses, const table_list *tables) {
    feat_pack_uint(out, uses->n_tables); /* of the tables, the first so many */
    feat_pack_array(out, (uint32_t)tables->n);
    for (size_t i = 0; i < tables->n; i++) {
        feat_pack_array(out, 2);
        feat_pack_uint(out, tables->tables[i]->table_id);
        feat_pack_text(out, tables->tables[i]->name);
    }
    feat_pack_array(out, (uint32_t)uses->n_views);
    for (size_t i = 0; i < uses->n_views; i++) {
        feat_pack_array(out, 3);
        feat_pack_text(out, uses->views[i]->name);
        feat_pack_uint(out, uses->views[i]->version);
        feat_pack_digest(out, &uses->views[i]->fingerprint);
    }
}

static feat_status pack_blocks(feat_buffer *out, const feat_block_set *blocks, feat_error *err) {
    feat_buffer form;
    feat_status status = FEAT_OK;
    feat_buffer_init(&form);
    feat_pack_array(out, (uint32_t)blocks->n);
    for (size_t i = 0; i < blocks->n && status == FEAT_OK; i++) {
        feat_buffer_clear(&form);
        status = feat_form_block(blocks->blocks[i], &form, err);
        if (status == FEAT_OK) feat_pack_bytes(out, form.data, form.size);
    }
    feat_buffer_done(&form);
    return status;
}

static void pack_head(feat_buffer *out, uint32_t parts, uint64_t form, const char *name, uint32_t version) {
    feat_pack_array(out, parts);
    feat_pack_uint(out, RECORD_VERSION);
    feat_pack_uint(out, form);
    feat_pack_text(out, name);
    feat_pack_uint(out, version);
}

/* The parts behind the head that both kinds have; `form` is finished and released. */
static feat_status pack_body(feat_buffer *out, const feat_uses *uses, const feat_option *options, size_t n_options,
                             const feat_block_set *blocks, const feat_buffer *form, feat_error *err) {
    table_list tables = {0};
    FEAT_TRY(list_tables(&tables, uses, blocks, err));
    pack_uses(out, uses, &tables);
    feat_free(tables.tables);
    FEAT_TRY(pack_blocks(out, blocks, err));
    feat_pack_bytes(out, form->data, form->size);
    pack_options(out, options, n_options);
    return FEAT_OK;
}

/* Appends the finished record to `out`, which is untouched on failure. */
static feat_status finish(feat_buffer *record, feat_status status, feat_buffer *out, feat_error *err) {
    if (status == FEAT_OK) {
        feat_buffer_u64(record, feat_hash64(record->data, record->size));
        if (record->failed) status = feat_fail_memory(err);
    }
    if (status == FEAT_OK) {
        void *room = feat_buffer_extend(out, record->size);
        if (room) memcpy(room, record->data, record->size);
        else status = feat_fail_memory(err);
    }
    feat_buffer_done(record);
    return status;
}

feat_status feat_view_pack(const feat_view *view, feat_buffer *out, feat_error *err) {
    feat_buffer record, form;
    feat_block_set blocks = {0};
    feat_walk walk;
    feat_buffer_init(&record);
    feat_buffer_init(&form);
    feat_status status = feat_walk_view(&walk, view, err);
    if (status == FEAT_OK) {
        status = feat_block_set_collect(&blocks, &walk, err);
        feat_walk_done(&walk);
    }
    if (status == FEAT_OK) status = feat_form_view(view, &form, err);
    pack_head(&record, VIEW_PARTS, FEAT_FORM_VIEW, view->name, view->version);
    if (status == FEAT_OK)
        status = pack_body(&record, &view->uses, view->options, view->n_options, &blocks, &form, err);
    feat_block_set_done(&blocks);
    feat_buffer_done(&form);
    return finish(&record, status, out, err);
}

feat_status feat_service_pack(const feat_service *service, feat_buffer *out, feat_error *err) {
    feat_buffer record, form;
    feat_block_set blocks = {0};
    feat_walk walk;
    feat_buffer_init(&record);
    feat_buffer_init(&form);
    feat_status status = feat_walk_service(&walk, service, err);
    if (status == FEAT_OK) {
        status = feat_block_set_collect(&blocks, &walk, err);
        feat_walk_done(&walk);
    }
    if (status == FEAT_OK) status = feat_form_service(service, &form, err);
    pack_head(&record, SERVICE_PARTS, FEAT_FORM_SERVICE, service->name, service->version);
    if (status == FEAT_OK)
        status = pack_body(&record, &service->uses, service->options, service->n_options, &blocks, &form, err);
    feat_pack_array(&record, (uint32_t)service->n_views);
    for (size_t v = 0; v < service->n_views; v++) {
        feat_pack_array(&record, 3);
        feat_pack_text(&record, service->views[v].alias);
        feat_pack_text(&record, service->views[v].name);
        feat_pack_uint(&record, service->views[v].version);
    }
    feat_block_set_done(&blocks);
    feat_buffer_done(&form);
    return finish(&record, status, out, err);
}

/* ---- Unpacking. ---- */

typedef struct unpacking {
    feat_arena *arena;
    const feat_scope *scope;
    feat_cursor c;
    feat_form_context context;
    feat_block_set blocks;
    uint32_t *depths;
    const char *name;
    uint32_t version;
    feat_uses uses;
    const void *form;
    size_t form_size;
    feat_option *options;
    size_t n_options;
    feat_error *err;
} unpacking;

/* Text with a NUL behind, or NULL: then the cursor failed, or memory is out. */
static const char *unpack_text(unpacking *u, bool may_be_empty) {
    size_t length;
    const char *text = feat_unpack_text(&u->c, &length);
    if ((length == 0 && !may_be_empty) || memchr(text, 0, length) || !feat_utf8_valid(text, length)) u->c.failed = true;
    return u->c.failed ? NULL : feat_arena_strndup(u->arena, text, length);
}

static uint32_t unpack_u32(unpacking *u) {
    uint64_t v = feat_unpack_uint(&u->c);
    if (v > UINT32_MAX) u->c.failed = true;
    return u->c.failed ? 0 : (uint32_t)v;
}

static feat_status corrupt(unpacking *u, const char *why) { return feat_form_corrupt(u->err, why); }

static feat_status unpack_head(unpacking *u, const void *bytes, size_t size, uint32_t parts, uint64_t form) {
    feat_cursor hash;
    if (size < HASH_SIZE) return corrupt(u, "it is too short");
    feat_cursor_init(&u->c, bytes, size - HASH_SIZE);
    feat_cursor_init(&hash, (const unsigned char *)bytes + size - HASH_SIZE, HASH_SIZE);
    if (feat_cursor_u64(&hash) != feat_hash64(bytes, size - HASH_SIZE)) return corrupt(u, "its hash");
    uint32_t there = feat_unpack_array(&u->c);
    uint64_t version = feat_unpack_uint(&u->c);
    if (!u->c.failed && version != RECORD_VERSION)
        return feat_fail(u->err, FEAT_FORMAT,
                         "the record of a definition has form %llu, this version of the library reads %d; open the "
                         "store with the version that wrote it, or a newer one",
                         (unsigned long long)version, RECORD_VERSION);
    if (there != parts || feat_unpack_uint(&u->c) != form) return corrupt(u, "it is of another kind");
    u->name = unpack_text(u, false);
    u->version = unpack_u32(u);
    if (u->c.failed) return corrupt(u, "its name");
    return u->name ? FEAT_OK : feat_fail_memory(u->err);
}

/* The scope holds what the definition reads, so that a look through it is short. */
static feat_status unpack_tables(unpacking *u) {
    uint64_t n_used = feat_unpack_uint(&u->c);
    size_t n = feat_unpack_array(&u->c);
    if (u->c.failed || n_used > n) return corrupt(u, "its tables");
    const feat_schema **tables = feat_arena_array(u->arena, n, sizeof *tables);
    const feat_schema **sorted = feat_arena_array(u->arena, n, sizeof *sorted);
    if (!tables || !sorted) return feat_fail_memory(u->err);
    for (size_t i = 0; i < n; i++) {
        size_t length;
        if (feat_unpack_array(&u->c) != 2) return corrupt(u, "its tables");
        uint32_t id = unpack_u32(u);
        const char *name = feat_unpack_text(&u->c, &length);
        for (size_t t = 0; t < u->scope->n_tables && !tables[i] && !u->c.failed; t++) {
            const feat_schema *table = u->scope->tables[t];
            if (table->table_id == id && feat_form_is(table->name, name, length)) tables[i] = table;
        }
        if (!tables[i]) return corrupt(u, "it reads a table that is not there");
    }
    if (n) memcpy(sorted, tables, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_tables);
    for (size_t i = 1; i < n; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0) return corrupt(u, "a table is there twice");
    u->uses.tables = tables;
    u->uses.n_tables = u->uses.tables_capacity = (size_t)n_used;
    u->context.tables = sorted;
    u->context.n_tables = n;
    return FEAT_OK;
}

static feat_status unpack_views(unpacking *u) {
    size_t n = feat_unpack_array(&u->c);
    const feat_view **views = feat_arena_array(u->arena, n, sizeof *views);
    if (!views) return feat_fail_memory(u->err);
    for (size_t i = 0; i < n; i++) {
        size_t length;
        if (feat_unpack_array(&u->c) != 3) return corrupt(u, "its views");
        const char *name = feat_unpack_text(&u->c, &length);
        uint32_t version = unpack_u32(u);
        feat_digest fingerprint = feat_unpack_digest(&u->c);
        for (size_t v = u->scope->n_views; v-- > 0 && !views[i] && !u->c.failed;) {
            const feat_view *view = u->scope->views[v];
            if (view->version == version && feat_digest_equal(&view->fingerprint, &fingerprint) &&
                feat_form_is(view->name, name, length))
                views[i] = view;
        }
        if (!views[i]) return corrupt(u, "it uses a view that is not there");
    }
    u->uses.views = views;
    u->uses.n_views = u->uses.views_capacity = n;
    u->context.uses = &u->uses;
    return FEAT_OK;
}

/* A block may join blocks before it only, so they cannot join in a circle. */
static feat_status unpack_blocks(unpacking *u) {
    size_t n = feat_unpack_array(&u->c);
    u->depths = feat_arena_array(u->arena, n, sizeof *u->depths);
    if (!u->depths) return feat_fail_memory(u->err);
    u->context.blocks = &u->blocks;
    u->context.depths = u->depths;
    for (size_t i = 0; i < n; i++) {
        size_t size;
        feat_block *block;
        const void *bytes = feat_unpack_bytes(&u->c, &size);
        if (u->c.failed) return corrupt(u, "its blocks");
        FEAT_TRY(feat_form_read_block(&u->context, bytes, size, &block, &u->depths[i], u->err));
        FEAT_TRY(feat_lower_block(u->arena, block, u->scope->fold, u->err));
        if (feat_block_set_add(&u->blocks, block) != 0) return feat_fail_memory(u->err);
        if (u->blocks.n != i + 1) return corrupt(u, "a block is there twice");
    }
    return FEAT_OK;
}

static feat_status unpack_options(unpacking *u) {
    u->n_options = feat_unpack_array(&u->c);
    u->options = feat_arena_array(u->arena, u->n_options, sizeof *u->options);
    if (!u->options) return feat_fail_memory(u->err);
    for (size_t i = 0; i < u->n_options; i++) {
        if (feat_unpack_array(&u->c) != 2) return corrupt(u, "its options");
        u->options[i].name = unpack_text(u, false);
        u->options[i].value = unpack_text(u, true);
        if (u->c.failed) return corrupt(u, "its options");
        if (!u->options[i].name || !u->options[i].value) return feat_fail_memory(u->err);
    }
    return u->c.failed ? corrupt(u, "its options") : FEAT_OK;
}

static feat_status unpack_body(unpacking *u) {
    FEAT_TRY(unpack_tables(u));
    FEAT_TRY(unpack_views(u));
    FEAT_TRY(unpack_blocks(u));
    u->form = feat_unpack_bytes(&u->c, &u->form_size);
    if (u->c.failed) return corrupt(u, "its form");
    return unpack_options(u);
}

static feat_status unpack_view(unpacking *u, const void *bytes, size_t size, feat_view **out) {
    feat_view *view;
    FEAT_TRY(unpack_head(u, bytes, size, VIEW_PARTS, FEAT_FORM_VIEW));
    FEAT_TRY(unpack_body(u));
    if (u->c.at != u->c.end) return corrupt(u, "it goes on behind its end");
    FEAT_TRY(feat_form_read_view(&u->context, u->form, u->form_size, &view, u->err));
    view->name = u->name;
    view->version = u->version;
    view->options = u->options;
    view->n_options = u->n_options;
    view->uses = u->uses;
    FEAT_TRY(feat_lower_view(u->arena, view, u->scope->fold, u->err));
    *out = view;
    return FEAT_OK;
}

feat_status feat_view_unpack(feat_arena *arena, const void *bytes, size_t size, const feat_scope *scope,
                             feat_view **view, feat_error *err) {
    unpacking u = {.arena = arena, .scope = scope, .context = {.arena = arena}, .err = err};
    feat_status status = unpack_view(&u, bytes, size, view);
    feat_block_set_done(&u.blocks);
    return status;
}

static feat_status unpack_service_views(unpacking *u, feat_service *service) {
    if (feat_unpack_array(&u->c) != service->n_views) return corrupt(u, "its views");
    for (size_t v = 0; v < service->n_views; v++) {
        if (feat_unpack_array(&u->c) != 3) return corrupt(u, "its views");
        service->views[v].alias = unpack_text(u, false);
        service->views[v].name = unpack_text(u, false);
        service->views[v].version = unpack_u32(u);
        if (u->c.failed) return corrupt(u, "its views");
        if (!service->views[v].alias || !service->views[v].name) return feat_fail_memory(u->err);
    }
    return u->c.at == u->c.end ? FEAT_OK : corrupt(u, "it goes on behind its end");
}

static feat_status unpack_service(unpacking *u, const void *bytes, size_t size, feat_service **out) {
    feat_service *service;
    FEAT_TRY(unpack_head(u, bytes, size, SERVICE_PARTS, FEAT_FORM_SERVICE));
    FEAT_TRY(unpack_body(u));
    FEAT_TRY(feat_form_read_service(&u->context, u->form, u->form_size, &service, u->err));
    FEAT_TRY(unpack_service_views(u, service));
    service->name = u->name;
    service->version = u->version;
    service->options = u->options;
    service->n_options = u->n_options;
    service->uses = u->uses;
    FEAT_TRY(feat_lower_service(u->arena, service, u->scope->fold, u->err));
    *out = service;
    return FEAT_OK;
}

feat_status feat_service_unpack(feat_arena *arena, const void *bytes, size_t size, const feat_scope *scope,
                                feat_service **service, feat_error *err) {
    unpacking u = {.arena = arena, .scope = scope, .context = {.arena = arena}, .err = err};
    feat_status status = unpack_service(&u, bytes, size, service);
    feat_block_set_done(&u.blocks);
    return status;
}
