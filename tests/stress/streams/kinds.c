/* SPDX-License-Identifier: MIT
 *
 * See kinds.h.
 */
#include "kinds.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "../../api/tls_identity.h"
#include "../random.h"

static void connect_unix(int ret_fds[2])
{
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds) == 0);
}

static void connect_tcp(int ret_fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, size) == 0);
    CHECK(listen(listener, 1) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    ret_fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(ret_fds[0], (struct sockaddr *)&address, size) == 0);
    ret_fds[1] = accept(listener, NULL, NULL);
    CHECK(ret_fds[1] >= 0);
    close(listener);
}

struct client {
    hoop_stream *stream;
    hoop_tls *tls;
};

static int64_t start_tls(void *arg)
{
    struct client *client = arg;
    return hoop_stream_start_tls(client->stream, client->tls, "example.org");
}

static void secure_by_tls(hoop_stream *const streams[2], uint64_t *random)
{
    int most = pick(random, 3) == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    struct client client = {streams[0], client_tls_with((hoop_tls_options){0})};
    hoop_tls *server = server_tls_with((hoop_tls_options){0});
    CHECK(SSL_CTX_set_max_proto_version(hoop_tls_context(server), most) == 1);
    hoop_task *task = hoop_create_task(start_tls, &client);
    CHECK(hoop_stream_start_tls(streams[1], server, NULL) == 0);
    CHECK(hoop_await(task) == 0);
    CHECK(SSL_version(hoop_stream_ssl(streams[0])) == most);
    hoop_tls_unref(client.tls);
    hoop_tls_unref(server);
}

const struct kind kinds[KINDS] = {
    {"unix", connect_unix, NULL},
    {"tcp", connect_tcp, NULL},
    {"tls", connect_tcp, secure_by_tls},
};

void kinds_begin(void)
{
    CHECK(identities_make(NULL) == 0);
}

void kinds_end(void)
{
    CHECK(identities_forget(NULL) == 0);
}
