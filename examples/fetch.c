/* SPDX-License-Identifier: MIT
 *
 * GETs URLs, all at once, and prints of each the status line and how many bytes came:
 * fetch [--ca FILE] URL... with http or https. For https the server has to show that it is who
 * the URL says, by the system's authorities, or by those in FILE.
 */
#include <hoop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct request {
    const char *url;
    hoop_tls *tls; /* what to be secure by */
    int port;
    bool is_secure, failed;
    char host[256], path[1024];
};

/* scheme://host[:port][/path] */
static bool parse(struct request *request)
{
    char scheme[6] = "", rest[1024] = "";
    int parts = sscanf(request->url, "%5[a-z]://%255[^/:]%1023s", scheme, request->host, rest);
    const char *path = strchr(rest, '/');
    request->is_secure = strcmp(scheme, "https") == 0;
    if (parts < 2 || (!request->is_secure && strcmp(scheme, "http") != 0))
        return false;
    snprintf(request->path, sizeof request->path, "%s", path != NULL ? path : "/");
    request->port = request->is_secure ? 443 : 80;
    return rest[0] != ':' || sscanf(rest, ":%5d", &request->port) == 1;
}

/* Reads the answer's head: the status line, and how long the body is, -1 if it does not say. */
static int64_t read_head(hoop_stream *stream, char *status, size_t status_size, int64_t *length)
{
    char line[8192];
    int64_t size = hoop_stream_readline(stream, status, status_size - 1);
    if (size <= 0)
        return size < 0 ? size : HOOP_EINCOMPLETE;
    status[size] = '\0';
    status[strcspn(status, "\r\n")] = '\0';
    *length = -1;
    while ((size = hoop_stream_readline(stream, line, sizeof line - 1)) > 0) {
        line[size] = '\0';
        if (strcspn(line, "\r\n") == 0)
            return 0; /* an empty line ends the head */
        if (strncasecmp(line, "content-length:", 15) == 0)
            *length = strtoll(line + 15, NULL, 10);
    }
    return size < 0 ? size : HOOP_EINCOMPLETE;
}

/* Counts bytes up to LENGTH, or up to the end for -1. */
static int64_t read_body(hoop_stream *stream, int64_t length)
{
    char buffer[16384];
    int64_t count = 0, size = 1;
    while (count != length && (size = hoop_stream_read(stream, buffer, sizeof buffer)) > 0)
        count += size;
    if (size < 0)
        return size;
    return length < 0 || count == length ? count : HOOP_EINCOMPLETE;
}

static int64_t talk(hoop_stream *stream, const struct request *request)
{
    char text[1400], status[256];
    int64_t length;
    int size = snprintf(text, sizeof text, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", request->path,
                        request->host);
    int64_t rc = hoop_stream_write(stream, text, (size_t)size);
    if (rc >= 0)
        rc = read_head(stream, status, sizeof status, &length);
    if (rc >= 0)
        rc = read_body(stream, length);
    if (rc >= 0)
        printf("%s: %s, %lld bytes\n", request->url, status, (long long)rc);
    return rc;
}

static int64_t get(void *arg)
{
    struct request *request = arg;
    const hoop_connection_options options = {.tls = request->is_secure ? request->tls : NULL};
    hoop_stream *stream;
    int64_t rc = hoop_open_connection(request->host, (uint16_t)request->port, &options, &stream);
    if (rc < 0)
        return rc;
    rc = talk(stream, request);
    hoop_stream_close(stream);
    return rc;
}

/* One that fails does not disturb the others. */
static int64_t fetch(void *arg)
{
    struct request *request = arg;
    int64_t rc = hoop_wait_for(get, request, 30);
    request->failed = rc < 0;
    if (rc < 0) {
        const char *details = hoop_error_message();
        fprintf(stderr, "%s: %s%s%s\n", request->url, hoop_strerror(rc), details[0] ? ": " : "",
                details);
    }
    return 0;
}

static int64_t fetch_all(void *arg)
{
    hoop_task_group group;
    int64_t rc = hoop_task_group_enter(&group);
    if (rc < 0)
        return rc;
    for (struct request *request = arg; request->url != NULL && rc == 0; request++)
        if (hoop_task_group_create_task(&group, fetch, request) == NULL)
            rc = hoop_last_error();
    return hoop_task_group_exit(&group, rc);
}

int main(int argc, char **argv)
{
    enum { MOST = 50 };
    static struct request requests[MOST + 1]; /* the last one has no URL */
    hoop_tls_options options = {0};
    int first = 1, failed = 0;
    if (argc > 2 && strcmp(argv[1], "--ca") == 0) {
        options.authority = argv[2];
        first = 3;
    }
    for (int i = 0; i < MOST && first + i < argc; i++) {
        requests[i].url = argv[first + i];
        if (!parse(&requests[i])) {
            fprintf(stderr, "fetch: no URL that it knows: %s\n", requests[i].url);
            return 1;
        }
    }
    hoop_tls *tls = hoop_tls_client_new(&options);
    if (tls == NULL) {
        fprintf(stderr, "fetch: %s (%s)\n", hoop_strerror(hoop_last_error()),
                hoop_tls_last_message());
        return 1;
    }
    for (int i = 0; i < MOST; i++)
        requests[i].tls = tls;
    int64_t rc = hoop_run(fetch_all, requests);
    for (int i = 0; i < MOST; i++)
        failed += requests[i].failed;
    hoop_tls_unref(tls);
    return rc < 0 || failed > 0;
}
