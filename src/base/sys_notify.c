/* SPDX-License-Identifier: MIT
 *
 * See sys_notify.h. Linux.
 */
#include "base/sys_notify.h"

#include <sys/inotify.h>

#include "base/sys_result.h"

int sys_notify_open(void)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
}

int sys_notify_add(int notify, const char *path, uint32_t events)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(inotify_add_watch(notify, path, events));
}

int sys_notify_remove(int notify, int number)
{
    return fails() ? -HOOP_TESTING_ERRNO : checked(inotify_rm_watch(notify, number));
}
