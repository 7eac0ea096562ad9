/* SPDX-License-Identifier: MIT
 *
 * How much memory an idle connection takes.
 *
 *     hoop_hold --list | memory_connection [CONNECTIONS] | memory_protocol [CONNECTIONS]
 *
 * Holds connections, 20,000 if not told otherwise, each of which says something every few
 * seconds and is answered, and prints how much the process's resident memory has grown for each,
 * when all have been answered, twice on average. With a coroutine for each connection, or with callbacks.
 * What the kernel keeps for a connection is not in it.
 *
 * One loop holds them all if the limit of open files allows it. Otherwise there are as many
 * loops as it takes, each in a thread with a descriptor table of its own (unshare(2)), and the
 * system spreads the connections over them.
 */
#include <hoop.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "hold.h"

struct plan {
    hoop_coroutine_fn serve; /* a server on the port, until the process ends */
    uint16_t port;
    int connections;
    int loops;
};

static struct plan plan;
static atomic_int loops_ready;
static atomic_int connected;
static atomic_llong answered;

/* ---- with a coroutine ---- */

static int64_t hold_client(hoop_stream *stream, void *arg)
{
    (void)arg;
    char buffer[512];
    int64_t size;
    atomic_fetch_add(&connected, 1);
    while ((size = hoop_stream_read(stream, buffer, sizeof buffer)) > 0) {
        if ((size = hoop_stream_write(stream, buffer, (size_t)size)) < 0)
            break;
        atomic_fetch_add(&answered, 1);
    }
    atomic_fetch_sub(&connected, 1);
    return size;
}

static int64_t serve_server(int rc, hoop_server *server)
{
    if (rc < 0)
        return rc;
    atomic_fetch_add(&loops_ready, 1);
    return hoop_server_serve_forever(server);
}

static const hoop_server_options shared_port = {.reuse_port = true};

static int64_t serve_coroutines(void *arg)
{
    (void)arg;
    hoop_server *server;
    int rc = hoop_start_server(hold_client, NULL, "127.0.0.1", plan.port, &shared_port, &server);
    return serve_server(rc, server);
}

/* ---- with callbacks ---- */

struct client {
    hoop_transport *transport;
};

static void client_made(void *arg, hoop_transport *transport)
{
    ((struct client *)arg)->transport = transport;
    atomic_fetch_add(&connected, 1);
}

static void client_received(void *arg, const void *data, size_t size)
{
    if (hoop_transport_write(((struct client *)arg)->transport, data, size) == 0)
        atomic_fetch_add(&answered, 1);
}

static void client_lost(void *arg, int error)
{
    (void)error;
    free(arg);
    atomic_fetch_sub(&connected, 1);
}

static void *client_new(void *arg)
{
    (void)arg;
    return malloc(sizeof(struct client));
}

static int64_t serve_protocols(void *arg)
{
    (void)arg;
    static const hoop_protocol protocol = {.connection_made = client_made,
                                           .data_received = client_received,
                                           .connection_lost = client_lost};
    hoop_server *server;
    int rc = hoop_create_server(&protocol, client_new, NULL, "127.0.0.1", plan.port, &shared_port,
                                &server);
    return serve_server(rc, server);
}

/* ---- the loops ---- */

static void *loop_thread(void *arg)
{
    (void)arg;
    bench_require(plan.loops == 1 || unshare(CLONE_FILES) == 0, "no descriptor table of its own");
    int64_t result = hoop_run(plan.serve, NULL);
    bench_fail(hoop_strerror((int)result));
}

/* How many loops it takes, after the limit has been raised as far as it goes. */
static int loops_for(int connections)
{
    struct rlimit limit;
    bench_require(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    bench_require(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    int64_t room = (int64_t)limit.rlim_max - HOLD_SPARE_DESCRIPTORS;
    bench_require(room > 0, "the limit of open files is too low");
    return (int)((connections + room - 1) / room);
}

/* The number of the port that SOCKET is bound to. Nobody listens on it, so that it gets no
 * connections, but as long as it is open nobody else gets the port. */
static uint16_t port_reserve(void)
{
    hoop_address here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
    bench_require(hoop_address_parse("127.0.0.1", 0, &here) == 0 &&
                      bind(fd, (struct sockaddr *)here.storage, here.size) == 0,
                  "cannot bind");
    socklen_t size = sizeof here.storage;
    bench_require(getsockname(fd, (struct sockaddr *)here.storage, &size) == 0, "getsockname");
    here.size = size;
    return hoop_address_port(&here);
}

static void wait_a_little(void)
{
    bench_block(20 * BENCH_MS);
    talk_check();
}

static double measure(hoop_coroutine_fn serve)
{
    plan.serve = serve;
    plan.port = port_reserve();
    plan.loops = loops_for(plan.connections);
    talk_start(plan.port, plan.connections);
    for (int i = 0; i < plan.loops; i++) {
        pthread_t thread;
        bench_require(pthread_create(&thread, NULL, loop_thread, NULL) == 0, "no thread");
    }
    while (atomic_load(&loops_ready) < plan.loops)
        bench_block(BENCH_MS);
    int64_t before = bench_resident_bytes();
    talk_begin();
    while (atomic_load(&answered) < 2LL * plan.connections)
        wait_a_little();
    int64_t after = bench_resident_bytes();
    bench_require(atomic_load(&connected) == plan.connections, "not all are connected");
    fprintf(stderr, "%d connections, %d loop%s in one process, %.1f MB\n", plan.connections,
            plan.loops, plan.loops == 1 ? "" : "s with a descriptor table each",
            (double)(after - before) / 1e6);
    return (double)(after - before) / plan.connections;
}

static double row_memory_connection(void)
{
    return measure(serve_coroutines);
}

static double row_memory_protocol(void)
{
    return measure(serve_protocols);
}

int main(int argc, char **argv)
{
    static const struct bench_row rows[] = {
        {"memory_connection", "B", row_memory_connection},
        {"memory_protocol", "B", row_memory_protocol},
        {0},
    };
    static const struct bench_server none[] = {{0}};
    plan.connections = argc > 2 ? atoi(argv[2]) : HOLD_CONNECTIONS;
    bench_require(plan.connections > 0, "how many connections?");
    return bench_main(argc, argv, rows, none);
}
