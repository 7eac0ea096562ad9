/* SPDX-License-Identifier: MIT
 *
 * Listening sockets that systemd has opened for this process, as sd_listen_fds(3) hands them
 * on: LISTEN_FDS of them, from descriptor 3 on, if LISTEN_PID is this process.
 */
#include <errno.h>
#include <hoop/server.h>
#include <stdlib.h>

#include "base/sys.h"
#include "base/sys_socket.h"

#define FIRST_FD 3
#define FDS_MAX 65536

/* The number that the variable NAME holds; 0 if there is no such variable, -EINVAL if it is no
 * number from 0 to INT_MAX. */
static int64_t number_of(const char *name)
{
    const char *text = getenv(name);
    if (text == NULL)
        return 0;
    int64_t number = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || number > INT32_MAX / 10)
            return -EINVAL;
        number = number * 10 + (*at - '0');
    }
    return text[0] != '\0' && number <= INT32_MAX ? number : -EINVAL;
}

static int take_fds(void)
{
    int64_t process = number_of("LISTEN_PID");
    if (process <= 0)
        return (int)process;
    if (process != sys_process_id())
        return 0;
    int64_t count = number_of("LISTEN_FDS");
    if (count > FDS_MAX)
        return -EINVAL;
    int rc = 0;
    for (int i = 0; i < count && rc >= 0; i++)
        rc = sys_set_close_on_exec(FIRST_FD + i);
    return rc < 0 ? rc : (int)count;
}

int hoop_listen_fds(int *ret_first)
{
    int count = take_fds();
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    unsetenv("LISTEN_PIDFDID");
    if (count > 0)
        *ret_first = FIRST_FD;
    return count;
}
