/* The API: one table of routes and the dispatcher that walks it. */
#pragma once
#include "auth/authz.h"
#include "intake/call.h"

/* Actions beside those of authz.h. */
enum {
    ROUTE_OPEN = -1,      /* anybody, signed in or not */
    ROUTE_SIGNED_IN = -2, /* anybody who is signed in, for themselves */
};
enum route_body { BODY_NONE, BODY_JSON, BODY_MAY_BE_EMPTY };

struct route {
    enum http_method method;
    /* "{number}" stands for a ticket's number, "{seq}" for that of a reply, "{name}" for a team's name or a
     * login. */
    const char *pattern;
    int action;  /* enum ticket_action, enum authz_action or one of the above */
    bool object; /* whether this ticket may be seen or changed is judged where the ticket is: row-level
                    security, the authority */
    enum route_body body;
    void (*handler)(struct call *call);
    const char *const *query; /* allowed query parameters, NULL-terminated; NULL: none */
};
extern const struct route api_routes[];
extern const size_t api_routes_n;

/** May somebody with this role (NULL: not signed in) come as far as the handler? Deny by default. */
enum authz_verdict route_verdict(const struct route *route, const struct authz_subject *subject);

/** The http_options.handler and .render_error; ctx is the struct intake. */
void api_handle(void *ctx, struct http_exchange *x);
void api_render_error(void *ctx, int code, struct buf *ret_body, const char **ret_content_type);

/** A number in capitals, or false for what cannot be one. */
bool api_take_number(struct str text, char ret_number[SPOOL_NUMBER_SIZE]);

/* The handlers, by file. */
void session_post(struct call *call); /* account.c */
void session_delete(struct call *call);
void me_get(struct call *call);
void teams_get(struct call *call);
void ticket_post(struct call *call); /* submit.c */
void tickets_get(struct call *call); /* tickets.c */
void ticket_get(struct call *call);
void ticket_events_get(struct call *call);
void ticket_links_get(struct call *call);
void ticket_eligibility_get(struct call *call);
void queue_get(struct call *call);
void command_post(struct call *call); /* commands.c */
void claim_next_post(struct call *call);
void events_get(struct call *call); /* stream.c */
struct feed_viewer;
bool stream_still(void *ctx, const struct feed_viewer *viewer);
void status_get(struct call *call); /* operate.c */
void audit_get(struct call *call);
void dead_letters_get(struct call *call);
void dead_letters_replay_post(struct call *call);
void sla_plan_get(struct call *call); /* versioned.c */
void sla_plan_post(struct call *call);
void organisation_get(struct call *call);
void organisation_post(struct call *call);
void ticket_sla_get(struct call *call);
void sla_history_get(struct call *call);
void sla_feeds_get(struct call *call);
void sla_tzdata_get(struct call *call);
void oncall_swaps_get(struct call *call);
void oncall_swap_post(struct call *call);
void oncall_swap_take_post(struct call *call);
void oncall_swap_decline_post(struct call *call);
void oncall_swap_withdraw_post(struct call *call);
void presence_get(struct call *call); /* presence.c */
void presence_put(struct call *call);
void presence_of_agent_put(struct call *call);
void team_agents_get(struct call *call);
void offers_get(struct call *call);
void ticket_dispatch_get(struct call *call);
void confirmation_get(struct call *call); /* confirmation.c */
void confirmation_post(struct call *call);
void home_get(struct call *call); /* site.c */
void openapi_get(struct call *call);
