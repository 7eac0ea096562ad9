/* SPDX-License-Identifier: MIT
 *
 * Names and addresses: what needs a thread and what does not, what comes out, and what goes
 * wrong.
 */
#include "resolver.h"

#include "in_a_task.h"

static const char *text_of(const char *host, const char *service, const struct addrinfo *hints)
{
    struct addrinfo *found = NULL;
    int rc = hoop_getaddrinfo(host, service, hints, &found);
    assert_int_equal(rc, 0);
    return found_text(rc, found);
}

static int error_of(const char *host, const char *service, const struct addrinfo *hints)
{
    struct addrinfo *const untouched = (struct addrinfo *)&resolver.hints;
    struct addrinfo *found = untouched;
    int rc = hoop_getaddrinfo(host, service, hints, &found);
    assert_true(rc < 0);
    assert_ptr_equal(found, untouched);
    return rc;
}

/* ---- without a thread ---- */

static int64_t run_once_more(void *arg)
{
    *(int *)arg += 1;
    return 0;
}

IN_A_TASK(numbers_are_answered_without_a_thread_or_a_suspension)
{
    resolver_init();
    int others = 0;
    hoop_task *other = hoop_create_task(run_once_more, &others);
    const struct addrinfo stream = {.ai_socktype = SOCK_STREAM};
    assert_string_equal(text_of("192.0.2.1", "80", &stream), "192.0.2.1:80");
    assert_string_equal(text_of("2001:db8::1", "443", &stream), "[2001:db8::1]:443");
    assert_string_equal(text_of("192.0.2.1", NULL, &stream), "192.0.2.1:0");
    assert_string_equal(text_of("192.0.2.1", "65535", NULL), "192.0.2.1:65535");
    assert_int_equal(resolver.asked, 0);
    assert_int_equal(others, 0);
    assert_int_equal(hoop_await(other), 0);
    resolver_done();
}

IN_A_TASK(no_host_is_every_address_or_this_machine_and_needs_no_thread)
{
    resolver_init();
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    assert_string_equal(text_of(NULL, "80", &hints), "127.0.0.1:80");
    hints.ai_flags = AI_PASSIVE;
    assert_string_equal(text_of(NULL, "80", &hints), "0.0.0.0:80");
    assert_int_equal(error_of(NULL, NULL, &hints), HOOP_EAI_NONAME);
    assert_int_equal(resolver.asked, 0);
    resolver_done();
}

IN_A_TASK(who_wants_numbers_only_is_refused_a_name_without_a_thread)
{
    resolver_init();
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    assert_int_equal(error_of("host.example", "80", &hints), HOOP_EAI_NONAME);
    assert_int_equal(error_of("192.0.2.1", "http", &hints), HOOP_EAI_NONAME);
    assert_int_equal(error_of("host.example", NULL, &hints), HOOP_EAI_NONAME);
    assert_int_equal(resolver.asked, 0);
    resolver_done();
}

IN_A_TASK(hints_that_make_no_sense_are_refused_without_a_thread)
{
    resolver_init();
    assert_int_equal(error_of("host.example", "80", &(struct addrinfo){.ai_flags = 1 << 30}),
                     -EINVAL);
    assert_int_equal(error_of("192.0.2.1", "80", &(struct addrinfo){.ai_family = 12345}),
                     HOOP_EAI_FAMILY);
    assert_int_equal(error_of("192.0.2.1", "80", &(struct addrinfo){.ai_socktype = 12345}),
                     HOOP_EAI_SOCKTYPE);
    assert_int_equal(resolver.asked, 0);
    resolver_done();
}

/* ---- with a thread ---- */

IN_A_TASK(names_are_looked_up_in_another_thread)
{
    resolver_init();
    assert_string_equal(text_of("host.example", "80", NULL), "192.0.2.7:80");
    assert_int_equal(resolver.asked, 1);
    assert_int_not_equal(resolver.thread, gettid());
    assert_string_equal(text_of("host.example", NULL, NULL), "192.0.2.7:0");
    assert_int_equal(resolver.asked, 2);
    resolver_done();
}

IN_A_TASK(the_name_of_a_service_needs_a_thread_too)
{
    resolver_init();
    assert_string_equal(text_of("192.0.2.1", "http", NULL), "192.0.2.1:80");
    assert_int_equal(resolver.asked, 1);
    resolver_done();
}

IN_A_TASK(the_resolver_is_given_the_hints)
{
    resolver_init();
    const struct addrinfo hints = {.ai_flags = AI_CANONNAME,
                                   .ai_family = AF_INET,
                                   .ai_socktype = SOCK_DGRAM,
                                   .ai_protocol = IPPROTO_UDP};
    assert_string_equal(text_of("host.example", "80", &hints), "192.0.2.7:80");
    assert_int_equal(resolver.hints.ai_flags, AI_CANONNAME);
    assert_int_equal(resolver.hints.ai_family, AF_INET);
    assert_int_equal(resolver.hints.ai_socktype, SOCK_DGRAM);
    assert_int_equal(resolver.hints.ai_protocol, IPPROTO_UDP);
    assert_null(resolver.hints.ai_next);
    assert_string_equal(text_of("host.example", "80", NULL), "192.0.2.7:80");
    assert_int_equal(resolver.hints.ai_flags, AI_V4MAPPED | AI_ADDRCONFIG); /* as for NULL */
    resolver_done();
}

IN_A_TASK(the_resolvers_errors_are_hoops)
{
    static const struct {
        int code;
        int expected;
    } errors[] = {
        {EAI_NONAME, HOOP_EAI_NONAME},     {EAI_NODATA, HOOP_EAI_NONAME},
        {EAI_ADDRFAMILY, HOOP_EAI_NONAME}, {EAI_AGAIN, HOOP_EAI_AGAIN},
        {EAI_FAIL, HOOP_EAI_FAIL},         {EAI_SERVICE, HOOP_EAI_SERVICE},
        {EAI_FAMILY, HOOP_EAI_FAMILY},     {EAI_SOCKTYPE, HOOP_EAI_SOCKTYPE},
        {EAI_BADFLAGS, -EINVAL},           {EAI_MEMORY, -ENOMEM},
    };
    resolver_init();
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        char host[32];
        snprintf(host, sizeof host, "fails:%d", errors[i].code);
        assert_int_equal(error_of(host, "80", NULL), errors[i].expected);
    }
    assert_int_equal(error_of("errno:24", "80", NULL), -EMFILE);
    assert_int_equal(error_of("host.example", "nosuchservice", NULL), HOOP_EAI_SERVICE);
    resolver_done();
}

/* ---- hanging ---- */

static int64_t pass(void *arg)
{
    return arg != NULL;
}

IN_A_TASK(lookups_that_hang_keep_other_lookups_waiting_but_no_other_thread)
{
    static char hanging[] = "hangs.example", other[] = "host.example";
    hoop_task *tasks[HOOP_DNS_THREADS], *fifth;
    resolver_init();
    for (int i = 0; i < HOOP_DNS_THREADS; i++)
        tasks[i] = hoop_create_task(look_up_host, hanging);
    let_one_iteration_pass();
    for (int i = 0; i < HOOP_DNS_THREADS; i++)
        sem_take(&resolver.gate.begun);
    fifth = hoop_create_task(look_up_host, other);
    for (int i = 0; i < 10; i++) {
        let_one_iteration_pass();
        assert_int_equal(hoop_to_thread(pass, &resolver), 1);
    }
    assert_int_equal(resolver.asked, HOOP_DNS_THREADS);
    gate_open(&resolver.gate);
    assert_int_equal(hoop_await(fifth), 0);
    assert_int_equal(resolver.asked, HOOP_DNS_THREADS + 1);
    for (int i = 1; i < HOOP_DNS_THREADS; i++)
        gate_open(&resolver.gate);
    for (int i = 0; i < HOOP_DNS_THREADS; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    resolver_done();
}

/* ---- names of addresses ---- */

static hoop_address numbered(const char *host)
{
    hoop_address address;
    assert_int_equal(hoop_address_parse(host, 80, &address), 0);
    return address;
}

IN_A_TASK(numbers_of_an_address_need_no_thread)
{
    char host[NI_MAXHOST], service[NI_MAXSERV];
    hoop_address address = numbered("192.0.2.1");
    const int flags = NI_NUMERICHOST | NI_NUMERICSERV;
    resolver_init();
    assert_int_equal(hoop_getnameinfo(&address, host, sizeof host, service, sizeof service, flags),
                     0);
    assert_string_equal(host, "192.0.2.1");
    assert_string_equal(service, "80");
    address = numbered("2001:db8::1");
    assert_int_equal(hoop_getnameinfo(&address, host, sizeof host, NULL, 0, NI_NUMERICHOST), 0);
    assert_string_equal(host, "2001:db8::1");
    assert_int_equal(hoop_getnameinfo(&address, NULL, 0, service, sizeof service, NI_NUMERICSERV),
                     0);
    assert_string_equal(service, "80");
    assert_int_equal(resolver.asked, 0);
    resolver_done();
}

IN_A_TASK(names_of_an_address_are_looked_up_in_another_thread)
{
    char host[NI_MAXHOST], service[NI_MAXSERV];
    const hoop_address address = numbered("192.0.2.7");
    resolver_init();
    assert_int_equal(hoop_getnameinfo(&address, host, sizeof host, service, sizeof service, 0), 0);
    assert_string_equal(host, "host.example");
    assert_string_equal(service, "http");
    assert_int_not_equal(resolver.thread, gettid());
    assert_int_equal(hoop_getnameinfo(&address, host, sizeof host, NULL, 0, 0), 0);
    assert_int_equal(hoop_getnameinfo(&address, NULL, 0, service, sizeof service, 0), 0);
    assert_int_equal(resolver.asked, 3);
    resolver_done();
}

IN_A_TASK(a_name_is_written_whole_or_not_at_all)
{
    char host[13] = "x", service[5] = "y";
    hoop_address address = numbered("192.0.2.7");
    const int numeric = NI_NUMERICHOST | NI_NUMERICSERV;
    resolver_init();
    assert_int_equal(hoop_getnameinfo(&address, host, 12, service, 5, 0), -ENOBUFS);
    assert_int_equal(hoop_getnameinfo(&address, host, 13, service, 4, 0), -ENOBUFS);
    assert_int_equal(hoop_getnameinfo(&address, host, 9, service, 3, numeric), -ENOBUFS);
    assert_int_equal(hoop_getnameinfo(&address, host, 0, NULL, 0, numeric), -ENOBUFS);
    assert_string_equal(host, "x");
    assert_string_equal(service, "y");
    assert_int_equal(hoop_getnameinfo(&address, host, 13, service, 5, 0), 0);
    assert_string_equal(host, "host.example");
    assert_string_equal(service, "http");
    address = numbered("192.0.2.9");
    assert_int_equal(hoop_getnameinfo(&address, host, 13, service, 5, NI_NAMEREQD),
                     HOOP_EAI_NONAME);
    address = (hoop_address){.size = 0};
    assert_int_equal(hoop_getnameinfo(&address, host, 13, service, 5, numeric), HOOP_EAI_FAMILY);
    assert_string_equal(host, "host.example");
    resolver_done();
}

/* ---- what goes wrong ---- */

static void outside_of_a_task_nothing_is_looked_up(void **state)
{
    (void)state;
    char host[NI_MAXHOST];
    struct addrinfo *found;
    const hoop_address address = numbered("192.0.2.1");
    assert_int_equal(hoop_getaddrinfo("192.0.2.1", "80", NULL, &found), HOOP_ENOTASK);
    assert_int_equal(hoop_getnameinfo(&address, host, sizeof host, NULL, 0, NI_NUMERICHOST),
                     HOOP_ENOTASK);
}

static int64_t look_up_all_kinds(void *arg)
{
    static char name[] = "host.example", number[] = "192.0.2.7";
    char host[NI_MAXHOST] = "x", service[NI_MAXSERV];
    const hoop_address address = numbered("192.0.2.7");
    (void)arg;
    int64_t rc = look_up_host(number);
    if (rc == 0)
        rc = look_up_host(name);
    if (rc == 0)
        rc = hoop_getnameinfo(&address, host, sizeof host, service, sizeof service, NI_NUMERICHOST);
    assert_string_equal(host, rc == 0 ? "host.example" : "x");
    return rc;
}

static void drop_report(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    (void)exception;
    (void)arg;
}

static int look_up_in_a_loop(void *arg)
{
    (void)arg;
    hoop_loop *loop = hoop_new_event_loop();
    if (loop == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(loop, drop_report, NULL);
    int64_t result = hoop_run_until_complete(loop, look_up_all_kinds, NULL);
    hoop_close(loop);
    return (int)result;
}

static void failures_of_any_kind_are_told_and_leave_nothing_behind(void **state)
{
    (void)state;
    resolver_init();
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, look_up_in_a_loop, NULL) >= 8);
    assert_true(fail_each(HOOP_FAIL_SYSCALL, look_up_in_a_loop, NULL) >= 6);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION | HOOP_FAIL_SYSCALL, seed, 12);
        (void)look_up_in_a_loop(NULL);
    }
    hoop_testing_fail_randomly(0, 0, 0);
    resolver_settle(); /* some loops were closed meanwhile */
    resolver_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(numbers_are_answered_without_a_thread_or_a_suspension),
        BEHAVIOUR(no_host_is_every_address_or_this_machine_and_needs_no_thread),
        BEHAVIOUR(who_wants_numbers_only_is_refused_a_name_without_a_thread),
        BEHAVIOUR(hints_that_make_no_sense_are_refused_without_a_thread),
        BEHAVIOUR(names_are_looked_up_in_another_thread),
        BEHAVIOUR(the_name_of_a_service_needs_a_thread_too),
        BEHAVIOUR(the_resolver_is_given_the_hints),
        BEHAVIOUR(the_resolvers_errors_are_hoops),
        BEHAVIOUR(lookups_that_hang_keep_other_lookups_waiting_but_no_other_thread),
        BEHAVIOUR(numbers_of_an_address_need_no_thread),
        BEHAVIOUR(names_of_an_address_are_looked_up_in_another_thread),
        BEHAVIOUR(a_name_is_written_whole_or_not_at_all),
        BEHAVIOUR(outside_of_a_task_nothing_is_looked_up),
        BEHAVIOUR(failures_of_any_kind_are_told_and_leave_nothing_behind),
    };
    return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
