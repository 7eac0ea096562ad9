/* SPDX-License-Identifier: MIT
 *
 * Talking to a process all at once: its input is written and its outputs are read side by side,
 * each by a task of one group, so that no full pipe holds up another.
 *
 * What was read lies in the process until a call has come to the end: so nothing is lost when one
 * is cancelled. And nothing of the input is copied: what the pipe has not taken has not been
 * written, and the next call knows where to go on.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/group.h>
#include <hoop/loop.h>

#include "base/alloc.h"
#include "base/check.h"
#include "io/process.h"
#include "io/stream.h"
#include "task/wait.h"

/* The least room for a read: from so much on, a stream receives into it without a copy. */
#define ROOM_MIN ((size_t)16384)

/* What one task does. In the frame of the call. */
struct part {
    hoop_coroutine_fn run;
    hoop_process *process;
    int fd;
    hoop_stream *stream; /* of FD; gone once it is not the process's any more */
    bool is_kept;        /* of an output */
    const char *input;   /* and of the input */
    size_t size;
};

/* Has its stream been closed or taken meanwhile? */
static bool is_lost(const struct part *part)
{
    return part->process->streams[part->fd] != part->stream;
}

/* ---- its input ---- */

/* How many bytes of the input an earlier call has written. */
static uint64_t written_before(hoop_process *process)
{
    uint64_t written = hoop_stream_bytes_written(process->streams[0]);
    if (!process->has_input_start)
        process->input_start = written;
    process->has_input_start = true;
    return written - process->input_start;
}

static void close_input(hoop_process *process)
{
    hoop_stream_abort(hoop_process_take_stdin(process)); /* all was sent */
}

static int64_t write_input(void *arg)
{
    const struct part *part = arg;
    hoop_process *process = part->process;
    hoop_stream *stream = part->stream;
    int64_t rc = 0;
    if (is_lost(part)) /* before this task has begun */
        return -EBADF;
    uint64_t before = written_before(process);
    stream->channel.write_high = stream->channel.write_low = 0; /* wait for all, copy nothing */
    if (before < part->size)
        rc = hoop_stream_write(stream, part->input + before, part->size - before);
    if (rc >= 0)
        rc = hoop_stream_drain(stream); /* what its program had written before */
    if (is_lost(part))
        return -EBADF;
    if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET) /* it need not read all */
        return rc;
    close_input(process);
    return 0;
}

/* Is there something to write? If not, its input is closed. */
static bool has_input(hoop_process *process, size_t size)
{
    hoop_stream *stream = process->streams[0];
    if (stream == NULL)
        return false;
    if (written_before(process) < size || hoop_stream_write_buffered(stream) > 0)
        return true;
    close_input(process);
    return false;
}

/* ---- its outputs ---- */

static int64_t read_output(void *arg)
{
    const struct part *part = arg;
    struct buffer *buffer = &part->process->outputs[part->fd];
    while (!is_lost(part)) {
        char *place = buffer_reserve(buffer, ROOM_MIN + 1); /* and the '\0' */
        if (place == NULL)
            return wait_failed(-ENOMEM);
        int64_t size = hoop_stream_read(part->stream, place, buffer_room(buffer) - 1);
        if (size <= 0)
            return is_lost(part) ? -EBADF : size;
        if (part->is_kept && !is_lost(part))
            buffer_added(buffer, (size_t)size);
    }
    return -EBADF;
}

/* Nothing can fail any more: if memory cannot be made smaller it stays as it is. */
static void hand_out(struct buffer *buffer, hoop_output *ret_output)
{
    if (ret_output == NULL) {
        buffer_done(buffer);
        return;
    }
    *ret_output = (hoop_output){.data = buffer->memory, .size = buffer->size};
    if (buffer->memory != NULL) {
        buffer->memory[buffer->size] = '\0';
        char *smaller = alloc_array(buffer->memory, buffer->size + 1, 1);
        if (smaller != NULL)
            ret_output->data = smaller;
    }
    *buffer = (struct buffer){0};
}

void hoop_output_free(hoop_output *output)
{
    alloc_free(output->data);
    *output = (hoop_output){0};
}

/* ---- all at once ---- */

/* The last part is the calling task's own. */
static int64_t run_parts(struct part *parts, size_t count)
{
    if (count == 0)
        return 0;
    struct part *own = &parts[count - 1];
    if (count == 1)
        return own->run(own);
    hoop_task_group group;
    int64_t rc = hoop_task_group_enter(&group);
    for (struct part *part = parts; rc == 0 && part < own; part++)
        if (hoop_task_group_create_task_named(&group, part->run, part, "communicate") == NULL)
            rc = wait_failed(hoop_last_error());
    if (rc == 0)
        rc = own->run(own);
    return hoop_task_group_exit(&group, rc);
}

static int communicate(hoop_process *process, const struct part *input, const hoop_output *out,
                       const hoop_output *err)
{
    struct part parts[3];
    size_t count = 0;
    if (has_input(process, input->size))
        parts[count++] = *input;
    for (int fd = 1; fd < 3; fd++) {
        const hoop_output *output = fd == 1 ? out : err;
        if (process->streams[fd] != NULL)
            parts[count++] = (struct part){.run = read_output,
                                           .process = process,
                                           .fd = fd,
                                           .stream = process->streams[fd],
                                           .is_kept = output != NULL};
    }
    int64_t rc = run_parts(parts, count);
    if (rc < 0)
        return (int)rc;
    return process->is_closed ? wait_failed(-EBADF) : hoop_process_wait(process);
}

static bool is_read(const hoop_stream *stream)
{
    return stream != NULL && stream->reader != NULL;
}

int hoop_process_communicate(hoop_process *process, const void *input, size_t size,
                             hoop_output *ret_out, hoop_output *ret_err)
{
    int rc = process_check(process, __func__);
    if (rc < 0)
        return rc;
    if (process->listener != NULL)
        return wait_failed(misuse(hoop_get_debug(process->loop), -EINVAL, __func__));
    if (process->is_communicating || is_read(process->streams[1]) || is_read(process->streams[2]))
        return wait_failed(misuse(hoop_get_debug(process->loop), -EBUSY, __func__));
    const struct part part = {.run = write_input,
                              .process = process,
                              .stream = process->streams[0],
                              .input = input,
                              .size = size};
    process->is_communicating = true;
    rc = communicate(process, &part, ret_out, ret_err);
    process->is_communicating = false;
    if (rc >= 0 || rc == -ECHILD) {
        hand_out(&process->outputs[1], ret_out);
        hand_out(&process->outputs[2], ret_err);
    }
    if (process->is_closed)
        process_free(process);
    return rc;
}
