/* SPDX-License-Identifier: MIT
 *
 * A stream that goes on in TLS. While the handshake lasts the task that makes it holds both
 * directions: nobody else can read, and who wants to write stands in line.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/loop.h>

#include "base/check.h"
#include "io/stream.h"
#include "io/tls.h"

/* 0, or why STREAM cannot begin with TLS. */
static int check(const hoop_stream *stream, const char *function)
{
    int rc = stream_check(stream, function);
    if (rc < 0)
        return rc;
    if (UNLIKELY(stream->reader != NULL))
        return wait_failed(misuse(hoop_get_debug(stream->channel.loop), -EBUSY, function));
    if (stream->channel.tls != NULL)
        return wait_failed(-EALREADY);
    return stream->channel.is_socket ? 0 : wait_failed(-EOPNOTSUPP);
}

/* 0, or why nothing can be sent or received any more. */
static int check_connection(const struct channel *channel)
{
    if (channel->write_error != 0 || channel->read_error != 0)
        return channel->write_error != 0 ? channel->write_error : channel->read_error;
    return channel->is_closing || channel->end_wanted ? -EPIPE : 0;
}

/* Until all that was written has been sent. */
static int send_all(struct stream_wait *writer, struct channel *channel)
{
    int rc = check_connection(channel);
    while (rc == 0 && channel->out.size > 0) {
        rc = stream_writer_wait(writer);
        if (rc == 0)
            rc = check_connection(channel);
    }
    return rc;
}

/* The handshake has failed: nothing can be sent or received any more. A later call must not
 * seem to be cancelled, nor a stream that was hung up to be gone. */
static int fail(struct channel *channel, int rc)
{
    int later = rc == -ECANCELED || rc == -EBADF ? -ECONNABORTED : rc;
    channel->read_error = later;
    if (channel->write_error == 0)
        channel->write_error = later;
    return rc == -EBADF ? wait_failed(later) : rc;
}

/* In its turn to write. Nobody has read meanwhile, but what the other end sent in the clear
 * before the stream was asked for TLS must not be taken for something secret. */
static int begin(struct stream_wait *writer, hoop_stream *stream, hoop_tls *tls,
                 const char *server_name)
{
    struct stream_wait reader = {.stream = stream};
    int rc = send_all(writer, &stream->channel);
    if (rc < 0)
        return rc;
    if (stream->reader != NULL)
        return -EBUSY;
    if (stream->in.size > 0)
        return -EPROTO;
    rc = tls_start(&stream->channel, tls, server_name);
    if (rc < 0)
        return rc;
    stream->reader = &reader;
    rc = tls_handshake(&stream->channel);
    if (reader.stream == NULL)
        return -EBADF;
    stream->reader = NULL;
    return rc < 0 ? fail(&stream->channel, rc) : 0;
}

int hoop_stream_start_tls(hoop_stream *stream, hoop_tls *tls, const char *server_name)
{
    int rc = check(stream, __func__);
    if (rc < 0)
        return rc;
    struct stream_wait writer;
    rc = stream_writer_begin(&writer, stream);
    if (rc == 0)
        rc = begin(&writer, stream, tls, server_name);
    stream_writer_end(&writer);
    return rc;
}

struct ssl_st *hoop_stream_ssl(const hoop_stream *stream)
{
    return tls_ssl(&stream->channel);
}

bool hoop_stream_tls_in_kernel(const hoop_stream *stream)
{
    return tls_in_kernel(&stream->channel);
}

const char *hoop_stream_alpn(const hoop_stream *stream)
{
    return tls_alpn(&stream->channel);
}
