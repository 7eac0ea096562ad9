/* SPDX-License-Identifier: MIT
 *
 * See coro.h. This file is compiled without the red zone, as the switch pushes onto the
 * stack of the function around it, and without control-flow protection, as a shadow
 * stack does not know of switches.
 */
#include "coro/coro.h"

#if defined(__x86_64__)
#include "coro/switch_x86_64.h"
#elif defined(__aarch64__)
#include "coro/switch_aarch64.h"
#else
#error "hoop switches stacks on x86-64 and aarch64 only: write src/coro/switch_*.h"
#endif

void coro_adopt_thread(struct coro *coro)
{
    coro->sp = NULL;
    sanitizer_thread_adopted(coro);
}

void coro_prepare(struct coro *coro, struct stack *stack, void (*entry)(void *), void *arg)
{
    sanitizer_stack_reused(stack->low, stack_usable(stack));
    sanitizer_coro_made(coro, stack->low, stack_usable(stack));
    coro->sp = switch_prepare(stack->top, entry, arg);
}

/* Not inlined: what the switch does not save is dead at a call by the ABI. */
__attribute__((noinline)) void coro_switch(struct coro *from, struct coro *to)
{
    sanitizer_leaving(from, to);
    switch_stacks(&from->sp, to->sp);
    sanitizer_arrived(from);
}

void coro_begin(struct coro *coro)
{
    (void)coro;
    sanitizer_arrived(coro);
}

__attribute__((noinline)) _Noreturn void coro_leave(struct coro *to)
{
    void *nobody;
    sanitizer_leaving_for_good(to);
    switch_stacks(&nobody, to->sp);
    __builtin_unreachable();
}

void coro_done(struct coro *coro)
{
    (void)coro;
    sanitizer_coro_gone(coro);
}
