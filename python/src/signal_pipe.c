/* SPDX-License-Identifier: MIT
 *
 * The pipe through which signals wake the loops.
 */
#include "signal_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link.h"
#include "module.h"

enum { REFUSED = -2 };

void signal_pipe_init(struct signal_pipe *pipe)
{
    *pipe = (struct signal_pipe){.read_fd = -1, .write_fd = -1, .previous = -1};
    link_init(&pipe->loops);
}

int signal_pipe_open(struct signal_pipe *pipe)
{
    int fds[2];
    if (pipe->read_fd >= 0)
        return 0;
    /* Not a pair of sockets: that is full after some 280 signals that nobody has looked at. */
    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0)
        return -errno;
    pipe->read_fd = fds[0];
    pipe->write_fd = fds[1];
    return 0;
}

void signal_pipe_close(struct signal_pipe *pipe)
{
    if (pipe->is_installed || pipe->read_fd < 0)
        return;
    (void)close(pipe->read_fd);
    (void)close(pipe->write_fd);
    pipe->read_fd = pipe->write_fd = -1;
}

/* ---- to what the interpreter writes ---- */

/* What FD is; all 0 if it is not open. */
static void identify(int fd, dev_t *ret_device, ino_t *ret_inode)
{
    struct stat status = {0};
    if (fd >= 0)
        (void)fstat(fd, &status);
    *ret_device = status.st_dev;
    *ret_inode = status.st_ino;
}

/* -1 if there was none, or it was closed meanwhile. */
static int previous_fd(const struct signal_pipe *pipe)
{
    dev_t device;
    ino_t inode;
    identify(pipe->previous, &device, &inode);
    bool is_same = device == pipe->previous_device && inode == pipe->previous_inode;
    return is_same ? pipe->previous : -1;
}

/* Tells the interpreter to write to FD from now on. What it wrote to before, -1 for nothing; or
 * REFUSED, without an exception: this is not the main thread, or FD is no longer good. */
static int set_wakeup_fd(const struct core_state *state, int fd)
{
    PyObject *raised = PyErr_GetRaisedException(); /* a loop may end at any time */
    int previous = REFUSED;
    PyObject *number = PyLong_FromLong(fd);
    PyObject *before = number == NULL ? NULL : PyObject_CallOneArg(state->set_wakeup_fd, number);
    Py_XDECREF(number);
    if (before != NULL)
        previous = (int)PyLong_AsLong(before);
    Py_XDECREF(before);
    PyErr_Clear();
    if (raised != NULL)
        PyErr_SetRaisedException(raised);
    return previous;
}

void signal_pipe_install(struct core_state *state)
{
    struct signal_pipe *pipe = &state->signal_pipe;
    int previous = set_wakeup_fd(state, pipe->write_fd);
    if (previous == REFUSED)
        return;
    pipe->is_installed = true;
    if (previous == pipe->write_fd)
        return;
    pipe->previous = previous;
    identify(previous, &pipe->previous_device, &pipe->previous_inode);
}

/* FD is the interpreter's in place of the pipe. */
static void replace(struct core_state *state, int fd)
{
    struct signal_pipe *pipe = &state->signal_pipe;
    if (!pipe->is_installed)
        return;
    int current = set_wakeup_fd(state, fd);
    if (current == REFUSED && (current = set_wakeup_fd(state, -1)) == REFUSED)
        return; /* another thread: it goes on as it is */
    if (current != pipe->write_fd)
        (void)set_wakeup_fd(state, current); /* the program has set another one */
    pipe->is_installed = false;
}

void signal_pipe_uninstall(struct core_state *state)
{
    replace(state, previous_fd(&state->signal_pipe));
}

void signal_pipe_forked(struct core_state *state)
{
    replace(state, -1);
    state->signal_pipe.is_installed = false;
    signal_pipe_close(&state->signal_pipe);
}

/* ---- what came ---- */

size_t signal_pipe_read(struct signal_pipe *pipe, unsigned char *numbers, size_t size)
{
    ssize_t count = pipe->read_fd < 0 ? 0 : read(pipe->read_fd, numbers, size);
    if (count <= 0)
        return 0;
    int previous = previous_fd(pipe);
    ssize_t passed_on = previous < 0 ? 0 : write(previous, numbers, (size_t)count);
    (void)passed_on; /* if there is no room, the interpreter could not have done more */
    return (size_t)count;
}
