/* Sums of bytes that other systems compute too, and the hash of feature buckets. The same on every machine. */
#ifndef FEAT_LIB_TEXT_CHECKSUM_H
#define FEAT_LIB_TEXT_CHECKSUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scratch.h"
#include "base/text.h"

/* RFC 1321, as 32 lower-case digits. */
feat_text feat_text_md5(feat_scratch *scratch, feat_text s);
/* CRC-32 of IEEE 802.3, as in zlib. */
uint32_t feat_text_crc32(feat_text s);

/* hash(x) is XXH3-64 with seed 0 over these bytes, where whole numbers are in two's complement, the least significant
 * byte first:
 *
 * - TEXT, BLOB: as they are
 * - BOOLEAN: one byte, 0 or 1
 * - integers, DATE (days), TIMESTAMP (microseconds): 8 bytes; UBIGINT too
 * - DOUBLE, REAL: the 8 bytes of the IEEE double; -0 as 0, every NaN as 0x7ff8000000000000
 * - DECIMAL: without zeros at its end; a whole number in the range of BIGINT or UBIGINT like that integer, another one
 *   as 16 bytes of the unscaled value and one of the scale
 * - INTERVAL: 16 bytes of its length in microseconds, as it is compared
 *
 * So integers and DECIMALs that are equal have equal hashes, whatever their width. */
uint64_t feat_hash_bytes(feat_text s);
uint64_t feat_hash_integer(uint64_t x);
uint64_t feat_hash_double(double x);
uint64_t feat_hash_boolean(bool x);
__extension__ typedef __int128 feat_hash_wide;
uint64_t feat_hash_decimal(feat_hash_wide unscaled, int scale);
uint64_t feat_hash_length(feat_hash_wide us);

#endif
