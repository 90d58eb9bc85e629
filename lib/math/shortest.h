/* The shortest decimal that reads back as a floating number, and of several the closest to it. The method is that of
 * R. Giulietti, "The Schubfach way to render doubles" (2020): three products with a power of ten of 126 bits decide. */
#ifndef FEAT_LIB_SHORTEST_H
#define FEAT_LIB_SHORTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* digits * 10^exponent; the last digit is not 0. */
typedef struct feat_shortest {
    uint64_t digits;
    int exponent;
} feat_shortest;

/* Of a finite number above 0. */
feat_shortest feat_shortest_double(double value);
feat_shortest feat_shortest_real(float value);

/* As text, always with a '.' or an 'e': with an exponent from 1e16 on and below 1e-4. `sql`: the exponent has a sign
 * and two digits at least, "1e+16" and "1.5e-07", else "1e16" and "1.5e-7". The length, at most 24; no NUL. */
size_t feat_put_shortest(char *to, feat_shortest s, bool sql);

/* 10^0 to 10^19, all that fit. */
extern const uint64_t feat_small_powers_of_ten[20];
/* How many digits a number has; 1 for 0. */
int feat_count_digits(uint64_t value);
/* The digits of a value of `count` digits, at to[0, count). */
void feat_put_digits(char *to, uint64_t value, int count);

#endif
