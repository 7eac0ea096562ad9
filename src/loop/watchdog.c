/* SPDX-License-Identifier: MIT
 *
 * The watchdog's thread looks at the loop's count of steps now and then. A count that stays
 * the same while the loop does not wait in the poller is a step that takes long; so the loop
 * itself does nothing for it but count.
 *
 * Where the loop is, only its own thread can tell: a signal makes it write down its call chain
 * and what it runs, and the watchdog prints that. One such question is open at a time in the
 * process.
 */
#include <hoop/watchdog.h>

#include <errno.h>
#include <math.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/backtrace.h"
#include "base/clock.h"
#include "base/sys.h"
#include "base/sys_signal.h"
#include "loop/loop.h"

/* Go interrupts its threads with the same signal, for reasons that hold here: it is ignored by
 * default, debuggers let it pass, and who uses it expects it to come without cause. */
#define QUESTION_SIGNAL SIGURG
#define ANSWER_LIMIT_NS 500000000
#define FRAMES_MAX 48

struct watchdog {
    hoop_loop *loop;
    pthread_t thread;
    sem_t changed; /* given when one of the two that follow has changed */
    atomic_bool is_ending;
    _Atomic int64_t limit; /* nanoseconds */
    _Atomic uint64_t reports;
};

/* What the watchdog asks, and the stuck thread answers. */
struct question {
    const hoop_loop *loop;
    sem_t answered;
    atomic_bool has_answer; /* set before that is given: tools know better what it means */
    size_t count;
    void *addresses[FRAMES_MAX];
    char who[160]; /* "task 'x' #7" */
};

static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER; /* over the three that follow */
static bool is_installed;
static struct sigaction previous;
static _Atomic(struct question *) open_question; /* NULL once somebody has taken it */

/* ---- in the loop's thread, in a signal handler ---- */

/* Takes the call chain from where the signal struck, at PC: what the handler adds on top is
 * cut off. That first address is not one to which a call returns; it is to be read as the
 * others are. */
static void take_chain(struct question *question, const void *pc)
{
    void **addresses = question->addresses;
    size_t count = backtrace_take(addresses, FRAMES_MAX, 0);
    size_t first = 0;
    while (first < count && addresses[first] != pc)
        first++;
    if (first == count)
        first = 0; /* not seen: then all of it */
    else
        addresses[first] = (char *)addresses[first] + 1;
    question->count = count - first;
    memmove(addresses, addresses + first, question->count * sizeof *addresses);
}

static void answer(struct question *question, const void *pc)
{
    const struct loop_extension *extension = question->loop->extension;
    if (extension != NULL)
        extension->describe(extension, question->who, sizeof question->who);
    take_chain(question, pc);
    atomic_store(&question->has_answer, true);
    sem_post(&question->answered);
}

static void on_signal(int signal, siginfo_t *info, void *ucontext)
{
    int saved_errno = errno;
    struct question *question = atomic_load(&open_question);
    bool is_ours = question != NULL && question->loop == running_loop &&
                   atomic_compare_exchange_strong(&open_question, &question, NULL);
    if (is_ours)
        answer(question, sys_context_pc(ucontext));
    else if ((previous.sa_flags & SA_SIGINFO) != 0)
        previous.sa_sigaction(signal, info, ucontext);
    else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
        previous.sa_handler(signal);
    errno = saved_errno;
}

static int install_handler(void)
{
    struct sigaction action = {.sa_sigaction = on_signal,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigemptyset(&action.sa_mask);
    backtrace_prepare();
    pthread_mutex_lock(&asking);
    int rc = is_installed ? 0 : sys_signal_action(QUESTION_SIGNAL, &action, &previous);
    is_installed = is_installed || rc == 0;
    pthread_mutex_unlock(&asking);
    return rc;
}

/* ---- in the watchdog's thread ---- */

/* Asks the loop's thread. False if it does not answer: it may have ended just now. */
static bool ask(struct question *question)
{
    sem_init(&question->answered, 0, 0);
    atomic_store(&open_question, question);
    int rc = sys_thread_signal(atomic_load(&question->loop->thread_id), QUESTION_SIGNAL);
    bool is_answered =
        rc == 0 && sys_semaphore_wait(&question->answered, sys_monotonic_now() + ANSWER_LIMIT_NS);
    if (!is_answered && atomic_exchange(&open_question, NULL) == NULL)
        sys_semaphore_wait(&question->answered, INT64_MAX); /* it has begun to answer */
    return atomic_load(&question->has_answer);
}

/* Prints who is stuck; copies that to RET_WHO. */
static void report(const hoop_loop *loop, int64_t since, char *ret_who, size_t size)
{
    struct question question = {.loop = loop, .who = "a callback"};
    pthread_mutex_lock(&asking);
    bool has_answer = ask(&question);
    pthread_mutex_unlock(&asking);
    double seconds = clock_to_seconds(sys_monotonic_now() - since);
    flockfile(stderr);
    fprintf(stderr, "hoop: the loop is stuck for %.2f s in %s%s\n", seconds, question.who,
            has_answer ? ", at:" : "; its thread does not answer");
    if (has_answer)
        backtrace_print(question.addresses, question.count, stderr);
    funlockfile(stderr);
    snprintf(ret_who, size, "%s", question.who);
    sem_destroy(&question.answered);
}

static void *watch(void *arg)
{
    struct watchdog *watchdog = arg;
    const hoop_loop *loop = watchdog->loop;
    uint_fast64_t seen = 0;
    int64_t since = sys_monotonic_now();
    sys_thread_name("hoop-watchdog");
    char stuck_in[sizeof(((struct question *)NULL)->who)] = "";
    for (;;) {
        int64_t limit = atomic_load_explicit(&watchdog->limit, memory_order_relaxed);
        if (sys_semaphore_wait(&watchdog->changed, sys_monotonic_now() + limit / 4)) {
            if (atomic_load(&watchdog->is_ending))
                return NULL;
            continue;
        }
        bool is_waiting = atomic_load_explicit(&loop->waiting, memory_order_acquire);
        uint_fast64_t steps = atomic_load_explicit(&loop->steps, memory_order_relaxed);
        int64_t now = sys_monotonic_now();
        if (is_waiting || steps != seen) {
            if (stuck_in[0] != '\0')
                fprintf(stderr, "hoop: %s went on after %.2f s\n", stuck_in,
                        clock_to_seconds(now - since));
            stuck_in[0] = '\0';
            seen = steps;
            since = now;
        } else if (now - since >= limit && stuck_in[0] == '\0') {
            report(loop, since, stuck_in, sizeof stuck_in);
            atomic_fetch_add_explicit(&watchdog->reports, 1, memory_order_relaxed);
        }
    }
}

/* ---- its life ---- */

bool watchdog_accepts(double seconds)
{
    return seconds >= 0.001 && seconds <= 1e9;
}

int hoop_watchdog_start(hoop_loop *loop, double seconds)
{
    int rc = loop_check(loop, __func__);
    if (rc == 0 && !watchdog_accepts(seconds))
        rc = misuse(loop->debug, -EINVAL, __func__);
    if (rc < 0)
        return rc;
    if (loop->watchdog != NULL) {
        atomic_store(&loop->watchdog->limit, clock_from_seconds(seconds));
        sem_post(&loop->watchdog->changed);
        return 0;
    }
    rc = install_handler();
    if (rc < 0)
        return rc;
    struct watchdog *watchdog = alloc_zeroed(sizeof *watchdog);
    if (watchdog == NULL)
        return -ENOMEM;
    watchdog->loop = loop;
    atomic_init(&watchdog->limit, clock_from_seconds(seconds));
    sem_init(&watchdog->changed, 0, 0);
    rc = sys_thread_start(&watchdog->thread, watch, watchdog);
    if (rc < 0) {
        sem_destroy(&watchdog->changed);
        alloc_free(watchdog);
        return rc;
    }
    loop->watchdog = watchdog;
    return 0;
}

int watchdog_start_from_environment(hoop_loop *loop)
{
    const char *text = getenv("HOOP_WATCHDOG");
    if (text == NULL || text[0] == '\0')
        return 0;
    char *end;
    double seconds = strtod(text, &end);
    int rc = *end == '\0' ? hoop_watchdog_start(loop, seconds) : -EINVAL;
    if (rc == -EINVAL)
        fprintf(stderr, "hoop: HOOP_WATCHDOG=%s is not a number of seconds >= 0.001\n", text);
    return rc == -EINVAL ? 0 : rc;
}

void hoop_watchdog_stop(hoop_loop *loop)
{
    struct watchdog *watchdog = loop->watchdog;
    if (watchdog == NULL)
        return;
    atomic_store(&watchdog->is_ending, true);
    sem_post(&watchdog->changed);
    pthread_join(watchdog->thread, NULL);
    sem_destroy(&watchdog->changed);
    loop->watchdog = NULL;
    alloc_free(watchdog);
}

void watchdog_forget(hoop_loop *loop)
{
    if (loop->watchdog == NULL)
        return;
    asking = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER; /* its thread may have held it */
    atomic_store(&open_question, NULL);
    alloc_free(loop->watchdog);
    loop->watchdog = NULL;
}

uint64_t hoop_watchdog_reports(const hoop_loop *loop)
{
    return loop->watchdog != NULL ? atomic_load(&loop->watchdog->reports) : 0;
}
