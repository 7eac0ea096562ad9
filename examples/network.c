/* SPDX-License-Identifier: MIT
 *
 * A server and a thousand clients that talk to it over TCP for two seconds, all of them in one
 * thread. A callback shows each half second that the loop is not blocked.
 */
#include <errno.h>
#include <hoop.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { CLIENTS = 1000, MESSAGES = 20 };

struct visit {
    uint16_t port;
    int answers; /* of all clients, as it was said */
};

static int64_t echo(hoop_stream *stream, void *arg)
{
    char buffer[256];
    int64_t size;
    (void)arg;
    while ((size = hoop_stream_read(stream, buffer, sizeof buffer)) > 0)
        if ((size = hoop_stream_write(stream, buffer, (size_t)size)) < 0)
            break;
    return size;
}

static int64_t say(hoop_stream *stream, int number)
{
    char said[32], heard[32];
    int size = snprintf(said, sizeof said, "this is message %d\n", number);
    int64_t rc = hoop_stream_write(stream, said, (size_t)size);
    if (rc >= 0)
        rc = hoop_stream_readline(stream, heard, sizeof heard);
    if (rc < 0)
        return rc;
    return rc == size && memcmp(said, heard, (size_t)size) == 0 ? 0 : -EPROTO;
}

static int64_t visit_server(void *arg)
{
    struct visit *visit = arg;
    hoop_stream *stream;
    int64_t rc = hoop_open_connection("127.0.0.1", visit->port, NULL, &stream);
    if (rc < 0)
        return rc;
    for (int i = 0; i < MESSAGES && rc == 0; i++) {
        rc = say(stream, i);
        if (rc == 0) {
            visit->answers++;
            rc = hoop_sleep(2.0 / MESSAGES);
        }
    }
    hoop_stream_close(stream);
    return rc;
}

static int64_t visit_all(struct visit *visit)
{
    hoop_task_group group;
    int64_t rc = hoop_task_group_enter(&group);
    if (rc < 0)
        return rc;
    for (int i = 0; i < CLIENTS && rc == 0; i++)
        if (hoop_task_group_create_task(&group, visit_server, visit) == NULL)
            rc = hoop_last_error();
    return hoop_task_group_exit(&group, rc);
}

static void tick(void *arg)
{
    const struct visit *visit = arg;
    printf("not blocked, %d messages so far\n", visit->answers);
    hoop_call_later(hoop_running_loop(), 0.5, tick, arg);
}

static int64_t show(void *arg)
{
    struct visit *visit = arg;
    hoop_server *server;
    hoop_address address;
    int64_t rc = hoop_start_server(echo, NULL, "127.0.0.1", 0, NULL, &server);
    if (rc < 0)
        return rc;
    rc = hoop_server_address(server, 0, &address);
    if (rc == 0) {
        visit->port = hoop_address_port(&address);
        hoop_call_later(hoop_running_loop(), 0.5, tick, visit);
        printf("%d clients talk to a server on port %d\n", CLIENTS, visit->port);
        rc = visit_all(visit);
    }
    hoop_server_free(server);
    return rc;
}

/* Each connection takes two descriptors here, and systems begin with a limit of 1024. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(void)
{
    struct visit visit = {0};
    raise_descriptor_limit();
    int64_t rc = hoop_run(show, &visit);
    if (rc < 0)
        fprintf(stderr, "network: %s\n", hoop_strerror(rc));
    else
        printf("%d messages came back as they were sent\n", visit.answers);
    return rc < 0;
}
