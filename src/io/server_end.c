/* SPDX-License-Identifier: MIT
 *
 * The end of a server: when it is closed and its last client has gone, or when those have been
 * sent away. See server.h.
 *
 * Who waits for the end holds a reference, as another task may free the server meanwhile.
 */
#include <errno.h>
#include <hoop/error.h>

#include "base/sys.h"
#include "io/server.h"
#include "loop/loop.h"
#include "task/wait.h"

static bool is_over(const hoop_server *server)
{
    return server->is_closed && server->client_count == 0;
}

void server_tell_waiters(hoop_server *server)
{
    while (is_over(server) && !list_is_empty(&server->waiters))
        wait_wake(CONTAINER_OF(server->waiters.next, struct wait, observer.link), 0);
}

void hoop_server_close(hoop_server *server)
{
    if (server->is_closed)
        return;
    server->is_closed = true;
    accepting_stop(server);
    socket_file_done(&server->file); /* while it cannot be another's: we still listen */
    for (size_t i = 0; i < server->listener_count; i++) {
        sys_close(server->listeners[i].fd);
        server->listeners[i].fd = -1;
    }
    server_tell_waiters(server);
}

void hoop_server_free(hoop_server *server)
{
    if (server == NULL)
        return;
    hoop_server_close(server);
    server_unref(server);
}

/* ---- waiting ---- */

/* A task that waits for the end, or until its time is up. */
struct end_wait {
    struct wait wait; /* on server->waiters */
    hoop_timer timer;
};

static void end_wait_expire(hoop_timer *timer)
{
    wait_wake(&CONTAINER_OF(timer, struct end_wait, timer)->wait, 0);
}

static const struct wait_kind end_wait = {"waits for a server's end", wait_cancel, NULL, NULL};
static const struct wait_kind end_wait_surely = {"waits for a server's last clients",
                                                 wait_refuse_cancel, NULL, NULL};

/* Waits for the end, at most until DEADLINE: 0, also if that has come; or -ECANCELED, -ENOMEM. */
static int wait_for_end(hoop_server *server, const struct wait_kind *kind, int64_t deadline)
{
    struct end_wait wait;
    if (is_over(server))
        return 0;
    hoop_loop *loop = server->loop;
    wait_init(&wait.wait, kind);
    hoop_timer_init(&wait.timer, end_wait_expire);
    int rc = deadline != INT64_MAX ? hoop_timer_start(loop, &wait.timer, deadline) : 0;
    if (rc < 0)
        return rc;
    list_append(&server->waiters, &wait.wait.observer.link);
    rc = (int)wait_park(&wait.wait);
    hoop_timer_stop(loop, &wait.timer);
    return rc;
}

/* 0, or why the running task cannot wait in FUNCTION for the end of SERVER: it is a client. */
static int check_wait(const hoop_server *server, const char *function)
{
    int rc = io_check_task(function);
    const hoop_link *link = server->clients.next;
    for (; rc == 0 && link != &server->clients; link = link->next) {
        struct client *client = CONTAINER_OF(link, struct client, link);
        if (client->is_counted && server->service.kind->is_running(client))
            rc = wait_failed(misuse(hoop_get_debug(server->loop), -EDEADLK, function));
    }
    return rc;
}

int hoop_server_wait_closed(hoop_server *server)
{
    int rc = check_wait(server, __func__);
    if (rc < 0)
        return rc;
    server->references++;
    rc = wait_for_end(server, &end_wait, INT64_MAX);
    server_unref(server);
    return rc;
}

static int64_t cancel_clients(hoop_server *server)
{
    int64_t count = 0;
    for (hoop_link *link = server->clients.next; link != &server->clients; link = link->next) {
        struct client *client = CONTAINER_OF(link, struct client, link);
        if (client->is_counted && server->service.kind->cancel(client))
            count++;
    }
    return count;
}

/* Ends the clients that are left by DEADLINE, or if the task is cancelled: how many, or
 * -ECANCELED. */
static int64_t end_clients(hoop_server *server, int64_t deadline)
{
    int rc = hoop_time_ns(server->loop) < deadline ? wait_for_end(server, &end_wait, deadline) : 0;
    int64_t count = is_over(server) ? 0 : cancel_clients(server);
    (void)wait_for_end(server, &end_wait_surely, INT64_MAX);
    return rc < 0 ? rc : count;
}

int64_t hoop_server_shutdown(hoop_server *server, double grace)
{
    int rc = check_wait(server, __func__);
    if (rc < 0)
        return rc;
    int64_t deadline = loop_deadline(server->loop, grace);
    if (deadline < 0)
        return wait_failed(misuse(hoop_get_debug(server->loop), (int)deadline, __func__));
    server->references++;
    hoop_server_close(server);
    int64_t result = end_clients(server, deadline);
    server_unref(server);
    return result;
}

int hoop_server_serve_forever(hoop_server *server)
{
    int rc = check_wait(server, __func__);
    if (rc < 0)
        return rc;
    if (!server->is_closed)
        rc = hoop_server_start_serving(server);
    if (rc == 0)
        rc = wait_for_end(server, &end_wait, INT64_MAX);
    hoop_server_close(server);
    if (!is_over(server) && server->options.grace > 0)
        (void)wait_for_end(server, &end_wait_surely,
                           loop_deadline(server->loop, server->options.grace));
    if (!is_over(server))
        (void)end_clients(server, 0);
    server_unref(server);
    return rc < 0 ? wait_failed(rc) : 0;
}
