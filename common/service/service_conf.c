/* The keys every service has, and the checks that a type and a range cannot express. docs/ is generated from
 * this table by --print-config. */
#include "base/clock.h"
#include "log/log.h"
#include "service/process.h"

#define KEY(field, type_, def_, doc_, ...)                                                                   \
    {                                                                                                        \
        .name = #field, .type = (type_), .offset = offsetof(struct service_conf, field), .def = (def_),      \
        .doc = (doc_), ##__VA_ARGS__                                                                         \
    }
#define KEY_US(field, def_, min_, max_, doc_)                                                                \
    {                                                                                                        \
        .name = #field, .type = CONF_DURATION, .offset = offsetof(struct service_conf, field##_us),          \
        .def = (def_), .min = (min_), .max = (max_), .doc = (doc_)                                           \
    }

const struct conf_key service_keys[] = {
    KEY(region, CONF_TEXT, NULL, "The region this process runs in: lower case, as in ticket numbers (eu)."),
    KEY(home_region, CONF_TEXT, "eu", "The region of the writable primary."),
    KEY(instance, CONF_TEXT, NULL,
        "A name of this process, unique among all that run, as shown by deskctl status (intake-eu-1)."),
    KEY(admin_listen, CONF_TEXT, "127.0.0.1:0",
        "Address and port of /livez, /readyz, /startupz and /metrics; port 0 picks one. Never expose it to "
        "the internet."),
    KEY(log_level, CONF_TEXT, "info", "Least level that is logged: debug, info, warn or error.",
        .reloadable = true),
    KEY(bus_ca, CONF_TEXT, "", "PEM file of the authority that signed all certificates of the bus."),
    KEY(bus_cert, CONF_TEXT, "", "PEM file of this process's certificate for the bus."),
    KEY(bus_key, CONF_TEXT, "", "PEM file of the private key for bus_cert."),
    KEY(bus_listen, CONF_TEXT, "",
        "Where this process serves requests of the bus, e.g. tls+tcp://0.0.0.0:8611; empty: it does not."),
    KEY(bus_publish, CONF_TEXT, "", "Where this process publishes hints; empty: it does not."),
    KEY(routers, CONF_TEXT, "", "Routers of all regions: region=url, separated by commas."),
    KEY(hints, CONF_TEXT, "", "URLs at which routers publish hints, separated by commas."),
    KEY(notifiers, CONF_TEXT, "", "Notifiers of all regions: region=url, separated by commas."),
    KEY(db, CONF_TEXT, "",
        "Connection string of PostgreSQL (libpq; several hosts are fine); empty: no database."),
    KEY(db_password, CONF_SECRET, "", "Password for db."),
    KEY(db_workers, CONF_INTEGER, "4", "Connections to PostgreSQL, each with a thread.", .min = 1, .max = 64),
    KEY_US(drain_delay, "0", 0, 300 * US_PER_S,
           "How long to go on serving after SIGTERM while /readyz answers 503, so that balancers notice."),
    KEY_US(drain_timeout, "30s", 0, 3600 * US_PER_S, "How long work in hand may take to finish after that."),
    KEY_US(heartbeat, "2s", 100 * US_PER_MS, 60 * US_PER_S,
           "How often this process reports to the registry of instances."),
    KEY_US(watchdog, "20s", 0, 3600 * US_PER_S,
           "The process ends itself when its loop does not turn for this long; 0 turns that off."),
    KEY(test_drop_hints, CONF_INTEGER, "0", "Tests: drop this share of received hints, per mille.", .min = 0,
        .max = 1000),
    {0},
};

static void check_region(const char *key, const char *region, struct buf *problems)
{
    if (!region[0] || strlen(region) > 8 ||
        strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789") != strlen(region))
        buf_printf(problems, "%s: a region is 1 to 8 lower-case letters and digits\n", key);
}

static void check_instance(const char *instance, struct buf *problems)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    if (!instance[0] || strlen(instance) > 64 || strspn(instance, allowed) != strlen(instance))
        buf_add_text(problems, "instance: 1 to 64 letters, digits, dots, dashes and underscores\n");
}

static bool is_url(struct str url)
{
    static const struct str schemes[] = {{"tls+tcp://", 10}, {"tcp://", 6}, {"ipc://", 6}, {"inproc://", 9}};

    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
        if (str_starts(url, schemes[i]) && url.n > schemes[i].n)
            return true;
    return false;
}

/* "region=url,region=url", or plain URLs. */
static void check_urls(const char *key, const char *list, bool with_region, struct buf *problems)
{
    struct str rest = str_from(list), entry, region, url;

    while (rest.n) {
        str_cut(rest, ',', &entry, &rest);
        url = entry;
        if (with_region && (!str_cut(entry, '=', &region, &url) || !str_trim(region).n)) {
            buf_printf(problems, "%s: expected region=url, separated by commas\n", key);
            return;
        }
        if (!is_url(str_trim(url))) {
            buf_printf(problems, "%s: a URL starts with tls+tcp://, tcp:// or inproc://\n", key);
            return;
        }
    }
}

static bool any_tls(const struct service_conf *conf)
{
    const char *const lists[] = {conf->bus_listen, conf->bus_publish, conf->routers, conf->hints,
                                 conf->notifiers};

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        if (strstr(lists[i], "tls+tcp://"))
            return true;
    return false;
}

int service_conf_check(const struct service_conf *conf, struct buf *ret_problems)
{
    size_t before = ret_problems->n;
    enum log_level level;
    int files = !!conf->bus_ca[0] + !!conf->bus_cert[0] + !!conf->bus_key[0];

    check_region("region", conf->region, ret_problems);
    check_region("home_region", conf->home_region, ret_problems);
    check_instance(conf->instance, ret_problems);
    if (log_level_parse(conf->log_level, &level) < 0)
        buf_add_text(ret_problems, "log_level: one of debug, info, warn, error\n");
    check_urls("bus_listen", conf->bus_listen, false, ret_problems);
    check_urls("bus_publish", conf->bus_publish, false, ret_problems);
    check_urls("hints", conf->hints, false, ret_problems);
    check_urls("routers", conf->routers, true, ret_problems);
    check_urls("notifiers", conf->notifiers, true, ret_problems);
    if (files != 3 && (files != 0 || any_tls(conf)))
        buf_add_text(ret_problems, "bus_ca, bus_cert and bus_key: tls+tcp:// needs all three\n");
    return ret_problems->n == before ? 0 : -E_CONFIG;
}
