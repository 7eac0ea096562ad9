/* SPDX-License-Identifier: MIT
 *
 * What went wrong where no caller is there to be told.
 */
#include <hoop/error.h>
#include <hoop/task.h>
#include <stdio.h>

#include "base/origin.h"
#include "loop/loop.h"

void hoop_set_exception_handler(hoop_loop *loop, hoop_exception_fn fn, void *arg)
{
    loop->exception_handler = fn;
    loop->exception_arg = arg;
}

hoop_exception_fn hoop_get_exception_handler(const hoop_loop *loop, void **ret_arg)
{
    if (ret_arg != NULL)
        *ret_arg = loop->exception_arg;
    return loop->exception_handler;
}

void hoop_default_exception_handler(hoop_loop *loop, const hoop_exception *exception)
{
    (void)loop;
    fprintf(stderr, "hoop: %s", exception->message);
    if (exception->task != NULL)
        fprintf(stderr, " [task '%s' #%llu]", hoop_task_name(exception->task),
                (unsigned long long)hoop_task_id(exception->task));
    if (exception->error != 0)
        fprintf(stderr, ": %s: %s", hoop_error_name(exception->error),
                hoop_strerror(exception->error));
    if (exception->error_message != NULL)
        fprintf(stderr, ": %s", exception->error_message);
    fputc('\n', stderr);
    if (exception->origin != NULL) {
        fputs("created at:\n", stderr);
        origin_print(exception->origin, stderr);
    }
}

void hoop_print_origin(const hoop_origin *origin, FILE *out)
{
    origin_print(origin, out);
}

void hoop_call_exception_handler(hoop_loop *loop, const hoop_exception *exception)
{
    if (loop != NULL && loop->exception_handler != NULL)
        loop->exception_handler(loop, exception, loop->exception_arg);
    else
        hoop_default_exception_handler(loop, exception);
}
