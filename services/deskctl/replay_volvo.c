/* BPI Challenge 2013, incidents: one line per change, grouped by case, in order of time. Countries become the
 * three regions; the support team's line ("2nd", "3rd", none = first) and name become one of the demo's
 * teams; the owner's first name becomes an agent of the owner's region. */
#include "base/clock.h"
#include "deskctl/cli.h"
#include "deskctl/replay.h"
#include <string.h>
#include <strings.h>

struct reader {
    struct replay_log *log;
    int limit;
};

/* By ISO code (case) or name (owner); Europe is the rest of the world's default here, as in the log itself.
 */
static enum replay_region region_of(const char *country, enum replay_region fallback)
{
    static const char *const asia[] = {
        "in",    "cn",    "kr",    "jp",    "au",        "my",       "th",       "sg",        "id",
        "india", "china", "korea", "japan", "australia", "malaysia", "thailand", "singapore", "indonesia"};
    static const char *const america[] = {"us",  "br",     "ca",     "cl",    "ar",
                                          "usa", "brazil", "canada", "chile", "argentina"};

    if (!country[0] || strcmp(country, "0") == 0)
        return fallback;
    for (size_t i = 0; i < ARRAY_SIZE(asia); i++) {
        if (strcasecmp(country, asia[i]) == 0)
            return REGION_AP;
    }
    for (size_t i = 0; i < ARRAY_SIZE(america); i++) {
        if (strcasecmp(country, america[i]) == 0)
            return REGION_US;
    }
    return REGION_EU;
}

static int team_of(const char *name)
{
    const char *line = strrchr(name, ' ');

    if (line && strcmp(line, " 3rd") == 0)
        return 4;
    if (line && strcmp(line, " 2nd") == 0)
        return 1 + (int)(replay_hash(name) % 3);
    return 0;
}

static void levels_of(const char *impact, struct replay_case *c)
{
    bool major = strcasecmp(impact, "Major") == 0, high = strcasecmp(impact, "High") == 0,
         low = strcasecmp(impact, "Low") == 0;

    c->impact = major || high ? "high" : low ? "low" : "medium";
    c->urgency = major ? "high" : low ? "low" : "medium";
}

static int on_row(void *ctx, char *const *v)
{
    enum { ID, TIME, STATUS, SUB, IMPACT, PRODUCT, TEAM, CASE_COUNTRY, OWNER_COUNTRY, OWNER };
    struct reader *reader = ctx;
    struct replay_log *log = reader->log;
    struct replay_case *c = log->n ? &log->cases[log->n - 1] : NULL;
    struct replay_step step = {0};
    int64_t at_us;

    if (!c || strcmp(c->id, v[ID]) != 0) {
        if (reader->limit && log->n == reader->limit)
            return 1;
        c = replay_log_add(log, v[ID]);
        c->region = region_of(v[CASE_COUNTRY], REGION_EU);
        c->requester = replay_hash(v[ID]);
        levels_of(v[IMPACT], c);
        snprintf(c->subject, sizeof c->subject, "%s: incident %s", v[PRODUCT], v[ID]);
    }
    step.region = region_of(v[OWNER_COUNTRY], c->region);
    step.team = team_of(v[TEAM]);
    step.agent = replay_hash(v[OWNER]);
    step.reason = "waiting";
    if (clock_parse(str_from(v[TIME]), &at_us) == 0)
        step.at_s = at_us / US_PER_S;
    if (strcmp(v[STATUS], "Queued") == 0 || strcmp(v[STATUS], "Unmatched") == 0)
        step.kind = STEP_QUEUE;
    else if (strcmp(v[STATUS], "Accepted") == 0)
        step.kind = strncmp(v[SUB], "Wait", 4) == 0 ? STEP_WAIT : STEP_WORK;
    else if (strcmp(v[SUB], "Cancelled") == 0)
        step.kind = STEP_CANCEL;
    else
        step.kind = strcmp(v[SUB], "Closed") == 0 ? STEP_CLOSE : STEP_RESOLVE;
    if (step.kind == STEP_WAIT)
        step.reason = strstr(v[SUB], "Vendor")           ? "vendor"
                      : strstr(v[SUB], "Implementation") ? "change"
                                                         : "requester";
    replay_case_add(c, step);
    return 0;
}

int replay_read_volvo(const char *file, int limit, struct replay_log *ret_log)
{
    static const char *const columns[] = {
        "case_id",      "timestamp",    "status",        "sub_status", "impact", "product",
        "support_team", "case_country", "owner_country", "owner",      NULL};
    struct reader reader = {ret_log, limit};

    return csv_read(file, columns, on_row, &reader);
}
