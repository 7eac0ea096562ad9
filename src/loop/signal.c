/* SPDX-License-Identifier: MIT
 *
 * From a signal handler in any thread to the loops that listen (docs/decisions/0019-signals.md).
 *
 * Each loop that listens has a hub. The handler walks the hubs, takes no lock, and only notes
 * which signal came and wakes the loop by its eventfd. Everybody else changes things under the
 * lock; and what the handler may be looking at goes only once no handler runs.
 *
 * Who begins or ends to listen first hands out what came before, so nobody hears of a signal that
 * came when he did not listen.
 */
#include "loop/signal.h"

#include <errno.h>
#include <pthread.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "base/sys_signal.h"
#include "loop/loop.h"

#define SIGNALS 64

/* While others are in a signal handler. */
#define YIELDS 20
#define SLEEP_NS 50000

/* A listener's audience: [false] everybody's, or [true] the default listeners'. */
struct mailbox {
    _Atomic signal_set wanted; /* by its listeners in this loop */
    _Atomic signal_set came;   /* and was not handed out yet */
};

struct signal_hub {
    _Atomic(struct signal_hub *) next; /* on the list of all; stays when it is taken off */
    struct mailbox mailboxes[2];       /* by is_default */
    hoop_link listeners;
    hoop_watch watch; /* of an eventfd, never read: each write is a new edge */
    int fd;
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_POINTER_LOCK_FREE == 2,
               "a signal handler cannot wait for a lock");

static _Atomic(struct signal_hub *) first_hub;
static _Atomic signal_set wanted[2]; /* by anybody in the process; by is_default */
static _Atomic signal_set warned;    /* default listeners have been told once */
static atomic_uint handlers;         /* that run just now, in whatever threads */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over the list and what follows */
static struct {
    unsigned listeners[2];   /* in the process; by is_default */
    struct sigaction before; /* what we have replaced; while there are listeners */
} caught[SIGNALS + 1];       /* by number */

/* ---- in the signal handler ---- */

static void post_to_hubs(signal_set signal, bool is_default)
{
    for (struct signal_hub *hub = atomic_load(&first_hub); hub != NULL;
         hub = atomic_load(&hub->next)) {
        struct mailbox *mailbox = &hub->mailboxes[is_default];
        if ((atomic_load(&mailbox->wanted) & signal) != 0 &&
            (atomic_fetch_or(&mailbox->came, signal) & signal) == 0)
            sys_eventfd_signal(hub->fd);
    }
}

static void on_signal(int number)
{
    int saved_errno = errno;
    signal_set signal = (signal_set)1 << (number - 1);
    atomic_fetch_add(&handlers, 1);
    if ((atomic_load(&wanted[false]) & signal) != 0)
        post_to_hubs(signal, false);
    else if ((atomic_load(&wanted[true]) & signal) == 0)
        ; /* the last one has just gone */
    else if ((atomic_fetch_or(&warned, signal) & signal) == 0)
        post_to_hubs(signal, true);
    else
        sys_signal_die(number);
    atomic_fetch_sub(&handlers, 1);
    errno = saved_errno;
}

/* At last by sleeping: whoever is in a handler must get to run, whatever the priorities are. */
static void wait_for_handlers(void)
{
    for (unsigned tries = 0; atomic_load(&handlers) > 0; tries++) {
        if (tries < YIELDS)
            sys_yield();
        else
            sys_sleep(SLEEP_NS);
    }
}

/* ---- actions ---- */

signal_set signal_set_of(int signal)
{
    bool can_be_caught = signal >= 1 && signal <= SIGNALS && signal != SIGKILL &&
                         signal != SIGSTOP && signal != SIGSEGV && signal != SIGBUS &&
                         signal != SIGFPE && signal != SIGILL;
    return can_be_caught ? (signal_set)1 << (signal - 1) : 0;
}

int signal_set_first(signal_set set)
{
    return __builtin_ctzll(set) + 1;
}

static bool is_ours(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) == 0 && action->sa_handler == on_signal;
}

static bool are_at_default(signal_set signals)
{
    for (; signals != 0; signals &= signals - 1) {
        int signal = signal_set_first(signals);
        struct sigaction action = sys_signal_current(signal);
        if (is_ours(&action))
            action = caught[signal].before;
        if ((action.sa_flags & SA_SIGINFO) != 0 || action.sa_handler != SIG_DFL)
            return false;
    }
    return true;
}

/* A handler that a program has set since the last listener came is replaced as well. */
static int catch_signal(int signal)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
    struct sigaction before;
    sigemptyset(&action.sa_mask);
    int rc = sys_signal_action(signal, &action, &before);
    if (rc == 0 && !is_ours(&before))
        caught[signal].before = before;
    return rc;
}

/* What a program has set in the meantime stays. */
static void release_signal(int signal)
{
    struct sigaction current = sys_signal_current(signal);
    if (is_ours(&current))
        sys_signal_restore(signal, &caught[signal].before);
}

/* One listener less for each of SIGNALS. */
static void leave_signals(signal_set signals, bool is_default)
{
    for (; signals != 0; signals &= signals - 1) {
        int signal = signal_set_first(signals);
        unsigned *listeners = caught[signal].listeners;
        listeners[is_default]--;
        if (listeners[false] + listeners[true] == 0)
            release_signal(signal);
        if (listeners[is_default] == 0)
            atomic_fetch_and(&wanted[is_default], ~(signals & -signals));
    }
}

/* One listener more for each of SIGNALS, or for none. */
static int join_signals(signal_set signals, bool is_default)
{
    if (is_default && !are_at_default(signals))
        return -EBUSY;
    for (signal_set left = signals; left != 0; left &= left - 1) {
        signal_set one = left & -left;
        int signal = signal_set_first(one);
        if (caught[signal].listeners[is_default]++ == 0) {
            if (is_default)
                atomic_fetch_and(&warned, ~one);
            atomic_fetch_or(&wanted[is_default], one);
        }
        int rc = catch_signal(signal);
        if (rc < 0) {
            leave_signals(signals & (one | (one - 1)), is_default);
            return rc;
        }
    }
    return 0;
}

/* ---- hubs ---- */

static void hand_out(struct signal_hub *hub, bool is_default)
{
    signal_set came = atomic_exchange(&hub->mailboxes[is_default].came, 0);
    if (came == 0)
        return;
    for (hoop_link *link = hub->listeners.next; link != &hub->listeners; link = link->next) {
        struct signal_listener *listener = CONTAINER_OF(link, struct signal_listener, link);
        if (listener->is_default == is_default && (listener->signals & came) != 0)
            listener->notify(listener, listener->signals & came);
    }
}

static void hub_look(struct signal_hub *hub)
{
    hand_out(hub, false);
    hand_out(hub, true);
}

static void hub_notify(hoop_watch *watch, unsigned events)
{
    (void)events;
    hub_look(CONTAINER_OF(watch, struct signal_hub, watch));
}

static int hub_open(hoop_loop *loop)
{
    struct signal_hub *hub = alloc_zeroed(sizeof *hub);
    if (hub == NULL)
        return -ENOMEM;
    list_init(&hub->listeners);
    hoop_watch_init(&hub->watch, hub_notify);
    int rc = hub->fd = sys_eventfd();
    if (rc >= 0)
        rc = hoop_watch_start(loop, &hub->watch, hub->fd);
    if (rc < 0) {
        if (hub->fd >= 0)
            sys_close(hub->fd);
        alloc_free(hub);
        return rc;
    }
    pthread_mutex_lock(&lock);
    atomic_store(&hub->next, atomic_load(&first_hub));
    atomic_store(&first_hub, hub);
    pthread_mutex_unlock(&lock);
    loop->signals = hub;
    return 0;
}

static void hub_close(hoop_loop *loop)
{
    struct signal_hub *hub = loop->signals;
    _Atomic(struct signal_hub *) *place = &first_hub;
    assert(list_is_empty(&hub->listeners));
    pthread_mutex_lock(&lock);
    while (atomic_load(place) != hub)
        place = &atomic_load(place)->next;
    atomic_store(place, atomic_load(&hub->next));
    pthread_mutex_unlock(&lock);
    wait_for_handlers();
    hoop_watch_stop(loop, &hub->watch);
    sys_close(hub->fd);
    alloc_free(hub);
    loop->signals = NULL;
}

/* Its mailboxes take what its listeners listen to. */
static void hub_update(struct signal_hub *hub)
{
    signal_set sets[2] = {0, 0};
    for (hoop_link *link = hub->listeners.next; link != &hub->listeners; link = link->next) {
        struct signal_listener *listener = CONTAINER_OF(link, struct signal_listener, link);
        sets[listener->is_default] |= listener->signals;
    }
    atomic_store(&hub->mailboxes[false].wanted, sets[false]);
    atomic_store(&hub->mailboxes[true].wanted, sets[true]);
}

/* ---- listening ---- */

int signal_listen(hoop_loop *loop, struct signal_listener *listener)
{
    int rc = loop->signals == NULL ? hub_open(loop) : 0;
    if (rc < 0)
        return rc;
    struct signal_hub *hub = loop->signals;
    hub_look(hub);
    list_append(&hub->listeners, &listener->link);
    hub_update(hub);
    pthread_mutex_lock(&lock);
    rc = join_signals(listener->signals, listener->is_default);
    pthread_mutex_unlock(&lock);
    if (rc < 0) {
        list_remove(&listener->link);
        hub_update(hub);
    }
    return rc;
}

void signal_unlisten(hoop_loop *loop, struct signal_listener *listener)
{
    pthread_mutex_lock(&lock);
    leave_signals(listener->signals, listener->is_default);
    pthread_mutex_unlock(&lock);
    wait_for_handlers();
    hub_look(loop->signals);
    list_remove(&listener->link);
    hub_update(loop->signals);
}

struct signal_listener *signal_find(const hoop_loop *loop,
                                    void (*notify)(struct signal_listener *, signal_set),
                                    signal_set set)
{
    if (loop->signals == NULL)
        return NULL;
    const hoop_link *listeners = &loop->signals->listeners;
    for (hoop_link *link = listeners->next; link != listeners; link = link->next) {
        struct signal_listener *listener = CONTAINER_OF(link, struct signal_listener, link);
        if (listener->notify == notify && listener->signals == set)
            return listener;
    }
    return NULL;
}

void signals_done(hoop_loop *loop)
{
    if (loop->signals == NULL)
        return;
    hoop_link *listeners = &loop->signals->listeners;
    while (!list_is_empty(listeners)) {
        struct signal_listener *listener =
            CONTAINER_OF(listeners->next, struct signal_listener, link);
        signal_unlisten(loop, listener);
        listener->close(listener);
    }
    hub_close(loop);
}
