/* Reads organisations in the order desks, teams, agents, services, rules: what is named is there when it is
 * asked for. Texts are borrowed from a deep copy of the document. */
#include "plan/organisation_json.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include "meridian/ticket.h"
#include "plan/calendar_json.h"
#include "plan/dispatch_json.h"
#include "plan/organisation_duty_json.h"
#include "plan/organisation_name.h"
#include "plan/organisation_people_json.h"
#include "plan/skills_json.h"
#include "plan/sla_condition_json.h"
#include <stdlib.h>

struct reader {
    struct organisation *o;
    struct zone_book zones;
    struct plan_fault *fault;
};

struct org_document *org_document_free(struct org_document *document)
{
    if (!document)
        return NULL;
    organisation_fini(&document->organisation);
    json_decref(document->json);
    free(document);
    return NULL;
}

/* ---- names ---- */

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
enum { NAME_MAX_ = ORG_NAME_MAX, REGION_MIN = 2, REGION_MAX = 4 };

/* Of desks and teams. */
static int check_name(const struct reader *r, const struct plan_node *node)
{
    return org_name_check(node, r->fault);
}

static int check_login(const struct reader *r, const struct plan_node *node)
{
    return org_login_check(node, r->fault);
}

static int name_missing(const struct reader *r, const struct plan_node *node, const char *what,
                        const char *name, const char *const *names, size_t n)
{
    return org_name_missing(node, what, name, names, n, r->fault);
}

static int read_desk_name(const struct reader *r, const struct plan_node *node, size_t *ret_desk)
{
    const char *name, *names[ORG_DESKS_MAX];
    int rc = plan_text(node, NAME_MAX_, &name, r->fault);

    if (rc < 0)
        return rc;
    *ret_desk = organisation_desk(r->o, name);
    if (*ret_desk != ORG_NONE)
        return 0;
    for (size_t i = 0; i < r->o->ndesks; i++)
        names[i] = r->o->desks[i].name;
    return name_missing(r, node, "desk", name, names, r->o->ndesks);
}

static int read_team_name(const struct reader *r, const struct plan_node *node, size_t *ret_team)
{
    const char *name, *names[ORG_TEAMS_MAX];
    int rc = plan_text(node, NAME_MAX_, &name, r->fault);

    if (rc < 0)
        return rc;
    *ret_team = organisation_team(r->o, name);
    if (*ret_team != ORG_NONE)
        return 0;
    for (size_t i = 0; i < r->o->nteams; i++)
        names[i] = r->o->teams[i].name;
    return name_missing(r, node, "team", name, names, r->o->nteams);
}

/* A list of names, each once. */
static int read_names(const struct reader *r, const struct plan_node *node, size_t max,
                      int (*read)(const struct reader *, const struct plan_node *, size_t *), size_t **ret,
                      size_t *ret_n)
{
    size_t n = 0;
    int rc = node->json ? plan_array(node, max, &n, r->fault) : 0;

    *ret = NEW_ARRAY(size_t, n + 1);
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct plan_node item = plan_item(node, i);

        rc = read(r, &item, &(*ret)[i]);
        for (size_t k = 0; k < i && rc == 0; k++)
            if ((*ret)[k] == (*ret)[i])
                rc = plan_fail(&item, r->fault, "is named twice");
        *ret_n = rc == 0 ? i + 1 : i;
    }
    return rc;
}

/* ---- desks ---- */

static int read_desk(struct reader *r, const struct plan_node *node, struct org_desk *desk)
{
    static const char *const keys[] = {"region", "hours", NULL};
    const struct plan_node region = plan_member(node, "region"), hours = plan_member(node, "hours");
    int rc = check_name(r, node);

    desk->name = node->key;
    if (rc == 0)
        rc = plan_object(node, keys, r->fault);
    if (rc == 0)
        rc = plan_text(&region, REGION_MAX, &desk->region, r->fault);
    if (rc == 0 &&
        (!org_name_spelt(desk->region, LETTERS, LETTERS, REGION_MAX) || !desk->region[REGION_MIN - 1]))
        rc = plan_fail(&region, r->fault, "must be the code of a region, as in \"eu\"");
    if (rc == 0 && hours.json)
        rc = calendar_json_read(&hours, &r->zones, &desk->hours, r->fault);
    return rc;
}

static int read_desks(struct reader *r, const struct plan_node *node)
{
    const char *key;
    json_t *value;
    int rc = plan_map(node, ORG_DESKS_MAX, r->fault);

    if (rc < 0)
        return rc;
    r->o->desks = NEW_ARRAY(struct org_desk, json_object_size(node->json) + 1);
    json_object_foreach(node->json, key, value)
    {
        const struct plan_node desk = plan_member(node, key);

        rc = read_desk(r, &desk, &r->o->desks[r->o->ndesks++]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- teams ---- */

static int read_title(const struct reader *r, const struct plan_node *node, struct org_team *team)
{
    static const char *const keys[] = {"en", "zh", NULL};
    const struct plan_node en = plan_member(node, "en"), zh = plan_member(node, "zh");
    int rc = plan_object(node, keys, r->fault);

    if (rc == 0)
        rc = plan_text(&en, ORG_TITLE_MAX, &team->title_en, r->fault);
    if (rc == 0)
        rc = plan_text(&zh, ORG_TITLE_MAX, &team->title_zh, r->fault);
    return rc;
}

static int read_shift_end(const struct reader *r, const struct plan_node *node, enum org_shift_end *ret_end)
{
    const char *text = json_string_value(node->json);

    for (int end = ORG_SHIFT_END_KEEP; end <= ORG_SHIFT_END_HAND_OVER; end++)
        if (text && strcmp(text, org_shift_end_name((enum org_shift_end)end)) == 0) {
            *ret_end = (enum org_shift_end)end;
            return 0;
        }
    return plan_fail(node, r->fault, "must be \"keep\", \"return\" or \"hand_over\"");
}

static int read_claims(const struct reader *r, const struct plan_node *node, enum org_claims *ret_claims)
{
    const char *text = json_string_value(node->json);

    for (int claims = ORG_CLAIMS_ANYBODY; claims <= ORG_CLAIMS_ON_SHIFT; claims++)
        if (text && strcmp(text, org_claims_name((enum org_claims)claims)) == 0) {
            *ret_claims = (enum org_claims)claims;
            return 0;
        }
    return plan_fail(node, r->fault, "must be \"anybody\" or \"on_shift\"");
}

static int read_team(const struct reader *r, const struct plan_node *node, struct org_team *team)
{
    static const char *const keys[] = {"title",     "tier",     "restricted", "desks", "minimum",
                                       "shift_end", "claims",   "on_duty",    "mode",  "offer",
                                       "overflow",  "handover", NULL};
    const struct plan_node title = plan_member(node, "title"), tier = plan_member(node, "tier"),
                           restricted = plan_member(node, "restricted"), desks = plan_member(node, "desks"),
                           minimum = plan_member(node, "minimum"), end = plan_member(node, "shift_end"),
                           claims = plan_member(node, "claims"), duty = plan_member(node, "on_duty");
    int64_t n_tier = 0, n_minimum = 1;
    int rc = check_name(r, node);

    team->name = node->key;
    if (rc == 0)
        rc = plan_object(node, keys, r->fault);
    if (rc == 0)
        rc = read_title(r, &title, team);
    if (rc == 0)
        rc = plan_whole(&tier, 1, 3, &n_tier, r->fault);
    if (rc == 0 && restricted.json)
        rc = plan_bool(&restricted, &team->restricted, r->fault);
    if (rc == 0)
        rc = read_names(r, &desks, ORG_DESKS_MAX, read_desk_name, &team->desks, &team->ndesks);
    if (rc == 0 && minimum.json)
        rc = plan_whole(&minimum, 0, ORG_AGENTS_MAX, &n_minimum, r->fault);
    if (rc == 0 && end.json)
        rc = read_shift_end(r, &end, &team->shift_end);
    if (rc == 0 && claims.json)
        rc = read_claims(r, &claims, &team->claims);
    if (rc == 0)
        rc = organisation_duty_json_read(&duty, team, r->fault);
    if (rc == 0)
        rc = dispatch_json_read(node, team, r->fault);
    team->tier = (int)n_tier;
    team->minimum = (int)n_minimum;
    return rc;
}

static int read_teams(const struct reader *r, const struct plan_node *node)
{
    const char *key;
    json_t *value;
    int rc = plan_map(node, ORG_TEAMS_MAX, r->fault);

    if (rc < 0)
        return rc;
    r->o->teams = NEW_ARRAY(struct org_team, json_object_size(node->json) + 1);
    json_object_foreach(node->json, key, value)
    {
        const struct plan_node team = plan_member(node, key);

        rc = read_team(r, &team, &r->o->teams[r->o->nteams++]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_default(const struct reader *r, const struct plan_node *node)
{
    r->o->default_team = ORG_NONE;
    if (!node->json && !r->o->nteams)
        return 0;
    if (!node->json)
        return plan_fail(node, r->fault, "is missing: the team of tickets that nothing else routes");
    return read_team_name(r, node, &r->o->default_team);
}

/* ---- agents ---- */

static int read_agent(const struct reader *r, const struct plan_node *node, struct org_agent *agent)
{
    static const char *const keys[] = {"desk", "teams", "skills", "languages", "capacity", NULL};
    const struct plan_node desk = plan_member(node, "desk"), teams = plan_member(node, "teams"),
                           skills = plan_member(node, "skills"), languages = plan_member(node, "languages"),
                           capacity = plan_member(node, "capacity");
    int rc = check_login(r, node);

    *agent = (struct org_agent){.login = node->key, .desk = ORG_NONE};
    if (rc == 0)
        rc = plan_object(node, keys, r->fault);
    if (rc == 0 && desk.json)
        rc = read_desk_name(r, &desk, &agent->desk);
    if (rc == 0)
        rc = read_names(r, &teams, ORG_TEAMS_MAX, read_team_name, &agent->teams, &agent->nteams);
    if (rc == 0)
        rc = skills_json_read(&skills, ORG_SKILLS_MAX, &agent->skills, r->fault);
    if (rc == 0)
        rc = languages_json_check(&languages, r->fault);
    if (rc == 0)
        rc = capacity_json_read(&capacity, &agent->capacity, r->fault);
    return rc;
}

static int read_agents(const struct reader *r, const struct plan_node *node)
{
    const char *key;
    json_t *value;
    int rc = plan_map(node, ORG_AGENTS_MAX, r->fault);

    if (rc < 0)
        return rc;
    r->o->agents = NEW_ARRAY(struct org_agent, json_object_size(node->json) + 1);
    json_object_foreach(node->json, key, value)
    {
        const struct plan_node agent = plan_member(node, key);

        rc = read_agent(r, &agent, &r->o->agents[r->o->nagents++]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- services and rules ---- */

static int read_level(const struct reader *r, const struct plan_node *node, int *ret_level)
{
    static const char *const names[] = {"high", "medium", "low"};
    const char *text = json_string_value(node->json);

    if (!node->json)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (text && strcmp(text, names[i]) == 0) {
            *ret_level = LEVEL_HIGH + (int)i;
            return 0;
        }
    return plan_fail(node, r->fault, "must be \"high\", \"medium\" or \"low\"");
}

/* Where to, how urgent, and what it needs: what services and rules have in common. */
static int read_aim(const struct reader *r, const struct plan_node *node, size_t *ret_team, int *ret_impact,
                    int *ret_urgency, struct org_skills *ret_skills)
{
    const struct plan_node team = plan_member(node, "team"), impact = plan_member(node, "impact"),
                           urgency = plan_member(node, "urgency"), skills = plan_member(node, "skills");
    int rc;

    *ret_team = ORG_NONE;
    rc = team.json ? read_team_name(r, &team, ret_team) : 0;
    if (rc == 0)
        rc = read_level(r, &impact, ret_impact);
    if (rc == 0)
        rc = read_level(r, &urgency, ret_urgency);
    if (rc == 0)
        rc = skills_json_read(&skills, ORG_NEEDS_MAX, ret_skills, r->fault);
    return rc;
}

static int read_service(const struct reader *r, const struct plan_node *node, struct org_service *service)
{
    static const char *const keys[] = {"team", "impact", "urgency", "skills", NULL};
    struct str name = str_from(node->key);
    int rc = 0;

    service->name = node->key;
    if (!name.n || utf8_length(name) > LIMIT_SERVICE_CHARS || !utf8_printable(name) || name.p[0] == '/' ||
        name.p[name.n - 1] == '/' || strstr(name.p, "//"))
        rc = plan_fail(node, r->fault,
                       "must be named by 1 to %d printable characters, its parts divided by single slashes",
                       LIMIT_SERVICE_CHARS);
    if (rc == 0)
        rc = plan_object(node, keys, r->fault);
    return rc ? rc : read_aim(r, node, &service->team, &service->impact, &service->urgency, &service->skills);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct org_service *)a)->name, ((const struct org_service *)b)->name);
}

static int read_services(const struct reader *r, const struct plan_node *node)
{
    const char *key;
    json_t *value;
    int rc = plan_map(node, ORG_SERVICES_MAX, r->fault);

    if (rc < 0)
        return rc;
    r->o->services = NEW_ARRAY(struct org_service, json_object_size(node->json) + 1);
    json_object_foreach(node->json, key, value)
    {
        const struct plan_node service = plan_member(node, key);

        rc = read_service(r, &service, &r->o->services[r->o->nservices++]);
        if (rc < 0)
            return rc;
    }
    qsort(r->o->services, r->o->nservices, sizeof *r->o->services, by_name);
    return 0;
}

static int read_tags(const struct reader *r, const struct plan_node *node, struct org_rule *rule)
{
    size_t n = 0;
    int rc = node->json ? plan_array(node, ORG_TAGS_MAX, &n, r->fault) : 0;

    rule->tags = NEW_ARRAY(const char *, n + 1);
    for (; rule->ntags < n && rc == 0; rule->ntags++) {
        const struct plan_node item = plan_item(node, rule->ntags);

        rc = plan_text(&item, NAME_MAX_, &rule->tags[rule->ntags], r->fault);
    }
    return rc;
}

static int check_rule_name(const struct reader *r, const struct plan_node *node, const struct org_rule *rule)
{
    for (const struct org_rule *other = r->o->rules; other < rule; other++)
        if (strcmp(other->name, rule->name) == 0)
            return plan_fail(node, r->fault, "is the name of an earlier rule; names are unique");
    return 0;
}

static int read_rule(const struct reader *r, const struct plan_node *node, struct org_rule *rule)
{
    static const char *const keys[] = {"name", "when", "team", "impact", "urgency", "tags", "skills", NULL};
    const struct plan_node name = plan_member(node, "name"), when = plan_member(node, "when"),
                           tags = plan_member(node, "tags");
    int rc = plan_object(node, keys, r->fault);

    if (rc == 0)
        rc = plan_text(&name, ORG_TITLE_MAX, &rule->name, r->fault);
    if (rc == 0)
        rc = check_rule_name(r, &name, rule);
    if (rc == 0)
        rc = sla_condition_json_read(&when, ORG_RULE_BUT, &rule->when, r->fault);
    if (rc == 0)
        rc = read_aim(r, node, &rule->team, &rule->impact, &rule->urgency, &rule->skills);
    if (rc == 0)
        rc = read_tags(r, &tags, rule);
    if (rc == 0 && rule->team == ORG_NONE && !rule->impact && !rule->urgency && !rule->ntags &&
        !rule->skills.given)
        rc = plan_fail(node, r->fault,
                       "does nothing: give a \"team\", \"impact\", \"urgency\", \"skills\" or \"tags\"");
    return rc;
}

static int check_reach(const struct reader *r, const struct plan_node *rules, size_t i)
{
    const struct plan_node rule = plan_item(rules, i), when = plan_member(&rule, "when");
    size_t shadow = organisation_rule_shadow(r->o, i);

    if (shadow == ORG_NONE)
        return 0;
    if (shadow == i)
        return plan_fail(&when, r->fault, "can never hold: its parts contradict each other");
    return plan_fail(&rule, r->fault, "is never reached: rule \"%s\" before it takes all its tickets",
                     r->o->rules[shadow].name);
}

static int read_rules(const struct reader *r, const struct plan_node *node)
{
    size_t n = 0;
    int rc = node->json ? plan_array(node, ORG_RULES_MAX, &n, r->fault) : 0;

    r->o->rules = NEW_ARRAY(struct org_rule, n + 1);
    while (r->o->nrules < n && rc == 0) {
        const struct plan_node rule = plan_item(node, r->o->nrules);

        rc = read_rule(r, &rule, &r->o->rules[r->o->nrules++]);
    }
    for (size_t i = 0; i < n && rc == 0 && !r->o->version; i++)
        rc = check_reach(r, node, i);
    return rc;
}

/* ---- the whole ---- */

static int read_all(struct reader *r, const struct plan_node *root)
{
    static const char *const keys[] = {"desks",     "teams",      "default_team", "agents",  "services",
                                       "customers", "requesters", "rules",        "weights", "robots",
                                       NULL};
    const struct plan_node desks = plan_member(root, "desks"), teams = plan_member(root, "teams"),
                           usual = plan_member(root, "default_team"), agents = plan_member(root, "agents"),
                           services = plan_member(root, "services"), rules = plan_member(root, "rules"),
                           weights = plan_member(root, "weights"), robots = plan_member(root, "robots");
    int rc = plan_object(root, keys, r->fault);

    if (rc == 0)
        rc = read_desks(r, &desks);
    if (rc == 0)
        rc = read_teams(r, &teams);
    if (rc == 0)
        rc = dispatch_json_link(&teams, r->o, r->fault);
    if (rc == 0)
        rc = read_default(r, &usual);
    if (rc == 0)
        rc = read_agents(r, &agents);
    if (rc == 0)
        rc = read_services(r, &services);
    if (rc == 0)
        rc = organisation_people_json_read(root, &r->zones, r->o, r->fault);
    if (rc == 0)
        rc = read_rules(r, &rules);
    if (rc == 0)
        rc = weights_json_read(&weights, r->o->weights, r->fault);
    if (rc == 0)
        rc = robots_json_read(&robots, &r->o->hands_off_s, r->fault);
    return rc;
}

int organisation_json_read(const json_t *json, int64_t version, struct org_document **ret_document,
                           struct plan_fault *fault)
{
    _cleanup_org_document_ struct org_document *document = NEW(struct org_document);
    struct reader r = {.o = &document->organisation, .fault = fault};
    struct plan_node root;
    int rc;

    document->json = json_deep_copy(json);
    r.o->version = version;
    memcpy(r.o->weights, (const int[])ORG_USUAL_WEIGHTS, sizeof r.o->weights);
    root = plan_root(document->json);
    rc = read_all(&r, &root);
    zone_book_fini(&r.zones);
    if (rc < 0)
        return rc;
    organisation_count_staff(r.o);
    *ret_document = TAKE(document);
    return 0;
}
