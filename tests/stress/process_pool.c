/* SPDX-License-Identifier: MIT
 *
 * A process pool in bad company: the tasks of two loops run jobs in it, with time limits and
 * cancellations, while a thread kills the helper of each job that has begun, at a random time; each
 * third job ends in no other way.
 *
 *     process_pool [JOBS]
 *
 * HOOP_SEED in the environment is the seed, HOOP_STRESS the number of jobs. What must hold: each
 * job ends in its result or in an error that says what has happened; afterwards all helpers that
 * the pool may have work side by side; and no process, no memory is left. A hang is a failure too.
 */
#include <errno.h>
#include <hoop.h>
#include <hoop/testing.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "random.h"

enum { LOOPS = 2, TASKS = 4, SLOTS = LOOPS * TASKS, HELPERS = 3 };

uint64_t stress_seed = 20240607;

/* Where a job says that it has begun, in shared memory. */
struct slot {
    atomic_int pid; /* 0: it has not, or is through */
    atomic_int number;
};

#define ENDLESS UINT_MAX /* until the helper is killed */

/* A job's input; more bytes, all alike, follow. */
struct order {
    int number;
    unsigned spin; /* so many turns */
    char rest[];
};

enum { REST_MAX = 200000 };

static hoop_executor *pool;
static struct slot *slots;
static atomic_int *meeting; /* in shared memory */
static int wanted = 300;
static atomic_int next_number, done, deaths, kills;
static atomic_bool is_over;

/* ---- in the helpers ---- */

static int64_t work(const void *input, size_t size, void *output, size_t room)
{
    const struct order *order = input;
    struct slot *slot = output;
    CHECK(room == sizeof *slot);
    atomic_store(&slot->number, order->number);
    atomic_store(&slot->pid, getpid());
    for (size_t i = 0; i < size - sizeof *order; i++)
        CHECK(order->rest[i] == (char)order->number);
    for (volatile unsigned spin = 0; order->spin == ENDLESS || spin < order->spin;)
        spin++;
    atomic_store(&slot->pid, 0);
    return 1 + order->number % (int)room;
}

/* Ends when all helpers are in it. */
static int64_t meet(const void *input, size_t size, void *output, size_t room)
{
    (void)input, (void)size, (void)room;
    atomic_fetch_add((atomic_int *)output, 1);
    while (atomic_load((atomic_int *)output) < HELPERS)
        usleep(100);
    return 0;
}

/* ---- who kills them ---- */

static void *kill_helpers(void *arg)
{
    (void)arg;
    uint64_t random = stress_seed * 2 + 1;
    int last[SLOTS] = {0};
    while (!atomic_load(&is_over)) {
        usleep((useconds_t)pick(&random, 100));
        for (int i = 0; i < SLOTS; i++) {
            int pid = atomic_load(&slots[i].pid);
            int number = atomic_load(&slots[i].number);
            if (pid == 0 || number == last[i] || getpgid(pid) != getpgrp())
                continue;
            last[i] = number;
            if (pick(&random, 4) > 0)
                usleep((useconds_t)pick(&random, 300));
            if (atomic_load(&slots[i].pid) == pid && kill(pid, SIGKILL) == 0)
                atomic_fetch_add(&kills, 1);
        }
    }
    return NULL;
}

/* ---- in the loops ---- */

struct worker {
    uint64_t random;
    struct slot *slot;
    struct order *order;
    hoop_job job;
};

static int64_t run_job(void *arg)
{
    struct worker *self = arg;
    int64_t result = hoop_run_job(pool, &self->job);
    if (result == HOOP_EHELPER) {
        atomic_fetch_add(&deaths, 1);
        CHECK(strcmp(hoop_error_message(), "the helper was killed by signal 9 (Killed)") == 0);
    } else if (result != -ECANCELED) {
        CHECK(result == 1 + self->order->number % (int)sizeof *self->slot);
    }
    return result;
}

static void run_one(struct worker *self, int number)
{
    size_t rest = (size_t)(pick(&self->random, 3) > 0 ? pick(&self->random, 100)
                                                      : pick(&self->random, REST_MAX));
    self->order->number = number;
    self->order->spin = number % 3 == 0 ? ENDLESS : (unsigned)pick(&self->random, 300000);
    memset(self->order->rest, number, rest);
    self->job =
        (hoop_job){work, self->order, sizeof *self->order + rest, self->slot, sizeof *self->slot};
    atomic_store(&self->slot->pid, 0); /* a helper that died has left its own there */
    if (pick(&self->random, 4) > 0) {
        (void)!run_job(self);
        return;
    }
    int64_t rc = hoop_wait_for(run_job, self, pick(&self->random, 1000) * 1e-6);
    CHECK(rc >= 0 || rc == -ETIMEDOUT || rc == HOOP_EHELPER);
}

static int64_t live(void *arg)
{
    struct worker *self = arg;
    self->order = malloc(sizeof *self->order + REST_MAX);
    CHECK(self->order != NULL);
    for (int number; (number = atomic_fetch_add(&next_number, 1) + 1) <= wanted;) {
        run_one(self, number);
        atomic_fetch_add(&done, 1);
    }
    free(self->order);
    return 0;
}

static int64_t run_loop(void *arg)
{
    (void)arg;
    struct worker workers[TASKS];
    hoop_task *tasks[TASKS];
    for (unsigned i = 0; i < TASKS; i++) {
        unsigned index = hoop_thread_index() * TASKS + i;
        workers[i] =
            (struct worker){.random = (stress_seed + index) * 4 + 1, .slot = &slots[index]};
        tasks[i] = hoop_create_task(live, &workers[i]);
    }
    return hoop_gather(tasks, TASKS, NULL, 0);
}

static int64_t meet_all(void *arg)
{
    (void)arg;
    hoop_future *futures[HELPERS];
    hoop_job job = {.fn = meet, .output = meeting, .room = sizeof *meeting};
    for (int i = 0; i < HELPERS; i++)
        futures[i] = hoop_submit_job(pool, &job);
    int64_t rc = hoop_gather_futures(futures, HELPERS, NULL, 0);
    for (int i = 0; i < HELPERS; i++)
        hoop_future_unref(futures[i]);
    return rc;
}

/* ---- the program ---- */

static int number_of(const char *text, int otherwise)
{
    return text != NULL ? atoi(text) : otherwise;
}

static void begin(void)
{
    const hoop_job_fn functions[] = {work, meet, NULL};
    pool = hoop_process_pool_new(
        &(hoop_process_pool_options){.functions = functions, .max_workers = HELPERS});
    slots = hoop_shared_new(SLOTS * sizeof *slots);
    meeting = hoop_shared_new(sizeof *meeting);
    CHECK(pool != NULL && slots != NULL && meeting != NULL);
}

static void end(void)
{
    CHECK(hoop_executor_shutdown(pool, INFINITY) == 0);
    hoop_executor_free(pool);
    hoop_shared_free(slots);
    hoop_shared_free(meeting);
    siginfo_t info;
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
        usleep(1000); /* a worker's thread ends the server */
    while (hoop_testing_live_allocations() > 0)
        usleep(1000);
}

int main(int argc, char **argv)
{
    const char *seed = getenv("HOOP_SEED");
    if (seed != NULL)
        stress_seed = strtoull(seed, NULL, 0);
    wanted = number_of(argc > 1 ? argv[1] : getenv("HOOP_STRESS"), wanted);
    begin();
    pthread_t killer;
    CHECK(pthread_create(&killer, NULL, kill_helpers, NULL) == 0);
    CHECK(hoop_run_threads(LOOPS, run_loop, NULL) == 0);
    atomic_store(&is_over, true);
    pthread_join(killer, NULL);
    CHECK(done == wanted);
    CHECK(deaths <= kills);
    CHECK(hoop_run(meet_all, NULL) == 0);
    end();
    printf("seed %llu: %d jobs, %d helpers killed, %d jobs failed with them\n",
           (unsigned long long)stress_seed, (int)done, (int)kills, (int)deaths);
    return 0;
}
