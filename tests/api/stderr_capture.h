/* SPDX-License-Identifier: MIT
 *
 * What the library writes to stderr, as a string: everything between stderr_capture_begin
 * and stderr_capture_end goes to a pipe instead. A pipe holds 64 KiB; messages are far
 * shorter.
 */
#ifndef TESTS_STDERR_CAPTURE_H
#define TESTS_STDERR_CAPTURE_H

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct stderr_capture {
    int stderr_before;
    int pipe[2];
    size_t length;
    char text[16384];
};

static inline void stderr_capture_begin(struct stderr_capture *capture)
{
    fflush(stderr);
    assert_int_equal(pipe2(capture->pipe, O_CLOEXEC | O_NONBLOCK), 0);
    capture->stderr_before = dup(STDERR_FILENO);
    assert_true(dup2(capture->pipe[1], STDERR_FILENO) >= 0);
    capture->length = 0;
}

/* The text so far, for what another thread is about to write; valid as long as CAPTURE. */
static inline const char *stderr_capture_so_far(struct stderr_capture *capture)
{
    fflush(stderr);
    ssize_t length = read(capture->pipe[0], capture->text + capture->length,
                          sizeof capture->text - 1 - capture->length);
    capture->length += length > 0 ? (size_t)length : 0;
    capture->text[capture->length] = '\0';
    return capture->text;
}

/* The text; valid as long as CAPTURE. */
static inline const char *stderr_capture_end(struct stderr_capture *capture)
{
    stderr_capture_so_far(capture);
    dup2(capture->stderr_before, STDERR_FILENO);
    close(capture->stderr_before);
    close(capture->pipe[0]);
    close(capture->pipe[1]);
    return capture->text;
}

#endif
