/* SPDX-License-Identifier: MIT
 *
 * A pipeline of subprocesses, as a shell makes them with "|": pipeline COMMAND... starts all
 * commands, each one's output the next one's input, numbers the lines of the last one, and tells
 * how each has ended.
 *
 *     pipeline 'cat /etc/services' 'grep -o "^[a-z]*"' 'sort -u'
 */
#include <errno.h>
#include <fcntl.h>
#include <hoop.h>
#include <stdio.h>
#include <unistd.h>

enum { MOST = 16 };

struct pipeline {
    char **commands;
    int count;
    int started;
    hoop_process *processes[MOST];
};

/* Starts one command. It reads from *INPUT, which becomes where the next one is to read from; what
 * goes through these pipes never passes through here. */
static int start(struct pipeline *pipeline, int *input)
{
    int ends[2] = {-1, -1};
    bool is_last = pipeline->started == pipeline->count - 1;
    if (!is_last && pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    hoop_process_options options = {
        .in = {.kind = HOOP_STDIO_FD, .fd = *input},
        .out = {.kind = is_last ? HOOP_STDIO_PIPE : HOOP_STDIO_FD, .fd = ends[1]},
    };
    int rc = hoop_create_subprocess_shell(pipeline->commands[pipeline->started], &options,
                                          &pipeline->processes[pipeline->started]);
    if (*input != STDIN_FILENO)
        close(*input); /* the children have theirs; as long as ours is open, none reads the end */
    if (!is_last)
        close(ends[1]);
    *input = ends[0];
    pipeline->started += rc == 0;
    return rc;
}

static int64_t number_lines(hoop_stream *output)
{
    char line[4096];
    int64_t size, number = 0;
    while ((size = hoop_stream_readline(output, line, sizeof line)) > 0)
        printf("%4lld  %.*s", (long long)++number, (int)size, line);
    return size;
}

static int64_t tell_ends(struct pipeline *pipeline)
{
    for (int i = 0; i < pipeline->started; i++) {
        int status = hoop_process_wait(pipeline->processes[i]);
        if (status < 0)
            return status;
        if (hoop_exit_signal(status) != 0)
            printf("%s: killed by signal %d\n", pipeline->commands[i], hoop_exit_signal(status));
        else
            printf("%s: exit status %d\n", pipeline->commands[i], status);
    }
    return 0;
}

static int64_t run(void *arg)
{
    struct pipeline *pipeline = arg;
    int input = STDIN_FILENO;
    int64_t rc = 0;
    while (rc == 0 && pipeline->started < pipeline->count)
        rc = start(pipeline, &input);
    if (rc == 0)
        rc = number_lines(hoop_process_stdout(pipeline->processes[pipeline->count - 1]));
    else if (input > STDIN_FILENO)
        close(input);
    if (rc == 0)
        rc = tell_ends(pipeline);
    for (int i = 0; i < pipeline->started; i++)
        hoop_process_close(pipeline->processes[i]); /* kills what still runs, after an error */
    return rc;
}

int main(int argc, char **argv)
{
    struct pipeline pipeline = {.commands = argv + 1, .count = argc - 1};
    if (argc < 2 || argc - 1 > MOST) {
        fprintf(stderr, "usage: pipeline COMMAND...   (at most %d)\n", MOST);
        return 2;
    }
    int64_t rc = hoop_run(run, &pipeline);
    if (rc < 0)
        fprintf(stderr, "pipeline: %s %s\n", hoop_strerror(rc), hoop_error_message());
    return rc < 0;
}
