/* SPDX-License-Identifier: MIT
 *
 * Coroutines: flows of control that pass the processor to each other. Whoever runs
 * names the next one; there is no scheduler in here, and no loop.
 *
 * The thread's own flow takes part as a coroutine too (coro_adopt_thread). A coroutine
 * never changes its thread.
 */
#ifndef CORO_CORO_H
#define CORO_CORO_H

#include "coro/sanitizer.h"
#include "coro/stack.h"

struct coro {
    void *sp; /* the stack pointer while it is suspended */
    SANITIZER_STATE
};

/* Makes CORO stand for the calling thread's own stack. */
void coro_adopt_thread(struct coro *coro);

/* Makes CORO a coroutine that will call ENTRY(ARG) on STACK when it is first switched
 * to. ENTRY must first call coro_begin, and end in coro_leave. */
void coro_prepare(struct coro *coro, struct stack *stack, void (*entry)(void *), void *arg);

/* Suspends FROM, which runs, and resumes TO. Returns when somebody switches to FROM. */
void coro_switch(struct coro *from, struct coro *to);

/* The first thing that a coroutine does. */
void coro_begin(struct coro *coro);

/* The last thing: resumes TO. The stack is free once TO runs, the struct coro of who
 * leaves may be gone already. */
_Noreturn void coro_leave(struct coro *to);

/* Forgets a coroutine that left, or that was suspended and will never be resumed. It
 * must not be the running one. */
void coro_done(struct coro *coro);

#endif
