/* SPDX-License-Identifier: MIT
 *
 * Keeps programs running: supervisor COMMAND... starts each command, starts it again when it ends,
 * and on SIGTERM or SIGINT asks all to end, waits, and kills those that do not.
 *
 * A command that ends at once is not started at once again: it waits a little longer each time,
 * until it has run for a while.
 */
#include <errno.h>
#include <hoop.h>
#include <signal.h>
#include <stdio.h>

#define FIRST_PAUSE 0.1 /* seconds */
#define LONGEST_PAUSE 5.0
#define GRACE 3.0 /* from SIGTERM to SIGKILL */

static void tell(const char *command, int status)
{
    if (hoop_exit_signal(status) != 0)
        printf("%s: killed by signal %d\n", command, hoop_exit_signal(status));
    else
        printf("%s: ended with %d\n", command, status);
}

static int64_t wait_for_end(void *process)
{
    return hoop_process_wait(process);
}

/* We are being cancelled, and the child is to end first. */
static void stop(const char *command, hoop_process *process)
{
    hoop_task_uncancel(hoop_current_task()); /* or the wait below would end at once */
    hoop_process_terminate(process);
    int64_t status = hoop_wait_for(wait_for_end, process, GRACE);
    if (status == -ETIMEDOUT) {
        hoop_process_kill(process);
        status = hoop_process_wait(process);
    }
    if (status >= 0)
        tell(command, (int)status);
}

static int64_t run_once(const char *command)
{
    hoop_process *process;
    hoop_process_options options = {.new_group = true}; /* Ctrl-C is for us, not for them */
    int rc = hoop_create_subprocess_shell(command, &options, &process);
    if (rc < 0)
        return rc;
    printf("%s: started\n", command);
    int status = hoop_process_wait(process);
    if (status >= 0)
        tell(command, status);
    else if (status == -ECANCELED)
        stop(command, process);
    hoop_process_close(process);
    return status;
}

static int64_t keep_running(void *arg)
{
    const char *command = arg;
    double pause = FIRST_PAUSE;
    for (;;) {
        double begin = hoop_time(hoop_running_loop());
        int64_t rc = run_once(command);
        if (rc < 0)
            return rc;
        if (hoop_time(hoop_running_loop()) - begin > LONGEST_PAUSE)
            pause = FIRST_PAUSE;
        rc = hoop_sleep(pause);
        if (rc < 0)
            return rc;
        pause = pause * 2 < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE;
    }
}

static int64_t supervise(void *arg)
{
    hoop_signals *signals;
    hoop_task_group group;
    int64_t rc = hoop_signals_open((const int[]){SIGTERM, SIGINT}, 2, &signals);
    if (rc < 0)
        return rc;
    rc = hoop_task_group_enter(&group);
    for (char **command = arg; rc == 0 && *command != NULL; command++)
        if (hoop_task_group_create_task(&group, keep_running, *command) == NULL)
            rc = hoop_last_error();
    if (rc == 0)
        rc = hoop_signals_next(signals);
    if (rc > 0) {
        printf("stopping\n");
        hoop_task_group_cancel(&group);
    }
    rc = hoop_task_group_exit(&group, rc < 0 ? rc : 0); /* until all children have ended */
    hoop_signals_close(signals);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: supervisor COMMAND...\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    int64_t rc = hoop_run(supervise, argv + 1);
    if (rc < 0)
        fprintf(stderr, "supervisor: %s %s\n", hoop_strerror(rc), hoop_error_message());
    return rc < 0;
}
