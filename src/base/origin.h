/* SPDX-License-Identifier: MIT
 *
 * Where something was made: the call chain that led there, kept with the thing in debug
 * mode to be printed when it turns out to have been left behind.
 */
#ifndef BASE_ORIGIN_H
#define BASE_ORIGIN_H

#include <stdio.h>

struct hoop_origin;

/* Of the caller and those that called it, at most 16; NULL without memory. */
struct hoop_origin *origin_capture(void);

/* NULL is allowed, in both. */
void origin_free(struct hoop_origin *origin);
/* As backtrace_print (base/backtrace.h). */
void origin_print(const struct hoop_origin *origin, FILE *out);

#endif
