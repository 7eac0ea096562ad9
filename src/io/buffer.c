/* SPDX-License-Identifier: MIT
 *
 * See buffer.h.
 */
#include "io/buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

#define CAPACITY_MIN ((size_t)512)

/* Moves the bytes so that they begin at START of memory with CAPACITY. */
static int move(struct buffer *buffer, size_t start, size_t capacity)
{
    char *memory = alloc_array(NULL, capacity, 1);
    if (memory == NULL)
        return -ENOMEM;
    if (buffer->size > 0)
        memcpy(memory + start, buffer_data(buffer), buffer->size);
    alloc_free(buffer->memory);
    buffer->memory = memory;
    buffer->start = start;
    buffer->capacity = capacity;
    return 0;
}

/* To at least CAPACITY; doubled, so that adding many small pieces copies each byte a few times
 * only. */
static size_t grown(const struct buffer *buffer, size_t capacity)
{
    size_t doubled = buffer->capacity < SIZE_MAX / 2 ? buffer->capacity * 2 : buffer->capacity;
    if (capacity < doubled)
        capacity = doubled;
    return capacity < CAPACITY_MIN ? CAPACITY_MIN : capacity;
}

char *buffer_reserve(struct buffer *buffer, size_t size)
{
    if (size > SIZE_MAX - buffer->size)
        return NULL;
    if (buffer_room(buffer) < size) {
        /* Moving to the front is worth it if at least half of the memory becomes free. */
        if (buffer->size + size <= buffer->capacity && buffer->start >= buffer->capacity / 2) {
            memmove(buffer->memory, buffer_data(buffer), buffer->size);
            buffer->start = 0;
        } else if (move(buffer, 0, grown(buffer, buffer->size + size)) < 0) {
            return NULL;
        }
    }
    return buffer->memory + buffer->start + buffer->size;
}

int buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (size == 0)
        return 0;
    char *place = buffer_reserve(buffer, size);
    if (place == NULL)
        return -ENOMEM;
    memcpy(place, data, size);
    buffer_added(buffer, size);
    return 0;
}

int buffer_prepend(struct buffer *buffer, const void *data, size_t size)
{
    if (size == 0)
        return 0;
    if (buffer->start < size) {
        if (size > SIZE_MAX - buffer->size ||
            move(buffer, size, grown(buffer, buffer->size + size)) < 0)
            return -ENOMEM;
    }
    buffer->start -= size;
    memcpy(buffer->memory + buffer->start, data, size);
    buffer->size += size;
    return 0;
}

void buffer_consume(struct buffer *buffer, size_t size)
{
    assert(size <= buffer->size);
    buffer->start += size;
    buffer->size -= size;
    if (buffer->size == 0)
        buffer_done(buffer);
}

size_t buffer_take(struct buffer *buffer, void *memory, size_t size)
{
    if (size > buffer->size)
        size = buffer->size;
    if (size > 0) {
        memcpy(memory, buffer_data(buffer), size);
        buffer_consume(buffer, size);
    }
    return size;
}

void buffer_done(struct buffer *buffer)
{
    alloc_free(buffer->memory);
    *buffer = (struct buffer){0};
}
