/* SPDX-License-Identifier: MIT
 *
 * Two ends talk to each other at length, both ways at once: pieces of random sizes, written and
 * read by random functions, by tasks that are cancelled or delayed at random. Each byte must
 * arrive once, in its place, and neither end may hold more than it should, nor send on to one
 * that reads slowly.
 *
 *     HOOP_SEED=7 stress_streams          another seed
 *     HOOP_KIND=tls stress_streams        only over "unix", "tcp" or "tls"
 *     HOOP_STRESS=8192 stress_streams     1 GiB each way, where 1000, the default, is 125 MiB
 *
 * So 1 GiB each way, over TLS and with io_uring, is
 *
 *     HOOP_POLLER=uring HOOP_KIND=tls HOOP_STRESS=8192 stress_streams
 *
 * Says nothing if all holds; otherwise prints the seed, and what did not hold.
 */
#include <hoop.h>
#include <hoop/testing.h>
#include <string.h>
#include <sys/socket.h>

#include "random.h"
#include "streams/end.h"
#include "streams/kinds.h"

uint64_t stress_seed;

enum {
    CONVERSATIONS = 4,     /* of each kind, with marks of their own; and one with a slow reader */
    SLOW_LENGTH = 2 << 20, /* of that one, both ways */
    ROOM_MAX = 100000,     /* what the system holds where it has little room; it takes twice that */
    ROOM_MIN = 32 << 10,   /* with less, TCP waits for its timers more often than for the reader */
    IN_FLIGHT_MAX = 1 << 20, /* between a writer's buffer and a reader's, both with little room */
    ALLOCATIONS_MAX = 64,    /* of hoop's during a conversation */
};

struct conversation {
    struct end ends[2];
    uint64_t random;
    size_t allocations; /* that there were before */
    uint64_t ahead;     /* bytes by which a writer was before a slow reader, at most */
};

static void check_memory(struct conversation *conversation)
{
    struct end *ends = conversation->ends;
    end_check_memory(&ends[0]);
    end_check_memory(&ends[1]);
    CHECK(hoop_testing_live_allocations() <= conversation->allocations + ALLOCATIONS_MAX);
    if (!ends[1].is_slow)
        return;
    uint64_t ahead =
        hoop_stream_bytes_written(ends[0].stream) - hoop_stream_bytes_read(ends[1].stream);
    if (ahead > conversation->ahead)
        conversation->ahead = ahead;
    CHECK(ahead <= hoop_stream_write_buffered(ends[0].stream) + IN_FLIGHT_MAX);
}

/* Watches over both ends until they are through. */
static void cancel_now_and_then(struct conversation *conversation)
{
    struct end *ends = conversation->ends;
    uint64_t *random = &conversation->random;
    while (!end_is_over(&ends[0]) || !end_is_over(&ends[1])) {
        CHECK(hoop_sleep(pick(random, 3) == 0 ? 0.0001 : 0) == 0);
        check_memory(conversation);
        if (pick(random, 3) == 0)
            hoop_task_cancel(ends[pick(random, 2)].tasks[pick(random, 2)]);
    }
}

static void set_little_room(const struct end *end, int option, uint64_t *random)
{
    int size = ROOM_MIN + pick(random, ROOM_MAX - ROOM_MIN);
    int fd = hoop_stream_fd(end->stream);
    CHECK(setsockopt(fd, SOL_SOCKET, option, &size, sizeof size) == 0);
}

static void talk(struct conversation *conversation)
{
    struct end *ends = conversation->ends;
    bool is_slow = ends[1].is_slow;
    if (is_slow)
        set_little_room(&ends[1], SO_RCVBUF, &conversation->random);
    for (int i = 0; i < 2; i++)
        if (is_slow || pick(&conversation->random, 2) == 0)
            set_little_room(&ends[i], SO_SNDBUF, &conversation->random);
    for (int i = 0; i < 2; i++)
        end_start(&ends[i]);
    cancel_now_and_then(conversation);
    for (int i = 0; i < 2; i++)
        end_finish(&ends[i]);
}

struct plan {
    const struct kind *kind;
    uint64_t length;
    bool is_slow;
    size_t allocations;
};

static void open_end(struct end *end, int fd, uint64_t length, uint64_t *random)
{
    end->length = length;
    end->limit = size_up_to(random, PIECE_MAX) + 100;
    end->write_high = size_up_to(random, PIECE_MAX);
    end->random[0] = next_random(random);
    end->random[1] = next_random(random);
    hoop_stream_options options = {.limit = end->limit, .write_high = end->write_high};
    CHECK(hoop_stream_open(fd, &options, &end->stream) == 0);
}

static int64_t converse(void *arg)
{
    const struct plan *plan = arg;
    struct conversation conversation = {
        .random = stress_seed * 1000003 + (uint64_t)(plan->kind - kinds) + 1,
        .allocations = plan->allocations,
    };
    struct end *ends = conversation.ends;
    int fds[2];
    plan->kind->connect(fds);
    for (int i = 0; i < 2; i++)
        open_end(&ends[i], fds[i], plan->length, &conversation.random);
    if (plan->kind->secure != NULL)
        plan->kind->secure((hoop_stream *[]){ends[0].stream, ends[1].stream}, &conversation.random);
    ends[1].is_slow = plan->is_slow;
    talk(&conversation);
    CHECK(plan->length < 1 << 20 || ends[0].cancelled > 0);
    CHECK(!plan->is_slow || conversation.ahead > 0);
    return 0;
}

static void run(struct plan plan)
{
    plan.allocations = hoop_testing_live_allocations();
    CHECK(hoop_run(converse, &plan) == 0);
    CHECK(hoop_testing_live_allocations() == plan.allocations);
    stress_seed++;
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

int main(void)
{
    stress_seed = number_of("HOOP_SEED", 1);
    uint64_t length = number_of("HOOP_STRESS", 1000) << 17;
    const char *wanted = getenv("HOOP_KIND");
    make_pattern();
    kinds_begin();
    for (const struct kind *kind = kinds; kind < kinds + KINDS; kind++) {
        if (wanted != NULL && strcmp(wanted, kind->name) != 0)
            continue;
        for (int i = 0; i < CONVERSATIONS; i++)
            run((struct plan){.kind = kind, .length = length / CONVERSATIONS});
        run((struct plan){.kind = kind, .length = SLOW_LENGTH, .is_slow = true});
    }
    kinds_end();
    return 0;
}
