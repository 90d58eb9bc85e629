#define _GNU_SOURCE /* O_TMPFILE, mkostemp */
#include "base/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/digest.h"

struct feat_spill {
    int fd;
    char *directory; /* for messages */
    atomic_uint_fast64_t size;
};

/* Where the file system knows no files without a name, one is made and its name taken away. */
static int open_unnamed(const char *directory) {
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return fd;
    feat_buffer path;
    feat_buffer_init(&path);
    feat_buffer_printf(&path, "%s/spill-XXXXXX", directory);
    char *name = feat_buffer_take_text(&path);
    if (!name) {
        errno = ENOMEM;
        return -1;
    }
    fd = mkostemp(name, O_CLOEXEC); /* of mode 0600 */
    if (fd >= 0) (void)unlink(name);
    feat_free(name);
    return fd;
}

feat_status feat_spill_open(const char *directory, feat_spill **spill, feat_error *err) {
    feat_spill *s = feat_alloc_zero(1, sizeof *s);
    char *name = feat_strdup(directory);
    *spill = NULL;
    if (!s || !name) {
        feat_free(s);
        feat_free(name);
        return feat_fail_memory(err);
    }
    *s = (feat_spill){.fd = open_unnamed(directory), .directory = name};
    atomic_init(&s->size, 0);
    if (s->fd < 0) {
        int errnum = errno;
        feat_status status =
            feat_fail_os(err, errnum,
                         "no temporary file in '%s' for what does not fit into the memory that was allowed; name "
                         "another spill directory, or allow more memory",
                         directory);
        feat_spill_close(s);
        return status;
    }
    *spill = s;
    return FEAT_OK;
}

void feat_spill_close(feat_spill *s) {
    if (!s) return;
    if (s->fd >= 0) (void)close(s->fd);
    feat_free(s->directory);
    feat_free(s);
}

feat_status feat_spill_write(feat_spill *s, const void *data, size_t size, feat_spilled *piece, feat_error *err) {
    const char *bytes = data;
    uint64_t at = atomic_fetch_add(&s->size, size);
    *piece = (feat_spilled){at, feat_hash64(data, size), size};
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(s->fd, bytes + done, size - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0)
            return feat_fail_os(err, n < 0 ? errno : ENOSPC,
                                "temporary file in '%s', behind %llu bytes; make room, name another spill directory, "
                                "or allow more memory",
                                s->directory, (unsigned long long)(at + done));
        done += (size_t)n;
    }
    return FEAT_OK;
}

feat_status feat_spill_read(const feat_spill *s, const feat_spilled *piece, void *data, feat_error *err) {
    char *bytes = data;
    for (size_t done = 0; done < piece->size;) {
        ssize_t n = pread(s->fd, bytes + done, piece->size - done, (off_t)(piece->at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return feat_fail_os(err, errno, "temporary file in '%s'", s->directory);
        if (n == 0) return feat_fail(err, FEAT_IO, "temporary file in '%s': it was cut short", s->directory);
        done += (size_t)n;
    }
    if (feat_hash64(data, piece->size) != piece->hash)
        return feat_fail(err, FEAT_IO, "temporary file in '%s': what is read is not what was written", s->directory);
    return FEAT_OK;
}

uint64_t feat_spill_bytes(const feat_spill *s) { return s ? atomic_load(&s->size) : 0; }
