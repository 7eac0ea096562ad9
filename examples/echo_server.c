/* SPDX-License-Identifier: MIT
 *
 * A server that sends back what it gets: echo_server [HOST [PORT]], by default 127.0.0.1 and
 * 8888; port 0 is one that is free. Try it with `nc 127.0.0.1 8888`. Ctrl-C ends it.
 */
#include <errno.h>
#include <hoop.h>
#include <stdio.h>
#include <stdlib.h>

/* Runs for each client, as a task of its own. When it returns, the connection is closed. */
static int64_t echo(hoop_stream *stream, void *arg)
{
    char buffer[4096];
    int64_t size;
    (void)arg;
    while ((size = hoop_stream_read(stream, buffer, sizeof buffer)) > 0)
        if ((size = hoop_stream_write(stream, buffer, (size_t)size)) < 0)
            break;
    return size;
}

/* A name may stand for several addresses, and the server listens on all of them. */
static void print_addresses(const hoop_server *server)
{
    hoop_address address;
    char text[HOOP_ADDRESS_TEXT_SIZE];
    for (size_t i = 0; hoop_server_address(server, i, &address) == 0; i++)
        printf("listening on %s\n", hoop_address_format(&address, text, sizeof text));
}

struct place {
    const char *host;
    uint16_t port;
};

static int64_t serve(void *arg)
{
    const struct place *place = arg;
    hoop_server *server;
    int rc = hoop_start_server(echo, NULL, place->host, place->port, NULL, &server);
    if (rc < 0)
        return rc;
    print_addresses(server);
    return hoop_server_serve_forever(server); /* until Ctrl-C cancels this task */
}

int main(int argc, char **argv)
{
    struct place place = {
        .host = argc > 1 ? argv[1] : "127.0.0.1",
        .port = (uint16_t)(argc > 2 ? atoi(argv[2]) : 8888),
    };
    int64_t rc = hoop_run(serve, &place);
    if (rc == -EINTR) {
        puts("the end");
        return 0;
    }
    fprintf(stderr, "echo_server: %s port %d: %s\n", place.host, place.port, hoop_strerror(rc));
    return 1;
}
