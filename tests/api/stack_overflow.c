/* SPDX-License-Identifier: MIT
 *
 * A stack that overflows: the message that names the task, and what becomes of faults that
 * are something else. Each case is this program run anew, as it dies.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "child.h"

static int64_t nothing(void *arg)
{
    (void)arg;
    return 0;
}

static __attribute__((noinline)) int64_t recurse(volatile int64_t depth)
{
    volatile char frame[256];
    frame[0] = (char)depth;
    return depth < 0 ? 0 : recurse(depth + 1) + frame[0];
}

static int64_t recurse_without_end(void *arg)
{
    (void)arg;
    if (hoop_sleep(0) < 0) /* to be resumed in between */
        return -EIO;
    return recurse(0);
}

static int64_t start_deep(void *options)
{
    return hoop_await(hoop_create_task_with(recurse_without_end, NULL, options));
}

static void overflow_named(const char *name, size_t stack_size)
{
    hoop_task_options options = {.name = name, .stack_size = stack_size};
    (void)!hoop_run(start_deep, &options);
}

static void overflow(void)
{
    overflow_named("deep", 0);
}

static void overflow_large(void)
{
    overflow_named("deep", 1 << 20);
}

static void overflow_long_name(void)
{
    char name[1000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    overflow_named(name, 0);
}

static void overflow_unreported(void)
{
    hoop_task_options options = {.name = "deep"};
    hoop_loop_options loop_options = {.no_overflow_report = true};
    hoop_loop *loop = hoop_new_event_loop_with(&loop_options);
    (void)!hoop_run_until_complete(loop, start_deep, &options);
}

static void *overflow_thread(void *arg)
{
    (void)arg;
    overflow();
    return NULL;
}

static void overflow_in_another_thread(void)
{
    pthread_t thread;
    if (hoop_run(nothing, NULL) == 0 && /* this thread's loop has put the handler in place */
        pthread_create(&thread, NULL, overflow_thread, NULL) == 0)
        pthread_join(thread, NULL);
}

/* Sanitizers, Valgrind and emulators have a handler of their own, which decides how to die. */
static void skip_unless_it_dies_in_its_own_way(void)
{
    if (!UNDER_SANITIZER && !UNDER_VALGRIND && !UNDER_EMULATOR)
        return;
    print_message("a sanitizer, Valgrind or an emulator watches for SIGSEGV\n");
    skip();
}

static void assert_dies(const char *program, const char *line)
{
    struct child child = child_exec(program);
    assert_string_equal(child.text, line);
    assert_true(child_died_by(&child, SIGSEGV));
}

static void an_overflow_names_the_task_and_its_stack(void **state)
{
    (void)state;
    skip_unless_it_dies_in_its_own_way();
    assert_dies("overflow", "hoop: stack overflow in task 'deep' (64 KiB)\n");
    assert_dies("overflow_large", "hoop: stack overflow in task 'deep' (1024 KiB)\n");
    assert_dies("overflow_in_another_thread", "hoop: stack overflow in task 'deep' (64 KiB)\n");
}

static void a_long_name_is_cut(void **state)
{
    (void)state;
    skip_unless_it_dies_in_its_own_way();
    struct child child = child_exec("overflow_long_name");
    assert_true(child_died_by(&child, SIGSEGV));
    assert_non_null(strstr(child.text, "hoop: stack overflow in task 'nnnn"));
    assert_non_null(strstr(child.text, "nnnn' (64 KiB)\n"));
    assert_true(strlen(child.text) < 300);
}

static void the_report_can_be_switched_off(void **state)
{
    (void)state;
    skip_unless_it_dies_in_its_own_way();
    assert_dies("overflow_unreported", "");
}

/* ---- what is no overflow ---- */

static int64_t write_to_nowhere(void *arg)
{
    volatile int *volatile nowhere = arg;
    *nowhere = 1;
    return 0;
}

static void fault_in_a_task(void)
{
    (void)!hoop_run(write_to_nowhere, (void *)8);
}

static void fault_after_a_run(void)
{
    (void)!hoop_run(nothing, NULL);
    write_to_nowhere((void *)8);
}

static int64_t send_segv(void *arg)
{
    (void)arg;
    return raise(SIGSEGV);
}

static void be_sent_the_signal(void)
{
    (void)!hoop_run(send_segv, NULL);
}

static void another_fault_dies_as_ever_without_a_word(void **state)
{
    (void)state;
    skip_unless_it_dies_in_its_own_way();
    assert_dies("fault_in_a_task", "");
    assert_dies("fault_after_a_run", "");
    assert_dies("be_sent_the_signal", "");
}

static void own_handler(int number)
{
    static const char text[] = "own handler\n";
    (void)number;
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    _exit(17);
}

static void overflow_with_own_handler(void)
{
    struct sigaction action = {.sa_handler = own_handler, .sa_flags = SA_ONSTACK};
    sigaction(SIGSEGV, &action, NULL);
    overflow();
}

static void fault_with_own_handler(void)
{
    struct sigaction action = {.sa_handler = own_handler};
    sigaction(SIGSEGV, &action, NULL);
    fault_in_a_task();
}

static void a_programs_own_handler_is_still_called(void **state)
{
    (void)state;
    skip_unless_it_dies_in_its_own_way();
    struct child child = child_exec("overflow_with_own_handler");
    assert_string_equal(child.text, "hoop: stack overflow in task 'deep' (64 KiB)\nown handler\n");
    assert_true(WIFEXITED(child.status) && WEXITSTATUS(child.status) == 17);
    child = child_exec("fault_with_own_handler");
    assert_string_equal(child.text, "own handler\n");
    assert_true(WIFEXITED(child.status) && WEXITSTATUS(child.status) == 17);
}

/* The programs that die, by name. */
static int run_program(const char *name)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } programs[] = {
        {"overflow", overflow},
        {"overflow_large", overflow_large},
        {"overflow_long_name", overflow_long_name},
        {"overflow_unreported", overflow_unreported},
        {"overflow_in_another_thread", overflow_in_another_thread},
        {"overflow_with_own_handler", overflow_with_own_handler},
        {"fault_in_a_task", fault_in_a_task},
        {"fault_after_a_run", fault_after_a_run},
        {"fault_with_own_handler", fault_with_own_handler},
        {"be_sent_the_signal", be_sent_the_signal},
    };
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        if (strcmp(name, programs[i].name) == 0)
            programs[i].run();
    return 1;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return run_program(argv[1]);
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(an_overflow_names_the_task_and_its_stack),
        BEHAVIOUR(a_long_name_is_cut),
        BEHAVIOUR(the_report_can_be_switched_off),
        BEHAVIOUR(another_fault_dies_as_ever_without_a_word),
        BEHAVIOUR(a_programs_own_handler_is_still_called),
    };
    return cmocka_run_group_tests_name("stack_overflow", tests, NULL, NULL);
}
