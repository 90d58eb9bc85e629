#include "math/geohash.h"

/* Halves [*low, *high] to the side of x, exactly: a bound is 90 or 180 over a power of two below 2^31, times less than
 * 2^31. Returns whether that is the upper one. */
static unsigned halve(double x, double *low, double *high) {
    double middle = (*low + *high) * 0.5;
    unsigned upper = x >= middle;
    *(upper ? low : high) = middle;
    return upper;
}

bool feat_geohash(double latitude, double longitude, int64_t length, char *out) {
    static const char letters[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    if (!(latitude >= -90.0 && latitude <= 90.0 && longitude >= -180.0 && longitude <= 180.0)) return false;
    if (length < 1 || length > FEAT_GEOHASH_MAX) return false;
    double south = -90.0, north = 90.0, west = -180.0, east = 180.0;
    bool easting = true; /* bits of both take turns */
    for (int64_t i = 0; i < length; i++) {
        unsigned letter = 0;
        for (int bit = 0; bit < 5; bit++, easting = !easting)
            letter = letter << 1 | (easting ? halve(longitude, &west, &east) : halve(latitude, &south, &north));
        out[i] = letters[letter];
    }
    return true;
}
