/* Where the others are: lists of routers by preference, and the database's conninfo. Reads only the
 * configuration; loop thread at start-up.
 *
 * What is returned to NNG and libpq stays for the life of the process: it is made a few times at start-up,
 * and kept on a list so that a leak checker knows whose it is.
 */
#include "base/encode.h"
#include "base/memory.h"
#include "service/service.h"

static struct kept {
    struct kept *next;
    void *memory;
} * kept;

static void *keep(void *memory)
{
    struct kept *node = NEW(struct kept);

    *node = (struct kept){kept, memory};
    kept = node;
    return memory;
}

/* A NULL-terminated array that grows by one. */
struct urls {
    const char **p;
    size_t n;
};

static void urls_add(struct urls *urls, struct str url)
{
    urls->p = mem_grow(urls->p, (urls->n + 2) * sizeof *urls->p);
    urls->p[urls->n++] = keep(mem_strn(url.p, url.n));
    urls->p[urls->n] = NULL;
}

bool service_at_home(const struct service *service)
{
    return strcmp(service->conf.region, service->conf.home_region) == 0;
}

/* 0 for our own region, 1 for home, 2 for the rest. */
static size_t preference(const struct service *service, struct str region)
{
    if (str_eq(region, str_from(service->conf.region)))
        return 0;
    return str_eq(region, str_from(service->conf.home_region)) ? 1 : 2;
}

size_t service_groups(const struct service *service, const char *list, struct bus_group ret_groups[3])
{
    struct urls urls[3] = {0};
    struct str rest = str_from(list), entry, region, url;
    size_t n = 0;

    while (rest.n) {
        str_cut(rest, ',', &entry, &rest);
        if (!str_cut(entry, '=', &region, &url) || !str_trim(url).n)
            continue; /* service_conf_check refused it at start-up */
        urls_add(&urls[preference(service, str_trim(region))], str_trim(url));
    }
    for (size_t i = 0; i < 3; i++)
        if (urls[i].n)
            ret_groups[n++].urls = keep(urls[i].p);
    return n;
}

const char *const *service_urls(const char *list)
{
    struct urls urls = {.p = NEW(const char *)};
    struct str rest = str_from(list), entry;

    while (rest.n) {
        str_cut(rest, ',', &entry, &rest);
        if (str_trim(entry).n)
            urls_add(&urls, str_trim(entry));
    }
    return keep(urls.p);
}

char *service_conninfo(const struct service *service)
{
    _cleanup_buf_ struct buf out = BUF_INIT;
    struct str db = str_from(service->conf.db), password = str_from(service->conf.db_password);

    buf_add_str(&out, db);
    if (!db.n || !password.n)
        return buf_take(&out);
    if (str_starts(db, STR("postgresql://")) || str_starts(db, STR("postgres://"))) {
        buf_add_text(&out, memchr(db.p, '?', db.n) ? "&password=" : "?password=");
        buf_add_percent(&out, password);
        return buf_take(&out);
    }
    buf_add_text(&out, " password='");
    for (size_t i = 0; i < password.n; i++) {
        if (password.p[i] == '\'' || password.p[i] == '\\')
            buf_add_char(&out, '\\');
        buf_add_char(&out, password.p[i]);
    }
    buf_add_char(&out, '\'');
    return buf_take(&out);
}
