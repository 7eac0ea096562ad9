/* SPDX-License-Identifier: MIT
 *
 * A folder for each test, in which it starts, with a few ways to fill it and to look at it that
 * do not go through hoop. BEHAVIOUR_IN_A_FOLDER stands for BEHAVIOUR in a test's table.
 */
#ifndef TESTS_API_FOLDER_H
#define TESTS_API_FOLDER_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

#define BEHAVIOUR_IN_A_FOLDER(test) \
    cmocka_unit_test_setup_teardown(test, folder_enter, folder_leave)

static char folder_left[PATH_MAX]; /* where the test came from */
static char folder_path[PATH_MAX];

static inline int folder_enter(void **state)
{
    const char *place = getenv("TMPDIR");
    assert_non_null(getcwd(folder_left, sizeof folder_left));
    snprintf(folder_path, sizeof folder_path, "%s/hoop-test-XXXXXX",
             place != NULL ? place : "/tmp");
    assert_non_null(mkdtemp(folder_path));
    assert_int_equal(chdir(folder_path), 0);
    return harness_begin(state);
}

static inline int folder_remove_one(const char *path, const struct stat *status, int kind,
                                    struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static inline int folder_leave(void **state)
{
    int rc = harness_end(state);
    assert_int_equal(chdir(folder_left), 0);
    assert_int_equal(nftw(folder_path, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    return rc;
}

/* How many names there are in it, but for "." and ".." */
static inline int count_names(const char *path)
{
    int count = -2;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

#define FILE_CHUNK ((size_t)65536)
#define FILE_PAGE ((size_t)4096)

/* What made files hold from PLACE on, which is a multiple of FILE_CHUNK: no two pages are the same.
 * Until the next call. */
static inline const unsigned char *made_chunk(size_t place)
{
    static unsigned char chunk[FILE_CHUNK];
    if (chunk[FILE_PAGE - 1] == 0) /* the first call */
        for (size_t i = 0; i < FILE_CHUNK; i++)
            chunk[i] = (unsigned char)(i ^ i >> 8);
    for (size_t i = 0; i < FILE_CHUNK; i += FILE_PAGE, place += FILE_PAGE)
        memcpy(chunk + i, &place, sizeof place);
    return chunk;
}

static inline void make_file(const char *name, size_t size)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    for (size_t done = 0; done < size; done += FILE_CHUNK) {
        size_t part = size - done < FILE_CHUNK ? size - done : FILE_CHUNK;
        assert_int_equal(write(fd, made_chunk(done), part), part);
    }
    close(fd);
}

static inline bool is_made_file(const char *name, size_t size)
{
    static unsigned char chunk[FILE_CHUNK];
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    size_t done = 0;
    bool is_same = true;
    ssize_t part;
    while (is_same && (part = pread(fd, chunk, FILE_CHUNK, (off_t)done)) > 0) {
        is_same = memcmp(chunk, made_chunk(done), (size_t)part) == 0;
        done += (size_t)part;
    }
    close(fd);
    return is_same && done == size;
}

static inline void make_text(const char *name, const char *text)
{
    FILE *file = fopen(name, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* Up to 255 bytes; until the next call. */
static inline const char *text_of(const char *name)
{
    static char text[256];
    FILE *file = fopen(name, "re");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static inline bool exists(const char *name)
{
    struct stat status;
    return lstat(name, &status) == 0;
}

static inline void drop_report(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    (void)exception;
    (void)arg;
}

/* Runs FN(ARG) in a loop that may fail, as all may while calls are made to fail: without a word,
 * with the result of whatever failed. */
static inline int64_t run_though_it_may_fail(hoop_coroutine_fn fn, void *arg)
{
    hoop_loop *loop = hoop_new_event_loop();
    if (loop == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(loop, drop_report, NULL);
    int64_t rc = hoop_run_until_complete(loop, fn, arg);
    hoop_close(loop);
    assert_true(rc >= 0 || rc == -HOOP_TESTING_ERRNO || rc == -ENOMEM);
    return rc;
}

#endif
