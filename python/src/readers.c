/* SPDX-License-Identifier: MIT
 *
 * Waiting for descriptors on which the program does the I/O: a table of level-triggered watches
 * by number.
 */
#include "readers.h"

#include <fcntl.h>

#include "arguments.h"
#include "descriptors.h"
#include "handle.h"
#include "link.h"

/* One direction of a descriptor: watched iff it has a callback or a waiter. */
struct direction {
    handle_object *callback; /* add_reader's or add_writer's: owned, or NULL */
    hoop_link waiters;       /* waiter.link, with a reference to each owner */
};

struct readers_entry {
    hoop_watch watch; /* started while either direction is watched */
    loop_object *loop;
    PyObject *file; /* owned: the file object that the callbacks were added with, or NULL */
    struct direction reader;
    struct direction writer;
};

/* ---- the table ---- */

static struct readers_entry *entry_of_watch(hoop_watch *watch)
{
    return (struct readers_entry *)(void *)((char *)watch - offsetof(struct readers_entry, watch));
}

static struct waiter *waiter_of(hoop_link *link)
{
    return (struct waiter *)(void *)((char *)link - offsetof(struct waiter, link));
}

static struct direction *direction_of(struct readers_entry *entry, unsigned direction)
{
    return direction == HOOP_READABLE ? &entry->reader : &entry->writer;
}

static bool is_watched(const struct direction *direction)
{
    return direction->callback != NULL || !link_is_alone(&direction->waiters);
}

static unsigned interest_of(const struct readers_entry *entry)
{
    return (is_watched(&entry->reader) ? (unsigned)HOOP_READABLE : 0) |
           (is_watched(&entry->writer) ? (unsigned)HOOP_WRITABLE : 0);
}

static void direction_notify(struct readers_entry *entry, struct direction *direction)
{
    if (direction->callback != NULL)
        work_push(entry->loop, &direction->callback->work);
    if (!link_is_alone(&direction->waiters))
        work_push(entry->loop, &waiter_of(direction->waiters.next)->work);
}

static void entry_notify(hoop_watch *watch, unsigned events)
{
    struct readers_entry *entry = entry_of_watch(watch);
    hoop_watch_clear(watch, ~0U); /* the kernel tells again at each poll */
    if (events & HOOP_READABLE)
        direction_notify(entry, &entry->reader);
    if (events & HOOP_WRITABLE)
        direction_notify(entry, &entry->writer);
}

static struct readers_entry *entry_find(const loop_object *loop, int fd)
{
    return fd >= 0 && fd < loop->reader_capacity ? loop->readers[fd] : NULL;
}

static int grow_table(loop_object *loop, int fd)
{
    /* A number far out of range must not make the table grow. */
    if (fcntl(fd, F_GETFD) < 0) {
        (void)PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    int capacity = loop->reader_capacity == 0 ? 64 : loop->reader_capacity;
    while (capacity <= fd)
        capacity *= 2;
    struct readers_entry **table = loop->readers;
    PyMem_Resize(table, struct readers_entry *, (size_t)capacity);
    if (table == NULL) {
        (void)PyErr_NoMemory();
        return -1;
    }
    for (int i = loop->reader_capacity; i < capacity; i++)
        table[i] = NULL;
    loop->readers = table;
    loop->reader_capacity = capacity;
    return 0;
}

/* The entry of FD, made if there is none; NULL with an exception. */
static struct readers_entry *entry_get(loop_object *loop, int fd)
{
    struct readers_entry *entry = entry_find(loop, fd);
    if (entry != NULL)
        return entry;
    if (fd >= loop->reader_capacity && grow_table(loop, fd) < 0)
        return NULL;
    entry = PyMem_Calloc(1, sizeof *entry);
    if (entry == NULL) {
        (void)PyErr_NoMemory();
        return NULL;
    }
    hoop_watch_init(&entry->watch, entry_notify);
    entry->loop = loop;
    link_init(&entry->reader.waiters);
    link_init(&entry->writer.waiters);
    return loop->readers[fd] = entry;
}

/* Watches for DIRECTION from now on, besides what is watched for. Even if the kernel knows that
 * already: the number may be another file's by now. */
static int entry_watch(struct readers_entry *entry, int fd, unsigned direction)
{
    hoop_loop *core = entry->loop->core;
    unsigned interest = interest_of(entry) | direction;
    int rc = entry->watch.fd < 0 ? hoop_watch_start_level(core, &entry->watch, fd, interest)
                                 : hoop_watch_change(core, &entry->watch, interest);
    if (rc < 0)
        (void)raise_result(rc);
    return rc < 0 ? -1 : 0;
}

/* A direction has lost its callback or a waiter: watches for what is left. May drop the last
 * reference to the file. */
static void entry_settle(struct readers_entry *entry)
{
    unsigned interest = interest_of(entry);
    if (interest == 0)
        hoop_watch_stop(entry->loop->core, &entry->watch);
    else if (entry->watch.fd >= 0 && interest != entry->watch.interest &&
             hoop_watch_change(entry->loop->core, &entry->watch, interest) < 0)
        return; /* the kernel goes on telling of both; nobody listens to one */
    if (entry->reader.callback == NULL && entry->writer.callback == NULL)
        Py_CLEAR(entry->file);
}

/* ---- callbacks ---- */

static int raise_invalid_number(long number)
{
    PyErr_Format(PyExc_ValueError, "Invalid file descriptor: %ld", number);
    return -1;
}

static int to_number(PyObject *number, long *ret_number)
{
    *ret_number = PyLong_AsLong(number);
    if (*ret_number == -1 && PyErr_Occurred())
        return -1;
    if (*ret_number > INT_MAX) {
        PyErr_SetString(PyExc_OverflowError, "Python int too large to convert to C int");
        return -1;
    }
    return 0;
}

/* file.fileno(), with the errors of the standard library's selectors. */
static int call_fileno(PyObject *file, long *ret_number)
{
    PyObject *result = PyObject_CallMethod(file, "fileno", NULL);
    PyObject *number = result == NULL ? NULL : PyNumber_Long(result);
    Py_XDECREF(result);
    int rc = number == NULL ? -1 : to_number(number, ret_number);
    Py_XDECREF(number);
    if (rc < 0 &&
        (PyErr_ExceptionMatches(PyExc_AttributeError) || PyErr_ExceptionMatches(PyExc_TypeError) ||
         PyErr_ExceptionMatches(PyExc_ValueError))) {
        PyErr_Clear();
        PyErr_Format(PyExc_ValueError, "Invalid file object: %R", file);
    }
    return rc;
}

/* The number that FILE was added with: it has none any more. */
static int find_closed(const loop_object *loop, PyObject *file)
{
    for (int fd = 0; fd < loop->reader_capacity; fd++)
        if (loop->readers[fd] != NULL && loop->readers[fd]->file == file)
            return fd;
    return -1;
}

/* The descriptor that FILE is or has, a number that passes CHECK; or -1 with an exception. */
static int descriptor_of(loop_object *loop, PyObject *file, int (*check)(loop_object *loop, int fd))
{
    long number;
    bool is_number = PyLong_Check(file);
    if ((is_number ? to_number(file, &number) : call_fileno(file, &number)) < 0)
        return -1;
    if (number < 0 && !is_number) {
        int fd = find_closed(loop, file);
        if (fd >= 0)
            return fd;
    }
    if (number < 0)
        return raise_invalid_number(number);
    return check(loop, (int)number) < 0 ? -1 : (int)number;
}

/* Drops CALLBACK, a reference, which may be due. May run a program's code. */
static void callback_drop(handle_object *callback)
{
    handle_cancel(callback);
    work_remove(&callback->work);
    Py_DECREF(callback);
}

static PyObject *add_callback(PyObject *self, unsigned interest, const char *method,
                              PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    static const char *const parameters[] = {"fd", "callback", NULL};
    loop_object *loop = (loop_object *)self;
    PyObject *values[2];
    if (arguments_parse(method, parameters, args, count, names, values, NULL) < 0)
        return NULL;
    PyObject *file = values[0];
    int fd = descriptor_of(loop, file, descriptor_check_free);
    if (fd < 0 || loop_check_closed(loop) < 0)
        return NULL;
    handle_object *callback = handle_new((PyTypeObject *)loop->state->Handle, loop, values[1],
                                         args + 2, count > 2 ? count - 2 : 0, NULL);
    struct readers_entry *entry = callback == NULL ? NULL : entry_get(loop, fd);
    if (entry == NULL || entry_watch(entry, fd, interest) < 0) {
        Py_XDECREF(callback);
        return NULL;
    }
    if (entry->file == NULL && !PyLong_Check(file))
        entry->file = Py_NewRef(file);
    struct direction *direction = direction_of(entry, interest);
    handle_object *before = direction->callback;
    direction->callback = callback;
    if (before != NULL)
        callback_drop(before);
    Py_RETURN_NONE;
}

static PyObject *remove_callback(PyObject *self, unsigned interest, const char *method,
                                 PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    static const char *const parameters[] = {"fd", NULL};
    loop_object *loop = (loop_object *)self;
    PyObject *file;
    if (count > 1)
        return PyErr_Format(PyExc_TypeError, "%s() takes 1 argument, not %zd", method, count);
    if (arguments_parse(method, parameters, args, count, names, &file, NULL) < 0)
        return NULL;
    int fd = descriptor_of(loop, file, descriptor_check_open);
    if (fd < 0)
        return NULL;
    struct readers_entry *entry = entry_find(loop, fd);
    struct direction *direction = entry == NULL ? NULL : direction_of(entry, interest);
    if (direction == NULL || direction->callback == NULL)
        Py_RETURN_FALSE;
    handle_object *callback = direction->callback;
    direction->callback = NULL;
    entry_settle(entry);
    callback_drop(callback);
    Py_RETURN_TRUE;
}

PyObject *loop_add_reader(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    return add_callback(self, HOOP_READABLE, "add_reader", args, count, names);
}

PyObject *loop_add_writer(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    return add_callback(self, HOOP_WRITABLE, "add_writer", args, count, names);
}

PyObject *loop_remove_reader(PyObject *self, PyObject *const *args, Py_ssize_t count,
                             PyObject *names)
{
    return remove_callback(self, HOOP_READABLE, "remove_reader", args, count, names);
}

PyObject *loop_remove_writer(PyObject *self, PyObject *const *args, Py_ssize_t count,
                             PyObject *names)
{
    return remove_callback(self, HOOP_WRITABLE, "remove_writer", args, count, names);
}

/* ---- waiters ---- */

void waiter_init(struct waiter *waiter, PyObject *owner, int (*run)(struct work *work))
{
    link_init(&waiter->link);
    work_init(&waiter->work, owner, run);
}

bool readers_are_waited_for(const loop_object *loop, int fd, unsigned direction)
{
    struct readers_entry *entry = entry_find(loop, fd);
    return entry != NULL && !link_is_alone(&direction_of(entry, direction)->waiters);
}

int waiter_start(loop_object *loop, struct waiter *waiter, int fd, unsigned direction)
{
    if (fd < 0)
        return raise_invalid_number(fd);
    struct readers_entry *entry = entry_get(loop, fd);
    if (entry == NULL || entry_watch(entry, fd, direction) < 0)
        return -1;
    waiter->fd = fd;
    waiter->direction = direction;
    Py_INCREF(waiter->work.owner);
    link_append(&direction_of(entry, direction)->waiters, &waiter->link);
    return 0;
}

void waiter_stop(loop_object *loop, struct waiter *waiter)
{
    if (link_is_alone(&waiter->link))
        return;
    link_remove(&waiter->link);
    entry_settle(entry_find(loop, waiter->fd));
    PyObject *owner = waiter->work.owner;
    work_remove(&waiter->work);
    Py_DECREF(owner);
}

/* ---- the ends ---- */

static void direction_forget(struct direction *direction)
{
    handle_object *callback = direction->callback;
    direction->callback = NULL;
    if (callback != NULL)
        callback_drop(callback);
}

void readers_forget(loop_object *loop, int fd)
{
    struct readers_entry *entry = entry_find(loop, fd);
    if (entry == NULL)
        return;
    hoop_watch_stop(loop->core, &entry->watch);
    struct direction *directions[] = {&entry->reader, &entry->writer};
    for (int i = 0; i < 2; i++) {
        hoop_link *waiters = &directions[i]->waiters;
        for (hoop_link *link = waiters->next; link != waiters; link = link->next)
            work_push(loop, &waiter_of(link)->work);
    }
    direction_forget(&entry->reader);
    direction_forget(&entry->writer);
    Py_CLEAR(entry->file);
}

static int direction_traverse(struct direction *direction, visitproc visit, void *arg)
{
    Py_VISIT(direction->callback);
    hoop_link *waiters = &direction->waiters;
    for (hoop_link *link = waiters->next; link != waiters; link = link->next)
        Py_VISIT(waiter_of(link)->work.owner);
    return 0;
}

int readers_traverse(loop_object *loop, visitproc visit, void *arg)
{
    int rc = 0;
    for (int fd = 0; rc == 0 && fd < loop->reader_capacity; fd++) {
        struct readers_entry *entry = loop->readers[fd];
        if (entry == NULL)
            continue;
        Py_VISIT(entry->file);
        rc = direction_traverse(&entry->reader, visit, arg);
        if (rc == 0)
            rc = direction_traverse(&entry->writer, visit, arg);
    }
    return rc;
}

static void direction_clear(loop_object *loop, struct direction *direction)
{
    direction_forget(direction);
    while (!link_is_alone(&direction->waiters))
        waiter_stop(loop, waiter_of(direction->waiters.next));
}

void readers_clear(loop_object *loop)
{
    /* The end of a callback may run a program's code, which finds the loop closed. */
    for (int fd = 0; fd < loop->reader_capacity; fd++) {
        struct readers_entry *entry = loop->readers[fd];
        if (entry == NULL)
            continue;
        direction_clear(loop, &entry->reader);
        direction_clear(loop, &entry->writer);
        Py_CLEAR(entry->file);
        hoop_watch_stop(loop->core, &entry->watch);
    }
    struct readers_entry **table = loop->readers;
    int capacity = loop->reader_capacity;
    loop->readers = NULL;
    loop->reader_capacity = 0;
    for (int fd = 0; fd < capacity; fd++)
        PyMem_Free(table[fd]);
    PyMem_Free(table);
}
