/* SPDX-License-Identifier: MIT
 *
 * Copying a file with somebody who watches, and does something in the middle of it.
 */
#ifndef TESTS_API_COPY_WATCHER_H
#define TESTS_API_COPY_WATCHER_H

#include <linux/fs.h>
#include <sys/ioctl.h>

#include "folder.h"

#define MIB ((size_t)1 << 20)

/* More than a step copies, so there is a middle. */
#define SEVERAL_STEPS (30 * MIB)

struct watcher {
    unsigned calls;
    uint64_t copied, size;                /* of the last one */
    void (*act)(struct watcher *watcher); /* in the first one; or NULL */
    int names;                            /* in the folder then */
    hoop_copy_options options;
};

static inline void watch(void *arg, uint64_t copied, uint64_t size)
{
    struct watcher *watcher = arg;
    assert_true(copied >= watcher->copied);
    assert_true(copied <= size);
    watcher->copied = copied;
    watcher->size = size;
    if (watcher->calls++ == 0) {
        watcher->names = count_names(".");
        if (watcher->act != NULL)
            watcher->act(watcher);
    }
}

static inline int64_t copy_watched(const char *from, const char *to, struct watcher *watcher)
{
    watcher->options.progress = watch;
    watcher->options.arg = watcher;
    return hoop_file_copy(from, to, &watcher->options);
}

/* Makes the file FROM, of SEVERAL_STEPS. False where a copy has no middle, as files share their blocks. */
static inline bool make_long_copy(const char *from)
{
    make_file(from, SEVERAL_STEPS);
    int source = open(from, O_RDONLY | O_CLOEXEC);
    int target = open("clone", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int rc = ioctl(target, FICLONE, source);
    close(target);
    close(source);
    unlink("clone");
    return rc < 0;
}

#endif
