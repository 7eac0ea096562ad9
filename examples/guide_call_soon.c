/* SPDX-License-Identifier: MIT
 *
 * The guide's first program: an event loop and one callback.
 */
#include <hoop.h>
#include <stdio.h>

static void hello(void *loop)
{
    puts("hello");
    hoop_stop(loop);
}

int main(void)
{
    hoop_loop *loop = hoop_new_event_loop();
    hoop_call_soon(loop, hello, loop);
    hoop_run_forever(loop);
    hoop_close(loop);
}
