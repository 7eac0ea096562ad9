/* SPDX-License-Identifier: MIT
 *
 * Bytes that wait, first in, first out, in one piece of memory. An empty buffer has none.
 */
#ifndef IO_BUFFER_H
#define IO_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *memory;    /* NULL iff capacity is 0 */
    size_t start;    /* where the bytes begin */
    size_t size;     /* how many there are */
    size_t capacity; /* of the memory */
};

static inline const char *buffer_data(const struct buffer *buffer)
{
    return buffer->memory != NULL ? buffer->memory + buffer->start : NULL;
}

/* Makes room for SIZE more bytes behind the last one, and returns where; NULL without memory.
 * buffer_added tells how many were put there. */
char *buffer_reserve(struct buffer *buffer, size_t size);
static inline void buffer_added(struct buffer *buffer, size_t size)
{
    buffer->size += size;
}

/* The room that is there anyway. */
static inline size_t buffer_room(const struct buffer *buffer)
{
    return buffer->capacity - buffer->start - buffer->size;
}

/* Adds a copy of the bytes: 0, or -ENOMEM and nothing has changed. */
int buffer_append(struct buffer *buffer, const void *data, size_t size);
/* The same in front of the others. */
int buffer_prepend(struct buffer *buffer, const void *data, size_t size);

/* Drops the first SIZE bytes; with the last one the memory goes. */
void buffer_consume(struct buffer *buffer, size_t size);

/* Moves up to SIZE bytes to MEMORY: how many. */
size_t buffer_take(struct buffer *buffer, void *memory, size_t size);

void buffer_done(struct buffer *buffer);

#endif
