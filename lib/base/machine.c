#define _DEFAULT_SOURCE /* _SC_PHYS_PAGES */
#include "base/machine.h"

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#define UNKNOWN (UINT64_C(1) << 30)

/* The number that a file of the system starts with; `other` where there is none, as in "max". */
static uint64_t read_number(const char *path, uint64_t other) {
    char text[32];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return other;
    ssize_t n = read(fd, text, sizeof text);
    (void)close(fd);
    uint64_t number = 0;
    bool any = false;
    for (ssize_t i = 0; i < n && text[i] >= '0' && text[i] <= '9' && number < UINT64_MAX / 10 - 1; i++, any = true)
        number = number * 10 + (uint64_t)(text[i] - '0');
    return any ? number : other;
}

uint64_t feat_machine_memory(void) {
    static const char *const limits[] = {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    uint64_t memory = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UNKNOWN;
    for (int i = 0; i < 2; i++) {
        uint64_t limit = read_number(limits[i], memory);
        if (limit < memory) memory = limit;
    }
    return memory;
}
