/* SPDX-License-Identifier: MIT
 *
 * The io_uring poller: a poll request for each watch. For an edge-triggered one it is multishot
 * and tells of each wake-up from then on; for a level-triggered one it is used up by an event,
 * and made again by the next wait, so that the kernel says whether the event still holds.
 *
 * A request never carries an address, as completions outlive watches: it carries the number of
 * the descriptor, which is the index of its slot, and the slot's generation, which is another
 * one after each removal. What does not fit its slot any more is nobody's.
 *
 * A request holds its file open. So a removal is submitted at once, while new requests go
 * to the kernel with the next wait. See docs/decisions/0016-io-uring.md.
 */
#include <errno.h>
#include <liburing.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/sys_uring.h"
#include "loop/poller.h"

#define ENTRIES 256

/* The user_data of a cancellation, whose outcome nobody wants to know. */
#define NOBODY UINT64_MAX

struct slot {
    hoop_watch *watch;   /* NULL: nobody watches this descriptor */
    uint64_t file;       /* what the descriptor was when it was added (sys_check_pollable) */
    uint32_t generation; /* of its newest request */
    uint32_t events;     /* what the kernel said, to be handed out */
    bool is_device;      /* a terminal, say: what the kernel says must be asked again (serve_one) */
    bool is_armed;       /* its newest request is queued or in the kernel */
    bool is_multishot;   /* its requests are; a level's for a while only (serve_one) */
    bool is_due;         /* on the list of those to serve */
    int next_due;        /* -1: the last one */
};

struct uring {
    struct io_uring ring;
    struct slot *slots; /* by descriptor; may move whenever a watch is added */
    int capacity;
    int first_due; /* slots to serve: to tell their events, or to arm; -1: none */
    int last_due;
};

/* ---- slots ---- */

/* The slot of a descriptor that was added; NULL if it never was. */
static struct slot *slot_find(struct uring *uring, int fd)
{
    return fd >= 0 && fd < uring->capacity ? &uring->slots[fd] : NULL;
}

static int grow(struct uring *uring, int fd)
{
    int capacity = uring->capacity == 0 ? 64 : uring->capacity;
    while (capacity <= fd)
        capacity *= 2;
    struct slot *slots = alloc_array(uring->slots, (size_t)capacity, sizeof *slots);
    if (slots == NULL)
        return -ENOMEM;
    for (int i = uring->capacity; i < capacity; i++)
        slots[i] = (struct slot){0};
    uring->slots = slots;
    uring->capacity = capacity;
    return 0;
}

static void make_due(struct uring *uring, int fd)
{
    struct slot *slot = &uring->slots[fd];
    if (slot->is_due)
        return;
    slot->is_due = true;
    slot->next_due = -1;
    if (uring->first_due < 0)
        uring->first_due = fd;
    else
        uring->slots[uring->last_due].next_due = fd;
    uring->last_due = fd;
}

/* ---- requests ---- */

static uint64_t data_of(int fd, uint32_t generation)
{
    return (uint64_t)generation << 32 | (uint32_t)fd;
}

/* A free submission; those that are queued go to the kernel if there is none. */
static int get_submission(struct uring *uring, struct io_uring_sqe **ret_submission)
{
    struct io_uring_sqe *submission = io_uring_get_sqe(&uring->ring);
    if (submission == NULL) {
        int rc = sys_uring_submit(&uring->ring);
        if (rc < 0)
            return rc;
        submission = io_uring_get_sqe(&uring->ring);
    }
    if (submission == NULL)
        return -EAGAIN; /* the kernel took none */
    *ret_submission = submission;
    return 0;
}

/* Queues the request for the slot's watch. */
static int arm(struct uring *uring, int fd)
{
    struct io_uring_sqe *submission;
    int rc = get_submission(uring, &submission);
    if (rc < 0)
        return rc;
    struct slot *slot = &uring->slots[fd];
    uint32_t events = poller_events_for(slot->watch->interest);
    if (slot->is_multishot)
        io_uring_prep_poll_multishot(submission, fd, events);
    else
        io_uring_prep_poll_add(submission, fd, events);
    submission->user_data = data_of(fd, ++slot->generation);
    slot->is_armed = true;
    return 0;
}

/* Queues the end of a request. If the queue is full and stuck it is forgotten: should the request
 * speak up again it is ended then. */
static void queue_cancel(struct uring *uring, uint64_t request)
{
    struct io_uring_sqe *submission;
    if (get_submission(uring, &submission) < 0)
        return;
    io_uring_prep_cancel64(submission, request, 0);
    submission->user_data = NOBODY;
}

/* Ends the slot's request, if there is one, and drops what it has told. */
static void disarm(struct uring *uring, int fd)
{
    struct slot *slot = &uring->slots[fd];
    slot->events = 0;
    if (slot->is_armed)
        queue_cancel(uring, data_of(fd, slot->generation));
    slot->is_armed = false;
    slot->generation++;
}

/* ---- completions ---- */

/* The slot that COMPLETION is for; NULL if it is nobody's. */
static struct slot *addressee(struct uring *uring, const struct io_uring_cqe *completion)
{
    if (completion->user_data == NOBODY)
        return NULL;
    struct slot *slot = slot_find(uring, (int)(uint32_t)completion->user_data);
    bool fits = slot != NULL && slot->is_armed &&
                slot->generation == (uint32_t)(completion->user_data >> 32);
    return fits ? slot : NULL;
}

/* A request has ended, maybe with an error. It ends by itself when the kernel has no room for its
 * completions, and when the thread that submitted it is gone. */
static void request_ended(struct slot *slot, int error)
{
    slot->is_armed = false;
    if (error == -EBADF)
        slot->watch = NULL; /* closed behind our back: forgotten, as epoll does */
}

static void take_one(struct uring *uring, const struct io_uring_cqe *completion)
{
    bool goes_on = completion->flags & IORING_CQE_F_MORE;
    struct slot *slot = addressee(uring, completion);
    if (slot == NULL) {
        if (UNLIKELY(goes_on))
            queue_cancel(uring, completion->user_data);
        return;
    }
    if (completion->res > 0)
        slot->events |= (uint32_t)completion->res;
    if (!goes_on)
        request_ended(slot, completion->res);
    make_due(uring, (int)(slot - uring->slots));
}

/* Takes all completions off the ring and notes in the slots what they say. */
static void take(struct uring *uring)
{
    unsigned head, count = 0;
    struct io_uring_cqe *completion;
    io_uring_for_each_cqe(&uring->ring, head, completion)
    {
        take_one(uring, completion);
        count++;
    }
    io_uring_cq_advance(&uring->ring, count);
}

/* Takes what is nobody's off the front of the ring, so that the ring's descriptor does not poll
 * readable for it. */
static void drop_foremost(struct uring *uring)
{
    unsigned head, count = 0;
    struct io_uring_cqe *completion;
    io_uring_for_each_cqe(&uring->ring, head, completion)
    {
        if (addressee(uring, completion) != NULL || (completion->flags & IORING_CQE_F_MORE))
            break;
        count++;
    }
    io_uring_cq_advance(&uring->ring, count);
}

/* ---- serving ---- */

/* What the kernel said that the watch has asked for: it adds unasked that the other end will send
 * no more. */
static unsigned flags_of(const struct slot *slot)
{
    uint32_t asked = poller_events_for(slot->watch->interest) | EPOLLERR | EPOLLHUP;
    return poller_flags_from(slot->events & asked, slot->watch->interest);
}

/* A terminal says that it is writable whenever a write to it is over, be it that it was refused for
 * want of room; epoll looks whether it is so before it tells, and io_uring does not.
 *
 * Tells a slot's events, but a level's only if they are IS_NEW since the wait began, as they may
 * hold no more. Arms it, but a level that is told only in the next wait. 1 if the watch was
 * notified, else 0; or the error of arming. */
static int serve_one(struct uring *uring, int fd, bool is_new)
{
    struct slot *slot = &uring->slots[fd];
    hoop_watch *watch = slot->watch;
    if (watch == NULL)
        return 0;
    if (slot->is_device && slot->events != 0)
        slot->events &= sys_poll_state(fd, slot->events);
    unsigned flags = flags_of(slot);
    if (!watch->edge && slot->events != 0) {
        if (flags != 0)
            disarm(uring, fd);
        slot->is_multishot = flags == 0; /* so as not to hear for ever what it did not ask for */
    }
    slot->events = 0;
    bool must_tell = flags != 0 && (watch->edge || is_new);
    bool must_arm = !slot->is_armed && (watch->edge || !must_tell);
    int rc = must_arm ? arm(uring, fd) : 0;
    if (!slot->is_armed)
        make_due(uring, fd);
    if (must_tell) {
        watch->ready |= flags;
        watch->notify(watch, flags); /* may remove it, and move the slots */
    }
    return rc < 0 ? rc : must_tell;
}

/* Serves those that are due now; who becomes due meanwhile is served next time. How many watches
 * were notified, or the last error of arming one, which is then due again. */
static int serve(struct uring *uring, bool is_new)
{
    int count = 0, error = 0;
    int fd = uring->first_due;
    uring->first_due = -1;
    while (fd >= 0) {
        struct slot *slot = &uring->slots[fd];
        int next = slot->next_due;
        slot->is_due = false;
        int rc = serve_one(uring, fd, is_new);
        if (rc < 0)
            error = rc;
        else
            count += rc;
        fd = next;
    }
    return error < 0 ? error : count;
}

/* ---- the poller ---- */

static int uring_open(struct poller *poller)
{
    struct uring *uring = alloc_zeroed(sizeof *uring);
    if (uring == NULL)
        return -ENOMEM;
    int rc = sys_uring_open(&uring->ring, ENTRIES);
    if (rc < 0) {
        alloc_free(uring);
        return rc;
    }
    uring->first_due = -1;
    poller->uring = uring;
    poller->fd = uring->ring.ring_fd;
    return 0;
}

static void uring_abandon(struct poller *poller)
{
    struct uring *uring = poller->uring;
    sys_uring_close(&uring->ring);
    alloc_free(uring->slots);
    alloc_free(uring);
    poller->uring = NULL;
    poller->fd = -1;
}

/* The kernel takes its time to end a ring, and the files are not to stay open that long. */
static void uring_close(struct poller *poller)
{
    struct uring *uring = poller->uring;
    for (int fd = 0; fd < uring->capacity; fd++)
        disarm(uring, fd);
    if (io_uring_sq_ready(&uring->ring) > 0)
        (void)sys_uring_submit(&uring->ring);
    uring_abandon(poller);
}

/* Tells the kernel now of the end of a request. What it does not take goes with the next wait. */
static void submit_cancel(struct uring *uring)
{
    if (io_uring_sq_ready(&uring->ring) > 0)
        (void)sys_uring_submit(&uring->ring);
    drop_foremost(uring);
}

static void forget(struct uring *uring, int fd)
{
    uring->slots[fd].watch = NULL;
    disarm(uring, fd);
    submit_cancel(uring);
}

static void uring_remove(struct poller *poller, hoop_watch *watch)
{
    const struct slot *slot = slot_find(poller->uring, watch->fd);
    if (slot != NULL && slot->watch == watch)
        forget(poller->uring, watch->fd);
}

/* Makes WATCH the slot's, which has no request. */
static int occupy(struct slot *slot, struct uring *uring, hoop_watch *watch, uint64_t file,
                  bool is_device)
{
    hoop_watch *before = slot->watch;
    slot->watch = watch;
    slot->file = file;
    slot->is_device = is_device;
    slot->is_multishot = watch->edge;
    int rc = arm(uring, watch->fd);
    if (rc < 0)
        slot->watch = before;
    return rc;
}

static int uring_add(struct poller *poller, hoop_watch *watch)
{
    struct uring *uring = poller->uring;
    uint64_t file;
    int is_device = sys_check_pollable(watch->fd, &file);
    int rc = is_device < 0 ? is_device : 0;
    if (rc == 0 && watch->fd >= uring->capacity)
        rc = grow(uring, watch->fd);
    if (rc < 0)
        return rc;
    assert(watch->fd >= 0 && uring->slots != NULL);
    struct slot *slot = &uring->slots[watch->fd];
    if (slot->watch != NULL && slot->file == file)
        return -EEXIST;
    if (slot->watch != NULL)
        forget(uring, watch->fd); /* closed behind our back, and its number has come again */
    return occupy(slot, uring, watch, file, is_device);
}

static int uring_change(struct poller *poller, hoop_watch *watch)
{
    struct uring *uring = poller->uring;
    struct slot *slot = slot_find(uring, watch->fd);
    if (slot == NULL || slot->watch == NULL)
        return uring_add(poller, watch);
    uint64_t file;
    int is_device = sys_check_pollable(watch->fd, &file);
    if (is_device < 0)
        return is_device;
    disarm(uring, watch->fd);
    int rc = occupy(slot, uring, watch, file, is_device);
    if (rc < 0)
        make_due(uring,
                 watch->fd); /* it goes on with the old interest, which its owner puts back */
    submit_cancel(uring);
    return rc;
}

/* What is already there costs no system call: the kernel says when it has something to do before
 * a completion can be seen. */
static int uring_wait(struct poller *poller, int64_t timeout)
{
    struct uring *uring = poller->uring;
    take(uring);
    int told = serve(uring, false);
    if (told < 0)
        return told;
    bool must_ask = io_uring_sq_ready(&uring->ring) > 0 || sys_uring_has_work(&uring->ring);
    if (!must_ask && (timeout == 0 || told > 0))
        return told;
    int rc = sys_uring_wait(&uring->ring, told > 0 ? 0 : timeout);
    if (rc < 0)
        return rc;
    take(uring);
    rc = serve(uring, true);
    return rc < 0 ? rc : told + rc;
}

static int uring_settle(struct poller *poller)
{
    struct uring *uring = poller->uring;
    int rc = serve(uring, false);
    if (rc < 0 || io_uring_sq_ready(&uring->ring) == 0)
        return rc;
    rc = sys_uring_submit(&uring->ring);
    return rc < 0 ? rc : 0;
}

const struct poller_ops poller_uring = {
    .name = "io_uring",
    .open = uring_open,
    .close = uring_close,
    .abandon = uring_abandon,
    .add = uring_add,
    .change = uring_change,
    .remove = uring_remove,
    .wait = uring_wait,
    .settle = uring_settle,
};
