/* SPDX-License-Identifier: MIT
 *
 * Shared buffers: memory that has a descriptor, so that another process can map it. All of the
 * process are on one list, by which an address is found.
 */
#ifndef EXEC_SHARED_H
#define EXEC_SHARED_H

#include <hoop/process_pool.h>

/* What is shared, as another process finds it. */
struct shared_place {
    int fd; /* the buffer's */
    uint64_t offset;
};

/* Do SIZE bytes at DATA lie in one shared buffer? */
bool shared_find(const void *data, size_t size, struct shared_place *ret_place);

/* Around a fork, in the parent: the list is whole meanwhile. */
void shared_hold(void);
void shared_release(void);
/* In the child instead: it has none of the buffers any more. */
void shared_forget(void);

#endif
