/* The words of both ends of every kind. */
#include "domain/ticket_link.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>

Test(ticket_link, words_go_both_ways)
{
    for (int i = 0; i < TICKET_LINKS_N; i++)
        for (int b = 0; b < 2; b++) {
            enum ticket_link link;
            bool backwards;

            cr_assert_eq(
                ticket_link_parse(str_from(ticket_link_word((enum ticket_link)i, b)), &link, &backwards), 0);
            cr_expect_eq((int)link, i);
            cr_expect(backwards == (bool)b || link == LINK_RELATED);
        }
}

Test(ticket_link, others_are_none)
{
    enum ticket_link link;
    bool backwards;

    cr_expect_eq(ticket_link_parse(STR("depends"), &link, &backwards), -E_BAD_REQUEST);
    cr_expect_eq(ticket_link_parse(STR(""), &link, &backwards), -E_BAD_REQUEST);
    cr_expect_eq(ticket_link_parse((struct str){0}, &link, &backwards), -E_BAD_REQUEST);
}
