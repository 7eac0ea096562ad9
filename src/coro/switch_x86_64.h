/* SPDX-License-Identifier: MIT
 *
 * The switch between stacks on x86-64.
 *
 * It saves the frame pointer and the address to resume at on the stack it leaves, and
 * the stack pointer in *SAVE. All other registers are declared clobbered, so that the
 * compiler saves just those it needs; mxcsr and the x87 control word are the thread's,
 * not the coroutine's. There is neither a call nor a ret in it: a ret that meets another
 * stack than its call did is mispredicted, and so is each one after it
 * (docs/decisions/0002-switch.md).
 *
 * A suspended stack, from its saved pointer upwards: the address to resume at, the frame
 * pointer, the frame of the function that switches. tools/hoop-gdb.py knows this too.
 */
#ifndef CORO_SWITCH_X86_64_H
#define CORO_SWITCH_X86_64_H

#include <stdint.h>

static inline __attribute__((always_inline)) void switch_stacks(void **save, void *load)
{
    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rbp\n\t"
                     "pushq %%rax\n\t"
                     "movq %%rsp, (%[save])\n\t"
                     "movq %[load], %%rsp\n\t"
                     "popq %%rax\n\t"
                     "jmp *%%rax\n"
                     "1:\n\t"
                     "popq %%rbp"
                     : [save] "+D"(save), [load] "+S"(load)
                     :
                     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                       "r15", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
                       "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
                       "xmm15");
}

/* Where a new coroutine begins and ends: calls ENTRY(ARG), both from the stack, and resumes
 * the stack whose saved pointer that returns. Its call has its ret, so that it leaves the
 * return prediction of the others alone. The undefined return address ends every unwinder's
 * walk here. Assembled once, by coro.c. */
#define SWITCH_TRAMPOLINE \
    ".pushsection .text\n" \
    ".p2align 4\n" \
    ".type coro_trampoline, @function\n" \
    "coro_trampoline:\n" \
    ".cfi_startproc\n" \
    ".cfi_undefined rip\n" \
    "    popq %rdi\n" \
    "    popq %rax\n" \
    "    xorl %ebp, %ebp\n" \
    "    call *%rax\n" \
    "    movq %rax, %rsp\n" \
    "    popq %rax\n" \
    "    jmp *%rax\n" \
    ".cfi_endproc\n" \
    ".size coro_trampoline, . - coro_trampoline\n" \
    ".popsection\n"
extern char coro_trampoline[] __attribute__((visibility("hidden")));

/* Lays out an empty stack so that switching to the returned pointer calls ENTRY(ARG).
 * TOP is a multiple of 16. */
static inline void *switch_prepare(char *top, void *(*entry)(void *), void *arg)
{
    uintptr_t *sp = (uintptr_t *)(void *)top - 5;
    sp[0] = (uintptr_t)coro_trampoline;
    sp[1] = (uintptr_t)arg;
    sp[2] = (uintptr_t)entry;
    sp[3] = 0;
    sp[4] = 0;
    return sp;
}

#endif
