/* SPDX-License-Identifier: MIT
 *
 * Servers: making, serving and ending. See server.h.
 */
#include "io/server.h"

#include <errno.h>
#include <hoop/error.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/sys.h"
#include "base/sys_socket.h"
#include "io/stream.h"
#include "loop/loop.h"
#include "task/wait.h"

/* ---- memory ---- */

static void server_free(hoop_server *server)
{
    assert(server->is_closed && list_is_empty(&server->clients));
    list_remove(&server->item.link);
    hoop_tls_unref(server->options.tls);
    context_unref(server->context);
    alloc_free(server->listeners);
    alloc_free(server);
}

void server_unref(hoop_server *server)
{
    assert(server->references > 0);
    if (--server->references == 0)
        server_free(server);
}

/* The loop goes, with tasks that wait for the server, and what is left of the clients. */
static void server_drop(struct io_item *item)
{
    hoop_server *server = CONTAINER_OF(item, hoop_server, item);
    hoop_link *link;
    while (list_pop(&server->waiters) != NULL)
        ;
    hoop_server_close(server);
    while ((link = list_pop(&server->clients)) != NULL)
        server->service.kind->drop(CONTAINER_OF(link, struct client, link));
    server_free(server);
}

static const char *server_describe(const struct io_item *item)
{
    return CONTAINER_OF(item, hoop_server, item)->is_closed ? NULL : "a server";
}

/* Takes over the SOCKETS and the FILE, unless it fails: NULL, without memory. */
static hoop_server *server_new(const struct service *service, struct sockets *sockets,
                               struct socket_file *file, const hoop_server_options *options)
{
    hoop_loop *loop = hoop_running_loop();
    struct io_local *local = io_local_of(loop);
    hoop_server *server = local != NULL ? alloc_zeroed(sizeof *server) : NULL;
    if (server == NULL)
        return NULL;
    server->listeners = alloc_array(NULL, sockets->count, sizeof *server->listeners);
    if (server->listeners == NULL) {
        alloc_free(server);
        return NULL;
    }
    server->item = (struct io_item){.close = server_drop, .describe = server_describe};
    io_add(local, &server->item);
    server->loop = loop;
    server->service = *service;
    server->options = *options;
    server->options.tls = hoop_tls_ref(options->tls);
    server->context = context_capture();
    server->file = *file;
    list_init(&server->clients);
    list_init(&server->waiters);
    server->references = 1;
    for (; server->listener_count < sockets->count; server->listener_count++)
        listener_init(&server->listeners[server->listener_count], server,
                      sockets->fds[server->listener_count]);
    alloc_free(sockets->fds);
    return server;
}

/* ---- starting ---- */

static int note_addresses(hoop_server *server)
{
    int rc = 0;
    for (size_t i = 0; i < server->listener_count && rc == 0; i++)
        rc = sys_local_address(server->listeners[i].fd, &server->listeners[i].address);
    return rc;
}

/* Takes over SOCKETS and FILE, whatever comes of it. */
static int server_start(const struct service *service, struct sockets *sockets,
                        struct socket_file *file, const hoop_server_options *options,
                        hoop_server **ret_server)
{
    hoop_server *server = server_new(service, sockets, file, options);
    if (server == NULL) {
        sockets_done(sockets);
        socket_file_done(file);
        return -ENOMEM;
    }
    int rc = note_addresses(server);
    if (rc == 0 && !options->do_not_serve)
        rc = accepting_start(server);
    if (rc < 0)
        hoop_server_free(server);
    else
        *ret_server = server;
    return rc;
}

static const hoop_server_options defaults;

/* 0, or why no server can be made for these. */
static int check(const struct service *service, const char *function)
{
    int rc = io_check_loop(function);
    if (rc < 0)
        return rc;
    bool is_whole =
        service->client != NULL || (service->protocol != NULL && service->factory != NULL);
    return is_whole ? 0 : misuse(hoop_get_debug(hoop_running_loop()), -EINVAL, function);
}

int server_on_host(const struct service *service, const char *host, uint16_t port,
                   const hoop_server_options *options, hoop_server **ret_server,
                   const char *function)
{
    if (options == NULL)
        options = &defaults;
    struct sockets sockets;
    int rc = io_check_task(function);
    if (rc == 0)
        rc = check(service, function);
    if (rc == 0)
        rc = listen_on_host(host, port, options, &sockets);
    if (rc < 0)
        return rc;
    rc = server_start(service, &sockets, &(struct socket_file){0}, options, ret_server);
    return rc < 0 ? wait_failed(rc) : 0;
}

int server_on_unix(const struct service *service, const char *path,
                   const hoop_server_options *options, hoop_server **ret_server,
                   const char *function)
{
    if (options == NULL)
        options = &defaults;
    struct sockets sockets;
    struct socket_file file;
    int rc = check(service, function);
    if (rc == 0)
        rc = listen_on_unix(path, options, &sockets, &file);
    return rc < 0 ? rc : server_start(service, &sockets, &file, options, ret_server);
}

int server_on_fds(const struct service *service, const int *fds, size_t count,
                  const hoop_server_options *options, hoop_server **ret_server,
                  const char *function)
{
    struct sockets sockets;
    int rc = listen_on_fds(fds, count, &sockets); /* first: they are closed in any case */
    if (rc < 0)
        return rc;
    rc = check(service, function);
    if (rc < 0) {
        sockets_done(&sockets);
        return rc;
    }
    return server_start(service, &sockets, &(struct socket_file){0},
                        options != NULL ? options : &defaults, ret_server);
}

int hoop_server_start_serving(hoop_server *server)
{
    if (server->is_closed)
        return HOOP_ESHUTDOWN;
    return server->is_serving ? 0 : accepting_start(server);
}

bool hoop_server_is_serving(const hoop_server *server)
{
    return server->is_serving;
}

int hoop_server_address(const hoop_server *server, size_t index, hoop_address *ret_address)
{
    if (index >= server->listener_count)
        return -ENOENT;
    *ret_address = server->listeners[index].address;
    return 0;
}

size_t hoop_server_client_count(const hoop_server *server)
{
    return server->client_count;
}

/* ---- clients ---- */

static bool is_over(const hoop_server *server)
{
    return server->is_closed && server->client_count == 0;
}

static void tell_waiters(hoop_server *server)
{
    while (is_over(server) && !list_is_empty(&server->waiters))
        wait_wake(CONTAINER_OF(server->waiters.next, struct wait, observer.link), 0);
}

void client_begin(struct client *client, hoop_server *server)
{
    client->server = server;
    client->is_counted = true;
    list_append(&server->clients, &client->link);
    server->client_count++;
    server->references++;
}

void client_leave(struct client *client)
{
    if (!client->is_counted)
        return;
    client->is_counted = false;
    client->server->client_count--;
    tell_waiters(client->server);
}

void client_end(struct client *client)
{
    hoop_server *server = client->server;
    list_remove(&client->link);
    client_leave(client);
    accepting_retry(server);
    server_unref(server);
}

void client_lost_stream(struct client *client)
{
    client->server->service.kind->lost(client);
}

/* Whatever that does to a client, it stays on the list until its task, or the loop, goes on. */
static void for_each_client(hoop_server *server, void (*what)(struct client *client))
{
    for (hoop_link *link = server->clients.next; link != &server->clients; link = link->next) {
        struct client *client = CONTAINER_OF(link, struct client, link);
        if (client->is_counted)
            what(client);
    }
}

void hoop_server_close_clients(hoop_server *server)
{
    for_each_client(server, server->service.kind->close);
}

void hoop_server_abort_clients(hoop_server *server)
{
    for_each_client(server, server->service.kind->abort);
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

/* ---- the end ---- */

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
    tell_waiters(server);
}

void hoop_server_free(hoop_server *server)
{
    if (server == NULL)
        return;
    hoop_server_close(server);
    server_unref(server);
}

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
    if (!is_over(server))
        (void)end_clients(server, 0);
    server_unref(server);
    return rc < 0 ? wait_failed(rc) : 0;
}
