/* Groups of claims.
 *
 * A group is one statement (claim.c). Whatever goes wrong with a group as a whole, and a claim that found
 * every head of its queue held by others, is tried again alone (router_work), where the pool repeats what may
 * be repeated; the keys make that safe also after a commit whose answer was lost.
 */
#include "router/claim_group.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "router/state.h"

enum { GROUPS_AT_ONCE = 1 }; /* a second one would mostly find what the first one holds */

struct group {
    struct claim_groups *groups;
    size_t n;
    struct job *jobs[CLAIMS_TOGETHER_MAX];
    int status[CLAIMS_TOGETHER_MAX];
};

static int group_work(struct db_conn *conn, void *arg)
{
    struct group *group = arg;

    if (group->n == 1)
        return router_run(conn, group->jobs[0]);
    return claim_next_together(conn, group->jobs, group->n, group->status);
}

static void next_group(struct claim_groups *groups);

static void group_done(void *arg, int status)
{
    struct group *group = arg;
    struct claim_groups *groups = group->groups;

    groups->running--;
    next_group(groups);
    for (size_t i = 0; i < group->n; i++) {
        struct job *job = group->jobs[i];

        if (group->n == 1) {
            router_worked(job, status);
            continue;
        }
        if (status == -E_DB_UNCERTAIN)
            job->uncertain = true;
        if (status < 0 || group->status[i] == -E_DB_RETRY)
            router_work(job);
        else
            router_worked(job, group->status[i]);
    }
    free(group);
}

static void next_group(struct claim_groups *groups)
{
    while (groups->running < GROUPS_AT_ONCE && groups->nwaiting) {
        struct group *group = NEW(struct group);
        int r;

        group->groups = groups;
        while (group->n < CLAIMS_TOGETHER_MAX && groups->nwaiting) {
            group->jobs[group->n++] = CONTAINER_OF(list_pop(&groups->waiting), struct job, node);
            groups->nwaiting--;
        }
        groups->running++;
        r = db_pool_submit(groups->router->pool, group_work, group_done, group, group->jobs[0]->deadline_us);
        if (r < 0)
            group_done(group, r);
    }
}

void claim_groups_open(struct claim_groups *groups, struct router *router)
{
    *groups = (struct claim_groups){.router = router};
    list_init(&groups->waiting);
}

void claim_groups_close(struct claim_groups *groups)
{
    while (groups->nwaiting) {
        groups->nwaiting--;
        router_worked(CONTAINER_OF(list_pop(&groups->waiting), struct job, node), -E_UNAVAILABLE);
    }
}

void claim_groups_add(struct claim_groups *groups, struct job *job)
{
    list_append(&groups->waiting, &job->node);
    groups->nwaiting++;
    next_group(groups);
}
