/* SPDX-License-Identifier: MIT
 *
 * TLS while memory or the system fails, at each call in turn: an error comes out, and nothing
 * stays behind. OpenSSL's own memory is its own affair, and does not fail here.
 */
#include "tls_pair.h"

/* ---- making a hoop_tls ---- */

static int make(hoop_tls *(*new)(const hoop_tls_options *), const hoop_tls_options *options,
                hoop_tls **ret_tls)
{
    *ret_tls = new (options);
    return *ret_tls != NULL ? 0 : hoop_last_error();
}

static int make_both(void *arg)
{
    (void)arg;
    static const char *const alpn[] = {"h2", NULL};
    hoop_tls *client = NULL, *server = NULL, *other = NULL;
    int rc = make(hoop_tls_client_new,
                  &(hoop_tls_options){.authority = authority.path, .alpn = alpn}, &client);
    if (rc == 0)
        rc = make(hoop_tls_server_new,
                  &(hoop_tls_options){.certificate = server_identity.path,
                                      .authority = authority.path,
                                      .alpn = alpn},
                  &server);
    if (rc == 0)
        rc = make(hoop_tls_server_new, &(hoop_tls_options){.certificate = stranger.path}, &other);
    if (rc == 0)
        rc = hoop_tls_add_name(server, "*.example.com", other);
    hoop_tls_unref(other);
    hoop_tls_unref(client);
    hoop_tls_unref(server);
    assert_true(rc == 0 || rc == -ENOMEM || rc == -HOOP_TESTING_ERRNO);
    return rc;
}

static void a_hoop_tls_is_made_or_not(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_ALLOCATION, make_both, NULL);
    fail_each(HOOP_FAIL_SYSCALL, make_both, NULL);
}

/* ---- a conversation ---- */

static hoop_tls *client_tls, *server_tls;

/* One end of it; the first error, or 0. */
struct talker {
    hoop_stream *stream;
    bool is_server;
    int64_t result;
};

static int64_t exchange(struct talker *talker)
{
    static char data[70000];
    char *received = malloc(sizeof data);
    hoop_stream *stream = talker->stream;
    int64_t rc =
        hoop_stream_start_tls(stream, talker->is_server ? server_tls : client_tls, "example.org");
    for (int i = 0; i < 2 && rc >= 0; i++) {
        if ((i == 0) == talker->is_server)
            rc = hoop_stream_readexactly(stream, received, sizeof data);
        else
            rc = hoop_stream_write(stream, data, sizeof data);
    }
    free(received);
    return rc < 0 ? rc : 0;
}

/* A coroutine: has its part in the conversation, and closes its end. */
static int64_t talk(void *arg)
{
    struct talker *talker = arg;
    talker->result = exchange(talker);
    int rc = hoop_stream_close(talker->stream);
    if (talker->result == 0)
        talker->result = rc;
    return 0;
}

static int64_t converse(void *arg)
{
    (void)arg;
    struct talker client = {0}, server = {.is_server = true};
    int rc = hoop_stream_pair(NULL, &client.stream, &server.stream);
    if (rc < 0)
        return rc;
    hoop_task *task = hoop_create_task(talk, &server);
    if (task == NULL) {
        hoop_stream_abort(client.stream);
        hoop_stream_abort(server.stream);
        return hoop_last_error();
    }
    talk(&client);
    int64_t awaited = hoop_await(task);
    if (awaited < 0) { /* it had no stack */
        hoop_stream_abort(server.stream);
        return awaited;
    }
    return client.result < 0 ? client.result : server.result;
}

static int run_conversation(void *arg)
{
    struct reports reports = {0};
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL});
    if (loop == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(loop, reports_add, &reports);
    hoop_task *task = hoop_create_task_with(converse, arg, &(hoop_task_options){.loop = loop});
    int64_t rc = task != NULL ? 0 : hoop_last_error();
    if (task != NULL) {
        do /* once more if the loop could not wait */
            rc = hoop_run_until_done(loop, hoop_task_future(task));
        while (!hoop_task_is_done(task));
        hoop_task_detach(task);
    }
    hoop_close(loop);
    return (int)rc;
}

static void run_each(unsigned kinds)
{
    server_tls = server_tls_with((hoop_tls_options){0});
    client_tls = client_tls_with((hoop_tls_options){0});
    /* What a client keeps of its sessions is no leak, but would look like one. */
    SSL_CTX_sess_set_new_cb(hoop_tls_context(client_tls), NULL);
    fail_each(kinds, run_conversation, NULL);
    hoop_tls_unref(client_tls);
    hoop_tls_unref(server_tls);
}

static void a_conversation_without_memory_ends_with_an_error(void **state)
{
    (void)state;
    run_each(HOOP_FAIL_ALLOCATION);
}

static void a_conversation_with_a_failing_system_ends_with_an_error(void **state)
{
    (void)state;
    run_each(HOOP_FAIL_SYSCALL);
}

static void memory_that_fails_at_random_leaves_nothing_behind(void **state)
{
    (void)state;
    server_tls = server_tls_with((hoop_tls_options){0});
    for (uint32_t seed = 0; seed < 200; seed++) {
        client_tls = client_tls_with((hoop_tls_options){0});
        hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION, seed, 40);
        int rc = run_conversation(NULL);
        hoop_testing_fail_nth(0, 0);
        assert_true(rc == 0 || rc == -ENOMEM || rc == HOOP_ECUT || rc == -ECONNRESET ||
                    rc == -EPIPE || rc == HOOP_EINCOMPLETE);
        hoop_tls_unref(client_tls);
    }
    hoop_tls_unref(server_tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_hoop_tls_is_made_or_not),
        BEHAVIOUR(a_conversation_without_memory_ends_with_an_error),
        BEHAVIOUR(a_conversation_with_a_failing_system_ends_with_an_error),
        BEHAVIOUR(memory_that_fails_at_random_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, identities_make, identities_forget);
}
