/* A team that a ticket may go to. */
#pragma once
#include "db/db.h"

/** id 0: there is none of that name. */
struct ticket_team {
    int id, tier;
    const char *slug; /* the caller's */
};

/** Looks a team up; NULL gives none. Database failures. */
int ticket_team_find(struct db_conn *conn, const char *slug, struct ticket_team *ret_team) _must_check_;
