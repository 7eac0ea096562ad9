/* SPDX-License-Identifier: MIT
 *
 * Random but repeatable work for the task layer: tasks of all kinds that sleep, give way,
 * await children and futures, shield, cancel and take back cancellations, on the virtual
 * clock, against a simple model of what each may end with.
 *
 *     tasks [SEED [STEPS]]
 *
 * Says nothing if all holds; otherwise prints the seed, and what did not hold.
 */
#include <errno.h>
#include <hoop/testing.h>

#include "worker.h"

uint64_t stress_seed;

enum { LIVE_MAX = 1500 }; /* above this the driver starts no more */

/* ---- the driver ---- */

static void renew_future(int i, uint64_t *random)
{
    crowd.futures[i] = hoop_future_new(hoop_running_loop());
    crowd.future_values[i] = pick(random, 1000);
    CHECK(crowd.futures[i] != NULL);
}

static void set_future(int i, uint64_t *random)
{
    bool was_cancelled = hoop_future_is_done(crowd.futures[i]); /* with a task that awaited it */
    if (pick(random, 8) == 0)
        CHECK(hoop_future_cancel(crowd.futures[i]) == !was_cancelled);
    else
        CHECK(hoop_future_set_result(crowd.futures[i], crowd.future_values[i]) ==
              (was_cancelled ? HOOP_EDONE : 0));
    hoop_future_unref(crowd.futures[i]);
    renew_future(i, random);
}

static void forget_handle(int i)
{
    crowd.handle_count--;
    crowd.tasks[i] = crowd.tasks[crowd.handle_count];
    crowd.holders[i] = crowd.holders[crowd.handle_count];
}

static void spawn(uint64_t *random)
{
    if (crowd.count == crowd.capacity)
        return;
    struct worker *worker = worker_new(random, 0);
    hoop_task *task = worker_start(worker, random);
    if (crowd.handle_count == HANDLES || pick(random, 3) == 0) {
        hoop_task_detach(task);
        return;
    }
    crowd.tasks[crowd.handle_count] = task;
    crowd.holders[crowd.handle_count++] = worker;
}

static void await_handle(int i)
{
    struct worker *worker = crowd.holders[i];
    hoop_task *task = crowd.tasks[i];
    forget_handle(i); /* workers look at the handles meanwhile */
    worker_heard(worker, hoop_await(task));
}

/* Looks without waiting. */
static void look_at_handle(int i)
{
    struct worker *worker = crowd.holders[i];
    int64_t result = hoop_task_result(crowd.tasks[i]);
    CHECK(hoop_task_is_done(crowd.tasks[i]) == worker->ended);
    CHECK(result == (worker->ended ? worker->result : HOOP_EPENDING));
    worker->heard |= worker->ended;
}

static void uncancel_handle(int i)
{
    crowd.holders[i]->was_uncancelled = true;
    hoop_task_uncancel(crowd.tasks[i]);
}

static void detach_handle(int i)
{
    hoop_task_detach(crowd.tasks[i]);
    forget_handle(i);
}

static void check_info(void)
{
    hoop_info info;
    hoop_loop_info(hoop_running_loop(), &info);
    CHECK(info.tasks == (size_t)crowd.live + 2); /* the driver, and who sets futures */
    CHECK(info.stacks_in_use <= info.tasks);
    CHECK(info.timers <= info.tasks);
}

static void use_handle(int deed, uint64_t *random)
{
    if (crowd.handle_count == 0)
        return;
    int i = pick(random, crowd.handle_count);
    switch (deed) {
    case 0:
        await_handle(i);
        break;
    case 1:
        CHECK(hoop_task_cancel(crowd.tasks[i]) == !crowd.holders[i]->ended);
        break;
    case 2:
        uncancel_handle(i);
        break;
    case 3:
        detach_handle(i);
        break;
    default:
        look_at_handle(i);
        break;
    }
}

/* Goes on while the driver awaits somebody who awaits a future. */
static int64_t set_futures(void *arg)
{
    uint64_t random = stress_seed << 8 | 1;
    const bool *is_over = arg;
    while (!*is_over) {
        CHECK(hoop_sleep(0.001) == 0);
        set_future(pick(&random, FUTURES), &random);
    }
    return 0;
}

static void step(uint64_t *random)
{
    int deed = pick(random, 16);
    if (deed < 8 && crowd.live < LIVE_MAX)
        spawn(random);
    else if (deed < 10)
        set_future(pick(random, FUTURES), random);
    else if (deed == 10)
        CHECK(hoop_sleep(pick(random, 3) * 1e-4) == 0);
    else
        use_handle(deed - 11, random);
}

static void wind_up(void)
{
    while (crowd.handle_count > 0)
        await_handle(0);
    while (crowd.live > 0)
        CHECK(hoop_sleep(0.01) == 0);
    CHECK(hoop_sleep(0) == 0); /* the last done callbacks */
}

static int64_t drive(void *arg)
{
    uint64_t random = stress_seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (int i = 0; i < FUTURES; i++)
        renew_future(i, &random);
    bool is_over = false;
    hoop_task *setter = hoop_create_task(set_futures, &is_over);
    for (int i = *(int *)arg; i > 0; i--) {
        step(&random);
        if (i % 64 == 0)
            check_info();
    }
    wind_up();
    is_over = true;
    CHECK(hoop_await(setter) == 0);
    for (int i = 0; i < FUTURES; i++)
        hoop_future_unref(crowd.futures[i]);
    hoop_info info;
    hoop_loop_info(hoop_running_loop(), &info);
    CHECK(info.tasks == 1 && info.stacks_in_use == 1 && info.timers == 0);
    return 0;
}

/* ---- afterwards ---- */

static void on_report(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    (void)arg;
    int id = -1;
    CHECK(exception->error == -EIO && exception->error_message != NULL);
    CHECK(sscanf(exception->error_message, "worker %d", &id) == 1);
    CHECK(id >= 0 && id < crowd.count && !crowd.workers[id]->reported);
    crowd.workers[id]->reported = true;
}

static void check_workers(void)
{
    for (int i = 0; i < crowd.count; i++) {
        const struct worker *worker = crowd.workers[i];
        CHECK(worker->begun && worker->ended);
        CHECK(worker->result == worker->outcome || worker->result == -ECANCELED);
        CHECK(worker->callbacks_run == worker->callbacks_expected);
        CHECK(worker->reported == (worker->result == -EIO && !worker->heard));
    }
}

int main(int argc, char **argv)
{
    stress_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    int steps = argc > 2 ? atoi(argv[2]) : 60000;
    crowd.capacity = steps * 4;
    crowd.workers = calloc((size_t)crowd.capacity, sizeof *crowd.workers);
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL});
    CHECK(crowd.workers != NULL && loop != NULL);
    hoop_set_exception_handler(loop, on_report, NULL);
    CHECK(hoop_run_until_complete(loop, drive, &steps) == 0);
    CHECK(hoop_close(loop) == 0);
    check_workers();
    CHECK(hoop_testing_live_allocations() == 0);
    for (int i = 0; i < crowd.count; i++)
        free(crowd.workers[i]);
    free(crowd.workers);
    return 0;
}
