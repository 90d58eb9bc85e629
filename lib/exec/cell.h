/* Cells and the values of registers and slots. */
#ifndef FEAT_LIB_EXEC_CELL_H
#define FEAT_LIB_EXEC_CELL_H

#include <string.h>

#include "exec/exec.h"

/* Bytes of one value. */
static inline size_t feat_class_size(feat_class class) {
    switch (class) {
    case FEAT_CLASS_B: return sizeof(uint8_t);
    case FEAT_CLASS_I: return sizeof(int64_t);
    case FEAT_CLASS_F: return sizeof(double);
    case FEAT_CLASS_T: return sizeof(feat_text);
    case FEAT_CLASS_W: return sizeof(feat_int128);
    case FEAT_CLASS_V: return sizeof(feat_interval);
    case FEAT_CLASS_N: break;
    }
    return 0;
}

/* Every byte of a cell is set, so that cells can be copied and compared as they are. */
static inline feat_cell feat_cell_of_state(uint8_t state) {
    feat_cell cell;
    memset(&cell, 0, sizeof cell);
    cell.state = state;
    return cell;
}

static inline feat_cell feat_cell_of_int(int64_t value) {
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    cell.v.i = value;
    return cell;
}

static inline feat_cell feat_cell_of_double(double value) {
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    cell.v.f = value;
    return cell;
}

/* What event `i` has in a slot. TEXT borrows. */
static inline feat_cell feat_cell_of_event(const feat_event_slot *slot, size_t i) {
    feat_cell cell = feat_cell_of_state(slot->state[i]);
    switch (slot->class) {
    case FEAT_CLASS_B: cell.v.b = ((const uint8_t *)slot->values)[i]; break;
    case FEAT_CLASS_I: cell.v.i = ((const int64_t *)slot->values)[i]; break;
    case FEAT_CLASS_F: cell.v.f = ((const double *)slot->values)[i]; break;
    case FEAT_CLASS_T: cell.v.t = ((const feat_text *)slot->values)[i]; break;
    case FEAT_CLASS_W: cell.v.w = ((const feat_int128 *)slot->values)[i]; break;
    case FEAT_CLASS_V: cell.v.p = ((const feat_interval *)slot->values)[i]; break;
    case FEAT_CLASS_N: break;
    }
    return cell;
}

#endif
