/* SPDX-License-Identifier: MIT
 *
 * Servers: making and serving; their end is server_end.c. See server.h.
 */
#include "io/server.h"

#include <errno.h>
#include <hoop/error.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/context.h"
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

/* What is set on a listening socket holds for those that are accepted from it: some system
 * calls less for each. Unix sockets have none of these. */
static int set_inherited(int fd, const hoop_stream_options *options)
{
    int rc = options->nagle ? 0 : sys_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (rc == 0 && options->keep_alive)
        rc = sys_set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    return rc == -EOPNOTSUPP || rc == -ENOPROTOOPT ? 0 : rc;
}

static int prepare_listeners(hoop_server *server)
{
    int rc = 0;
    for (size_t i = 0; i < server->listener_count && rc == 0; i++) {
        struct listener *listener = &server->listeners[i];
        rc = sys_local_address(listener->fd, &listener->address);
        if (rc == 0)
            rc = set_inherited(listener->fd, &server->options.stream);
    }
    /* Clients have these from their listener: nothing is to be set in each. */
    server->options.stream.nagle = true;
    server->options.stream.keep_alive = false;
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
    int rc = options->grace >= 0 ? prepare_listeners(server) : -EINVAL;
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
    server_tell_waiters(client->server);
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
