/* SPDX-License-Identifier: MIT
 *
 * See job_server.h. There is one thread here, and nothing of the program's but a copy of its
 * memory: a function that misbehaves harms this process only, and what comes of it the other end
 * sees as the end of the channel.
 */
#include "exec/job_server.h"

#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <sys/uio.h>

#include "base/sys.h"
#include "base/sys_fork.h"
#include "base/sys_signal.h"

/* Faults, one after another, take twice as long; but of much memory a function may touch little. */
#define MAPPED_AT_ONCE_MAX ((size_t)4 << 20)

static alignas(64) char message_input[JOB_MESSAGE_MAX];
static alignas(64) char message_output[JOB_MESSAGE_MAX];

/* Bytes of a job, here: in a message, or mapped. */
struct bytes {
    void *data;
    void *mapping; /* whole pages; or NULL */
    size_t mapping_size;
};

static int map_bytes(struct bytes *bytes, int fd, uint64_t offset, size_t size, unsigned flags)
{
    uint64_t first = offset / sys_page_size() * sys_page_size();
    bytes->mapping_size = (size_t)(offset - first) + size;
    if (size <= MAPPED_AT_ONCE_MAX)
        flags |= SYS_MEMORY_NOW;
    int rc = sys_memory_map(fd, first, bytes->mapping_size, flags, &bytes->mapping);
    if (rc == 0)
        bytes->data = (char *)bytes->mapping + (offset - first);
    return rc;
}

static void unmap_bytes(const struct bytes *bytes)
{
    if (bytes->mapping != NULL)
        sys_unmap(bytes->mapping, bytes->mapping_size);
}

/* A request as it was received. */
struct errand {
    struct job_request request;
    int fds[SYS_CHANNEL_FDS_MAX];
    size_t fd_count;
};

static int map_all(const struct errand *errand, struct bytes *input, struct bytes *output)
{
    const struct job_request *request = &errand->request;
    if (errand->fd_count != (size_t)(request->input_is_shared + request->output_is_shared))
        return -EMFILE; /* not all came through */
    int rc = 0;
    if (request->input_is_shared)
        rc = map_bytes(input, errand->fds[0], request->input_offset, request->input_size, 0);
    if (rc == 0 && request->output_is_shared)
        rc = map_bytes(output, errand->fds[errand->fd_count - 1], request->output_offset,
                       request->room, SYS_MEMORY_WRITABLE);
    return rc;
}

static int64_t call(hoop_job_fn fn, const struct job_request *request, const struct bytes *input,
                    const struct bytes *output)
{
    int64_t result = fn(input->data, request->input_size, output->data, request->room);
    fflush(NULL); /* whoever is told of the end finds all that was written */
    return result;
}

static struct job_reply run(const struct errand *errand, const struct job_setup *setup)
{
    const struct job_request *request = &errand->request;
    struct bytes input = {.data = message_input};
    struct bytes output = {.data = message_output};
    int rc = request->function < setup->count ? map_all(errand, &input, &output) : -EBADMSG;
    for (size_t i = 0; i < errand->fd_count; i++)
        sys_close(errand->fds[i]);
    struct job_reply reply = {.result = rc, .end = JOB_REFUSED};
    if (rc == 0) {
        reply.result = call(setup->functions[request->function], request, &input, &output);
        bool is_too_much = request->room > 0 && reply.result > (int64_t)request->room;
        reply.end = is_too_much ? JOB_TOO_MUCH : JOB_DONE;
    }
    unmap_bytes(&input);
    unmap_bytes(&output);
    return reply;
}

/* How much of the output is to be sent. */
static size_t output_size(const struct job_request *request, const struct job_reply *reply)
{
    bool is_sent = reply->end == JOB_DONE && reply->result > 0 && request->room > 0;
    return is_sent && !request->output_is_shared ? (size_t)reply->result : 0;
}

/* False once the other end is closed. */
static bool serve_one(int channel, const struct job_setup *setup, int birth)
{
    struct errand errand;
    const struct iovec pieces[] = {{&errand.request, sizeof errand.request},
                                   {message_input, sizeof message_input}};
    if (sys_channel_receive(channel, pieces, 2, errand.fds, &errand.fd_count) <= 0)
        return false;
    struct job_reply reply = {.result = birth, .end = JOB_REFUSED};
    if (birth == 0)
        reply = run(&errand, setup);
    const struct iovec answer[] = {{&reply, sizeof reply},
                                   {message_output, output_size(&errand.request, &reply)}};
    return sys_channel_send(channel, answer, 2, NULL, 0) == 0;
}

_Noreturn void job_serve(int channel, const struct job_setup *setup, int server)
{
    sys_end_with_parent(server);
    sys_signals_forget();
    sys_thread_name(setup->name);
    sys_close_others(channel);
    int birth = sys_close_in_forks(channel);
    if (birth == 0 && setup->max_memory > 0)
        birth = sys_limit_memory(setup->max_memory);
    if (setup->begin != NULL)
        setup->begin(setup->arg);
    while (serve_one(channel, setup, birth))
        ;
    sys_exit(0);
}
