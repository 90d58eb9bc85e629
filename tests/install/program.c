/* A program outside the tree: all that it knows is what `pkg-config --cflags --libs feat` says. */
#include <feat.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    if (strcmp(feat_version(), argv[1]) != 0) {
        fprintf(stderr, "the library says %s, pkg-config says %s\n", feat_version(), argv[1]);
        return 1;
    }
    if (strcmp(feat_status_name(FEAT_NOT_FOUND), "NOT_FOUND") != 0) return 1;
    printf("libfeat %s\n", feat_version());
    return 0;
}
