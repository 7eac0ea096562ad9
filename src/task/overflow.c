/* SPDX-License-Identifier: MIT
 *
 * A task that overflows its stack touches its guard page and gets SIGSEGV. This names
 * the task before the process dies as it would have anyway.
 *
 * The handler needs a stack of its own: each thread that runs tasks gets one, unless it
 * has one already. It calls nothing but what is safe in a signal handler, then puts the
 * previous action back and returns; the access faults again, and the previous action
 * (a core dump, a sanitizer's report) takes place.
 */
#include <pthread.h>
#include <string.h>

#include "base/sys.h"
#include "base/sys_signal.h"
#include "base/text.h"
#include "task/scheduler.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_installed;
static struct sigaction previous;
static pthread_key_t thread_key;
static pthread_once_t thread_key_once = PTHREAD_ONCE_INIT;
static _Thread_local bool thread_is_watched;

static void complain(const hoop_task *task)
{
    char text[256];
    size_t length = text_append(text, sizeof text - 48, 0, "hoop: stack overflow in task '");
    length = text_append(text, sizeof text - 48, length, task->name);
    length = text_append(text, sizeof text, length, "' (");
    length = text_append_number(text, sizeof text, length, task->stack->size / 1024);
    length = text_append(text, sizeof text, length, " KiB)\n");
    sys_complain(text, length);
}

static void on_fault(int signal, siginfo_t *info, void *ucontext)
{
    (void)ucontext;
    const hoop_task *task = task_running();
    bool was_sent = info->si_code <= 0; /* by kill or raise: it does not happen again by itself */
    if (!was_sent && task != NULL && task->stack != NULL &&
        stack_overflowed_at(task->stack, info->si_addr))
        complain(task);
    sigaction(signal, &previous, NULL);
    if (was_sent)
        raise(signal);
}

static void install_handler(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    pthread_mutex_lock(&lock);
    if (!is_installed)
        is_installed = sys_signal_action(SIGSEGV, &action, &previous) == 0;
    pthread_mutex_unlock(&lock);
}

/* The thread ends: its signal stack goes. */
static void thread_ends(void *memory)
{
    sys_signal_stack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    sys_unmap(memory, sys_signal_stack_size());
}

static void make_thread_key(void)
{
    pthread_key_create(&thread_key, thread_ends);
}

/* Best effort: without a signal stack an overflow dies unnamed. */
static void give_signal_stack(void)
{
    stack_t current;
    if (sys_signal_stack(NULL, &current) < 0 || (current.ss_flags & SS_DISABLE) == 0)
        return;
    stack_t stack = {.ss_size = sys_signal_stack_size()};
    stack.ss_sp = sys_map_lazily(stack.ss_size);
    if (stack.ss_sp == NULL)
        return;
    pthread_once(&thread_key_once, make_thread_key);
    if (sys_signal_stack(&stack, NULL) < 0 || pthread_setspecific(thread_key, stack.ss_sp) != 0)
        sys_unmap(stack.ss_sp, stack.ss_size);
}

void overflow_watch(void)
{
    if (thread_is_watched)
        return;
    thread_is_watched = true;
    install_handler();
    give_signal_stack();
}
