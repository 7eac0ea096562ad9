/* SPDX-License-Identifier: MIT
 *
 * The switch between stacks on aarch64; switch_x86_64.h tells the idea. The hints are landing pads
 * for branch-target identification, and nothing elsewhere.
 *
 * A suspended stack, from its saved pointer upwards: the frame pointer, the address to
 * resume at, the frame of the function that switches. tools/hoop-gdb.py knows this too.
 */
#ifndef CORO_SWITCH_AARCH64_H
#define CORO_SWITCH_AARCH64_H

#include <stdint.h>

static inline __attribute__((always_inline)) void switch_stacks(void **save, void *load)
{
    register void **from __asm__("x0") = save;
    register void *to __asm__("x1") = load;
    __asm__ volatile("adr x16, 1f\n\t"
                     "stp x29, x16, [sp, #-16]!\n\t"
                     "mov x17, sp\n\t"
                     "str x17, [%[from]]\n\t"
                     "mov sp, %[to]\n\t"
                     "ldp x29, x16, [sp], #16\n\t"
                     "br x16\n"
                     "1:\n\t"
                     "hint #36" /* bti j */
                     : [from] "+r"(from), [to] "+r"(to)
                     :
                     : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
                       "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24",
                       "x25", "x26", "x27", "x28", "x30", "memory", "cc", "v0", "v1", "v2", "v3",
                       "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15",
                       "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26",
                       "v27", "v28", "v29", "v30", "v31");
}

/* Where a new coroutine begins and ends: calls ENTRY(ARG), both from the stack, and resumes
 * the stack whose saved pointer that returns. Assembled once, by coro.c. */
#define SWITCH_TRAMPOLINE \
    ".pushsection .text\n" \
    ".p2align 4\n" \
    ".type coro_trampoline, %function\n" \
    "coro_trampoline:\n" \
    ".cfi_startproc\n" \
    ".cfi_undefined x30\n" \
    "    hint #38\n" /* bti jc */ \
    "    ldp x0, x16, [sp], #16\n" \
    "    blr x16\n" \
    "    mov sp, x0\n" \
    "    ldp x29, x16, [sp], #16\n" \
    "    br x16\n" \
    ".cfi_endproc\n" \
    ".size coro_trampoline, . - coro_trampoline\n" \
    ".popsection\n"
extern char coro_trampoline[] __attribute__((visibility("hidden")));

static inline void *switch_prepare(char *top, void *(*entry)(void *), void *arg)
{
    uintptr_t *sp = (uintptr_t *)(void *)top - 4;
    sp[0] = 0; /* the end of the frame chain */
    sp[1] = (uintptr_t)coro_trampoline;
    sp[2] = (uintptr_t)arg;
    sp[3] = (uintptr_t)entry;
    return sp;
}

#endif
