/* SPDX-License-Identifier: MIT
 *
 * Servers as a program on libuv has them: all clients read into one buffer, and an answer goes
 * out by uv_try_write in the callback itself. Only what the system does not take at once is
 * copied, for uv_write.
 */
#include "serve.h"
#include "rows.h"

static char echo_buffer[BENCH_SERVE_BUFFER];
static char sink_buffer[BENCH_SINK_BUFFER];
/* Room for what one recvmmsg brings; libuv puts each datagram into 64 KiB of it. */
static char datagram_buffer[20 * 65536];

struct kept_write {
    uv_write_t request;
    char data[];
};

/* What one kind of server differs in. */
static uv_read_cb read_cb;
static uv_alloc_cb alloc_cb;
static int is_pipe;

static void echo_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buffer)
{
    (void)handle;
    (void)hint;
    *buffer = uv_buf_init(echo_buffer, sizeof echo_buffer);
}

static void sink_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buffer)
{
    (void)handle;
    (void)hint;
    *buffer = uv_buf_init(sink_buffer, sizeof sink_buffer);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void client_close(uv_stream_t *stream)
{
    if (!uv_is_closing((uv_handle_t *)stream))
        uv_close((uv_handle_t *)stream, on_closed);
}

static void on_written(uv_write_t *request, int status)
{
    if (status < 0)
        client_close(request->handle);
    free(request); /* the first member of a struct kept_write */
}

static void write_rest(uv_stream_t *stream, const char *data, size_t size)
{
    struct kept_write *kept = bench_calloc(1, sizeof *kept + size);
    memcpy(kept->data, data, size);
    uv_buf_t piece = uv_buf_init(kept->data, (unsigned)size);
    if (uv_write(&kept->request, stream, &piece, 1, on_written) < 0) {
        free(kept);
        client_close(stream);
    }
}

static void echo_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    if (got < 0) {
        client_close(stream);
    } else if (got > 0) {
        uv_buf_t piece = uv_buf_init(buffer->base, (unsigned)got);
        int sent = uv_try_write(stream, &piece, 1);
        size_t done = sent < 0 ? 0 : (size_t)sent;
        if (done < (size_t)got)
            write_rest(stream, buffer->base + done, (size_t)got - done);
    }
}

static void sink_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    (void)buffer;
    if (got < 0)
        client_close(stream);
}

static uv_stream_t *client_new(uv_loop_t *loop)
{
    if (is_pipe) {
        uv_pipe_t *pipe = bench_calloc(1, sizeof *pipe);
        check(uv_pipe_init(loop, pipe, 0));
        return (uv_stream_t *)pipe;
    }
    uv_tcp_t *tcp = bench_calloc(1, sizeof *tcp);
    check(uv_tcp_init(loop, tcp));
    return (uv_stream_t *)tcp;
}

static void on_connection(uv_stream_t *listener, int status)
{
    check(status);
    uv_stream_t *client = client_new(listener->loop);
    check(uv_accept(listener, client));
    if (!is_pipe)
        check(uv_tcp_nodelay((uv_tcp_t *)client, 1));
    check(uv_read_start(client, alloc_cb, read_cb));
}

static void listen_and_run(uv_stream_t *listener)
{
    check(uv_listen(listener, BENCH_SERVE_BACKLOG, on_connection));
    bench_ready();
    uv_run(listener->loop, UV_RUN_DEFAULT);
}

static void serve_port(const char *port)
{
    struct sockaddr_in here;
    uv_tcp_t listener;
    check(uv_ip4_addr("127.0.0.1", bench_port(port), &here));
    check(uv_tcp_init(uv_default_loop(), &listener));
    check(uv_tcp_bind(&listener, (const struct sockaddr *)&here, 0));
    listen_and_run((uv_stream_t *)&listener);
}

void serve_tcp(char **arguments)
{
    alloc_cb = echo_alloc;
    read_cb = echo_read;
    serve_port(arguments[0]);
}

void serve_sink(char **arguments)
{
    alloc_cb = sink_alloc;
    read_cb = sink_read;
    serve_port(arguments[0]);
}

void serve_unix(char **arguments)
{
    uv_pipe_t listener;
    alloc_cb = echo_alloc;
    read_cb = echo_read;
    is_pipe = 1;
    check(uv_pipe_init(uv_default_loop(), &listener, 0));
    check(uv_pipe_bind(&listener, arguments[0]));
    listen_and_run((uv_stream_t *)&listener);
}

static void datagram_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buffer)
{
    (void)handle;
    (void)hint;
    *buffer = uv_buf_init(datagram_buffer, sizeof datagram_buffer);
}

static void on_datagram(uv_udp_t *socket, ssize_t got, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags)
{
    (void)flags;
    if (got <= 0 || from == NULL)
        return; /* the end of a batch */
    uv_buf_t piece = uv_buf_init(buffer->base, (unsigned)got);
    uv_udp_try_send(socket, &piece, 1, from); /* what has no room is dropped */
}

void serve_udp(char **arguments)
{
    struct sockaddr_in here;
    uv_udp_t socket;
    check(uv_ip4_addr("127.0.0.1", bench_port(arguments[0]), &here));
    check(uv_udp_init_ex(uv_default_loop(), &socket, AF_INET | UV_UDP_RECVMMSG));
    check(uv_udp_bind(&socket, (const struct sockaddr *)&here, 0));
    check(uv_udp_recv_start(&socket, datagram_alloc, on_datagram));
    bench_ready();
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
