/* SPDX-License-Identifier: MIT
 *
 * See fork_server.h. The server is single-threaded and answers one request after another. When the
 * program is gone it finds the end of its channel, kills and reaps the helpers, as nobody wants
 * to know any more what they do, and ends; when it is killed, the helpers are.
 */
#include "exec/fork_server.h"

#include <errno.h>
#include <hoop/error.h>
#include <hoop/testing.h>
#include <signal.h>
#include <stdio.h>
#include <sys/uio.h>

#include "base/sys.h"
#include "base/sys_fork.h"
#include "base/sys_process.h"
#include "base/sys_signal.h"
#include "base/turn.h"
#include "exec/shared.h"
#include "loop/loop.h"

struct request {
    int pid; /* to be reaped; 0: to be forked, with the helper's end of its channel */
};

struct reply {
    int result; /* the process that was forked, or an error */
    int status;
};

/* ---- the server ---- */

/* Helpers, by process; 0: a free place. As many as workers, which have one each. */
static int helpers[FORK_SERVER_HELPERS_MAX];

/* PID takes the place of BEFORE. */
static void helpers_replace(int before, int pid)
{
    for (int i = 0; i < FORK_SERVER_HELPERS_MAX; i++) {
        if (helpers[i] == before) {
            helpers[i] = pid;
            return;
        }
    }
}

static void helpers_end(void)
{
    int status;
    for (int i = 0; i < FORK_SERVER_HELPERS_MAX; i++)
        if (helpers[i] > 0)
            sys_end_child(helpers[i], &status);
}

static struct reply fork_helper(int channel, int server_channel, const struct job_setup *setup)
{
    int server = sys_process_id();
    int pid = sys_fork();
    if (pid == 0) {
        sys_close(server_channel);
        channel = sys_move_up(channel);
        job_serve(channel, setup, server);
    }
    sys_close(channel);
    if (pid > 0)
        helpers_replace(0, pid);
    return (struct reply){.result = pid};
}

static bool serve_one(int channel, const struct job_setup *setup)
{
    struct request request;
    int fds[SYS_CHANNEL_FDS_MAX];
    size_t fd_count;
    int64_t size =
        sys_channel_receive(channel, &(struct iovec){&request, sizeof request}, 1, fds, &fd_count);
    if (size <= 0)
        return false;
    struct reply reply = {0};
    if (request.pid > 0) {
        reply.result = sys_end_child(request.pid, &reply.status);
        helpers_replace(request.pid, 0);
    } else if (fd_count == 1)
        reply = fork_helper(fds[0], channel, setup);
    else
        reply.result = -EMFILE; /* the channel's end did not come through */
    return sys_channel_send(channel, &(struct iovec){&reply, sizeof reply}, 1, NULL, 0) == 0;
}

/* Nothing of the program's goes on here: no loop, no task, no thread, no handler. */
static void forget_program(void)
{
    hoop_testing_fail_nth(0, 0);
    shared_forget();
    running_loop = NULL;
    turn = (struct thread_turn){0};
    sys_signals_forget();
    sys_signal_action(SIGINT, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    sys_signal_reset(SIGCHLD); /* ignored children leave no status */
}

static _Noreturn void serve(int channel, const struct job_setup *setup)
{
    forget_program();
    sys_thread_name("hoop-forkserver");
    sys_close_others(channel);
    while (serve_one(channel, setup))
        ;
    helpers_end();
    sys_exit(0);
}

/* ---- in the program ---- */

int fork_server_start(struct fork_server *server, const struct job_setup *setup)
{
    int channels[2];
    int rc = sys_channel_pair(channels);
    if (rc < 0)
        return rc;
    fflush(NULL); /* or each helper would write it again */
    shared_hold();
    int pid = sys_fork();
    if (pid == 0)
        serve(channels[1], setup);
    shared_release();
    sys_close(channels[1]);
    if (pid < 0) {
        sys_close(channels[0]);
        return pid;
    }
    *server = (struct fork_server){.channel = channels[0], .pid = pid};
    pthread_mutex_init(&server->lock, NULL);
    return 0;
}

void fork_server_end(struct fork_server *server)
{
    int status;
    sys_close(server->channel);
    sys_end_child(server->pid, &status);
    pthread_mutex_destroy(&server->lock);
}

static int ask(struct fork_server *server, struct request request, int fd, struct reply *ret_reply)
{
    pthread_mutex_lock(&server->lock);
    int rc = sys_channel_ask(server->channel, &request, sizeof request, fd, ret_reply,
                             sizeof *ret_reply);
    pthread_mutex_unlock(&server->lock);
    return rc == -EPIPE ? HOOP_EHELPER : rc < 0 ? rc : ret_reply->result;
}

int fork_server_fork(struct fork_server *server, int *ret_channel)
{
    int channels[2];
    int rc = sys_channel_pair(channels);
    if (rc < 0)
        return rc;
    struct reply reply = {0};
    rc = ask(server, (struct request){0}, channels[1], &reply);
    sys_close(channels[1]);
    if (rc < 0)
        sys_close(channels[0]);
    else
        *ret_channel = channels[0];
    return rc;
}

int fork_server_reap(struct fork_server *server, int pid, int *ret_status)
{
    struct reply reply = {0};
    int rc = ask(server, (struct request){.pid = pid}, -1, &reply);
    if (rc == 0)
        *ret_status = reply.status;
    else if (rc != HOOP_EHELPER)
        sys_process_kill(pid, -1); /* its parent has not reaped it, and will when it goes */
    return rc;
}
