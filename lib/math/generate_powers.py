#!/usr/bin/env python3
"""Writes powers.c: the powers of ten that reading and printing doubles multiply by, to 128 bits.

Run it from any folder; the result depends on nothing but this file."""

import os

LOW, HIGH = -342, 324


def leading_bits(exponent):
    """floor(10^exponent / 2^e) with the e that gives 128 bits."""
    if exponent >= 0:
        value = 10**exponent
        shift = value.bit_length() - 128
        return value >> shift if shift >= 0 else value << -shift
    divisor = 10**-exponent
    shift = divisor.bit_length() + 127
    value = (1 << shift) // divisor
    if value.bit_length() > 128:
        value = (1 << (shift - 1)) // divisor
    assert value.bit_length() == 128
    return value


def main():
    rows = []
    for exponent in range(LOW, HIGH + 1):
        value = leading_bits(exponent)
        # Printing adds 1; nothing may be carried into the upper half.
        assert value & (2**64 - 1) != 2**64 - 1
        rows.append(f"    {{UINT64_C(0x{value >> 64:016x}), UINT64_C(0x{value & (2**64 - 1):016x})}}, /* 1e{exponent} */")
    text = "\n".join(
        [
            "/* Made by generate_powers.py. */",
            '#include "math/powers.h"',
            "",
            "/* clang-format off */",
            "const feat_power feat_powers_of_ten[FEAT_POWER_HIGH - FEAT_POWER_LOW + 1] = {",
            *rows,
            "};",
            "",
        ]
    )
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "powers.c"), "w", encoding="ascii") as file:
        file.write(text)


main()
