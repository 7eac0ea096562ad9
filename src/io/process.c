/* SPDX-License-Identifier: MIT
 *
 * Processes: from the options to a child with its pipes, its end, and letting go of it. See
 * process_communicate.c for talking to it all at once, and loop/child.h for how it is reaped.
 */
#include "io/process.h"

#include <errno.h>
#include <hoop/error.h>
#include <hoop/loop.h>
#include <signal.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/list.h"
#include "base/sys.h"
#include "base/sys_process.h"
#include "io/stream.h"
#include "task/wait.h"

#define INHERIT_MAX 1024

int process_check(const hoop_process *process, const char *function)
{
    int rc = io_check_task(function);
    if (rc < 0 || LIKELY(process->loop == hoop_running_loop()))
        return rc;
    return wait_failed(misuse(hoop_get_debug(process->loop), HOOP_EOTHERLOOP, function));
}

/* ---- its end ---- */

static void process_ended(void *owner)
{
    hoop_process *process = owner;
    int status = child_status(process->child);
    while (!list_is_empty(&process->waiters))
        wait_wake(CONTAINER_OF(process->waiters.next, struct wait, observer.link), status);
    if (process->listener != NULL)
        listener_queue(process->listener);
}

static const struct wait_kind process_wait = {"waits for a process", wait_cancel, NULL, NULL};

int hoop_process_wait(hoop_process *process)
{
    int rc = process_check(process, __func__);
    if (rc < 0)
        return rc;
    int status = child_status(process->child);
    if (status == HOOP_EPENDING) {
        struct wait wait;
        wait_init(&wait, &process_wait);
        list_append(&process->waiters, &wait.observer.link);
        return (int)wait_park(&wait); /* PROCESS may be gone */
    }
    wait_spend();
    return status < 0 ? wait_failed(status) : status;
}

int hoop_process_status(const hoop_process *process)
{
    return child_status(process->child);
}

int hoop_process_pid(const hoop_process *process)
{
    return child_pid(process->child);
}

int hoop_process_send_signal(hoop_process *process, int signal)
{
    return child_signal(process->child, signal);
}

int hoop_process_terminate(hoop_process *process)
{
    return child_signal(process->child, SIGTERM);
}

int hoop_process_kill(hoop_process *process)
{
    return child_signal(process->child, SIGKILL);
}

/* ---- its pipes ---- */

static hoop_stream *take(hoop_process *process, int fd)
{
    hoop_stream *stream = process->streams[fd];
    process->streams[fd] = NULL;
    return stream;
}

hoop_stream *hoop_process_stdin(hoop_process *process)
{
    return process->streams[0];
}

hoop_stream *hoop_process_stdout(hoop_process *process)
{
    return process->streams[1];
}

hoop_stream *hoop_process_stderr(hoop_process *process)
{
    return process->streams[2];
}

hoop_stream *hoop_process_take_stdin(hoop_process *process)
{
    return take(process, 0);
}

hoop_stream *hoop_process_take_stdout(hoop_process *process)
{
    return take(process, 1);
}

hoop_stream *hoop_process_take_stderr(hoop_process *process)
{
    return take(process, 2);
}

/* ---- letting go ---- */

void process_free(hoop_process *process)
{
    list_remove(&process->item.link);
    if (process->child != NULL)
        child_release(process->child, true);
    buffer_done(&process->outputs[1]);
    buffer_done(&process->outputs[2]);
    alloc_free(process);
}

static void let_go(hoop_process *process, bool kill)
{
    if (process == NULL)
        return;
    for (hoop_link *link; (link = list_pop(&process->waiters)) != NULL;)
        wait_wake(CONTAINER_OF(link, struct wait, observer.link), -EBADF);
    for (int fd = 0; fd < 3; fd++)
        hoop_stream_abort(take(process, fd));
    if (process->child != NULL)
        child_release(process->child, kill);
    process->child = NULL;
    process->is_closed = true;
    if (process->listener != NULL)
        listener_let_go(process->listener);
    else if (!process->is_communicating)
        process_free(process);
}

void hoop_process_close(hoop_process *process)
{
    let_go(process, true);
}

void hoop_process_detach(hoop_process *process)
{
    let_go(process, false);
}

/* The loop is being closed: who waits for it goes, too. */
static void item_close(struct io_item *item)
{
    hoop_process *process = CONTAINER_OF(item, hoop_process, item);
    while (list_pop(&process->waiters) != NULL)
        ;
    for (int fd = 0; fd < 3; fd++)
        if (process->streams[fd] != NULL)
            channel_abort(&take(process, fd)->channel);
    if (process->listener != NULL)
        listener_loop_closes(process->listener);
    else
        process_free(process);
}

static const char *item_describe(const struct io_item *item)
{
    const hoop_process *process = CONTAINER_OF(item, hoop_process, item);
    return process->is_closed ? NULL : "a process";
}

/* ---- the beginning ---- */

static bool is_stdio(const hoop_stdio *stdio, hoop_stdio_kind last)
{
    return stdio->kind >= HOOP_STDIO_INHERIT && stdio->kind <= last;
}

static int check_options(const hoop_process_options *options)
{
    bool is_valid = is_stdio(&options->in, HOOP_STDIO_FD) &&
                    is_stdio(&options->out, HOOP_STDIO_FD) &&
                    is_stdio(&options->err, HOOP_STDIO_STDOUT) &&
                    options->inherit_count <= INHERIT_MAX && options->group >= 0 &&
                    (options->group == 0 || (!options->new_session && !options->new_group));
    for (size_t i = 0; is_valid && i < options->inherit_count; i++)
        is_valid = options->inherit[i] >= 3;
    int rc = is_valid ? 0 : -EINVAL;
    for (size_t i = 0; rc == 0 && i < options->inherit_count; i++)
        rc = sys_check_open(options->inherit[i]);
    return rc;
}

/* A pipe between descriptor FD of the child and a stream or transport: the child's end, or an
 * error. */
static int open_pipe(hoop_process *process, int fd, const hoop_process_options *options)
{
    int ends[2];
    int rc = sys_pipe(ends);
    if (rc < 0)
        return rc;
    int theirs = ends[fd == 0 ? 0 : 1], ours = ends[fd == 0 ? 1 : 0];
    if (process->listener != NULL)
        rc = listener_open_pipe(process->listener, fd, ours, &options->stream);
    else
        rc = stream_new(ours, CHANNEL_GIVEN, &options->stream, &process->streams[fd]);
    if (rc == 0)
        return theirs;
    sys_close(ours);
    sys_close(theirs);
    return rc;
}

/* What the child has for FD, in RET_SOURCE: a descriptor of ours, or -1 for what the parent has.
 * OUT is what it has for its output. */
static int open_stdio(hoop_process *process, int fd, const hoop_stdio *stdio, int out,
                      const hoop_process_options *options, int *ret_source)
{
    int source = -1;
    switch (stdio->kind) {
    case HOOP_STDIO_INHERIT:
        return 0;
    case HOOP_STDIO_PIPE:
        source = open_pipe(process, fd, options);
        break;
    case HOOP_STDIO_NULL:
        source = sys_open_null();
        break;
    case HOOP_STDIO_FD:
        source = sys_duplicate(stdio->fd);
        break;
    case HOOP_STDIO_STDOUT:
        source = sys_duplicate(out >= 0 ? out : 1);
        break;
    }
    if (source < 0)
        return source;
    *ret_source = source;
    return 0;
}

/* The error of a start, RC, with a message that says what it is about. */
static int explain(int rc, const struct sys_spawn *spawn)
{
    const char *text = hoop_strerror(rc);
    if (spawn->directory != NULL && sys_check_directory(spawn->directory) == rc)
        return (int)hoop_error_set(rc, "directory '%s': %s", spawn->directory, text);
    if (spawn->group > 0 && (rc == -EPERM || rc == -ESRCH))
        return (int)hoop_error_set(rc, "process group %d: %s", spawn->group, text);
    return (int)hoop_error_set(rc, "program '%s': %s", spawn->program, text);
}

static int start_with(hoop_process *process, const char *const *argv,
                      const hoop_process_options *options, const int *stdio)
{
    struct sys_spawn spawn = {
        .program = options->program != NULL ? options->program : argv[0],
        .argv = argv,
        .environment = options->environment,
        .directory = options->directory,
        .stdio = {stdio[0], stdio[1], stdio[2]},
        .inherit = options->inherit,
        .inherit_count = options->inherit_count,
        .new_session = options->new_session,
        .group = options->group > 0 ? options->group : -1,
    };
    if (options->new_group && !options->new_session) /* which makes a group as well */
        spawn.group = 0;
    int pid = sys_spawn(&spawn);
    return pid < 0 ? explain(pid, &spawn) : child_begin(process->child, pid);
}

static int start(hoop_process *process, const char *const *argv,
                 const hoop_process_options *options)
{
    const hoop_stdio *const wanted[] = {&options->in, &options->out, &options->err};
    int stdio[3] = {-1, -1, -1};
    int rc = 0;
    for (int fd = 0; rc == 0 && fd < 3; fd++)
        rc = open_stdio(process, fd, wanted[fd], stdio[1], options, &stdio[fd]);
    if (rc == 0)
        rc = start_with(process, argv, options, stdio);
    for (int fd = 0; fd < 3; fd++)
        if (stdio[fd] >= 0)
            sys_close(stdio[fd]);
    return rc;
}

static int process_new(const struct process_user *user, hoop_process **ret_process)
{
    hoop_loop *loop = hoop_running_loop();
    struct io_local *local = io_local_of(loop);
    hoop_process *process = local != NULL ? alloc_zeroed(sizeof *process) : NULL;
    if (process == NULL)
        return -ENOMEM;
    process->loop = loop;
    process->item = (struct io_item){.describe = item_describe, .close = item_close};
    list_init(&process->waiters);
    list_init(&process->item.link);
    process->child = child_new(loop, process_ended, process);
    if (process->child != NULL && user != NULL)
        process->listener = listener_new(process, user);
    if (process->child == NULL || (user != NULL && process->listener == NULL)) {
        process_free(process);
        return -ENOMEM;
    }
    io_add(local, &process->item); /* before its streams, which go with it */
    *ret_process = process;
    return 0;
}

int process_create(const char *const *argv, const hoop_process_options *options,
                   const struct process_user *user, hoop_process **ret_process,
                   const char *function)
{
    static const hoop_process_options defaults;
    hoop_process *process = NULL;
    if (options == NULL)
        options = &defaults;
    int rc = io_check_loop(function);
    if (rc < 0)
        return rc;
    bool is_complete = argv != NULL && argv[0] != NULL && (user == NULL || user->protocol != NULL);
    rc = is_complete ? check_options(options) : -EINVAL;
    if (rc < 0)
        return rc == -EINVAL ? misuse(hoop_get_debug(hoop_running_loop()), rc, function) : rc;
    rc = process_new(user, &process);
    if (rc < 0)
        return rc;
    rc = start(process, argv, options);
    if (rc < 0) {
        hoop_process_close(process);
        return rc;
    }
    *ret_process = process;
    if (process->listener != NULL)
        listener_begin(process->listener);
    return 0;
}

int hoop_create_subprocess_exec(const char *const *argv, const hoop_process_options *options,
                                hoop_process **ret_process)
{
    return process_create(argv, options, NULL, ret_process, __func__);
}

int hoop_create_subprocess_shell(const char *command, const hoop_process_options *options,
                                 hoop_process **ret_process)
{
    const char *const argv[] = {PROCESS_SHELL, "-c", command, NULL};
    return process_create(command != NULL ? argv : NULL, options, NULL, ret_process, __func__);
}
