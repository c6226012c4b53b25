/* Tickets that are made from others: a reply that is split off, and the follow-up of a closed ticket. Called
 * by command.c within its transaction.
 *
 * The new ticket is stored as any submission is (submit.c), in the transaction of the event on the old one,
 * so that there are both or neither, and the command's key remembers which. Nothing moves: the reply stays
 * where it was said. What must stay true: a customer's attributes are believed of the new ticket if they were
 * of the old one; what was said in a restricted team stays in it; the first event names the old ticket only
 * where everybody who sees the new one may know of it. */
#include "base/clock.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include "router/command.h"
#include "router/ticket_tell.h"
#include "router_sql.h"
#include <ctype.h>
#include <stdio.h>

/* What the new ticket is made from. */
struct origin {
    struct ticket_row *row; /* the ticket that was named, */
    struct ticket_row
        *shown;              /* and what it is part of, unless that is hidden from who asks: gets the event */
    struct ticket_team team; /* of the one that is shown; id 0: not in the organisation any more */
    struct db_result result; /* owns the texts */
    const char *subject, *service, *language, *attributes, *channel, *region, *said, *author;
    bool by_desk;
    int64_t said_us, links;
};

static void origin_fini(struct origin *origin)
{
    db_result_fini(&origin->result);
}

static int read_origin(struct db_conn *conn, const Meridian__Command *asked, struct origin *origin)
{
    _cleanup_params_ struct db_params params = {0};
    const struct db_result *result = &origin->result;
    int r;

    db_param_uuid(&params, &origin->row->id);
    if (asked->has_reply_seq)
        db_param_int(&params, asked->reply_seq);
    else
        db_param_null(&params);
    r = db_exec(conn, &sql_router_origin_find, &params, &origin->result);
    if (r < 0)
        return r;
    if (db_rows(result) != 1)
        return -E_INTERNAL;
    origin->subject = db_text(result, 0, 0);
    origin->service = db_text(result, 0, 1);
    origin->language = db_text(result, 0, 2);
    origin->attributes = db_text(result, 0, 3);
    origin->channel = db_text(result, 0, 4);
    origin->region = db_text(result, 0, 5);
    origin->by_desk = db_bool(result, 0, 6);
    origin->said = db_text(result, 0, 7);
    origin->author = db_text(result, 0, 8);
    origin->said_us = db_int(result, 0, 9);
    origin->links = db_int(result, 0, 10);
    return ticket_team_find(conn, origin->shown->team_slug, &origin->team);
}

/* The restricted team that had it is no more, and the new one goes elsewhere: with nothing of the old one. */
static bool leaves_restricted(const struct origin *origin)
{
    return origin->shown->restricted && !origin->team.id;
}

static int judge_origin(struct command *command, const struct origin *origin, bool split)
{
    const Meridian__Command *asked = command->job->request->command;
    struct outcome *out = &command->job->out;

    if (split && !origin->said)
        return outcome_refuse(out, -E_NOT_FOUND, "%s has no reply %u", origin->row->number, asked->reply_seq);
    if (leaves_restricted(origin) && (!asked->subject || !*asked->subject))
        return outcome_refuse_field(out, "/subject", "is needed: the team that had the ticket is no more");
    if (origin->links >= LIMIT_TICKET_LINKS)
        return outcome_refuse(out, -E_LINK, "A ticket has at most %d links", LIMIT_TICKET_LINKS);
    return 0;
}

/* ---- the new one ---- */

/* The region in which it is accepted, and its next number. */
static int lease_number(struct db_conn *conn, const struct job *job, const char *region, struct buf *ret)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_text(&params, region);
    db_param_int(&params, 1);
    db_param_text(&params, job->request->instance ? job->request->instance : "router");
    db_param_int(&params, job->cluster_epoch);
    r = db_exec(conn, &sql_router_number_lease, &params, &result);
    if (r < 0)
        return r;
    if (db_rows(&result) != 1)
        return -E_DB_RETRY; /* another primary: the next look at its epoch says so */
    for (const char *c = region; *c; c++)
        buf_add_char(ret, (char)toupper((unsigned char)*c));
    buf_printf(ret, "-%lld", (long long)db_int(&result, 0, 0));
    return 0;
}

/* The first line, as far as a subject goes. */
static void add_line(struct buf *subject, const char *text)
{
    struct str rest = str_from(text + strspn(text, " \t\r\n")), line;
    size_t end = 0, chars = utf8_length(buf_str(subject));

    str_cut(rest, '\n', &line, &rest);
    while (end < line.n && chars++ < LIMIT_SUBJECT_CHARS)
        utf8_next(line, &end);
    buf_add_str(subject, str_trim((struct str){line.p, end}));
}

static void name_it(const Meridian__Command *asked, const struct origin *origin, bool split, struct buf *ret)
{
    if (asked->subject && *asked->subject) {
        buf_add_text(ret, asked->subject);
        return;
    }
    if (!split && strncmp(origin->subject, "Re: ", 4) != 0)
        buf_add_text(ret, "Re: ");
    add_line(ret, split ? origin->said : origin->subject);
}

/* Members of its first event. */
static void tell_origin(const struct origin *origin, int64_t reply_seq, bool tell_number, struct buf *json)
{
    char at[CLOCK_TEXT_SIZE];

    buf_printf(json, ",\"%s\":", reply_seq ? "split_from" : "follow_up_of");
    buf_json_text(json, tell_number ? origin->row->number : NULL);
    if (!reply_seq)
        return;
    buf_printf(json, ",\"reply\":%lld,\"said_by\":", (long long)reply_seq);
    buf_json_text(json, origin->author);
    buf_printf(json, ",\"said_at\":\"%s\"", clock_format(origin->said_us, at));
}

/* A follow-up goes where the old one was, and what was said in a restricted team stays in it; all else goes
 * where the organisation in force has it. */
static void place_it(const struct origin *origin, bool split, struct submit_origin *ret)
{
    ret->by_desk = origin->by_desk;
    if (!origin->team.id || (split && !origin->shown->restricted))
        return;
    ret->team = origin->team.id;
    ret->team_slug = origin->team.slug;
    ret->tier = origin->team.tier;
    ret->restricted = origin->shown->restricted;
}

static void fill(const struct command *command, const struct origin *origin, bool split, struct uuid *id,
                 Meridian__Submission *s)
{
    const Meridian__Request *request = command->job->request;
    const Meridian__Command *asked = request->command;
    const ProtobufCBinaryData bytes = {sizeof id->bytes, id->bytes};

    s->id = s->submission_key = bytes; /* the command's key is what makes it once */
    s->body_hash = (ProtobufCBinaryData){32, (uint8_t *)command->hash};
    s->accepted_us = origin->row->now_us;
    s->channel = (char *)origin->channel;
    s->requester_id = (char *)origin->row->requester_id;
    s->submitter_id = request->principal->user_id;
    s->description = split ? (char *)origin->said : asked->text;
    s->service = asked->service;
    if (!leaves_restricted(origin)) {
        s->attributes = (char *)origin->attributes;
        if (!s->service || !*s->service)
            s->service = (char *)origin->service;
    }
    s->has_impact = asked->has_impact;
    s->impact = asked->impact;
    s->has_urgency = asked->has_urgency;
    s->urgency = asked->urgency;
    s->language = (char *)origin->language;
    s->trace_id = request->trace_id;
}

static int make(struct db_conn *conn, const struct command *command, const struct origin *origin, bool split,
                struct ticket_rows *ret_made)
{
    const Meridian__Request *request = command->job->request;
    _cleanup_buf_ struct buf number = BUF_INIT, subject = BUF_INIT, details = BUF_INIT;
    const char *region = request->region && *request->region ? request->region : origin->region;
    Meridian__Submission s = MERIDIAN__SUBMISSION__INIT;
    struct submit_origin from = {0};
    struct uuid id = uuid_v7();
    char key[UUID_TEXT_SIZE];
    int r = lease_number(conn, command->job, region, &number);

    if (r < 0)
        return r;
    name_it(request->command, origin, split, &subject);
    place_it(origin, split, &from);
    tell_origin(origin, split ? request->command->reply_seq : 0,
                !origin->row->restricted || from.team == origin->row->team, &details);
    from.details = buf_text(&details);
    fill(command, origin, split, &id, &s);
    s.number = (char *)buf_text(&number);
    s.client_key = uuid_format(&id, key);
    s.region = (char *)region;
    s.subject = (char *)buf_text(&subject);
    r = submit_derived(conn, command->job, &s, &from);
    return r ? r : ticket_rows_lock(conn, &id, 1, ret_made);
}

/* ---- both ---- */

static int write_both(struct db_conn *conn, struct command *command, const struct origin *origin,
                      const struct ticket_row *made, struct ticket_change *change)
{
    const Meridian__Command *asked = command->job->request->command;
    bool split = asked->action == ACTION_SPLIT;
    enum ticket_link kind = split ? LINK_SPLIT_FROM : LINK_FOLLOW_UP_OF;
    _cleanup_buf_ struct buf details = BUF_INIT, more = BUF_INIT;
    int reply_seq = split ? (int)asked->reply_seq : 0;
    int r = link_insert(conn, command, made, kind, origin->row, reply_seq);

    if (r < 0)
        return r;
    if (split)
        buf_printf(&details, ",\"reply\":%d", reply_seq);
    link_describe(change, kind, true, origin->shown, made, &details);
    change->state = origin->shown->state;
    buf_printf(&more, ",\"%s\":", ticket_link_word(kind, true));
    buf_json_text(&more, made->number);
    command->writer.answer_more = buf_text(&more);
    r = command_write(conn, command, origin->shown, change, true);
    command->writer.answer_more = NULL;
    return r;
}

int derive_change(struct db_conn *conn, struct command *command)
{
    const Meridian__Request *request = command->job->request;
    bool split = request->command->action == ACTION_SPLIT;
    _cleanup_ticket_rows_ struct ticket_rows rows = {0}, made = {0};
    _cleanup_(origin_fini) struct origin origin = {0};
    struct ticket_plan plan = {0};
    struct ticket_place place;
    struct ticket_row judged;
    int r = ticket_place_find(conn, request->command->number, &place);

    if (!r)
        r = command_lock(conn, command, &place, 1, true, &rows);
    if (r)
        return r;
    origin.row = ticket_rows_find(&rows, &place.id);
    origin.shown = ticket_rows_find(&rows, &place.root);
    judged = *origin.shown;
    if (ticket_rules_hide(request, origin.shown)) { /* whose ticket is part of it goes on by the old number */
        origin.shown = origin.row;
        judged = *origin.row;
        judged.state = ticket_rows_find(&rows, &place.root)->state;
    }
    r = ticket_rules_plan(request, &judged, NULL, NULL, &plan, &command->job->out);
    if (!r)
        r = read_origin(conn, request->command, &origin);
    if (!r)
        r = judge_origin(command, &origin, split);
    if (!r)
        r = make(conn, command, &origin, split, &made);
    if (!r)
        r = write_both(conn, command, &origin, &made.rows[0], &plan.steps[0]);
    if (r < 0)
        return r;
    job_hint_ticket(command->job);
    job_hint_timers(command->job, &(struct uuid){0}, true);
    return 0;
}
