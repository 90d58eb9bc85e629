/* Sets of code points that a regular expression takes: ranges, named classes, other cases. */
#include <string.h>

#include "text/regex_code.h"
#include "text/regex_table.h"

void *feat_regex_room(feat_scratch *scratch, size_t size) {
    enum { ALIGNED = 16 };
    char *piece = feat_scratch_take(scratch, size + ALIGNED);
    if (!piece) return NULL;
    return piece + (ALIGNED - (uintptr_t)piece % ALIGNED) % ALIGNED;
}

static bool spend(feat_regex_code *code, size_t work) {
    code->work_left -= (int64_t)work;
    if (code->work_left < 0 && !code->failed) code->failed = "it is too large";
    return !code->failed;
}

static void add(feat_regex_code *code, uint32_t first, uint32_t last) {
    if (!spend(code, 1)) return;
    if (code->n_ranges == code->ranges_room) {
        size_t room = code->ranges_room ? 2 * code->ranges_room : 64;
        feat_regex_range *ranges = feat_regex_room(code->work, room * sizeof *ranges);
        if (!ranges) {
            code->failed = "memory is out";
            return;
        }
        if (code->n_ranges) memcpy(ranges, code->ranges, code->n_ranges * sizeof *ranges);
        code->ranges = ranges;
        code->ranges_room = room;
    }
    code->ranges[code->n_ranges++] = (feat_regex_range){first, last};
}

static void sift(feat_regex_range *ranges, size_t at, size_t n) {
    feat_regex_range moved = ranges[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && ranges[child + 1].first > ranges[child].first) child++;
        if (ranges[child].first <= moved.first) break;
        ranges[at] = ranges[child];
    }
    ranges[at] = moved;
}

/* Sorts the ranges from `since` on, and makes one of those that touch. */
static void tidy(feat_regex_code *code, size_t since) {
    if (code->failed) return;
    feat_regex_range *ranges = code->ranges + since;
    size_t n = code->n_ranges - since, kept = 0;
    if (n < 2 || !spend(code, n)) return;
    bool sorted = true;
    for (size_t i = 1; i < n; i++) sorted = sorted && ranges[i - 1].first <= ranges[i].first;
    if (!sorted) {
        for (size_t i = n / 2; i-- > 0;) sift(ranges, i, n);
        for (size_t left = n - 1; left > 0; left--) {
            feat_regex_range largest = ranges[0];
            ranges[0] = ranges[left];
            ranges[left] = largest;
            sift(ranges, 0, left);
        }
    }
    for (size_t i = 1; i < n; i++) {
        if (ranges[i].first <= ranges[kept].last + 1) {
            if (ranges[i].last > ranges[kept].last) ranges[kept].last = ranges[i].last;
        } else ranges[++kept] = ranges[i];
    }
    code->n_ranges = since + kept + 1;
}

/* Adds the next of the orbits of a range's code points. */
static void add_next(feat_regex_code *code, uint32_t first, uint32_t last) {
    for (size_t i = 0; i < feat_regex_n_folds && feat_regex_folds[i].first <= last; i++) {
        const feat_regex_fold *fold = &feat_regex_folds[i];
        if (fold->last < first) continue;
        uint32_t from = fold->first, to = last < fold->last ? last : fold->last, step = (uint32_t)fold->step;
        if (from < first) from += (first - from + step - 1) / step * step;
        if (from > to) continue;
        if (step == 1) add(code, (uint32_t)((int32_t)from + fold->delta), (uint32_t)((int32_t)to + fold->delta));
        else
            for (uint32_t point = from; point <= to; point += step)
                add(code, (uint32_t)((int32_t)point + fold->delta), (uint32_t)((int32_t)point + fold->delta));
    }
    spend(code, feat_regex_n_folds / 8);
}

/* Adds the other cases of the ranges from `since` on. */
static void add_cases(feat_regex_code *code, size_t since) {
    enum { LONGEST_ORBIT = 4 };
    tidy(code, since);
    size_t from = since;
    for (int i = 1; i < LONGEST_ORBIT; i++) {
        size_t to = code->n_ranges;
        for (size_t at = from; at < to && !code->failed; at++)
            add_next(code, code->ranges[at].first, code->ranges[at].last);
        from = to;
    }
    tidy(code, since);
}

void feat_regex_set_open(feat_regex_code *code) { code->building = code->n_ranges; }

void feat_regex_set_add(feat_regex_code *code, uint32_t first, uint32_t last, bool fold) {
    size_t since = code->n_ranges;
    add(code, first, last);
    if (fold) add_cases(code, since);
}

void feat_regex_set_negate(feat_regex_code *code, size_t since) {
    tidy(code, since);
    size_t end = code->n_ranges;
    uint32_t next = 0;
    for (size_t i = since; i < end && !code->failed; i++) {
        feat_regex_range range = code->ranges[i];
        if (range.first > next) add(code, next, range.first - 1);
        next = range.last + 1;
    }
    if (next <= FEAT_REGEX_LAST_POINT) add(code, next, FEAT_REGEX_LAST_POINT);
    if (code->failed) return;
    memmove(code->ranges + since, code->ranges + end, (code->n_ranges - end) * sizeof *code->ranges);
    code->n_ranges -= end - since;
}

static const feat_regex_name *find(feat_text name) {
    size_t low = 0, high = feat_regex_n_names;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *here = feat_regex_names[middle].name;
        size_t length = strlen(here);
        int order = memcmp(here, name.data, length < name.length ? length : name.length);
        if (order == 0 && length == name.length) return &feat_regex_names[middle];
        if (order < 0 || (order == 0 && length < name.length)) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

bool feat_regex_set_add_name(feat_regex_code *code, feat_text name, bool negated, bool fold) {
    size_t since = code->n_ranges;
    if (name.length == 3 && memcmp(name.data, "Any", 3) == 0) {
        add(code, 0, FEAT_REGEX_LAST_POINT);
    } else {
        const feat_regex_name *found = name.length ? find(name) : NULL;
        if (!found) return false;
        for (size_t i = found->start; i < (size_t)found->start + found->count; i++) {
            uint32_t first = feat_regex_ranges[i] & 0x1fffff;
            add(code, first, first + (feat_regex_ranges[i] >> 21));
        }
        if (fold) add_cases(code, since);
    }
    if (negated) feat_regex_set_negate(code, since);
    return true;
}

uint32_t feat_regex_set_close(feat_regex_code *code) {
    tidy(code, code->building);
    if (code->failed) return 0;
    size_t start = code->building, count = code->n_ranges - start;
    spend(code, code->n_sets / 8);
    for (size_t i = 0; i < code->n_sets; i++)
        if (code->sets[i].count == count &&
            (count == 0 ||
             memcmp(code->ranges + code->sets[i].start, code->ranges + start, count * sizeof *code->ranges) == 0)) {
            code->n_ranges = start;
            return (uint32_t)i;
        }
    if (code->n_sets == code->sets_room) {
        size_t room = code->sets_room ? 2 * code->sets_room : 16;
        feat_regex_set *sets = feat_regex_room(code->work, room * sizeof *sets);
        if (!sets) {
            code->failed = "memory is out";
            return 0;
        }
        if (code->n_sets) memcpy(sets, code->sets, code->n_sets * sizeof *sets);
        code->sets = sets;
        code->sets_room = room;
    }
    code->sets[code->n_sets] = (feat_regex_set){(uint32_t)start, (uint32_t)count};
    return (uint32_t)code->n_sets++;
}
