/* The gate: LMDB's file checked by pread before and after it is mapped. Layouts are those of LMDB 0.9, data version 1,
 * on a 64-bit machine, in its own order of bytes; see doc/format.md. */
#define _GNU_SOURCE /* O_CLOEXEC, fstatfs */
#include "store/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bitmap.h"

#define META_MAGIC    UINT32_C(0xBEEFC0DE)
#define META_VERSION  1
#define META_SIZE     152 /* page header and meta */
#define PAGE_HEADER   16
#define PAGE_BRANCH   0x01
#define PAGE_LEAF     0x02
#define PAGE_OVERFLOW 0x04
#define PAGE_META     0x08
#define NODE_HEADER   8
#define NODE_BIG      0x01 /* the data is the number of an overflow page */
#define KEY_MAX       511
#define DEPTH_MAX     32
#define NO_ROOT       UINT64_MAX
#define INTEGER_KEY   0x08
#define MAP_LIMIT     (UINT64_C(1) << 46) /* half of what a process can address */

feat_status feat_gate_filesystem(const char *path, feat_error *err) {
    static const struct {
        uint32_t magic;
        const char *name;
    } refused[] = {{0x6969, "NFS"}, {0xFF534D42, "CIFS"}, {0x517B, "SMB"}, {0xFE534D42, "SMB2"}, {0x01021997, "9p"}};
    struct statfs fs;
    if (statfs(path, &fs) != 0) return feat_fail_os(err, errno, "reading the file system of '%s'", path);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if ((uint32_t)fs.f_type == refused[i].magic)
            return feat_fail(err, FEAT_FORMAT,
                             "'%s' lies on %s, where locks and maps do not hold: move the store to a local disk", path,
                             refused[i].name);
    return FEAT_OK;
}

/* ---- Numbers in pages: as the machine has them, at any address. ---- */

#define LOAD(type)                                                                                                     \
    type v;                                                                                                            \
    memcpy(&v, p, sizeof v);                                                                                           \
    return v
static uint16_t u16(const uint8_t *p) { LOAD(uint16_t); }
static uint32_t u32(const uint8_t *p) { LOAD(uint32_t); }
static uint64_t u64(const uint8_t *p) { LOAD(uint64_t); }
#undef LOAD

typedef struct tree {
    uint16_t flags, depth;
    uint64_t pages; /* branch and leaf */
    uint64_t entries, root;
} tree;

typedef struct meta {
    uint64_t map_size, last_page, txn_id;
    tree trees[2]; /* of free pages; of values */
} meta;

typedef struct gated {
    const char *path;
    int fd;
    uint64_t length;
    uint32_t page_size;
} gated;

static feat_status corrupt(const gated *g, feat_error *err, const char *what) {
    return feat_fail(err, FEAT_CORRUPT, "'%s': %s; restore the store from a copy", g->path, what);
}

static feat_status read_at(const gated *g, uint64_t offset, void *out, size_t size, feat_error *err) {
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(g->fd, (char *)out + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return feat_fail_os(err, errno, "reading '%s'", g->path);
        if (n == 0) return corrupt(g, err, "the file ends too early");
        done += (size_t)n;
    }
    return FEAT_OK;
}

/* ---- Meta pages. ---- */

static void decode_tree(const uint8_t *p, tree *t) {
    t->flags = u16(p + 4);
    t->depth = u16(p + 6);
    t->pages = u64(p + 8) + u64(p + 16);
    t->entries = u64(p + 32);
    t->root = u64(p + 40);
}

static feat_status check_tree(const gated *g, const meta *m, const tree *t, uint16_t flags, feat_error *err) {
    if (t->flags != flags) return corrupt(g, err, "a meta page has unknown flags");
    if (t->root == NO_ROOT ? t->depth != 0 || t->entries != 0
                           : t->depth == 0 || t->depth > DEPTH_MAX || t->root < 2 || t->root > m->last_page ||
                                 t->pages == 0 || t->pages > m->last_page)
        return corrupt(g, err, "a meta page names an impossible tree");
    return FEAT_OK;
}

/* LMDB's files are made for machines of one kind. On one of 32 bits the header of a page is four bytes shorter. */
static feat_status refuse_foreign(const gated *g, const uint8_t *b, feat_error *err) {
    uint32_t swapped = __builtin_bswap32(META_MAGIC);
    bool short_words = u32(b + 12) == META_MAGIC || u32(b + 12) == swapped;
    if (short_words || u32(b + 16) == swapped)
        return feat_fail(err, FEAT_FORMAT,
                         "'%s' was made by a machine with another %s: export the store there and import that here",
                         g->path, short_words ? "size of words" : "order of bytes");
    return feat_fail(err, FEAT_FORMAT, "'%s' is no file of a libfeat store", g->path);
}

static feat_status decode_meta(gated *g, uint64_t page, meta *m, feat_error *err) {
    uint8_t b[META_SIZE];
    if (page == 0 && g->length < META_SIZE)
        return feat_fail(err, FEAT_FORMAT, "'%s' is no file of a libfeat store: it has %llu bytes", g->path,
                         (unsigned long long)g->length);
    FEAT_TRY(read_at(g, page * g->page_size, b, sizeof b, err));
    if (u32(b + 16) != META_MAGIC || u16(b + 10) != PAGE_META) {
        if (page == 0) return refuse_foreign(g, b, err);
        return corrupt(g, err, "the second meta page is damaged");
    }
    if (u32(b + 20) != META_VERSION)
        return feat_fail(err, FEAT_FORMAT, "'%s' has LMDB data version %u; this library reads version %d", g->path,
                         u32(b + 20), META_VERSION);
    uint32_t page_size = u32(b + 40);
    long system = sysconf(_SC_PAGESIZE);
    if (page_size < 512 || page_size > 65536 || (page_size & (page_size - 1)) != 0 ||
        (page == 1 && page_size != g->page_size))
        return corrupt(g, err, "a meta page gives an impossible page size");
    if (system > 0 && page_size != (uint32_t)system)
        return feat_fail(err, FEAT_FORMAT,
                         "'%s' has pages of %u bytes, this system has %ld: copy the data on a system like its own",
                         g->path, page_size, system);
    if (u64(b) != page) return corrupt(g, err, "a meta page has the wrong number");
    g->page_size = page_size;
    m->map_size = u64(b + 32);
    m->last_page = u64(b + 136);
    m->txn_id = u64(b + 144);
    decode_tree(b + 40, &m->trees[0]);
    decode_tree(b + 88, &m->trees[1]);
    if (m->map_size > MAP_LIMIT || m->last_page < 1 || m->last_page >= MAP_LIMIT / page_size || u64(b + 24) != 0)
        return corrupt(g, err, "a meta page gives an impossible size");
    m->trees[0].flags &= (uint16_t)~0x4000u; /* MDB_NOSUBDIR of the environment is kept here */
    FEAT_TRY(check_tree(g, m, &m->trees[0], INTEGER_KEY, err));
    return check_tree(g, m, &m->trees[1], 0, err);
}

static feat_status gate_open(const char *path, gated *g, feat_error *err) {
    struct stat st;
    g->path = path;
    g->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (g->fd < 0)
        return errno == ENOENT ? feat_fail(err, FEAT_NOT_FOUND, "'%s' does not exist", path)
                               : feat_fail_os(err, errno, "opening '%s'", path);
    if (fstat(g->fd, &st) != 0) {
        feat_status status = feat_fail_os(err, errno, "reading '%s'", path);
        close(g->fd);
        return status;
    }
    g->length = (uint64_t)st.st_size;
    g->page_size = 0;
    return FEAT_OK;
}

static feat_status read_metas(gated *g, meta metas[2], feat_error *err) {
    FEAT_TRY(decode_meta(g, 0, &metas[0], err));
    return decode_meta(g, 1, &metas[1], err);
}

static feat_status check_file(gated *g, feat_error *err) {
    meta metas[2];
    struct stat st;
    FEAT_TRY(read_metas(g, metas, err));
    /* The length is taken after the metas: a writer elsewhere lengthens the file before it writes a meta. */
    if (fstat(g->fd, &st) != 0) return feat_fail_os(err, errno, "reading '%s'", g->path);
    g->length = (uint64_t)st.st_size;
    /* LMDB writes the metas in turn. A damaged number would make the older one win, and a commit vanish. */
    const meta *newest = &metas[metas[1].txn_id > metas[0].txn_id], *other = &metas[newest == &metas[0]];
    bool fresh = newest->txn_id == 0 && other->txn_id == 0;
    if (!fresh && (newest->txn_id != other->txn_id + 1 || metas[0].txn_id % 2 != 0))
        return corrupt(g, err, "the meta pages do not follow each other");
    for (int i = 0; i < 2; i++)
        if (newest->trees[i].root != NO_ROOT && newest->trees[i].root >= g->length / g->page_size)
            return corrupt(g, err, "the file was cut: the root of a tree lies behind its end");
    return FEAT_OK;
}

feat_status feat_gate_file(const char *path, feat_error *err) {
    gated g;
    FEAT_TRY(gate_open(path, &g, err));
    /* A writer elsewhere may be in the midst of writing a meta page; damage is what stays. */
    feat_status status = FEAT_CORRUPT;
    for (int attempt = 0; attempt < 3 && status == FEAT_CORRUPT; attempt++) status = check_file(&g, err);
    close(g.fd);
    return status;
}

/* ---- The walk. ---- */

typedef struct walk {
    gated g;
    const meta *m;
    const tree *t;
    bool free_tree;
    uint64_t pages, entries;
    uint64_t file_pages;
    uint8_t *owned;   /* a bit a page: each has one owner, a tree or the list of free pages */
    uint8_t *buffers; /* one page a level */
    uint8_t *list;    /* of free pages */
    size_t list_capacity;
} walk;

static feat_status own_pages(walk *w, uint64_t first, uint64_t n, feat_error *err) {
    for (uint64_t page = first; page < first + n; page++) {
        if (feat_bit_get(w->owned, (size_t)page)) return corrupt(&w->g, err, "a page has two owners");
        feat_bit_set(w->owned, (size_t)page);
    }
    return FEAT_OK;
}

/* A record of the tree of free pages: a count, then page numbers, descending. A wrong one would hand out a page in use.
 */
static feat_status check_free_list(walk *w, const uint8_t *data, size_t size, feat_error *err) {
    uint64_t n = size >= 8 ? u64(data) : 0;
    if (size < 8 || size % 8 != 0 || n > size / 8 - 1)
        return corrupt(&w->g, err, "a list of free pages has the wrong length");
    uint64_t last = w->m->last_page + 1;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t page = u64(data + 8 + 8 * i);
        if (page < 2 || page >= last) return corrupt(&w->g, err, "a list of free pages names an impossible page");
        FEAT_TRY(own_pages(w, page, 1, err));
        last = page;
    }
    return FEAT_OK;
}

static feat_status check_data(walk *w, const uint8_t *node, size_t room, feat_error *err) {
    uint64_t size = u32(node); /* two halves, in the order that makes them a number */
    uint16_t flags = u16(node + 4);
    size_t key_size = u16(node + 6);
    const uint8_t *data = node + NODE_HEADER + key_size;
    size_t inside = flags & NODE_BIG ? 8 : (size_t)size;
    if ((flags & ~NODE_BIG) != 0 || inside > room - NODE_HEADER - key_size)
        return corrupt(&w->g, err, "a value does not fit its page");
    if (flags & NODE_BIG) {
        uint64_t first = u64(data), n = (PAGE_HEADER - 1 + size) / w->g.page_size + 1;
        if (first < 2 || first > w->m->last_page || n > w->m->last_page - first + 1 || first + n > w->file_pages)
            return corrupt(&w->g, err, "the file was cut or damaged: a value lies behind its end");
        FEAT_TRY(own_pages(w, first, n, err));
        if (!w->free_tree) return FEAT_OK;
        /* LMDB frees these runs by the length in their header. */
        uint8_t header[PAGE_HEADER];
        FEAT_TRY(read_at(&w->g, first * w->g.page_size, header, sizeof header, err));
        if (u64(header) != first || u16(header + 10) != PAGE_OVERFLOW || u32(header + 12) != n)
            return corrupt(&w->g, err, "a list of free pages has a damaged header");
        if (size > w->list_capacity && FEAT_GROW(w->list, w->list_capacity, (size_t)size) != 0)
            return feat_fail_memory(err);
        FEAT_TRY(read_at(&w->g, first * w->g.page_size + PAGE_HEADER, w->list, (size_t)size, err));
        data = w->list;
    }
    return w->free_tree ? check_free_list(w, data, (size_t)size, err) : FEAT_OK;
}

static int compare_keys(const walk *w, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) {
    if (w->free_tree) return u64(a) < u64(b) ? -1 : u64(a) > u64(b);
    int c = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return c != 0 ? c : a_size < b_size ? -1 : a_size > b_size;
}

/* `level` counts down to 1, that of the leaves, so recursion ends by the depth that the meta page gives. */
static feat_status walk_page(walk *w, uint64_t number, unsigned level, feat_error *err) {
    uint32_t size = w->g.page_size;
    uint8_t *p = w->buffers + (size_t)(level - 1) * size;
    if (number < 2 || number > w->m->last_page || number >= w->file_pages)
        return corrupt(&w->g, err, "the file was cut or damaged: a page lies behind its end");
    FEAT_TRY(own_pages(w, number, 1, err));
    w->pages++;
    FEAT_TRY(read_at(&w->g, number * size, p, size, err));
    uint32_t lower = u16(p + 12), upper = u16(p + 14), count = (lower - PAGE_HEADER) / 2;
    if (u64(p) != number || u16(p + 10) != (level == 1 ? PAGE_LEAF : PAGE_BRANCH))
        return corrupt(&w->g, err, "a page is not what its parent says");
    if (lower < PAGE_HEADER || lower % 2 != 0 || upper < lower || upper > size ||
        count < (level == 1 || w->free_tree ? 1u : 2u))
        return corrupt(&w->g, err, "a page has impossible bounds");
    const uint8_t *previous = NULL;
    size_t previous_size = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = u16(p + PAGE_HEADER + 2 * i);
        if (at < upper || at + NODE_HEADER > size) return corrupt(&w->g, err, "an entry lies outside its page");
        const uint8_t *node = p + at, *key = node + NODE_HEADER;
        size_t key_size = u16(node + 6);
        bool keyless = level > 1 && i == 0; /* LMDB leaves the first key of a branch out */
        if (key_size > KEY_MAX || key_size > size - at - NODE_HEADER || (w->free_tree && !keyless && key_size != 8))
            return corrupt(&w->g, err, "a key does not fit its page");
        if (!keyless) {
            if (previous && compare_keys(w, previous, previous_size, key, key_size) >= 0)
                return corrupt(&w->g, err, "keys are out of order");
            previous = key;
            previous_size = key_size;
        }
        if (level == 1) FEAT_TRY(check_data(w, node, size - at, err));
        else FEAT_TRY(walk_page(w, (uint64_t)u32(node) | (uint64_t)u16(node + 4) << 32, level - 1, err));
    }
    if (level == 1) w->entries += count;
    return FEAT_OK;
}

static feat_status walk_trees(walk *w, uint64_t txn_id, feat_error *err) {
    meta metas[2];
    FEAT_TRY(read_metas(&w->g, metas, err));
    w->m = &metas[metas[1].txn_id == txn_id && metas[0].txn_id != txn_id];
    if (w->m->txn_id != txn_id)
        return feat_fail(err, FEAT_BUSY, "'%s' changes while it is opened; try again", w->g.path);
    w->file_pages = w->g.length / w->g.page_size;
    w->owned = feat_alloc_zero(feat_bitmap_size((size_t)w->m->last_page + 1), 1);
    if (!w->owned) return feat_fail_memory(err);
    for (int i = 0; i < 2; i++) {
        w->t = &w->m->trees[i];
        w->free_tree = i == 0;
        w->pages = w->entries = 0;
        if (w->t->root == NO_ROOT) continue;
        feat_free(w->buffers);
        w->buffers = feat_alloc_array(w->t->depth, w->g.page_size);
        if (!w->buffers) return feat_fail_memory(err);
        FEAT_TRY(walk_page(w, w->t->root, w->t->depth, err));
        if (w->entries != w->t->entries || w->pages != w->t->pages)
            return corrupt(&w->g, err, "a tree does not have the size that its meta says");
    }
    return FEAT_OK;
}

feat_status feat_gate_walk(const char *path, uint64_t txn_id, feat_error *err) {
    walk w = {0};
    FEAT_TRY(gate_open(path, &w.g, err));
    feat_status status = walk_trees(&w, txn_id, err);
    feat_free(w.buffers);
    feat_free(w.list);
    feat_free(w.owned);
    close(w.g.fd);
    return status;
}
