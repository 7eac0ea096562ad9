/* SPDX-License-Identifier: MIT
 *
 * Call chains, and the names of functions, static ones too. Taking a chain is cheap, and
 * names are looked up when it is printed: in the files of the program and its libraries,
 * each time anew, as this is for reports.
 */
#ifndef BASE_BACKTRACE_H
#define BASE_BACKTRACE_H

#include <stddef.h>
#include <stdio.h>

/* libbacktrace has a function of this name, and a program may link it and libhoop.a. */
#define backtrace_print hoop_backtrace_print

/* The longest chain that is seen, frames to skip included. */
#define BACKTRACE_DEPTH_MAX 64

/* The call chain of the caller, innermost first: the return address inside of it, then the
 * one inside of its caller, and so on; without the first SKIP of them. How many. The first
 * call in a process loads a library and may allocate: who wants to call this in a signal
 * handler calls backtrace_prepare before. */
size_t backtrace_take(void **ret_addresses, size_t capacity, unsigned skip);
void backtrace_prepare(void);

/* One line for each return address, which are taken to mean the call before them:
 *
 *     function+0x1f (module)
 *     path/of/module+0x1234          without a name; for addr2line -e path/of/module 0x1234
 *     0x7f0012345678                 in no module, or without memory for more
 *
 * C++ names stay mangled. To be called outside of signal handlers. */
void backtrace_print(void *const *addresses, size_t count, FILE *out);

/* "function (module)", if ADDRESS is its beginning; else "function+0x1f (module)", or as
 * above. Cut off to fit into SIZE, and always terminated. */
void backtrace_name(const void *address, char *buffer, size_t size);

#endif
