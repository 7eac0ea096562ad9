/* SPDX-License-Identifier: MIT
 *
 * Clients that mean no good, against both kinds of server, each while a well-behaved client is
 * served: that gets all its answers, and the server's memory stays within its limits.
 *
 * The servers speak lines: each is sent back, and one that is too long is skipped and
 * complained about. The attackers use plain sockets, within the same loop.
 */
#include <malloc.h>
#include <sys/resource.h>

#include "network.h"

#define LINE_MAX_SIZE 256
#define TOO_LONG "too long\n"

/* What a server may take for one client: the stream's limit, what waits to be sent, the loop's
 * scratch buffer, and as much again for moving them. */
#define MEMORY_MAX ((size_t)1 << 20)

static const hoop_server_options limits = {.stream.limit = 4096, .stream.write_high = 16384};

/* ---- a server with tasks ---- */

/* Reads on up to the end of the line: 1, or how reading ended. */
static int64_t skip_line(hoop_stream *stream)
{
    char skipped[16384];
    int64_t size;
    while ((size = hoop_stream_read(stream, skipped, sizeof skipped)) > 0)
        if (memchr(skipped, '\n', (size_t)size) != NULL)
            return 1;
    return size;
}

static int64_t serve_lines(hoop_stream *stream, void *arg)
{
    char line[LINE_MAX_SIZE];
    int64_t size;
    (void)arg;
    while ((size = hoop_stream_readline(stream, line, sizeof line)) != 0) {
        if (size == HOOP_ELIMIT) {
            if ((size = skip_line(stream)) > 0)
                size = hoop_stream_write(stream, TOO_LONG, strlen(TOO_LONG));
        } else if (size > 0) {
            size = hoop_stream_write(stream, line, (size_t)size);
        }
        if (size <= 0)
            return size;
    }
    return 0;
}

static hoop_server *serve_with_tasks(void)
{
    return serve_with(serve_lines, NULL, &limits);
}

/* ---- a server with protocols ---- */

struct line_client {
    hoop_transport *transport;
    size_t size;
    bool is_too_long;
    char line[LINE_MAX_SIZE];
};

static void line_made(void *arg, hoop_transport *transport)
{
    ((struct line_client *)arg)->transport = transport;
}

static void line_answer(struct line_client *client)
{
    if (client->is_too_long)
        hoop_transport_write(client->transport, TOO_LONG, strlen(TOO_LONG));
    else
        hoop_transport_write(client->transport, client->line, client->size);
    client->size = 0;
    client->is_too_long = false;
}

static void line_received(void *arg, const void *data, size_t size)
{
    struct line_client *client = arg;
    const char *bytes = data;
    while (size > 0) {
        const char *end = memchr(bytes, '\n', size);
        size_t part = end != NULL ? (size_t)(end - bytes) + 1 : size;
        if (part > LINE_MAX_SIZE - client->size)
            client->is_too_long = true;
        if (!client->is_too_long) {
            memcpy(client->line + client->size, bytes, part);
            client->size += part;
        }
        if (end != NULL)
            line_answer(client);
        bytes += part;
        size -= part;
    }
}

/* Who does not take the answers is not asked for more questions. */
static void line_pauses(void *arg)
{
    hoop_transport_pause_reading(((struct line_client *)arg)->transport);
}

static void line_resumes(void *arg)
{
    hoop_transport_resume_reading(((struct line_client *)arg)->transport);
}

static void line_lost(void *arg, int error)
{
    (void)error;
    free(arg);
}

static const hoop_protocol line_protocol = {
    .connection_made = line_made,
    .data_received = line_received,
    .connection_lost = line_lost,
    .pause_writing = line_pauses,
    .resume_writing = line_resumes,
};

static void *line_client_new(void *arg)
{
    (void)arg;
    return calloc(1, sizeof(struct line_client));
}

static hoop_server *serve_with_protocols(void)
{
    hoop_server *server = NULL;
    assert_int_equal(
        hoop_create_server(&line_protocol, line_client_new, NULL, "127.0.0.1", 0, &limits, &server),
        0);
    return server;
}

/* ---- the well-behaved client ---- */

static struct {
    uint16_t port;
    double pause; /* between two questions */
    bool is_over; /* the attack */
    unsigned answers;
    size_t memory_before, memory_peak;
} good;

static size_t memory_now(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void watch_memory(void)
{
    size_t now = memory_now();
    if (now > good.memory_peak)
        good.memory_peak = now;
}

static int64_t behave_well(void *arg)
{
    char question[32];
    (void)arg;
    hoop_stream *stream = connect_to_port(good.port);
    while (!good.is_over || good.answers < 20) {
        snprintf(question, sizeof question, "question %u\n", good.answers);
        assert_echoes(stream, question);
        good.answers++;
        watch_memory();
        assert_int_equal(hoop_sleep(good.pause), 0);
    }
    return hoop_stream_close(stream);
}

/* Until the good client has had COUNT more answers. */
static void await_answers(unsigned count)
{
    unsigned wanted = good.answers + count;
    while (good.answers < wanted)
        assert_int_equal(hoop_sleep(good.pause), 0);
}

static void be_attacked(hoop_server *server, void (*attack)(hoop_server *server))
{
    memset(&good, 0, sizeof good);
    good.port = port_of(server);
    hoop_task *task = hoop_create_task(behave_well, NULL);
    await_answers(3);
    good.memory_before = good.memory_peak = memory_now();
    attack(server);
    await_answers(3);
    good.is_over = true;
    assert_int_equal(hoop_await(task), 0);
    hoop_server_abort_clients(server);
    end_server(server);
}

static void assert_memory_was_bounded(void)
{
    watch_memory();
    assert_in_range(good.memory_peak - good.memory_before, 0, MEMORY_MAX);
}

#define ATTACK(attack) \
    static void attack(hoop_server *server); \
    IN_A_TASK(tasks_serve_beside_##attack) \
    { \
        be_attacked(serve_with_tasks(), attack); \
    } \
    IN_A_TASK(protocols_serve_beside_##attack) \
    { \
        be_attacked(serve_with_protocols(), attack); \
    } \
    static void attack(hoop_server *server)

/* ---- the attackers' means ---- */

static int attacker_connect(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(good.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Sends what it can of SIZE bytes, again and again, while the others go on; until the server
 * has not taken anything for a while. How many bytes. */
static size_t attacker_send(int fd, const char *data, size_t size)
{
    size_t sent = 0;
    for (int refusals = 0; sent < size && refusals < 200;) {
        ssize_t count = send(fd, data + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        refusals = count > 0 ? 0 : refusals + 1;
        sent += count > 0 ? (size_t)count : 0;
        let_one_iteration_pass();
    }
    watch_memory();
    return sent;
}

static void attacker_reset(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(fd);
}

static char bytes[65536];

static void close_all(const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

/* ---- what they do ---- */

ATTACK(garbage)
{
    uint64_t state = 1;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)hoop_testing_random(&state);
    int fd = attacker_connect();
    size_t sent = 0;
    for (int i = 0; i < 16; i++)
        sent += attacker_send(fd, bytes, sizeof bytes);
    assert_true(sent > 0);
    await_answers(20);
    assert_int_equal(hoop_server_client_count(server), 2);
    close(fd);
    assert_memory_was_bounded();
}

ATTACK(half_lines_that_come_slowly)
{
    int fds[10];
    good.pause = 0.1;
    for (int i = 0; i < 10; i++)
        fds[i] = attacker_connect();
    for (int second = 0; second < 60; second++) {
        for (int i = 0; i < 10; i++)
            assert_int_equal(attacker_send(fds[i], "x", 1), 1);
        assert_int_equal(hoop_sleep(1), 0);
    }
    assert_int_equal(hoop_server_client_count(server), 11);
    assert_true(good.answers > 500);
    close_all(fds, 10);
    assert_memory_was_bounded();
}

/* A line of 256 MiB, which is as good as one without an end: each part of it is treated alike. */
ATTACK(a_line_that_does_not_end)
{
    int fd = attacker_connect();
    unsigned before = good.answers;
    (void)server;
    memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < 4096; i++)
        assert_int_equal(attacker_send(fd, bytes, sizeof bytes), sizeof bytes);
    assert_true(good.answers > before + 100);
    assert_memory_was_bounded();
    /* And when it ends at last the client is served as any other. */
    char answer[sizeof TOO_LONG] = "";
    assert_int_equal(attacker_send(fd, "\n", 1), 1);
    while (recv(fd, answer, sizeof answer - 1, MSG_DONTWAIT) < 0)
        await_answers(1);
    assert_string_equal(answer, TOO_LONG);
    close(fd);
}

ATTACK(questions_whose_answers_nobody_reads)
{
    int fd = attacker_connect();
    size_t sent = 0, part;
    (void)server;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = i % 16 == 15 ? '\n' : 'q';
    do /* until the server takes no more of them */
        sent += part = attacker_send(fd, bytes, sizeof bytes);
    while (part == sizeof bytes && sent < 256 * sizeof bytes);
    assert_true(part < sizeof bytes);
    await_answers(10);
    assert_memory_was_bounded();
    close(fd);
}

ATTACK(resets_in_the_middle)
{
    (void)server;
    for (int i = 0; i < 50; i++) {
        int fd = attacker_connect();
        assert_int_equal(attacker_send(fd, "a line\nand half", 15), 15);
        if (i % 2 == 0)
            await_answers(1); /* its answer is on its way back, unread */
        attacker_reset(fd);
    }
    await_answers(5);
    assert_int_equal(hoop_server_client_count(server), 1);
    assert_memory_was_bounded();
}

ATTACK(clients_that_say_nothing)
{
    int fds[100];
    good.pause = 1;
    for (int i = 0; i < 100; i++)
        fds[i] = attacker_connect();
    await_answers(100);
    assert_int_equal(hoop_server_client_count(server), 101);
    close_all(fds, 100);
    assert_memory_was_bounded();
}

ATTACK(clients_that_go_as_soon_as_they_come)
{
    for (int i = 0; i < 1000; i++) {
        int fd = attacker_connect();
        if (i % 2 == 0)
            attacker_reset(fd);
        else
            close(fd);
        if (i % 10 == 0)
            let_one_iteration_pass();
    }
    await_answers(10);
    assert_int_equal(hoop_server_client_count(server), 1);
    assert_memory_was_bounded();
}

/* How many the limit of descriptors leaves room for, both ends of each being ours. */
static int crowd_size(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > 2100 ? 1000 : (int)(limit.rlim_cur / 2) - 50;
}

ATTACK(a_thousand_that_come_at_once)
{
    static int fds[1000];
    int count = crowd_size();
    for (int i = 0; i < count; i++) {
        fds[i] = attacker_connect();
        if (i % 500 == 499)
            let_one_iteration_pass(); /* so many may wait to be accepted */
    }
    for (int i = 0; i < count; i++)
        assert_int_equal(send(fds[i], "me\n", 3, MSG_NOSIGNAL | MSG_DONTWAIT), 3);
    for (int i = 0; i < count; i++) {
        char answer[4] = "";
        while (recv(fds[i], answer, 3, MSG_DONTWAIT) < 3)
            let_one_iteration_pass();
        assert_string_equal(answer, "me\n");
    }
    assert_int_equal(hoop_server_client_count(server), count + 1);
    close_all(fds, count);
}

#define BOTH(attack) \
    BEHAVIOUR(tasks_serve_beside_##attack), BEHAVIOUR(protocols_serve_beside_##attack)

int main(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &limit);
    const struct CMUnitTest tests[] = {
        BOTH(garbage),
        BOTH(half_lines_that_come_slowly),
        BOTH(a_line_that_does_not_end),
        BOTH(questions_whose_answers_nobody_reads),
        BOTH(resets_in_the_middle),
        BOTH(clients_that_say_nothing),
        BOTH(clients_that_go_as_soon_as_they_come),
        BOTH(a_thousand_that_come_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
