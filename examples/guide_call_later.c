/* SPDX-License-Identifier: MIT
 *
 * The guide's second program: a callback that schedules itself again each second.
 */
#include <hoop.h>
#include <stdio.h>

static void hello(void *loop)
{
    puts("hello");
    hoop_call_later(loop, 1, hello, loop);
}

static void stop(void *loop)
{
    puts("loop stopped");
    hoop_stop(loop);
}

int main(void)
{
    hoop_loop *loop = hoop_new_event_loop();
    hello(loop);
    hoop_call_later(loop, 2.5, stop, loop);
    puts("starting event loop");
    hoop_run_forever(loop);
    hoop_close(loop);
}
