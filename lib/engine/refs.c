/* Names of versions, branches and pins, as rows. */
#include "engine/engine.h"
#include "engine/rows.h"

static const feat_field tag_fields[] = {
    {"tag", FEAT_TYPE_TEXT, 1, true},
    {"version", FEAT_TYPE_BIGINT, 2, true},
    {"known_time", FEAT_TYPE_TIMESTAMP, 3, false},
};

static feat_status append_tags(feat_db *db, feat_rows *rows, feat_arena *arena, feat_error *err) {
    feat_tag_info *tags = NULL;
    size_t n = 0;
    FEAT_TRY(feat_tag_list(db, arena, &tags, &n, err));
    for (size_t i = 0; i < n; i++) {
        feat_commit_info info;
        feat_rows_text(rows, 0, tags[i].name);
        feat_rows_int(rows, 1, (int64_t)tags[i].version);
        if (tags[i].version > 0) {
            FEAT_TRY(feat_version_read(db, tags[i].version, &info, err));
            feat_rows_int(rows, 2, info.known_time);
        } else {
            feat_rows_null(rows, 2); /* the empty store was never committed */
        }
        feat_rows_end_row(rows);
    }
    return FEAT_OK;
}

feat_status feat_tags_stream(feat_db *db, struct ArrowArrayStream *out, feat_error *err) {
    feat_rows *rows;
    feat_arena arena;
    FEAT_TRY(feat_rows_new(tag_fields, sizeof tag_fields / sizeof *tag_fields, &rows, err));
    feat_arena_init(&arena);
    feat_status status = append_tags(db, rows, &arena, err);
    feat_arena_done(&arena);
    if (status == FEAT_OK) return feat_rows_stream(rows, out, err);
    feat_rows_free(rows);
    return status;
}

static const feat_field pin_fields[] = {
    {"pin", FEAT_TYPE_BIGINT, 1, true},
    {"version", FEAT_TYPE_BIGINT, 2, true},
    {"expires", FEAT_TYPE_TIMESTAMP, 3, true},
    {"note", FEAT_TYPE_TEXT, 4, true},
};

static feat_status append_pins(feat_db *db, feat_rows *rows, feat_arena *arena, feat_error *err) {
    feat_pin_info *pins = NULL;
    size_t n = 0;
    FEAT_TRY(feat_pin_list(db, arena, &pins, &n, err));
    for (size_t i = 0; i < n; i++) {
        feat_rows_int(rows, 0, (int64_t)pins[i].number);
        feat_rows_int(rows, 1, (int64_t)pins[i].version);
        feat_rows_int(rows, 2, pins[i].expires);
        feat_rows_text(rows, 3, pins[i].note);
        feat_rows_end_row(rows);
    }
    return FEAT_OK;
}

feat_status feat_pins_stream(feat_db *db, struct ArrowArrayStream *out, feat_error *err) {
    feat_rows *rows;
    feat_arena arena;
    FEAT_TRY(feat_rows_new(pin_fields, sizeof pin_fields / sizeof *pin_fields, &rows, err));
    feat_arena_init(&arena);
    feat_status status = append_pins(db, rows, &arena, err);
    feat_arena_done(&arena);
    if (status == FEAT_OK) return feat_rows_stream(rows, out, err);
    feat_rows_free(rows);
    return status;
}

static const feat_field branch_fields[] = {
    {"branch", FEAT_TYPE_TEXT, 1, true},
    {"base", FEAT_TYPE_BIGINT, 2, true},
    {"version", FEAT_TYPE_BIGINT, 3, true},
    {"created_at", FEAT_TYPE_TIMESTAMP, 4, true},
};

static feat_status append_branches(feat_db *db, feat_rows *rows, feat_arena *arena, feat_error *err) {
    feat_branch_info *branches = NULL;
    size_t n = 0;
    FEAT_TRY(feat_branch_list(db, arena, &branches, &n, err));
    for (size_t i = 0; i < n; i++) {
        feat_rows_text(rows, 0, branches[i].name);
        feat_rows_int(rows, 1, (int64_t)branches[i].base);
        feat_rows_int(rows, 2, (int64_t)branches[i].version);
        feat_rows_int(rows, 3, branches[i].created_at);
        feat_rows_end_row(rows);
    }
    return FEAT_OK;
}

feat_status feat_branches_stream(feat_db *db, struct ArrowArrayStream *out, feat_error *err) {
    feat_rows *rows;
    feat_arena arena;
    FEAT_TRY(feat_rows_new(branch_fields, sizeof branch_fields / sizeof *branch_fields, &rows, err));
    feat_arena_init(&arena);
    feat_status status = append_branches(db, rows, &arena, err);
    feat_arena_done(&arena);
    if (status == FEAT_OK) return feat_rows_stream(rows, out, err);
    feat_rows_free(rows);
    return status;
}
