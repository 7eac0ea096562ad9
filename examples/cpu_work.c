/* SPDX-License-Identifier: MIT
 *
 * Heavy computation beside a loop that stays responsive: prime numbers are counted by threads
 * (hoop_to_thread), then by helper processes (hoop_run_job) which mark them in a buffer that they
 * share with this process, while a callback ticks every 10 ms and measures how late it was. If
 * count_in_thread called count_primes directly, that would be as long as it takes.
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

static bool is_prime(int n)
{
    int divisor = 2;
    while (divisor * divisor <= n && n % divisor != 0)
        divisor++;
    return n > 1 && divisor * divisor > n;
}

struct part {
    int first;      /* number, of LIMIT / PARTS */
    char *marks;    /* a byte for each, in a buffer that helpers share; or NULL */
    int64_t primes; /* how many there are */
};

static hoop_executor *pool;

/* ---- in a thread, which shares everything with us ---- */

/* Blocks its thread, and so cannot await. */
static int64_t count_primes(void *arg)
{
    struct part *part = arg;
    for (int i = 0; i < LIMIT / PARTS; i++)
        part->primes += is_prime(part->first + i);
    return 0;
}

static int64_t count_in_thread(void *part)
{
    return hoop_to_thread(count_primes, part);
}

/* ---- in a process, which shares what it is given ---- */

/* MARKS is its caller's memory, in place. */
static int64_t mark_primes(const void *first, size_t size, void *marks, size_t room)
{
    (void)size;
    for (size_t i = 0; i < room; i++)
        ((char *)marks)[i] = is_prime(*(const int *)first + (int)i) ? 1 : 0;
    return (int64_t)room;
}

static const hoop_job_fn registered[] = {mark_primes, NULL};

static int64_t count_in_process(void *arg)
{
    struct part *part = arg;
    hoop_job job = {mark_primes, &part->first, sizeof part->first, part->marks, LIMIT / PARTS};
    int64_t size = hoop_run_job(pool, &job);
    for (int64_t i = 0; i < size; i++)
        part->primes += part->marks[i];
    return size < 0 ? size : 0;
}

/* ---- all parts at once ---- */

static int64_t count_all(hoop_coroutine_fn count, char *marks, const char *where)
{
    struct part parts[PARTS] = {{0}};
    hoop_task_group group;
    int64_t sum = 0, rc = hoop_task_group_enter(&group);
    for (int i = 0; i < PARTS && rc == 0; i++) {
        int first = i * (LIMIT / PARTS);
        parts[i] = (struct part){.first = first, .marks = marks != NULL ? marks + first : NULL};
        if (hoop_task_group_create_task(&group, count, &parts[i]) == NULL)
            rc = hoop_last_error();
    }
    rc = hoop_task_group_exit(&group, rc); /* if one fails the others are cancelled, and awaited */
    for (int i = 0; i < PARTS && rc == 0; i++)
        sum += parts[i].primes;
    if (rc == 0)
        printf("%lld primes below %d, by %s\n", (long long)sum, LIMIT, where);
    return rc;
}

static int64_t run(void *arg)
{
    (void)arg;
    char *marks = hoop_shared_new(LIMIT);
    if (marks == NULL)
        return hoop_last_error();
    due = hoop_time(hoop_running_loop());
    tick(hoop_running_loop());
    int64_t rc = count_all(count_in_thread, NULL, "threads");
    if (rc == 0)
        rc = count_all(count_in_process, marks, "processes");
    if (rc == 0)
        rc = hoop_executor_shutdown(pool, 10); /* its threads and helpers have ended then */
    hoop_shared_free(marks);
    return rc;
}

int main(void)
{
    hoop_process_pool_options options = {.functions = registered};
    pool = hoop_process_pool_new(&options); /* before anything else starts threads */
    int64_t rc = pool != NULL ? hoop_run(run, NULL) : hoop_last_error();
    hoop_executor_free(pool);
    if (rc < 0) {
        fprintf(stderr, "counting failed: %s %s\n", hoop_strerror(rc), hoop_error_message());
        return 1;
    }
    printf("a tick every 10 ms was late by %.1f ms at worst\n", worst * 1000);
    return 0;
}
