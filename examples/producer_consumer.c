/* SPDX-License-Identifier: MIT
 *
 * Two producers and two consumers with a queue between them that holds two items at most, so
 * that who is too fast waits for the others. In the end the queue is shut down: that is how
 * the consumers learn that nothing more will come.
 */
#include <hoop.h>
#include <stdio.h>

struct worker {
    const char *name;
    hoop_queue *loaves;
    double seconds; /* that a loaf takes */
};

static int64_t bake(void *arg)
{
    const struct worker *baker = arg;
    for (int loaf = 1; loaf <= 3; loaf++) {
        int rc = hoop_sleep(baker->seconds);
        if (rc == 0)
            rc = hoop_queue_put(baker->loaves, &loaf); /* waits while there is no room */
        if (rc < 0)
            return rc;
        printf("%s has put loaf %d\n", baker->name, loaf);
    }
    return 3;
}

static int64_t eat(void *arg)
{
    const struct worker *guest = arg;
    int loaf, rc, eaten = 0;
    while ((rc = hoop_queue_get(guest->loaves, &loaf)) == 0 &&
           (rc = hoop_sleep(guest->seconds)) == 0) {
        printf("%s has eaten a loaf\n", guest->name);
        eaten++;
        hoop_queue_task_done(guest->loaves); /* for hoop_queue_join */
    }
    return rc == HOOP_ESHUTDOWN ? eaten : rc; /* a shutdown is how it is meant to end */
}

static int64_t feed(void *queue)
{
    struct worker ann = {"Ann", queue, 0.10}, bob = {"Bob", queue, 0.25};
    struct worker eve = {"Eve", queue, 0.45}, mia = {"Mia", queue, 0.72};
    hoop_task *guests[] = {hoop_create_task(eat, &eve), hoop_create_task(eat, &mia)};
    hoop_task *bakers[] = {hoop_create_task(bake, &ann), hoop_create_task(bake, &bob)};
    int64_t baked[2], eaten[2];
    int64_t rc = hoop_gather(bakers, 2, baked, HOOP_RETURN_ERRORS); /* waits for both in any case */
    if (rc == 0)
        rc = hoop_queue_join(queue); /* until hoop_queue_task_done was called for each loaf */
    hoop_queue_shutdown(queue, rc < 0);
    int64_t end = hoop_gather(guests, 2, eaten, HOOP_RETURN_ERRORS);
    if (rc == 0 && end == 0)
        printf("%d baked, %d eaten\n", (int)(baked[0] + baked[1]), (int)(eaten[0] + eaten[1]));
    return rc < 0 ? rc : end;
}

int main(void)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), 2);
    int64_t rc = queue != NULL ? hoop_run(feed, queue) : hoop_last_error();
    if (rc < 0)
        fprintf(stderr, "producer_consumer: %s\n", hoop_strerror(rc));
    hoop_queue_free(queue);
    return rc < 0;
}
