#include "text/json.h"

#include <string.h>

#include "text/points.h"

/* ---- checking ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static size_t skip_blanks(feat_text s, size_t at) {
    while (at < s.length && is_blank(s.data[at])) at++;
    return at;
}

static bool read_hex4(feat_text s, size_t at, uint32_t *unit) {
    *unit = 0;
    if (s.length - at < 4) return false;
    for (size_t i = at; i < at + 4; i++) {
        char c = s.data[i];
        uint32_t digit = is_digit(c)            ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit > 15) return false;
        *unit = *unit << 4 | digit;
    }
    return true;
}

/* The code point of an escape, `at` behind its backslash; the length of the rest of it, 0 when it is none. */
static size_t read_escape(feat_text s, size_t at, uint32_t *point) {
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    uint32_t low;
    if (at >= s.length) return 0;
    if (s.data[at] != 'u') {
        const char *letter = memchr(letters, s.data[at], sizeof letters - 1);
        if (!letter) return 0;
        *point = (uint32_t)meant[letter - letters];
        return 1;
    }
    if (!read_hex4(s, at + 1, point)) return 0;
    if (*point < 0xd800 || *point > 0xdfff) return 5;
    if (*point > 0xdbff || s.length - at < 11 || s.data[at + 5] != '\\' || s.data[at + 6] != 'u') return 0;
    if (!read_hex4(s, at + 7, &low) || low < 0xdc00 || low > 0xdfff) return 0;
    *point = 0x10000 + ((*point - 0xd800) << 10 | (low - 0xdc00));
    return 11;
}

/* Behind the string that starts at `at`; 0 when it is none. */
static size_t check_string(feat_text s, size_t at) {
    if (at >= s.length || s.data[at] != '"') return 0;
    for (at++; at < s.length;) {
        unsigned char c = (unsigned char)s.data[at++];
        if (c == '"') return at;
        if (c < 0x20) return 0;
        if (c != '\\') continue;
        uint32_t point;
        size_t size = read_escape(s, at, &point);
        if (size == 0) return 0;
        at += size;
    }
    return 0;
}

static size_t skip_digits(feat_text s, size_t at) {
    while (at < s.length && is_digit(s.data[at])) at++;
    return at;
}

/* As above for a number. */
static size_t check_number(feat_text s, size_t at) {
    if (s.data[at] == '-') at++;
    size_t digits = at;
    at = skip_digits(s, at);
    if (at == digits || (s.data[digits] == '0' && at > digits + 1)) return 0;
    if (at < s.length && s.data[at] == '.') {
        digits = ++at;
        at = skip_digits(s, at);
        if (at == digits) return 0;
    }
    if (at < s.length && (s.data[at] == 'e' || s.data[at] == 'E')) {
        at++;
        if (at < s.length && (s.data[at] == '+' || s.data[at] == '-')) at++;
        digits = at;
        at = skip_digits(s, at);
        if (at == digits) return 0;
    }
    return at;
}

static size_t check_word(feat_text s, size_t at, const char *word) {
    size_t n = strlen(word);
    return s.length - at >= n && memcmp(s.data + at, word, n) == 0 ? at + n : 0;
}

static size_t check_scalar(feat_text s, size_t at) {
    if (at >= s.length) return 0;
    switch (s.data[at]) {
    case '"': return check_string(s, at);
    case 't': return check_word(s, at, "true");
    case 'f': return check_word(s, at, "false");
    case 'n': return check_word(s, at, "null");
    default: return check_number(s, at);
    }
}

/* The name of a member and its colon: behind them, or 0. */
static size_t check_name(feat_text s, size_t at) {
    at = check_string(s, at);
    if (at == 0) return 0;
    at = skip_blanks(s, at);
    return at < s.length && s.data[at] == ':' ? skip_blanks(s, at + 1) : 0;
}

bool feat_json_valid(feat_text s) {
    bool object[FEAT_JSON_DEEPEST]; /* of what is open, outermost first: an object, not an array */
    size_t depth = 0, at = skip_blanks(s, 0);
    for (;;) {
        /* A value starts here. */
        if (at < s.length && (s.data[at] == '{' || s.data[at] == '[')) {
            if (depth == FEAT_JSON_DEEPEST) return false;
            object[depth] = s.data[at] == '{';
            at = skip_blanks(s, at + 1);
            if (at < s.length && s.data[at] == (object[depth] ? '}' : ']')) at++;
            else {
                if (object[depth++] && (at = check_name(s, at)) == 0) return false;
                continue;
            }
        } else if ((at = check_scalar(s, at)) == 0) return false;
        /* One has ended; so may some of those around it. */
        for (;;) {
            at = skip_blanks(s, at);
            if (depth == 0) return at == s.length;
            if (at == s.length) return false;
            if (s.data[at] != (object[depth - 1] ? '}' : ']')) break;
            depth--;
            at++;
        }
        if (s.data[at] != ',') return false;
        at = skip_blanks(s, at + 1);
        if (object[depth - 1] && (at = check_name(s, at)) == 0) return false;
    }
}

/* ---- paths ---- */

/* A step of a path: a key, as it is written, or a place in an array. */
typedef struct step {
    feat_text key;
    int64_t place; /* from the end when it is negative */
    bool is_key, is_place, is_pointer;
} step;

static const char wildcards[] = "JSON paths with wildcards are not taken; name each step";
static const char not_a_path[] = "not a JSON path; write '$.key[0]', '$.\"any key\"' or '/key/0'";

static bool read_place(feat_text path, size_t *at, step *next) {
    bool back = false, counted = *at < path.length && path.data[*at] == '#';
    if (counted) ++*at;
    if (*at < path.length && path.data[*at] == '-') back = true, ++*at;
    size_t digits = *at;
    next->place = 0;
    for (; *at < path.length && is_digit(path.data[*at]); ++*at)
        if (next->place < INT64_MAX / 100) next->place = next->place * 10 + (path.data[*at] - '0');
    if (*at == path.length || path.data[*at] != ']') return false;
    bool any = *at > digits;
    if (counted ? back != any : !any) return false;
    ++*at;
    if (back) next->place = next->place == 0 ? INT64_MAX : -next->place;
    else if (counted) next->place = INT64_MAX; /* [#] is behind the last */
    next->is_place = true;
    return true;
}

static bool read_key(feat_text path, size_t *at, step *next) {
    size_t start = *at;
    if (start < path.length && path.data[start] == '"') {
        const char *close = memchr(path.data + start + 1, '"', path.length - start - 1);
        if (!close) return false;
        next->key = (feat_text){path.data + start + 1, (size_t)(close - path.data) - start - 1};
        *at = start + next->key.length + 2;
    } else {
        while (*at < path.length && path.data[*at] != '.' && path.data[*at] != '[') ++*at;
        next->key = (feat_text){path.data + start, *at - start};
    }
    next->is_key = true;
    return next->key.length > 0;
}

/* The next step from *at on, which becomes where it ends; false when it is wrong. */
static bool read_step(feat_text path, size_t *at, step *next, const char **reason) {
    *next = (step){0};
    *reason = not_a_path;
    char kind = path.data[0];
    if (kind == '/') {
        size_t start = ++*at;
        while (*at < path.length && path.data[*at] != '/') ++*at;
        next->key = (feat_text){path.data + start, *at - start};
        next->is_key = next->is_pointer = true;
        size_t n = next->key.length;
        /* An index has no leading zero. */
        next->is_place = n > 0 && n < 18 && (n == 1 || next->key.data[0] != '0');
        for (size_t i = 0; i < n && next->is_place; i++) {
            next->is_place = is_digit(next->key.data[i]);
            next->place = next->place * 10 + (next->key.data[i] - '0');
        }
        return true;
    }
    if (kind != '$') {
        next->key = path;
        next->is_key = true;
        *at = path.length;
        return true;
    }
    char c = path.data[(*at)++];
    if (*at < path.length &&
        ((c == '.' && (path.data[*at] == '.' || path.data[*at] == '*')) || (c == '[' && path.data[*at] == '*'))) {
        *reason = wildcards;
        return false;
    }
    if (c == '[') return read_place(path, at, next);
    return c == '.' && read_key(path, at, next);
}

static size_t first_step(feat_text path) { return path.length > 0 && path.data[0] == '$' ? 1 : 0; }

bool feat_json_check_path(feat_text path, const char **reason) {
    step next;
    for (size_t at = first_step(path); at < path.length;)
        if (!read_step(path, &at, &next, reason)) return false;
    return true;
}

/* ---- walking: within texts that have been checked ---- */

static size_t skip_string(feat_text s, size_t at) {
    for (at++; at < s.length && s.data[at] != '"'; at++)
        if (s.data[at] == '\\') at++;
    return at < s.length ? at + 1 : s.length;
}

static size_t skip_value(feat_text s, size_t at) {
    size_t depth = 0;
    while (at < s.length) {
        char c = s.data[at];
        if (c == '"') at = skip_string(s, at);
        else if (c == '{' || c == '[') at++, depth++;
        else if (c == '}' || c == ']') {
            if (depth == 0) return at;
            at++, depth--;
        } else if (depth == 0 && (c == ',' || is_blank(c))) return at;
        else {
            at++;
            continue;
        }
        if (depth == 0) return at;
    }
    return at;
}

/* Whether the string at `at` (behind its quote) is the key. */
static bool is_named(feat_text s, size_t at, const step *wanted) {
    feat_text key = wanted->key;
    size_t done = 0;
    for (;; at++) {
        char c = s.data[at], one[4] = {c};
        size_t size = 1;
        if (c == '"') return done == key.length;
        if (c == '\\') {
            uint32_t point = 0;
            at += read_escape(s, at + 1, &point);
            size = feat_point_write(one, point);
        }
        for (size_t i = 0; i < size; i++, done++) {
            if (done == key.length) return false;
            char k = key.data[done];
            if (wanted->is_pointer && k == '~' && done + 1 < key.length &&
                (key.data[done + 1] == '0' || key.data[done + 1] == '1'))
                k = key.data[++done] == '1' ? '/' : '~';
            if (k != one[i]) return false;
        }
    }
}

/* Moves *at from a value to the one within it that a step leads to. */
static bool walk(feat_text s, size_t *at, const step *next) {
    bool object = s.data[*at] == '{', array = s.data[*at] == '[';
    if (object ? !next->is_key : !array || !next->is_place) return false;
    int64_t place = next->place;
    if (array && place < 0) {
        int64_t count = 0;
        for (size_t i = skip_blanks(s, *at + 1); s.data[i] != ']'; count++) {
            i = skip_blanks(s, skip_value(s, i));
            if (s.data[i] == ',') i = skip_blanks(s, i + 1);
        }
        place += count;
        if (place < 0) return false;
    }
    size_t i = skip_blanks(s, *at + 1);
    for (int64_t k = 0; s.data[i] != (object ? '}' : ']'); k++) {
        bool found = !object && k == place;
        if (object) {
            found = is_named(s, i + 1, next);
            i = skip_blanks(s, skip_blanks(s, skip_string(s, i)) + 1);
        }
        if (found) {
            *at = i;
            return true;
        }
        i = skip_blanks(s, skip_value(s, i));
        if (s.data[i] == ',') i = skip_blanks(s, i + 1);
    }
    return false;
}

/* ---- results ---- */

static feat_text text_of_string(feat_scratch *scratch, feat_text inner) {
    if (inner.length == 0 || !memchr(inner.data, '\\', inner.length)) return inner;
    char *to = feat_scratch_take(scratch, inner.length);
    size_t n = 0;
    if (!to) return (feat_text){"", 0};
    for (size_t at = 0; at < inner.length; at++) {
        uint32_t point = 0;
        if (inner.data[at] != '\\') {
            to[n++] = inner.data[at];
            continue;
        }
        /* No escape is shorter than what it stands for. */
        at += read_escape(inner, at + 1, &point);
        n += feat_point_write(to + n, point);
    }
    feat_scratch_trim(scratch, to, n);
    return (feat_text){to, n};
}

static feat_text without_blanks(feat_scratch *scratch, feat_text value) {
    size_t at = 0, n = 0;
    while (at < value.length && !is_blank(value.data[at])) at = value.data[at] == '"' ? skip_string(value, at) : at + 1;
    if (at == value.length) return value;
    char *to = feat_scratch_take(scratch, value.length);
    if (!to) return (feat_text){"", 0};
    for (at = 0; at < value.length;) {
        size_t end = value.data[at] == '"' ? skip_string(value, at) : at + 1;
        if (!is_blank(value.data[at])) {
            memcpy(to + n, value.data + at, end - at);
            n += end - at;
        }
        at = end;
    }
    feat_scratch_trim(scratch, to, n);
    return (feat_text){to, n};
}

feat_json_found feat_json_extract(feat_scratch *scratch, feat_text s, feat_text path, bool plain, feat_text *out) {
    const char *reason;
    step next;
    *out = (feat_text){"", 0};
    if (!feat_json_check_path(path, &reason) || !feat_json_valid(s)) return FEAT_JSON_WRONG;
    size_t at = skip_blanks(s, 0);
    for (size_t from = first_step(path); from < path.length;)
        if (!read_step(path, &from, &next, &reason) || !walk(s, &at, &next)) return FEAT_JSON_MISSING;
    feat_text value = {s.data + at, skip_value(s, at) - at};
    if (plain && value.data[0] == 'n') return FEAT_JSON_MISSING;
    if (plain && value.data[0] == '"') *out = text_of_string(scratch, (feat_text){value.data + 1, value.length - 2});
    else *out = without_blanks(scratch, value);
    return FEAT_JSON_VALUE;
}
