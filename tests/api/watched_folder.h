/* SPDX-License-Identifier: MIT
 *
 * For tests of file watches: a folder of the test's own, changes in it, and what is told of them.
 */
#ifndef TESTS_API_WATCHED_FOLDER_H
#define TESTS_API_WATCHED_FOLDER_H

#include <hoop/file_watch.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "in_a_task.h"

/* ---- a folder of the test's own ---- */

struct folder {
    char path[64];
    int fd;
};

static inline struct folder folder_new(void)
{
    struct folder folder = {.path = "/tmp/hoop-watch-XXXXXX"};
    assert_non_null(mkdtemp(folder.path));
    folder.fd = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(folder.fd >= 0);
    return folder;
}

static inline void folder_free(struct folder *folder)
{
    DIR *directory = fdopendir(folder->fd);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (unlinkat(dirfd(directory), entry->d_name, 0) < 0)
            (void)unlinkat(dirfd(directory), entry->d_name, AT_REMOVEDIR);
    closedir(directory);
    assert_int_equal(rmdir(folder->path), 0);
}

static inline const char *path_in(const struct folder *folder, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    return path;
}

static inline int open_file(const struct folder *folder, const char *name)
{
    int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static inline void make_file(const struct folder *folder, const char *name)
{
    close(open_file(folder, name));
}

static inline void write_byte(int fd)
{
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
}

static inline void remove_file(const struct folder *folder, const char *name)
{
    assert_int_equal(unlinkat(folder->fd, name, 0), 0);
}

static inline void move_file(const struct folder *from, const char *name, const struct folder *to,
                             const char *new_name)
{
    assert_int_equal(renameat(from->fd, name, to->fd, new_name), 0);
}

/* ---- watching ---- */

static inline hoop_file_watch *watch_open(void)
{
    hoop_file_watch *watch = NULL;
    assert_int_equal(hoop_file_watch_open(&watch), 0);
    assert_non_null(watch);
    return watch;
}

static inline int watch_add(hoop_file_watch *watch, const char *path, unsigned what)
{
    int number = hoop_file_watch_add(watch, path, what);
    assert_true(number >= 0);
    return number;
}

static inline hoop_file_event next_event(hoop_file_watch *watch)
{
    hoop_file_event event;
    assert_int_equal(hoop_file_watch_next(watch, &event), 0);
    return event;
}

static inline void assert_event(hoop_file_watch *watch, int number, unsigned what, const char *name)
{
    hoop_file_event event = next_event(watch);
    assert_int_equal(event.watch, number);
    assert_int_equal(event.what, what);
    assert_int_equal(event.cookie, 0);
    assert_string_equal(event.name, name);
}

struct pending {
    hoop_file_watch *watch;
    hoop_file_event event;
};

static inline int64_t wait_for_event(void *arg)
{
    struct pending *pending = arg;
    return hoop_file_watch_next(pending->watch, &pending->event);
}

static inline hoop_task *start_waiting(struct pending *pending)
{
    hoop_task *task = hoop_create_task(wait_for_event, pending);
    let_others_wait();
    assert_false(hoop_task_is_done(task));
    return task;
}

static inline void assert_nothing_happened(hoop_file_watch *watch)
{
    struct pending pending = {.watch = watch};
    hoop_task *task = start_waiting(&pending);
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
}

#endif
