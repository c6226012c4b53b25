/* A list of organisations behind a mutex. Teams are never deleted and keep their ids, so those can be kept
 * with it. One that cannot be read is not remembered: the next ticket asks again. */
#include "router/org_book.h"
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "router_sql.h"
#include <pthread.h>

struct org_book {
    pthread_mutex_t lock;
    struct org_entry **entries;
    size_t n;
};

struct org_book *org_book_new(void)
{
    struct org_book *book = NEW(struct org_book);

    pthread_mutex_init(&book->lock, NULL);
    return book;
}

static struct org_entry *entry_free(struct org_entry *entry)
{
    if (!entry)
        return NULL;
    org_document_free(entry->document);
    free(entry->team_ids);
    free(entry);
    return NULL;
}
DEFINE_CLEANUP(struct org_entry, entry_free)

struct org_book *org_book_free(struct org_book *book)
{
    if (!book)
        return NULL;
    for (size_t i = 0; i < book->n; i++)
        entry_free(book->entries[i]);
    free(book->entries);
    pthread_mutex_destroy(&book->lock);
    free(book);
    return NULL;
}

static const struct org_entry *find(const struct org_book *book, int64_t version)
{
    for (size_t i = book->n; i-- > 0;)
        if (book->entries[i]->organisation->version == version)
            return book->entries[i];
    return NULL;
}

static int unreadable(int64_t version, const char *at, const char *reason)
{
    log_error("organisation cannot be read", L_INT("version", version), L_TEXT("at", at),
              L_TEXT("reason", reason));
    return -E_INTERNAL;
}

static int name_ids(struct org_entry *entry, const json_t *ids)
{
    const struct organisation *o = entry->organisation;

    entry->team_ids = NEW_ARRAY(int, o->nteams + 1);
    for (size_t i = 0; i < o->nteams; i++) {
        entry->team_ids[i] = (int)json_integer_value(json_object_get(ids, o->teams[i].name));
        if (!entry->team_ids[i])
            return unreadable(o->version, o->teams[i].name, "desk.team lacks this team");
    }
    return 0;
}

static int read_entry(struct db_conn *conn, int64_t version, struct org_entry **ret_entry)
{
    _cleanup_(entry_freep) struct org_entry *entry = NEW(struct org_entry);
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_(json_decrefp) json_t *json = NULL, *ids = NULL;
    int r;

    db_param_int(&params, version);
    r = db_exec(conn, &sql_router_organisation_read, &params, &result);
    if (r < 0)
        return r;
    if (!db_rows(&result))
        return -E_NOT_FOUND;
    json = json_loads(db_text(&result, 0, 0), 0, NULL);
    ids = json_loads(db_text(&result, 0, 1), 0, NULL);
    if (organisation_json_read(json, version, &entry->document, &fault) < 0)
        return unreadable(version, buf_text(&fault.at), buf_text(&fault.reason));
    entry->organisation = &entry->document->organisation;
    r = name_ids(entry, ids);
    if (!r)
        *ret_entry = TAKE(entry);
    return r;
}

int org_book_get(struct org_book *book, struct db_conn *conn, int64_t version,
                 const struct org_entry **ret_entry)
{
    struct org_entry *entry = NULL;
    int r = 0;

    pthread_mutex_lock(&book->lock);
    *ret_entry = find(book, version);
    if (!*ret_entry)
        r = read_entry(conn, version, &entry);
    if (entry) {
        book->entries = mem_more(book->entries, book->n, sizeof *book->entries);
        book->entries[book->n++] = entry;
        *ret_entry = entry;
    }
    pthread_mutex_unlock(&book->lock);
    return r;
}
