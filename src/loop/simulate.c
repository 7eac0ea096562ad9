/* SPDX-License-Identifier: MIT
 *
 * Simulation: the order in which ready tasks run is not that in which they came, but chosen,
 * by a test or by a seeded generator. A batch is what was ready when it began, so it can be
 * put into its order at once.
 */
#include <hoop/testing.h>

#include "loop/loop.h"

/* In a seeded simulation so many awaits that need not suspend are made at most before a yield. */
#define BUDGET_MAX 16

static size_t choose_randomly(void *arg, size_t count)
{
    return (size_t)(hoop_testing_random(arg) % count);
}

void simulation_init(hoop_loop *loop)
{
    if (loop->options.seed == 0)
        return;
    loop->random = loop->options.seed;
    hoop_testing_choose(loop, choose_randomly, &loop->random);
}

void hoop_testing_choose(hoop_loop *loop, hoop_choose_fn choose, void *arg)
{
    loop->choose = choose;
    loop->choose_arg = arg;
}

unsigned simulation_budget(hoop_loop *loop, unsigned usual)
{
    if (loop->choose != choose_randomly)
        return usual;
    return 1 + (unsigned)choose_randomly(&loop->random, BUDGET_MAX);
}

static bool is_reorderable(const hoop_loop *loop, const hoop_link *link)
{
    return loop->extension != NULL &&
           CONTAINER_OF(link, hoop_ready, link)->run == loop->extension->reorderable;
}

/* The first task from LINK on, or the batch's head. */
static hoop_link *next_task(hoop_loop *loop, hoop_link *link)
{
    while (link != loop->batch && !is_reorderable(loop, link))
        link = link->next;
    return link;
}

void simulation_reorder(hoop_loop *loop)
{
    size_t count = 0;
    hoop_link *first = next_task(loop, loop->batch->next);
    for (hoop_link *link = first; link != loop->batch; link = next_task(loop, link->next))
        count++;
    for (; count > 1; count--) {
        size_t index = loop->choose(loop->choose_arg, count);
        assert(index < count);
        hoop_link *chosen = first;
        for (size_t i = 0; i < index; i++)
            chosen = next_task(loop, chosen->next);
        if (chosen == first) {
            first = next_task(loop, first->next);
            continue;
        }
        list_remove(chosen);
        list_append(first, chosen); /* right before it */
    }
}
