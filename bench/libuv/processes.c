/* SPDX-License-Identifier: MIT
 *
 * Rows about processes: uv_spawn. The callback that hears of the end closes the handle, and the
 * one that hears of that starts the next process.
 */
#include "rows.h"

static struct {
    uv_process_t process;
    int left;
} spawning;

static void spawn_next(void);

static void on_closed(uv_handle_t *handle)
{
    (void)handle;
    if (--spawning.left > 0)
        spawn_next();
}

static void on_exit_of(uv_process_t *process, int64_t status, int signal)
{
    bench_require(status == 0 && signal == 0, "a process has failed");
    uv_close((uv_handle_t *)process, on_closed);
}

static void spawn_next(void)
{
    static char *argv[] = {"/bin/true", NULL};
    uv_stdio_container_t stdio[3];
    for (int fd = 0; fd < 3; fd++)
        stdio[fd] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = fd};
    uv_process_options_t options = {
        .file = argv[0], .args = argv, .exit_cb = on_exit_of, .stdio = stdio, .stdio_count = 3};
    check(uv_spawn(uv_default_loop(), &spawning.process, &options));
}

static void spawn_all(int count)
{
    spawning.left = count;
    spawn_next();
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    bench_require(spawning.left == 0, "a process is left");
}

double row_process_small(void)
{
    spawn_all(BENCH_PROCESSES / 10);
    int64_t start = bench_now();
    spawn_all(BENCH_PROCESSES);
    return (double)(bench_now() - start) / BENCH_PROCESSES;
}

double row_process_large(void)
{
    bench_touch(BENCH_PARENT_MEMORY);
    return row_process_small();
}
