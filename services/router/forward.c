/* What a router does in a region without the primary: pass the request on unchanged to the routers of the
 * home region, one hop further, and its answer back. It decides nothing and keeps nothing, so that it needs
 * no care when the primary moves.
 */
#include "base/clock.h"
#include "meridian/errors.h"
#include "router/state.h"

enum { MOST_HOPS = 2 };

static void on_reply(void *ctx, int status, const Meridian__Reply *reply)
{
    struct job *job = ctx;
    struct router *router = job->router;

    if (status < 0) {
        router_finish(job, status);
        return;
    }
    if (reply->has_cluster_epoch)
        router_saw_epoch(router, (int64_t)reply->cluster_epoch);
    router_pass_reply(job, reply);
}

void forward_request(struct job *job)
{
    struct router *router = job->router;
    Meridian__Request request = *job->request;
    int64_t left_us = job->deadline_us - clock_monotonic_us();

    if (!router->home || (request.has_hops && request.hops >= MOST_HOPS)) {
        outcome_refuse(&job->out, 0, "No router beside the primary was found");
        router_finish(job, -E_UNAVAILABLE);
        return;
    }
    request.has_hops = true;
    request.hops = job->request->has_hops ? job->request->hops + 1 : 1;
    if (!request.has_cluster_epoch || (int64_t)request.cluster_epoch < router->cluster_epoch) {
        request.has_cluster_epoch = router->cluster_epoch > 0;
        request.cluster_epoch = (uint64_t)router->cluster_epoch;
    }
    /* Half the patience for the first attempt: if that router dies meanwhile, the other one is asked the same
     * in time. */
    bus_call(router->home, &request, left_us / 2, left_us, on_reply, job);
}
