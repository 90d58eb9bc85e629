/* Messages that point into the text, and suggestions. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sql/lexer.h"
#include "sql/sql.h"

enum {
    EXCERPT = 100, /* bytes of the source line that are shown */
    TEXT = 640,    /* bytes of the message itself: with both lines below it fits FEAT_ERROR_MESSAGE_SIZE */
    WORD = 64      /* a longer word is no misspelling */
};

static bool continuation(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

/* Copies to `to` what is well-formed text on one line: names may have been cut within a character, and may hold
 * newlines. */
static void one_line(char *to, size_t size, const char *from) {
    size_t n = 0, left = strlen(from);
    for (size_t length; left > 0; from += length, left -= length) {
        length = feat_utf8_sequence(from, left);
        if (length == 0) {
            length = 1;
            continue;
        }
        if (n + length >= size) break;
        if (length == 1) to[n] = (unsigned char)*from < 32 ? ' ' : *from;
        else memcpy(to + n, from, length);
        n += length;
    }
    to[n] = 0;
}

void feat_sql_locate_error(feat_error *err, const char *sql, size_t length, uint32_t offset) {
    if (!err) return;
    size_t at = offset < length ? offset : length, start = at, end = at;
    uint32_t line = 1;
    for (size_t i = 0; i < at; i++) line += sql[i] == '\n';
    while (start > 0 && sql[start - 1] != '\n') start--;
    while (end < length && sql[end] != '\n' && sql[end] != '\r') end++;
    uint32_t column = (uint32_t)(at - start) + 1;

    /* A long line is shown around the caret only, cut between characters. */
    if (end - start > EXCERPT && at - start > EXCERPT / 2) {
        start = at - EXCERPT / 2;
        while (start < at && continuation(sql[start])) start++;
    }
    if (end - start > EXCERPT) {
        end = start + EXCERPT;
        while (end > at && continuation(sql[end])) end--;
    }

    /* Both lines grow by one place a character. A tab stays one in both, so that they shift alike. */
    char shown[EXCERPT + 1], caret[EXCERPT + 2];
    size_t n_shown = 0, n_caret = 0;
    for (size_t i = start, step; i < end; i += step) {
        step = feat_utf8_sequence(sql + i, end - i);
        bool plain = step > 0 && ((unsigned char)sql[i] >= 32 || sql[i] == '\t');
        if (step == 0) step = 1;
        if (plain) memcpy(shown + n_shown, sql + i, step);
        else shown[n_shown] = '?';
        n_shown += plain ? step : 1;
        if (i < at) caret[n_caret++] = sql[i] == '\t' ? '\t' : ' ';
    }
    shown[n_shown] = 0;
    caret[n_caret++] = '^';
    caret[n_caret] = 0;

    char text[TEXT];
    one_line(text, sizeof text, err->message);
    err->line = line;
    err->column = column;
    snprintf(err->message, sizeof err->message, "%u:%u: %s\n  %s\n  %s", line, column, text, shown, caret);
}

feat_status feat_sql_fail(feat_error *err, feat_status code, const char *sql, size_t length, uint32_t offset,
                          const char *format, ...) {
    if (!err) return code;
    char text[FEAT_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    feat_fail(err, code, "%s", text);
    feat_sql_locate_error(err, sql, length, offset);
    return code;
}

/* Edits between two short words: insert, delete, replace, swap of neighbours. Three rows of the table are alive at a
 * time. */
static size_t distance(const char *a, size_t n, const char *b, size_t m) {
    size_t rows[3][WORD + 1];
    for (size_t j = 0; j <= m; j++) rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = rows[i % 3];
        const size_t *before = rows[(i - 1) % 3], *two = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = before[j - 1] + (feat_ascii_lower(a[i - 1]) != feat_ascii_lower(b[j - 1]));
            if (before[j] + 1 < best) best = before[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && feat_ascii_lower(a[i - 1]) == feat_ascii_lower(b[j - 2]) &&
                           feat_ascii_lower(a[i - 2]) == feat_ascii_lower(b[j - 1]);
            if (swapped && two[j - 2] + 1 < best) best = two[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[n % 3][m];
}

const char *feat_sql_suggest(const char *word, const char *const *candidates, size_t n) {
    size_t length = strlen(word), best = SIZE_MAX;
    const char *found = NULL;
    if (length > WORD) return NULL;
    size_t near = length / 3 > 1 ? length / 3 : 1;
    for (size_t i = 0; i < n; i++) {
        size_t m = strlen(candidates[i]);
        if (m > WORD) continue;
        size_t d = distance(word, length, candidates[i], m);
        /* A word of which nothing is left is another word. */
        if (d <= near && d < length && d < best) {
            best = d;
            found = candidates[i];
        }
    }
    return found;
}
