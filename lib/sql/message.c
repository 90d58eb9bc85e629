/* Messages that point into the text, and suggestions. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sql/sql.h"

enum { EXCERPT = 100 };

static int continuation(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

feat_status feat_sql_fail(feat_error *err, feat_status code, const char *sql, size_t length, uint32_t offset, const char *format, ...) {
    if (!err) return code;
    size_t at = offset < length ? offset : length, start = at, end = at;
    uint32_t line = 1;
    for (size_t i = 0; i < at; i++) line += sql[i] == '\n';
    while (start > 0 && sql[start - 1] != '\n') start--;
    while (end < length && sql[end] != '\n' && sql[end] != '\r') end++;
    uint32_t column = (uint32_t)(at - start) + 1;

    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    feat_fail(err, code, "%u:%u: %s\n", line, column, text);
    err->line = line;
    err->column = column;

    /* A long line is shown around the caret only, cut between characters. */
    if (at - start > EXCERPT / 2) {
        start = at - EXCERPT / 2;
        while (start < at && continuation(sql[start])) start++;
    }
    if (end - start > EXCERPT) {
        end = start + EXCERPT;
        while (end > at && continuation(sql[end])) end--;
    }
    char caret[EXCERPT + 2];
    size_t n = 0;
    for (size_t i = start; i < at && n < EXCERPT; i++) /* one blank a character; a tab stays one, so that both lines shift alike */
        if (!continuation(sql[i])) caret[n++] = sql[i] == '\t' ? '\t' : ' ';
    caret[n++] = '^';
    caret[n] = 0;
    size_t used = strlen(err->message);
    char shown[EXCERPT + 1];
    size_t m = 0;
    for (size_t i = start; i < end && m < EXCERPT; i++)
        shown[m++] = (unsigned char)sql[i] < 32 && sql[i] != '\t' ? '?' : sql[i];
    shown[m] = 0;
    snprintf(err->message + used, sizeof err->message - used, "  %s\n  %s", shown, caret);
    return code;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

/* Edits (insert, delete, replace, swap of neighbours) between two short words. */
static size_t distance(const char *a, size_t n, const char *b, size_t m, size_t (*rows)[66]) {
    for (size_t j = 0; j <= m; j++) rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = rows[i % 3], *before = rows[(i - 1) % 3], *two = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t cost = lower(a[i - 1]) != lower(b[j - 1]);
            size_t best = before[j - 1] + cost;
            if (before[j] + 1 < best) best = before[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]) && two[j - 2] + 1 < best)
                best = two[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[n % 3][m];
}

const char *feat_sql_suggest(const char *word, const char *const *candidates, size_t n) {
    size_t rows[3][66], length = strlen(word), best = SIZE_MAX;
    const char *found = NULL;
    if (length > 64) return NULL;
    size_t near = length / 3 > 1 ? length / 3 : 1;
    for (size_t i = 0; i < n; i++) {
        size_t m = strlen(candidates[i]);
        if (m > 64) continue;
        size_t d = distance(word, length, candidates[i], m, rows);
        if (d <= near && d < best) {
            best = d;
            found = candidates[i];
        }
    }
    return found;
}
