/* SPDX-License-Identifier: MIT
 *
 * Files for tests, in the folder where these run: on a disk, as a rule.
 */
#ifndef TESTS_API_FILE_SCENE_H
#define TESTS_API_FILE_SCENE_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "in_a_task.h"

struct file_scene {
    char path[64];
    int fd; /* open to read and write */
};

static inline void scene_init(struct file_scene *scene)
{
    snprintf(scene->path, sizeof scene->path, "hoop-file-XXXXXX");
    scene->fd = mkostemp(scene->path, O_CLOEXEC);
    assert_true(scene->fd >= 0);
}

static inline void scene_done(struct file_scene *scene)
{
    close(scene->fd);
    unlink(scene->path);
}

/* The byte that belongs at OFFSET of a file of SIZE bytes. */
static inline char pattern_at(size_t offset)
{
    return (char)(offset * 31 + (offset >> 8) * 7 + (offset >> 16));
}

static inline void pattern_fill(char *data, size_t size, size_t offset)
{
    for (size_t i = 0; i < size; i++)
        data[i] = pattern_at(offset + i);
}

static inline bool is_pattern(const char *data, size_t size, size_t offset)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != pattern_at(offset + i))
            return false;
    return true;
}

/* Gives the file SIZE bytes of the pattern, past hoop. */
static inline void scene_fill(const struct file_scene *scene, size_t size)
{
    char *data = malloc(size);
    assert_non_null(data);
    pattern_fill(data, size, 0);
    assert_int_equal(pwrite(scene->fd, data, size, 0), size);
    free(data);
}

/* Is nothing of the file's SIZE bytes in the page cache? */
static inline bool is_cold(const struct file_scene *scene, size_t size)
{
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
    size_t page_count = (size + page_size - 1) / page_size, cached = 0;
    unsigned char *pages = malloc(page_count);
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, scene->fd, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(mincore(map, size, pages), 0);
    munmap(map, size);
    for (size_t i = 0; i < page_count; i++)
        cached += pages[i] & 1;
    free(pages);
    return cached == 0;
}

/* Takes it out of there. False if it stays, as where it is not on a disk: reading it then says
 * less, and the test says so. */
static inline bool scene_cool(const struct file_scene *scene, size_t size)
{
    assert_int_equal(fsync(scene->fd), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(posix_fadvise(scene->fd, 0, 0, POSIX_FADV_DONTNEED), 0);
        if (is_cold(scene, size))
            return true;
        usleep(1000);
    }
    print_message("# the file stays in the page cache\n");
    return false;
}

/* Has the loop an io_uring for its files? Once something has missed the cache. An emulator may not
 * know how to ask for what is cached; then threads do all. */
static inline bool files_use_ring(void)
{
    hoop_info info;
    hoop_loop_info(hoop_running_loop(), &info);
    assert_true(info.files[0] != '\0' || UNDER_EMULATOR);
    return strcmp(info.files, "io_uring") == 0;
}

/* Both ends, the one to read first. */
static inline void open_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

static inline void close_pipe(const int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

#endif
