/* SPDX-License-Identifier: MIT
 *
 * Circular lists of hoop_link, whose head is a link too; a link that is on no list points to
 * itself.
 */
#ifndef LINK_H
#define LINK_H

#include <hoop/embed.h>

static inline void link_init(hoop_link *link)
{
    link->prev = link->next = link;
}

static inline bool link_is_alone(const hoop_link *link)
{
    return link->next == link;
}

static inline void link_append(hoop_link *list, hoop_link *link)
{
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

static inline void link_remove(hoop_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link_init(link);
}

/* Puts all of FROM in front of TO. */
static inline void link_prepend_all(hoop_link *to, hoop_link *from)
{
    if (link_is_alone(from))
        return;
    from->prev->next = to->next;
    to->next->prev = from->prev;
    to->next = from->next;
    from->next->prev = to;
    link_init(from);
}

#endif
