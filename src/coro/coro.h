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

#if defined(__x86_64__)
#include "coro/switch_x86_64.h"
#elif defined(__aarch64__)
#include "coro/switch_aarch64.h"
#else
#error "hoop switches stacks on x86-64 and aarch64 only: write src/coro/switch_*.h"
#endif

struct coro {
    void *sp; /* the stack pointer while it is suspended */
    SANITIZER_STATE
};

/* Makes CORO stand for the calling thread's own stack. */
void coro_adopt_thread(struct coro *coro);

/* A coroutine's body: returns whom to resume when it is through, once and for all. */
typedef struct coro *coro_entry(void *arg);

/* Makes CORO a coroutine that will run ENTRY(ARG) on STACK when it is first switched to. */
void coro_prepare(struct coro *coro, struct stack *stack, coro_entry *entry, void *arg);

/* Suspends FROM, which runs, and resumes TO. Returns when somebody switches to FROM.
 * To be called in a function that is not inlined: at its call, all that the switch does
 * not save is dead by the ABI. */
static inline __attribute__((always_inline)) void coro_switch(struct coro *from, struct coro *to)
{
    sanitizer_leaving(from, to);
    switch_stacks(&from->sp, to->sp);
    sanitizer_arrived(from);
}

/* Forgets a coroutine that has ended, or that will never be resumed. It must not be the
 * running one. An ended coroutine needs its stack, but not its struct, until the next one
 * runs. */
static inline void coro_done(struct coro *coro)
{
    (void)coro;
    sanitizer_coro_gone(coro);
}

#endif
