/* SPDX-License-Identifier: MIT
 *
 * Rows about helper processes. libuv has no pool of them: the program starts itself once more and
 * talks with that process over pipes. A frame is its length in eight bytes and so many bytes;
 * each frame is answered by one.
 */
#include "../jobs.h"
#include "rows.h"

/* ---- the helper ----------------------------------------------------------- */

/* With blocking calls and stdio's buffers: it has nothing else to do. */
static uint64_t frame_read(char **buffer, uint64_t *room)
{
    uint64_t size;
    if (fread(&size, sizeof size, 1, stdin) != 1)
        exit(0); /* the other side has closed the pipe */
    if (size > *room) {
        free(*buffer);
        *buffer = bench_calloc(1, size);
        *room = size;
    }
    bench_require(fread(*buffer, 1, size, stdin) == size, "helper: half a frame");
    return size;
}

static void frame_write(const void *data, uint64_t size)
{
    bench_require(fwrite(&size, sizeof size, 1, stdout) == 1 &&
                      fwrite(data, 1, size, stdout) == size && fflush(stdout) == 0,
                  "helper: nobody listens");
}

int helper_main(const char *job)
{
    char *buffer = NULL;
    uint64_t room = 0;
    for (;;) {
        uint64_t size = frame_read(&buffer, &room);
        if (strcmp(job, "invert") == 0) {
            bench_invert(buffer, buffer, size);
            frame_write(buffer, size);
        } else {
            uint64_t sum = bench_sum((const uint64_t *)(void *)buffer, size);
            frame_write(&sum, sizeof sum);
        }
    }
}

/* ---- who asks ------------------------------------------------------------- */

static struct {
    uv_process_t process;
    uv_pipe_t in, out; /* the helper's */
    uv_write_t write;
    uint64_t input_size;
    const char *input;
    uint64_t output_size; /* what is expected */
    char *output;
    size_t received; /* of the frame, and its length before it */
    uint64_t length; /* which came first */
    int left;        /* frames to be sent and answered */
    int halves;      /* of the frame under way that are done: sent, answered */
    void (*verify)(void);
} asking;

static void ask_next(void);

/* A frame has been written, or its answer has been read; the answer may be there before libuv
 * tells of the writing, and needs the request until then. */
static void half_done(void)
{
    if (++asking.halves < 2)
        return;
    if (--asking.left > 0)
        ask_next();
    else
        uv_stop(uv_default_loop());
}

static void on_written(uv_write_t *request, int status)
{
    (void)request;
    check(status);
    half_done();
}

static void ask_next(void)
{
    uv_buf_t parts[] = {uv_buf_init((char *)&asking.input_size, sizeof asking.input_size),
                        uv_buf_init((char *)asking.input, (unsigned)asking.input_size)};
    asking.halves = 0;
    check(uv_write(&asking.write, (uv_stream_t *)&asking.in, parts, 2, on_written));
}

/* Where the rest of the frame goes: the buffer for the length lies right before the bytes. */
static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buffer)
{
    (void)handle;
    (void)hint;
    size_t whole = sizeof asking.length + asking.output_size;
    *buffer = uv_buf_init(asking.output + asking.received, (unsigned)(whole - asking.received));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    (void)stream;
    (void)buffer;
    check((int)size);
    asking.received += (size_t)size;
    if (asking.received < sizeof asking.length + asking.output_size)
        return;
    memcpy(&asking.length, asking.output, sizeof asking.length);
    bench_require(asking.length == asking.output_size, "an answer of another length");
    asking.verify();
    asking.received = 0;
    half_done();
}

static void helper_start(const char *job)
{
    uv_loop_t *loop = uv_default_loop();
    uv_pipe_init(loop, &asking.in, 0);
    uv_pipe_init(loop, &asking.out, 0);
    char *argv[] = {"/proc/self/exe", "helper", (char *)job, NULL};
    uv_stdio_container_t stdio[] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&asking.in},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&asking.out},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
    };
    uv_process_options_t options = {
        .file = argv[0], .args = argv, .stdio = stdio, .stdio_count = 3};
    check(uv_spawn(loop, &asking.process, &options));
    check(uv_read_start((uv_stream_t *)&asking.out, on_alloc, on_read));
}

static void ask(int count)
{
    asking.left = count;
    ask_next();
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    bench_require(asking.left == 0, "an answer is missing");
}

static double measure_jobs(const char *job, uint64_t output_size, int count)
{
    asking.output_size = output_size;
    asking.output = bench_calloc(1, sizeof asking.length + output_size);
    helper_start(job);
    ask(count / 10);
    int64_t start = bench_now();
    ask(count);
    return (double)(bench_now() - start) / count;
}

static void verify_inverted(void)
{
    bench_require(bench_is_inverted(asking.input, asking.output + sizeof asking.length,
                                    BENCH_HELPER_SMALL_SIZE),
                  "a wrong answer");
}

static void verify_sum(void)
{
    uint64_t sum;
    memcpy(&sum, asking.output + sizeof asking.length, sizeof sum);
    bench_require(sum == bench_words_sum(BENCH_HELPER_LARGE_SIZE), "a wrong sum");
}

double row_helper_1k(void)
{
    char *input = bench_calloc(1, BENCH_HELPER_SMALL_SIZE);
    bench_words_fill((uint64_t *)(void *)input, BENCH_HELPER_SMALL_SIZE);
    asking.input = input;
    asking.input_size = BENCH_HELPER_SMALL_SIZE;
    asking.verify = verify_inverted;
    return measure_jobs("invert", BENCH_HELPER_SMALL_SIZE, BENCH_HELPER_SMALL_JOBS);
}

double row_helper_64m(void)
{
    char *input = bench_calloc(1, BENCH_HELPER_LARGE_SIZE);
    bench_words_fill((uint64_t *)(void *)input, BENCH_HELPER_LARGE_SIZE);
    asking.input = input;
    asking.input_size = BENCH_HELPER_LARGE_SIZE;
    asking.verify = verify_sum;
    return measure_jobs("sum", sizeof(uint64_t), BENCH_HELPER_LARGE_JOBS);
}
