/* SPDX-License-Identifier: MIT
 *
 * Heavy computation beside a loop that stays responsive: tasks count prime numbers, each in a
 * thread of its own (hoop_to_thread), while a callback ticks every 10 ms and measures how late
 * it was. If count_in_thread called count_primes directly, that would be as long as it takes.
 */
#include <hoop.h>
#include <stdio.h>

enum { LIMIT = 2000000, PARTS = 4 };

static double due, worst; /* the next tick, and how late one was, in seconds */

static void tick(void *arg)
{
    hoop_loop *loop = arg;
    double late = hoop_time(loop) - due;
    worst = late > worst ? late : worst;
    due += 0.01;
    if (hoop_call_at(loop, due, tick, loop) < 0)
        worst = 1e9; /* without memory there is no next one */
}

/* Runs in a thread, and so cannot await. */
static int64_t count_primes(void *first)
{
    int64_t count = 0;
    for (int n = *(int *)first; n < LIMIT; n += PARTS) {
        int divisor = 2;
        while (divisor * divisor <= n && n % divisor != 0)
            divisor++;
        count += divisor * divisor > n;
    }
    return count;
}

static int64_t count_in_thread(void *first)
{
    return hoop_to_thread(count_primes, first);
}

static int64_t count_all(void *arg)
{
    static int first[PARTS] = {2, 3, 4, 5}; /* outlive this frame, should one of them fail */
    hoop_task *tasks[PARTS];
    int64_t counts[PARTS], sum = 0;
    (void)arg;
    due = hoop_time(hoop_running_loop());
    tick(hoop_running_loop());
    for (int i = 0; i < PARTS; i++)
        tasks[i] = hoop_create_task(count_in_thread, &first[i]);
    int64_t rc = hoop_gather(tasks, PARTS, counts, 0);
    for (int i = 0; i < PARTS && rc == 0; i++)
        sum += counts[i];
    return rc < 0 ? rc : sum;
}

int main(void)
{
    int64_t count = hoop_run(count_all, NULL);
    if (count < 0) {
        fprintf(stderr, "counting failed: %s\n", hoop_strerror(count));
        return 1;
    }
    printf("%lld primes below %d\n", (long long)count, LIMIT);
    printf("a tick every 10 ms was late by %.1f ms at worst\n", worst * 1000);
    return 0;
}
