/* SPDX-License-Identifier: MIT
 *
 * Changes of files and directories, awaited:
 *
 *     hoop_file_watch *watch;
 *     hoop_file_event event;
 *     if (hoop_file_watch_open(&watch) < 0)
 *         return -1;
 *     if (hoop_file_watch_add(watch, "/etc/app", HOOP_FILE_CLOSED) >= 0)
 *         while (hoop_file_watch_next(watch, &event) == 0)
 *             printf("%s was written\n", event.name);
 *     hoop_file_watch_close(watch);
 *
 * It is inotify(7), whose rules hold: it tells of changes that are made on this machine, of what
 * happens in a directory but not below it, and of names; of equal events in a row once, unless
 * they are taken in between.
 */
#ifndef HOOP_FILE_WATCH_H
#define HOOP_FILE_WATCH_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What may happen to a file that is watched, or to one in a directory that is. */
enum {
    HOOP_FILE_MODIFIED = 1,   /* was written to, or truncated */
    HOOP_FILE_ATTRIBUTES = 2, /* permissions, owner, times, number of links */
    HOOP_FILE_CLOSED = 4,     /* who had opened it for writing has closed it */
    HOOP_FILE_CREATED = 8,    /* in the directory: a new name, or one that was moved here */
    HOOP_FILE_REMOVED = 16,   /* in the directory: a name is gone, or was moved away */
    HOOP_FILE_GONE = 32,      /* the watched one itself was removed, unmounted (which comes
                                 unasked) or moved; then it is still watched */
    HOOP_FILE_ALL = 63,
    HOOP_FILE_OVERFLOW = 64,      /* comes unasked, with a watch of -1: too many events waited, and
                                some were lost */
    HOOP_FILE_IS_DIRECTORY = 128, /* comes with another one: it is about a directory */
};

typedef struct hoop_file_event {
    int watch;       /* what hoop_file_watch_add returned */
    unsigned what;   /* of the above */
    uint32_t cookie; /* the same for both halves of a move, else 0 */
    char name[256];  /* within the watched directory; "" if it is about the watched one itself */
} hoop_file_event;

typedef struct hoop_file_watch hoop_file_watch;

/* Of the loop that runs; closed with it at the latest. Does not suspend. 0, -EMFILE (also if the
 * user has too many), -ENOMEM, HOOP_ENOLOOP. */
HOOP_API HOOP_MUST_CHECK int hoop_file_watch_open(hoop_file_watch **ret_watch);

/* Also watches PATH, for WHAT (a sum of flags up to HOOP_FILE_ALL): a number >= 0 for
 * hoop_file_event.watch; for a file that is watched already the same one, and the new flags
 * replace the old ones. Does not suspend; may look at the disk. -ENOENT, -EACCES, -ENOSPC (the
 * system's limit), -EINVAL. */
HOOP_API HOOP_MUST_CHECK int hoop_file_watch_add(hoop_file_watch *watch, const char *path,
                                                 unsigned what);
/* Events that are waiting still come. 0, -EINVAL if there is no such number. */
HOOP_API int hoop_file_watch_remove(hoop_file_watch *watch, int number);

/* The next event; suspends until there is one: 0. A cancellation point, which loses none. -EBUSY
 * if another task waits, -EBADF if it is closed meanwhile, -ECANCELED, HOOP_ENOTASK. */
HOOP_API HOOP_MUST_CHECK int hoop_file_watch_next(hoop_file_watch *watch,
                                                  hoop_file_event *ret_event);

/* A task that waits for it gets -EBADF. NULL is allowed. */
HOOP_API void hoop_file_watch_close(hoop_file_watch *watch);

#ifdef __cplusplus
}
#endif

#endif
