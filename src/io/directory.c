/* SPDX-License-Identifier: MIT
 *
 * Listing a directory, in one go, in a thread: types and names go into one text as they come, and
 * from there, counted and sorted, into the block that the caller gets.
 */
#include <errno.h>
#include <hoop/path.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/sys_path.h"
#include "io/file_work.h"

#define FIRST_CAPACITY ((size_t)4096)

struct listing {
    struct file_work work;
    const char *path;
    DIR *directory;
    char *text;      /* for each entry its type, one byte, and its name with a '\0' */
    size_t size;     /* of it */
    size_t capacity; /* at least SIZE */
    hoop_directory result;
};

void hoop_directory_free(hoop_directory *directory)
{
    alloc_free(directory->entries);
    *directory = (hoop_directory){0};
}

/* Lets go of all but the result. */
static void reading_ends(struct listing *listing)
{
    if (listing->directory != NULL)
        sys_directory_close(listing->directory);
    alloc_free(listing->text);
    listing->directory = NULL;
    listing->text = NULL;
}

/* Between steps there is a result, or nothing. */
static int64_t listing_drop(struct file_work *work)
{
    hoop_directory_free(&CONTAINER_OF(work, struct listing, work)->result);
    return 0;
}

/* Makes room for SIZE more bytes. */
static int text_grow(struct listing *listing, size_t size)
{
    size_t capacity = listing->capacity > 0 ? listing->capacity : FIRST_CAPACITY;
    while (capacity - listing->size < size)
        capacity *= 2;
    char *text = alloc_array(listing->text, capacity, 1);
    if (text == NULL)
        return -ENOMEM;
    listing->text = text;
    listing->capacity = capacity;
    return 0;
}

static int add_entry(struct listing *listing, const struct dirent *entry)
{
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    size_t size = 1 + strlen(name) + 1;
    if (listing->capacity - listing->size < size && text_grow(listing, size) < 0)
        return -ENOMEM;
    char *place = listing->text + listing->size;
    place[0] = (char)entry->d_type;
    memcpy(place + 1, name, size - 1);
    listing->size += size;
    listing->result.count++;
    return 0;
}

static int compare_names(const void *one, const void *other)
{
    return strcmp(((const hoop_directory_entry *)one)->name,
                  ((const hoop_directory_entry *)other)->name);
}

/* The entries, and behind them their text. */
static int make_result(struct listing *listing)
{
    size_t count = listing->result.count;
    if (count == 0)
        return 0;
    hoop_directory_entry *entries = alloc_array(NULL, count * sizeof *entries + listing->size, 1);
    if (entries == NULL)
        return -ENOMEM;
    char *text = memcpy(entries + count, listing->text, listing->size);
    for (size_t i = 0; i < count; i++) {
        entries[i] = (hoop_directory_entry){.name = text + 1, .type = (unsigned char)text[0]};
        text += 1 + strlen(text + 1) + 1;
    }
    qsort(entries, count, sizeof *entries, compare_names);
    listing->result.entries = entries;
    return 0;
}

static int read_all(struct listing *listing)
{
    const struct dirent *entry;
    int rc;
    do {
        rc = sys_directory_next(listing->directory, &entry);
        if (rc > 0 && add_entry(listing, entry) < 0)
            return -ENOMEM;
    } while (rc > 0);
    return rc;
}

static int64_t listing_step(struct file_work *work)
{
    struct listing *listing = CONTAINER_OF(work, struct listing, work);
    int rc = sys_directory_open(listing->path, &listing->directory);
    if (rc == 0)
        rc = read_all(listing);
    if (rc == 0)
        rc = make_result(listing);
    reading_ends(listing);
    return rc;
}

int hoop_directory_list(const char *path, hoop_directory *ret_directory)
{
    struct listing listing = {.work = {.step = listing_step, .drop = listing_drop}, .path = path};
    int rc = io_check_task(__func__);
    if (rc == 0)
        rc = (int)file_work_run(&listing.work);
    if (rc == 0)
        *ret_directory = listing.result;
    return rc;
}
