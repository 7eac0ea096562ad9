/* SPDX-License-Identifier: MIT
 *
 * Stacks for coroutines. They are cut from slabs of address space, take memory page by
 * page as they are used, and are reused last-in first-out while they are warm.
 *
 * Below each stack lies a guard page, made by the cheapest means that the kernel has:
 * a marker in the page table (Linux 6.13), else a protected mapping of its own (for
 * STACK_PROTECTED_MAX stacks of the process), else none. stack_pool.guard tells the weakest
 * that was used.
 */
#ifndef CORO_STACK_H
#define CORO_STACK_H

#include <stdbool.h>
#include <stddef.h>

/* Each takes two of the process's mappings, of which Linux allows 65,530 unless it is tuned
 * (vm.max_map_count); when all are used nothing can be mapped any more, so half are left. */
#define STACK_PROTECTED_MAX 16000
#define STACK_CACHE_DEFAULT 4096

struct slab;

struct stack {
    struct stack *next; /* on one of the pool's free lists */
    char *memory;       /* the lowest address: the guard page */
    char *low;          /* the lowest usable address, right above it */
    char *top;          /* where the stack begins; coloured, a multiple of 64 */
    size_t size;        /* from memory to the end, guard page included */
    struct slab *slab;
    unsigned sanitizer_id;
    bool is_protected; /* its guard is a mapping of its own */
};

enum stack_guard { STACK_GUARD_MADVISE, STACK_GUARD_MPROTECT, STACK_GUARD_NONE };

struct stack_pool {
    size_t stack_size;  /* of the stacks that are pooled */
    size_t cache_limit; /* how many free ones keep their memory */
    size_t page_size;
    struct stack *warm; /* free, with their memory */
    struct stack *cold; /* free, memory given back */
    size_t warm_count;
    size_t in_use;
    size_t made;          /* pooled stacks that were cut so far */
    struct slab *slabs;   /* of pooled stacks; the first one is being cut */
    struct slab *singles; /* of one stack each, of another size */
    enum stack_guard guard;
};

/* Sizes are rounded up to pages; a CACHE_LIMIT of 0 stands for the default. */
void stack_pool_init(struct stack_pool *pool, size_t stack_size, size_t cache_limit);
/* All stacks must be given back. */
void stack_pool_done(struct stack_pool *pool);

/* A stack of SIZE bytes, guard page included; 0 or the pool's own size for a pooled one.
 * NULL without memory. */
static inline struct stack *stack_take(struct stack_pool *pool, size_t size);
static inline void stack_give(struct stack_pool *pool, struct stack *stack);
/* Their slower halves: no warm stack of that size is there, or there are enough. */
struct stack *stack_take_other(struct stack_pool *pool, size_t size);
void stack_give_other(struct stack_pool *pool, struct stack *stack);

static inline struct stack *stack_take(struct stack_pool *pool, size_t size)
{
    struct stack *stack = pool->warm;
    if (stack == NULL || size != 0)
        return stack_take_other(pool, size);
    pool->warm = stack->next;
    pool->warm_count--;
    pool->in_use++;
    return stack;
}

static inline void stack_give(struct stack_pool *pool, struct stack *stack)
{
    pool->in_use--;
    if (stack->size != pool->stack_size || pool->warm_count >= pool->cache_limit) {
        stack_give_other(pool, stack);
        return;
    }
    stack->next = pool->warm;
    pool->warm = stack;
    pool->warm_count++;
}

/* How many bytes of it are usable. */
static inline size_t stack_usable(const struct stack *stack)
{
    return stack->size - (size_t)(stack->low - stack->memory);
}

/* Is ADDRESS in the guard page? Callable in a signal handler. */
static inline bool stack_overflowed_at(const struct stack *stack, const void *address)
{
    return (const char *)address >= stack->memory && (const char *)address < stack->low;
}

const char *stack_guard_name(const struct stack_pool *pool);

#endif
