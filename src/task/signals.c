/* SPDX-License-Identifier: MIT
 *
 * Signals to be awaited. One that comes is handed to who waits, so that it cannot go lost between
 * two tasks; else it is kept.
 */
#include <hoop/signal.h>

#include <errno.h>
#include <hoop/error.h>

#include "base/alloc.h"
#include "loop/loop.h"
#include "loop/signal.h"
#include "task/wait.h"

struct hoop_signals {
    struct signal_listener listener;
    hoop_loop *loop;
    signal_set came;   /* and were not asked for; empty while somebody waits */
    hoop_link waiters; /* the observer of the one task that waits, or nothing */
};

static const struct wait_kind signal_wait = {"waits for a signal", wait_cancel, NULL, NULL};

static int take_first(hoop_signals *signals)
{
    int signal = signal_set_first(signals->came);
    signals->came &= signals->came - 1;
    return signal;
}

static void wake_waiter(hoop_signals *signals, int result)
{
    wait_wake(CONTAINER_OF(signals->waiters.next, struct wait, observer.link), result);
}

static void signals_notify(struct signal_listener *listener, signal_set which)
{
    hoop_signals *signals = CONTAINER_OF(listener, hoop_signals, listener);
    signals->came |= which;
    if (!list_is_empty(&signals->waiters))
        wake_waiter(signals, take_first(signals));
}

static void signals_free(struct signal_listener *listener)
{
    alloc_free(CONTAINER_OF(listener, hoop_signals, listener));
}

/* The set of COUNT SIGNALS; empty if nobody can listen to all of these, or there are none. */
static signal_set set_of(const int *signals, size_t count)
{
    signal_set set = 0;
    for (size_t i = 0; i < count; i++) {
        signal_set one = signal_set_of(signals[i]);
        if (one == 0)
            return 0;
        set |= one;
    }
    return set;
}

/* For FUNCTION, which the program called where a loop runs. */
static int signals_open(const int *numbers, size_t count, hoop_signals **ret_signals,
                        const char *function)
{
    hoop_loop *loop = running_loop;
    signal_set set = set_of(numbers, count);
    if (set == 0)
        return misuse(loop->debug, -EINVAL, function);
    hoop_signals *signals = alloc_zeroed(sizeof *signals);
    if (signals == NULL)
        return -ENOMEM;
    signals->loop = loop;
    signals->listener.signals = set;
    signals->listener.notify = signals_notify;
    signals->listener.close = signals_free;
    list_init(&signals->waiters);
    int rc = signal_listen(loop, &signals->listener);
    if (rc < 0) {
        alloc_free(signals);
        return rc == -EINVAL ? misuse(loop->debug, rc, function) : rc;
    }
    *ret_signals = signals;
    return 0;
}

int hoop_signals_open(const int *signals, size_t count, hoop_signals **ret_signals)
{
    if (running_loop == NULL)
        return misuse(false, HOOP_ENOLOOP, __func__);
    return signals_open(signals, count, ret_signals, __func__);
}

int hoop_signals_next(hoop_signals *signals)
{
    if (UNLIKELY(turn.task == NULL))
        return wait_without_task(__func__);
    int rc = loop_check_thread(signals->loop, __func__);
    if (rc < 0 || !list_is_empty(&signals->waiters))
        return wait_failed(rc < 0 ? rc : -EBUSY);
    if (signals->came != 0) {
        int signal = take_first(signals);
        wait_spend();
        return signal;
    }
    struct wait wait;
    wait_init(&wait, &signal_wait);
    list_append(&signals->waiters, &wait.observer.link);
    return (int)wait_park(&wait);
}

void hoop_signals_close(hoop_signals *signals)
{
    if (signals == NULL || loop_check_thread(signals->loop, __func__) < 0)
        return;
    if (!list_is_empty(&signals->waiters))
        wake_waiter(signals, -EBADF);
    signal_unlisten(signals->loop, &signals->listener);
    alloc_free(signals);
}

int hoop_wait_signal(int signal)
{
    hoop_signals *signals = NULL;
    if (UNLIKELY(turn.task == NULL))
        return wait_without_task(__func__);
    int rc = signals_open(&signal, 1, &signals, __func__);
    if (signals == NULL)
        return wait_failed(rc);
    rc = hoop_signals_next(signals);
    hoop_signals_close(signals);
    return rc;
}
