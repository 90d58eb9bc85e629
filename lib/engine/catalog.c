/* The catalog in memory. Loading it reads the headers of the log; a definition is unpacked when it is asked for, with
 * the tables and views that it reads. SQL is never read again. */
#include "engine/catalog.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/pack.h"
#include "column/utf8.h"
#include "exec/exec.h"
#include "sql/sql.h"

const char *feat_def_kind_name(feat_def_kind kind) {
    static const char *const names[] = {"definition", "table", "feature view", "feature service", "derivation"};
    return names[kind];
}

feat_catalog *feat_catalog_ref(feat_catalog *catalog) {
    atomic_fetch_add(&catalog->references, 1);
    return catalog;
}

void feat_catalog_unref(feat_catalog *catalog) {
    if (!catalog || atomic_fetch_sub(&catalog->references, 1) != 1) return;
    feat_scope_done(&catalog->scope);
    feat_arena_done(&catalog->arena);
    feat_free(catalog->entries);
    feat_free(catalog->names);
    feat_free(catalog->ids);
    feat_db_unref(catalog->db);
    feat_free(catalog);
}

/* ---- The index of names. ---- */

static uint64_t hash_name(feat_def_kind kind, const char *name) {
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)kind;
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        if (c >= 'A' && c <= 'Z') c = (unsigned char)(c - 'A' + 'a');
        h = (h ^ c) * UINT64_C(0x100000001b3);
    }
    return h ^ h >> 29;
}

static uint32_t *name_slot(const feat_catalog *c, feat_def_kind kind, const char *name) {
    for (size_t i = (size_t)hash_name(kind, name);; i++) {
        uint32_t *slot = &c->names[i & (c->slots - 1)];
        if (*slot == 0) return slot;
        const feat_def *def = &c->entries[*slot - 1].def;
        if (def->kind == kind && feat_name_compare(def->name, name) == 0) return slot;
    }
}

static uint32_t *id_slot(const feat_catalog *c, uint32_t id) {
    for (size_t i = (size_t)(id * UINT32_C(2654435761));; i++) {
        uint32_t *slot = &c->ids[i & (c->slots - 1)];
        if (*slot == 0 || c->entries[*slot - 1].def.id == id) return slot;
    }
}

static void index_entry(feat_catalog *c, size_t i) {
    const feat_def *def = &c->entries[i].def;
    *name_slot(c, def->kind, def->name) = (uint32_t)i + 1;
    if (def->id && def->action == FEAT_DEF_CREATE) *id_slot(c, def->id) = (uint32_t)i + 1;
}

static feat_status reserve(feat_catalog *c, size_t n, feat_error *err) {
    if (n >= FEAT_NO_ENTRY) return feat_fail(err, FEAT_LIMIT, "the catalog holds all definitions that it can");
    if (FEAT_GROW(c->entries, c->capacity, n) != 0) return feat_fail_memory(err);
    if (n * 2 <= c->slots) return FEAT_OK;
    size_t slots = 64;
    while (slots < n * 4) slots *= 2;
    uint32_t *names = feat_alloc_zero(slots, sizeof *names), *ids = feat_alloc_zero(slots, sizeof *ids);
    if (!names || !ids) {
        feat_free(names);
        feat_free(ids);
        return feat_fail_memory(err);
    }
    feat_free(c->names);
    feat_free(c->ids);
    c->names = names;
    c->ids = ids;
    c->slots = slots;
    for (size_t i = 0; i < c->n; i++) index_entry(c, i);
    return FEAT_OK;
}

feat_status feat_catalog_add(feat_catalog *c, const feat_def *def, feat_error *err) {
    FEAT_TRY(reserve(c, c->n + 1, err));
    uint32_t before = *name_slot(c, def->kind, def->name);
    c->entries[c->n] = (feat_entry){.def = *def, .previous = before ? before - 1 : FEAT_NO_ENTRY};
    c->entries[c->n].def.sequence = c->n + 1;
    if (def->action == FEAT_DEF_DROP)
        for (uint32_t i = c->entries[c->n].previous; i != FEAT_NO_ENTRY && c->entries[i].def.action != FEAT_DEF_DROP;
             i = c->entries[i].previous)
            c->entries[i].dropped = true;
    index_entry(c, c->n++);
    return FEAT_OK;
}

feat_status feat_catalog_load(feat_db *db, feat_catalog **catalog, feat_error *err) {
    feat_catalog *c = feat_alloc_zero(1, sizeof *c);
    feat_def *defs = NULL;
    size_t n = 0;
    if (!c) return feat_fail_memory(err);
    atomic_init(&c->references, 1);
    feat_arena_init(&c->arena);
    c->db = feat_db_ref(db);
    feat_status status = feat_defs_list(db, &c->arena, &defs, &n, err);
    if (status == FEAT_OK) status = reserve(c, n, err);
    for (size_t i = 0; i < n && status == FEAT_OK; i++) status = feat_catalog_add(c, &defs[i], err);
    c->n_stored = c->n;
    if (status != FEAT_OK) {
        feat_catalog_unref(c);
        return status;
    }
    *catalog = c;
    return FEAT_OK;
}

/* ---- Looking names up. ---- */

/* The newest entry of a name, of whatever action. */
static uint32_t newest(const feat_catalog *c, feat_def_kind kind, const char *name) {
    return c->slots && *name_slot(c, kind, name) ? *name_slot(c, kind, name) - 1 : FEAT_NO_ENTRY;
}

static uint32_t previous_version(const feat_catalog *c, uint32_t i) {
    while (i != FEAT_NO_ENTRY && c->entries[i].def.action == FEAT_DEF_DESCRIBE) i = c->entries[i].previous;
    return i == FEAT_NO_ENTRY || c->entries[i].def.action == FEAT_DEF_DROP ? FEAT_NO_ENTRY : i;
}

uint32_t feat_catalog_find(const feat_catalog *c, feat_def_kind kind, const char *name) {
    return previous_version(c, newest(c, kind, name));
}

uint32_t feat_catalog_find_version(const feat_catalog *c, feat_def_kind kind, const char *name, uint32_t number) {
    uint32_t i = feat_catalog_find(c, kind, name);
    while (i != FEAT_NO_ENTRY && c->entries[i].def.number != number) i = previous_version(c, c->entries[i].previous);
    return i;
}

uint32_t feat_catalog_last_number(const feat_catalog *c, feat_def_kind kind, const char *name) {
    for (uint32_t i = newest(c, kind, name); i != FEAT_NO_ENTRY; i = c->entries[i].previous)
        if (c->entries[i].def.action == FEAT_DEF_CREATE) return c->entries[i].def.number;
    return 0;
}

feat_status feat_catalog_unknown(const feat_catalog *c, feat_def_kind kind, const char *name, feat_error *err) {
    const char **names = feat_alloc_array(c->n, sizeof *names);
    size_t n = 0;
    if (!names) return feat_fail_memory(err);
    for (size_t i = 0; i < c->n; i++) {
        const feat_entry *e = &c->entries[i];
        if (e->def.kind == kind && e->def.action == FEAT_DEF_CREATE && !e->dropped) names[n++] = e->def.name;
    }
    const char *near = feat_sql_suggest(name, names, n);
    feat_free(names);
    return feat_fail(err, FEAT_NOT_FOUND, "there is no %s '%.*s'%s%s%s", feat_def_kind_name(kind),
                     feat_utf8_clip(name, 200), name, near ? "; did you mean '" : "", near ? near : "",
                     near ? "'?" : "");
}

/* ---- Loading one entry. ---- */

static const char *describe(feat_catalog *c, uint32_t entry) {
    const feat_def *def = &c->entries[entry].def;
    return feat_arena_printf(&c->arena, "%s '%.*s' (version %u)", feat_def_kind_name(def->kind),
                             feat_utf8_clip(def->name, 200), def->name, (unsigned)def->number);
}

/* Says in the message of an error which definition it is about. */
static feat_status blame(feat_catalog *c, uint32_t entry, feat_status status, feat_error *err) {
    const char *what = describe(c, entry);
    if (!err || !what || status == FEAT_MEMORY) return status;
    feat_error inner = *err;
    feat_fail(err, status, "%s: %.*s", what, feat_utf8_clip(inner.message, 700), inner.message);
    return status;
}

static feat_status corrupt(feat_error *err, const char *why) {
    return feat_fail(err, FEAT_CORRUPT, "its definition is damaged (%s); restore the store from a copy", why);
}

feat_status feat_entry_part(feat_catalog *c, uint32_t entry, feat_def_part part, feat_bytes *bytes, feat_error *err) {
    const feat_entry *e = &c->entries[entry];
    *bytes = e->def.parts[part];
    if (e->pending || bytes->size == 0) return FEAT_OK;
    const char *what = describe(c, entry);
    if (!what) return feat_fail_memory(err);
    return feat_def_read(c->db, &c->arena, &e->def, part, what, bytes, err);
}

static feat_status unpack_list(feat_arena *arena, feat_cursor *in, uint64_t limit, uint32_t **list, size_t *n,
                               feat_error *err) {
    *n = feat_unpack_array(in); /* at most the bytes that follow */
    *list = feat_arena_array(arena, in->failed ? 0 : *n, sizeof **list);
    if (!*list) return feat_fail_memory(err);
    for (size_t i = 0; i < *n && !in->failed; i++) {
        uint64_t v = feat_unpack_uint(in);
        if (in->failed || v >= limit || (i > 0 && v <= (*list)[i - 1])) return corrupt(err, "what it reads");
        (*list)[i] = (uint32_t)v;
    }
    return in->failed ? corrupt(err, "what it reads") : FEAT_OK;
}

/* The record: [[number of a table, ...], [entry of a view, ...]]. */
static feat_status unpack_reads(feat_catalog *c, uint32_t entry, feat_reads **reads, feat_error *err) {
    feat_bytes bytes;
    FEAT_TRY(feat_entry_part(c, entry, FEAT_DEF_USES, &bytes, err));
    feat_reads *r = FEAT_ARENA_NEW(&c->arena, feat_reads);
    if (!r) return feat_fail_memory(err);
    feat_cursor in;
    feat_cursor_init(&in, bytes.bytes, bytes.size);
    if (feat_unpack_array(&in) != 2) return corrupt(err, "what it reads");
    FEAT_TRY(unpack_list(&c->arena, &in, UINT64_C(1) << 32, &r->tables, &r->n_tables, err));
    FEAT_TRY(unpack_list(&c->arena, &in, entry, &r->views, &r->n_views, err));
    for (size_t i = 0; i < r->n_views; i++) {
        const feat_def *def = &c->entries[r->views[i]].def;
        if (def->kind != FEAT_DEF_VIEW || def->action != FEAT_DEF_CREATE) return corrupt(err, "what it reads");
    }
    if (in.at != in.end) return corrupt(err, "what it reads");
    *reads = r;
    return FEAT_OK;
}

feat_status feat_entry_reads(feat_catalog *c, uint32_t entry, const feat_reads **reads, feat_error *err) {
    feat_reads *r = NULL;
    if (!c->entries[entry].reads) {
        feat_status status = unpack_reads(c, entry, &r, err);
        if (status != FEAT_OK) return blame(c, entry, status, err);
        c->entries[entry].reads = r;
    }
    *reads = c->entries[entry].reads;
    return FEAT_OK;
}

static feat_status load_table(feat_catalog *c, uint32_t entry, feat_error *err) {
    feat_entry *e = &c->entries[entry];
    feat_bytes form;
    feat_cursor in;
    feat_schema *table = NULL;
    bool failed = false;
    FEAT_TRY(feat_entry_part(c, entry, FEAT_DEF_FORM, &form, err));
    feat_cursor_init(&in, form.bytes, form.size);
    FEAT_TRY(feat_schema_unpack(&c->arena, &in, &table, err));
    feat_digest fingerprint = feat_table_fingerprint(table, &failed);
    if (failed) return feat_fail_memory(err);
    if (table->table_id != e->def.id || feat_name_compare(table->name, e->def.name) != 0)
        return corrupt(err, "it is another's");
    if (!feat_digest_equal(&fingerprint, &e->def.fingerprint)) return corrupt(err, "its fingerprint is another");
    e->table = table;
    return FEAT_OK;
}

feat_status feat_entry_table(feat_catalog *c, uint32_t entry, const feat_schema **table, feat_error *err) {
    if (!c->entries[entry].table) {
        feat_status status = load_table(c, entry, err);
        if (status != FEAT_OK) return blame(c, entry, status, err);
    }
    *table = c->entries[entry].table;
    return FEAT_OK;
}

/* The tables that an entry reads, as they are now, and the views, which must have been loaded. */
static feat_status scope_of(feat_catalog *c, uint32_t entry, bool views, feat_scope *scope, feat_error *err) {
    const feat_reads *reads;
    FEAT_TRY(feat_entry_reads(c, entry, &reads, err));
    for (size_t i = 0; i < reads->n_tables; i++) {
        uint32_t at = *id_slot(c, reads->tables[i]);
        const feat_schema *table;
        if (at == 0) return corrupt(err, "it reads a table that is not there");
        FEAT_TRY(feat_entry_table(c, at - 1, &table, err));
        if (feat_scope_add_table(scope, table) != 0) return feat_fail_memory(err);
    }
    for (size_t i = 0; views && i < reads->n_views; i++)
        if (feat_scope_add_view(scope, c->entries[reads->views[i]].view) != 0) return feat_fail_memory(err);
    return FEAT_OK;
}

static feat_status check_made(const feat_def *def, const char *name, const feat_digest *fingerprint, feat_error *err) {
    if (!feat_digest_equal(&def->fingerprint, fingerprint)) return corrupt(err, "its fingerprint is another");
    return name && feat_name_compare(name, def->name) == 0 ? FEAT_OK : corrupt(err, "it is another's");
}

static feat_status unpack_entry(feat_catalog *c, uint32_t entry, const feat_scope *scope, feat_error *err) {
    feat_entry *e = &c->entries[entry];
    feat_bytes form;
    FEAT_TRY(feat_entry_part(c, entry, FEAT_DEF_FORM, &form, err));
    if (e->def.kind == FEAT_DEF_VIEW) {
        feat_view *view = NULL;
        FEAT_TRY(feat_view_unpack(&c->arena, form.bytes, form.size, scope, &view, err));
        FEAT_TRY(check_made(&e->def, view->name, &view->fingerprint, err));
        view->version = e->def.number;
        e->view = view;
    } else {
        feat_service *service = NULL;
        FEAT_TRY(feat_service_unpack(&c->arena, form.bytes, form.size, scope, &service, err));
        FEAT_TRY(check_made(&e->def, service->name, &service->fingerprint, err));
        service->version = e->def.number;
        e->service = service;
    }
    return FEAT_OK;
}

static feat_status load_entry(feat_catalog *c, uint32_t entry, feat_error *err) {
    feat_scope scope = {.fold = feat_fold_op};
    feat_status status = scope_of(c, entry, true, &scope, err);
    if (status == FEAT_OK) status = unpack_entry(c, entry, &scope, err);
    feat_scope_done(&scope);
    return status == FEAT_OK ? FEAT_OK : blame(c, entry, status, err);
}

/* Loads a view or a service, after the views that it reads, over any number of steps: they are earlier entries, so one
 * walk back finds them and one walk forth loads them. */
static feat_status load_closure(feat_catalog *c, uint32_t entry, feat_error *err) {
    uint8_t *needed = feat_alloc_zero((size_t)entry + 1, 1);
    if (!needed) return feat_fail_memory(err);
    feat_status status = FEAT_OK;
    needed[entry] = 1;
    uint32_t first = entry;
    for (uint32_t i = entry + 1; i-- > first && status == FEAT_OK;) {
        const feat_reads *reads;
        if (!needed[i] || c->entries[i].view) continue;
        status = feat_entry_reads(c, i, &reads, err);
        for (size_t k = 0; status == FEAT_OK && k < reads->n_views; k++) {
            needed[reads->views[k]] = 1;
            if (reads->views[k] < first) first = reads->views[k];
        }
    }
    for (uint32_t i = first; i <= entry && status == FEAT_OK; i++)
        if (needed[i] && !c->entries[i].view) status = load_entry(c, i, err);
    feat_free(needed);
    return status;
}

feat_status feat_entry_view(feat_catalog *c, uint32_t entry, const feat_view **view, feat_error *err) {
    if (!c->entries[entry].view) FEAT_TRY(load_closure(c, entry, err));
    *view = c->entries[entry].view;
    return FEAT_OK;
}

feat_status feat_entry_service(feat_catalog *c, uint32_t entry, const feat_service **service, feat_error *err) {
    if (!c->entries[entry].service) FEAT_TRY(load_closure(c, entry, err));
    *service = c->entries[entry].service;
    return FEAT_OK;
}

/* A program that is missing, or that this library does not take, is made again: the service's own code is one. */
static feat_status load_program(feat_catalog *c, uint32_t entry, feat_error *err) {
    feat_entry *e = &c->entries[entry];
    feat_scope scope = {.fold = feat_fold_op};
    feat_bytes program = {NULL, 0};
    feat_service *service = NULL;
    feat_status status = scope_of(c, entry, false, &scope, err);
    if (status == FEAT_OK && e->def.parts[FEAT_DEF_PROGRAM].size > 0 &&
        feat_entry_part(c, entry, FEAT_DEF_PROGRAM, &program, NULL) == FEAT_OK &&
        feat_program_unpack(&c->arena, program.bytes, program.size, &scope, &e->def.fingerprint, &service, NULL) ==
            FEAT_OK) {
        service->version = e->def.number;
        e->program = service;
    }
    feat_scope_done(&scope);
    FEAT_TRY(status);
    if (!e->program) FEAT_TRY(feat_entry_service(c, entry, &e->program, err));
    return FEAT_OK;
}

feat_status feat_entry_notes(feat_catalog *c, uint32_t entry, feat_bytes *bytes, feat_error *err) {
    const feat_entry *e = &c->entries[entry];
    *bytes = (feat_bytes){NULL, 0};
    if (e->notes_changed) {
        *bytes = e->notes;
        return FEAT_OK;
    }
    for (uint32_t i = newest(c, e->def.kind, e->def.name);
         i != FEAT_NO_ENTRY && c->entries[i].def.action != FEAT_DEF_DROP; i = c->entries[i].previous)
        if (c->entries[i].def.action == FEAT_DEF_DESCRIBE) return feat_entry_part(c, i, FEAT_DEF_NOTES, bytes, err);
    return FEAT_OK;
}

void feat_catalog_forget(feat_catalog *c) {
    for (size_t i = 0; i < c->n; i++) {
        c->entries[i].view = NULL;
        c->entries[i].service = c->entries[i].program = NULL;
        c->entries[i].derivation = NULL;
    }
    c->scope_ready = false;
}

/* ---- What others ask for. ---- */

static feat_status fill_scope(feat_catalog *c, feat_error *err) {
    feat_scope_done(&c->scope);
    c->scope.fold = feat_fold_op;
    for (uint32_t i = 0; i < c->n; i++) {
        const feat_def *def = &c->entries[i].def;
        const feat_schema *table;
        const feat_view *view;
        int failed = 0;
        if (def->kind != FEAT_DEF_TABLE && def->kind != FEAT_DEF_VIEW) continue;
        if (feat_catalog_find(c, def->kind, def->name) != i) continue;
        if (def->kind == FEAT_DEF_TABLE) {
            FEAT_TRY(feat_entry_table(c, i, &table, err));
            failed = feat_scope_add_table(&c->scope, table);
        } else {
            FEAT_TRY(feat_entry_view(c, i, &view, err));
            failed = feat_scope_add_view(&c->scope, view);
        }
        if (failed) return feat_fail_memory(err);
    }
    return FEAT_OK;
}

feat_status feat_catalog_scope(feat_catalog *c, const feat_scope **scope, feat_error *err) {
    if (!c->scope_ready) FEAT_TRY(fill_scope(c, err));
    c->scope_ready = true;
    *scope = &c->scope;
    return FEAT_OK;
}

feat_status feat_catalog_table(feat_catalog *c, const char *name, const feat_schema **table, feat_error *err) {
    uint32_t i = feat_catalog_find(c, FEAT_DEF_TABLE, name);
    if (i == FEAT_NO_ENTRY) return feat_catalog_unknown(c, FEAT_DEF_TABLE, name, err);
    return feat_entry_table(c, i, table, err);
}

feat_status feat_catalog_view(feat_catalog *c, const char *name, const feat_view **view, feat_error *err) {
    uint32_t i = feat_catalog_find(c, FEAT_DEF_VIEW, name);
    if (i == FEAT_NO_ENTRY) return feat_catalog_unknown(c, FEAT_DEF_VIEW, name, err);
    return feat_entry_view(c, i, view, err);
}

feat_status feat_catalog_service(feat_catalog *c, const char *name, const feat_service **service, feat_error *err) {
    return feat_catalog_service_at(c, name, 0, NULL, service, err);
}

/* Versions of a name with their fingerprints, newest first, as long as there is room. */
static feat_status no_such_version(const feat_catalog *c, uint32_t at, const char *name, uint32_t version,
                                   feat_error *err) {
    feat_buffer list;
    char digest[FEAT_DIGEST_TEXT_SIZE], number[40] = "of this fingerprint";
    size_t left = 8;
    feat_buffer_init(&list);
    for (; at != FEAT_NO_ENTRY && left > 0; at = previous_version(c, c->entries[at].previous), left--) {
        feat_digest_format(&c->entries[at].def.fingerprint, digest);
        feat_buffer_printf(&list, "%s%u (%s)", list.size ? ", " : "", (unsigned)c->entries[at].def.number, digest);
    }
    if (at != FEAT_NO_ENTRY) feat_buffer_text(&list, ", and older ones");
    char *text = feat_buffer_take_text(&list);
    feat_buffer_done(&list);
    if (!text) return feat_fail_memory(err);
    if (version) snprintf(number, sizeof number, "%u", (unsigned)version);
    feat_status status = feat_fail(err, FEAT_NOT_FOUND, "feature service '%.*s' has no version %s; there are %s",
                                   feat_utf8_clip(name, 200), name, number, text);
    feat_free(text);
    return status;
}

static feat_status choose_service(const feat_catalog *c, const char *name, uint32_t version, const feat_digest *wanted,
                                  uint32_t *entry, feat_error *err) {
    uint32_t newest_one = feat_catalog_find(c, FEAT_DEF_SERVICE, name), i = newest_one;
    if (i == FEAT_NO_ENTRY) return feat_catalog_unknown(c, FEAT_DEF_SERVICE, name, err);
    while (i != FEAT_NO_ENTRY) {
        const feat_def *def = &c->entries[i].def;
        if ((version == 0 || def->number == version) && (!wanted || feat_digest_equal(&def->fingerprint, wanted))) {
            *entry = i;
            return FEAT_OK;
        }
        i = previous_version(c, c->entries[i].previous);
    }
    return no_such_version(c, newest_one, name, wanted ? 0 : version, err);
}

feat_status feat_catalog_service_at(feat_catalog *c, const char *name, uint32_t version, const feat_digest *fingerprint,
                                    const feat_service **service, feat_error *err) {
    uint32_t entry;
    FEAT_TRY(choose_service(c, name, version, fingerprint, &entry, err));
    return feat_entry_service(c, entry, service, err);
}

feat_status feat_catalog_resolve_service(feat_catalog *c, const char *name, uint32_t version, const feat_digest *wanted,
                                         feat_digest *fingerprint, feat_error *err) {
    uint32_t entry;
    FEAT_TRY(choose_service(c, name, version, wanted, &entry, err));
    *fingerprint = c->entries[entry].def.fingerprint;
    return FEAT_OK;
}

static feat_status find_fingerprint(const feat_catalog *c, const feat_digest *fingerprint, uint32_t *entry,
                                    feat_error *err) {
    for (size_t i = c->n; i-- > 0;) {
        const feat_def *def = &c->entries[i].def;
        if (def->kind != FEAT_DEF_SERVICE || def->action != FEAT_DEF_CREATE ||
            !feat_digest_equal(&def->fingerprint, fingerprint))
            continue;
        *entry = (uint32_t)i;
        return FEAT_OK;
    }
    char digest[FEAT_DIGEST_TEXT_SIZE];
    feat_digest_format(fingerprint, digest);
    return feat_fail(err, FEAT_NOT_FOUND, "the catalog has no feature service of the fingerprint %s", digest);
}

feat_status feat_catalog_service_of(feat_catalog *c, const feat_digest *fingerprint, const feat_service **service,
                                    feat_error *err) {
    uint32_t entry;
    FEAT_TRY(find_fingerprint(c, fingerprint, &entry, err));
    return feat_entry_service(c, entry, service, err);
}

feat_status feat_catalog_program_of(feat_catalog *c, const feat_digest *fingerprint, const feat_service **service,
                                    feat_error *err) {
    uint32_t entry;
    FEAT_TRY(find_fingerprint(c, fingerprint, &entry, err));
    if (!c->entries[entry].program) FEAT_TRY(load_program(c, entry, err));
    *service = c->entries[entry].program;
    return FEAT_OK;
}

const feat_schema *feat_catalog_table_of(feat_catalog *c, uint32_t table_id) {
    const feat_schema *table = NULL;
    uint32_t at = c->slots && table_id ? *id_slot(c, table_id) : 0;
    return at && feat_entry_table(c, at - 1, &table, NULL) == FEAT_OK ? table : NULL;
}

feat_status feat_catalog_table_version(feat_catalog *c, uint32_t table_id, uint32_t revision, const feat_schema **table,
                                       feat_error *err) {
    uint32_t i = c->slots && table_id && *id_slot(c, table_id) ? *id_slot(c, table_id) - 1 : FEAT_NO_ENTRY;
    for (; i != FEAT_NO_ENTRY; i = c->entries[i].previous) {
        const feat_schema *found;
        if (c->entries[i].def.action != FEAT_DEF_CREATE || c->entries[i].def.id != table_id) continue;
        FEAT_TRY(feat_entry_table(c, i, &found, err));
        if (found->revision != revision) continue;
        *table = found;
        return FEAT_OK;
    }
    return feat_fail(err, FEAT_CORRUPT,
                     "the catalog has no revision %u of table number %u; restore the store from a copy",
                     (unsigned)revision, (unsigned)table_id);
}
