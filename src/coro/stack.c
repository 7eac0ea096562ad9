/* SPDX-License-Identifier: MIT
 *
 * See stack.h.
 */
#include "coro/stack.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/sys.h"
#include "coro/sanitizer.h"

#define FIRST_SLAB 16 /* stacks; each further slab is twice as large, up to: */
#define LARGEST_SLAB 1024

/* Hot frames of many stacks would share few cache sets, as all stacks begin at multiples
 * of the same power of two. Beginning each a few lines lower than the last one spreads
 * them: 61 to 34 ns a switch at 100,000 tasks (docs/decisions/0003-stacks.md). */
#define COLOURS 32
#define COLOUR_STEP 64

/* Guards of the process that are mappings. */
static atomic_size_t protected_count;

struct slab {
    struct slab *next;
    struct slab **link; /* what points to this one */
    char *memory;
    size_t bytes;
    size_t count;
    size_t used; /* how many are cut */
    struct stack stacks[];
};

void stack_pool_init(struct stack_pool *pool, size_t stack_size, size_t cache_limit)
{
    *pool = (struct stack_pool){.page_size = sys_page_size()};
    pool->stack_size = sys_round_to_pages(stack_size);
    pool->cache_limit = cache_limit == 0 ? STACK_CACHE_DEFAULT : cache_limit;
}

const char *stack_guard_name(const struct stack_pool *pool)
{
    static const char *const names[] = {"madvise", "mprotect", "none"};
    return pool->made == 0 ? "" : names[pool->guard];
}

/* ---- slabs ---- */

/* A slab of COUNT stacks of SIZE bytes, first in LIST; NULL without memory. */
static struct slab *slab_new(struct slab **list, size_t count, size_t size)
{
    struct slab *slab = alloc_zeroed(sizeof *slab + count * sizeof slab->stacks[0]);
    if (slab == NULL)
        return NULL;
    slab->memory = sys_map_lazily(count * size);
    if (slab->memory == NULL) {
        alloc_free(slab);
        return NULL;
    }
    slab->bytes = count * size;
    slab->count = count;
    slab->next = *list;
    slab->link = list;
    if (slab->next != NULL)
        slab->next->link = &slab->next;
    *list = slab;
    return slab;
}

static void slab_free(struct slab *slab)
{
    for (size_t i = 0; i < slab->used; i++) {
        struct stack *stack = &slab->stacks[i];
        sanitizer_stack_removed(stack->low, stack_usable(stack), stack->sanitizer_id);
        if (stack->is_protected)
            atomic_fetch_sub(&protected_count, 1);
    }
    *slab->link = slab->next;
    if (slab->next != NULL)
        slab->next->link = slab->link;
    sys_unmap(slab->memory, slab->bytes);
    alloc_free(slab);
}

/* Makes PAGE a mapping of its own that faults; false if there are too many. */
static bool protect(const struct stack_pool *pool, char *page)
{
    if (atomic_fetch_add(&protected_count, 1) < STACK_PROTECTED_MAX &&
        sys_guard_protect(page, pool->page_size) == 0)
        return true;
    atomic_fetch_sub(&protected_count, 1);
    return false;
}

static void guard(struct stack_pool *pool, struct stack *stack)
{
    if (pool->guard == STACK_GUARD_MADVISE && sys_guard_install(stack->memory, pool->page_size) < 0)
        pool->guard = STACK_GUARD_MPROTECT; /* an old kernel, or locked memory */
    if (pool->guard == STACK_GUARD_MPROTECT) {
        stack->is_protected = protect(pool, stack->memory);
        if (!stack->is_protected)
            pool->guard = STACK_GUARD_NONE;
    }
}

/* The slab's next stack. */
static struct stack *slab_cut(struct stack_pool *pool, struct slab *slab, size_t size)
{
    assert(slab->used < slab->count);
    struct stack *stack = &slab->stacks[slab->used];
    size_t colour = pool->made++ % COLOURS;
    *stack = (struct stack){
        .memory = slab->memory + slab->used * size,
        .size = size,
        .slab = slab,
    };
    stack->low = stack->memory + pool->page_size;
    stack->top = stack->memory + size - colour * COLOUR_STEP;
    slab->used++;
    guard(pool, stack);
    stack->sanitizer_id = sanitizer_stack_added(stack->low, stack_usable(stack));
    return stack;
}

/* ---- the pool ---- */

static struct stack *pop(struct stack **list)
{
    struct stack *stack = *list;
    if (stack != NULL)
        *list = stack->next;
    return stack;
}

/* A slab with an uncut stack; smaller than wished when address space is short. */
static struct slab *slab_with_room(struct stack_pool *pool)
{
    if (pool->slabs != NULL && pool->slabs->used < pool->slabs->count)
        return pool->slabs;
    size_t count = pool->slabs == NULL ? FIRST_SLAB : pool->slabs->count * 2;
    if (count > LARGEST_SLAB)
        count = LARGEST_SLAB;
    for (; count > 0; count /= 2) {
        struct slab *slab = slab_new(&pool->slabs, count, pool->stack_size);
        if (slab != NULL)
            return slab;
    }
    return NULL;
}

static struct stack *take_pooled(struct stack_pool *pool)
{
    struct stack *stack = pop(&pool->warm);
    if (stack != NULL) {
        pool->warm_count--;
        return stack;
    }
    stack = pop(&pool->cold);
    if (stack != NULL)
        return stack;
    struct slab *slab = slab_with_room(pool);
    return slab != NULL ? slab_cut(pool, slab, pool->stack_size) : NULL;
}

static struct stack *take_single(struct stack_pool *pool, size_t size)
{
    struct slab *slab = slab_new(&pool->singles, 1, size);
    return slab != NULL ? slab_cut(pool, slab, size) : NULL;
}

struct stack *stack_take_other(struct stack_pool *pool, size_t size)
{
    size = size == 0 ? pool->stack_size : sys_round_to_pages(size);
    struct stack *stack = size == pool->stack_size ? take_pooled(pool) : take_single(pool, size);
    if (stack != NULL)
        pool->in_use++;
    return stack;
}

void stack_give_other(struct stack_pool *pool, struct stack *stack)
{
    if (stack->size != pool->stack_size) {
        slab_free(stack->slab);
        return;
    }
    sys_trim(stack->low, stack_usable(stack));
    stack->next = pool->cold;
    pool->cold = stack;
}

void stack_pool_done(struct stack_pool *pool)
{
    assert(pool->in_use == 0);
    while (pool->slabs != NULL)
        slab_free(pool->slabs);
}
