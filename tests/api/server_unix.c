/* SPDX-License-Identifier: MIT
 *
 * Servers and connections on Unix sockets, and what becomes of their files.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "network.h"

/* A path for a socket in a new folder. */
struct folder {
    char name[64];
    char path[96];
};

static struct folder folder_new(void)
{
    struct folder folder = {.name = "/tmp/hoop-unix-XXXXXX"};
    assert_non_null(mkdtemp(folder.name));
    snprintf(folder.path, sizeof folder.path, "%s/socket", folder.name);
    return folder;
}

/* Nothing must be left in it. */
static void folder_end(const struct folder *folder)
{
    assert_int_equal(rmdir(folder->name), 0);
}

static hoop_server *serve_at(const char *path)
{
    hoop_server *server = NULL;
    assert_int_equal(hoop_start_unix_server(echo, NULL, path, NULL, &server), 0);
    return server;
}

static void assert_serves_at(const char *path)
{
    hoop_stream *stream = NULL;
    assert_int_equal(hoop_open_unix_connection(path, NULL, &stream), 0);
    assert_echoes(stream, path);
    assert_int_equal(hoop_stream_close(stream), 0);
}

/* A socket's file, with a socket that listens; or after close(), one that nobody listens on. */
static int bind_plainly(const char *path, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, path, strlen(path) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

IN_A_TASK(a_server_on_a_file_removes_it_when_it_is_closed)
{
    struct folder folder = folder_new();
    hoop_server *server = serve_at(folder.path);
    assert_serves_at(folder.path);
    assert_true(exists(folder.path));
    hoop_server_close(server);
    assert_false(exists(folder.path));
    end_server(server);
    folder_end(&folder);
}

IN_A_TASK(an_abstract_name_is_no_file)
{
    char name[64];
    hoop_address address;
    snprintf(name, sizeof name, "@hoop-test-%d", getpid());
    hoop_server *server = serve_at(name), *other = NULL;
    assert_serves_at(name);
    assert_int_equal(hoop_server_address(server, 0, &address), 0);
    assert_int_equal(hoop_start_unix_server(echo, NULL, name, NULL, &other), -EADDRINUSE);
    end_server(server);
}

IN_A_TASK(the_file_of_a_server_that_is_gone_is_replaced)
{
    struct folder folder = folder_new();
    close(bind_plainly(folder.path, SOCK_STREAM));
    hoop_server *server = serve_at(folder.path);
    assert_serves_at(folder.path);
    end_server(server);
    folder_end(&folder);
}

IN_A_TASK(the_file_of_a_server_that_lives_is_left_alone)
{
    struct folder folder = folder_new();
    hoop_server *server = serve_at(folder.path), *other = NULL;
    assert_int_equal(hoop_start_unix_server(echo, NULL, folder.path, NULL, &other), -EADDRINUSE);
    assert_null(other);
    assert_serves_at(folder.path);
    end_server(server);
    folder_end(&folder);
}

IN_A_TASK(a_file_that_is_no_servers_is_left_alone)
{
    struct folder folder = folder_new();
    hoop_server *server = NULL;
    fclose(fopen(folder.path, "w"));
    assert_int_equal(hoop_start_unix_server(echo, NULL, folder.path, NULL, &server), -EADDRINUSE);
    assert_int_equal(unlink(folder.path), 0);
    int fd = bind_plainly(folder.path, SOCK_DGRAM);
    assert_int_equal(hoop_start_unix_server(echo, NULL, folder.path, NULL, &server), -EADDRINUSE);
    close(fd);
    assert_int_equal(unlink(folder.path), 0);
    assert_null(server);
    folder_end(&folder);
}

IN_A_TASK(a_file_that_has_become_anothers_is_left_to_it)
{
    struct folder folder = folder_new();
    hoop_server *server = serve_at(folder.path);
    assert_int_equal(unlink(folder.path), 0);
    int fd = bind_plainly(folder.path, SOCK_STREAM);
    end_server(server);
    assert_true(exists(folder.path));
    close(fd);
    assert_int_equal(unlink(folder.path), 0);
    folder_end(&folder);
}

IN_A_TASK(the_files_permissions_can_be_chosen)
{
    struct folder folder = folder_new();
    hoop_server *server;
    struct stat status;
    const hoop_server_options options = {.unix_mode = 0640};
    assert_int_equal(hoop_start_unix_server(echo, NULL, folder.path, &options, &server), 0);
    assert_int_equal(stat(folder.path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    end_server(server);
    folder_end(&folder);
}

IN_A_TASK(paths_that_cannot_be_are_refused)
{
    hoop_server *server = NULL;
    hoop_stream *stream = NULL;
    char path[200];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(hoop_start_unix_server(echo, NULL, path, NULL, &server), -ENAMETOOLONG);
    assert_int_equal(hoop_start_unix_server(echo, NULL, NULL, NULL, &server), -EINVAL);
    assert_int_equal(hoop_start_unix_server(echo, NULL, "/nowhere/x", NULL, &server), -ENOENT);
    assert_int_equal(hoop_open_unix_connection(path, NULL, &stream), -ENAMETOOLONG);
    assert_int_equal(hoop_open_unix_connection("/nowhere/x", NULL, &stream), -ENOENT);
    assert_string_equal(hoop_error_message(), "unix:/nowhere/x: ENOENT");
    assert_null(server);
    assert_null(stream);
}

static int64_t connect_at(void *path)
{
    assert_serves_at(path);
    return 0;
}

/* The system does not tell when there is room again, so connecting looks now and then. */
IN_A_TASK(a_server_that_has_no_room_yet_is_waited_for)
{
    struct folder folder = folder_new();
    hoop_server *server;
    const hoop_server_options options = {.backlog = 1, .do_not_serve = true};
    assert_int_equal(hoop_start_unix_server(echo, NULL, folder.path, &options, &server), 0);
    hoop_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = hoop_create_task(connect_at, folder.path);
    assert_int_equal(hoop_sleep(1), 0);
    for (int i = 0; i < 4; i++)
        assert_false(hoop_task_is_done(tasks[i]));
    assert_int_equal(hoop_server_start_serving(server), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    end_server(server);
    folder_end(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_server_on_a_file_removes_it_when_it_is_closed),
        BEHAVIOUR(an_abstract_name_is_no_file),
        BEHAVIOUR(the_file_of_a_server_that_is_gone_is_replaced),
        BEHAVIOUR(the_file_of_a_server_that_lives_is_left_alone),
        BEHAVIOUR(a_file_that_is_no_servers_is_left_alone),
        BEHAVIOUR(a_file_that_has_become_anothers_is_left_to_it),
        BEHAVIOUR(the_files_permissions_can_be_chosen),
        BEHAVIOUR(paths_that_cannot_be_are_refused),
        BEHAVIOUR(a_server_that_has_no_room_yet_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
