/* SPDX-License-Identifier: MIT
 *
 * The bindings behind hoop/context.h. A hoop_context is an immutable table with
 * counted references, shared freely, between threads too; NULL is the empty one. To
 * set a variable is to make a new table and put it into the slot that is current (turn.context):
 * a task's, a callback's, or the thread's own.
 */
#ifndef BASE_CONTEXT_H
#define BASE_CONTEXT_H

#include <hoop/context.h>

#include "base/turn.h"

/* NULL is allowed and stands for the empty context. */
hoop_context *context_ref(hoop_context *context);
void context_unref(hoop_context *context);

/* CONTEXT, or if that is NULL a context that is empty, for programs. */
hoop_context *context_or_empty(hoop_context *context);

/* The thread's own slot. */
hoop_context **context_thread_slot(void);

/* A reference to what is current. */
static inline hoop_context *context_capture(void)
{
    hoop_context *context = turn.context != NULL ? *turn.context : *context_thread_slot();
    return context == NULL ? NULL : context_ref(context);
}

/* Makes SLOT current and returns the one that was, for a later context_enter. */
static inline hoop_context **context_enter(hoop_context **slot)
{
    hoop_context **previous = turn.context;
    turn.context = slot;
    return previous;
}

/* Calls FN(ARG) in CONTEXT, and drops that reference. */
static inline void context_call(hoop_context *context, hoop_callback_fn fn, void *arg)
{
    hoop_context **outer = context_enter(&context);
    fn(arg);
    context_enter(outer);
    context_unref(context);
}

#endif
