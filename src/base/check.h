/* SPDX-License-Identifier: MIT
 *
 * Two kinds of wrong. A caller's mistake is answered by an error code (misuse), and
 * in debug mode explained on stderr with the place where it happened. A broken
 * invariant of hoop's own is an assert; release builds leave these out.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Returns CODE. If EXPLAIN, says first on stderr what FUNCTION was called with or
 * where it was called, in the words of CODE. */
int misuse(bool explain, int code, const char *function);

/* NULL, for a function that returns a pointer; hoop_last_error() tells CODE. */
void *failed(int code);

#endif
