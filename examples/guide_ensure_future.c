/* SPDX-License-Identifier: MIT
 *
 * The guide's fourth program: coroutines cannot be used with call_soon(), but a
 * callback can start them.
 */
#include <hoop.h>
#include <stdio.h>

static int64_t long_async_task(void *arg)
{
    (void)arg;
    puts("starting long non blocking task");
    int rc = hoop_sleep(3);
    puts("done with non blocking task");
    return rc < 0 ? rc : 42;
}

static int64_t do_something(void *loop)
{
    puts("need to compute something");
    int64_t result = long_async_task(NULL);
    printf("result is %d\n", (int)result);
    if (hoop_time(loop) > 3.5)
        hoop_stop(loop);
    return 0;
}

int main(void)
{
    hoop_loop *loop = hoop_new_event_loop();
    hoop_call_soon(loop, hoop_ensure_future, hoop_coroutine_new(loop, do_something, loop));
    hoop_call_later(loop, 1, hoop_ensure_future, hoop_coroutine_new(loop, do_something, loop));
    hoop_run_forever(loop);
    puts("all done");
    hoop_close(loop);
}
