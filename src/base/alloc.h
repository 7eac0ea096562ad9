/* SPDX-License-Identifier: MIT
 *
 * The only way to the heap. Each function returns NULL when there is no memory, as
 * tests make happen at every call in turn (fault.h), and counts what is live.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

/* Zeroed memory. */
void *alloc_zeroed(size_t size);

/* As realloc for an array: COUNT elements of SIZE bytes each, -overflow checked.
 * The old array stays valid on failure. */
void *alloc_array(void *array, size_t count, size_t size);

char *alloc_string(const char *string);

/* A formatted string. */
char *alloc_format(const char *format, __builtin_va_list arguments);

/* NULL is allowed. */
void alloc_free(void *memory);

#endif
