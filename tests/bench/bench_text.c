/* What the text functions cost: nanoseconds a text, over the lines of a file (one thread, texts in the processor's
 * cache and in memory alike as they come).
 *
 *     cc -O2 -Ilib -Iinclude tests/bench/bench_text.c BUILD/lib/libfeat.a -lxxhash ... && ./a.out FILE [LINES]
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/scratch.h"
#include "text/case.h"
#include "text/checksum.h"
#include "text/distance.h"
#include "text/like.h"
#include "text/make.h"
#include "text/piece.h"
#include "text/points.h"
#include "text/search.h"

enum { BATCH = 1024 };

static feat_text *texts;
static size_t n_texts;
static feat_scratch scratch;
static volatile uint64_t sink;

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static feat_text literal(const char *s) { return (feat_text){s, strlen(s)}; }

/* `work` computes uint64_t `r` of feat_text `s`. As the machines do, the scratch is taken back after each batch. */
#define MEASURE(name, work)                                                                                            \
    do {                                                                                                               \
        double least = 1e9;                                                                                            \
        uint64_t sum = 0;                                                                                              \
        for (int run = 0; run < 3; run++) {                                                                            \
            double start = seconds();                                                                                  \
            for (size_t at = 0; at < n_texts; at += BATCH) {                                                           \
                size_t end = at + BATCH < n_texts ? at + BATCH : n_texts;                                              \
                feat_scratch_reset(&scratch);                                                                          \
                for (size_t i = at; i < end; i++) {                                                                    \
                    feat_text s = texts[i];                                                                            \
                    uint64_t r;                                                                                        \
                    work;                                                                                              \
                    sum += r;                                                                                          \
                }                                                                                                      \
            }                                                                                                          \
            double took = seconds() - start;                                                                           \
            if (took < least) least = took;                                                                            \
        }                                                                                                              \
        sink += sum;                                                                                                   \
        printf("%-28s %8.1f ns\n", name, least / (double)n_texts * 1e9);                                               \
    } while (0)

static bool read_lines(const char *path, size_t want) {
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *bytes = size > 0 ? malloc((size_t)size) : NULL;
    bool fine = bytes && fread(bytes, 1, (size_t)size, file) == (size_t)size;
    fclose(file);
    texts = fine ? malloc(want * sizeof *texts) : NULL;
    if (!texts) return false;
    while (n_texts < want) { /* the file again and again */
        for (char *at = bytes; n_texts < want && at < bytes + size;) {
            char *end = memchr(at, '\n', (size_t)(bytes + size - at));
            if (!end) end = bytes + size;
            texts[n_texts++] = (feat_text){at, (size_t)(end - at)};
            at = end + 1;
        }
    }
    return true;
}

int main(int argc, char **argv) {
    if (argc < 2 || !read_lines(argv[1], argc > 2 ? strtoull(argv[2], NULL, 10) : 2000000)) {
        fprintf(stderr, "usage: bench_text FILE [LINES]\n");
        return 1;
    }
    feat_scratch kept;
    feat_scratch_init(&scratch);
    feat_scratch_init(&kept);
    feat_text contains, folded, prefix, middle, any, out;
    feat_like_compile(&kept, literal("%HEART%"), FEAT_LIKE_NO_ESCAPE, false, &contains);
    feat_like_compile(&kept, literal("%heart%"), FEAT_LIKE_NO_ESCAPE, true, &folded);
    feat_like_compile(&kept, literal("WHITE%"), FEAT_LIKE_NO_ESCAPE, false, &prefix);
    feat_like_compile(&kept, literal("%RED%HEART%"), FEAT_LIKE_NO_ESCAPE, false, &middle);
    feat_like_compile(&kept, literal("%H__RT%"), FEAT_LIKE_NO_ESCAPE, false, &any);
    bool b;
    double d;
    int64_t i64;
    MEASURE("length", r = (uint64_t)feat_text_length(s));
    MEASURE("lower", r = feat_text_lower(&scratch, s).length);
    MEASURE("upper", r = feat_text_upper(&scratch, s).length);
    MEASURE("trim", r = feat_text_trim(s, FEAT_TRIM_BOTH).length);
    MEASURE("trim set", r = feat_text_trim_set(&scratch, s, literal("WR "), FEAT_TRIM_BOTH).length);
    MEASURE("substring(s, 3, 10)", r = feat_text_substring(s, 3, 10).length);
    MEASURE("substring(s, -5, 3)", r = feat_text_substring(s, -5, 3).length);
    MEASURE("left(s, 5)", r = feat_text_left(s, 5).length);
    MEASURE("right(s, 5)", r = feat_text_right(s, 5).length);
    MEASURE("LIKE '%HEART%'", r = feat_like_match(&scratch, contains, s));
    MEASURE("ILIKE '%heart%'", r = feat_like_match(&scratch, folded, s));
    MEASURE("LIKE 'WHITE%'", r = feat_like_match(&scratch, prefix, s));
    MEASURE("LIKE '%RED%HEART%'", r = feat_like_match(&scratch, middle, s));
    MEASURE("LIKE '%H__RT%'", r = feat_like_match(&scratch, any, s));
    MEASURE("position", r = (uint64_t)feat_text_position(s, literal("HEART")));
    MEASURE("split_part(s, ' ', 2)", r = feat_text_split_part(s, literal(" "), 2).length);
    MEASURE("concat", (b = feat_text_concat(&scratch, s, literal(" x"), &out), r = out.length + b));
    MEASURE("replace", (b = feat_text_replace(&scratch, s, literal("RED"), literal("BLUE"), &out), r = out.length + b));
    MEASURE("lpad(s, 40, ' ')", (b = feat_text_lpad(&scratch, s, 40, literal(" "), &out), r = out.length + b));
    MEASURE("reverse", r = feat_text_reverse(&scratch, s).length);
    MEASURE("levenshtein", r = (uint64_t)feat_text_levenshtein(&scratch, s, literal("WHITE HANGING HEART")));
    MEASURE("jaccard", (b = feat_text_jaccard(&scratch, s, literal("WHITE HANGING"), &d), r = b + (d > 0.5)));
    MEASURE("hamming", (b = feat_text_hamming(s, s, &i64), r = b));
    MEASURE("md5", r = feat_text_md5(&scratch, s).length);
    MEASURE("crc32", r = feat_text_crc32(s));
    MEASURE("hash", r = feat_hash_bytes(s));
    MEASURE("hex", (b = feat_text_hex(&scratch, s, &out), r = out.length + b));
    feat_scratch_done(&kept);
    feat_scratch_done(&scratch);
    free(texts);
    return 0;
}
