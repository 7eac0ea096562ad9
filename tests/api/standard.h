/* SPDX-License-Identifier: MIT
 *
 * For tests of standard input and output: they run in a child process, whose descriptors 0 and 1
 * are replaced by something of the test's own.
 */
#ifndef TESTS_API_STANDARD_H
#define TESTS_API_STANDARD_H

#include "stream_peer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>

#include "child.h"

/* What is behind descriptors 0 and 1, and how the streams come to it. */
struct standard {
    void (*open)(struct standard *standard); /* fills in what follows, but the flags */
    bool anew;                               /* is it opened anew, or only duplicated? */
    int fds[2];                              /* what 0 and 1 are duplicates of */
    int peers[2]; /* the other ends: what to write into 0, to read from 1 */
    int flags[2]; /* of fds, before there was a stream */
};

/* ---- kinds ---- */

static inline void standard_pipes(struct standard *standard)
{
    int in[2], out[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    standard->fds[0] = in[0];
    standard->peers[0] = in[1];
    standard->fds[1] = out[1];
    standard->peers[1] = out[0];
}

/* One for both directions, as inetd does. */
static inline void standard_socket(struct standard *standard)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    standard->fds[0] = ends[0];
    standard->fds[1] = dup(ends[0]);
    standard->peers[0] = ends[1];
    standard->peers[1] = dup(ends[1]);
}

/* One for both directions, as a shell does. It takes lines, and shows what is written as it is. */
static inline void standard_terminal(struct standard *standard)
{
    struct termios mode;
    int outer = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(outer >= 0);
    assert_int_equal(grantpt(outer), 0);
    assert_int_equal(unlockpt(outer), 0);
    int inner = open(ptsname(outer), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(inner >= 0);
    assert_int_equal(tcgetattr(inner, &mode), 0);
    mode.c_lflag &= ~(tcflag_t)ECHO;
    mode.c_oflag &= ~(tcflag_t)OPOST;
    assert_int_equal(tcsetattr(inner, TCSANOW, &mode), 0);
    standard->fds[0] = inner;
    standard->fds[1] = dup(inner);
    standard->peers[0] = outer;
    standard->peers[1] = dup(outer);
}

static inline int temporary_file(int flags)
{
    char path[] = "/tmp/hoop-standard-XXXXXX";
    int fd = mkostemp(path, flags | O_CLOEXEC);
    assert_true(fd >= 0);
    unlink(path);
    return fd;
}

/* Their peers are the same files. */
static inline void standard_files(struct standard *standard)
{
    standard->fds[0] = temporary_file(0);
    standard->fds[1] = temporary_file(O_APPEND);
    for (int i = 0; i < 2; i++)
        standard->peers[i] = dup(standard->fds[i]);
}

/* ---- streams ---- */

static inline hoop_stream *standard_stream(const struct standard *standard, int number)
{
    hoop_stream *stream = NULL;
    if (!standard->anew)
        hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1); /* the look at what it is */
    int rc = number == 0 ? hoop_stream_stdin(NULL, &stream) : hoop_stream_stdout(NULL, &stream);
    assert_int_equal(hoop_testing_failed(), !standard->anew);
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(rc, 0);
    assert_true(hoop_stream_fd(stream) > 2);
    return stream;
}

/* Nobody sees that there is a stream: what was blocking blocks still. */
static inline void assert_untouched(const struct standard *standard)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fcntl(standard->fds[i], F_GETFL), standard->flags[i]);
        assert_int_equal(fcntl(i, F_GETFL), standard->flags[i]);
        assert_int_equal(fcntl(i, F_GETFD), 0);
    }
}

/* The program at that end is gone. */
static inline void standard_hang_up(const struct standard *standard, int number)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_true(dup3(nothing, standard->peers[number], O_CLOEXEC) >= 0);
    close(nothing);
}

/* ---- the child ---- */

struct standard_test {
    struct standard standard;
    hoop_coroutine_fn fn;
};

static inline void standard_begin(struct standard *standard)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1); /* who fails does not go on with the next test */
    standard->open(standard);
    for (int i = 0; i < 2; i++) {
        int flags = fcntl(standard->peers[i], F_GETFL);
        if (standard->open != standard_files) /* they are the files themselves */
            assert_int_equal(fcntl(standard->peers[i], F_SETFL, flags | O_NONBLOCK), 0);
        assert_int_equal(dup2(standard->fds[i], i), i);
        standard->flags[i] = fcntl(i, F_GETFL);
        assert_int_equal(standard->flags[i] & O_NONBLOCK, 0);
    }
}

static inline void standard_body(void *arg)
{
    struct standard_test *test = arg;
    standard_begin(&test->standard);
    assert_int_equal(harness_begin(NULL), 0);
    assert_int_equal(run_virtually(test->fn, &test->standard), 0);
    assert_untouched(&test->standard);
    assert_int_equal(harness_end(NULL), 0);
}

static inline void assert_went_well(const struct child *child)
{
    if (child->status != 0)
        fail_msg("the child's status is %#x: %s", (unsigned)child->status, child->text);
}

/* Runs FN, whose argument is the struct standard, as a task in a child. */
static inline void run_with(void (*open)(struct standard *), bool anew, hoop_coroutine_fn fn)
{
    struct standard_test test = {.standard = {.open = open, .anew = anew}, .fn = fn};
    struct child child = child_run(standard_body, &test);
    assert_went_well(&child);
}

#endif
