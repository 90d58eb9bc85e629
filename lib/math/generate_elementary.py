#!/usr/bin/env python3
"""Writes elementary_table.c, elementary_table.h: tables and coefficients of the elementary functions.

    lib/math/generate_elementary.py        (needs mpmath; the result does not depend on its version)

Every number is computed from its definition with 300 bits and rounded once. The build does not run this.
"""

import os
from mpmath import mp, mpf, floor, log, exp, nint, cos, cosh, pi, sinh, sqrt, matrix, lu_solve

mp.prec = 300
HERE = os.path.dirname(os.path.abspath(__file__))

# Cells of the tables. So few that a processor with permutations of registers can keep a table in four of them.
EXP_CELLS = 32
LOG_CELLS = 32


def double(x):
    """Nearest double, as a Python float (CPython rounds half to even from an exact fraction)."""
    x = mpf(x)
    if x == 0:
        return 0.0
    shift = 53 - int(floor(mp.log(abs(x), 2))) - 1
    return float(nint(x * mpf(2) ** shift) * mpf(2) ** -shift)


def to_grid(x, bits):
    """Nearest multiple of 2^-bits."""
    return nint(mpf(x) * mpf(2) ** bits) / mpf(2) ** bits


def hexadecimal(x):
    """A double in C's notation, without superfluous zeros."""
    text = float(x).hex()
    if "." in text:
        mantissa, exponent = text.split("p")
        text = mantissa.rstrip("0").rstrip(".") + "p" + exponent
    return text


def chebyshev_fit(f, low, high, degree):
    """Coefficients of the polynomial that meets f at the Chebyshev points: within a small factor of minimax."""
    n = degree + 1
    points = [(low + high) / 2 + (high - low) / 2 * cos(pi * (2 * k + 1) / (2 * n)) for k in range(n)]
    # At 0 the functions here are 0 / 0; a little beside it they are not, and still have all the bits that are needed.
    points = [high * mpf(2) ** -20 if abs(p) < high * mpf(2) ** -20 else p for p in points]
    rows = matrix(n, n)
    right = matrix(n, 1)
    for i, p in enumerate(points):
        right[i] = f(p)
        for j in range(n):
            rows[i, j] = p**j
    solution = lu_solve(rows, right)
    return [solution[i] for i in range(n)]


def array(name, size, comment, values):
    lines = [f"/* {comment} */", f"const double {name}[{size}] = {{"]
    row = []
    for value in values:
        row.append(hexadecimal(value))
        if len(row) == 4:
            lines.append("    " + ", ".join(row) + ",")
            row = []
    lines.append("};")
    return "\n".join(lines) + "\n"


def exp_tables():
    """2^(j/32) as a part of 26 bits and the double nearest to the rest."""
    high, low = [], []
    for j in range(EXP_CELLS):
        exact = mpf(2) ** (mpf(j) / EXP_CELLS)
        part = to_grid(exact, 25)
        high.append(float(part))
        low.append(double(exact - part))
    return high, low


def log_cells():
    """Where cell j of the logarithm lies: cells are even in the bits of doubles, and one has 1 inside."""
    half = LOG_CELLS // 2
    for j in range(LOG_CELLS):
        place = mpf(j) + mpf(1) / 2  # in cells above 3/4

        def at(cells):
            below_one = mpf(3) / 4 + cells / (2 * LOG_CELLS)
            return below_one if below_one <= 1 else 1 + (cells - half) / LOG_CELLS

        yield at(place), at(place + 1)


def log_tables():
    inverse, high, low, reach = [], [], [], [mpf(0), mpf(0)]
    for start, end in log_cells():
        if start < 1 < end:
            scale = mpf(1)
        else:
            best = 2 / (start + end)
            scale = to_grid(best, 7 if best > 1 else 8)
        exact = -log(scale)
        part = to_grid(exact, 42)
        inverse.append(float(scale))
        high.append(float(part))
        low.append(double(exact - part))
        reach = [min(reach[0], start * scale - 1), max(reach[1], end * scale - 1)]
    return inverse, high, low, reach


def split(x, bits):
    """x as a double with `bits` significant bits and the double nearest to the rest."""
    exponent = int(floor(mp.log(abs(x), 2)))
    part = to_grid(x, bits - 1 - exponent)
    return float(part), double(x - part)


def main():
    ln2 = log(mpf(2))
    t_high, t_low = exp_tables()
    inverse, l_high, l_low, reach = log_tables()
    names = []

    def define(name, value, comment=""):
        names.append(f"#define {name} {hexadecimal(value)}" + (f" /* {comment} */" if comment else ""))

    step = ln2 / EXP_CELLS
    define("FEAT_EXP_PER_STEP", double(1 / step), "32 / ln 2")
    high, low = split(step, 35)
    define("FEAT_EXP_STEP_HIGH", high, "ln 2 / 32: 35 bits, so that up to 18 bits times it are exact")
    define("FEAT_EXP_STEP_LOW", low)
    half = step / 2 * (1 + mpf(2) ** -20)
    names.append("/* (e^r - 1 - r - r^2 / 2) / r^3 for |r| <= ln 2 / 64 */")
    for k, c in enumerate(chebyshev_fit(lambda r: (exp(r) - 1 - r - r * r / 2) / r**3, -half, half, 3)):
        define(f"FEAT_EXP_C{k + 3}", double(c))
    names.append("/* The same, nearer. */")
    for k, c in enumerate(chebyshev_fit(lambda r: (exp(r) - 1 - r - r * r / 2) / r**3, -half, half, 4)):
        define(f"FEAT_EXP_NEAR_C{k + 3}", double(c))
    names.append("/* (sinh r - r) / r^3 and (cosh r - 1 - r^2 / 2) / r^4 for the same r, as polynomials in r^2 */")
    sine = lambda s: (sinh(sqrt(s)) - sqrt(s)) / (s * sqrt(s))
    cosine = lambda s: (cosh(sqrt(s)) - 1 - s / 2) / (s * s)
    for k, c in enumerate(chebyshev_fit(sine, mpf(0), half * half, 2)):
        define(f"FEAT_SINH_C{2 * k + 3}", double(c))
    for k, c in enumerate(chebyshev_fit(cosine, mpf(0), half * half, 1)):
        define(f"FEAT_COSH_C{2 * k + 4}", double(c))
    names.append("/* (2^r - 1) / r for |r| <= 1 / 64 */")
    bound = mpf(1) / 64
    for k, c in enumerate(chebyshev_fit(lambda r: (mpf(2) ** r - 1) / r, -bound, bound, 5)):
        define(f"FEAT_EXP2_C{k + 1}", double(c))
    # ln 2 on the same grid as the table of logarithms.
    part = to_grid(ln2, 42)
    define("FEAT_LN2_HIGH", float(part), "a multiple of 2^-42")
    define("FEAT_LN2_LOW", double(ln2 - part))
    names.append(f"/* (log(1 + r) - r + r^2 / 2) / r^3 for {float(reach[0]):.6f} <= r <= {float(reach[1]):.6f} */")
    f = lambda r: (log(1 + r) - r + r * r / 2) / r**3
    for k, c in enumerate(chebyshev_fit(f, reach[0], reach[1], 6)):
        define(f"FEAT_LOG_C{k + 3}", double(c))
    names.append("/* The same, nearer. */")
    for k, c in enumerate(chebyshev_fit(f, reach[0], reach[1], 7)):
        define(f"FEAT_LOG_NEAR_C{k + 3}", double(c))
    for name, value in (("LOG2E", 1 / ln2), ("LOG10E", 1 / log(mpf(10)))):
        high, low = split(value, 26)
        define(f"FEAT_{name}_HIGH", high, "26 bits")
        define(f"FEAT_{name}_LOW", low)

    with open(os.path.join(HERE, "elementary_table.h"), "w") as out:
        out.write(
            "/* Generated by generate_elementary.py: tables and coefficients of the elementary functions; their use is\n"
            " * described in elementary_core.h. */\n"
            "#ifndef FEAT_LIB_MATH_ELEMENTARY_TABLE_H\n#define FEAT_LIB_MATH_ELEMENTARY_TABLE_H\n\n"
            f"#define FEAT_EXP_CELLS {EXP_CELLS}\n#define FEAT_LOG_CELLS {LOG_CELLS}\n\n"
            + "\n".join(names)
            + "\n\n"
            + "extern const double feat_exp2_high[FEAT_EXP_CELLS];\n"
            + "extern const double feat_exp2_low[FEAT_EXP_CELLS];\n"
            + "extern const double feat_log_inverse[FEAT_LOG_CELLS];\n"
            + "extern const double feat_log_high[FEAT_LOG_CELLS];\n"
            + "extern const double feat_log_low[FEAT_LOG_CELLS];\n\n#endif\n"
        )
    with open(os.path.join(HERE, "elementary_table.c"), "w") as out:
        out.write(
            "/* Generated by generate_elementary.py. */\n"
            '#include "math/elementary_table.h"\n\n'
            + array("feat_exp2_high", "FEAT_EXP_CELLS", "2^(j / 32), 26 bits of it", t_high)
            + "\n"
            + array("feat_exp2_low", "FEAT_EXP_CELLS", "and the rest", t_low)
            + "\n"
            + array("feat_log_inverse", "FEAT_LOG_CELLS", "c, about 1 / z in cell j, of few bits", inverse)
            + "\n"
            + array("feat_log_high", "FEAT_LOG_CELLS", "-log c, to a multiple of 2^-42", l_high)
            + "\n"
            + array("feat_log_low", "FEAT_LOG_CELLS", "and the rest", l_low)
        )


if __name__ == "__main__":
    main()
