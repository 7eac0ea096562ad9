/* SPDX-License-Identifier: MIT
 *
 * The pipe to which the interpreter writes the numbers of signals: one, for all loops (signals.h).
 */
#ifndef SIGNAL_PIPE_H
#define SIGNAL_PIPE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <hoop/embed.h>
#include <sys/types.h>

struct core_state;

struct signal_pipe {
    int read_fd;           /* -1: it is not open */
    int write_fd;          /* -1 likewise */
    hoop_link loops;       /* signals.link of those that watch it */
    bool is_installed;     /* the interpreter writes to it, unless the program changed that */
    int previous;          /* while installed: to which descriptor it wrote before, or -1 */
    dev_t previous_device; /* what that was, for it may be closed and its number come again */
    ino_t previous_inode;
};

void signal_pipe_init(struct signal_pipe *pipe);
/* 0, or a negative errno. Nothing happens if it is open. */
int signal_pipe_open(struct signal_pipe *pipe);
/* Closes it, unless the interpreter still writes to it. */
void signal_pipe_close(struct signal_pipe *pipe);

/* Makes the interpreter write to it, and again to what it wrote to before. Only the main thread
 * can; nothing happens in others. */
void signal_pipe_install(struct core_state *state);
void signal_pipe_uninstall(struct core_state *state);

/* Numbers that came, at most SIZE; 0 if there are none. Who listened before hears of them. */
size_t signal_pipe_read(struct signal_pipe *pipe, unsigned char *numbers, size_t size);

/* In the child of a fork: the pipe is the parent's; it is closed here, and not the interpreter's. */
void signal_pipe_forked(struct core_state *state);

#endif
