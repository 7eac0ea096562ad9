/* SPDX-License-Identifier: MIT
 *
 * Files and directories by name, awaited: what they are, renaming, removing, listing, copying.
 *
 *     hoop_directory directory;
 *     int rc = hoop_directory_list("inbox", &directory);
 *     for (size_t i = 0; rc == 0 && i < directory.count; i++)
 *         rc = hoop_file_remove(directory.entries[i].name);
 *
 * A disk may take its time for any of this, so it is done in threads which the loop has for files
 * alone, and the loop goes on.
 *
 * All suspend, return HOOP_ENOTASK outside of a task, and otherwise the errno of the system call
 * that they are named for; also -ENOMEM, and -EAGAIN if there is no thread and none can be started.
 * Names are the system's: bytes, relative to the process's directory, and borrowed for the call.
 * All are cancellation points until the work has begun in its thread: then nothing is done, and the
 * result is -ECANCELED. Once it has begun the call waits for its end and returns its result.
 * hoop_file_copy can be cancelled in the middle, too.
 *
 * Nothing here waits until the disk has it. Whoever needs that for a file and its name calls
 * fsync(2) on the file before it is renamed, and on the directory afterwards.
 */
#ifndef HOOP_PATH_H
#define HOOP_PATH_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct stat; /* the system's, of <sys/stat.h> */

/* ---- files ---------------------------------------------------------------- */

/* stat(2), and lstat(2), which does not follow a link. */
HOOP_API HOOP_MUST_CHECK int hoop_file_stat(const char *path, struct stat *ret_status);
HOOP_API HOOP_MUST_CHECK int hoop_file_lstat(const char *path, struct stat *ret_status);

/* rename(2): replaces what is at TO. */
HOOP_API HOOP_MUST_CHECK int hoop_file_rename(const char *from, const char *to);
/* unlink(2): a file or a link, no directory. */
HOOP_API HOOP_MUST_CHECK int hoop_file_remove(const char *path);

/* All zero is the default. */
typedef struct hoop_copy_options {
    bool keep_existing; /* -EEXIST if there is something at TO; else it is replaced */
    /* Called in the task after each few MiB, and at the end, when TO is in place; or NULL. SIZE is
     * how large FROM was, or COPIED if that is more. It may cancel the task. */
    void (*progress)(void *arg, uint64_t copied, uint64_t size);
    void *arg;
} hoop_copy_options;

/* Copies the regular file FROM to TO, with its permissions to read, write and execute: how many
 * bytes. Where the file system can, blocks are shared, or the kernel copies; holes stay holes.
 * OPTIONS may be NULL. A new file beside TO, ".hoop-" and numbers, takes TO's place once it is
 * whole. So whatever fails, and a cancellation in the middle, leaves TO as it was and nothing
 * else behind; other names of the file at TO keep the old content; a link at TO is replaced, not
 * what it leads to; and a file may be copied to itself. If FROM changes meanwhile, the copy has
 * what was there when it came by. -EINVAL if FROM is no regular file, or TO is something else
 * than a file or a link to one (such as a device); -EISDIR if it is a directory. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_file_copy(const char *from, const char *to,
                                                const hoop_copy_options *options);

/* ---- directories ---------------------------------------------------------- */

/* mkdir(2), and rmdir(2) of an empty one. */
HOOP_API HOOP_MUST_CHECK int hoop_directory_make(const char *path, unsigned mode);
HOOP_API HOOP_MUST_CHECK int hoop_directory_remove(const char *path);

typedef struct hoop_directory_entry {
    const char *name;   /* belongs to the directory */
    unsigned char type; /* DT_REG, DT_DIR, DT_LNK ... of <dirent.h>; DT_UNKNOWN on some file
                           systems */
} hoop_directory_entry;

typedef struct hoop_directory {
    hoop_directory_entry *entries; /* sorted by name, in byte order */
    size_t count;
} hoop_directory;

/* What the directory at PATH holds, but for "." and "..": 0, and the caller frees it. */
HOOP_API HOOP_MUST_CHECK int hoop_directory_list(const char *path, hoop_directory *ret_directory);
/* Frees the entries, and makes it empty. An empty one is allowed. */
HOOP_API void hoop_directory_free(hoop_directory *directory);

#ifdef __cplusplus
}
#endif

#endif
