/* SPDX-License-Identifier: MIT
 *
 * Streams to elsewhere: a connection, a stream over it, and TLS on top.
 */
#include <errno.h>
#include <hoop/loop.h>
#include <hoop/stream.h>

#include "base/check.h"
#include "base/sys.h"
#include "io/connect.h"
#include "io/stream.h"

static const hoop_connection_options defaults;

/* Takes FD over, whatever comes of it. */
static int open_over(int fd, const hoop_connection_options *options, const char *server_name,
                     hoop_stream **ret_stream)
{
    hoop_stream *stream;
    int rc = stream_new(fd, CHANNEL_FRESH, &options->stream, &stream);
    if (rc < 0) {
        sys_close(fd);
        return wait_failed(rc);
    }
    if (options->tls != NULL)
        rc = hoop_stream_start_tls(stream, options->tls, server_name);
    if (rc < 0) {
        hoop_stream_abort(stream);
        return rc;
    }
    *ret_stream = stream;
    return 0;
}

int hoop_open_connection(const char *host, uint16_t port, const hoop_connection_options *options,
                         hoop_stream **ret_stream)
{
    if (options == NULL)
        options = &defaults;
    int rc = io_check_task(__func__);
    int fd = rc < 0 ? rc : connect_host(host, port, options);
    const char *name = options->server_name != NULL ? options->server_name : host;
    return fd < 0 ? fd : open_over(fd, options, name, ret_stream);
}

int hoop_open_unix_connection(const char *path, const hoop_connection_options *options,
                              hoop_stream **ret_stream)
{
    if (options == NULL)
        options = &defaults;
    int rc = io_check_task(__func__);
    if (rc < 0)
        return rc;
    if (options->tls != NULL && options->server_name == NULL)
        return wait_failed(misuse(hoop_get_debug(hoop_running_loop()), -EINVAL, __func__));
    int fd = connect_unix(path);
    return fd < 0 ? fd : open_over(fd, options, options->server_name, ret_stream);
}
