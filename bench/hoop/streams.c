/* SPDX-License-Identifier: MIT
 *
 * Servers as a program on hoop has them: a coroutine for each client.
 */
#include "serve.h"

struct plan {
    hoop_client_fn client;
    const char *address; /* a port, or with is_unix a path */
    bool is_unix;
    hoop_server_options options;
};

static int64_t echo(hoop_stream *stream, void *arg)
{
    (void)arg;
    char buffer[BENCH_SERVE_BUFFER];
    int64_t size;
    while ((size = hoop_stream_read(stream, buffer, sizeof buffer)) > 0)
        if ((size = hoop_stream_write(stream, buffer, (size_t)size)) < 0)
            break;
    return size;
}

static int64_t echo_lines(hoop_stream *stream, void *arg)
{
    (void)arg;
    char buffer[BENCH_SERVE_BUFFER];
    int64_t size;
    while ((size = hoop_stream_readline(stream, buffer, sizeof buffer)) > 0)
        if ((size = hoop_stream_write(stream, buffer, (size_t)size)) < 0)
            break;
    return size;
}

static int64_t drop(hoop_stream *stream, void *arg)
{
    (void)arg;
    static char buffer[BENCH_SINK_BUFFER]; /* nobody looks at what is in it */
    int64_t size;
    while ((size = hoop_stream_read(stream, buffer, sizeof buffer)) > 0)
        continue;
    return size;
}

static int64_t serve_plan(void *arg)
{
    struct plan *plan = arg;
    hoop_server *server;
    int rc = plan->is_unix ? hoop_start_unix_server(plan->client, NULL, plan->address,
                                                    &plan->options, &server)
                           : hoop_start_server(plan->client, NULL, "127.0.0.1",
                                               bench_port(plan->address), &plan->options, &server);
    if (rc < 0)
        return rc;
    bench_ready();
    return hoop_server_serve_forever(server);
}

void serve_tcp(char **arguments)
{
    serve_run(serve_plan, &(struct plan){.client = echo, .address = arguments[0]});
}

void serve_tcp_readline(char **arguments)
{
    serve_run(serve_plan, &(struct plan){.client = echo_lines, .address = arguments[0]});
}

void serve_sink(char **arguments)
{
    serve_run(serve_plan, &(struct plan){.client = drop, .address = arguments[0]});
}

void serve_unix(char **arguments)
{
    serve_run(serve_plan, &(struct plan){.client = echo, .address = arguments[0], .is_unix = true});
}

void serve_tls(char **arguments)
{
    bench_require(arguments[1] && arguments[2], "serve tls PORT CERTIFICATE KEY");
    hoop_tls *tls =
        hoop_tls_server_new(&(hoop_tls_options){.certificate = arguments[1], .key = arguments[2]});
    bench_require(tls != NULL, hoop_tls_last_message());
    serve_run(serve_plan,
              &(struct plan){.client = echo, .address = arguments[0], .options = {.tls = tls}});
}

bool has_uring(void)
{
    setenv("HOOP_POLLER", "uring", 1);
    hoop_loop *loop = hoop_new_event_loop();
    bench_require(loop != NULL, "no loop");
    hoop_info info;
    hoop_loop_info(loop, &info);
    hoop_close(loop);
    unsetenv("HOOP_POLLER");
    return strcmp(info.poller, "io_uring") == 0;
}

void serve_tcp_uring(char **arguments)
{
    bench_require(has_uring(), "no io_uring here");
    setenv("HOOP_POLLER", "uring", 1);
    serve_tcp(arguments);
}
