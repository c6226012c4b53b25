/* A list of plans behind a mutex. A plan that cannot be read is not remembered: the next ticket asks again,
 * as the reason may pass (tzdata that is being installed). */
#include "router/plan_book.h"
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "router_sql.h"
#include <pthread.h>
#include <stdatomic.h>

struct plan_book {
    pthread_mutex_t lock;
    struct sla_document **documents;
    size_t n;
    atomic_bool minds_claims;
};

struct plan_book *plan_book_new(void)
{
    struct plan_book *book = NEW(struct plan_book);

    pthread_mutex_init(&book->lock, NULL);
    return book;
}

struct plan_book *plan_book_free(struct plan_book *book)
{
    if (!book)
        return NULL;
    for (size_t i = 0; i < book->n; i++)
        sla_document_free(book->documents[i]);
    free(book->documents);
    pthread_mutex_destroy(&book->lock);
    free(book);
    return NULL;
}

static const struct sla_plan *find(const struct plan_book *book, int64_t version)
{
    for (size_t i = book->n; i-- > 0;) /* mostly the newest */
        if (book->documents[i]->plan.version == version)
            return &book->documents[i]->plan;
    return NULL;
}

static int read_plan(struct db_conn *conn, int64_t version, struct sla_document **ret_document)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_(json_decrefp) json_t *json = NULL, *versions = NULL;
    int r;

    db_param_int(&params, version);
    r = db_exec(conn, &sql_router_sla_plan_read, &params, &result);
    if (r < 0)
        return r;
    if (!db_rows(&result))
        return -E_NOT_FOUND;
    json = json_loads(db_text(&result, 0, 0), 0, NULL);
    versions = json_loads(db_text(&result, 0, 1), 0, NULL);
    if (sla_plan_json_read(json, version, versions, ret_document, &fault) == 0)
        return 0;
    log_error("plan of service levels cannot be read", L_INT("version", version),
              L_TEXT("at", buf_text(&fault.at)), L_TEXT("reason", buf_text(&fault.reason)));
    return -E_INTERNAL;
}

int plan_book_get(struct plan_book *book, struct db_conn *conn, int64_t version,
                  const struct sla_plan **ret_plan)
{
    struct sla_document *document = NULL;
    int r = 0;

    pthread_mutex_lock(&book->lock);
    *ret_plan = find(book, version);
    if (!*ret_plan)
        r = read_plan(conn, version, &document);
    if (document) {
        book->documents = mem_more(book->documents, book->n, sizeof *book->documents);
        book->documents[book->n++] = document;
        *ret_plan = &document->plan;
    }
    pthread_mutex_unlock(&book->lock);
    return r;
}

int plan_newest(struct db_conn *conn, int64_t *ret_version)
{
    _cleanup_result_ struct db_result result = {0};
    int r = db_exec(conn, &sql_router_sla_plan_newest, NULL, &result);

    if (r < 0)
        return r;
    if (db_is_null(&result, 0, 0))
        return -E_INTERNAL;
    *ret_version = db_int(&result, 0, 0);
    return 0;
}

int plan_in_force_read(struct db_conn *conn, struct plan_in_force *ret_plan)
{
    _cleanup_result_ struct db_result result = {0};
    int r = db_exec(conn, &sql_router_sla_plan_latest, NULL, &result);

    if (r < 0)
        return r;
    if (!db_rows(&result))
        return -E_INTERNAL;
    *ret_plan = (struct plan_in_force){
        .version = db_int(&result, 0, 0),
        .document = json_loads(db_text(&result, 0, 1), 0, NULL),
        .calendar_versions = json_loads(db_text(&result, 0, 2), 0, NULL),
        .cluster_epoch = db_int(&result, 0, 3),
    };
    return 0;
}

void plan_in_force_fini(struct plan_in_force *plan)
{
    json_decref(plan->document);
    json_decref(plan->calendar_versions);
}

bool plan_book_minds_claims(struct plan_book *book)
{
    return atomic_load(&book->minds_claims);
}

void plan_book_learn_claims(struct plan_book *book)
{
    atomic_store(&book->minds_claims, true);
}
