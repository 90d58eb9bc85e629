/* What the machine has, or what the process may use of it. */
#ifndef FEAT_LIB_MACHINE_H
#define FEAT_LIB_MACHINE_H

#include <stdint.h>

/* Bytes of memory: of the machine, or of the container if that is less; 1 GiB when nobody says. */
uint64_t feat_machine_memory(void);

#endif
