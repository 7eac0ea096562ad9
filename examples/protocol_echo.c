/* SPDX-License-Identifier: MIT
 *
 * echo_server in callbacks: protocol_echo [HOST [PORT]], by default 127.0.0.1 and 8888; port 0
 * is one that is free. No client has a task or a stack. Ctrl-C ends it.
 */
#include <errno.h>
#include <hoop.h>
#include <stdio.h>
#include <stdlib.h>

/* What a connection keeps. */
struct client {
    hoop_transport *transport;
};

static void *client_new(void *arg)
{
    (void)arg;
    return malloc(sizeof(struct client)); /* NULL refuses the connection */
}

static void connection_made(void *arg, hoop_transport *transport)
{
    struct client *client = arg;
    client->transport = transport;
}

static void data_received(void *arg, const void *data, size_t size)
{
    struct client *client = arg;
    hoop_transport_write(client->transport, data, size); /* if it fails, connection_lost comes */
}

static void connection_lost(void *arg, int error)
{
    (void)error;
    free(arg);
}

/* Who does not take the answers is asked for no more questions. */
static void pause_writing(void *arg)
{
    struct client *client = arg;
    hoop_transport_pause_reading(client->transport);
}

static void resume_writing(void *arg)
{
    struct client *client = arg;
    hoop_transport_resume_reading(client->transport);
}

static const hoop_protocol echo = {
    .connection_made = connection_made,
    .data_received = data_received,
    .connection_lost = connection_lost,
    .pause_writing = pause_writing,
    .resume_writing = resume_writing,
};

struct place {
    const char *host;
    uint16_t port;
};

static int64_t serve(void *arg)
{
    const struct place *place = arg;
    hoop_server *server;
    hoop_address address;
    char text[HOOP_ADDRESS_TEXT_SIZE];
    int rc = hoop_create_server(&echo, client_new, NULL, place->host, place->port, NULL, &server);
    if (rc < 0)
        return rc;
    for (size_t i = 0; hoop_server_address(server, i, &address) == 0; i++)
        printf("listening on %s\n", hoop_address_format(&address, text, sizeof text));
    fflush(stdout);
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
    fprintf(stderr, "protocol_echo: %s\n", hoop_strerror(rc));
    return 1;
}
