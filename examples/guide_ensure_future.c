/* SPDX-License-Identifier: MIT
 *
 * The guide's fourth program: coroutines cannot be used with call_soon(), but a
 * callback can start them.
 */
#include <errno.h>
#include <hoop.h>
#include <stdio.h>

static int unfinished = 2;

static int64_t long_async_task(void *arg)
{
    (void)arg;
    puts("starting long non blocking task");
    if (hoop_sleep(3) < 0)
        return -ECANCELED;
    puts("done with non blocking task");
    return 42;
}

static int64_t do_something(void *loop)
{
    puts("need to compute something");
    printf("result is %d\n", (int)long_async_task(NULL));
    if (--unfinished == 0)
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
