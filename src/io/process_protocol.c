/* SPDX-License-Identifier: MIT
 *
 * Processes in callbacks: the pipes are transports, and what happens to them and to the child is
 * told to one protocol.
 *
 * The child's end becomes known while the loop collects what is ready, where no program's code may
 * run; so it only queues the listener, whose turn it then is. connection_lost comes last, once all
 * pipes are lost and the child has ended; or its program has let go of it, and then nothing else is
 * told in between. The process's memory stays until then.
 */
#include <errno.h>
#include <hoop/context.h>
#include <hoop/error.h>
#include <hoop/loop.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/context.h"
#include "base/list.h"
#include "io/process.h"
#include "io/protocol.h"

/* One pipe of a process: the ARG of its transport. */
struct process_pipe {
    hoop_process *process;
    int fd;
    hoop_transport *transport; /* NULL: there is none, or it is lost */
};

struct process_listener {
    hoop_process *process;
    const hoop_process_protocol *protocol; /* borrowed */
    void *arg;
    hoop_context *context; /* of who made it: a reference, or NULL */
    hoop_ready ready;      /* queued when there is something to tell */
    struct process_pipe pipes[3];
    bool has_begun;      /* the child has; before, nothing is told */
    bool is_telling;     /* process_exited or connection_lost is running, which may close it */
    bool has_told_exit;  /* process_exited was called */
    bool has_told_loss;  /* connection_lost was called */
    bool is_loop_closed; /* the process has been closed with the loop, and waits for its pipes */
};

static bool has_pipes(const struct process_listener *listener)
{
    for (int fd = 0; fd < 3; fd++)
        if (listener->pipes[fd].transport != NULL)
            return true;
    return false;
}

/* The memory goes, with the process. */
static void listener_free(struct process_listener *listener)
{
    hoop_context *context = listener->context;
    hoop_ready_remove(&listener->ready);
    listener->process->listener = NULL;
    process_free(listener->process);
    alloc_free(listener);
    context_unref(context);
}

/* Frees it if it was told all, and nobody needs it any more. */
static void listener_settle(struct process_listener *listener)
{
    bool is_let_go = listener->process->is_closed || listener->is_loop_closed;
    if (is_let_go && listener->has_told_loss && !listener->is_telling)
        listener_free(listener);
}

/* ---- telling ---- */

static void tell_exit(struct process_listener *listener)
{
    hoop_process *process = listener->process;
    if (process->is_closed || listener->has_told_exit || listener->is_loop_closed)
        return;
    int status = child_status(process->child);
    if (status == HOOP_EPENDING)
        return;
    listener->has_told_exit = true;
    if (listener->protocol->process_exited != NULL)
        listener->protocol->process_exited(listener->arg, status);
}

static void tell_loss(struct process_listener *listener)
{
    bool is_over =
        listener->has_told_exit || listener->process->is_closed || listener->is_loop_closed;
    if (!is_over || listener->has_told_loss || has_pipes(listener))
        return;
    listener->has_told_loss = true;
    if (listener->protocol->connection_lost != NULL)
        listener->protocol->connection_lost(listener->arg);
}

/* Tells what there is to tell. The process may be gone afterwards. */
static void tell(struct process_listener *listener)
{
    hoop_context **outer = context_enter(&listener->context);
    listener->is_telling = true;
    tell_exit(listener);
    tell_loss(listener);
    listener->is_telling = false;
    context_enter(outer);
    listener_settle(listener);
}

static void take_turn(hoop_ready *ready)
{
    tell(CONTAINER_OF(ready, struct process_listener, ready));
}

void listener_queue(struct process_listener *listener)
{
    hoop_ready_push(listener->process->loop, &listener->ready);
}

/* ---- its pipes ---- */

static void pipe_made(void *arg, hoop_transport *transport)
{
    (void)arg;
    (void)transport;
}

static void pipe_received(void *arg, const void *data, size_t size)
{
    const struct process_pipe *pipe = arg;
    const struct process_listener *listener = pipe->process->listener;
    if (!pipe->process->is_closed && listener->protocol->pipe_data_received != NULL)
        listener->protocol->pipe_data_received(listener->arg, pipe->fd, data, size);
}

static void pipe_lost(void *arg, int error)
{
    struct process_pipe *pipe = arg;
    hoop_process *process = pipe->process;
    struct process_listener *listener = process->listener;
    pipe->transport = NULL;
    if (!process->is_closed && listener->protocol->pipe_connection_lost != NULL)
        listener->protocol->pipe_connection_lost(listener->arg, pipe->fd, error);
    if (listener->is_loop_closed)
        tell(listener);
    else
        listener_queue(listener);
}

static const hoop_protocol pipe_protocol = {
    .connection_made = pipe_made,
    .data_received = pipe_received,
    .connection_lost = pipe_lost,
};

/* Its process is complained of already. */
static const char *describe_pipe(const struct io_item *item)
{
    (void)item;
    return NULL;
}

int listener_open_pipe(struct process_listener *listener, int fd, int end,
                       const hoop_stream_options *options)
{
    struct process_pipe *pipe = &listener->pipes[fd];
    int rc = transport_new(end, CHANNEL_GIVEN, options, &pipe_protocol, pipe, &pipe->transport);
    if (rc == 0)
        pipe->transport->channel.item.describe = describe_pipe;
    return rc;
}

/* ---- its life ---- */

struct process_listener *listener_new(hoop_process *process, const struct process_user *user)
{
    struct process_listener *listener = alloc_zeroed(sizeof *listener);
    if (listener == NULL)
        return NULL;
    listener->process = process;
    listener->protocol = user->protocol;
    listener->arg = user->arg;
    listener->context = context_capture();
    for (int fd = 0; fd < 3; fd++)
        listener->pipes[fd] = (struct process_pipe){.process = process, .fd = fd};
    hoop_ready_init(&listener->ready, take_turn);
    return listener;
}

void listener_begin(struct process_listener *listener)
{
    listener->has_begun = true;
    for (int fd = 0; fd < 3; fd++)
        if (listener->pipes[fd].transport != NULL)
            transport_made(listener->pipes[fd].transport);
    listener_queue(listener); /* the child may have ended */
}

void listener_let_go(struct process_listener *listener)
{
    for (int fd = 0; fd < 3; fd++) {
        hoop_transport *transport = listener->pipes[fd].transport;
        if (transport != NULL && listener->has_begun)
            hoop_transport_abort(transport);
        else if (transport != NULL)
            channel_abort(&transport->channel); /* and nobody is told */
    }
    if (!listener->has_begun)
        listener_free(listener);
    else if (listener->has_told_loss)
        listener_settle(listener);
    else if (!listener->is_loop_closed)
        listener_queue(listener);
}

void listener_loop_closes(struct process_listener *listener)
{
    listener->is_loop_closed = true;
    list_remove(&listener->process->item.link);
    tell(listener);
}

/* ---- for programs ---- */

int hoop_subprocess_exec(const hoop_process_protocol *protocol, void *arg, const char *const *argv,
                         const hoop_process_options *options, hoop_process **ret_process)
{
    const struct process_user user = {protocol, arg};
    return process_create(argv, options, &user, ret_process, __func__);
}

int hoop_subprocess_shell(const hoop_process_protocol *protocol, void *arg, const char *command,
                          const hoop_process_options *options, hoop_process **ret_process)
{
    const struct process_user user = {protocol, arg};
    const char *const argv[] = {PROCESS_SHELL, "-c", command, NULL};
    return process_create(command != NULL ? argv : NULL, options, &user, ret_process, __func__);
}

hoop_transport *hoop_process_transport(hoop_process *process, int fd)
{
    if (process->listener == NULL || fd < 0 || fd > 2)
        return NULL;
    return process->listener->pipes[fd].transport;
}
