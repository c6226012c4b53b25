/* Modes and overflows of teams. Called by organisation_json.c, once for each team and once for all. */
#include "plan/dispatch_json.h"
#include "plan/organisation_json.h"
#include <string.h>

enum {
    NAME_CHARS = 63,
    ACCEPT_MIN_S = 5,
    ACCEPT_USUAL_S = 60,
    ACCEPT_MAX_S = 3600,
    HANDOVER_USUAL_S = 900,
    HANDOVER_MAX_S = 24 * 3600,
    HANDS_OFF_USUAL_S = 900,
    HANDS_OFF_MAX_S = 24 * 3600,
    AFTER_MAX_S = 30 * 24 * 3600
};

static int read_mode(const struct plan_node *node, enum org_mode *ret_mode, struct plan_fault *fault)
{
    const char *text = json_string_value(node->json);

    for (int mode = ORG_MODE_PULL; mode <= ORG_MODE_ASSIGN; mode++)
        if (text && strcmp(text, org_mode_name((enum org_mode)mode)) == 0) {
            *ret_mode = (enum org_mode)mode;
            return 0;
        }
    return plan_fail(node, fault, "must be \"pull\", \"offer\" or \"assign\"");
}

/* Of offers and of handovers: how long whoever is asked has to answer. */
static int read_within(const struct plan_node *node, int max_s, int *ret_s, struct plan_fault *fault)
{
    static const char *const keys[] = {"accept_within", NULL};
    const struct plan_node within = plan_member(node, "accept_within");
    int64_t seconds = 0;
    int rc = plan_object(node, keys, fault);

    if (rc == 0)
        rc = plan_whole(&within, ACCEPT_MIN_S, max_s, &seconds, fault);
    *ret_s = (int)seconds;
    return rc;
}

static int read_overflow(const struct plan_node *node, struct org_team *team, struct plan_fault *fault)
{
    static const char *const keys[] = {"after", "team", "everybody", NULL};
    const struct plan_node after = plan_member(node, "after"), to = plan_member(node, "team"),
                           everybody = plan_member(node, "everybody");
    int64_t seconds = 0;
    bool all = false;
    int rc = plan_object(node, keys, fault);

    if (rc == 0)
        rc = plan_whole(&after, 1, AFTER_MAX_S, &seconds, fault);
    if (rc == 0 && everybody.json)
        rc = plan_bool(&everybody, &all, fault);
    if (rc == 0 && all == (to.json != NULL))
        rc = plan_fail(node, fault, "must say where to: either a \"team\" or \"everybody\": true");
    team->overflow.after_s = seconds;
    return rc;
}

int dispatch_json_read(const struct plan_node *node, struct org_team *ret_team, struct plan_fault *fault)
{
    const struct plan_node mode = plan_member(node, "mode"), offer = plan_member(node, "offer"),
                           overflow = plan_member(node, "overflow"), handover = plan_member(node, "handover");
    int rc = mode.json ? read_mode(&mode, &ret_team->mode, fault) : 0;

    ret_team->accept_within_s = ACCEPT_USUAL_S;
    ret_team->handover_within_s = HANDOVER_USUAL_S;
    ret_team->overflow.team = ORG_NONE;
    if (rc == 0 && offer.json)
        rc = read_within(&offer, ACCEPT_MAX_S, &ret_team->accept_within_s, fault);
    if (rc == 0 && handover.json)
        rc = read_within(&handover, HANDOVER_MAX_S, &ret_team->handover_within_s, fault);
    if (rc == 0 && overflow.json)
        rc = read_overflow(&overflow, ret_team, fault);
    return rc;
}

int robots_json_read(const struct plan_node *node, int64_t *ret_hands_off_s, struct plan_fault *fault)
{
    static const char *const keys[] = {"hands_off_for", NULL};
    const struct plan_node seconds = plan_member(node, "hands_off_for");
    int rc;

    *ret_hands_off_s = HANDS_OFF_USUAL_S;
    if (!node->json)
        return 0;
    rc = plan_object(node, keys, fault);
    return rc ? rc : plan_whole(&seconds, 0, HANDS_OFF_MAX_S, ret_hands_off_s, fault);
}

/* ---- from team to team ---- */

static int find_team(const struct plan_node *node, const struct organisation *o, size_t *ret_team,
                     struct plan_fault *fault)
{
    const char *name, *near, *names[ORG_TEAMS_MAX];
    int rc = plan_text(node, NAME_CHARS, &name, fault);

    if (rc < 0)
        return rc;
    *ret_team = organisation_team(o, name);
    if (*ret_team != ORG_NONE)
        return 0;
    for (size_t i = 0; i < o->nteams; i++)
        names[i] = o->teams[i].name;
    near = plan_nearest(name, names, o->nteams);
    return plan_fail(node, fault, "names no team of the document%s%s%s", near ? "; did you mean \"" : "",
                     near ? near : "", near ? "\"?" : "");
}

/* A chain that is longer than there are teams has been somewhere twice. */
static bool leads_back(const struct organisation *o, size_t team)
{
    size_t at = team, steps = 0;

    while (at != ORG_NONE && steps++ <= o->nteams)
        at = o->teams[at].overflow.team;
    return at != ORG_NONE;
}

static bool leaks(const struct organisation *o, size_t team)
{
    return o->teams[team].restricted && !o->teams[o->teams[team].overflow.team].restricted;
}

int dispatch_json_link(const struct plan_node *teams, struct organisation *organisation,
                       struct plan_fault *fault)
{
    int rc = 0;

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < organisation->nteams && rc == 0; i++) {
            const struct plan_node team = plan_member(teams, organisation->teams[i].name),
                                   overflow = plan_member(&team, "overflow"),
                                   to = plan_member(&overflow, "team");

            if (!to.json)
                continue;
            if (pass == 0)
                rc = find_team(&to, organisation, &organisation->teams[i].overflow.team, fault);
            else if (leads_back(organisation, i))
                rc = plan_fail(&to, fault, "leads in a circle: a ticket would go round for ever");
            else if (leaks(organisation, i))
                rc = plan_fail(&to, fault, "is not restricted: tickets that are hidden would become visible");
        }
    return rc;
}
