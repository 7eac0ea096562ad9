/* SPDX-License-Identifier: MIT
 *
 * See worker.h.
 */
#include "worker.h"

#include <errno.h>
#include <hoop/embed.h>
#include <string.h>

enum { DEPTH_MAX = 3 }; /* of children's children */

struct crowd crowd;

struct worker *worker_new(uint64_t *random, int depth)
{
    CHECK(crowd.count < crowd.capacity);
    struct worker *worker = calloc(1, sizeof *worker);
    CHECK(worker != NULL);
    *worker = (struct worker){
        .random = next_random(random) | 1,
        .id = crowd.count,
        .depth = depth,
        .outcome = pick(random, 8) == 0 ? -EIO : pick(random, 1000),
    };
    crowd.workers[crowd.count++] = worker;
    crowd.live++;
    return worker;
}

static int64_t worker_run(struct worker *self);

struct copied_arg {
    struct worker *worker;
    unsigned char filling[3000];
};

static int64_t run_borrowed(void *arg)
{
    return worker_run(arg);
}

static int64_t run_copied(void *arg)
{
    struct copied_arg *copy = arg;
    int64_t result = worker_run(copy->worker);
    for (size_t i = 0; i < sizeof copy->filling; i++)
        CHECK(copy->filling[i] == (unsigned char)(copy->worker->id + (int)i));
    return result;
}

static hoop_task *start_copied(struct worker *worker)
{
    struct copied_arg arg = {.worker = worker};
    for (size_t i = 0; i < sizeof arg.filling; i++)
        arg.filling[i] = (unsigned char)(worker->id + (int)i);
    return hoop_create_task_copy(run_copied, &arg, sizeof arg);
}

static void count_callback(hoop_future *future, void *arg)
{
    struct worker *worker = arg;
    CHECK(hoop_future_is_done(future));
    CHECK(worker->ended);
    CHECK(++worker->callbacks_run <= worker->callbacks_expected);
}

hoop_task *worker_start(struct worker *worker, uint64_t *random)
{
    static const size_t sizes[] = {0, 32768, 100000, 1 << 20};
    hoop_task_options options = {.name = "worker", .stack_size = sizes[pick(random, 4)]};
    hoop_task *task;
    switch (pick(random, 4)) {
    case 0:
        task = hoop_create_task(run_borrowed, worker);
        break;
    case 1:
        task = start_copied(worker);
        break;
    case 2:
        options.eager = true;
        task = hoop_create_task_with(run_borrowed, worker, &options);
        CHECK(worker->begun);
        break;
    default:
        task = hoop_create_task_with(run_borrowed, worker, &options);
        break;
    }
    CHECK(task != NULL);
    if (pick(random, 4) == 0) {
        worker->callbacks_expected++;
        CHECK(hoop_future_add_done_callback(hoop_task_future(task), count_callback, worker) == 0);
    }
    return task;
}

void worker_heard(struct worker *worker, int64_t result)
{
    CHECK(worker->ended && result == worker->result);
    if (result == -EIO) {
        char expected[32];
        snprintf(expected, sizeof expected, "worker %d", worker->id);
        CHECK(strcmp(hoop_error_message(), expected) == 0);
    }
    worker->heard = true;
}

static bool is_cancelled(const struct worker *self)
{
    return hoop_task_cancelling(hoop_current_task()) > 0 || self->was_uncancelled;
}

static int64_t sleep_exactly(struct worker *self)
{
    hoop_loop *loop = hoop_running_loop();
    int64_t length = pick(&self->random, 5000) * INT64_C(1000);
    int64_t begin = hoop_time_ns(loop);
    int rc = hoop_sleep((double)length / 1e9);
    int64_t now = hoop_time_ns(loop);
    CHECK(rc == 0 || (rc == -ECANCELED && is_cancelled(self)));
    CHECK(now >= begin && now <= begin + length);
    CHECK(rc < 0 || now == begin + length);
    return rc;
}

static int64_t give_way(struct worker *self)
{
    int64_t begin = hoop_time_ns(hoop_running_loop());
    int rc = hoop_sleep(0);
    CHECK(rc == 0 || (rc == -ECANCELED && is_cancelled(self)));
    CHECK(hoop_time_ns(hoop_running_loop()) == begin);
    return rc;
}

static int64_t await_child(struct worker *self)
{
    if (self->depth == DEPTH_MAX || crowd.count == crowd.capacity)
        return 0;
    struct worker *child = worker_new(&self->random, self->depth + 1);
    hoop_task *task = worker_start(child, &self->random);
    if (pick(&self->random, 4) == 0) {
        hoop_task_detach(task);
        return 0;
    }
    bool shields = pick(&self->random, 3) == 0;
    int64_t result = shields ? hoop_shield(task) : hoop_await(task);
    if (shields && result == -ECANCELED && !child->ended) {
        CHECK(is_cancelled(self)); /* the child runs on without us */
        return result;
    }
    if (!(shields && result == -ECANCELED && is_cancelled(self)))
        worker_heard(child, result);
    return is_cancelled(self) && result == -ECANCELED ? result : 0;
}

static int64_t await_future(struct worker *self)
{
    int i = pick(&self->random, FUTURES);
    hoop_future *future = hoop_future_ref(crowd.futures[i]);
    int64_t value = crowd.future_values[i];
    int64_t result = hoop_future_await(future);
    CHECK(hoop_future_is_done(future));
    CHECK(result == hoop_future_result(future));
    CHECK(result == value || (result == -ECANCELED && hoop_future_is_cancelled(future)));
    hoop_future_unref(future);
    return is_cancelled(self) && result == -ECANCELED ? result : 0;
}

static int64_t await_the_done(struct worker *self)
{
    hoop_future *future = hoop_future_new(NULL);
    CHECK(future != NULL && hoop_future_set_result(future, self->id) == 0);
    for (int i = pick(&self->random, 300); i > 0; i--)
        CHECK(hoop_future_await(future) == self->id);
    hoop_future_unref(future);
    return 0;
}

/* Cancels one that the driver holds: itself, perhaps, or who awaits it. */
static int64_t cancel_another(struct worker *self)
{
    if (crowd.handle_count > 0) {
        int i = pick(&self->random, crowd.handle_count);
        CHECK(hoop_task_cancel(crowd.tasks[i]) == !crowd.holders[i]->ended);
    }
    return 0;
}

static int64_t (*const deeds[])(struct worker *) = {
    sleep_exactly, sleep_exactly, give_way,       await_child,
    await_child,   await_future,  await_the_done, cancel_another,
};

/* After -ECANCELED: goes on as if nothing had been, or gives in. */
static bool gives_in(struct worker *self)
{
    if (pick(&self->random, 3) > 0)
        return true;
    while (hoop_task_uncancel(hoop_current_task()) > 0)
        ;
    return false;
}

static int64_t worker_end(struct worker *self, int64_t result)
{
    CHECK(!self->ended);
    self->ended = true;
    self->result = result;
    crowd.live--;
    return result == -EIO ? hoop_error_set(-EIO, "worker %d", self->id) : result;
}

static int64_t worker_run(struct worker *self)
{
    CHECK(!self->begun);
    self->begun = true;
    for (int i = pick(&self->random, 8); i > 0; i--) {
        int deed = pick(&self->random, sizeof deeds / sizeof deeds[0]);
        int64_t rc = deeds[deed](self);
        CHECK(rc == 0 || rc == -ECANCELED);
        if (rc == -ECANCELED && gives_in(self))
            return worker_end(self, rc);
    }
    return worker_end(self, self->outcome);
}
