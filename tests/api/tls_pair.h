/* SPDX-License-Identifier: MIT
 *
 * Two streams that are connected with each other and speak TLS, one as a client.
 */
#ifndef TESTS_API_TLS_PAIR_H
#define TESTS_API_TLS_PAIR_H

#include <errno.h>

#include "in_a_task.h"
#include "tls_identity.h"

/* One end's part in a handshake, and how it came out. */
struct end {
    hoop_stream *stream;
    hoop_tls *tls;    /* a reference */
    const char *name; /* whom a client asks for */
    int result;
    char message[128];
};

/* A coroutine. */
static inline int64_t start_tls(void *arg)
{
    struct end *end = arg;
    end->result = hoop_stream_start_tls(end->stream, end->tls, end->name);
    snprintf(end->message, sizeof end->message, "%s", end->result < 0 ? hoop_error_message() : "");
    return 0;
}

struct pair {
    struct end client;
    struct end server;
};

/* Not yet speaking TLS; takes both references. */
static inline void pair_open_with(struct pair *pair, hoop_tls *client, hoop_tls *server,
                                  const hoop_stream_options *options)
{
    *pair =
        (struct pair){.client = {.tls = client, .name = "example.org"}, .server = {.tls = server}};
    assert_int_equal(hoop_stream_pair(options, &pair->client.stream, &pair->server.stream), 0);
}

/* Both ends make the handshake, whatever comes out. */
static inline void pair_start(struct pair *pair)
{
    hoop_task *task = hoop_create_task(start_tls, &pair->server);
    start_tls(&pair->client);
    assert_int_equal(hoop_await(task), 0);
}

static inline void pair_started(const struct pair *pair)
{
    assert_string_equal(pair->client.message, "");
    assert_string_equal(pair->server.message, "");
    assert_int_equal(pair->client.result, 0);
    assert_int_equal(pair->server.result, 0);
}

/* Speaking TLS. */
static inline void pair_open(struct pair *pair)
{
    pair_open_with(pair, client_tls_with((hoop_tls_options){0}),
                   server_tls_with((hoop_tls_options){0}), NULL);
    pair_start(pair);
    pair_started(pair);
}

static inline void pair_forget(struct pair *pair)
{
    hoop_tls_unref(pair->client.tls);
    hoop_tls_unref(pair->server.tls);
}

/* A coroutine. */
static inline int64_t close_stream(void *stream)
{
    return hoop_stream_close(stream);
}

/* Both at once, as each waits for the other's goodbye. */
static inline void pair_close(struct pair *pair)
{
    hoop_task *task = hoop_create_task(close_stream, pair->client.stream);
    assert_int_equal(hoop_stream_close(pair->server.stream), 0);
    assert_int_equal(hoop_await(task), 0);
    pair_forget(pair);
}

static inline void pair_abort(struct pair *pair)
{
    hoop_stream_abort(pair->client.stream);
    hoop_stream_abort(pair->server.stream);
    pair_forget(pair);
}

/* TEXT goes from one to the other. */
static inline void assert_passes(hoop_stream *from, hoop_stream *to, const char *text)
{
    char buffer[128] = "";
    assert_int_equal(hoop_stream_write(from, text, strlen(text)), strlen(text));
    assert_int_equal(hoop_stream_readexactly(to, buffer, strlen(text)), strlen(text));
    assert_string_equal(buffer, text);
}

#endif
