/* SPDX-License-Identifier: MIT
 *
 * Which poller a loop has: as its options say, or else the environment, or else epoll; and what
 * happens where there is no io_uring. What the pollers do is in unit/loop_poller_*.
 */
#include "harness.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "child.h"
#include "socket_pair.h"

static hoop_loop *loop_with(hoop_poller poller)
{
    return hoop_new_event_loop_with(&(hoop_loop_options){.poller = poller});
}

/* In a child process: which poller a loop with these options has, on stderr. */
static void name_poller(void *options)
{
    hoop_info info;
    hoop_loop *loop = hoop_new_event_loop_with(options);
    if (loop == NULL)
        info.poller = hoop_error_name(hoop_last_error());
    else
        hoop_loop_info(loop, &info);
    fprintf(stderr, "%s\n", info.poller);
    hoop_close(loop);
}

static void name_poller_twice(void *options)
{
    name_poller(options);
    name_poller(options);
}

/* What BODY says with NAME in the environment. */
static struct child with_environment(const char *name, void (*body)(void *),
                                     hoop_loop_options *options)
{
    char *before = getenv("HOOP_POLLER");
    before = before == NULL ? NULL : strdup(before);
    setenv("HOOP_POLLER", name, 1);
    struct child child = child_run(body, options);
    if (before == NULL)
        unsetenv("HOOP_POLLER");
    else
        setenv("HOOP_POLLER", before, 1);
    free(before);
    assert_int_equal(child.status, 0);
    return child;
}

/* ---- the choice ---- */

static void the_options_choose(void **state)
{
    (void)state;
    hoop_loop *loop = loop_with(HOOP_POLLER_EPOLL);
    assert_false(uses_uring(loop));
    hoop_close(loop);
    assert_null(loop_with((hoop_poller)3));
    assert_int_equal(hoop_last_error(), -EINVAL);
    assert_null(loop_with((hoop_poller)-1));
    assert_int_equal(hoop_last_error(), -EINVAL);
    loop = loop_with(HOOP_POLLER_URING);
    if (loop == NULL)
        skip();
    assert_true(uses_uring(loop));
    hoop_close(loop);
}

static void the_environment_chooses_where_the_options_do_not(void **state)
{
    (void)state;
    hoop_loop_options unset = {0}, epoll = {.poller = HOOP_POLLER_EPOLL};
    assert_string_equal(with_environment("epoll", name_poller, &unset).text, "epoll\n");
    assert_string_equal(with_environment("", name_poller, &unset).text, "epoll\n");
    assert_string_equal(with_environment("uring", name_poller, &epoll).text, "epoll\n");
    hoop_loop *loop = loop_with(HOOP_POLLER_URING);
    const char *expected = loop != NULL ? "io_uring\n" : "epoll\n";
    hoop_close(loop);
    assert_string_equal(with_environment("uring", name_poller, &unset).text, expected);
}

static void an_unknown_name_is_complained_of_once_and_means_epoll(void **state)
{
    (void)state;
    hoop_loop_options unset = {0};
    assert_string_equal(with_environment("kqueue", name_poller_twice, &unset).text,
                        "hoop: HOOP_POLLER is \"kqueue\", but can be \"epoll\" or \"uring\": "
                        "using epoll\nepoll\nepoll\n");
}

/* ---- without io_uring ---- */

/* Makes io_uring_setup fail with EPERM, as container runtimes do. */
static void forbid_uring(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof program[0], program};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0 && has_uring())
        fprintf(stderr, "io_uring cannot be forbidden here\n");
}

static void name_poller_without_uring(void *options)
{
    forbid_uring();
    name_poller(options);
}

static void an_option_that_cannot_be_had_is_an_error(void **state)
{
    (void)state;
    hoop_loop_options uring = {.poller = HOOP_POLLER_URING};
    struct child child = with_environment("epoll", name_poller_without_uring, &uring);
    bool is_missing = !has_uring() && strcmp(child.text, "ENOSYS\n") == 0;
    assert_true(is_missing || strcmp(child.text, "EPERM\n") == 0);
}

static void an_environment_that_cannot_be_had_is_silent_but_in_debug_mode(void **state)
{
    (void)state;
    hoop_loop_options unset = {0}, debug = {.debug = true};
    assert_string_equal(with_environment("uring", name_poller_without_uring, &unset).text,
                        "epoll\n");
    struct child child = with_environment("uring", name_poller_without_uring, &debug);
    assert_non_null(strstr(child.text, "hoop: HOOP_POLLER is \"uring\", but io_uring is not "
                                       "available ("));
    assert_non_null(strstr(child.text, "): using epoll\nepoll\n"));
}

/* ---- on io_uring, through the loop ---- */

static void read_and_stop(void *fd)
{
    char byte;
    assert_int_equal(read(*(int *)fd, &byte, 1), 1);
    hoop_stop(hoop_running_loop());
}

struct made {
    hoop_loop *loop;
    int ends[2];
};

static void *make_and_watch(void *arg)
{
    struct made *made = arg;
    made->loop = has_uring() ? loop_with(HOOP_POLLER_URING) : NULL;
    if (made->loop != NULL &&
        hoop_add_reader(made->loop, made->ends[0], read_and_stop, &made->ends[0]) < 0)
        return arg;
    return NULL;
}

static void a_loop_outlives_the_thread_that_made_it(void **state)
{
    (void)state;
    struct made made;
    pthread_t thread;
    void *failure;
    open_pair(made.ends);
    assert_int_equal(pthread_create(&thread, NULL, make_and_watch, &made), 0);
    assert_int_equal(pthread_join(thread, &failure), 0);
    assert_null(failure);
    if (made.loop != NULL) {
        send_byte(made.ends[1]);
        assert_int_equal(hoop_run_forever(made.loop), 0);
        assert_int_equal(hoop_stop_threadsafe(made.loop), 0);
        assert_int_equal(hoop_run_forever(made.loop), 0);
        send_byte(made.ends[1]);
        assert_int_equal(hoop_run_forever(made.loop), 0);
        assert_int_equal(hoop_close(made.loop), 0);
    }
    close_pair(made.ends);
    if (made.loop == NULL)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_options_choose),
        BEHAVIOUR(the_environment_chooses_where_the_options_do_not),
        BEHAVIOUR(an_unknown_name_is_complained_of_once_and_means_epoll),
        BEHAVIOUR(an_option_that_cannot_be_had_is_an_error),
        BEHAVIOUR(an_environment_that_cannot_be_had_is_silent_but_in_debug_mode),
        BEHAVIOUR(a_loop_outlives_the_thread_that_made_it),
    };
    return cmocka_run_group_tests_name("poller", tests, NULL, NULL);
}
