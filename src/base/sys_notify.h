/* SPDX-License-Identifier: MIT
 *
 * The kernel's part in watching files: inotify. The rules are those of sys.h; what has happened is
 * read by sys_read.
 */
#ifndef BASE_SYS_NOTIFY_H
#define BASE_SYS_NOTIFY_H

#include <stdint.h>

/* Non-blocking, closed on exec. */
int sys_notify_open(void);
/* The number of the file at PATH in NOTIFY, for the EVENTS of inotify alone. */
int sys_notify_add(int notify, const char *path, uint32_t events);
int sys_notify_remove(int notify, int number);

#endif
