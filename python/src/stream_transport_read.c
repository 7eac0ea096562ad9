/* SPDX-License-Identifier: MIT
 *
 * Reading of a stream transport. One system call a turn, so that the callbacks of others come in
 * between, and none to find out that nothing is left: a short count tells.
 */
#include "stream_transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    SMALL = 16 * 1024, /* is received on the stack and copied */
    MEDIUM = 64 * 1024,
    LARGE = 256 * 1024,
};

/* ---- the system ---- */

/* Other than of TCP, a read of a Unix socket also ends where descriptors came with the bytes, though
 * more is there: these get lost here, and that says so. */
static ssize_t receive_unix(int fd, void *buffer, size_t size, bool *ret_cut)
{
    struct iovec piece = {buffer, size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t count = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    *ret_cut = (message.msg_flags & MSG_CTRUNC) != 0;
    return count;
}

/* Bytes received, 0 at the end, or a negative errno. */
static ssize_t receive(struct stream_transport *transport, void *buffer, size_t size)
{
    hoop_watch *watch = &transport->base.watch;
    bool is_cut = false;
    ssize_t count;
    do
        count = transport->is_tcp ? recv(transport->base.fd, buffer, size, 0)
                                  : receive_unix(transport->base.fd, buffer, size, &is_cut);
    while (count < 0 && errno == EINTR);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        hoop_watch_clear(watch, HOOP_READABLE | HOOP_HANGUP);
        return -EAGAIN;
    }
    if (count < 0)
        return -errno;
    if (count > 0 && (size_t)count < size && !is_cut && !(watch->ready & HOOP_HANGUP))
        hoop_watch_clear(watch, HOOP_READABLE);
    return count;
}

static int read_failed(struct stream_transport *transport, ssize_t error)
{
    if (error == -EAGAIN)
        return 0;
    errno = (int)-error;
    (void)PyErr_SetFromErrno(PyExc_OSError);
    return transport_failed(&transport->base, "Fatal read error on socket transport");
}

/* ---- the end of the data ---- */

/* What eof_received says: whether to keep the connection. -1 with an exception. */
static int ask_protocol_at_eof(struct stream_transport *transport)
{
    PyObject *answer = protocol_call(&transport->base.protocol,
                                     transport->base.loop->state->name_eof_received, NULL);
    int keep = answer == NULL ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    return keep;
}

static int read_eof(struct stream_transport *transport)
{
    transport->at_eof = true;
    if (transport->base.loop->debug && transport_log(&transport->base, "received EOF") < 0)
        return -1;
    int keep = ask_protocol_at_eof(transport);
    if (keep < 0)
        return transport_failed(&transport->base,
                                "Fatal error: protocol.eof_received() call failed.");
    return keep ? 0 : stream_transport_close(transport);
}

/* ---- for a protocol that takes bytes ---- */

/* Follows the sizes of what comes. */
static void adapt_read_size(struct stream_transport *transport, size_t count)
{
    size_t size = transport->read_size;
    if (count == size)
        transport->read_size = size < LARGE / 4 ? 4 * size : LARGE;
    else if (count < size / 4 && size > SMALL)
        transport->read_size = size / 2;
}

/* As receive. If there are bytes but RET_DATA stays NULL, an exception is pending. */
static ssize_t receive_small(struct stream_transport *transport, PyObject **ret_data)
{
    char buffer[SMALL];
    ssize_t count = receive(transport, buffer, SMALL);
    if (count > 0)
        *ret_data = PyBytes_FromStringAndSize(buffer, count);
    return count;
}

static ssize_t receive_large(struct stream_transport *transport, PyObject **ret_data)
{
    size_t size = transport->read_size;
    PyObject *data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (data == NULL)
        return 1; /* no data, but an exception */
    ssize_t count = receive(transport, PyBytes_AS_STRING(data), size);
    if (count <= 0)
        Py_CLEAR(data);
    else if ((size_t)count < size)
        (void)_PyBytes_Resize(&data, count);
    *ret_data = data;
    return count;
}

static int read_bytes(struct stream_transport *transport)
{
    PyObject *data = NULL;
    ssize_t count = transport->read_size <= SMALL ? receive_small(transport, &data)
                                                  : receive_large(transport, &data);
    if (count < 0)
        return read_failed(transport, count);
    if (count == 0)
        return read_eof(transport);
    if (data == NULL)
        return transport_failed(&transport->base, "Fatal read error on socket transport");
    adapt_read_size(transport, (size_t)count);
    PyObject *result = protocol_call(&transport->base.protocol,
                                     transport->base.loop->state->name_data_received, data);
    Py_DECREF(data);
    Py_XDECREF(result);
    return result != NULL ? 0
                          : transport_failed(&transport->base,
                                             "Fatal error: protocol.data_received() call failed.");
}

/* ---- for a protocol that lends a buffer ---- */

static int read_into(struct stream_transport *transport, const struct protocol_kind *kind,
                     PyObject *protocol)
{
    struct core_state *state = transport->base.loop->state;
    Py_buffer buffer;
    if (kind->get_buffer(state, protocol, &buffer) < 0)
        return transport_failed(&transport->base,
                                "Fatal error: protocol.get_buffer() call failed.");
    if (!transport_is_reading(&transport->base)) {
        /* get_buffer paused or closed the transport; what there is stays there. */
        PyBuffer_Release(&buffer);
        return 0;
    }
    ssize_t count = receive(transport, buffer.buf, (size_t)buffer.len);
    PyBuffer_Release(&buffer);
    if (count < 0)
        return read_failed(transport, count);
    if (count == 0)
        return read_eof(transport);
    if (kind->buffer_updated(state, protocol, count) < 0)
        return transport_failed(&transport->base,
                                "Fatal error: protocol.buffer_updated() call failed.");
    return 0;
}

/* ---- for a protocol that is written in C ---- */

static int read_and_hand_over(struct stream_transport *transport, const struct protocol_kind *kind,
                              PyObject *protocol)
{
    char buffer[MEDIUM];
    ssize_t count = receive(transport, buffer, sizeof buffer);
    if (count < 0)
        return read_failed(transport, count);
    if (count == 0)
        return read_eof(transport);
    if (kind->take(transport->base.loop->state, protocol, buffer, (size_t)count) < 0)
        return transport_failed(&transport->base, "Fatal error: the protocol failed.");
    return 0;
}

int stream_transport_read(struct stream_transport *transport)
{
    const struct protocol_kind *kind = transport->base.protocol.kind;
    if (kind->get_buffer == NULL)
        return read_bytes(transport);
    PyObject *protocol = Py_NewRef(transport->base.protocol.object); /* it may set another one */
    int rc = kind->take != NULL ? read_and_hand_over(transport, kind, protocol)
                                : read_into(transport, kind, protocol);
    Py_DECREF(protocol);
    return rc;
}
