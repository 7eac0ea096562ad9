/* SPDX-License-Identifier: MIT
 *
 * The pieces that wait to be written: an array that is used from the front.
 */
#include "outgoing.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    AT_ONCE = 256, /* pieces in a system call; the kernel takes 1024 */
    FEW = 8,       /* so much memory is kept while nothing waits */
};

static struct outgoing_piece *piece_at(const struct outgoing *outgoing, size_t index)
{
    return &outgoing->pieces[outgoing->first + index];
}

static size_t piece_size(const struct outgoing_piece *piece)
{
    return (size_t)PyBytes_GET_SIZE(piece->bytes) - piece->begin;
}

/* Makes room for one more at the end. */
static int reserve(struct outgoing *outgoing)
{
    if (outgoing->first + outgoing->count < outgoing->capacity)
        return 0;
    if (outgoing->first > outgoing->capacity / 2) {
        memmove(outgoing->pieces, piece_at(outgoing, 0),
                outgoing->count * sizeof *outgoing->pieces);
        outgoing->first = 0;
        return 0;
    }
    size_t capacity = outgoing->capacity == 0 ? FEW : 2 * outgoing->capacity;
    struct outgoing_piece *pieces = outgoing->pieces;
    PyMem_Resize(pieces, struct outgoing_piece, capacity);
    if (pieces == NULL) {
        (void)PyErr_NoMemory();
        return -1;
    }
    outgoing->pieces = pieces;
    outgoing->capacity = capacity;
    return 0;
}

/* Takes BYTES over. */
static int append(struct outgoing *outgoing, PyObject *bytes, size_t begin)
{
    if (reserve(outgoing) < 0) {
        Py_DECREF(bytes);
        return -1;
    }
    struct outgoing_piece *piece = piece_at(outgoing, outgoing->count++);
    *piece = (struct outgoing_piece){bytes, begin};
    outgoing->size += piece_size(piece);
    return 0;
}

int outgoing_add(struct outgoing *outgoing, PyObject *data, size_t skip)
{
    if (PyBytes_CheckExact(data))
        return (size_t)PyBytes_GET_SIZE(data) == skip ? 0 : append(outgoing, Py_NewRef(data), skip);
    Py_buffer buffer;
    if (PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE) < 0)
        return -1;
    /* A program may have made it smaller meanwhile. */
    size_t size = (size_t)buffer.len > skip ? (size_t)buffer.len - skip : 0;
    PyObject *copy = PyBytes_FromStringAndSize((const char *)buffer.buf + skip, (Py_ssize_t)size);
    PyBuffer_Release(&buffer);
    if (copy != NULL && size > 0)
        return append(outgoing, copy, 0);
    Py_XDECREF(copy);
    return copy == NULL ? -1 : 0;
}

void outgoing_truncate(struct outgoing *outgoing, size_t count)
{
    while (outgoing->count > count) {
        struct outgoing_piece *piece = piece_at(outgoing, --outgoing->count);
        outgoing->size -= piece_size(piece);
        Py_DECREF(piece->bytes);
    }
}

/* COUNT bytes are gone. */
static void advance(struct outgoing *outgoing, size_t count)
{
    outgoing->size -= count;
    while (outgoing->count > 0) {
        struct outgoing_piece *piece = piece_at(outgoing, 0);
        if (piece_size(piece) > count) {
            piece->begin += count;
            return;
        }
        count -= piece_size(piece);
        outgoing->first++;
        outgoing->count--;
        Py_DECREF(piece->bytes); /* exactly bytes: runs no code of a program */
    }
    outgoing->first = 0;
    if (outgoing->capacity > FEW)
        outgoing_clear(outgoing);
}

static ssize_t send_pieces(int fd, const struct iovec *pieces, size_t count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = count};
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static ssize_t write_pieces(int fd, const struct iovec *pieces, size_t count)
{
    return writev(fd, pieces, (int)count);
}

static ssize_t hand_over(struct outgoing *outgoing, int fd, bool *ret_all,
                         ssize_t (*hand)(int fd, const struct iovec *pieces, size_t count))
{
    struct iovec pieces[AT_ONCE];
    size_t count = outgoing->count < AT_ONCE ? outgoing->count : AT_ONCE;
    size_t offered = 0;
    for (size_t i = 0; i < count; i++) {
        const struct outgoing_piece *piece = piece_at(outgoing, i);
        pieces[i].iov_base = PyBytes_AS_STRING(piece->bytes) + piece->begin;
        pieces[i].iov_len = piece_size(piece);
        offered += pieces[i].iov_len;
    }
    ssize_t sent;
    do
        sent = hand(fd, pieces, count);
    while (sent < 0 && errno == EINTR);
    *ret_all = sent >= 0 && (size_t)sent == offered;
    if (sent < 0)
        return -errno;
    advance(outgoing, (size_t)sent);
    return sent;
}

ssize_t outgoing_send(struct outgoing *outgoing, int fd, bool *ret_all)
{
    return hand_over(outgoing, fd, ret_all, send_pieces);
}

ssize_t outgoing_write(struct outgoing *outgoing, int fd, bool *ret_all)
{
    return hand_over(outgoing, fd, ret_all, write_pieces);
}

void outgoing_clear(struct outgoing *outgoing)
{
    outgoing_truncate(outgoing, 0);
    PyMem_Free(outgoing->pieces);
    *outgoing = (struct outgoing){0};
}
