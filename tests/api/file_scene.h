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
#include <sys/stat.h>
#include <unistd.h>

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

/* Threads only, or what there is. */
static inline void use_threads(bool must)
{
    if (must)
        setenv("HOOP_FILES", "threads", 1);
    else
        unsetenv("HOOP_FILES");
}

#endif
