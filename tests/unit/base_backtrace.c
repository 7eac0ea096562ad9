/* SPDX-License-Identifier: MIT
 *
 * Call chains and names: static functions have theirs, any address has a line, and a file
 * that cannot be read, or is no longer the one that was loaded, costs names only.
 */
#include "harness.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/backtrace.h"
#include "base/sys.h"

#ifndef PROGRAM
#define PROGRAM "unit_base_backtrace"
#endif

/* A chain, and a place to put it into words. */
struct chain {
    void *addresses[BACKTRACE_DEPTH_MAX];
    size_t count;
    size_t capacity;
    unsigned skip;
    char text[16384];
};

/* What is called through these is neither inlined nor cloned; and whoever writes to the
 * number after the call does not make it by a jump. */
static void (*volatile call)(struct chain *chain);
static void (*volatile call_inner)(struct chain *chain);
static volatile int after;

static void take_inner(struct chain *chain)
{
    chain->count = backtrace_take(chain->addresses, chain->capacity, chain->skip);
    after++;
}

static void take_outer(struct chain *chain)
{
    call_inner(chain);
    after++;
}

static void take(struct chain *chain, size_t capacity, unsigned skip)
{
    chain->capacity = capacity;
    chain->skip = skip;
    call_inner = take_inner;
    call = take_outer;
    call(chain);
}

static const char *print(struct chain *chain)
{
    chain->text[0] = '\0';
    FILE *out = fmemopen(chain->text, sizeof chain->text, "w");
    assert_non_null(out);
    backtrace_print(chain->addresses, chain->count, out);
    fclose(out);
    return chain->text;
}

static const char *print_one(struct chain *chain, const void *address)
{
    chain->addresses[0] = (void *)(uintptr_t)address;
    chain->count = 1;
    return print(chain);
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static void static_functions_are_named(void **state)
{
    (void)state;
    struct chain chain;
    take(&chain, 32, 0);
    const char *text = print(&chain);
    assert_true(starts_with(text, "  take_inner+0x"));
    const char *second = strchr(text, '\n') + 1;
    assert_true(starts_with(second, "  take_outer+0x"));
    assert_non_null(strstr(second, " (" PROGRAM ")\n"));
    assert_non_null(strstr(second, "  static_functions_are_named+0x"));
}

static void as_many_frames_are_skipped_as_asked_for(void **state)
{
    (void)state;
    struct chain chain;
    take(&chain, 32, 1);
    assert_true(starts_with(print(&chain), "  take_outer+0x"));
    take(&chain, 32, 1000);
    assert_int_equal(chain.count, 0);
    assert_string_equal(print(&chain), "");
}

static void no_more_frames_are_taken_than_fit(void **state)
{
    (void)state;
    struct chain chain = {.count = 0};
    take(&chain, 2, 0);
    assert_int_equal(chain.count, 2);
    assert_null(chain.addresses[2]);
    take(&chain, 0, 0);
    assert_int_equal(chain.count, 0);
}

static void recurse(struct chain *chain)
{
    if (chain->skip-- > 0)
        call(chain);
    else
        chain->count = backtrace_take(chain->addresses, BACKTRACE_DEPTH_MAX, 0);
    after++;
}

static void of_a_deep_chain_the_inner_end_is_seen(void **state)
{
    (void)state;
    struct chain chain = {.skip = 1000};
    call = recurse;
    recurse(&chain);
    assert_in_range(chain.count, BACKTRACE_DEPTH_MAX - 8, BACKTRACE_DEPTH_MAX);
    assert_true(starts_with(print(&chain), "  recurse+0x"));
}

static struct chain handler_chain;

static void handle(int signal)
{
    handler_chain.capacity = 8;
    handler_chain.skip = 0;
    take_inner(&handler_chain);
    after = signal;
}

static void a_chain_can_be_taken_in_a_signal_handler(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = handle}, before;
    backtrace_prepare();
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    raise(SIGUSR1);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
    assert_non_null(strstr(print(&handler_chain), "  handle+0x"));
}

/* ---- single addresses ---- */

static void the_beginning_of_a_function_is_its_name_alone(void **state)
{
    (void)state;
    char name[128];
    backtrace_name((void *)(uintptr_t)take_outer, name, sizeof name);
    assert_string_equal(name, "take_outer (" PROGRAM ")");
    backtrace_name((char *)(uintptr_t)take_outer + 1, name, sizeof name);
    assert_string_equal(name, "take_outer+0x1 (" PROGRAM ")");
}

/* A function that does not return may be called by the very last instruction of another. */
static void a_return_address_stands_for_the_call_before_it(void **state)
{
    (void)state;
    struct chain chain;
    print_one(&chain, (char *)(uintptr_t)take_outer + 1);
    assert_string_equal(chain.text, "  take_outer+0x0 (" PROGRAM ")\n");
    print_one(&chain, (void *)(uintptr_t)take_outer);
    assert_null(strstr(chain.text, "take_outer"));
}

static void what_has_no_name_is_given_as_addr2line_wants_it(void **state)
{
    (void)state;
    static int datum;
    struct chain chain;
    struct sys_module module;
    char expected[SYS_MODULE_PATH_MAX + 64], name[SYS_MODULE_PATH_MAX + 64];
    assert_true(sys_find_module((uintptr_t)&datum, &module));
    uintptr_t offset = (uintptr_t)&datum - module.base;
    snprintf(expected, sizeof expected, "  %s+0x%zx\n", module.path, (size_t)offset - 1);
    assert_string_equal(print_one(&chain, &datum), expected);
    snprintf(expected, sizeof expected, "%s+0x%zx", module.path, (size_t)offset);
    backtrace_name(&datum, name, sizeof name);
    assert_string_equal(name, expected);
    assert_int_equal(access(module.path, R_OK), 0);
}

static void any_address_has_a_line(void **state)
{
    (void)state;
    void *on_heap = alloc_zeroed(1);
    void *const addresses[] = {NULL,
                               (void *)1,
                               (void *)UINTPTR_MAX,
                               (void *)((uintptr_t)1 << 63),
                               on_heap,
                               &on_heap,
                               (void *)getauxval(AT_SYSINFO_EHDR)};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct chain chain;
        char number[32], name[128];
        print_one(&chain, addresses[i]);
        assert_true(starts_with(chain.text, "  "));
        assert_ptr_equal(strchr(chain.text, '\n'), strrchr(chain.text, '\n'));
        assert_non_null(strstr(chain.text, "0x"));
        backtrace_name(addresses[i], name, sizeof name);
        assert_non_null(strstr(name, "0x"));
        snprintf(number, sizeof number, "  0x%zx\n", (size_t)addresses[i]);
        assert_true(i == 6 || strcmp(chain.text, number) == 0); /* the last one is the vdso's */
    }
    alloc_free(on_heap);
}

static void a_name_is_cut_off_where_the_buffer_ends(void **state)
{
    (void)state;
    const char *whole = "take_outer (" PROGRAM ")";
    for (size_t size = 0; size < 40; size++) {
        char name[64] = "unchanged";
        backtrace_name((void *)(uintptr_t)take_outer, name, size);
        if (size == 0)
            assert_string_equal(name, "unchanged");
        else
            assert_int_equal(strlen(name), strlen(whole) < size - 1 ? strlen(whole) : size - 1);
        assert_true(size == 0 || starts_with(whole, name));
    }
}

/* ---- files that cannot be read ---- */

/* A library of our own: the copy of one that is everywhere. */
struct library {
    char path[32];
    void *handle;
    void *function;
};

static void copy_file(const char *from, const char *to)
{
    void *bytes;
    size_t size;
    FILE *out = fopen(to, "wb");
    assert_non_null(out);
    assert_int_equal(sys_map_file(from, &bytes, &size), 0);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
    sys_unmap(bytes, size);
}

static void open_library(struct library *library)
{
    struct sys_module module;
    void *original = dlopen("libm.so.6", RTLD_NOW);
    assert_non_null(original);
    assert_true(sys_find_module((uintptr_t)dlsym(original, "fegetround"), &module));
    *library = (struct library){.path = "/tmp/hoop-XXXXXX"};
    int fd = mkstemp(library->path);
    assert_true(fd >= 0);
    close(fd);
    copy_file(module.path, library->path);
    dlclose(original);
    library->handle = dlopen(library->path, RTLD_NOW);
    assert_non_null(library->handle);
    library->function = dlsym(library->handle, "fegetround");
    assert_non_null(library->function);
}

static void assert_has_no_name(const struct library *library)
{
    char name[128];
    backtrace_name(library->function, name, sizeof name);
    assert_true(starts_with(name, library->path));
    assert_true(starts_with(name + strlen(library->path), "+0x"));
}

static void names_of_a_library_are_read_while_its_file_is_there(void **state)
{
    (void)state;
    struct library library;
    char name[128], expected[128];
    open_library(&library);
    snprintf(expected, sizeof expected, "fegetround (%s)", strrchr(library.path, '/') + 1);
    backtrace_name(library.function, name, sizeof name);
    assert_string_equal(name, expected);
    assert_int_equal(unlink(library.path), 0);
    assert_has_no_name(&library);
    dlclose(library.handle);
}

static void another_file_in_a_librarys_place_is_not_believed(void **state)
{
    (void)state;
    struct library library;
    struct sys_module program;
    open_library(&library);
    assert_int_equal(unlink(library.path), 0);
    assert_true(sys_find_module((uintptr_t)open_library, &program));
    copy_file(program.path, library.path);
    assert_has_no_name(&library);
    FILE *empty = fopen(library.path, "wb");
    assert_non_null(empty);
    fclose(empty);
    assert_has_no_name(&library);
    assert_int_equal(unlink(library.path), 0);
    assert_int_equal(mkfifo(library.path, 0600), 0); /* to open it would be to wait */
    assert_has_no_name(&library);
    assert_int_equal(unlink(library.path), 0);
    dlclose(library.handle);
}

/* With every failure there is a line for each address. */
static int print_whatever_fails(void *arg)
{
    struct chain *chain = arg;
    const char *text = print(chain);
    size_t lines = 0;
    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    assert_int_equal(lines, chain->count);
    assert_true(starts_with(text, "  "));
    bool is_named = strstr(text, "  take_inner+0x") != NULL;
    assert_true(is_named || hoop_testing_failed());
    assert_true(is_named || strstr(text, "0x") != NULL);
    char name[64];
    backtrace_name((void *)(uintptr_t)take_inner, name, sizeof name);
    assert_true(starts_with(name, "take_inner (") || hoop_testing_failed());
    return 0;
}

static void whatever_fails_costs_names_only(void **state)
{
    (void)state;
    struct chain chain;
    take(&chain, 32, 0);
    assert_true(fail_each(HOOP_FAIL_SYSCALL, print_whatever_fails, &chain) >= 8);
    assert_int_equal(fail_each(HOOP_FAIL_ALLOCATION, print_whatever_fails, &chain), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(static_functions_are_named),
        BEHAVIOUR(as_many_frames_are_skipped_as_asked_for),
        BEHAVIOUR(no_more_frames_are_taken_than_fit),
        BEHAVIOUR(of_a_deep_chain_the_inner_end_is_seen),
        BEHAVIOUR(a_chain_can_be_taken_in_a_signal_handler),
        BEHAVIOUR(the_beginning_of_a_function_is_its_name_alone),
        BEHAVIOUR(a_return_address_stands_for_the_call_before_it),
        BEHAVIOUR(what_has_no_name_is_given_as_addr2line_wants_it),
        BEHAVIOUR(any_address_has_a_line),
        BEHAVIOUR(a_name_is_cut_off_where_the_buffer_ends),
        BEHAVIOUR(names_of_a_library_are_read_while_its_file_is_there),
        BEHAVIOUR(another_file_in_a_librarys_place_is_not_believed),
        BEHAVIOUR(whatever_fails_costs_names_only),
    };
    return cmocka_run_group_tests_name("backtrace", tests, NULL, NULL);
}
