/* SPDX-License-Identifier: MIT
 *
 * Which poller a loop gets. The one that the options name, or none; one that the environment
 * names is a wish.
 */
#include "loop/poller.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_with(struct poller *poller, const struct poller_ops *ops)
{
    poller->ops = ops;
    return ops->open(poller);
}

static void complain_once(const char *name)
{
    static atomic_flag has_complained = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&has_complained))
        fprintf(stderr,
                "hoop: HOOP_POLLER is \"%s\", but can be \"epoll\" or \"uring\": using epoll\n",
                name);
}

/* The kernel has no io_uring, or none that we can use, or forbids it. */
static bool is_not_there(int error)
{
    return error == -ENOSYS || error == -EPERM || error == -EACCES;
}

int poller_open(struct poller *poller, hoop_poller which, bool debug)
{
    if (which != HOOP_POLLER_DEFAULT)
        return open_with(poller, which == HOOP_POLLER_URING ? &poller_uring : &poller_epoll);
    const char *wish = getenv("HOOP_POLLER");
    if (wish != NULL && strcmp(wish, "uring") == 0) {
        int rc = open_with(poller, &poller_uring);
        if (!is_not_there(rc))
            return rc;
        if (debug)
            fprintf(stderr,
                    "hoop: HOOP_POLLER is \"uring\", but io_uring is not available (%s): "
                    "using epoll\n",
                    strerror(-rc));
    } else if (wish != NULL && wish[0] != '\0' && strcmp(wish, "epoll") != 0) {
        complain_once(wish);
    }
    return open_with(poller, &poller_epoll);
}
