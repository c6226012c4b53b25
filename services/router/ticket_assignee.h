/* Whom a ticket may be given to by name. */
#pragma once
#include "db/db.h"
#include "meridian/ticket.h"

/** id NULL: there is nobody of that login. */
struct ticket_assignee {
    const char *id, *login, *region; /* belong to `result` */
    enum user_role role;
    bool disabled;
    bool member; /* of the team that was asked about */
    struct db_result result;
};

/** Looks somebody up by `login`, and whether they are in `team`; NULL finds nobody. Database failures. */
int ticket_assignee_find(struct db_conn *conn, const char *login, int team,
                         struct ticket_assignee *ret_assignee) _must_check_;
void ticket_assignee_fini(struct ticket_assignee *assignee);
#define _cleanup_ticket_assignee_ _cleanup_(ticket_assignee_fini)
