/* SPDX-License-Identifier: MIT
 *
 * The way of a TLS connection to its channel: what OpenSSL reads comes from the descriptor
 * straight into its buffer, and what it writes is added to channel->out, which always has room
 * unless there is no memory. So only reading can make it wait; and, when the kernel encrypts what
 * is sent, the few records that OpenSSL still writes itself.
 */
#include <errno.h>

#include "io/tls_connection.h"

static int read_ciphertext(BIO *bio, char *buffer, int size)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    int64_t received = channel_system_receive(tls->channel, buffer, (size_t)size);
    if (received > 0)
        return (int)received;
    if (received == 0) {
        tls->is_cut = true; /* unless OpenSSL has read a goodbye, and does not ask */
        return 0;
    }
    if (received == -EAGAIN)
        BIO_set_retry_read(bio);
    else
        tls->io_error = (int)received;
    return -1;
}

static int write_by_kernel(BIO *bio, const char *data, int size)
{
    struct tls *tls = BIO_get_data(bio);
    int64_t sent = tls_kernel_write(tls, data, (size_t)size);
    if (sent >= 0)
        return (int)sent;
    if (sent == -EAGAIN)
        BIO_set_retry_write(bio);
    else
        tls->io_error = (int)sent;
    return -1;
}

static int write_ciphertext(BIO *bio, const char *data, int size)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (tls->kernel_sends)
        return write_by_kernel(bio, data, size);
    if (buffer_append(&tls->channel->out, data, (size_t)size) == 0)
        return size;
    tls->io_error = -ENOMEM;
    return -1;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    if (command == BIO_CTRL_FLUSH)
        return 1; /* whoever called OpenSSL sends */
    return tls_kernel_control(BIO_get_data(bio), command, number, pointer);
}

BIO_METHOD *tls_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "hoop");
    if (method == NULL)
        return NULL;
    if (BIO_meth_set_read(method, read_ciphertext) &&
        BIO_meth_set_write(method, write_ciphertext) && BIO_meth_set_ctrl(method, control))
        return method;
    BIO_meth_free(method);
    return NULL;
}
