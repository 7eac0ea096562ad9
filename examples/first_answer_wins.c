/* SPDX-License-Identifier: MIT
 *
 * The same question goes to three mirrors at once. The first answer is used, and who is
 * still at it is cancelled.
 */
#include <hoop.h>
#include <stdio.h>

struct mirror {
    const char *name;
    double latency;
    hoop_future *answer; /* shared: who is first sets it */
};

static int64_t ask(void *arg)
{
    struct mirror *mirror = arg;
    int rc = hoop_sleep(mirror->latency); /* a request over the network */
    printf("%s: %s\n", mirror->name, rc < 0 ? hoop_strerror(rc) : "42");
    if (rc == 0)
        rc = hoop_future_set_result(mirror->answer, 42);
    return rc == HOOP_EDONE ? 0 : rc; /* another one was as fast */
}

/* All are asked in a group, so that none is still at it when this returns. */
static int64_t ask_all(struct mirror *mirrors, int count, hoop_future *answer)
{
    hoop_task_group group;
    int64_t rc = hoop_task_group_enter(&group);
    if (rc < 0)
        return rc;
    for (int i = 0; i < count && rc == 0; i++)
        if (hoop_task_group_create_task(&group, ask, &mirrors[i]) == NULL)
            rc = hoop_last_error();
    if (rc == 0)
        rc = hoop_future_await(answer);
    hoop_task_group_cancel(&group);
    return hoop_task_group_exit(&group, rc);
}

static int64_t first_answer(void *arg)
{
    (void)arg;
    hoop_future *answer = hoop_future_new(NULL);
    struct mirror mirrors[] = {
        {"Lisbon", 0.4, answer}, {"Oslo", 0.2, answer}, {"Tokyo", 0.6, answer}};
    int64_t rc = answer != NULL ? ask_all(mirrors, 3, answer) : hoop_last_error();
    hoop_future_unref(answer);
    return rc;
}

int main(void)
{
    int64_t answer = hoop_run(first_answer, NULL);
    if (answer < 0)
        fprintf(stderr, "no answer: %s\n", hoop_strerror(answer));
    else
        printf("the answer is %d\n", (int)answer);
    return answer < 0;
}
