/* Reads that the authority serves: the same documents as a region's standby gives, with the reader's eyes
 * (SET LOCAL ROLE), when the standby is behind or does not know a ticket. The router's own rights play no
 * part.
 */
#include "meridian/errors.h"
#include "router/job.h"
#include "store/document.h"

static int read_work(struct db_conn *conn, struct job *job)
{
    const Meridian__Read *read = job->request->read;
    struct db_visibility who = store_visibility(job->request->principal);

    return store_document(conn, STORE_READER, read->document, &who, (const char *const *)read->args,
                          read->n_args, &job->out.json);
}

const struct job_kind read_kind = {.name = "read", .repeatable = true, .work = read_work};
