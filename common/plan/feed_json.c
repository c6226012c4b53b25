/* Called by the reader of plans. A URL is only looked at from outside here: who may be reached is decided at
 * each connect (outbound/address_guard.h). */
#include "plan/feed_json.h"
#include "base/memory.h"
#include "plan/calendar_json.h"
#include "plan/sla_value_json.h"

/* "30m", "6h", "1d"; a day is 24 hours. */
static bool parse_every(struct str text, int64_t *ret_s)
{
    struct str digits = text;
    int64_t days;

    if (sla_amount_parse(text, ret_s))
        return true;
    if (text.n < 2 || text.p[--digits.n] != 'd' || str_to_i64(digits, 1, FEED_EVERY_MAX_S / DAY_S, &days) < 0)
        return false;
    *ret_s = days * DAY_S;
    return true;
}

static int check_every(const struct plan_node *node, struct plan_fault *fault)
{
    const char *text;
    int64_t every_s;
    int rc = node->json ? plan_text(node, 16, &text, fault) : 0;

    if (rc < 0 || !node->json)
        return rc;
    if (!parse_every(str_from(text), &every_s) || every_s < FEED_EVERY_MIN_S || every_s > FEED_EVERY_MAX_S)
        return plan_fail(node, fault, "must be from \"5m\" to \"31d\", as \"6h\" or \"1d\"");
    return 0;
}

/* Printable ASCII without spaces, and nobody's password. */
static int check_url(const struct plan_node *node, struct plan_fault *fault)
{
    const char *url, *host;
    int rc = plan_text(node, FEED_URL_MAX, &url, fault);

    if (rc < 0)
        return rc;
    if (!str_starts(str_from(url), STR("https://")) && !str_starts(str_from(url), STR("http://")))
        return plan_fail(node, fault,
                         "must begin with https:// or http:// (what others call webcal:// is https://)");
    for (const char *p = url; *p; p++)
        if (*p <= ' ' || *p > '~')
            return plan_fail(node, fault, "must be of printable ASCII characters; escape the others by %%");
    host = strstr(url, "://") + strlen("://");
    if (strcspn(host, "/?#:") == 0)
        return plan_fail(node, fault, "names no host");
    if (memchr(host, '@', strcspn(host, "/?#")))
        return plan_fail(node, fault, "must not have a user or a password: who may read plans would see it");
    return 0;
}

static int check_calendars(const struct plan_node *node, const struct plan_node *calendars,
                           struct plan_fault *fault)
{
    size_t n;
    int rc = plan_array(node, FEED_CALENDARS_MAX, &n, fault);

    if (rc == 0 && n == 0)
        return plan_fail(node, fault, "must name one calendar at least");
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct plan_node item = plan_item(node, i);
        const char *name;
        const json_t *calendar;

        rc = plan_text(&item, SLA_NAME_MAX, &name, fault);
        if (rc < 0)
            return rc;
        calendar = json_object_get(calendars->json, name);
        if (!calendar)
            return plan_fail(&item, fault, "names no calendar of \"calendars\"");
        if (!json_object_get(calendar, "zone"))
            return plan_fail(&item, fault, "is no calendar with a zone of its own; holidays go into those");
        for (size_t k = 0; k < i; k++)
            if (json_equal(json_array_get(node->json, k), item.json))
                return plan_fail(&item, fault, "is there twice");
    }
    return rc;
}

static int check_except(const struct plan_node *node, struct plan_fault *fault)
{
    size_t n = 0;
    int rc = node->json ? plan_array(node, FEED_EXCEPT_MAX, &n, fault) : 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct plan_node item = plan_item(node, i);
        const char *text;

        rc = plan_text(&item, FEED_EXCEPT_CHARS, &text, fault);
    }
    return rc;
}

/* The engine says whether windows are right, as if they were those of every Monday. */
static int check_hours(const struct plan_node *node, struct plan_fault *fault)
{
    _cleanup_plan_fault_ struct plan_fault found = {0};
    _cleanup_calendar_ struct calendar *calendar = NULL;
    struct zone_book zones = {0};
    json_t *document;
    int rc;

    if (!node->json)
        return 0;
    document = json_pack("{s:s, s:{s:O}}", "zone", "UTC", "weekly", "mon", node->json);
    const struct plan_node root = plan_root(document);
    rc = calendar_json_read(&root, &zones, &calendar, &found);
    if (rc < 0)
        rc = plan_fail(node, fault, "are no hours of a day: %s", buf_text(&found.reason));
    json_decref(document);
    zone_book_fini(&zones);
    return rc;
}

static int check_feed(const struct plan_node *node, const struct plan_node *calendars,
                      struct plan_fault *fault)
{
    static const char *const keys[] = {"url", "calendars", "every", "except", "hours", NULL};
    const struct plan_node url = plan_member(node, "url"), into = plan_member(node, "calendars"),
                           every = plan_member(node, "every"), except = plan_member(node, "except"),
                           hours = plan_member(node, "hours");
    int rc = sla_name_json_check(node, node->key, fault);

    if (rc == 0)
        rc = plan_object(node, keys, fault);
    if (rc == 0)
        rc = check_url(&url, fault);
    if (rc == 0)
        rc = check_calendars(&into, calendars, fault);
    if (rc == 0)
        rc = check_every(&every, fault);
    if (rc == 0)
        rc = check_except(&except, fault);
    return rc < 0 ? rc : check_hours(&hours, fault);
}

int feeds_json_check(const struct plan_node *feeds, const struct plan_node *calendars,
                     struct plan_fault *fault)
{
    const char *key;
    json_t *value;
    int rc = plan_map(feeds, FEEDS_MAX, fault);

    if (rc < 0)
        return rc;
    json_object_foreach(feeds->json, key, value)
    {
        const struct plan_node feed = plan_member(feeds, key);

        rc = check_feed(&feed, calendars, fault);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int64_t feed_every_s(const json_t *feed)
{
    const char *text = json_string_value(json_object_get(feed, "every"));
    int64_t every_s = DAY_S;

    if (text)
        (void)parse_every(str_from(text), &every_s);
    return every_s;
}

const char *feed_zone(const json_t *plan, const json_t *feed)
{
    const char *first = json_string_value(json_array_get(json_object_get(feed, "calendars"), 0));

    return json_string_value(
        json_object_get(json_object_get(json_object_get(plan, "calendars"), first), "zone"));
}
