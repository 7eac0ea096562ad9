/* SPDX-License-Identifier: MIT
 *
 * See slow.h. Time is real time, whatever the loop's clock is.
 */
#include "loop/slow.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/backtrace.h"
#include "base/clock.h"
#include "base/sys.h"

int64_t slow_begin(void)
{
    return sys_monotonic_now();
}

double slow_took(const hoop_loop *loop, int64_t start)
{
    double seconds = clock_to_seconds(sys_monotonic_now() - start);
    return seconds >= loop->slow_callback_duration ? seconds : 0;
}

void slow_report_callback(const void *fn, double seconds)
{
    char name[256];
    backtrace_name(fn, name, sizeof name);
    fprintf(stderr, "hoop: the callback %s took %.3f s\n", name, seconds);
}

void slow_call(hoop_loop *loop, hoop_context *context, hoop_callback_fn fn, void *arg)
{
    int64_t start = slow_begin();
    context_call(context, fn, arg);
    double seconds = slow_took(loop, start);
    if (seconds > 0)
        slow_report_callback((const void *)(uintptr_t)fn, seconds);
}

int hoop_set_slow_callback_duration(hoop_loop *loop, double seconds)
{
    if (isnan(seconds) || seconds < 0)
        return misuse(loop->debug, -EINVAL, __func__);
    loop->slow_callback_duration = seconds;
    return 0;
}

double hoop_get_slow_callback_duration(const hoop_loop *loop)
{
    return loop->slow_callback_duration;
}
