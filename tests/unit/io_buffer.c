/* SPDX-License-Identifier: MIT
 *
 * The byte buffer: random operations against a model, and memory that is refused.
 */
#include "harness.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/buffer.h"

enum { MODEL_SIZE = 1 << 16 };

/* The same bytes, in the middle of an array that is large enough. */
struct model {
    char bytes[MODEL_SIZE];
    size_t start;
    size_t size;
};

static void model_add(struct model *model, const char *data, size_t size)
{
    memcpy(model->bytes + model->start + model->size, data, size);
    model->size += size;
}

static void model_add_in_front(struct model *model, const char *data, size_t size)
{
    model->start -= size;
    memcpy(model->bytes + model->start, data, size);
    model->size += size;
}

static void model_drop(struct model *model, size_t size)
{
    model->start += size;
    model->size -= size;
}

static void assert_same(const struct buffer *buffer, const struct model *model)
{
    assert_int_equal(buffer->size, model->size);
    assert_true(buffer->start + buffer->size <= buffer->capacity);
    assert_true((buffer->memory == NULL) == (buffer->capacity == 0));
    if (model->size > 0)
        assert_memory_equal(buffer_data(buffer), model->bytes + model->start, model->size);
    else
        assert_null(buffer->memory);
}

static void add_some(struct buffer *buffer, struct model *model, const char *data, size_t size,
                     uint64_t choice)
{
    int rc = 0;
    if (choice % 3 == 0) {
        char *place = buffer_reserve(buffer, size);
        assert_non_null(place);
        assert_true(buffer_room(buffer) >= size);
        memcpy(place, data, size);
        buffer_added(buffer, size);
        model_add(model, data, size);
    } else if (choice % 3 == 1) {
        rc = buffer_append(buffer, data, size);
        model_add(model, data, size);
    } else {
        rc = buffer_prepend(buffer, data, size);
        model_add_in_front(model, data, size);
    }
    assert_int_equal(rc, 0);
}

static void drop_some(struct buffer *buffer, struct model *model, uint64_t choice)
{
    char taken[4096];
    size_t size = choice / 2 % (model->size + 1);
    if (choice % 2 == 0) {
        if (size > sizeof taken)
            size = sizeof taken;
        assert_int_equal(buffer_take(buffer, taken, size), size);
        assert_memory_equal(taken, model->bytes + model->start, size);
    } else {
        buffer_consume(buffer, size);
    }
    model_drop(model, size);
}

static void any_operations_keep_the_bytes_in_order(void **state)
{
    (void)state;
    static struct model model;
    uint64_t random = 1;
    for (int round = 0; round < 200; round++) {
        struct buffer buffer = {0};
        model.start = MODEL_SIZE / 2;
        model.size = 0;
        for (int step = 0; step < 60; step++) {
            char data[700];
            size_t size = 1 + hoop_testing_random(&random) % 500;
            for (size_t i = 0; i < size; i++)
                data[i] = (char)hoop_testing_random(&random);
            uint64_t choice = hoop_testing_random(&random);
            if (choice % 5 < 3)
                add_some(&buffer, &model, data, size, choice / 5);
            else
                drop_some(&buffer, &model, choice / 5);
            assert_same(&buffer, &model);
        }
        buffer_done(&buffer);
    }
}

static void an_empty_buffer_has_no_memory(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    assert_int_equal(buffer_append(&buffer, "abc", 3), 0);
    assert_non_null(buffer.memory);
    buffer_consume(&buffer, 2);
    assert_non_null(buffer.memory);
    buffer_consume(&buffer, 1);
    assert_null(buffer.memory);
    assert_int_equal(buffer.capacity, 0);
    assert_int_equal(buffer_append(&buffer, "abc", 0), 0);
    assert_int_equal(buffer_prepend(&buffer, "abc", 0), 0);
    assert_null(buffer.memory);
}

static void taking_more_than_there_is_takes_all(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    char taken[8];
    assert_int_equal(buffer_take(&buffer, taken, sizeof taken), 0);
    assert_int_equal(buffer_append(&buffer, "abc", 3), 0);
    assert_int_equal(buffer_take(&buffer, taken, sizeof taken), 3);
    assert_memory_equal(taken, "abc", 3);
    assert_null(buffer.memory);
}

static void bytes_that_pass_through_do_not_make_it_grow(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    char data[100] = {0};
    assert_int_equal(buffer_append(&buffer, data, sizeof data), 0);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(buffer_append(&buffer, data, sizeof data), 0);
        buffer_consume(&buffer, sizeof data);
    }
    assert_true(buffer.capacity <= 1024);
    buffer_done(&buffer);
}

/* Doubling: each byte is moved a few times only. */
static void many_small_pieces_make_few_allocations(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    unsigned moves = 0;
    for (int i = 0; i < 100000; i++) {
        size_t capacity = buffer.capacity;
        assert_int_equal(buffer_append(&buffer, "0123456789", 10), 0);
        moves += buffer.capacity != capacity;
    }
    assert_int_equal(buffer.size, 1000000);
    assert_true(moves < 20);
    assert_true(buffer.capacity <= 4 * buffer.size);
    buffer_done(&buffer);
}

static int append_twice(struct buffer *buffer)
{
    char data[600];
    memset(data, 'x', sizeof data);
    int rc = buffer_append(buffer, data, 400);
    return rc < 0 ? rc : buffer_append(buffer, data, sizeof data);
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 3; n++) {
        struct buffer buffer = {0};
        hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, n);
        int rc = append_twice(&buffer);
        hoop_testing_fail_nth(0, 0);
        assert_int_equal(rc, n <= 2 ? -ENOMEM : 0);
        assert_int_equal(buffer.size, n == 1 ? 0 : n == 2 ? 400 : 1000);
        for (size_t i = 0; i < buffer.size; i++)
            assert_int_equal(buffer_data(&buffer)[i], 'x');
        buffer_done(&buffer);
    }
}

static void without_memory_nothing_is_put_in_front(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    assert_int_equal(buffer_append(&buffer, "world", 5), 0);
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    assert_int_equal(buffer_prepend(&buffer, "hello ", 6), -ENOMEM);
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(buffer.size, 5);
    assert_int_equal(buffer_prepend(&buffer, "hello ", 6), 0);
    assert_memory_equal(buffer_data(&buffer), "hello world", 11);
    buffer_done(&buffer);
}

static void a_size_that_no_memory_has_is_refused(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    assert_int_equal(buffer_append(&buffer, "abc", 3), 0);
    assert_null(buffer_reserve(&buffer, SIZE_MAX - 1));
    assert_int_equal(buffer_prepend(&buffer, "abc", SIZE_MAX - 1), -ENOMEM);
    assert_int_equal(buffer.size, 3);
    assert_memory_equal(buffer_data(&buffer), "abc", 3);
    buffer_done(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(any_operations_keep_the_bytes_in_order),
        BEHAVIOUR(an_empty_buffer_has_no_memory),
        BEHAVIOUR(taking_more_than_there_is_takes_all),
        BEHAVIOUR(bytes_that_pass_through_do_not_make_it_grow),
        BEHAVIOUR(many_small_pieces_make_few_allocations),
        BEHAVIOUR(without_memory_nothing_changes),
        BEHAVIOUR(without_memory_nothing_is_put_in_front),
        BEHAVIOUR(a_size_that_no_memory_has_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
