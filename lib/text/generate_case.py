#!/usr/bin/env python3
"""Writes case_table.c and case_table.h: the simple case mappings of Unicode, one code point to one; with --check only says
whether they are what it would write.

Run with the interpreter whose `unicodedata` has the version wanted: results of lower and upper change with the version,
so a new one is a new revision of these operators.

Python maps a text by the full mappings. A code point whose full mapping is one code point has it as its simple one. For
the others: the simple lower case of U+0130 (I with dot above) is i; the simple upper case is the code point whose lower
case it is, where there is one (U+1F80 to U+1F88, and U+00DF, sharp s, to U+1E9E, as other SQL engines have it), else
none.
"""

import pathlib
import sys
import unicodedata

BITS = 6  # code points of a block: 64


def mappings():
    lower, upper, lowered_from = {}, {}, {}
    points = [point for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    for point in points:
        full = chr(point).lower()
        if len(full) > 1:
            assert point == 0x130, hex(point)
        lower[point] = ord(full[0])
        if lower[point] != point and len(full) == 1:
            lowered_from.setdefault(lower[point], []).append(point)
    for point in points:
        full = chr(point).upper()
        if len(full) == 1:
            upper[point] = ord(full)
        else:
            candidates = lowered_from.get(point, [point])
            assert len(candidates) == 1, hex(point)
            upper[point] = candidates[0]
    return lower, upper


def tables(lower, upper):
    def delta(point):
        return (lower.get(point, point) - point, upper.get(point, point) - point)

    end = max(point for point in lower if delta(point) != (0, 0)) + 1
    end = (end + (1 << BITS) - 1) >> BITS << BITS
    deltas, blocks, starts = {(0, 0): 0}, {}, []
    for start in range(0, end, 1 << BITS):
        block = tuple(deltas.setdefault(delta(point), len(deltas)) for point in range(start, start + (1 << BITS)))
        starts.append(blocks.setdefault(block, len(blocks)))
    assert len(deltas) <= 256 and len(blocks) <= 256
    return end, list(deltas), list(blocks), starts


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
    lower, upper = mappings()
    end, deltas, blocks, starts = tables(lower, upper)
    for point in lower:  # the tables, read as case.c reads them
        found = deltas[blocks[starts[point >> BITS]][point & ((1 << BITS) - 1)]] if point < end else (0, 0)
        assert (point + found[0], point + found[1]) == (lower[point], upper[point]), hex(point)
    text = f"""/* Made by generate_case.py; not to be edited. Simple case mappings of Unicode {unicodedata.unidata_version}. */
#include "text/case_table.h"

/* clang-format off */
const char feat_case_version[] = "{unicodedata.unidata_version}";

const uint8_t feat_case_block[FEAT_CASE_END >> FEAT_CASE_BITS] = {{
{rows(starts)}
}};

const uint8_t feat_case_delta[][1 << FEAT_CASE_BITS] = {{
{chr(10).join("    {" + ", ".join(map(str, block)) + "}," for block in blocks)}
}};

const int32_t feat_case_deltas[][2] = {{
{rows(f"{{{low}, {up}}}" for low, up in deltas)}
}};
/* clang-format on */
"""
    header = f"""/* Made by generate_case.py; not to be edited. The case of code points, in two stages: the block of 64 that holds one,
 * then in that block the number of its pair of differences, to its lower and to its upper case. */
#ifndef FEAT_LIB_TEXT_CASE_TABLE_H
#define FEAT_LIB_TEXT_CASE_TABLE_H

#include <stdint.h>

#define FEAT_CASE_BITS {BITS}
/* No code point from here on has a case. */
#define FEAT_CASE_END {end:#x}

extern const char feat_case_version[];
extern const uint8_t feat_case_block[];
extern const uint8_t feat_case_delta[][1 << FEAT_CASE_BITS];
extern const int32_t feat_case_deltas[][2];

#endif
"""
    folder = pathlib.Path(__file__).parent
    for name, content in (("case_table.c", text), ("case_table.h", header)):
        if "--check" not in sys.argv:
            (folder / name).write_text(content)
        elif (folder / name).read_text() != content:
            sys.exit(f"{name} is not what generate_case.py makes with Unicode {unicodedata.unidata_version}")


if __name__ == "__main__":
    main()
