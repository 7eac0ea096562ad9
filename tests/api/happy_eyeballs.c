/* SPDX-License-Identifier: MIT
 *
 * Hosts with several addresses. This program's own getaddrinfo knows the host "many.test", and
 * its own connect leads each of its addresses to where the test wants it, and notes when.
 */
#include <dlfcn.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/syscall.h>

#include "network.h"

enum { ANSWERS, REFUSES, HANGS, UNREACHABLE };

struct place {
    const char *host;
    int what;
};

#define PLACES_MAX 8

/* What the fakes know; the lookup is in another thread, and over before the test goes on. */
static struct {
    struct place places[PLACES_MAX];
    size_t count;
    uint16_t ports[3]; /* where somebody answers, refuses, and hangs */
    int full[2];       /* the last one's listener, and a client that fills it */
    struct record log; /* "host@seconds" of each attempt */
} fake;

typedef int lookup_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the system's are reserved */
int getaddrinfo(const char *restrict host, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret_list)
{
    lookup_fn *really = (lookup_fn *)(uintptr_t)dlsym(RTLD_NEXT, "getaddrinfo");
    struct addrinfo **end = ret_list;
    if (host == NULL || strcmp(host, "many.test") != 0 || (hints->ai_flags & AI_NUMERICHOST))
        return really(host, service, hints, ret_list);
    *ret_list = NULL;
    for (size_t i = 0; i < fake.count; i++) {
        if (really(fake.places[i].host, service, hints, end) == 0)
            end = &(*end)->ai_next; /* else it is of another family */
    }
    return *ret_list != NULL ? 0 : EAI_NONAME;
}

static const struct place *place_of(const struct sockaddr *address)
{
    char host[INET6_ADDRSTRLEN];
    const void *number = address->sa_family == AF_INET
                             ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                             : &((const struct sockaddr_in6 *)address)->sin6_addr;
    inet_ntop(address->sa_family, number, host, sizeof host);
    for (size_t i = 0; i < fake.count; i++)
        if (strcmp(fake.places[i].host, host) == 0)
            return &fake.places[i];
    return NULL;
}

/* To PORT of IPv4's loopback, with a socket of either family. */
static int connect_locally(int fd, int family, uint16_t port)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &six.sin6_addr);
    return family == AF_INET ? (int)syscall(SYS_connect, fd, &four, sizeof four)
                             : (int)syscall(SYS_connect, fd, &six, sizeof six);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the system's are reserved */
int connect(int fd, __CONST_SOCKADDR_ARG any_address, socklen_t size)
{
    const struct sockaddr *address = any_address.__sockaddr__;
    const struct place *place = place_of(address);
    char text[64];
    if (place == NULL)
        return (int)syscall(SYS_connect, fd, address, size);
    snprintf(text, sizeof text, "%s@%.2f", place->host, hoop_time(hoop_running_loop()));
    record_add(&fake.log, text);
    if (place->what != UNREACHABLE)
        return connect_locally(fd, address->sa_family, fake.ports[place->what]);
    errno = ENETUNREACH;
    return -1;
}

/* ---- a test's world ---- */

static hoop_server *begin(const struct place *places, size_t count)
{
    memset(&fake, 0, sizeof fake);
    hoop_server *server = serve(echo, NULL);
    fake.ports[ANSWERS] = port_of(server);
    fake.ports[REFUSES] = free_port();
    fake.full[0] = listen_plainly(0, &fake.ports[HANGS]);
    fake.full[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect_locally(fake.full[1], AF_INET, fake.ports[HANGS]), 0);
    for (size_t i = 0; i < count; i++)
        fake.places[i] = places[i];
    fake.count = count;
    return server;
}

#define BEGIN(...) \
    begin((const struct place[]){__VA_ARGS__}, \
          sizeof((const struct place[]){__VA_ARGS__}) / sizeof(struct place))

static void end(hoop_server *server)
{
    close(fake.full[0]);
    close(fake.full[1]);
    end_server(server);
}

static int connect_to_many(const hoop_connection_options *options)
{
    hoop_stream *stream = NULL;
    int rc = hoop_open_connection("many.test", 80, options, &stream);
    if (rc < 0)
        return rc;
    assert_echoes(stream, "connected");
    assert_int_equal(hoop_stream_close(stream), 0);
    return 0;
}

/* ---- the rules ---- */

IN_A_TASK(an_address_that_does_not_answer_is_overtaken_by_the_next_after_a_quarter_second)
{
    hoop_server *server = BEGIN({"192.0.2.1", HANGS}, {"192.0.2.2", ANSWERS});
    assert_int_equal(connect_to_many(NULL), 0);
    assert_record(&fake.log, "192.0.2.1@0.00 192.0.2.2@0.25");
    end(server);
}

IN_A_TASK(an_address_that_fails_is_followed_by_the_next_at_once)
{
    hoop_server *server =
        BEGIN({"192.0.2.1", REFUSES}, {"192.0.2.2", UNREACHABLE}, {"192.0.2.3", ANSWERS});
    assert_int_equal(connect_to_many(NULL), 0);
    assert_record(&fake.log, "192.0.2.1@0.00 192.0.2.2@0.00 192.0.2.3@0.00");
    end(server);
}

IN_A_TASK(once_an_address_answers_no_other_is_tried)
{
    hoop_server *server = BEGIN({"192.0.2.1", ANSWERS}, {"192.0.2.2", ANSWERS});
    assert_int_equal(connect_to_many(NULL), 0);
    assert_record(&fake.log, "192.0.2.1@0.00");
    end(server);
}

IN_A_TASK(families_take_turns_and_begin_with_the_resolvers_first)
{
    if (!have_ipv6())
        return;
    hoop_server *server =
        BEGIN({"2001:db8::1", UNREACHABLE}, {"2001:db8::2", UNREACHABLE},
              {"2001:db8::3", UNREACHABLE}, {"192.0.2.1", UNREACHABLE}, {"192.0.2.2", ANSWERS});
    assert_int_equal(connect_to_many(NULL), 0);
    assert_record(&fake.log, "2001:db8::1@0.00 192.0.2.1@0.00 2001:db8::2@0.00 192.0.2.2@0.00");
    end(server);
}

IN_A_TASK(ipv6_that_leads_nowhere_costs_a_quarter_second)
{
    if (!have_ipv6())
        return;
    hoop_server *server = BEGIN({"2001:db8::1", HANGS}, {"192.0.2.1", ANSWERS});
    assert_int_equal(connect_to_many(NULL), 0);
    assert_record(&fake.log, "2001:db8::1@0.00 192.0.2.1@0.25");
    end(server);
}

IN_A_TASK(the_delay_is_the_callers_choice)
{
    hoop_server *server = BEGIN({"192.0.2.1", HANGS}, {"192.0.2.2", HANGS}, {"192.0.2.3", ANSWERS});
    assert_int_equal(connect_to_many(&(hoop_connection_options){.happy_eyeballs_delay = 2}), 0);
    assert_record(&fake.log, "192.0.2.1@0.00 192.0.2.2@2.00 192.0.2.3@4.00");
    end(server);
}

static int64_t connect_in_turn(void *arg)
{
    (void)arg;
    return connect_to_many(&(hoop_connection_options){.happy_eyeballs_delay = (double)INFINITY});
}

IN_A_TASK(with_an_endless_delay_there_is_one_attempt_at_a_time)
{
    hoop_server *server =
        BEGIN({"192.0.2.1", REFUSES}, {"192.0.2.2", HANGS}, {"192.0.2.3", ANSWERS});
    assert_int_equal(hoop_wait_for(connect_in_turn, NULL, 100), -ETIMEDOUT);
    assert_record(&fake.log, "192.0.2.1@0.00 192.0.2.2@0.00");
    end(server);
}

IN_A_TASK(if_nobody_answers_the_error_is_the_first_ones_and_the_message_tells_of_all)
{
    hoop_server *server = BEGIN({"192.0.2.1", REFUSES}, {"192.0.2.2", UNREACHABLE});
    assert_int_equal(connect_to_many(NULL), -ECONNREFUSED);
    assert_string_equal(hoop_error_message(),
                        "192.0.2.1:80: ECONNREFUSED, 192.0.2.2:80: ENETUNREACH");
    end(server);
}

IN_A_TASK(an_address_that_the_resolver_says_twice_is_tried_once)
{
    hoop_server *server = BEGIN({"192.0.2.1", UNREACHABLE}, {"192.0.2.1", UNREACHABLE});
    assert_int_equal(connect_to_many(NULL), -ENETUNREACH);
    assert_record(&fake.log, "192.0.2.1@0.00");
    end(server);
}

IN_A_TASK(a_family_can_be_asked_for)
{
    hoop_server *server = BEGIN({"2001:db8::1", UNREACHABLE}, {"192.0.2.1", ANSWERS});
    assert_int_equal(connect_to_many(&(hoop_connection_options){.family = AF_INET}), 0);
    assert_record(&fake.log, "192.0.2.1@0.00");
    end(server);
}

IN_A_TASK(a_name_without_an_address_is_told)
{
    hoop_server *server = begin(NULL, 0);
    assert_int_equal(connect_to_many(NULL), HOOP_EAI_NONAME);
    assert_string_equal(hoop_error_message(), "looking up many.test");
    end(server);
}

static int64_t connect_for_ever(void *arg)
{
    (void)arg;
    return connect_to_many(NULL);
}

IN_A_TASK(cancelling_ends_all_attempts)
{
    hoop_server *server = BEGIN({"192.0.2.1", HANGS}, {"192.0.2.2", HANGS}, {"192.0.2.3", HANGS});
    hoop_task *task = hoop_create_task(connect_for_ever, NULL);
    let_others_wait();
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_record(&fake.log, "192.0.2.1@0.00 192.0.2.2@0.25 192.0.2.3@0.50");
    end(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(an_address_that_does_not_answer_is_overtaken_by_the_next_after_a_quarter_second),
        BEHAVIOUR(an_address_that_fails_is_followed_by_the_next_at_once),
        BEHAVIOUR(once_an_address_answers_no_other_is_tried),
        BEHAVIOUR(families_take_turns_and_begin_with_the_resolvers_first),
        BEHAVIOUR(ipv6_that_leads_nowhere_costs_a_quarter_second),
        BEHAVIOUR(the_delay_is_the_callers_choice),
        BEHAVIOUR(with_an_endless_delay_there_is_one_attempt_at_a_time),
        BEHAVIOUR(if_nobody_answers_the_error_is_the_first_ones_and_the_message_tells_of_all),
        BEHAVIOUR(an_address_that_the_resolver_says_twice_is_tried_once),
        BEHAVIOUR(a_family_can_be_asked_for),
        BEHAVIOUR(a_name_without_an_address_is_told),
        BEHAVIOUR(cancelling_ends_all_attempts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
