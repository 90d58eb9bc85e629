#!/usr/bin/env python3
"""Writes regex_table.c: the classes that a regular expression names by \\p, and simple case folding.

General categories and case foldings come from Python's `unicodedata` and `str.casefold`, scripts from Perl's
Unicode::UCD; both must be of one version of Unicode. Results change with the version, so a new one is a new revision of
these operators.

The simple folding of a code point is its full one where that is one code point; else its lower case (U+1E9E to U+00DF,
U+1F88 to U+1F80), but U+0130 has none. Code points of one folding are an orbit; the table has for each the next one.
"""

import collections
import pathlib
import subprocess
import unicodedata

MOST = 0x7FF  # a range is its first code point in 21 bits and, above them, the number of those that follow it


def ranges_of(points):
    out = []
    for point in sorted(points):
        if out and point == out[-1][1] + 1 and point - out[-1][0] <= MOST:
            out[-1][1] = point
        else:
            out.append([point, point])
    return out


def categories():
    groups = collections.defaultdict(list)
    for point in range(0x110000):
        category = unicodedata.category(chr(point))
        if category != "Cn":
            groups[category].append(point)
    return groups


def scripts():
    program = """
        use Unicode::UCD qw(prop_invmap);
        print Unicode::UCD::UnicodeVersion(), "\\n";
        my ($starts, $names) = prop_invmap("Script");
        print "$starts->[$_] $names->[$_]\\n" for 0 .. $#$starts;
    """
    lines = subprocess.run(["perl", "-e", program], check=True, capture_output=True, text=True).stdout.split("\n")
    assert lines[0] == unicodedata.unidata_version, (lines[0], unicodedata.unidata_version)
    starts = [line.split() for line in lines[1:] if line]
    groups = collections.defaultdict(list)
    for (start, name), (end, _) in zip(starts, starts[1:] + [["1114112", ""]]):
        if name != "Unknown":
            groups[name].extend(range(int(start), int(end)))
    return groups


def orbits():
    """(first, last, step, difference to the next of the orbit)"""
    folded = collections.defaultdict(list)
    for point in range(0x110000):
        if 0xD800 <= point < 0xE000 or point == 0x130:
            continue
        full = chr(point).casefold()
        if len(full) > 1:
            full = chr(point).lower()
        folded[ord(full) if len(full) == 1 else point].append(point)
    following = {}
    for orbit in folded.values():
        if len(orbit) > 1:
            for here, there in zip(orbit, orbit[1:] + orbit[:1]):
                following[here] = there - here
    # Runs of step 2 interleave: upper, lower, upper, ...
    out, left = [], dict(following)
    for point in sorted(following):
        if point not in left:
            continue
        best = None
        for step in (1, 2):
            last = point
            while left.get(last + step) == left[point]:
                last += step
            count = (last - point) // step + 1
            if best is None or count > best[0]:
                best = (count, last, step)
        _, last, step = best
        out.append((point, last, step, following[point]))
        for taken in range(point, last + 1, step):
            del left[taken]
    for first, last, step, delta in out:
        for point in range(first, last + 1, step):
            assert following.pop(point) == delta
    assert not following
    return sorted(out)


def rows(values, width=120):
    line, lines = "   ", []
    for value in values:
        text = f" {value},"
        if len(line) + len(text) > width:
            lines.append(line)
            line = "   "
        line += text
    return "\n".join(lines + [line])


def main():
    ranges, names = [], []
    groups = categories()
    for major in sorted({name[0] for name in groups}):
        # The minor categories of a major one follow each other, so that it is a range of their ranges.
        start = len(ranges)
        minors = []
        for minor in sorted(name for name in groups if name[0] == major):
            at = len(ranges)
            ranges += ranges_of(groups[minor])
            minors.append((minor, at, len(ranges) - at))
        names += [(major, start, len(ranges) - start)] + minors
    for script, points in sorted(scripts().items()):
        at = len(ranges)
        ranges += ranges_of(points)
        names.append((script, at, len(ranges) - at))
    names.sort()
    assert len(ranges) < 1 << 16
    folds = orbits()
    numbers = [f"{(last - first) << 21 | first:#x}" for first, last in ranges]
    text = f"""/* Made by generate_regex_tables.py; not to be edited. General categories, scripts and simple case folding of Unicode
 * {unicodedata.unidata_version}. */
#include "text/regex_table.h"

/* clang-format off */
const char feat_regex_unicode_version[] = "{unicodedata.unidata_version}";

const feat_regex_name feat_regex_names[] = {{
{rows(f'{{"{name}", {at}, {count}}}' for name, at, count in names)}
}};
const size_t feat_regex_n_names = {len(names)};

const uint32_t feat_regex_ranges[] = {{
{rows(numbers)}
}};

const feat_regex_fold feat_regex_folds[] = {{
{rows(f"{{{first:#x}, {last:#x}, {step}, {delta}}}" for first, last, step, delta in folds)}
}};
const size_t feat_regex_n_folds = {len(folds)};
/* clang-format on */
"""
    header = """/* Made by generate_regex_tables.py; not to be edited. */
#ifndef FEAT_LIB_TEXT_REGEX_TABLE_H
#define FEAT_LIB_TEXT_REGEX_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* A category or script: `count` ranges from `start` on. */
typedef struct feat_regex_name {
    char name[24];
    uint16_t start, count;
} feat_regex_name;

/* Every `step`th code point from first to last has, `delta` behind it, the next one of the same folding; the last one
 * of such an orbit has the first. Runs of step 2 may interleave. Sorted by `first`. */
typedef struct feat_regex_fold {
    uint32_t first, last;
    int32_t step, delta;
} feat_regex_fold;

extern const char feat_regex_unicode_version[];
extern const feat_regex_name feat_regex_names[]; /* sorted */
extern const size_t feat_regex_n_names;
/* The first code point in the low 21 bits, above them the number of those that follow it. Not sorted across ranges of a
 * major category. */
extern const uint32_t feat_regex_ranges[];
extern const feat_regex_fold feat_regex_folds[];
extern const size_t feat_regex_n_folds;

#endif
"""
    folder = pathlib.Path(__file__).parent
    (folder / "regex_table.c").write_text(text)
    (folder / "regex_table.h").write_text(header)


if __name__ == "__main__":
    main()
