/* SPDX-License-Identifier: MIT
 *
 * The ends of a queue for other threads: in one line with the loop's tasks, and with time limits.
 * How they learn that the queue or the loop goes is in queue_threadsafe_end.c.
 */
#include <errno.h>

#include "queue_outsider.h"

/* ---- items ---- */

static int64_t items_pass(void *arg)
{
    hoop_queue *queue = arg;
    struct outsider putter = outsider_for(queue, no_limit, 42);
    start(&putter, put_outside);
    assert_int_equal(get(queue), 42);
    end(&putter, 0);
    put(queue, 43);
    struct outsider getter = outsider_for(queue, no_limit, 0);
    start(&getter, get_outside);
    end(&getter, 0);
    assert_int_equal(getter.item, 43);
    return 0;
}

static void items_pass_between_a_thread_and_the_loop(void **state)
{
    (void)state;
    hoop_queue *queue = queue_of_ints(0);
    run(items_pass, queue);
    assert_int_equal(hoop_queue_free(queue), 0);
}

static int64_t a_thread_waits(void *arg)
{
    hoop_queue *queue = arg;
    struct outsider getter = outsider_for(queue, no_limit, 0);
    start(&getter, get_outside);
    let_wait(1);
    assert_false(atomic_load(&getter.is_back));
    put(queue, 1);
    end(&getter, 0);
    assert_int_equal(getter.item, 1);

    put(queue, 2);
    struct outsider putter = outsider_for(queue, no_limit, 3);
    start(&putter, put_outside);
    let_wait(1);
    assert_false(atomic_load(&putter.is_back));
    assert_int_equal(get(queue), 2);
    end(&putter, 0);
    assert_int_equal(get(queue), 3);
    return 0;
}

static void a_thread_waits_for_an_item_or_for_room(void **state)
{
    (void)state;
    hoop_queue *queue = queue_of_ints(1);
    run(a_thread_waits, queue);
    assert_int_equal(hoop_queue_free(queue), 0);
}

/* ---- one line ---- */

struct inmate {
    hoop_queue *queue;
    hoop_task *task;
    int item;
};

static int64_t get_inside(void *arg)
{
    struct inmate *inmate = arg;
    return hoop_queue_get(inmate->queue, &inmate->item);
}

static int64_t put_inside(void *arg)
{
    struct inmate *inmate = arg;
    return hoop_queue_put(inmate->queue, &inmate->item);
}

static int64_t stand_in_line_to_get(void *arg)
{
    hoop_queue *queue = arg;
    struct inmate inmates[2] = {{.queue = queue}, {.queue = queue}};
    struct outsider outsiders[2] = {outsider_for(queue, no_limit, 0),
                                    outsider_for(queue, no_limit, 0)};
    for (size_t i = 0; i < 2; i++) {
        inmates[i].task = hoop_create_task(get_inside, &inmates[i]);
        let_wait(2 * i + 1);
        start(&outsiders[i], get_outside);
        let_wait(2 * i + 2);
    }
    for (int i = 1; i <= 4; i++)
        put(queue, i);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hoop_await(inmates[i].task), 0);
        end(&outsiders[i], 0);
        assert_int_equal(inmates[i].item, 2 * i + 1);
        assert_int_equal(outsiders[i].item, 2 * i + 2);
    }
    return 0;
}

static int64_t stand_in_line_to_put(void *arg)
{
    hoop_queue *queue = arg;
    struct inmate inmates[2] = {{.queue = queue, .item = 1}, {.queue = queue, .item = 3}};
    struct outsider outsiders[2] = {outsider_for(queue, no_limit, 2),
                                    outsider_for(queue, no_limit, 4)};
    put(queue, 0);
    for (size_t i = 0; i < 2; i++) {
        inmates[i].task = hoop_create_task(put_inside, &inmates[i]);
        let_wait(2 * i + 1);
        start(&outsiders[i], put_outside);
        let_wait(2 * i + 2);
    }
    for (int i = 0; i <= 4; i++)
        assert_int_equal(get(queue), i);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hoop_await(inmates[i].task), 0);
        end(&outsiders[i], 0);
    }
    return 0;
}

static void threads_and_tasks_stand_in_one_line(void **state)
{
    (void)state;
    hoop_queue *queue = queue_of_ints(0);
    run(stand_in_line_to_get, queue);
    assert_int_equal(hoop_queue_free(queue), 0);
    queue = queue_of_ints(1);
    run(stand_in_line_to_put, queue);
    assert_int_equal(hoop_queue_free(queue), 0);
}

/* ---- limits ---- */

static int64_t run_out_of_time(void *arg)
{
    hoop_queue *queue = arg;
    struct outsider getter = outsider_for(queue, 0.05, 77);
    start(&getter, get_outside);
    end(&getter, -ETIMEDOUT);
    assert_int_equal(getter.item, 77); /* untouched */
    assert_true(getter.took >= 0.05);
    put(queue, 1);
    struct outsider putter = outsider_for(queue, 0.05, 2);
    start(&putter, put_outside);
    end(&putter, -ETIMEDOUT);
    assert_true(putter.took >= 0.05);
    assert_int_equal(get(queue), 1);
    assert_true(hoop_queue_is_empty(queue)); /* it was not put */
    return 0;
}

static void after_its_time_a_thread_has_put_or_got_nothing(void **state)
{
    (void)state;
    hoop_queue *queue = queue_of_ints(1);
    run(run_out_of_time, queue);
    assert_int_equal(hoop_queue_free(queue), 0);
}

static int64_t take_no_time(void *arg)
{
    hoop_queue *queue = arg;
    struct outsider putter = outsider_for(queue, 0, 5);
    start(&putter, put_outside);
    end(&putter, 0);
    struct outsider getter = outsider_for(queue, 0, 0);
    start(&getter, get_outside);
    end(&getter, 0);
    assert_int_equal(getter.item, 5);
    getter = outsider_for(queue, 0, 0);
    start(&getter, get_outside);
    end(&getter, -ETIMEDOUT);
    return 0;
}

static void without_time_it_takes_what_is_there(void **state)
{
    (void)state;
    hoop_queue *queue = queue_of_ints(1);
    run(take_no_time, queue);
    assert_int_equal(hoop_queue_free(queue), 0);
}

static int64_t one_leaves_the_line(void *arg)
{
    hoop_queue *queue = arg;
    struct outsider hasty = outsider_for(queue, 0.05, 0);
    struct outsider patient = outsider_for(queue, no_limit, 0);
    start(&hasty, get_outside);
    let_wait(1);
    start(&patient, get_outside);
    end(&hasty, -ETIMEDOUT);
    put(queue, 9);
    end(&patient, 0);
    assert_int_equal(patient.item, 9);
    return 0;
}

static void who_gives_up_leaves_the_line_to_the_next(void **state)
{
    (void)state;
    hoop_queue *queue = queue_of_ints(0);
    run(one_leaves_the_line, queue);
    assert_int_equal(hoop_queue_free(queue), 0);
}

/* ---- when a limit and a hand-over meet ---- */

enum { THREADS = 3, ROUNDS = 300 };

/* Puts or gets until it has ROUNDS times, giving up all the time. */
struct hasty {
    hoop_loop *loop;
    hoop_queue *queue;
    atomic_size_t *unfinished;
    pthread_t thread;
    int64_t sum;
    int failure; /* of another kind than a limit */
    unsigned limits;
};

/* Some have no patience at all: on a machine that is quick enough others always get what they
 * want. */
static double hasty_limit(uint64_t *random)
{
    uint64_t number = hoop_testing_random(random);
    return number % 4 == 0 ? 0 : (double)(number / 4 % 100) * 1e-6;
}

static void *put_hastily(void *arg)
{
    struct hasty *hasty = arg;
    uint64_t random = (uintptr_t)hasty;
    for (int i = 1; i <= ROUNDS && hasty->failure == 0;) {
        int rc = hoop_queue_put_threadsafe(hasty->loop, hasty->queue, &i, hasty_limit(&random));
        hasty->limits += rc == -ETIMEDOUT;
        if (rc == 0)
            hasty->sum += i++;
        else if (rc != -ETIMEDOUT)
            hasty->failure = rc;
    }
    atomic_fetch_sub(hasty->unfinished, 1);
    return NULL;
}

static void *get_hastily(void *arg)
{
    struct hasty *hasty = arg;
    uint64_t random = (uintptr_t)hasty;
    for (int got = 0; got < ROUNDS && hasty->failure == 0;) {
        int item;
        int rc = hoop_queue_get_threadsafe(hasty->loop, hasty->queue, &item, hasty_limit(&random));
        hasty->limits += rc == -ETIMEDOUT;
        if (rc == 0) {
            hasty->sum += item;
            got++;
        } else if (rc != -ETIMEDOUT) {
            hasty->failure = rc;
        }
    }
    atomic_fetch_sub(hasty->unfinished, 1);
    return NULL;
}

static int64_t serve_hasty_threads(void *arg)
{
    atomic_size_t unfinished = THREADS + THREADS;
    struct hasty putters[THREADS], getters[THREADS];
    for (int i = 0; i < THREADS; i++) {
        putters[i] = getters[i] =
            (struct hasty){.loop = hoop_running_loop(), .queue = arg, .unfinished = &unfinished};
        pthread_create(&putters[i].thread, NULL, put_hastily, &putters[i]);
        pthread_create(&getters[i].thread, NULL, get_hastily, &getters[i]);
    }
    while (atomic_load(&unfinished) > 0)
        assert_int_equal(hoop_sleep(0.001), 0);
    int64_t put_in = 0, got_out = 0;
    unsigned limits = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(putters[i].thread, NULL);
        pthread_join(getters[i].thread, NULL);
        assert_int_equal(putters[i].failure, 0);
        assert_int_equal(getters[i].failure, 0);
        put_in += putters[i].sum;
        got_out += getters[i].sum;
        limits += putters[i].limits + getters[i].limits;
    }
    assert_int_equal(put_in, (int64_t)THREADS * ROUNDS * (ROUNDS + 1) / 2);
    assert_int_equal(got_out, put_in);
    assert_true(limits > 0); /* else nothing was tested */
    return 0;
}

static void nothing_is_lost_or_doubled_when_a_limit_meets_a_hand_over(void **state)
{
    (void)state;
    hoop_queue *queue = queue_of_ints(2);
    run(serve_hasty_threads, queue);
    assert_true(hoop_queue_is_empty(queue));
    assert_int_equal(hoop_queue_free(queue), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(items_pass_between_a_thread_and_the_loop),
        BEHAVIOUR(a_thread_waits_for_an_item_or_for_room),
        BEHAVIOUR(threads_and_tasks_stand_in_one_line),
        BEHAVIOUR(after_its_time_a_thread_has_put_or_got_nothing),
        BEHAVIOUR(without_time_it_takes_what_is_there),
        BEHAVIOUR(who_gives_up_leaves_the_line_to_the_next),
        BEHAVIOUR(nothing_is_lost_or_doubled_when_a_limit_meets_a_hand_over),
    };
    return cmocka_run_group_tests_name("queue_threadsafe", tests, NULL, NULL);
}
