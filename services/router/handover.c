/* Handovers and their notes. Called by command.c for those that people ask for, by shift_end.c when a desk
 * closes, and by ticket_write.c with every change.
 *
 * A handover is an offer of the owner before, so all that is true of offers holds: the ticket is always
 * owned, offered or queued, one answer wins, a timer ends it. What is special is the note: it stays with the
 * ticket, whatever becomes of the offer, until the ticket is solved or handed over again. The note is for
 * agents: it is in a table of its own, never in an event, which requesters can read. */
#include "router/handover.h"
#include "base/clock.h"
#include "meridian/errors.h"
#include "router/dispatch.h"
#include "router/offer.h"
#include "router/ticket_rules.h"
#include "router_sql.h"

/* Of handover_choose.sql. */
enum { ACCEPT_WITHIN, ID, LOGIN, REGION, WHY, CANDIDATES };

void handover_fini(struct handover *handover)
{
    buf_fini(&handover->text);
    buf_fini(&handover->details);
    db_result_fini(&handover->chosen);
}

/* ---- the note ---- */

static void add_part(struct buf *json, const char *name, const char *text)
{
    if (!text || !text[0])
        return;
    buf_printf(json, "%c\"%s\":", json->n ? ',' : '{', name);
    buf_json_text(json, text);
}

static void render(const Meridian__HandoverNote *note, struct buf *json)
{
    char at[CLOCK_TEXT_SIZE];

    add_part(json, "state", note->state);
    add_part(json, "tried", note->tried);
    add_part(json, "last_contact", note->last_contact);
    add_part(json, "next_step", note->next_step);
    if (note->has_next_step_at_us)
        add_part(json, "next_step_at", clock_format(note->next_step_at_us, at));
    buf_add_char(json, '}');
}

/* ---- to whom ---- */

static int choose(struct db_conn *conn, const struct ticket_row *row, const char *desk, bool named,
                  struct handover *handover)
{
    _cleanup_params_ struct db_params params = {0};
    int r;

    db_param_uuid(&params, &row->id);
    db_param_text(&params, row->owner_id);
    db_param_text(&params, desk);
    db_param_bool(&params, named);
    r = db_exec(conn, &sql_router_handover_choose, &params, &handover->chosen);
    if (r < 0)
        return r;
    if (db_rows(&handover->chosen) != 1)
        return -E_INTERNAL;
    handover->to_id = db_text(&handover->chosen, 0, ID);
    return 0;
}

static void tell(struct buf *details, const char *name, const char *text)
{
    if (!text)
        return;
    buf_printf(details, ",\"%s\":", name);
    buf_json_text(details, text);
}

/* Of a change that takes the ticket from its owner and puts it into the queue, one that offers it, if there
 * is somebody to ask. */
static int aim(struct db_conn *conn, const struct ticket_row *row, const char *desk,
               const struct ticket_assignee *to, struct handover *handover, struct ticket_change *change)
{
    bool named = to && to->id;
    int r = choose(conn, row, desk, named, handover);
    struct offer offer = {.kind = OFFER_KIND_HANDOVER};
    struct ticket_plan offered;

    if (r < 0)
        return r;
    offer.user_id = named ? to->id : handover->to_id;
    offer.login = named ? to->login : db_text(&handover->chosen, 0, LOGIN);
    offer.until_us = row->now_us + db_int(&handover->chosen, 0, ACCEPT_WITHIN) * US_PER_S;
    if (offer.user_id) {
        ticket_offer_plan(row, &offer, &offered);
        offered.steps[0].state = change->state;
        offered.steps[0].pending_reason = change->pending_reason;
        offered.steps[0].pending_until_us = change->pending_until_us;
        *change = offered.steps[0];
    }
    tell(&handover->details, "reason", "handover");
    tell(&handover->details, "from_owner", row->owner_login);
    tell(&handover->details, "desk", desk);
    tell(&handover->details, "why", db_text(&handover->chosen, 0, WHY));
    change->details = buf_text(&handover->details);
    return 0;
}

/* Or the ticket would be nobody's until the time to answer is over. */
static int check_named(struct db_conn *conn, const struct ticket_row *row, const char *user_id,
                       struct outcome *out)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result found = {0};
    int r;

    db_param_uuid(&params, &row->id);
    db_param_text(&params, user_id);
    r = db_exec(conn, &sql_router_handover_check, &params, &found);
    if (r < 0 || db_is_null(&found, 0, 0))
        return r;
    return outcome_refuse_field(out, "/to",
                                strcmp(db_text(&found, 0, 0), "capacity") == 0
                                    ? "carries all that they may"
                                    : "has not the skills that the ticket needs");
}

int handover_command(struct db_conn *conn, const Meridian__Request *request, const struct ticket_row *row,
                     const struct ticket_assignee *to, struct handover *handover,
                     struct ticket_change *change, struct outcome *out)
{
    int r;

    render(request->command->handover, &handover->text);
    if (request->command->at_shift_end) {
        change->prepared = buf_text(&handover->text);
        return 0;
    }
    handover->note.text = buf_text(&handover->text);
    handover->note.author_id = request->principal->user_id;
    r = to->id ? check_named(conn, row, to->id, out) : 0;
    if (!r)
        r = aim(conn, row, NULL, to, handover, change);
    change->handover = &handover->note;
    return r;
}

int handover_plan_shift_end(struct db_conn *conn, const struct ticket_row *row, const char *desk,
                            struct handover *handover, struct ticket_plan *ret_plan)
{
    int r;

    ticket_rules_plan_return(row, NULL, ret_plan);
    r = aim(conn, row, desk, NULL, handover, &ret_plan->steps[0]);
    ret_plan->steps[0].leaves_note = NOTE_ANY;
    return r;
}

int handover_write_down(struct db_conn *conn, const struct ticket_row *row, const struct handover *handover)
{
    return handover->to_id
               ? dispatch_write_down(conn, row, handover->to_id, db_text(&handover->chosen, 0, CANDIDATES))
               : 0;
}

/* ---- the rows ---- */

static int add(struct db_conn *conn, const struct ticket_row *row, const struct handover_note *note)
{
    _cleanup_params_ struct db_params params = {0};

    db_param_uuid(&params, &row->id);
    db_param_int(&params, row->version + 1); /* the event that is written next */
    db_param_text(&params, row->owner_id);
    db_param_text(&params, note->author_id);
    db_param_int(&params, row->now_us);
    db_param_text(&params, note->text);
    db_param_text(&params, note->text_zh);
    return db_exec(conn, &sql_router_handover_add, &params, NULL);
}

/* What its owner has prepared, else a draft. */
static int leave(struct db_conn *conn, const struct ticket_row *row, enum ticket_note_left which)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result found = {0};
    int r;

    db_param_uuid(&params, &row->id);
    db_param_text(&params, row->owner_id);
    r = db_exec(conn, &sql_router_handover_note, &params, &found);
    if (r < 0 || (which == NOTE_PREPARED && db_is_null(&found, 0, 2)))
        return r;
    return add(conn, row,
               &(struct handover_note){db_text(&found, 0, 0), db_text(&found, 0, 1), db_text(&found, 0, 2)});
}

static int prepare(struct db_conn *conn, const struct ticket_row *row, const char *note)
{
    _cleanup_params_ struct db_params params = {0};

    db_param_uuid(&params, &row->id);
    db_param_text(&params, row->owner_id);
    db_param_int(&params, row->now_us);
    db_param_text(&params, note);
    return db_exec(conn, &sql_router_handover_prepare, &params, NULL);
}

static int settle(struct db_conn *conn, const struct ticket_row *row, bool left, bool done)
{
    _cleanup_params_ struct db_params params = {0};

    if (!left && !done)
        return 0;
    db_param_uuid(&params, &row->id);
    db_param_bool(&params, left);
    db_param_bool(&params, done);
    db_param_int(&params, row->now_us);
    return db_exec(conn, &sql_router_handover_settle, &params, NULL);
}

static bool in_hand(enum ticket_state state)
{
    return state == TICKET_NEW || state == TICKET_OPEN || state == TICKET_PENDING;
}

/* Part of another ticket, it may be one of its own again. */
static bool ends(const struct ticket_row *row, const struct ticket_change *change)
{
    return in_hand(row->state) && !in_hand(change->state) && strcmp(change->event, "ticket.merged") != 0;
}

int handover_follow(struct db_conn *conn, const struct ticket_row *row, const struct ticket_change *change)
{
    bool left = row->owner_id && (!change->owner_id || strcmp(row->owner_id, change->owner_id) != 0);
    int r = change->leaves_note ? leave(conn, row, change->leaves_note) : 0;

    if (!r)
        r = settle(conn, row, left, ends(row, change));
    if (!r && change->handover)
        r = add(conn, row, change->handover);
    return r || !change->prepared ? r : prepare(conn, row, change->prepared);
}
