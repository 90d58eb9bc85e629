#include "text/like.h"

#include "text/case.h"
#include "text/points.h"
#include "text/search.h"

enum { HEADER = 2, FOLD = 1, SEGMENT_HEADER = 4, FOLD_ON_STACK = 512 };

/* ---- compiling ---- */

bool feat_like_escape(feat_text text, int32_t *escape) {
    uint32_t point;
    *escape = FEAT_LIKE_NO_ESCAPE;
    if (text.length == 0) return true;
    if (feat_point_read(text.data, text.length, &point) != text.length) return false;
    *escape = (int32_t)point;
    return true;
}

static void put_length(char *to, size_t length) {
    for (int i = 0; i < SEGMENT_HEADER; i++) to[i] = (char)(length >> 8 * i & 0xff);
}

/* The program of kind '%', which is made of every pattern first. A segment is opened by its header, which is filled in
 * when it ends; a % next to another opens none. */
typedef struct writer {
    char *bytes;
    size_t at, segment, segments;
    bool any; /* a _ was met */
} writer;

static void open_segment(writer *p) {
    p->segment = p->at;
    p->at += SEGMENT_HEADER;
    p->segments++;
}

static void close_segment(writer *p) { put_length(p->bytes + p->segment, p->at - p->segment - SEGMENT_HEADER); }

static bool add_pattern(writer *p, const char *pattern, size_t n, int32_t escape) {
    open_segment(p);
    for (size_t at = 0; at < n;) {
        uint32_t point;
        size_t size = feat_point_read(pattern + at, n - at, &point);
        if ((int64_t)point == escape) {
            at += size;
            if (at >= n) return false;
            size = feat_point_size(pattern[at], n - at);
        } else if (point == '%') {
            at++;
            if (p->segments > 1 && p->at == p->segment + SEGMENT_HEADER) continue;
            close_segment(p);
            open_segment(p);
            continue;
        } else if (point == '_') {
            p->bytes[p->at++] = FEAT_LIKE_ANY;
            p->any = true;
            at++;
            continue;
        }
        memcpy(p->bytes + p->at, pattern + at, size);
        p->at += size;
        at += size;
    }
    close_segment(p);
    return true;
}

static size_t get_length(const char *from) {
    size_t length = 0;
    for (int i = 0; i < SEGMENT_HEADER; i++) length |= (size_t)(unsigned char)from[i] << 8 * i;
    return length;
}

/* Programs of literal bytes have kinds of their own, that need no reading of segments. */
static void simplify(writer *p) {
    if (p->any || p->segments > 3) return;
    size_t length[3] = {0}, start[3] = {0}, at = HEADER;
    for (size_t i = 0; i < p->segments; i++) {
        length[i] = get_length(p->bytes + at);
        start[i] = at + SEGMENT_HEADER;
        at = start[i] + length[i];
    }
    size_t kept;
    char kind;
    if (p->segments == 1) kind = '=', kept = 0;
    else if (p->segments == 2 && length[0] == 0 && length[1] == 0) kind = '*', kept = 0;
    else if (p->segments == 2 && length[1] == 0) kind = '<', kept = 0;
    else if (p->segments == 2 && length[0] == 0) kind = '>', kept = 1;
    else if (p->segments == 3 && length[0] == 0 && length[2] == 0) kind = '~', kept = 1;
    else return;
    p->bytes[0] = kind;
    memmove(p->bytes + HEADER, p->bytes + start[kept], length[kept]);
    p->at = HEADER + length[kept];
}

bool feat_like_compile(feat_scratch *scratch, feat_text pattern, int32_t escape, bool fold, feat_text *out) {
    *out = (feat_text){"", 0};
    if (pattern.length > FEAT_TEXT_MOST / 8) return false;
    /* A % is one byte that becomes the header of a segment; the lower case of the pattern lies behind. */
    size_t lowered = FEAT_CASE_ROOM(pattern.length), most = HEADER + SEGMENT_HEADER + SEGMENT_HEADER * lowered;
    writer p = {feat_scratch_take(scratch, most + lowered), HEADER, 0, 0, false};
    if (!p.bytes) return true;
    const char *text = pattern.data;
    size_t length = pattern.length;
    if (fold) {
        length = feat_lower_into(p.bytes + most, pattern.data, pattern.length);
        text = p.bytes + most;
        if (escape >= 0) escape = (int32_t)feat_point_case((uint32_t)escape, false);
    }
    p.bytes[0] = '%';
    p.bytes[1] = fold ? FOLD : 0;
    bool compiled = add_pattern(&p, text, length, escape);
    if (compiled) simplify(&p);
    feat_scratch_trim(scratch, p.bytes, compiled ? p.at : 0);
    if (compiled) *out = (feat_text){p.bytes, p.at};
    return compiled;
}

/* ---- matching ---- */

static bool starts_with(feat_text s, size_t at, const char *part, size_t n) {
    return s.length - at >= n && (n == 0 || feat_same_bytes(s.data + at, part, n));
}

/* The number of bytes before the first FEAT_LIKE_ANY. */
static size_t literal(const char *segment, size_t n) {
    const char *any = n ? memchr(segment, FEAT_LIKE_ANY, n) : NULL;
    return any ? (size_t)(any - segment) : n;
}

/* Matches a segment at *at, and moves it behind. */
static bool match_here(feat_text segment, feat_text s, size_t *at) {
    size_t here = *at;
    for (size_t i = 0; i < segment.length;) {
        if (segment.data[i] == FEAT_LIKE_ANY) {
            if (here >= s.length) return false;
            here += feat_point_size(s.data[here], s.length - here);
            i++;
            continue;
        }
        size_t n = literal(segment.data + i, segment.length - i);
        if (!starts_with(s, here, segment.data + i, n)) return false;
        here += n;
        i += n;
    }
    *at = here;
    return true;
}

/* Matches a segment at the end of `s`, at or behind `from`. */
static bool match_end(feat_text segment, feat_text s, size_t from) {
    size_t end = s.length;
    for (size_t i = segment.length; i > 0;) {
        if (segment.data[i - 1] == FEAT_LIKE_ANY) {
            if (end <= from) return false;
            end = feat_point_before(s.data, end);
            i--;
            continue;
        }
        size_t n = 0;
        while (n < i && segment.data[i - n - 1] != FEAT_LIKE_ANY) n++;
        if (end < n || end - n < from || !feat_same_bytes(s.data + end - n, segment.data + i - n, n)) return false;
        end -= n;
        i -= n;
    }
    return end >= from;
}

/* Finds the first place of a segment at or behind *at, and moves it behind. */
static bool match_next(feat_text segment, feat_text s, size_t *at) {
    size_t i = 0, from = *at;
    for (; i < segment.length && segment.data[i] == FEAT_LIKE_ANY; i++) {
        if (from >= s.length) return false;
        from += feat_point_size(s.data[from], s.length - from);
    }
    size_t n = literal(segment.data + i, segment.length - i);
    feat_text rest = {segment.data + i + n, segment.length - i - n};
    for (;;) {
        size_t found = feat_find(s.data + from, s.length - from, segment.data + i, n);
        if (found == FEAT_NOT_FOUND) return false;
        from += found;
        *at = from + n;
        if (match_here(rest, s, at)) return true;
        from++;
    }
}

static bool read_segment(feat_text program, size_t *at, feat_text *segment) {
    if (program.length - *at < SEGMENT_HEADER) return false;
    size_t length = get_length(program.data + *at);
    *at += SEGMENT_HEADER;
    if (program.length - *at < length) return false;
    *segment = (feat_text){program.data + *at, length};
    *at += length;
    return true;
}

static bool match_segments(feat_text program, feat_text s) {
    size_t next = HEADER, at = 0;
    feat_text segment;
    if (!read_segment(program, &next, &segment) || !match_here(segment, s, &at)) return false;
    if (next == program.length) return at == s.length;
    for (;;) {
        if (!read_segment(program, &next, &segment)) return false;
        if (next == program.length) return match_end(segment, s, at);
        if (!match_next(segment, s, &at)) return false;
    }
}

static bool match(feat_text program, feat_text s) {
    feat_text part = {program.data + HEADER, program.length - HEADER};
    switch (program.data[0]) {
    case '=': return s.length == part.length && feat_text_starts_with(s, part);
    case '<': return feat_text_starts_with(s, part);
    case '>': return feat_text_ends_with(s, part);
    case '~': return feat_text_contains(s, part);
    case '*': return true;
    case '%': return match_segments(program, s);
    default: return false;
    }
}

bool feat_like_match_any(feat_scratch *scratch, feat_text program, feat_text s) {
    if (program.length < HEADER) return false;
    if (s.length == 0) s.data = "";
    if ((program.data[1] & FOLD) == 0) return match(program, s);
    if (FEAT_CASE_ROOM(s.length) <= FOLD_ON_STACK) {
        char lower[FOLD_ON_STACK];
        return match(program, (feat_text){lower, feat_lower_into(lower, s.data, s.length)});
    }
    char *lower = feat_scratch_take(scratch, FEAT_CASE_ROOM(s.length));
    if (!lower) return false;
    bool matches = match(program, (feat_text){lower, feat_lower_into(lower, s.data, s.length)});
    feat_scratch_trim(scratch, lower, 0);
    return matches;
}

bool feat_text_like(feat_scratch *scratch, feat_text s, feat_text pattern, feat_text escape, bool fold, bool *matches) {
    int32_t point;
    feat_text program;
    *matches = false;
    if (!feat_like_escape(escape, &point) || !feat_like_compile(scratch, pattern, point, fold, &program)) return false;
    *matches = feat_like_match(scratch, program, s);
    return true;
}
