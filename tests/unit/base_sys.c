/* SPDX-License-Identifier: MIT
 *
 * The syscall wrappers: results and errors in hoop's convention, the failure that each of
 * them can be told to have, and what the rest of hoop relies on.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/sys_signal.h"

static void each_wrapper_fails_when_it_is_told_to(void **state)
{
    (void)state;
    const size_t page = sys_page_size();
    char *memory = sys_map_lazily(2 * page);
    void *bytes;
    size_t size;
    struct epoll_event event;
    struct sigaction action;
    stack_t stack;
    int epoll = sys_epoll_create();
    int results[11];
    for (int call = 0; call < 11; call++) {
        hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, call < 9 ? 1 : (unsigned)call - 7);
        results[call] = call == 0   ? sys_epoll_create()
                        : call == 1 ? sys_epoll_control(epoll, EPOLL_CTL_ADD, 0, EPOLLIN, NULL)
                        : call == 2 ? sys_epoll_wait(epoll, &event, 1, INT64_MAX)
                        : call == 3 ? sys_eventfd()
                        : call == 4 ? sys_guard_install(memory, page)
                        : call == 5 ? sys_guard_protect(memory, page)
                        : call == 6 ? sys_signal_action(SIGSEGV, NULL, &action)
                        : call == 7 ? sys_signal_stack(NULL, &stack)
                                    : sys_map_file("/proc/self/exe", &bytes, &size);
        assert_true(hoop_testing_failed());
    }
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1);
    assert_null(sys_map_lazily(page));
    hoop_testing_fail_nth(0, 0);
    for (int call = 0; call < 11; call++)
        assert_int_equal(results[call], -HOOP_TESTING_ERRNO);
    memory[0] = 1; /* neither guard was put up */
    sys_unmap(memory, 2 * page);
    sys_close(epoll);
}

static void real_errors_come_back_as_negative_numbers(void **state)
{
    (void)state;
    struct epoll_event event;
    int epoll = sys_epoll_create();
    assert_true(epoll >= 0);
    assert_int_equal(sys_epoll_control(epoll, EPOLL_CTL_ADD, -1, EPOLLIN, NULL), -EBADF);
    assert_int_equal(sys_epoll_wait(-1, &event, 1, 0), -EBADF);
    assert_int_equal(sys_epoll_wait(-1, &event, 1, 1000), -EBADF);
    assert_int_equal(sys_guard_protect((void *)1, 1), -EINVAL);
    assert_int_equal(sys_signal_action(-1, NULL, NULL), -EINVAL);
    sys_epoll_forget(epoll, -1); /* what is gone is forgotten already */
    sys_close(epoll);
}

/* The contract of the wait: 0 does not wait, nanoseconds are kept, data comes back. */
static void a_wait_ends_with_its_time_and_hands_back_the_data(void **state)
{
    (void)state;
    struct epoll_event events[4];
    int epoll = sys_epoll_create();
    int eventfd = sys_eventfd();
    int marker;
    assert_int_equal(sys_epoll_control(epoll, EPOLL_CTL_ADD, eventfd, EPOLLIN, &marker), 0);
    assert_int_equal(sys_epoll_wait(epoll, events, 4, 0), 0);
    int64_t start = sys_monotonic_now();
    assert_int_equal(sys_epoll_wait(epoll, events, 4, 2000000), 0);
    assert_true(sys_monotonic_now() - start >= 2000000);
    sys_eventfd_signal(eventfd);
    assert_int_equal(sys_epoll_wait(epoll, events, 4, INT64_MAX), 1);
    assert_ptr_equal(events[0].data.ptr, &marker);
    sys_epoll_forget(epoll, eventfd);
    assert_int_equal(sys_epoll_wait(epoll, events, 4, 0), 0);
    sys_close(eventfd);
    sys_close(epoll);
}

static void nothing(int signal)
{
    (void)signal;
}

static void a_signal_ends_a_wait_without_an_error(void **state)
{
    (void)state;
    struct epoll_event event;
    struct sigaction action = {.sa_handler = nothing}, before;
    int epoll = sys_epoll_create();
    assert_int_equal(sys_signal_action(SIGALRM, &action, &before), 0);
    timer_t timer;
    struct sigevent signal = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &signal, &timer), 0);
    struct itimerspec in_2_ms = {.it_value.tv_nsec = 2000000, .it_interval.tv_nsec = 2000000};
    timer_settime(timer, 0, &in_2_ms, NULL);
    assert_int_equal(sys_epoll_wait(epoll, &event, 1, INT64_MAX), 0);
    timer_delete(timer);
    assert_int_equal(sys_signal_action(SIGALRM, &before, NULL), 0);
    sys_close(epoll);
}

static void every_descriptor_is_closed_on_exec(void **state)
{
    (void)state;
    int descriptors[] = {sys_epoll_create(), sys_eventfd()};
    for (int i = 0; i < 2; i++) {
        assert_true(fcntl(descriptors[i], F_GETFD) & FD_CLOEXEC);
        sys_close(descriptors[i]);
    }
}

static void trimmed_memory_reads_as_zero(void **state)
{
    (void)state;
    const size_t size = 4 * sys_page_size();
    char *memory = sys_map_lazily(size);
    assert_non_null(memory);
    memset(memory, 1, size);
    sys_trim(memory, size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(memory[i], 0);
    sys_unmap(memory, size);
}

static void a_file_can_be_mapped_if_it_is_one(void **state)
{
    (void)state;
    void *bytes;
    size_t size;
    assert_int_equal(sys_map_file("/proc/self/exe", &bytes, &size), 0);
    assert_memory_equal(bytes, "\177ELF", 4);
    sys_unmap(bytes, size);
    assert_int_equal(sys_map_file("/no/such/file", &bytes, &size), -ENOENT);
    assert_int_equal(sys_map_file("/", &bytes, &size), -EINVAL);
    assert_int_equal(sys_map_file("/dev/null", &bytes, &size), -EINVAL);
}

static void a_module_is_found_by_any_address_in_it(void **state)
{
    (void)state;
    struct sys_module own;
    static int datum;
    assert_true(sys_find_module((uintptr_t)nothing, &own));
    assert_string_equal(strrchr(own.path, '/'), "/unit_base_sys");
    assert_true(sys_find_module((uintptr_t)&datum, &own));
    assert_string_equal(strrchr(own.path, '/'), "/unit_base_sys");
    assert_false(sys_find_module(0, &own));
    assert_false(sys_find_module((uintptr_t)&own, &own));
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1); /* then it has the name it was called by */
    assert_true(sys_find_module((uintptr_t)nothing, &own));
    assert_string_equal(strrchr(own.path, '/'), "/unit_base_sys");
}

static void errno_values_have_names_and_texts(void **state)
{
    (void)state;
    assert_string_equal(sys_errno_name(ENOENT), "ENOENT");
    assert_string_equal(sys_errno_text(ENOENT), "No such file or directory");
    assert_null(sys_errno_name(4999));
    assert_null(sys_errno_text(4999));
    assert_null(sys_errno_name(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(each_wrapper_fails_when_it_is_told_to),
        BEHAVIOUR(real_errors_come_back_as_negative_numbers),
        BEHAVIOUR(a_wait_ends_with_its_time_and_hands_back_the_data),
        BEHAVIOUR(a_signal_ends_a_wait_without_an_error),
        BEHAVIOUR(every_descriptor_is_closed_on_exec),
        BEHAVIOUR(trimmed_memory_reads_as_zero),
        BEHAVIOUR(a_file_can_be_mapped_if_it_is_one),
        BEHAVIOUR(a_module_is_found_by_any_address_in_it),
        BEHAVIOUR(errno_values_have_names_and_texts),
    };
    return cmocka_run_group_tests_name("sys", tests, NULL, NULL);
}
