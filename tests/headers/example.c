/* SPDX-License-Identifier: MIT
 *
 * The example that the design gives of the interface. It drops the results of awaits,
 * as it shows the words only; a program checks them.
 */
#pragma GCC diagnostic ignored "-Wunused-result"
#include <hoop.h>
#include <stdio.h>

static int64_t long_async_task(void *arg)
{
    (void)arg;
    puts("starting long non blocking task");
    hoop_sleep(3);
    puts("done with non blocking task");
    return 42;
}

static int64_t do_something(void *arg)
{
    (void)arg;
    puts("need to compute something");
    int64_t result = long_async_task(NULL); /* to await a coroutine is to call it */
    printf("result is %lld\n", (long long)result);
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
    hoop_run_until_complete(loop, do_something, NULL);
    puts("all done");
    hoop_close(loop);
}
