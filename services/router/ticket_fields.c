/* What of a command is wrong whatever the ticket's state: missing, too long, contradicting itself. Called by
 * ticket_rules.c, which judges rights before it and everything else after it. Intake checked most of it at
 * the edge; what comes from the bus comes from outside. */
#include "router/ticket_fields.h"
#include "domain/priority.h"
#include "domain/ticket_link.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include <stdio.h>

struct form {
    const Meridian__Command *command;
    const struct ticket_row *row;
    const struct ticket_team *target;
    const struct ticket_assignee *assignee;
    struct outcome *out;
};

bool ticket_fields_blank(const char *text)
{
    return !text || !text[strspn(text, " \t\r\n")];
}

static int check_text(const struct form *form, const char *text, bool required, size_t most_bytes,
                      size_t most_chars, const char *pointer)
{
    struct str s = str_from(text);

    if (ticket_fields_blank(text))
        return required ? outcome_refuse_field(form->out, pointer, "must not be empty") : 0;
    if (!utf8_printable(s))
        return outcome_refuse_field(form->out, pointer, "must be text without control characters");
    if (s.n > most_bytes || (most_chars && utf8_length(s) > most_chars))
        return outcome_refuse_field(form->out, pointer, "is too long");
    return 0;
}

static int check_reason(const struct form *form, bool required)
{
    return check_text(form, form->command->text, required, LIMIT_REASON_CHARS * 4, LIMIT_REASON_CHARS,
                      "/reason");
}

static int check_levels(const struct form *form)
{
    const Meridian__Command *c = form->command;
    int priority;

    if (!c->has_impact && !c->has_urgency)
        return outcome_refuse_field(form->out, "/impact", "or urgency must be given");
    if (priority_of(c->has_impact ? c->impact : 0, c->has_urgency ? c->urgency : 0, &priority) < 0)
        return outcome_refuse_field(form->out, "/impact", "and urgency are 1 to 3");
    return check_reason(form, false);
}

static int check_link(const struct form *form)
{
    enum ticket_link link;
    bool backwards;

    if (ticket_link_parse(str_from(form->command->link), &link, &backwards) < 0 || link >= LINK_SPLIT_FROM)
        return outcome_refuse_field(form->out, "/kind", "there is no such kind of link");
    return ticket_fields_blank(form->command->other)
               ? outcome_refuse_field(form->out, "/to", "must not be empty")
               : 0;
}

static int check_assignee(const struct form *form)
{
    const struct ticket_assignee *assignee = form->assignee;
    char detail[120];

    if (ticket_fields_blank(form->command->assignee))
        return outcome_refuse_field(form->out, "/to", "must not be empty");
    if (!assignee || !assignee->id)
        return outcome_refuse_field(form->out, "/to", "there is nobody of this login");
    if (assignee->role == ROLE_REQUESTER)
        return outcome_refuse_field(form->out, "/to", "is a requester; a ticket is assigned to an agent");
    if (assignee->disabled)
        return outcome_refuse_field(form->out, "/to", "has an account that is disabled");
    if (!assignee->member) {
        snprintf(detail, sizeof detail, "is not a member of the ticket's team, %s", form->row->team_slug);
        return outcome_refuse_field(form->out, "/to", detail);
    }
    return check_reason(form, false);
}

static int check_handover(const struct form *form)
{
    const Meridian__Command *c = form->command;
    const Meridian__HandoverNote *note = c->handover;
    int r;

    if (!note)
        return outcome_refuse_field(form->out, "/note", "is required");
    r = check_text(form, note->state, true, LIMIT_HANDOVER_BYTES, 0, "/note/state");
    if (!r)
        r = check_text(form, note->tried, true, LIMIT_HANDOVER_BYTES, 0, "/note/tried");
    if (!r)
        r = check_text(form, note->last_contact, false, LIMIT_HANDOVER_BYTES, 0, "/note/last_contact");
    if (!r)
        r = check_text(form, note->next_step, true, LIMIT_HANDOVER_BYTES, 0, "/note/next_step");
    if (r || !c->assignee)
        return r;
    return c->at_shift_end ? outcome_refuse_field(form->out, "/to", "is found when the desk closes")
                           : check_assignee(form);
}

/* What is told of a ticket that is made from another one. */
static int check_derived(const struct form *form, bool split)
{
    const Meridian__Command *c = form->command;
    int priority, r = split ? 0 : check_text(form, c->text, true, LIMIT_TEXT_BYTES, 0, "/description");

    if (!r)
        r = check_text(form, c->subject, false, LIMIT_SUBJECT_CHARS * 4, LIMIT_SUBJECT_CHARS, "/subject");
    if (!r)
        r = check_text(form, c->service, false, LIMIT_SERVICE_CHARS * 4, LIMIT_SERVICE_CHARS, "/service");
    if (!r && priority_of(c->has_impact ? c->impact : 0, c->has_urgency ? c->urgency : 0, &priority) < 0)
        r = outcome_refuse_field(form->out, "/impact", "and urgency are 1 to 3");
    return r;
}

static int check(const struct form *form)
{
    const Meridian__Command *c = form->command;
    int r;

    switch ((enum ticket_action)c->action) {
    case ACTION_REPLY:
    case ACTION_NOTE:
        return check_text(form, c->text, true, LIMIT_TEXT_BYTES, 0, "/body");
    case ACTION_PEND:
        r = check_reason(form, true);
        if (!r && c->has_until_us && c->until_us <= form->row->now_us)
            r = outcome_refuse_field(form->out, "/until", "must lie in the future");
        return r;
    case ACTION_RESOLVE:
        r = check_text(form, c->cause, false, LIMIT_TEXT_BYTES, 0, "/cause");
        if (!r)
            r = check_text(form, c->solution, false, LIMIT_TEXT_BYTES, 0, "/solution");
        if (!r)
            r = check_text(form, c->prevention, false, LIMIT_TEXT_BYTES, 0, "/prevention");
        return r ? r : check_reason(form, c->force);
    case ACTION_TRANSFER:
        if (ticket_fields_blank(c->team))
            return outcome_refuse_field(form->out, "/team", "must not be empty");
        if (!form->target || !form->target->id)
            return outcome_refuse_field(form->out, "/team", "there is no such team");
        if (form->target->tier != form->row->tier && ticket_fields_blank(form->command->text))
            return outcome_refuse_field(form->out, "/reason",
                                        "is required when a ticket goes to another tier");
        return check_reason(form, false);
    case ACTION_REOPEN:
    case ACTION_TAKE_OVER:
    case ACTION_HAND_BACK:
    case ACTION_DECLINE:
        return check_reason(form, true);
    case ACTION_ASSIGN:
        return check_assignee(form);
    case ACTION_RELEASE:
    case ACTION_CANCEL:
        return check_reason(form, false);
    case ACTION_PRIORITIZE:
        return check_levels(form);
    case ACTION_LINK:
    case ACTION_UNLINK:
        return check_link(form);
    case ACTION_MERGE:
        return ticket_fields_blank(c->other) ? outcome_refuse_field(form->out, "/into", "must not be empty")
                                             : check_reason(form, false);
    case ACTION_RECALCULATE:
    case ACTION_ACKNOWLEDGE:
    case ACTION_UNMERGE:
        return check_reason(form, false);
    case ACTION_HAND_OVER:
        return check_handover(form);
    case ACTION_SPLIT:
    case ACTION_FOLLOW_UP:
        return check_derived(form, c->action == ACTION_SPLIT);
    case ACTION_CLAIM:
    case ACTION_CONFIRM:
    case ACTION_NUDGE:
    case ACTION_ACCEPT:
        return 0;
    }
    return outcome_refuse(form->out, -E_BAD_REQUEST, "There is no such action");
}

int ticket_fields_check(const Meridian__Command *command, const struct ticket_row *row,
                        const struct ticket_team *target, const struct ticket_assignee *assignee,
                        struct outcome *out)
{
    return check(&(struct form){command, row, target, assignee, out});
}
