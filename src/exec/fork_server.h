/* SPDX-License-Identifier: MIT
 *
 * The fork server of a process pool: a process that was forked from the program early, and forks
 * helpers from itself. So a helper has neither what the program opens or loads later, nor locks
 * that its threads hold, and to make one does not copy the page tables of a program that has
 * grown large.
 */
#ifndef EXEC_FORK_SERVER_H
#define EXEC_FORK_SERVER_H

#include <pthread.h>

#include "exec/job_server.h"

/* At a time. */
#define FORK_SERVER_HELPERS_MAX 256

struct fork_server {
    pthread_mutex_t lock; /* one request at a time */
    int channel;
    int pid;
};

/* SETUP stays until the end. Not on a task's stack. */
int fork_server_start(struct fork_server *server, const struct job_setup *setup);
/* Its helpers, if any are left, go with it. */
void fork_server_end(struct fork_server *server);

/* In any thread, and blocks for as long as a fork takes: a new helper's process, and our end of its
 * channel. HOOP_EHELPER: the server is dead, and so are all helpers. */
int fork_server_fork(struct fork_server *server, int *ret_channel);
/* Kills and reaps a helper: 0 and its status as of waitpid, or HOOP_EHELPER. */
int fork_server_reap(struct fork_server *server, int pid, int *ret_status);

#endif
