/* SPDX-License-Identifier: MIT
 *
 * A server of datagrams: one coroutine, which takes as many as there are in one call and sends
 * them back in another.
 */
#include "serve.h"

static char buffers[BENCH_DATAGRAM_BATCH][BENCH_DATAGRAM_BUFFER];
static hoop_address addresses[BENCH_DATAGRAM_BATCH];
static hoop_message messages[BENCH_DATAGRAM_BATCH];

static void messages_clear(int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        messages[i] = (hoop_message){
            .data = buffers[i], .size = BENCH_DATAGRAM_BUFFER, .address = &addresses[i]};
}

static int64_t serve_datagrams(void *port)
{
    hoop_address here;
    hoop_datagram *socket;
    int rc = hoop_address_parse("127.0.0.1", bench_port(port), &here);
    if (rc == 0)
        rc = hoop_open_datagram(&here, NULL, NULL, &socket);
    if (rc < 0)
        return rc;
    bench_ready();
    int64_t count = BENCH_DATAGRAM_BATCH;
    do {
        messages_clear(count);
        count = hoop_datagram_recv_many(socket, messages, BENCH_DATAGRAM_BATCH);
    } while (count >= 0 && hoop_datagram_send_many(socket, messages, (size_t)count) >= 0);
    return count;
}

void serve_udp(char **arguments)
{
    serve_run(serve_datagrams, arguments[0]);
}
