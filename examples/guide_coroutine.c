/* SPDX-License-Identifier: MIT
 *
 * The guide's third program: coroutines that wait for each other, beside a callback.
 */
#include <errno.h>
#include <hoop.h>
#include <stdio.h>

static int64_t long_async_task(void *arg)
{
    (void)arg;
    puts("starting long non blocking task");
    if (hoop_sleep(3) < 0)
        return -ECANCELED;
    puts("done with non blocking task");
    return 42;
}

static int64_t do_something(void *arg)
{
    puts("need to compute something");
    int64_t result = long_async_task(arg); /* to await a coroutine is to call it */
    printf("result is %d\n", (int)result);
    return 0;
}

static void hello(void *arg)
{
    (void)arg;
    puts("See, I'm not blocked");
}

int main(void)
{
    hoop_loop *loop = hoop_new_event_loop();
    hoop_call_later(loop, 2, hello, NULL);
    if (hoop_run_until_complete(loop, do_something, NULL) == 0)
        puts("all done");
    hoop_close(loop);
}
