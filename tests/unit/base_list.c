/* SPDX-License-Identifier: MIT
 *
 * Intrusive lists: order, removal at any time, joining two.
 */
#include "harness.h"

#include "base/list.h"

struct item {
    int number;
    hoop_link link;
};

static void item_init(struct item *item, int number)
{
    item->number = number;
    list_init(&item->link);
}

static void append_all(hoop_link *list, struct item *items, int count, int first_number)
{
    for (int i = 0; i < count; i++) {
        item_init(&items[i], first_number + i);
        list_append(list, &items[i].link);
    }
}

/* Forwards and backwards, as a broken `prev` shows only at the next removal. */
static void assert_numbers(const hoop_link *list, const int *numbers, int count)
{
    const hoop_link *link = list->next;
    for (int i = 0; i < count; i++, link = link->next) {
        assert_int_equal(CONTAINER_OF(link, struct item, link)->number, numbers[i]);
        assert_ptr_equal(link->prev->next, link);
    }
    assert_ptr_equal(link, list);
    link = list->prev;
    for (int i = count; i-- > 0; link = link->prev)
        assert_int_equal(CONTAINER_OF(link, struct item, link)->number, numbers[i]);
    assert_ptr_equal(link, list);
}

static void nodes_come_off_in_the_order_in_which_they_were_appended(void **state)
{
    (void)state;
    hoop_link list;
    struct item items[3];
    list_init(&list);
    assert_true(list_is_empty(&list));
    assert_null(list_pop(&list));
    append_all(&list, items, 3, 0);
    assert_false(list_is_empty(&list));
    for (int i = 0; i < 3; i++) {
        hoop_link *link = list_pop(&list);
        assert_ptr_equal(link, &items[i].link);
        assert_false(list_is_linked(link));
    }
    assert_null(list_pop(&list));
}

static void a_node_can_be_removed_from_anywhere_and_twice(void **state)
{
    (void)state;
    hoop_link list;
    struct item items[5];
    list_init(&list);
    append_all(&list, items, 5, 0);
    list_remove(&items[2].link);
    assert_numbers(&list, (int[]){0, 1, 3, 4}, 4);
    list_remove(&items[0].link);
    list_remove(&items[4].link);
    assert_numbers(&list, (int[]){1, 3}, 2);
    assert_false(list_is_linked(&items[4].link));
    list_remove(&items[4].link); /* on no list: nothing happens */
    list_append(&list, &items[4].link);
    assert_numbers(&list, (int[]){1, 3, 4}, 3);
}

static void splicing_appends_all_and_leaves_the_other_list_empty(void **state)
{
    (void)state;
    hoop_link list, from;
    struct item items[3], others[2];
    list_init(&list);
    list_init(&from);
    append_all(&from, items, 3, 0);
    list_splice(&list, &from); /* to an empty list */
    assert_numbers(&list, (int[]){0, 1, 2}, 3);
    assert_true(list_is_empty(&from));
    append_all(&from, others, 2, 3);
    list_splice(&list, &from);
    assert_numbers(&list, (int[]){0, 1, 2, 3, 4}, 5);
    list_splice(&list, &from); /* an empty one */
    assert_numbers(&list, (int[]){0, 1, 2, 3, 4}, 5);
    list_append(&from, &(struct item){0}.link);
    assert_false(list_is_empty(&from));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(nodes_come_off_in_the_order_in_which_they_were_appended),
        BEHAVIOUR(a_node_can_be_removed_from_anywhere_and_twice),
        BEHAVIOUR(splicing_appends_all_and_leaves_the_other_list_empty),
    };
    return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
