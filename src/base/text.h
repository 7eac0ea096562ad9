/* SPDX-License-Identifier: MIT
 *
 * Putting text together where printf may not be called: in signal handlers.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Appends TEXT to the LENGTH bytes that are in BUFFER of SIZE bytes, cut if need be, and
 * terminates it; returns the new length. */
static inline size_t text_append(char *buffer, size_t size, size_t length, const char *text)
{
    while (*text != '\0' && length + 1 < size)
        buffer[length++] = *text++;
    buffer[length] = '\0';
    return length;
}

static inline size_t text_append_number(char *buffer, size_t size, size_t length, uint64_t number)
{
    char digits[24] = "";
    char *first = digits + sizeof digits - 1;
    do
        *--first = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return text_append(buffer, size, length, first);
}

#endif
