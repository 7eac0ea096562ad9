/* SPDX-License-Identifier: MIT
 *
 * Processes: other programs, started, talked to, and waited for by coroutines.
 *
 *     hoop_process *process;
 *     hoop_process_options options = {.out.kind = HOOP_STDIO_PIPE};
 *     const char *argv[] = {"sort", "-u", "names.txt", NULL};
 *     int rc = hoop_create_subprocess_exec(argv, &options, &process);
 *     ...
 *     hoop_output output;
 *     int64_t status = hoop_process_communicate(process, NULL, 0, &output, NULL);
 *     hoop_process_close(process);
 *
 * A child has the descriptors 0, 1, 2, and those that the options name; nothing else, whatever
 * other libraries have open. Its signals have their default actions but for those that are
 * ignored here, and none is blocked; SIGPIPE is at its default in each case.
 *
 * Starting one takes as long for a parent with gigabytes as for a small one: nothing of its
 * memory is copied (posix_spawn). The loop's thread waits until the program has been found and
 * loaded, some 0.1 ms.
 *
 * A child is reaped by its own number, never "any child", so that those of other libraries are
 * theirs still, and SIGCHLD is left alone. While its loop lives none is left behind as a zombie.
 *
 * All functions are those of the thread of the loop that ran when the process was made.
 */
#ifndef HOOP_PROCESS_H
#define HOOP_PROCESS_H

#include "stream.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_process hoop_process;

/* What a child has for its standard input, output, or error. */
typedef enum hoop_stdio_kind {
    HOOP_STDIO_INHERIT, /* the same as the parent, unless that is closed on exec */
    HOOP_STDIO_PIPE,    /* a pipe, whose other end is hoop_process_stdin, _stdout or _stderr */
    HOOP_STDIO_NULL,    /* /dev/null */
    HOOP_STDIO_FD,      /* the descriptor FD, which stays the caller's */
    HOOP_STDIO_STDOUT,  /* for `err` alone: where its output goes */
} hoop_stdio_kind;

typedef struct hoop_stdio {
    hoop_stdio_kind kind;
    int fd; /* of HOOP_STDIO_FD */
} hoop_stdio;

/* All zero is the default. Nothing of it is needed any more once the child has been made. */
typedef struct hoop_process_options {
    hoop_stdio in, out, err;
    const char *const *environment; /* "NAME=value" each, the last one NULL; NULL: the parent's */
    const char *directory;          /* to work in; NULL: the parent's */
    const char *program;            /* the file to run, if it is not argv[0]; looked for alike */
    const int *inherit;         /* further descriptors, that the child has under the same numbers,
                                   each at least 3 */
    size_t inherit_count;       /* at most 1024 */
    bool new_session;           /* setsid: a session and a group of its own, no terminal */
    bool new_group;             /* a process group of its own, whose number is its pid */
    int group;                  /* not 0: the process group to join */
    hoop_stream_options stream; /* of the pipes' ends here */
} hoop_process_options;

/* Runs ARGV[0] with the arguments ARGV, the last one NULL. A name without '/' is looked for in
 * the parent's PATH; one with a '/' that does not begin with it is seen from `directory`.
 * OPTIONS may be NULL. Does not suspend. 0; -ENOENT, -EACCES, -ENOEXEC, -E2BIG ... if the
 * program or the directory is not to be had (hoop_error_message tells which); -EINVAL for
 * options that contradict each other, an empty ARGV, a descriptor below 3 in `inherit`; -EBADF;
 * -EAGAIN, -ENOMEM, -EMFILE; HOOP_ENOLOOP. */
HOOP_API HOOP_MUST_CHECK int hoop_create_subprocess_exec(const char *const *argv,
                                                         const hoop_process_options *options,
                                                         hoop_process **ret_process);
/* Runs "/bin/sh -c COMMAND". Do not put into it what somebody else has written. */
HOOP_API HOOP_MUST_CHECK int hoop_create_subprocess_shell(const char *command,
                                                          const hoop_process_options *options,
                                                          hoop_process **ret_process);

HOOP_API int hoop_process_pid(const hoop_process *process);

/* The other ends of its pipes; NULL without a pipe, or once taken. They belong to the process,
 * which closes them with itself. To close one earlier (the child reads the end of its input),
 * take it. */
HOOP_API hoop_stream *hoop_process_stdin(hoop_process *process);
HOOP_API hoop_stream *hoop_process_stdout(hoop_process *process);
HOOP_API hoop_stream *hoop_process_stderr(hoop_process *process);
/* The same stream, from now on the caller's, to be closed by it. */
HOOP_API hoop_stream *hoop_process_take_stdin(hoop_process *process);
HOOP_API hoop_stream *hoop_process_take_stdout(hoop_process *process);
HOOP_API hoop_stream *hoop_process_take_stderr(hoop_process *process);

/* ---- its end -------------------------------------------------------------- */

/* How a child ended: its exit status, 0 to 255; or HOOP_EXIT_SIGNAL and the number of the signal
 * that killed it. (asyncio: -N.) */
#define HOOP_EXIT_SIGNAL 256

/* The signal that killed it, 0 if it was none. */
static inline int hoop_exit_signal(int64_t status)
{
    return status > HOOP_EXIT_SIGNAL ? (int)(status - HOOP_EXIT_SIGNAL) : 0;
}

/* Waits for its end: its status. Any number of tasks may wait, also afterwards. Suspends; a
 * cancellation point. A child that fills a pipe nobody reads never ends: see
 * hoop_process_communicate. Also -ECHILD if somebody else has reaped it, or SIGCHLD is ignored:
 * its status is lost; -EBADF if it was closed meanwhile; HOOP_ENOTASK, HOOP_EOTHERLOOP. */
HOOP_API HOOP_MUST_CHECK int hoop_process_wait(hoop_process *process);
/* The same without waiting: HOOP_EPENDING while it runs. */
HOOP_API int hoop_process_status(const hoop_process *process);

/* What a child has written. */
typedef struct hoop_output {
    char *data;  /* allocated; a '\0' follows, which does not count. NULL only if it is no pipe */
    size_t size; /* bytes */
} hoop_output;

/* Frees the data, and makes it empty. */
HOOP_API void hoop_output_free(hoop_output *output);

/* Writes SIZE bytes at INPUT to its standard input, if that is a pipe, and closes it; reads its
 * output and its errors to their ends, all at the same time; waits for its end, and returns its
 * status. RET_OUT and RET_ERR may be NULL: then what comes is dropped. That the child does not
 * read all of its input is no error. Suspends; a cancellation point: -ECANCELED; the next call
 * goes on where this one was stopped, with what was read so far, if INPUT is the same. Also as
 * hoop_process_wait; -EBUSY if another task reads or communicates; -EBADF also if a pipe was
 * taken meanwhile; -EINVAL if it has a protocol; -ENOMEM. On failure nothing is returned, but
 * for -ECHILD: then the outputs are. */
HOOP_API HOOP_MUST_CHECK int hoop_process_communicate(hoop_process *process, const void *input,
                                                      size_t size, hoop_output *ret_out,
                                                      hoop_output *ret_err);

/* Sends it a signal. 0; -ESRCH if it has ended, as the number may be another's by now; -EPERM,
 * -EINVAL. */
HOOP_API int hoop_process_send_signal(hoop_process *process, int signal);
/* SIGTERM, which asks; and SIGKILL, which does not. */
HOOP_API int hoop_process_terminate(hoop_process *process);
HOOP_API int hoop_process_kill(hoop_process *process);

/* Lets go of it: closes the pipes that were not taken, dropping what waits to be sent; if it still
 * runs, kills it, and reaps it in the background. Does not wait. Tasks that wait for it get
 * -EBADF. NULL is allowed. A process that is still open when the loop is closed goes the same way;
 * hoop_close waits until those that were killed are gone. */
HOOP_API void hoop_process_close(hoop_process *process);
/* Lets it run on: as hoop_process_close, but it is not killed. While the loop lives it is reaped
 * when it ends; if it still runs when the loop is closed, it is left to whoever may wait for it. */
HOOP_API void hoop_process_detach(hoop_process *process);

/* ---- in callbacks --------------------------------------------------------- */

/* For those who want no coroutine for each child, as asyncio's SubprocessProtocol. Each may be
 * NULL. Called from the loop, outside of tasks, in the context of the call that made the
 * process. FD is 0, 1 or 2; process_exited comes when the child has ended, and
 * pipe_connection_lost when a pipe has, in whichever order that happens. connection_lost comes
 * after all of them, last and always: after hoop_process_close or hoop_process_detach nothing
 * else comes before it, and when the loop is closed only the loss of the pipes does
 * (HOOP_ECLOSED). */
typedef struct hoop_process_protocol {
    void (*pipe_data_received)(void *arg, int fd, const void *data, size_t size);
    void (*pipe_connection_lost)(void *arg, int fd, int error);
    void (*process_exited)(void *arg, int status); /* as hoop_process_wait */
    void (*connection_lost)(void *arg); /* the process is still to be closed, if it is not */
} hoop_process_protocol;

/* hoop_create_subprocess_exec for a protocol (borrowed): the pipes have transports instead of
 * streams, hoop_process_transport. -EINVAL also for a NULL. Does not suspend, and calls nothing
 * before it returns. */
HOOP_API HOOP_MUST_CHECK int hoop_subprocess_exec(const hoop_process_protocol *protocol, void *arg,
                                                  const char *const *argv,
                                                  const hoop_process_options *options,
                                                  hoop_process **ret_process);
HOOP_API HOOP_MUST_CHECK int hoop_subprocess_shell(const hoop_process_protocol *protocol, void *arg,
                                                   const char *command,
                                                   const hoop_process_options *options,
                                                   hoop_process **ret_process);
struct hoop_transport;
/* Of pipe FD (0, 1, 2); NULL without a pipe, or once it is lost. hoop_transport_close of 0 is
 * the end of the child's input. */
HOOP_API struct hoop_transport *hoop_process_transport(hoop_process *process, int fd);

#ifdef __cplusplus
}
#endif

#endif
