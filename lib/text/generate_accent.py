#!/usr/bin/env python3
"""Writes accent_table.c and accent_table.h: what is left of each code point without its marks; with --check only says
whether they are what it would write.

A code point is decomposed canonically, loses its combining marks (categories Mn, Mc and Me) and is composed again. What
comes out is one code point or nothing. The interpreter's `unicodedata` says of which version of Unicode.
"""

import pathlib
import sys
import unicodedata


def stripped(point):
    kept = [c for c in unicodedata.normalize("NFD", chr(point)) if unicodedata.category(c) not in ("Mn", "Mc", "Me")]
    return unicodedata.normalize("NFC", "".join(kept))


def tables():
    marks, bases = [], []  # ranges of what goes; pairs
    for point in range(0x110000):
        if 0xD800 <= point < 0xE000:
            continue
        left = stripped(point)
        assert len(left) <= 1, hex(point)
        if not left and marks and marks[-1][1] == point - 1:
            marks[-1][1] = point
        elif not left:
            marks.append([point, point])
        elif ord(left) != point:
            bases.append((point, ord(left)))
    return marks, bases


def rows(pairs, width=120):
    line, lines = "   ", []
    for low, high in pairs:
        text = f" {{{low:#x}, {high:#x}}},"
        if len(line) + len(text) > width:
            lines.append(line)
            line = "   "
        line += text
    return "\n".join(lines + [line])


def main():
    marks, bases = tables()
    text = f"""/* Made by generate_accent.py; not to be edited. Marks of Unicode {unicodedata.unidata_version}. */
#include "text/accent_table.h"

/* clang-format off */
const uint32_t feat_accent_marks[FEAT_ACCENT_MARKS][2] = {{
{rows(marks)}
}};

const uint32_t feat_accent_bases[FEAT_ACCENT_BASES][2] = {{
{rows(bases)}
}};
/* clang-format on */
"""
    header = f"""/* Made by generate_accent.py; not to be edited. The ranges of code points of which nothing is left without marks, and
 * pairs of others and what is left of them; both in order. */
#ifndef FEAT_LIB_TEXT_ACCENT_TABLE_H
#define FEAT_LIB_TEXT_ACCENT_TABLE_H

#include <stdint.h>

enum {{ FEAT_ACCENT_MARKS = {len(marks)}, FEAT_ACCENT_BASES = {len(bases)} }};
extern const uint32_t feat_accent_marks[FEAT_ACCENT_MARKS][2];
extern const uint32_t feat_accent_bases[FEAT_ACCENT_BASES][2];

#endif
"""
    folder = pathlib.Path(__file__).parent
    for name, content in (("accent_table.c", text), ("accent_table.h", header)):
        if "--check" not in sys.argv:
            (folder / name).write_text(content)
        elif (folder / name).read_text() != content:
            sys.exit(f"{name} is not what generate_accent.py makes with Unicode {unicodedata.unidata_version}")


if __name__ == "__main__":
    main()
