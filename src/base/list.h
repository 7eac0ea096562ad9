/* SPDX-License-Identifier: MIT
 *
 * Circular doubly linked lists of nodes that live inside other structs. A list is a
 * node that is its own head; a node that is on no list points to itself, so that
 * removing it twice does nothing.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <hoop/embed.h>

/* The struct of TYPE whose MEMBER is at POINTER. */
#define CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(hoop_link *link)
{
    link->prev = link;
    link->next = link;
}

static inline bool list_is_empty(const hoop_link *list)
{
    return list->next == list;
}

static inline bool list_is_linked(const hoop_link *link)
{
    return link->next != link;
}

/* LINK must be on no list. */
static inline void list_append(hoop_link *list, hoop_link *link)
{
    hoop_link *last = list->prev;
    link->prev = last;
    link->next = list;
    last->next = link;
    list->prev = link;
}

static inline void list_remove(hoop_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* The first node, taken off; NULL if there is none. */
static inline hoop_link *list_pop(hoop_link *list)
{
    hoop_link *first = list->next;
    if (first == list)
        return NULL;
    list_remove(first);
    return first;
}

/* Appends all of FROM to LIST, and leaves FROM empty. */
static inline void list_splice(hoop_link *list, hoop_link *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = list->prev;
    list->prev->next = from->next;
    from->prev->next = list;
    list->prev = from->prev;
    list_init(from);
}

#endif
