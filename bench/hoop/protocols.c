/* SPDX-License-Identifier: MIT
 *
 * The echo server once more, with callbacks for each client instead of a coroutine.
 */
#include "serve.h"

struct client {
    hoop_transport *transport;
};

static void client_made(void *arg, hoop_transport *transport)
{
    ((struct client *)arg)->transport = transport;
}

static void client_received(void *arg, const void *data, size_t size)
{
    (void)hoop_transport_write(((struct client *)arg)->transport, data, size);
}

static void client_lost(void *arg, int error)
{
    (void)error;
    free(arg);
}

/* Who does not read what comes back is not read from. */
static void client_pause(void *arg)
{
    hoop_transport_pause_reading(((struct client *)arg)->transport);
}

static void client_resume(void *arg)
{
    hoop_transport_resume_reading(((struct client *)arg)->transport);
}

static void *client_new(void *arg)
{
    (void)arg;
    return malloc(sizeof(struct client));
}

static int64_t serve_protocol(void *port)
{
    static const hoop_protocol protocol = {
        .connection_made = client_made,
        .data_received = client_received,
        .connection_lost = client_lost,
        .pause_writing = client_pause,
        .resume_writing = client_resume,
    };
    hoop_server *server;
    int rc = hoop_create_server(&protocol, client_new, NULL, "127.0.0.1", bench_port(port), NULL,
                                &server);
    if (rc < 0)
        return rc;
    bench_ready();
    return hoop_server_serve_forever(server);
}

void serve_tcp_protocol(char **arguments)
{
    serve_run(serve_protocol, arguments[0]);
}
