/* SPDX-License-Identifier: MIT
 *
 * Coroutines: switching, what survives a switch, the end of one, and the call chain that
 * debuggers and backtraces see from inside.
 */
#include "harness.h"

#include <execinfo.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#include "coro/coro.h"

/* A coroutine with its stack, and the thread's own flow. */
struct flow {
    struct coro coro; /* first: an entry is given its flow */
    struct stack *stack;
    struct coro *next; /* whom to switch to, and to resume at the end */
    int steps;
    int64_t result;
    uintptr_t first_words[2]; /* of its stack before it begins; one is where that resumes */
};

static _Thread_local struct stack_pool pool;
static _Thread_local struct coro root;

static void begin(size_t stack_size)
{
    stack_pool_init(&pool, stack_size, 0);
    coro_adopt_thread(&root);
}

/* Not inlined, as coro_switch demands. */
static __attribute__((noinline)) void hop(struct coro *from, struct coro *to)
{
    coro_switch(from, to);
}

static void flow_start(struct flow *flow, coro_entry *entry)
{
    flow->stack = stack_take(&pool, 0);
    assert_non_null(flow->stack);
    flow->next = &root;
    memset(&flow->coro, 0x5a, sizeof flow->coro); /* of a former life */
    coro_prepare(&flow->coro, flow->stack, entry, flow);
    memcpy(flow->first_words, flow->coro.sp, sizeof flow->first_words);
}

static void flow_end(struct flow *flow)
{
    coro_done(&flow->coro);
    stack_give(&pool, flow->stack);
}

/* Runs ENTRY to its end on a stack of its own, however often it switches back. */
static int64_t run_flow(coro_entry *entry, int steps)
{
    struct flow flow = {.steps = steps};
    flow_start(&flow, entry);
    while (flow.steps >= 0)
        hop(&root, &flow.coro);
    flow_end(&flow);
    return flow.result;
}

/* ---- switching ---- */

static struct coro *count_steps(void *arg)
{
    struct flow *flow = arg;
    for (; flow->steps > 0; flow->steps--) {
        flow->result++;
        hop(&flow->coro, &root);
    }
    flow->steps = -1;
    return &root;
}

static void control_goes_there_and_back(void **state)
{
    (void)state;
    begin(65536);
    assert_int_equal(run_flow(count_steps, 0), 0);
    assert_int_equal(run_flow(count_steps, 1), 1);
    assert_int_equal(run_flow(count_steps, 100000), 100000);
    stack_pool_done(&pool);
}

static struct coro *end_in_the_next(void *arg)
{
    struct flow *flow = arg;
    flow->result = 1;
    return flow->next;
}

static void the_end_resumes_whom_the_entry_names(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    static struct flow flows[COUNT];
    begin(65536);
    for (int i = 0; i < COUNT; i++) {
        flows[i] = (struct flow){.result = 0};
        flow_start(&flows[i], end_in_the_next);
    }
    for (int i = 0; i < COUNT - 1; i++)
        flows[i].next = &flows[i + 1].coro;
    hop(&root, &flows[0].coro);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(flows[i].result, 1);
        flow_end(&flows[i]);
    }
    stack_pool_done(&pool);
}

/* ---- thousands of them ---- */

enum { RING = 4000, ROUNDS = 5 };

static struct coro *pass_on(void *arg)
{
    struct flow *flow = arg;
    for (int i = 0; i < ROUNDS; i++) {
        flow->result += i;
        hop(&flow->coro, flow->next);
    }
    return flow->next;
}

static void thousands_take_turns(void **state)
{
    (void)state;
    begin(16384);
    struct flow *flows = calloc(RING, sizeof *flows);
    assert_non_null(flows);
    for (int i = 0; i < RING; i++)
        flow_start(&flows[i], pass_on);
    for (int i = 0; i < RING - 1; i++)
        flows[i].next = &flows[i + 1].coro;
    for (int i = 0; i <= ROUNDS; i++) /* the last one is each one's end */
        hop(&root, &flows[0].coro);
    for (int i = 0; i < RING; i++) {
        assert_int_equal(flows[i].result, ROUNDS * (ROUNDS - 1) / 2);
        flow_end(&flows[i]);
    }
    free(flows);
    stack_pool_done(&pool);
}

static void *count_in_a_thread(void *arg)
{
    begin(65536);
    int64_t *result = arg;
    *result = run_flow(count_steps, 1000) + run_flow(count_steps, 1000);
    stack_pool_done(&pool);
    return NULL;
}

static void each_thread_has_its_own(void **state)
{
    (void)state;
    pthread_t threads[4];
    int64_t results[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_in_a_thread, &results[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(results[i], 2000);
    }
}

/* ---- what survives ---- */

/* Keeps more values alive than there are registers, whole and floating, over every switch;
 * gives the same with and without switches. */
static __attribute__((noinline)) int64_t mix(uint64_t seed, struct coro *from, struct coro *to)
{
    uint64_t a = seed, b = a * 3, c = b ^ 5, d = c + 7, e = d * 11, f = e ^ 13, g = f + 17;
    uint64_t h = g * 19, i = h ^ 23, j = i + 29, k = j * 31, l = k ^ 37, m = l + 41, n = m * 43;
    double p = (double)(seed % 1000), q = p + 0.5, r = q * 1.25, s = r - 3, t = s * 0.75;
    double u = t + 9, v = u * 1.5, w = v - 2, x = w * 0.5, y = x + 1;
    for (int round = 0; round < 500; round++) {
        if (from != NULL)
            hop(from, to);
        a += n, b ^= a, c += b, d ^= c, e += d, f ^= e, g += f;
        h ^= g, i += h, j ^= i, k += j, l ^= k, m += l, n ^= m;
        p = p * 0.5 + y, q = q * 0.5 + p, r = r * 0.5 + q, s = s * 0.5 + r, t = t * 0.5 + s;
        u = u * 0.25 + t, v = v * 0.25 + u, w = w * 0.25 + v, x = x * 0.25 + w, y = x * 1e-9;
    }
    a ^= b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k ^ l ^ m ^ n;
    double sum = p + q + r + s + t + u + v + w + x + y;
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return (int64_t)(a ^ bits);
}

static struct coro *mix_with_root(void *arg)
{
    struct flow *flow = arg;
    flow->result = mix(12345, &flow->coro, &root);
    return &root;
}

static void live_values_survive_on_both_sides(void **state)
{
    (void)state;
    struct flow flow = {.steps = 0};
    begin(65536);
    flow_start(&flow, mix_with_root);
    int64_t own = mix(67890, &root, &flow.coro);
    hop(&root, &flow.coro); /* its last round, and its end */
    assert_true(own == mix(67890, NULL, NULL));
    assert_true(flow.result == mix(12345, NULL, NULL));
    assert_true(own != flow.result);
    flow_end(&flow);
    stack_pool_done(&pool);
}

static __attribute__((noinline)) int64_t descend(struct flow *flow, int depth)
{
    volatile char frame[400];
    frame[0] = (char)depth;
    if (depth > 0)
        return descend(flow, depth - 1) + (frame[0] == (char)depth);
    hop(&flow->coro, &root);
    return frame[0] == 0;
}

static struct coro *suspend_deep_down(void *arg)
{
    struct flow *flow = arg;
    flow->result = descend(flow, flow->steps);
    flow->steps = -1;
    return &root;
}

static void a_deep_call_chain_survives(void **state)
{
    (void)state;
    begin(256 * 1024);
    assert_int_equal(run_flow(suspend_deep_down, 200), 201);
    stack_pool_done(&pool);
}

/* ---- alignment ---- */

typedef float vector __attribute__((vector_size(16)));

static __attribute__((noinline)) bool is_aligned(const vector *value)
{
    return (uintptr_t)value % 16 == 0;
}

static struct coro *use_alignment(void *arg)
{
    struct flow *flow = arg;
    vector value = {1, 2, 3, 4};
    char text[32];
    hop(&flow->coro, &root);
    snprintf(text, sizeof text, "%.2f %Lf", (double)value[2], (long double)value[3]);
    flow->result = is_aligned(&value) && (uintptr_t)__builtin_frame_address(0) % 16 == 0 &&
                   strcmp(text, "3.00 4.000000") == 0;
    flow->steps = -1;
    return &root;
}

static void the_stack_is_aligned_whatever_its_colour(void **state)
{
    (void)state;
    enum { COUNT = 64 };
    struct flow flows[COUNT] = {{.result = 0}};
    begin(65536);
    for (int i = 0; i < COUNT; i++)
        flow_start(&flows[i], use_alignment);
    for (int i = 0; i < COUNT; i++) {
        hop(&root, &flows[i].coro);
        hop(&root, &flows[i].coro);
        assert_int_equal(flows[i].result, 1);
        flow_end(&flows[i]);
    }
    stack_pool_done(&pool);
}

/* ---- the call chain ---- */

/* The few instructions where it began are what calls its entry: the outermost frame. */
static bool is_outermost(const struct flow *flow, uintptr_t address)
{
    for (int i = 0; i < 2; i++)
        if (address > flow->first_words[i] && address < flow->first_words[i] + 64)
            return true;
    return false;
}

enum { CHAIN = 100 };

static struct coro *take_backtrace(void *arg)
{
    struct flow *flow = arg;
    void *chain[CHAIN];
    hop(&flow->coro, &root);
    int count = backtrace(chain, CHAIN);
    flow->result = count > 2 && count < CHAIN && is_outermost(flow, (uintptr_t)chain[count - 1]);
    flow->steps = -1;
    return &root;
}

struct walk {
    int count;
    uintptr_t last;
};

static _Unwind_Reason_Code walk_frame(struct _Unwind_Context *context, void *arg)
{
    struct walk *walk = arg;
    if (_Unwind_GetIP(context) != 0) /* as at the end of a thread's own chain */
        walk->last = _Unwind_GetIP(context);
    return ++walk->count < CHAIN ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static __attribute__((noinline)) int64_t unwind_from(const struct flow *flow, int depth)
{
    volatile int here = depth;
    if (depth > 0)
        return unwind_from(flow, depth - 1) + (here - here);
    struct walk walk = {0};
    _Unwind_Backtrace(walk_frame, &walk);
    return walk.count < CHAIN && is_outermost(flow, walk.last) ? walk.count : -walk.count;
}

static struct coro *unwind(void *arg)
{
    struct flow *flow = arg;
    hop(&flow->coro, &root);
    flow->result = unwind_from(flow, 20);
    flow->steps = -1;
    return &root;
}

static void the_call_chain_ends_at_the_entry(void **state)
{
    (void)state;
    begin(65536);
    assert_int_equal(run_flow(take_backtrace, 0), 1);
    int64_t frames = run_flow(unwind, 0);
    assert_true(frames > 2 && frames < 40);
    stack_pool_done(&pool);
}

/* ---- one that never ends ---- */

static struct coro *never_end(void *arg)
{
    struct flow *flow = arg;
    for (;; flow->result++)
        hop(&flow->coro, &root);
    return NULL;
}

static void a_suspended_one_may_be_forgotten_and_its_stack_reused(void **state)
{
    (void)state;
    begin(65536);
    struct stack *first = NULL;
    for (int i = 0; i < 100; i++) {
        struct flow flow = {.steps = 0};
        flow_start(&flow, never_end);
        hop(&root, &flow.coro);
        hop(&root, &flow.coro);
        assert_int_equal(flow.result, 1);
        first = first == NULL ? flow.stack : first;
        assert_ptr_equal(flow.stack, first);
        flow_end(&flow);
    }
    assert_int_equal(run_flow(count_steps, 10), 10);
    stack_pool_done(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(control_goes_there_and_back),
        BEHAVIOUR(the_end_resumes_whom_the_entry_names),
        BEHAVIOUR(thousands_take_turns),
        BEHAVIOUR(each_thread_has_its_own),
        BEHAVIOUR(live_values_survive_on_both_sides),
        BEHAVIOUR(a_deep_call_chain_survives),
        BEHAVIOUR(the_stack_is_aligned_whatever_its_colour),
        BEHAVIOUR(the_call_chain_ends_at_the_entry),
        BEHAVIOUR(a_suspended_one_may_be_forgotten_and_its_stack_reused),
    };
    return cmocka_run_group_tests_name("coro", tests, NULL, NULL);
}
