/* An intrusive doubly linked list. A node is in at most one list; an unlinked node points to itself or is
 * zeroed. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *list)
{
    list->next = list->prev = list;
}
static inline bool list_empty(const struct list *list)
{
    return !list->next || list->next == list;
}
static inline void list_append(struct list *list, struct list *node)
{
    node->prev = list->prev;
    node->next = list;
    list->prev->next = node;
    list->prev = node;
}
static inline void list_remove(struct list *node)
{
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = node;
}
/** Takes the first node off, or NULL. */
static inline struct list *list_pop(struct list *list)
{
    struct list *node = list->next;
    if (list_empty(list))
        return NULL;
    list_remove(node);
    return node;
}
#define LIST_FOR(node, head)                                                                                 \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head);                        \
         node = node##_next, node##_next = node->next)
