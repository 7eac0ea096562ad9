/* SPDX-License-Identifier: MIT
 *
 * Servers whose clients are tasks: a stream and a coroutine for each connection.
 *
 * A client ends with its task, not with its coroutine: for a task that gets no stack that is
 * never called, and the stream has to go all the same. So an observer of the task frees it.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/loop.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "io/server.h"
#include "io/stream.h"

struct task_client {
    struct client client;
    struct observer observer; /* of the task */
    hoop_stream *stream;      /* NULL once its program has closed it, or let go of it */
    hoop_task *task;          /* borrowed: it lives longer */
    bool is_secure;           /* the handshake is done, or there is none */
};

static struct task_client *task_client_of(struct client *client)
{
    return CONTAINER_OF(client, struct task_client, client);
}

/* ---- the task ---- */

/* Errors of the other end's making, and of ours to end it. */
static bool is_usual(int64_t rc)
{
    switch (rc) {
    case -ECANCELED:
    case -ECONNRESET:
    case -ECONNABORTED:
    case -EPIPE:
    case -ETIMEDOUT:
    case -ENETDOWN:
    case -ENETUNREACH:
    case -EHOSTUNREACH:
    case HOOP_ECUT:
        return true;
    default:
        return rc >= 0;
    }
}

static void report(hoop_loop *loop, const char *message, int64_t error)
{
    const char *words = hoop_error_message();
    hoop_exception exception = {
        .message = message,
        .error = error,
        .error_message = words[0] != '\0' ? words : NULL,
        .task = hoop_current_task(),
    };
    hoop_call_exception_handler(loop, &exception);
}

void client_report_handshake(hoop_server *server, int64_t error)
{
    if (!is_usual(error) && hoop_get_debug(server->loop))
        report(server->loop, "the TLS handshake of a server's client has failed", error);
}

static int64_t shake_hands(struct task_client *client)
{
    hoop_server *server = client->client.server;
    if (client->is_secure)
        return 0;
    int64_t rc = hoop_stream_start_tls(client->stream, server->options.tls, NULL);
    client->is_secure = rc >= 0;
    if (rc < 0)
        client_report_handshake(server, rc);
    return rc;
}

/* The stream is not the client's any more. */
static hoop_stream *take_stream(struct task_client *client)
{
    hoop_stream *stream = client->stream;
    client->stream = NULL;
    if (stream != NULL)
        stream->client = NULL;
    return stream;
}

static int64_t client_main(void *arg)
{
    struct task_client *client = arg;
    hoop_server *server = client->client.server;
    if (shake_hands(client) < 0) {
        hoop_stream_abort(take_stream(client));
        return 0;
    }
    int64_t rc = server->service.client(client->stream, server->service.arg);
    if (!is_usual(rc))
        report(server->loop, "a server's client has failed", rc);
    (void)hoop_stream_close(take_stream(client)); /* its error is the connection's */
    return 0;
}

/* Nothing of a program's runs here. */
static void client_task_ends(struct observer *observer)
{
    struct task_client *client = CONTAINER_OF(observer, struct task_client, observer);
    hoop_stream_abort(take_stream(client)); /* there is one if the task got no stack */
    client_end(&client->client);
    alloc_free(client);
}

/* ---- the server's side ---- */

/* A stream over FD, which is taken over in any case, and a task for it. */
static int client_prepare(struct task_client *client, int fd, hoop_server *server)
{
    int rc = stream_new(fd, CHANNEL_FRESH, &server->options.stream, &client->stream);
    if (rc < 0) {
        sys_close(fd);
        return rc;
    }
    client->task = hoop_create_task_named(client_main, client, "client");
    if (client->task != NULL)
        return 0;
    rc = hoop_last_error();
    hoop_stream_abort(client->stream);
    return rc;
}

static int client_serve(hoop_server *server, int fd)
{
    struct task_client *client = alloc_zeroed(sizeof *client);
    if (client == NULL) {
        sys_close(fd);
        return -ENOMEM;
    }
    int rc = client_prepare(client, fd, server);
    if (rc < 0) {
        alloc_free(client);
        return rc;
    }
    client->is_secure = server->options.tls == NULL;
    client->stream->client = &client->client;
    client->observer.notify = client_task_ends;
    list_init(&client->observer.link);
    wait_observe(hoop_task_future(client->task), &client->observer);
    hoop_task_detach(client->task);
    client_begin(&client->client, server);
    return 0;
}

static void hang_up(struct task_client *client, bool abort)
{
    if (!client->is_secure)
        hoop_task_cancel(client->task); /* it shakes hands, and has nothing to send */
    else if (client->stream != NULL)
        stream_hang_up(client->stream, abort);
}

static void client_close(struct client *base)
{
    hang_up(task_client_of(base), false);
}

static void client_abort(struct client *base)
{
    hang_up(task_client_of(base), true);
}

static bool client_cancel(struct client *base)
{
    return hoop_task_cancel(task_client_of(base)->task);
}

static bool client_is_running(const struct client *base)
{
    return CONTAINER_OF(base, const struct task_client, client)->task == turn.task;
}

/* The stream goes by itself. */
static void client_drop(struct client *base)
{
    struct task_client *client = task_client_of(base);
    list_remove(&client->observer.link);
    alloc_free(client);
}

static void client_lost(struct client *base)
{
    task_client_of(base)->stream = NULL;
}

static const struct server_kind task_kind = {
    .serve = client_serve,
    .close = client_close,
    .abort = client_abort,
    .cancel = client_cancel,
    .is_running = client_is_running,
    .lost = client_lost,
    .drop = client_drop,
};

void hoop_stream_detach(hoop_stream *stream)
{
    struct client *client = stream->client;
    if (client == NULL)
        return;
    (void)take_stream(task_client_of(client));
    client_leave(client);
}

/* ---- for programs ---- */

static struct service service_of(hoop_client_fn fn, void *arg)
{
    return (struct service){.kind = &task_kind, .client = fn, .arg = arg};
}

int hoop_start_server(hoop_client_fn fn, void *arg, const char *host, uint16_t port,
                      const hoop_server_options *options, hoop_server **ret_server)
{
    struct service service = service_of(fn, arg);
    return server_on_host(&service, host, port, options, ret_server, __func__);
}

int hoop_start_unix_server(hoop_client_fn fn, void *arg, const char *path,
                           const hoop_server_options *options, hoop_server **ret_server)
{
    struct service service = service_of(fn, arg);
    return server_on_unix(&service, path, options, ret_server, __func__);
}

int hoop_start_server_fds(hoop_client_fn fn, void *arg, const int *fds, size_t count,
                          const hoop_server_options *options, hoop_server **ret_server)
{
    struct service service = service_of(fn, arg);
    return server_on_fds(&service, fds, count, options, ret_server, __func__);
}
