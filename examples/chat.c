/* SPDX-License-Identifier: MIT
 *
 * A chat: what one says, a line, goes to all others: chat [HOST [PORT]]. Try it with
 * `nc 127.0.0.1 8889` in several terminals. Ctrl-C ends it.
 *
 * Nobody waits for a client that does not read. What is said is collected for it up to a limit,
 * and then it has to go. All tasks run in one thread, so the list of clients needs no lock.
 */
#include <errno.h>
#include <hoop.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_SIZE = 1024, MOST_UNSENT = 1 << 20 };

struct client {
    hoop_stream *stream;
    hoop_task *task;
    struct client *next;
    int number;
    bool is_dropped;
};

struct room {
    const char *host;
    uint16_t port;
    struct client *first;
    int visitors; /* so far */
};

static void say(struct room *room, const struct client *speaker, const char *text, size_t size)
{
    for (struct client *client = room->first; client != NULL; client = client->next) {
        if (client == speaker || client->is_dropped)
            continue;
        if (hoop_stream_write_buffered(client->stream) > MOST_UNSENT ||
            hoop_stream_write_nowait(client->stream, text, size) < 0) {
            client->is_dropped = true;
            hoop_task_cancel(client->task); /* what it waits for returns -ECANCELED */
        }
    }
}

static int64_t listen_to(const struct client *client, struct room *room)
{
    char text[16 + LINE_SIZE];
    int start = snprintf(text, sizeof text, "you are %d\n", client->number);
    int64_t size = hoop_stream_write(client->stream, text, (size_t)start);
    if (size > 0)
        start = snprintf(text, sizeof text, "%d: ", client->number);
    while (size > 0) {
        size = hoop_stream_readline(client->stream, text + start, LINE_SIZE);
        if (size > 0 && text[start + size - 1] == '\n') /* else the last one, cut off */
            say(room, client, text, (size_t)(start + size));
    }
    return size;
}

/* Runs for each client, and the client lives in its frame. */
static int64_t chat(hoop_stream *stream, void *arg)
{
    struct room *room = arg;
    struct client client = {stream, hoop_current_task(), room->first, ++room->visitors, false};
    room->first = &client;
    int64_t rc = listen_to(&client, room);
    struct client **place = &room->first;
    while (*place != &client)
        place = &(*place)->next;
    *place = client.next;
    if (client.is_dropped) {
        printf("%d does not read, and is dropped\n", client.number);
        hoop_stream_abort(stream); /* with what waits to be sent */
    }
    return rc == HOOP_ELIMIT ? 0 : rc; /* who talks without a break has to go, too */
}

static int64_t serve(void *arg)
{
    struct room *room = arg;
    hoop_server *server;
    hoop_address address;
    char text[HOOP_ADDRESS_TEXT_SIZE];
    int rc = hoop_start_server(chat, room, room->host, room->port, NULL, &server);
    if (rc < 0)
        return rc;
    if (hoop_server_address(server, 0, &address) == 0)
        printf("listening on %s\n", hoop_address_format(&address, text, sizeof text));
    return hoop_server_serve_forever(server);
}

int main(int argc, char **argv)
{
    struct room room = {
        .host = argc > 1 ? argv[1] : "127.0.0.1",
        .port = (uint16_t)(argc > 2 ? atoi(argv[2]) : 8889),
    };
    int64_t rc = hoop_run(serve, &room);
    if (rc < 0 && rc != -EINTR)
        fprintf(stderr, "chat: %s\n", hoop_strerror(rc));
    return rc < 0 && rc != -EINTR;
}
