/* The table of kinds, read both ways. Called by intake for bodies and by the router; nothing here can fail
 * but parsing. */
#include "domain/ticket_link.h"
#include "meridian/errors.h"

static const struct {
    const char *forwards, *backwards;
} words[] = {
#define X(constant, forwards, backwards) {forwards, backwards},
    TICKET_LINKS(X)
#undef X
};

const char *ticket_link_word(enum ticket_link link, bool backwards)
{
    return backwards ? words[link].backwards : words[link].forwards;
}

int ticket_link_parse(struct str word, enum ticket_link *ret_link, bool *ret_backwards)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        bool forwards = str_eq(word, str_from(words[i].forwards));

        if (!forwards && !str_eq(word, str_from(words[i].backwards)))
            continue;
        *ret_link = (enum ticket_link)i;
        *ret_backwards = !forwards;
        return 0;
    }
    return -E_BAD_REQUEST;
}
