/* SPDX-License-Identifier: MIT
 *
 * The kernel's part in files and directories by name. All of it may block, and belongs into a
 * thread. The rules are those of sys.h; nothing gives -EINTR. FOLDER is a descriptor that relative
 * names start from, or AT_FDCWD.
 */
#ifndef BASE_SYS_PATH_H
#define BASE_SYS_PATH_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

int sys_path_stat(int folder, const char *path, bool follow, struct stat *ret_status);
int sys_path_rename(int folder, const char *from, const char *to);
/* -EEXIST if there is something at TO. */
int sys_path_rename_new(int folder, const char *from, const char *to);
int sys_path_unlink(int folder, const char *path);
/* The same for a file of our own that nobody wants any more. */
void sys_path_discard(int folder, const char *path);
int sys_path_make_directory(const char *path, unsigned mode);
int sys_path_remove_directory(const char *path);

/* ---- listing ---- */
int sys_directory_open(const char *path, DIR **ret_directory);
/* 1, or 0 at the end. The entry is valid until the next call. */
int sys_directory_next(DIR *directory, const struct dirent **ret_entry);
void sys_directory_close(DIR *directory);

/* ---- copying: from a descriptor to another one, by their positions ---- */
/* Closed on exec, as all. */
int sys_path_open(int folder, const char *path, int flags, unsigned mode);
/* The same for reading, of a regular file; -EINVAL for another one, which is not waited for. */
int sys_path_open_regular(const char *path, struct stat *ret_status);
/* TO, which is empty, gets FROM's content at once, by sharing its blocks: how many bytes. */
int64_t sys_copy_clone(int from, int to);
/* How many bytes; 0 at the end, and for files that the kernel cannot copy. */
int64_t sys_copy_range(int from, int to, size_t size);
/* Sets both positions to where the next data after POSITION begins: there, and where it ends;
 * -ENXIO if there is no more. */
int64_t sys_copy_find_data(int from, int to, int64_t position, int64_t *ret_end);
/* Behind POSITION there is no data: TO gets as large as FROM, if that is not smaller than
 * POSITION: how large. */
int64_t sys_copy_hole(int from, int to, int64_t position);
/* 0 also where the file system has no permissions. */
int sys_copy_permissions(int fd, unsigned mode);

#endif
