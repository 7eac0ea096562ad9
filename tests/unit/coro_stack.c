/* SPDX-License-Identifier: MIT
 *
 * The pool of stacks: reuse, colours, guards by each means, trimming, odd sizes, what it
 * does without memory, and that it leaves nothing mapped.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "child.h"
#include "coro/stack.h"

enum { SIZE = 65536 };

static struct stack *take(struct stack_pool *pool)
{
    struct stack *stack = stack_take(pool, 0);
    assert_non_null(stack);
    return stack;
}

static void touch(struct stack *stack)
{
    memset(stack->low, 0x5a, (size_t)(stack->top - stack->low));
}

/* ---- reuse ---- */

static void the_last_one_given_is_the_first_one_taken(void **state)
{
    (void)state;
    struct stack_pool pool;
    stack_pool_init(&pool, SIZE, 0);
    struct stack *a = take(&pool), *b = take(&pool), *c = take(&pool);
    assert_int_equal(pool.in_use, 3);
    stack_give(&pool, a);
    stack_give(&pool, c);
    stack_give(&pool, b);
    assert_int_equal(pool.in_use, 0);
    assert_int_equal(pool.warm_count, 3);
    assert_ptr_equal(take(&pool), b);
    assert_ptr_equal(take(&pool), c);
    assert_ptr_equal(stack_take(&pool, SIZE), a); /* the pool's own size is no odd one */
    stack_give(&pool, a);
    stack_give(&pool, b);
    stack_give(&pool, c);
    stack_pool_done(&pool);
}

static void each_stack_is_its_own_memory_from_end_to_end(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    struct stack *stacks[COUNT];
    struct stack_pool pool;
    stack_pool_init(&pool, SIZE, 0);
    for (int i = 0; i < COUNT; i++) {
        stacks[i] = take(&pool);
        assert_int_equal(stacks[i]->low - stacks[i]->memory, pool.page_size);
        assert_int_equal(stack_usable(stacks[i]), SIZE - pool.page_size);
        memset(stacks[i]->low, i, stack_usable(stacks[i]));
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(stacks[i]->low[0], i);
        assert_int_equal(stacks[i]->memory[SIZE - 1], i);
        stack_give(&pool, stacks[i]);
    }
    stack_pool_done(&pool);
}

static void neighbours_begin_on_different_cache_lines(void **state)
{
    (void)state;
    struct stack *stacks[64];
    struct stack_pool pool;
    stack_pool_init(&pool, SIZE, 0);
    for (int i = 0; i < 64; i++) {
        stacks[i] = take(&pool);
        ptrdiff_t colour = stacks[i]->memory + SIZE - stacks[i]->top;
        assert_int_equal(colour, (i % 32) * 64);
        assert_int_equal((uintptr_t)stacks[i]->top % 64, 0);
    }
    for (int i = 0; i < 64; i++)
        stack_give(&pool, stacks[i]);
    stack_pool_done(&pool);
}

/* ---- guards ---- */

static void write_byte(void *address)
{
    *(volatile char *)address = 1;
}

static bool is_fatal(char *address)
{
    struct child child = child_run(write_byte, address);
    /* A sanitizer dies in its own way, Valgrind as the program would. */
    return UNDER_SANITIZER ? child.status != 0 : child_died_by(&child, SIGSEGV);
}

static void assert_guarded(const struct stack *stack, bool is_guarded)
{
    assert_int_equal(is_fatal(stack->low - 1), is_guarded);
    assert_int_equal(is_fatal(stack->memory), is_guarded);
    assert_false(is_fatal(stack->low));
    assert_false(is_fatal(stack->top - 1));
    assert_true(stack_overflowed_at(stack, stack->low - 1));
    assert_true(stack_overflowed_at(stack, stack->memory));
    assert_false(stack_overflowed_at(stack, stack->low));
    assert_false(stack_overflowed_at(stack, stack->memory - 1));
}

static void a_guard_page_lies_below_each_stack(void **state)
{
    (void)state;
    struct stack_pool pool;
    stack_pool_init(&pool, SIZE, 0);
    assert_string_equal(stack_guard_name(&pool), "");
    struct stack *a = take(&pool), *b = take(&pool), *odd = stack_take(&pool, 5 * SIZE);
    assert_string_not_equal(stack_guard_name(&pool), "none");
    assert_guarded(a, true);
    assert_guarded(b, true);
    assert_guarded(odd, true);
    stack_give(&pool, a);
    stack_give(&pool, b);
    stack_give(&pool, odd);
    stack_pool_done(&pool);
}

/* The next stack of POOL, whose Nth syscall from now fails. */
static struct stack *take_failing(struct stack_pool *pool, uint64_t n)
{
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, n);
    struct stack *stack = take(pool);
    assert_true(hoop_testing_failed());
    hoop_testing_fail_nth(0, 0);
    return stack;
}

static void without_markers_it_is_a_mapping_and_without_mappings_none(void **state)
{
    (void)state;
    struct stack_pool pool;
    stack_pool_init(&pool, SIZE, 0);
    struct stack *first = take(&pool);
    if (strcmp(stack_guard_name(&pool), "madvise") == 0) {
        assert_guarded(first, true);
        struct stack *mapped = take_failing(&pool, 1);
        assert_string_equal(stack_guard_name(&pool), "mprotect");
        assert_guarded(mapped, true);
        stack_give(&pool, mapped);
    }
    stack_give(&pool, first);
    struct stack *stacks[2] = {take(&pool), take(&pool)}, *bare = take_failing(&pool, 1);
    assert_string_equal(stack_guard_name(&pool), "none");
    assert_guarded(bare, false);
    touch(bare);
    stack_give(&pool, take(&pool)); /* no more attempts */
    assert_string_equal(stack_guard_name(&pool), "none");
    stack_give(&pool, stacks[0]);
    stack_give(&pool, stacks[1]);
    stack_give(&pool, bare);
    stack_pool_done(&pool);
}

/* A process has so many mappings and no more: some must be left for everything else. */
static void mappings_guard_so_many_stacks_and_no_more(void **state)
{
    (void)state;
    if (UNDER_VALGRIND) {
        print_message("slow here, and no different\n");
        skip();
    }
    enum { COUNT = STACK_PROTECTED_MAX + 100 };
    static struct stack *stacks[COUNT];
    struct stack_pool pool;
    stack_pool_init(&pool, SIZE, 0);
    pool.guard = STACK_GUARD_MPROTECT; /* as on a kernel without markers */
    for (int i = 0; i < COUNT; i++)
        stacks[i] = take(&pool);
    assert_string_equal(stack_guard_name(&pool), "none");
    assert_guarded(stacks[0], true);
    assert_guarded(stacks[STACK_PROTECTED_MAX - 1], true);
    assert_guarded(stacks[STACK_PROTECTED_MAX], false);
    for (int i = 0; i < COUNT; i++)
        stack_give(&pool, stacks[i]);
    stack_pool_done(&pool);
    stack_pool_init(&pool, SIZE, 0); /* what was given back counts no more */
    pool.guard = STACK_GUARD_MPROTECT;
    struct stack *again = take(&pool);
    assert_guarded(again, true);
    stack_give(&pool, again);
    stack_pool_done(&pool);
}

/* ---- trimming ---- */

static void more_free_ones_than_the_limit_give_their_memory_back(void **state)
{
    (void)state;
    struct stack *stacks[5];
    struct stack_pool pool;
    stack_pool_init(&pool, SIZE, 2);
    for (int i = 0; i < 5; i++)
        touch(stacks[i] = take(&pool));
    for (int i = 0; i < 5; i++)
        stack_give(&pool, stacks[i]);
    assert_int_equal(pool.warm_count, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(stacks[i]->top[-1], 0x5a);
    for (int i = 2; i < 5; i++)
        assert_int_equal(stacks[i]->top[-1], 0);
    assert_guarded(stacks[4], true); /* the guard stays */
    for (int i = 0; i < 5; i++) {    /* and they are used again before new ones are cut */
        struct stack *again = take(&pool);
        int at = 0;
        while (at < 5 && stacks[at] != again)
            at++;
        assert_true(at < 5);
    }
    assert_int_equal(pool.made, 5);
    for (int i = 0; i < 5; i++)
        stack_give(&pool, stacks[i]);
    stack_pool_done(&pool);
}

/* ---- odd sizes ---- */

static bool is_mapped(char *address, size_t page_size)
{
    unsigned char resident;
    return mincore(address, page_size, &resident) == 0;
}

static void an_odd_size_is_rounded_up_and_given_back_at_once(void **state)
{
    (void)state;
    static const size_t sizes[] = {16384, 100001, 1 << 20, 64 << 20};
    struct stack_pool pool;
    stack_pool_init(&pool, SIZE, 0);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct stack *stack = stack_take(&pool, sizes[i]);
        assert_non_null(stack);
        assert_int_equal(pool.in_use, 1);
        assert_true(stack->size >= sizes[i] && stack->size < sizes[i] + pool.page_size);
        assert_int_equal(stack->size % pool.page_size, 0);
        touch(stack);
        char *memory = stack->memory;
        stack_give(&pool, stack);
        assert_int_equal(pool.in_use, 0);
        assert_int_equal(pool.warm_count, 0);
        assert_false(is_mapped(memory, pool.page_size));
    }
    stack_pool_done(&pool);
}

static void odd_ones_may_be_given_back_in_any_order(void **state)
{
    (void)state;
    struct stack *stacks[9];
    struct stack_pool pool;
    stack_pool_init(&pool, SIZE, 0);
    for (int i = 0; i < 9; i++)
        stacks[i] = stack_take(&pool, (size_t)(i + 2) * SIZE);
    for (int i = 0; i < 9; i++) {
        assert_non_null(stacks[i * 4 % 9]);
        stack_give(&pool, stacks[i * 4 % 9]);
    }
    assert_null(pool.singles);
    stack_pool_done(&pool);
}

/* ---- without memory ---- */

static void a_slab_that_does_not_fit_is_halved(void **state)
{
    (void)state;
    static const unsigned kinds[] = {HOOP_FAIL_ALLOCATION, HOOP_FAIL_SYSCALL};
    for (int i = 0; i < 2; i++) {
        struct stack_pool pool;
        stack_pool_init(&pool, SIZE, 0);
        hoop_testing_fail_nth(kinds[i], 1);
        struct stack *first = take(&pool);
        hoop_testing_fail_nth(0, 0);
        char *memory = first->memory;
        assert_true(is_mapped(memory + 7 * SIZE, pool.page_size)); /* 8 stacks, not 16 */
        touch(first);
        stack_give(&pool, first);
        stack_pool_done(&pool);
        assert_false(is_mapped(memory, pool.page_size));
    }
}

static void no_memory_for_an_odd_one_gives_null(void **state)
{
    (void)state;
    struct stack_pool pool;
    stack_pool_init(&pool, SIZE, 0);
    assert_null(stack_take(&pool, (size_t)1 << 62));
    for (int i = 0; i < 2; i++) {
        hoop_testing_fail_nth(i == 0 ? HOOP_FAIL_ALLOCATION : HOOP_FAIL_SYSCALL, 1);
        assert_null(stack_take(&pool, 2 * SIZE));
        hoop_testing_fail_nth(0, 0);
    }
    assert_int_equal(pool.in_use, 0);
    assert_null(pool.singles);
    stack_pool_done(&pool);
}

/* Takes stacks of 32 MiB while the address space is limited; how many there were. */
static size_t take_within(rlim_t bytes, struct stack_pool *pool, struct stack **stacks, size_t max)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    struct rlimit narrow = {.rlim_cur = bytes, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &narrow), 0);
    size_t count = 0;
    while (count < max && (stacks[count] = stack_take(pool, 0)) != NULL)
        count++;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    return count;
}

static void slabs_shrink_until_nothing_is_left(void **state)
{
    (void)state;
    if (UNDER_SANITIZER || UNDER_VALGRIND || UNDER_EMULATOR) {
        print_message("no limit of the address space here\n");
        skip();
    }
    enum { LARGE = 32 << 20 };
    struct stack *stacks[17];
    struct stack_pool pool;
    stack_pool_init(&pool, LARGE, 0);
    size_t count = take_within((rlim_t)LARGE * 13, &pool, stacks, 17);
    assert_true(count > 8 && count < 13); /* slabs of 8, and of what then fits */
    assert_int_equal(pool.in_use, count);
    stacks[count] = take(&pool); /* there is room again */
    for (size_t i = 0; i <= count; i++)
        stack_give(&pool, stacks[i]);
    stack_pool_done(&pool);
}

/* ---- nothing stays ---- */

static size_t count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    size_t count = 0;
    for (int c; (c = fgetc(maps)) != EOF;)
        count += c == '\n';
    fclose(maps);
    return count;
}

static void use_many(int count)
{
    struct stack_pool pool;
    struct stack **stacks = calloc((size_t)count, sizeof(struct stack *));
    assert_non_null(stacks);
    stack_pool_init(&pool, 16384, 10);
    for (int i = 0; i < count; i++)
        touch(stacks[i] = i % 50 == 0 ? stack_take(&pool, 32768) : take(&pool));
    for (int i = 0; i < count; i++)
        stack_give(&pool, stacks[i]);
    stack_pool_done(&pool);
    free(stacks);
}

static void nothing_stays_mapped_when_the_pool_is_done(void **state)
{
    (void)state;
    use_many(3000); /* whatever the runtime maps along, it has mapped by now */
    size_t before = count_mappings();
    for (int i = 0; i < 3; i++)
        use_many(3000);
    assert_true(count_mappings() <= before + (UNDER_SANITIZER ? 16 : 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_last_one_given_is_the_first_one_taken),
        BEHAVIOUR(each_stack_is_its_own_memory_from_end_to_end),
        BEHAVIOUR(neighbours_begin_on_different_cache_lines),
        BEHAVIOUR(a_guard_page_lies_below_each_stack),
        BEHAVIOUR(without_markers_it_is_a_mapping_and_without_mappings_none),
        BEHAVIOUR(mappings_guard_so_many_stacks_and_no_more),
        BEHAVIOUR(more_free_ones_than_the_limit_give_their_memory_back),
        BEHAVIOUR(an_odd_size_is_rounded_up_and_given_back_at_once),
        BEHAVIOUR(odd_ones_may_be_given_back_in_any_order),
        BEHAVIOUR(a_slab_that_does_not_fit_is_halved),
        BEHAVIOUR(no_memory_for_an_odd_one_gives_null),
        BEHAVIOUR(slabs_shrink_until_nothing_is_left),
        BEHAVIOUR(nothing_stays_mapped_when_the_pool_is_done),
    };
    return cmocka_run_group_tests_name("stack", tests, NULL, NULL);
}
