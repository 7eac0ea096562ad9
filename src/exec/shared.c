/* SPDX-License-Identifier: MIT
 *
 * See shared.h.
 */
#include "exec/shared.h"

#include <errno.h>
#include <hoop/loop.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/list.h"
#include "base/spinlock.h"
#include "base/sys.h"
#include "base/sys_fork.h"

struct shared {
    hoop_link link; /* on `all` */
    char *data;
    size_t size; /* as it was asked for */
    int fd;
};

static struct spinlock lock; /* over the list */
static hoop_link all = {&all, &all};

static void unmap(const struct shared *shared)
{
    sys_unmap(shared->data, sys_round_to_pages(shared->size));
}

static int shared_init(struct shared *shared, size_t size)
{
    shared->size = size;
    shared->fd = sys_memory_create(size);
    if (shared->fd < 0)
        return shared->fd;
    void *data;
    int rc = sys_memory_map(shared->fd, 0, size, SYS_MEMORY_WRITABLE, &data);
    if (rc < 0)
        sys_close(shared->fd);
    else
        shared->data = data;
    return rc;
}

void *hoop_shared_new(size_t size)
{
    if (size == 0)
        return failed(-EINVAL);
    struct shared *shared = alloc_zeroed(sizeof *shared);
    int rc = shared != NULL ? shared_init(shared, size) : -ENOMEM;
    if (rc < 0) {
        alloc_free(shared);
        return failed(rc);
    }
    spinlock_take(&lock);
    list_append(&all, &shared->link);
    spinlock_give(&lock);
    return shared->data;
}

/* Under the lock: the buffer that ADDRESS is in, or NULL. */
static struct shared *find(const char *address)
{
    for (hoop_link *link = all.next; link != &all; link = link->next) {
        struct shared *shared = CONTAINER_OF(link, struct shared, link);
        if ((uintptr_t)address - (uintptr_t)shared->data < shared->size)
            return shared;
    }
    return NULL;
}

void hoop_shared_free(void *data)
{
    if (data == NULL)
        return;
    spinlock_take(&lock);
    struct shared *shared = find(data);
    bool is_one = shared != NULL && shared->data == data;
    if (is_one)
        list_remove(&shared->link);
    spinlock_give(&lock);
    if (!is_one) {
        const hoop_loop *loop = hoop_running_loop();
        (void)misuse(loop != NULL && hoop_get_debug(loop), -EINVAL, __func__);
        return;
    }
    unmap(shared);
    sys_close(shared->fd);
    alloc_free(shared);
}

bool shared_find(const void *data, size_t size, struct shared_place *ret_place)
{
    spinlock_take(&lock);
    const struct shared *shared = find(data);
    size_t offset = shared != NULL ? (size_t)((const char *)data - shared->data) : 0;
    bool is_inside = shared != NULL && size <= shared->size - offset;
    if (is_inside)
        *ret_place = (struct shared_place){shared->fd, offset};
    spinlock_give(&lock);
    return is_inside;
}

void shared_hold(void)
{
    spinlock_take(&lock);
}

void shared_release(void)
{
    spinlock_give(&lock);
}

/* Their descriptors are closed with all others. */
void shared_forget(void)
{
    for (hoop_link *link; (link = list_pop(&all)) != NULL;) {
        struct shared *shared = CONTAINER_OF(link, struct shared, link);
        unmap(shared);
        alloc_free(shared);
    }
    spinlock_give(&lock);
}
