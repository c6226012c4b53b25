/* Tickets of the router's tests: submitted by the bus, then made older, or put where a test wants them. */
#include "auth/auth.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "desk.h"
#include <criterion/criterion.h>

void draft_init(struct draft *draft, struct desk *desk)
{
    struct uuid id = uuid_v7();
    Meridian__Submission *m = &draft->message;

    *draft = (struct draft){0};
    meridian__submission__init(m);
    memcpy(draft->id, id.bytes, sizeof draft->id);
    random_bytes(draft->key, sizeof draft->key);
    memset(draft->hash, 7, sizeof draft->hash);
    snprintf(draft->number, sizeof draft->number, "EU-%d", 1048576 + desk->submissions++);
    snprintf(draft->client_key, sizeof draft->client_key, "key-%d", desk->submissions);
    snprintf(draft->requester, sizeof draft->requester, "%s", who("requester-eu-1")->user_id);
    snprintf(draft->submitter, sizeof draft->submitter, "%s", who("requester-eu-1")->user_id);
    m->id = (ProtobufCBinaryData){sizeof draft->id, draft->id};
    m->submission_key = (ProtobufCBinaryData){sizeof draft->key, draft->key};
    m->body_hash = (ProtobufCBinaryData){sizeof draft->hash, draft->hash};
    m->number = draft->number;
    m->client_key = draft->client_key;
    m->region = (char *)"eu";
    m->accepted_us = clock_now_us();
    m->channel = (char *)"api";
    m->requester_id = draft->requester;
    m->submitter_id = draft->submitter;
    m->subject = (char *)"Printer prints \"blank\" \\ pages";
    m->description = (char *)"Since this morning.\n打印机只出白纸。";
}

void draft_again(struct draft *copy, const struct draft *draft, struct desk *desk)
{
    struct draft made;

    draft_init(&made, desk);
    memcpy(made.key, draft->key, sizeof made.key);
    memcpy(made.hash, draft->hash, sizeof made.hash);
    *copy = made;
    copy->message.id.data = copy->id;
    copy->message.submission_key.data = copy->key;
    copy->message.body_hash.data = copy->hash;
    copy->message.number = copy->number;
    copy->message.client_key = copy->client_key;
    copy->message.requester_id = copy->requester;
    copy->message.submitter_id = copy->submitter;
}

static Meridian__Request submit_request(struct draft *const *drafts, size_t n, Meridian__SubmitBatch *batch,
                                        Meridian__Submission **pointers)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;

    meridian__submit_batch__init(batch);
    for (size_t i = 0; i < n; i++)
        pointers[i] = &drafts[i]->message;
    batch->submissions = pointers;
    batch->n_submissions = n;
    request.body_case = MERIDIAN__REQUEST__BODY_SUBMIT;
    request.submit = batch;
    return request;
}

struct answer *desk_send_submit(struct desk *desk, struct draft *const *drafts, size_t n)
{
    Meridian__Submission **pointers = NEW_ARRAY(Meridian__Submission *, n + 1);
    Meridian__SubmitBatch batch;
    Meridian__Request request = submit_request(drafts, n, &batch, pointers);
    struct answer *answer = desk_send(desk, &request);

    free(pointers);
    return answer;
}

struct answer *desk_submit(struct desk *desk, struct draft *const *drafts, size_t n)
{
    return desk_wait(desk, desk_send_submit(desk, drafts, n));
}

const char *desk_ticket_of(struct desk *desk, const char *service, uint32_t impact, uint32_t urgency)
{
    struct draft draft;
    struct answer *answer;

    draft_init(&draft, desk);
    draft.message.service = (char *)service;
    draft.message.has_impact = draft.message.has_urgency = impact > 0;
    draft.message.impact = impact;
    draft.message.urgency = urgency;
    answer = desk_submit(desk, &(struct draft *){&draft}, 1);
    cr_status(answer, 0);
    cr_assert_eq(answer->reply->n_submitted, 1);
    cr_assert_eq(answer->reply->submitted[0]->outcome, MERIDIAN__SUBMITTED__OUTCOME__COMMITTED, "%s",
                 answer->reply->submitted[0]->detail);
    return answer->reply->submitted[0]->number;
}

const char *desk_ticket(struct desk *desk)
{
    return desk_ticket_of(desk, NULL, 0, 0);
}

void desk_age(struct desk *desk, const char *number, int minutes)
{
    test_db_runf(
        desk->db,
        "BEGIN; SET LOCAL session_replication_role = replica;"
        "UPDATE desk.clock SET started_at = started_at - interval '%1$d min', due_at = due_at - "
        "interval '%1$d min', warn_at = warn_at - interval '%1$d min', stopped_at = stopped_at - "
        "interval '%1$d min', fire_at = fire_at - interval '%1$d min'"
        " WHERE ticket_id = (SELECT id FROM desk.ticket WHERE number = '%2$s');"
        "UPDATE desk.timer SET fire_at = fire_at - interval '%1$d min' WHERE ticket_id = (SELECT id FROM "
        "desk.ticket WHERE number = '%2$s');"
        "UPDATE desk.event SET at = at - interval '%1$d min', data = CASE WHEN data ? 'accepted_at' THEN "
        "data || jsonb_build_object('accepted_at', desk.rfc3339((data ->> 'accepted_at')::timestamptz - "
        "interval '%1$d min')) ELSE data END"
        " WHERE ticket_id = (SELECT id FROM desk.ticket WHERE number = '%2$s');"
        "UPDATE desk.outbox o SET data = e.data FROM desk.event e WHERE e.ticket_id = o.ticket_id AND e.seq "
        "= o.event_seq;"
        "UPDATE desk.ticket SET accepted_at = accepted_at - interval '%1$d min', created_at = created_at"
        " - interval '%1$d min', updated_at = updated_at - interval '%1$d min', first_response_at = "
        "first_response_at - interval '%1$d min' WHERE number = '%2$s';"
        "UPDATE desk.ready SET created_at = created_at - interval '%1$d min', due_at = due_at - interval "
        "'%1$d min' WHERE ticket_id = (SELECT id FROM desk.ticket WHERE number = '%2$s');"
        "DO $$ DECLARE h bytea := ''; e desk.event; BEGIN"
        " FOR e IN SELECT v.* FROM desk.event v JOIN desk.ticket t ON t.id = v.ticket_id WHERE t.number = "
        "'%2$s' ORDER BY v.seq LOOP"
        " h := desk.event_hash(h, e.ticket_id, e.seq, e.type, e.at, e.actor, e.data);"
        " UPDATE desk.event SET hash = h WHERE ticket_id = e.ticket_id AND seq = e.seq;"
        " END LOOP; UPDATE desk.ticket SET event_hash = h WHERE number = '%2$s'; END $$; COMMIT",
        minutes, number);
}

void desk_place(struct desk *desk, const char *number, int team)
{
    test_db_runf(desk->db, "UPDATE desk.ticket SET team_id = %d, restricted = %s WHERE number = '%s'", team,
                 team == 6 ? "true" : "false", number);
    test_db_runf(
        desk->db,
        "UPDATE desk.ticket SET hops = 0, raised = 0, bounces = 0, past_teams = '{}' WHERE number = '%s'",
        number);
    test_db_runf(desk->db,
                 "UPDATE desk.ready r SET team_id = %d FROM desk.ticket t WHERE t.id = r.ticket_id AND "
                 "t.number = '%s'",
                 team, number);
}
