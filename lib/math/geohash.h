/* Geohashes (G. Niemeyer, 2008): cells of the earth, named by texts of which every beginning names a larger cell. */
#ifndef FEAT_LIB_MATH_GEOHASH_H
#define FEAT_LIB_MATH_GEOHASH_H

#include <stdbool.h>
#include <stdint.h>

#define FEAT_GEOHASH_MAX 12

/* Writes `length` letters for a place in degrees; a place on an edge belongs to the cell to its north or east. False
 * unless the latitude is within 90 and the longitude within 180 degrees and the length is from 1 to FEAT_GEOHASH_MAX.
 */
bool feat_geohash(double latitude, double longitude, int64_t length, char *out);

#endif
