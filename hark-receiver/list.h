/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A ring of links inside what they link: first in, first out, and out of the middle at no cost. */
#ifndef RECEIVER_LIST_H
#define RECEIVER_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* An end of a list, or a member's place in it.  A member that is in no list points at itself. */
struct link {
	struct link *next;
	struct link *previous;
};

/* The struct whose member this link is. */
#define link_owner(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void
link_init(struct link *link)
{
	link->next = link;
	link->previous = link;
}

/* For an end: it has members.  For a member: it is in a list. */
static inline bool
link_is_linked(const struct link *link)
{
	return link->next != link;
}

/* Takes it out of the list that it is in, if any. */
static inline void
link_remove(struct link *link)
{
	link->previous->next = link->next;
	link->next->previous = link->previous;
	link_init(link);
}

/* Puts it last; it is moved where it is in a list already. */
static inline void
link_append(struct link *end, struct link *link)
{
	link_remove(link);
	link->previous = end->previous;
	link->next = end;
	end->previous->next = link;
	end->previous = link;
}

#endif
