/* SPDX-License-Identifier: MIT
 *
 * See coro.h.
 */
#include "coro/coro.h"

__asm__(SWITCH_TRAMPOLINE);

void coro_adopt_thread(struct coro *coro)
{
    coro->sp = NULL;
    sanitizer_thread_adopted(coro);
}

/* What a new coroutine finds at the top of its stack. */
struct start {
    coro_entry *entry;
    void *arg;
    struct coro *coro;
};

SANITIZER_UNTRACED static void *coro_main(void *arg)
{
    struct start *start = arg;
    sanitizer_arrived(start->coro);
    struct coro *next = start->entry(start->arg);
    sanitizer_leaving_for_good(next);
    return next->sp;
}

void coro_prepare(struct coro *coro, struct stack *stack, coro_entry *entry, void *arg)
{
    sanitizer_stack_reused(stack->low, stack_usable(stack));
    sanitizer_coro_made(coro, stack->low, stack_usable(stack));
    struct start *start = (struct start *)(void *)(stack->top - 32);
    *start = (struct start){entry, arg, coro};
    coro->sp = switch_prepare((char *)start, coro_main, start);
}
