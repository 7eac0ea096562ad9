/* SPDX-License-Identifier: MIT
 *
 * The guide's closing warning: the loop runs one thing at a time, so one call that blocks stops
 * everything else. A callback ticks four times a second, and a file is to be compressed, which
 * takes a second. What comes when:
 *
 *   0.4 s  compressing in a task: the ticks stop;
 *   1.0 s  the watchdog, a thread of its own, says which task the loop is stuck in, and where:
 *          while it is stuck, when the loop itself could not say anything;
 *   1.4 s  it is done, and the ticks go on. Debug mode says how long that step took;
 *   1.8 s  compressing once more, in a thread: the ticks go on, and nobody complains.
 */
#include <hoop.h>
#include <stdio.h>
#include <time.h>

static void tick(void *loop)
{
    puts("tick");
    if (hoop_call_later(loop, 0.25, tick, loop) < 0)
        hoop_stop(loop);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* It never awaits. Arithmetic does that, and read(), and every library that is not hoop's. */
static int64_t compress(void *arg)
{
    (void)arg;
    for (double end = now() + 1; now() < end;)
        ;
    return 0;
}

static int64_t show(void *arg)
{
    tick(hoop_running_loop());
    int64_t rc = hoop_sleep(0.4);
    if (rc < 0)
        return rc;
    puts("compressing in a task, as if it were a coroutine");
    rc = hoop_await(hoop_create_task(compress, arg));
    puts(rc < 0 ? hoop_strerror(rc) : "done");
    if (rc == 0)
        rc = hoop_sleep(0.4);
    if (rc < 0)
        return rc;
    puts("compressing in a thread");
    rc = hoop_to_thread(compress, arg); /* the cure: this task waits, and nobody else */
    puts(rc < 0 ? hoop_strerror(rc) : "done");
    return rc;
}

int main(void)
{
    const hoop_loop_options options = {.debug = true, .watchdog = 0.5};
    hoop_runner *runner = hoop_runner_new(&options);
    int64_t rc = runner != NULL ? hoop_runner_run(runner, show, NULL) : hoop_last_error();
    if (rc < 0)
        fprintf(stderr, "blocked_loop: %s\n", hoop_strerror(rc));
    hoop_runner_close(runner);
    return rc < 0;
}
