/* VECTOR, LIST and MAP values as text. */
#ifndef FEAT_LIB_LIST_PRINT_H
#define FEAT_LIB_LIST_PRINT_H

#include "base/scratch.h"
#include "column/nested.h"

/* "[1, 2, NULL]", "{a=1.5, 'b,c'=NULL}": elements as CAST prints them, in single quotes where they are empty, NULL's
 * name, begin or end with a blank or hold one of " ' ( ) , : = [ \ ] { }; quotes and backslashes in them behind a
 * backslash. False when the bytes are no value of that type. */
bool feat_nested_print(feat_scratch *scratch, feat_type type, feat_text bytes, feat_text *out);

#endif
