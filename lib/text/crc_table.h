/* The tables of CRC-32, eight bytes at a time; see generate_crc.py. */
#ifndef FEAT_LIB_TEXT_CRC_TABLE_H
#define FEAT_LIB_TEXT_CRC_TABLE_H

#include <stdint.h>

extern const uint32_t feat_crc_table[8][256];

#endif
