/* SPDX-License-Identifier: MIT
 *
 * Changes of files: an inotify descriptor for each hoop_file_watch, and a buffer for as many events
 * as one system call brings, which are then handed out one at a time. An event leaves the buffer
 * only in a call that does not wait any more: so none is lost to a cancellation.
 */
#include <hoop/file_watch.h>

#include <errno.h>
#include <hoop/loop.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/sys.h"
#include "base/sys_notify.h"
#include "base/sys_socket.h"
#include "io/local.h"
#include "task/wait.h"

/* Bytes of events read at once; one is at most 272 long. */
#define BATCH_SIZE ((size_t)4096)

/* In the frame of the task that waits. */
struct event_wait {
    struct wait wait;
    hoop_file_watch *watch; /* NULL: it was closed by another task */
};

struct hoop_file_watch {
    hoop_watch watch;
    hoop_loop *loop;
    struct io_item item;
    struct event_wait *waiter; /* or NULL */
    size_t start;              /* of the first event in BATCH that nobody has got */
    size_t size;               /* of what is in BATCH, with those before */
    _Alignas(struct inotify_event) char batch[BATCH_SIZE];
};

static const struct {
    unsigned what;
    uint32_t asked; /* of inotify */
    uint32_t told;
} translations[] = {
    {HOOP_FILE_MODIFIED, IN_MODIFY, IN_MODIFY},
    {HOOP_FILE_ATTRIBUTES, IN_ATTRIB, IN_ATTRIB},
    {HOOP_FILE_CLOSED, IN_CLOSE_WRITE, IN_CLOSE_WRITE},
    {HOOP_FILE_CREATED, IN_CREATE | IN_MOVED_TO, IN_CREATE | IN_MOVED_TO},
    {HOOP_FILE_REMOVED, IN_DELETE | IN_MOVED_FROM, IN_DELETE | IN_MOVED_FROM},
    {HOOP_FILE_GONE, IN_DELETE_SELF | IN_MOVE_SELF, IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT},
    {HOOP_FILE_OVERFLOW, 0, IN_Q_OVERFLOW},
    {HOOP_FILE_IS_DIRECTORY, 0, IN_ISDIR},
};

#define TRANSLATIONS (sizeof translations / sizeof translations[0])

static uint32_t inotify_events(unsigned what)
{
    uint32_t events = 0;
    for (size_t i = 0; i < TRANSLATIONS; i++)
        if (what & translations[i].what)
            events |= translations[i].asked;
    return events;
}

static unsigned what_happened(uint32_t events)
{
    unsigned what = 0;
    for (size_t i = 0; i < TRANSLATIONS; i++)
        if (events & translations[i].told)
            what |= translations[i].what;
    return what;
}

/* ---- opening and closing ---- */

static void notify(hoop_watch *base, unsigned events)
{
    hoop_file_watch *watch = CONTAINER_OF(base, hoop_file_watch, watch);
    if ((events & HOOP_READABLE) && watch->waiter != NULL)
        wait_wake(&watch->waiter->wait, 0);
}

static void file_watch_free(hoop_file_watch *watch)
{
    int fd = watch->watch.fd;
    hoop_watch_stop(watch->loop, &watch->watch);
    sys_close(fd);
    list_remove(&watch->item.link);
    alloc_free(watch);
}

static void item_close(struct io_item *item)
{
    file_watch_free(CONTAINER_OF(item, hoop_file_watch, item)); /* who waits goes with the loop */
}

static const char *item_describe(const struct io_item *item)
{
    (void)item;
    return "a file watch";
}

/* Over the descriptor FD, which is the caller's on failure. */
static int file_watch_new(int fd, hoop_file_watch **ret_watch)
{
    hoop_loop *loop = hoop_running_loop();
    struct io_local *local = io_local_of(loop);
    hoop_file_watch *watch = local != NULL ? alloc_zeroed(sizeof *watch) : NULL;
    if (watch == NULL)
        return -ENOMEM;
    hoop_watch_init(&watch->watch, notify);
    int rc = hoop_watch_start(loop, &watch->watch, fd);
    if (rc < 0) {
        alloc_free(watch);
        return rc;
    }
    watch->loop = loop;
    watch->item = (struct io_item){.describe = item_describe, .close = item_close};
    list_init(&watch->item.link);
    io_add(local, &watch->item);
    *ret_watch = watch;
    return 0;
}

int hoop_file_watch_open(hoop_file_watch **ret_watch)
{
    int rc = io_check_loop(__func__);
    int fd = rc < 0 ? rc : sys_notify_open();
    if (fd < 0)
        return fd;
    rc = file_watch_new(fd, ret_watch);
    if (rc < 0)
        sys_close(fd);
    return rc;
}

void hoop_file_watch_close(hoop_file_watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->waiter != NULL) {
        watch->waiter->watch = NULL;
        wait_wake(&watch->waiter->wait, -EBADF);
    }
    file_watch_free(watch);
}

/* ---- what is watched ---- */

int hoop_file_watch_add(hoop_file_watch *watch, const char *path, unsigned what)
{
    if (what == 0 || (what & ~(unsigned)HOOP_FILE_ALL) != 0)
        return misuse(hoop_get_debug(watch->loop), -EINVAL, __func__);
    return sys_notify_add(watch->watch.fd, path, inotify_events(what));
}

int hoop_file_watch_remove(hoop_file_watch *watch, int number)
{
    return sys_notify_remove(watch->watch.fd, number);
}

/* ---- what happens ---- */

static const struct wait_kind event_wait = {"waits for a file to change", wait_cancel, NULL, NULL};

static int wait_for_events(hoop_file_watch *watch)
{
    struct event_wait wait = {.watch = watch};
    watch->waiter = &wait;
    wait_init(&wait.wait, &event_wait);
    int rc = (int)wait_park(&wait.wait);
    if (wait.watch == NULL)
        return wait_failed(-EBADF);
    watch->waiter = NULL;
    return rc;
}

/* Reads events behind those that were handed out all: 0, -EAGAIN if nothing has happened, or an
 * error. Fewer than there is room for need not be all: they are read whole. */
static int read_batch(hoop_file_watch *watch)
{
    if (!(watch->watch.ready & HOOP_READABLE))
        return -EAGAIN;
    int64_t size = sys_read(watch->watch.fd, watch->batch, BATCH_SIZE);
    if (size == -EAGAIN)
        hoop_watch_clear(&watch->watch, HOOP_READABLE | HOOP_HANGUP);
    if (size < 0)
        return (int)size;
    watch->start = 0;
    watch->size = (size_t)size;
    return 0;
}

/* Takes an event out of the batch; false if it is of no interest or none is left. */
static bool take_event(hoop_file_watch *watch, hoop_file_event *ret_event)
{
    if (watch->start == watch->size)
        return false;
    const char *place = watch->batch + watch->start;
    const struct inotify_event *event = (const struct inotify_event *)(const void *)place;
    watch->start += sizeof *event + event->len;
    assert(watch->start <= watch->size && event->len <= sizeof ret_event->name + sizeof *event);
    unsigned what = what_happened(event->mask);
    if ((what & ~(unsigned)HOOP_FILE_IS_DIRECTORY) == 0) /* the end of a number */
        return false;
    *ret_event = (hoop_file_event){.watch = event->wd, .what = what, .cookie = event->cookie};
    if (event->len > 0)
        memcpy(ret_event->name, event->name, strlen(event->name));
    return true;
}

int hoop_file_watch_next(hoop_file_watch *watch, hoop_file_event *ret_event)
{
    int rc = io_check_task(__func__);
    if (rc < 0)
        return rc;
    if (watch->waiter != NULL)
        return wait_failed(misuse(hoop_get_debug(watch->loop), -EBUSY, __func__));
    while (!take_event(watch, ret_event)) {
        if (watch->start < watch->size)
            continue;
        rc = read_batch(watch);
        if (rc == -EAGAIN)
            rc = wait_for_events(watch); /* it may be gone now */
        else if (rc < 0)
            rc = wait_failed(rc);
        if (rc < 0)
            return rc;
    }
    wait_spend();
    return 0;
}
