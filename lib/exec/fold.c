/* Operators over constants, by the bodies that run over data. */
#include "exec/cell.h"
#include "exec/exec.h"
#include "plan/fold.h"

static feat_cell cell_of(const feat_node *node) {
    if (node->is_null) return feat_cell_of_state(FEAT_STATE_NULL);
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    switch (feat_class_of(node->type)) {
    case FEAT_CLASS_B: cell.v.b = node->constant.i != 0; break;
    case FEAT_CLASS_I: cell.v.i = node->constant.i; break;
    case FEAT_CLASS_F: cell.v.f = node->constant.f; break;
    case FEAT_CLASS_T: cell.v.t = node->constant.t; break;
    case FEAT_CLASS_W: cell.v.w = node->constant.w; break;
    case FEAT_CLASS_V: cell.v.p = node->constant.p; break;
    case FEAT_CLASS_N: break;
    }
    return cell;
}

static bool keep_text(feat_arena *arena, feat_text *text) {
    if (text->length == 0) {
        *text = (feat_text){"", 0};
        return true;
    }
    char *kept = feat_arena_strndup(arena, text->data, text->length);
    text->data = kept;
    return kept != NULL;
}

bool feat_fold_op(feat_arena *arena, feat_op op, const feat_node *const *args, feat_node *out) {
    feat_cell cells[3], result;
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    for (int i = 0; i < feat_op_table[op].n_args; i++) cells[i] = cell_of(args[i]);
    feat_row_op(op, &result, &cells[0], &cells[1], &cells[2], &scratch);
    bool made = !scratch.failed && result.state != FEAT_STATE_ERROR;
    if (made && feat_op_table[op].out == FEAT_CLASS_T) made = keep_text(arena, &result.v.t);
    feat_scratch_done(&scratch);
    if (!made) return false;
    out->is_null = result.state == FEAT_STATE_NULL;
    if (out->is_null) return true;
    switch (feat_op_table[op].out) {
    case FEAT_CLASS_B: out->constant.i = result.v.b; break;
    case FEAT_CLASS_I: out->constant.i = result.v.i; break;
    case FEAT_CLASS_F: out->constant.f = result.v.f; break;
    case FEAT_CLASS_T: out->constant.t = result.v.t; break;
    case FEAT_CLASS_W: out->constant.w = result.v.w; break;
    case FEAT_CLASS_V: out->constant.p = result.v.p; break;
    case FEAT_CLASS_N: return false;
    }
    return true;
}
