/* Values as the text that CAST makes of them, which is DuckDB's. No locale, no allocation; nothing is terminated by a
 * NUL; lengths are returned. */
#ifndef FEAT_LIB_PRINT_H
#define FEAT_LIB_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scratch.h"
#include "base/text.h"
#include "math/exact.h" /* feat_int128 */

/* What any value of a fixed size needs at most. */
#define FEAT_PRINT_SIZE 80

size_t feat_print_integer(int64_t value, char to[FEAT_PRINT_SIZE]);
/* A DECIMAL of that precision and scale: as many digits behind the point as its scale, and no 0 before it when the
 * precision leaves none. UBIGINT is one of scale 0. */
size_t feat_print_decimal(feat_int128 value, int precision, int scale, char to[FEAT_PRINT_SIZE]);
/* The shortest decimal that reads back as the same DOUBLE, or the same REAL: "1.0", "-0.0", "0.0001", "1e-05", "1e+16",
 * "inf", "nan". */
size_t feat_print_double(double value, char to[FEAT_PRINT_SIZE]);
size_t feat_print_real(float value, char to[FEAT_PRINT_SIZE]);
/* "2024-02-09", "0044-03-15 (BC)". */
size_t feat_print_date(int64_t days, char to[FEAT_PRINT_SIZE]);
/* "2024-02-09 10:00:00", with a fraction of a second when there is one: "10:00:00.12". */
size_t feat_print_timestamp(int64_t us, char to[FEAT_PRINT_SIZE]);
/* "1 year 2 months -3 days 01:30:00.5", "00:00:00". */
size_t feat_print_interval(int32_t months, int32_t days, int64_t us, char to[FEAT_PRINT_SIZE]);

/* Bytes as text: printable ASCII but \ ' and " as it is, any other byte as \xAA. */
feat_text feat_print_blob(feat_scratch *scratch, feat_text bytes);
/* And back: false when it holds a byte that is not ASCII, or a \ that starts no \xAA. */
bool feat_read_blob(feat_scratch *scratch, feat_text text, feat_text *bytes);

#endif
