/* SPDX-License-Identifier: MIT
 *
 * Follows a growing file, as "tail -F" does: tail FILE prints what is written to FILE from now on;
 * and when another file takes its place, as log files do that rotate, that one from its beginning.
 * Ends with SIGINT.
 */
#include <errno.h>
#include <fcntl.h>
#include <hoop.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct tail {
    const char *path, *name; /* the name within its folder */
    int fd;                  /* negative while there is no such file */
    uint64_t offset;         /* printed so far */
    hoop_stream *output;
};

static int64_t size_of(const struct tail *tail)
{
    struct stat status;
    int64_t rc = hoop_file_fstat(tail->fd, &status);
    return rc < 0 ? rc : status.st_size;
}

/* Prints what has come since the last time. */
static int64_t print_new(struct tail *tail)
{
    char buffer[16384];
    int64_t size = tail->fd >= 0 ? size_of(tail) : 0;
    if (size < (int64_t)tail->offset)
        tail->offset = 0; /* it was truncated */
    while (tail->fd >= 0 && size >= 0) {
        size = hoop_file_pread(tail->fd, buffer, sizeof buffer, tail->offset);
        if (size <= 0)
            break;
        tail->offset += (uint64_t)size;
        size = hoop_stream_write(tail->output, buffer, (size_t)size);
    }
    return size < 0 ? size : 0;
}

static bool are_same(int one, int other)
{
    struct stat first, second;
    return hoop_file_fstat(one, &first) == 0 && hoop_file_fstat(other, &second) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* Another file may have the name now, or none. */
static int64_t open_next(struct tail *tail)
{
    int fd = hoop_file_open(tail->path, O_RDONLY, 0);
    if (fd < 0 && fd != -ENOENT)
        return fd;
    if (fd >= 0 && are_same(fd, tail->fd))
        return hoop_file_close(fd);
    int64_t rc = print_new(tail); /* the rest of the old one */
    hoop_file_close(tail->fd);
    tail->fd = fd;
    tail->offset = 0;
    return rc;
}

/* It is the folder that is watched: so names that come and go are seen as well. */
static int64_t follow(struct tail *tail, hoop_file_watch *watch)
{
    hoop_file_event event;
    int64_t rc = open_next(tail);
    if (rc == 0 && tail->fd >= 0)
        rc = size_of(tail);
    if (rc > 0)
        tail->offset = (uint64_t)rc;
    while (rc >= 0) {
        rc = hoop_file_watch_next(watch, &event);
        if (rc < 0 || (strcmp(event.name, tail->name) != 0 && !(event.what & HOOP_FILE_OVERFLOW)))
            continue;
        rc = event.what & HOOP_FILE_MODIFIED ? print_new(tail) : open_next(tail);
        if (rc == 0)
            rc = print_new(tail);
    }
    return rc;
}

static int64_t run(void *arg)
{
    char folder[PATH_MAX], name[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", (char *)arg);
    snprintf(name, sizeof name, "%s", (char *)arg);
    struct tail tail = {.path = arg, .name = basename(name), .fd = -1};
    hoop_file_watch *watch;
    int64_t rc = hoop_file_watch_open(&watch);
    if (rc < 0)
        return rc;
    rc = hoop_file_watch_add(watch, dirname(folder),
                             HOOP_FILE_MODIFIED | HOOP_FILE_CREATED | HOOP_FILE_REMOVED);
    if (rc >= 0)
        rc = hoop_stream_stdout(NULL, &tail.output);
    if (rc >= 0)
        rc = follow(&tail, watch);
    hoop_stream_close(tail.output);
    hoop_file_close(tail.fd);
    hoop_file_watch_close(watch);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: tail FILE\n");
        return 2;
    }
    int64_t rc = hoop_run(run, argv[1]);
    if (rc < 0 && rc != -EINTR)
        fprintf(stderr, "tail: %s: %s\n", argv[1], hoop_strerror(rc));
    return rc < 0 && rc != -EINTR;
}
