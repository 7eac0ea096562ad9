/* SPDX-License-Identifier: MIT
 *
 * Signals: who catches them, who is spared them, and who gets one. See sys.h.
 */
#ifndef BASE_SYS_SIGNAL_H
#define BASE_SYS_SIGNAL_H

#include <signal.h>
#include <stddef.h>

/* ---- what a signal does ---- */
int sys_signal_action(int signal, const struct sigaction *action, struct sigaction *ret_old);
/* The same for an action that the kernel has accepted before, which it does again. */
struct sigaction sys_signal_current(int signal);
void sys_signal_restore(int signal, const struct sigaction *action);
void sys_signal_reset(int signal); /* back to its default action */
void sys_signal_die(int signal);   /* as by its default action; in a handler: once that returns */
/* In a forked child: every handler back to the default action, what is ignored stays so, and
 * nothing is blocked. */
void sys_signals_forget(void);

/* ---- in the calling thread ---- */
/* Keeps all signals back until sys_signals_restore. */
void sys_signals_block(sigset_t *ret_old);
void sys_signals_restore(const sigset_t *old);
int sys_signal_stack(const stack_t *stack, stack_t *ret_old);
size_t sys_signal_stack_size(void); /* what a handler needs on this processor */
/* Where the signal struck, from a handler's third argument; NULL if that is not known here. */
const void *sys_context_pc(const void *ucontext);

/* A signal for the thread with that number (sys_thread_id). */
int sys_thread_signal(int thread_id, int signal);

#endif
