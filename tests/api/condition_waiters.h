/* SPDX-License-Identifier: MIT
 *
 * Tasks that wait for a condition, as several tests of conditions need them.
 */
#ifndef TESTS_API_CONDITION_WAITERS_H
#define TESTS_API_CONDITION_WAITERS_H

#include "in_a_task.h"

struct waiter {
    hoop_condition *condition;
    struct record *record;
    const char *name;
    int result; /* of its wait */
    hoop_task *task;
};

static inline int64_t wait_once(void *arg)
{
    struct waiter *waiter = arg;
    assert_int_equal(hoop_condition_acquire(waiter->condition), 0);
    waiter->result = hoop_condition_wait(waiter->condition);
    record_add(waiter->record, waiter->name);
    assert_true(hoop_lock_is_locked(hoop_condition_lock(waiter->condition)));
    assert_int_equal(hoop_condition_release(waiter->condition), 0);
    return waiter->result;
}

static inline void start_waiters(hoop_condition *condition, struct record *record,
                                 struct waiter *waiters, int count)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    for (int i = 0; i < count; i++) {
        waiters[i] = (struct waiter){condition, record, names[i], 12345, NULL};
        waiters[i].task = hoop_create_task(wait_once, &waiters[i]);
    }
    let_others_wait();
    assert_record(record, "");
    assert_false(hoop_lock_is_locked(hoop_condition_lock(condition))); /* each let go of it */
}

static inline void notify(hoop_condition *condition, size_t count)
{
    assert_int_equal(hoop_condition_acquire(condition), 0);
    assert_int_equal(hoop_condition_notify(condition, count), 0);
    assert_int_equal(hoop_condition_release(condition), 0);
}

static inline int64_t acquire_and_record(void *arg)
{
    struct waiter *waiter = arg;
    assert_int_equal(hoop_condition_acquire(waiter->condition), 0);
    record_add(waiter->record, waiter->name);
    return hoop_condition_release(waiter->condition);
}

#endif
