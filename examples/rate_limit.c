/* SPDX-License-Identifier: MIT
 *
 * Nine downloads, but at most three at a time: a semaphore is the door that lets so many in.
 */
#include <hoop.h>
#include <stdio.h>

enum { DOWNLOADS = 9, AT_ONCE = 3 };

struct site {
    hoop_semaphore *door;
    int connections, most; /* now, and at most so far */
};

static int64_t download(void *arg)
{
    struct site *site = arg;
    int rc = hoop_semaphore_acquire(site->door); /* waits while three are in */
    if (rc < 0)
        return rc; /* cancelled: it is not in */
    site->connections++;
    if (site->most < site->connections)
        site->most = site->connections;
    rc = hoop_sleep(0.2); /* here would be the work */
    site->connections--;
    hoop_semaphore_release(site->door); /* on every path from here on, as a lock */
    if (rc == 0)
        puts("one is done");
    return rc;
}

static int64_t download_all(void *arg)
{
    hoop_task_group group; /* waits for all, and cancels all if one fails */
    int64_t rc = hoop_task_group_enter(&group);
    if (rc < 0)
        return rc;
    for (int i = 0; i < DOWNLOADS && rc == 0; i++)
        if (hoop_task_group_create_task(&group, download, arg) == NULL)
            rc = hoop_last_error();
    return hoop_task_group_exit(&group, rc);
}

int main(void)
{
    struct site site = {.door = hoop_bounded_semaphore_new(AT_ONCE)};
    int64_t rc = site.door != NULL ? hoop_run(download_all, &site) : hoop_last_error();
    if (rc < 0)
        fprintf(stderr, "rate_limit: %s\n", hoop_strerror(rc));
    else
        printf("%d downloads, at most %d at once\n", DOWNLOADS, site.most);
    hoop_semaphore_free(site.door);
    return rc < 0;
}
