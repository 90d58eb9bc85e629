/* Arrow streams for tests: made from a table literal, read back as text, and made to fail on purpose.
 *
 * A literal has a line of columns ("name TYPE", a comma between them; a type is that of SQL) and a line for each row:
 *
 *     "id BIGINT, who TEXT, at TIMESTAMP\n"
 *     "1, ann, 1000\n"
 *     "2, NULL, 2024-01-01T00:00:00Z\n"
 *
 * Blanks around a value do not count; NULL is null; '' is the empty text; TIMESTAMP takes microseconds or a date and
 * time, DATE days or a date; BOOLEAN true or false. A malformed literal ends the program: it is a mistake of the test.
 */
#ifndef FEAT_TESTS_STREAM_H
#define FEAT_TESTS_STREAM_H

#include <stddef.h>

#include "column/column.h"
#include "feat/arrow.h"
#include "feat/base.h"

/* The rows of a literal in batches of `batch_rows` (0: all in one). All columns are nullable in the stream's schema.
 * Allocation failures of the library are returned, so that a sweep can be run over this too. */
feat_status test_stream(const char *literal, size_t batch_rows, struct ArrowArrayStream *out);

/* The same over columns in memory, which are copied and stay the caller's. */
feat_status test_stream_of_batch(const char *const *names, const feat_batch *rows, size_t batch_rows,
                                 struct ArrowArrayStream *out);

/* Makes `stream` fail with `errno_value` and `message` (borrowed) instead of giving its batch number `after` (from 0).
 * Takes `stream` over. */
void test_stream_failing(struct ArrowArrayStream *stream, size_t after, int errno_value, const char *message,
                         struct ArrowArrayStream *out);

/* Counts the releases: `*released` becomes 1 when the stream is released. Takes `stream` over. */
void test_stream_watched(struct ArrowArrayStream *stream, int *released, struct ArrowArrayStream *out);

/* All rows of a stream as a literal (header line and rows; doubles in shortest form, timestamps in microseconds, dates
 * in days). With `sorted` the rows are in order of their text. Releases the stream. `*text` is freed with feat_free. */
feat_status test_stream_text(struct ArrowArrayStream *stream, int sorted, char **text, feat_error *err);

/* Rows and batches of a stream, which is released. */
feat_status test_stream_count(struct ArrowArrayStream *stream, size_t *rows, size_t *batches);

#endif
