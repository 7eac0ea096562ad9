/* SPDX-License-Identifier: MIT
 *
 * Transports to elsewhere, and servers whose clients have a protocol each.
 *
 * Nothing here needs a task of a server's client, but for TLS: its handshake waits, so it is
 * made by a task, which ends when the protocol takes over. A client that comes to nothing before
 * that costs the program nothing: its factory is called after the handshake.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/loop.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/context.h"
#include "base/sys.h"
#include "io/connect.h"
#include "io/protocol.h"
#include "io/tls.h"
#include "task/wait.h"

/* ---- connecting ---- */

static const hoop_connection_options defaults;

static int secure(hoop_transport *transport, hoop_tls *tls, const char *server_name)
{
    int rc = tls_start(&transport->channel, tls, server_name);
    return rc < 0 ? wait_failed(rc) : tls_handshake(&transport->channel);
}

/* Takes FD over, whatever comes of it. */
static int open_over(int fd, const hoop_protocol *protocol, void *arg,
                     const hoop_connection_options *options, const char *server_name,
                     hoop_transport **ret_transport)
{
    hoop_transport *transport;
    int rc = transport_new(fd, CHANNEL_FRESH, &options->stream, protocol, arg, &transport);
    if (rc < 0) {
        sys_close(fd);
        return wait_failed(rc);
    }
    if (options->tls != NULL)
        rc = secure(transport, options->tls, server_name);
    if (rc < 0) {
        channel_abort(&transport->channel);
        return rc;
    }
    *ret_transport = transport;
    transport_made(transport);
    return 0;
}

/* 0, or why FUNCTION cannot connect; IS_VALID: with what it was given it could. */
static int check(bool is_valid, const char *function)
{
    int rc = io_check_task(function);
    if (rc == 0 && !is_valid)
        rc = wait_failed(misuse(hoop_get_debug(hoop_running_loop()), -EINVAL, function));
    return rc;
}

int hoop_create_connection(const hoop_protocol *protocol, void *arg, const char *host,
                           uint16_t port, const hoop_connection_options *options,
                           hoop_transport **ret_transport)
{
    if (options == NULL)
        options = &defaults;
    int rc = check(protocol_is_complete(protocol), __func__);
    int fd = rc < 0 ? rc : connect_host(host, port, options);
    const char *name = options->server_name != NULL ? options->server_name : host;
    return fd < 0 ? fd : open_over(fd, protocol, arg, options, name, ret_transport);
}

int hoop_create_unix_connection(const hoop_protocol *protocol, void *arg, const char *path,
                                const hoop_connection_options *options,
                                hoop_transport **ret_transport)
{
    if (options == NULL)
        options = &defaults;
    bool has_name = options->tls == NULL || options->server_name != NULL;
    int rc = check(has_name && protocol_is_complete(protocol), __func__);
    int fd = rc < 0 ? rc : connect_unix(path);
    return fd < 0 ? fd : open_over(fd, protocol, arg, options, options->server_name, ret_transport);
}

/* ---- a server's client ---- */

static hoop_transport *client_transport(struct client *client)
{
    return CONTAINER_OF(client, hoop_transport, client);
}

/* The connection is ready: its protocol takes over, unless the program refuses it. */
static void begin(void *arg)
{
    hoop_transport *transport = arg;
    const struct service *service = &transport->client.server->service;
    hoop_context **outer = context_enter(&transport->context);
    transport->arg = service->factory(service->arg);
    context_enter(outer);
    if (transport->arg == NULL) {
        channel_abort(&transport->channel);
        return;
    }
    transport_made(transport);
    if (transport->is_unwanted)
        hoop_transport_abort(transport);
}

/* The task that makes the handshake of a client, until that has its protocol. */
struct greeting {
    struct observer observer;  /* of the task: it may end before it begins, without a stack */
    hoop_task *task;           /* borrowed: it lives longer */
    hoop_transport *transport; /* NULL: the handshake is done */
};

static int64_t greet(void *arg)
{
    struct greeting *greeting = arg;
    hoop_transport *transport = greeting->transport;
    hoop_server *server = transport->client.server;
    int rc = secure(transport, server->options.tls, NULL);
    if (rc < 0) {
        client_report_handshake(server, rc);
        return 0;
    }
    greeting->transport = NULL;
    transport->greeting = NULL;
    hoop_call_on_thread_stack(begin, transport);
    return 0;
}

/* Nothing of a program's runs here. */
static void greeting_ends(struct observer *observer)
{
    struct greeting *greeting = CONTAINER_OF(observer, struct greeting, observer);
    hoop_transport *transport = greeting->transport;
    if (transport != NULL) {
        transport->greeting = NULL;
        channel_abort(&transport->channel);
    }
    alloc_free(greeting);
}

void greeting_drop(hoop_transport *transport)
{
    list_remove(&transport->greeting->observer.link);
    alloc_free(transport->greeting);
    transport->greeting = NULL;
}

static int greeting_start(hoop_transport *transport)
{
    struct greeting *greeting = alloc_zeroed(sizeof *greeting);
    if (greeting == NULL)
        return -ENOMEM;
    greeting->task = hoop_create_task_named(greet, greeting, "handshake");
    if (greeting->task == NULL) {
        alloc_free(greeting);
        return hoop_last_error();
    }
    greeting->transport = transport;
    transport->greeting = greeting;
    greeting->observer.notify = greeting_ends;
    list_init(&greeting->observer.link);
    wait_observe(hoop_task_future(greeting->task), &greeting->observer);
    hoop_task_detach(greeting->task);
    return 0;
}

static int client_serve(hoop_server *server, int fd)
{
    hoop_transport *transport;
    int rc = transport_new(fd, CHANNEL_FRESH, &server->options.stream, server->service.protocol,
                           NULL, &transport);
    if (rc < 0) {
        sys_close(fd);
        return rc;
    }
    client_begin(&transport->client, server);
    if (server->options.tls != NULL)
        rc = greeting_start(transport);
    else
        begin(transport);
    if (rc < 0)
        channel_abort(&transport->channel);
    return rc;
}

/* It shakes hands still, or its factory is what runs. */
static void give_up(hoop_transport *transport)
{
    if (transport->greeting != NULL)
        hoop_task_cancel(transport->greeting->task);
    else
        transport->is_unwanted = true;
}

static void client_close(struct client *client)
{
    hoop_transport *transport = client_transport(client);
    if (transport->is_made)
        hoop_transport_close(transport);
    else
        give_up(transport);
}

static void client_abort(struct client *client)
{
    hoop_transport *transport = client_transport(client);
    if (transport->is_made)
        hoop_transport_abort(transport);
    else
        give_up(transport);
}

static bool client_cancel(struct client *client)
{
    bool ends = hoop_transport_is_closing(client_transport(client));
    client_close(client);
    return !ends;
}

/* Only tasks can ask. */
static bool client_is_running(const struct client *client)
{
    (void)client;
    return false;
}

/* The transport goes by itself. */
static void client_drop(struct client *client)
{
    client->server = NULL;
}

static const struct server_kind protocol_kind = {
    .serve = client_serve,
    .close = client_close,
    .abort = client_abort,
    .cancel = client_cancel,
    .is_running = client_is_running,
    .drop = client_drop,
};

/* ---- servers ---- */

static struct service service_of(const hoop_protocol *protocol, hoop_protocol_factory factory,
                                 void *factory_arg)
{
    return (struct service){
        .kind = &protocol_kind,
        .protocol = protocol_is_complete(protocol) ? protocol : NULL,
        .factory = factory,
        .arg = factory_arg,
    };
}

int hoop_create_server(const hoop_protocol *protocol, hoop_protocol_factory factory,
                       void *factory_arg, const char *host, uint16_t port,
                       const hoop_server_options *options, hoop_server **ret_server)
{
    struct service service = service_of(protocol, factory, factory_arg);
    return server_on_host(&service, host, port, options, ret_server, __func__);
}

int hoop_create_unix_server(const hoop_protocol *protocol, hoop_protocol_factory factory,
                            void *factory_arg, const char *path, const hoop_server_options *options,
                            hoop_server **ret_server)
{
    struct service service = service_of(protocol, factory, factory_arg);
    return server_on_unix(&service, path, options, ret_server, __func__);
}
