/* SPDX-License-Identifier: MIT
 *
 * See sys_signal.h.
 */
#include "base/sys_signal.h"

#include <stdbool.h>
#include <sys/auxv.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/sys_result.h"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51 /* Linux 5.14, include/uapi/linux/auxvec.h */
#endif

int sys_signal_action(int signal, const struct sigaction *action, struct sigaction *ret_old)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(sigaction(signal, action, ret_old));
}

struct sigaction sys_signal_current(int signal)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(signal, NULL, &action);
    return action;
}

void sys_signal_restore(int signal, const struct sigaction *action)
{
    sigaction(signal, action, NULL);
}

void sys_signal_reset(int signal)
{
    sys_signal_restore(signal, &(struct sigaction){.sa_handler = SIG_DFL});
}

void sys_signal_die(int signal)
{
    sys_signal_reset(signal);
    raise(signal);
}

/* Those that the C library keeps to itself seem not to be. */
static bool is_caught(int signal)
{
    struct sigaction action = sys_signal_current(signal);
    return (action.sa_flags & SA_SIGINFO) != 0 ||
           (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
}

void sys_signals_forget(void)
{
    sigset_t none;
    for (int signal = 1; signal < _NSIG; signal++)
        if (is_caught(signal))
            sys_signal_reset(signal);
    sigemptyset(&none);
    sys_signals_restore(&none);
}

void sys_signals_block(sigset_t *ret_old)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, ret_old);
}

void sys_signals_restore(const sigset_t *old)
{
    pthread_sigmask(SIG_SETMASK, old, NULL);
}

int sys_signal_stack(const stack_t *stack, stack_t *ret_old)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(sigaltstack(stack, ret_old));
}

size_t sys_signal_stack_size(void)
{
    size_t frame = getauxval(AT_MINSIGSTKSZ); /* 11 KiB and more with AVX-512 and AMX */
    return 65536 + frame;
}

const void *sys_context_pc(const void *ucontext)
{
#if defined(__x86_64__)
    return (const void *)((const ucontext_t *)ucontext)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (const void *)((const ucontext_t *)ucontext)->uc_mcontext.pc;
#else
    (void)ucontext;
    return NULL;
#endif
}

int sys_thread_signal(int thread_id, int signal)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(tgkill(getpid(), thread_id, signal));
}
