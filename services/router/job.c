/* The parts of a request's life that all kinds share. router.c makes and ends jobs; work functions call the
 * rest on a worker. */
#include "router/job.h"
#include "auth/auth.h"
#include "base/encode.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include <stdio.h>

void job_reset(struct job *job)
{
    outcome_reset(&job->out);
    buf_reset(&job->trouble);
    submit_result_fini(&job->submit);
    job->session = (struct job_session){0};
    job->lsn = job->first_number = job->flushed_lsn = 0;
    job->seen_epoch = 0;
    job->conflict = false;
    job->hints = (struct job_hints){0};
}

void job_free(struct job *job)
{
    job_reset(job);
    outcome_fini(&job->out);
    buf_fini(&job->trouble);
    free(job);
}

int job_check_epoch(struct job *job, int64_t epoch)
{
    job->seen_epoch = epoch;
    if (epoch >= job->cluster_epoch)
        return 0;
    return outcome_refuse(&job->out, -E_STALE_PRIMARY,
                          "The database is at cluster epoch %lld, the cluster at %lld", (long long)epoch,
                          (long long)job->cluster_epoch);
}

void job_hint_ticket(struct job *job)
{
    job->hints.changed = job->hints.outbox = true;
}

void job_hint_timers(struct job *job, const struct uuid *ticket, bool changed)
{
    job->hints.clocks = changed;
    job->hints.timers_of = *ticket;
}

void job_command_key(const struct job *job, const char *client_key, struct buf *ret_key)
{
    if (client_key && client_key[0]) {
        buf_add_text(ret_key, "key:");
        buf_add_text(ret_key, client_key);
    } else {
        buf_add_text(ret_key, "request:");
        buf_add_hex(ret_key, job->request->id.data, job->request->id.len);
    }
}

void job_command_hash(const ProtobufCMessage *asked, uint8_t ret_hash[32])
{
    _cleanup_buf_ struct buf bytes = BUF_INIT;

    buf_add_text(&bytes, asked->descriptor->name); /* two kinds of request may look alike */
    buf_add_char(&bytes, 0);
    wire_pack(asked, &bytes);
    auth_sha256(bytes.p, bytes.n, ret_hash);
}

void job_refusal_text(const struct job *job, int failure, struct buf *ret_text)
{
    buf_printf(ret_text, "!%d %s\n%s", -failure, buf_text(&job->out.detail), buf_text(&job->out.json));
}

/* The refusal that job_refusal_text wrote. */
static int recall_refusal(struct job *job, struct str text)
{
    struct str head, json, number, detail;
    int64_t failure;

    str_cut(text, '\n', &head, &json);
    str_cut(head, ' ', &number, &detail);
    if (str_to_i64(number, 1, INT16_MAX, &failure) < 0)
        return -E_INTERNAL;
    buf_reset(&job->out.detail);
    buf_add_str(&job->out.detail, detail);
    buf_add_str(&job->out.json, json);
    return -(int)failure;
}

int job_recall(struct job *job, struct str response, struct str hash_hex, const uint8_t hash[32])
{
    _cleanup_buf_ struct buf before = BUF_INIT;

    if (buf_add_unhex(&before, hash_hex) < 0 || before.n != 32 || !auth_equal(before.p, hash, 32))
        return outcome_refuse(&job->out, -E_KEY_REUSED, "The key was used for another request");
    buf_reset(&job->out.json);
    if (response.n && response.p[0] == '!')
        return recall_refusal(job, (struct str){response.p + 1, response.n - 1});
    buf_add_str(&job->out.json, response);
    return 1;
}
