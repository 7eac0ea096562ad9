/* SPDX-License-Identifier: MIT
 *
 * Debug mode's look at how long the program's code runs. For the layer above as well.
 */
#ifndef LOOP_SLOW_H
#define LOOP_SLOW_H

#include "base/context.h"
#include "loop/loop.h"

/* The time now, for slow_took. */
int64_t slow_begin(void);

/* The seconds since START if they are enough to be reported, else 0. */
double slow_took(const hoop_loop *loop, int64_t start);

/* Calls FN(ARG) in CONTEXT, and drops that reference; says so if it takes long. */
void slow_call(hoop_loop *loop, hoop_context *context, hoop_callback_fn fn, void *arg);

/* The callback FN took SECONDS. */
void slow_report_callback(const void *fn, double seconds);

/* Runs a program's callback; drops the reference to CONTEXT. */
static inline void loop_call(hoop_loop *loop, hoop_context *context, hoop_callback_fn fn, void *arg)
{
    if (LIKELY(!loop->debug))
        context_call(context, fn, arg);
    else
        slow_call(loop, context, fn, arg);
}

#endif
