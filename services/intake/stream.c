/* GET /events: from a call to a subscriber of the feed. */
#include "intake/api.h"
#include "intake/feed.h"
#include "intake/query.h"
#include "intake/sessions.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"

/* Another role or other teams: the stream ends too, so that the client comes back with its new rights. */
bool stream_still(void *ctx, const struct feed_viewer *viewer)
{
    struct intake *intake = ctx;
    const struct store_session *session = sessions_present(intake->sessions, viewer->token_hash);

    return session && session->role == (uint32_t)viewer->role && session->nteams == viewer->nteams &&
           (!viewer->nteams ||
            memcmp(session->teams, viewer->teams, viewer->nteams * sizeof *viewer->teams) == 0);
}

void events_get(struct call *call)
{
    struct intake *intake = call->intake;
    _cleanup_buf_ struct buf ticket = BUF_INIT;
    struct feed_viewer viewer = {(enum user_role)call->session.role,
                                 call->session.user_id,
                                 call->session.teams,
                                 call->session.nteams,
                                 {0}};
    const char *route = call->route->pattern;
    int r;

    memcpy(viewer.token_hash, call->token_hash, sizeof viewer.token_hash);
    if (!query_text(call, "ticket", SPOOL_NUMBER_SIZE - 1, &ticket))
        return;
    if (!intake->feed) {
        call_problem(call, E_UNAVAILABLE, "this region has no database to follow");
        return;
    }
    r = feed_subscribe(intake->feed, call->x, &viewer, buf_str(&ticket),
                       http_header(call->x, "Last-Event-ID"));
    if (r == -E_RATE_LIMITED)
        call_problem(call, E_RATE_LIMITED, "you have too many event streams open here; close one first");
    else if (r < 0)
        call_problem(call, E_UNAVAILABLE, "too many clients follow the events here");
    else
        metric_add(intake->requests, route, 1); /* the call is gone, the stream has its exchange */
}
