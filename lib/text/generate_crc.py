#!/usr/bin/env python3
"""Writes crc_table.c: the tables of CRC-32 (IEEE 802.3, reflected, 0xEDB88320) for eight bytes at a time. Table k holds what a
byte becomes after k more bytes of zeros. With --check it only says whether the file is what it would write."""

import pathlib
import sys
import zlib

POLYNOMIAL = 0xEDB88320


def step(crc):
    for _ in range(8):
        crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
    return crc


def main():
    tables = [[step(byte) for byte in range(256)]]
    for _ in range(7):
        tables.append([tables[0][crc & 255] ^ crc >> 8 for crc in tables[-1]])
    crc = 0xFFFFFFFF
    for byte in b"123456789":
        crc = tables[0][(crc ^ byte) & 255] ^ crc >> 8
    assert crc ^ 0xFFFFFFFF == zlib.crc32(b"123456789") == 0xCBF43926
    blocks = []
    for table in tables:
        lines = [", ".join(f"0x{value:08x}" for value in table[i : i + 8]) for i in range(0, 256, 8)]
        blocks.append("    {\n" + "\n".join(f"        {line}," for line in lines) + "\n    },")
    text = """/* Made by generate_crc.py; not to be edited. */
#include "text/crc_table.h"

/* clang-format off */
const uint32_t feat_crc_table[8][256] = {
""" + "\n".join(blocks) + "\n};\n/* clang-format on */\n"
    path = pathlib.Path(__file__).parent / "crc_table.c"
    if "--check" not in sys.argv:
        path.write_text(text)
    elif path.read_text() != text:
        sys.exit("crc_table.c is not what generate_crc.py makes")


if __name__ == "__main__":
    main()
