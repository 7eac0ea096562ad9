/* SPDX-License-Identifier: MIT
 *
 * Runs a function in a child process, to see how that dies and what it says; and tells
 * who watches this process, as sanitizers and Valgrind have their own ideas of dying.
 * Header-only, as few tests need it.
 */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

/* It delivers a signal when the thread sleeps or returns from a call that it knows. */
#if defined(__SANITIZE_THREAD__)
#define UNDER_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_THREAD_SANITIZER 1
#endif
#endif
#ifndef UNDER_THREAD_SANITIZER
#define UNDER_THREAD_SANITIZER 0
#endif

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define UNDER_VALGRIND (RUNNING_ON_VALGRIND != 0)
#else
#define UNDER_VALGRIND 0
#endif

/* Of another processor, as in `make check-aarch64`: memory limits and residency are not real. */
#define UNDER_EMULATOR (getenv("MESON_EXE_WRAPPER") != NULL)

static inline void child_read_text(FILE *file, char *text, size_t size)
{
    rewind(file);
    size_t length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
}

/* How a child process ended, and what it wrote to stderr. */
struct child {
    int status; /* as of waitpid */
    char text[4096];
};

static inline bool child_died_by(const struct child *child, int signal)
{
    return WIFSIGNALED(child->status) && WTERMSIG(child->status) == signal;
}

/* The child's side: what it writes goes to FILE, no core dump, and an end to a hang. */
static inline void child_begin(FILE *file)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    dup2(fileno(file), STDERR_FILENO);
    alarm(30);
}

static inline struct child child_end(pid_t pid, FILE *file)
{
    struct child child = {0};
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &child.status, 0), pid);
    child_read_text(file, child.text, sizeof child.text);
    return child;
}

/* Runs BODY(ARG) in a child, which exits with 0 if BODY returns. */
static inline struct child child_run(void (*body)(void *arg), void *arg)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        for (int number = 1; number < 32; number++)
            signal(number, SIG_DFL); /* the runner's handlers are not the program's */
        child_begin(file);
        body(arg);
        fflush(NULL);
        _exit(0);
    }
    return child_end(pid, file);
}

/* Runs this program anew, with NAME as its only argument: nothing of what the runner or
 * earlier tests have set up is there. */
static inline struct child child_exec(const char *name)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    pid_t pid = fork();
    if (pid == 0) {
        child_begin(file);
        execl("/proc/self/exe", "test", name, (char *)NULL);
        _exit(127);
    }
    return child_end(pid, file);
}

#endif
