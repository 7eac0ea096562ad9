/* SPDX-License-Identifier: MIT
 *
 * A TCP proxy: proxy PORT TO_HOST TO_PORT passes on what comes to PORT of 127.0.0.1, and what
 * is answered; port 0 is one that is free. Each direction ends on its own: who has written all
 * that it has to say still hears the answer.
 */
#include <errno.h>
#include <hoop.h>
#include <stdio.h>
#include <stdlib.h>

struct way {
    hoop_stream *from, *to;
};

static int64_t pump(void *arg)
{
    const struct way *way = arg;
    char buffer[16384];
    int64_t size;
    while ((size = hoop_stream_read(way->from, buffer, sizeof buffer)) > 0)
        if ((size = hoop_stream_write(way->to, buffer, (size_t)size)) < 0)
            break; /* the other end reads too slowly: the write waits, and so does this task */
    return size == 0 ? hoop_stream_write_eof(way->to) : size;
}

/* Both ways at once; if one breaks, the group ends the other one as well. */
static int64_t pump_both(hoop_stream *client, hoop_stream *server)
{
    struct way there = {client, server}, back = {server, client};
    hoop_task_group group;
    int64_t rc = hoop_task_group_enter(&group);
    if (rc < 0)
        return rc;
    if (hoop_task_group_create_task(&group, pump, &back) == NULL)
        rc = hoop_last_error();
    else
        rc = pump(&there);
    return hoop_task_group_exit(&group, rc);
}

static int64_t pass_on(hoop_stream *client, void *arg)
{
    char **words = arg;
    hoop_stream *server;
    int64_t rc = hoop_open_connection(words[2], (uint16_t)atoi(words[3]), NULL, &server);
    if (rc < 0) {
        fprintf(stderr, "proxy: %s port %s: %s\n", words[2], words[3], hoop_strerror(rc));
        return 0;
    }
    rc = pump_both(client, server);
    hoop_stream_close(server);
    return rc;
}

static int64_t serve(void *words)
{
    hoop_server *server;
    hoop_address address;
    uint16_t port = (uint16_t)atoi(((char **)words)[1]);
    int rc = hoop_start_server(pass_on, words, "127.0.0.1", port, NULL, &server);
    if (rc < 0)
        return rc;
    if (hoop_server_address(server, 0, &address) == 0)
        printf("listening on port %d\n", hoop_address_port(&address));
    return hoop_server_serve_forever(server);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: proxy PORT TO_HOST TO_PORT\n");
        return 2;
    }
    int64_t rc = hoop_run(serve, argv);
    if (rc < 0 && rc != -EINTR)
        fprintf(stderr, "proxy: %s\n", hoop_strerror(rc));
    return rc < 0 && rc != -EINTR;
}
