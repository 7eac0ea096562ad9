/* SPDX-License-Identifier: MIT
 *
 * A WebSocket server that sends back each message: websocket_echo [HOST [PORT]]. The protocol is
 * the wslay library's, which knows nothing of hoop: it calls back for bytes. As hoop's tasks
 * have stacks of their own, such a callback may simply wait until there are some.
 */
#include <errno.h>
#include <hoop.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

enum { LONGEST_MESSAGE = 16 << 20 };

/* ---- what wslay calls ---- */

static ssize_t give(wslay_event_context_ptr ctx, uint8_t *buffer, size_t size, int flags,
                    void *stream)
{
    (void)flags;
    bool has_to_send = wslay_event_want_write(ctx); /* first that, and then wait for more */
    int64_t rc = has_to_send ? -EAGAIN : hoop_stream_read(stream, buffer, size);
    if (rc > 0)
        return rc;
    wslay_event_set_error(ctx, has_to_send ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t take(wslay_event_context_ptr ctx, const uint8_t *data, size_t size, int flags,
                    void *stream)
{
    (void)flags;
    int64_t rc = hoop_stream_write(stream, data, size);
    if (rc >= 0)
        return rc;
    wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

/* A message is complete. Pings and the goodbye are answered by wslay. */
static void echo(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *received,
                 void *stream)
{
    (void)stream;
    const struct wslay_event_msg message = {
        .opcode = received->opcode, .msg = received->msg, .msg_length = received->msg_length};
    if (!wslay_is_ctrl_frame(received->opcode) && wslay_event_queue_msg(ctx, &message) < 0)
        wslay_event_shutdown_read(ctx); /* no memory: the end */
}

/* ---- a client ---- */

/* Answers the HTTP request by which a client asks for a WebSocket: 0, -EPROTO if it is none. */
static int64_t shake_hands(void *stream)
{
    char text[8192], key[25];
    unsigned char digest[SHA_DIGEST_LENGTH], accept[32];
    int64_t size = hoop_stream_readuntil(stream, "\r\n\r\n", 4, text, sizeof text - 1);
    if (size < 0)
        return size;
    text[size] = '\0';
    const char *header = strcasestr(text, "\r\nSec-WebSocket-Key:");
    if (header == NULL || sscanf(header, "%*[^:]: %24s", key) != 1)
        return -EPROTO;
    size = snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    SHA1((unsigned char *)text, (size_t)size, digest);
    EVP_EncodeBlock(accept, digest, sizeof digest);
    size = snprintf(text, sizeof text,
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                    accept);
    return hoop_stream_write(stream, text, (size_t)size);
}

static int64_t serve_client(hoop_stream *stream, void *arg)
{
    static const char refusal[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = give, .send_callback = take, .on_msg_recv_callback = echo};
    wslay_event_context_ptr ctx;
    (void)arg;
    int64_t rc = hoop_wait_for(shake_hands, stream, 10);
    if (rc == -EPROTO || rc == HOOP_ELIMIT)
        return hoop_stream_write(stream, refusal, sizeof refusal - 1);
    if (rc < 0)
        return rc == HOOP_EINCOMPLETE ? 0 : rc;
    if (wslay_event_context_server_init(&ctx, &callbacks, stream) < 0)
        return -ENOMEM;
    wslay_event_config_set_max_recv_msg_length(ctx, LONGEST_MESSAGE);
    int failed = 0;
    while (failed == 0 && (wslay_event_want_read(ctx) || wslay_event_want_write(ctx))) {
        failed = wslay_event_send(ctx);
        if (failed == 0)
            failed = wslay_event_recv(ctx);
    }
    wslay_event_context_free(ctx);
    return 0;
}

static int64_t serve(void *arg)
{
    char **words = arg;
    const char *host = words[0] != NULL ? words[0] : "127.0.0.1";
    const char *port = words[0] != NULL && words[1] != NULL ? words[1] : "8890";
    hoop_server *server;
    hoop_address address;
    char text[HOOP_ADDRESS_TEXT_SIZE];
    int rc = hoop_start_server(serve_client, NULL, host, (uint16_t)atoi(port), NULL, &server);
    if (rc < 0)
        return rc;
    if (hoop_server_address(server, 0, &address) == 0)
        printf("listening on %s\n", hoop_address_format(&address, text, sizeof text));
    return hoop_server_serve_forever(server);
}

int main(int argc, char **argv)
{
    (void)argc;
    int64_t rc = hoop_run(serve, argv + 1);
    if (rc < 0 && rc != -EINTR)
        fprintf(stderr, "websocket_echo: %s\n", hoop_strerror(rc));
    return rc < 0 && rc != -EINTR;
}
