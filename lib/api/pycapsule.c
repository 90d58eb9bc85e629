/* The Arrow stream capsules of CPython: their memory and their destructor.
 *
 * A destructor written in Python crashes the interpreter at exit, so it is written here. Nothing of CPython is linked:
 * the one function needed is looked up in the process that runs us. */
#define _GNU_SOURCE
#include "feat/python.h"

#include <dlfcn.h>
#include <string.h>

#include "base/alloc.h"

struct ArrowArrayStream *feat_stream_new(void) {
    return feat_alloc_zero(1, sizeof(struct ArrowArrayStream));
}

void feat_stream_free(struct ArrowArrayStream *stream) {
    if (!stream) return;
    if (stream->release) stream->release(stream);
    feat_free(stream);
}

void feat_pycapsule_stream_destroy(void *capsule) {
    void *symbol = dlsym(RTLD_DEFAULT, "PyCapsule_GetPointer");
    if (!capsule || !symbol) return;
    void *(*get_pointer)(void *, const char *);
    memcpy(&get_pointer, &symbol, sizeof symbol); /* ISO C has no cast from an object to a function pointer */
    feat_stream_free(get_pointer(capsule, "arrow_array_stream"));
}
