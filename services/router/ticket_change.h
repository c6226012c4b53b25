/* One change of a ticket as it is planned, and the first strokes of one. Pure. */
#pragma once
#include "router/ticket_row.h"

enum ticket_text { TEXT_NONE, TEXT_REPLY, TEXT_NOTE };

/** How an offer ended. */
enum offer_outcome { OFFER_STAYS, OFFER_ACCEPTED, OFFER_DECLINED, OFFER_EXPIRED, OFFER_WITHDRAWN };

/** What somebody who had a ticket leaves for whoever goes on with it; JSON, see desk.handover. */
struct handover_note {
    const char *text, *text_zh; /* NULL in Chinese: it is as it is */
    const char *author_id;      /* NULL: drafted from the record */
};

/** What stays with a ticket that is taken from its owner. */
enum ticket_note_left {
    NOTE_NONE,
    NOTE_PREPARED, /* what they have prepared, if anything */
    NOTE_ANY,      /* else a draft */
};

/** The ticket after one change, and the event that tells it. Texts are borrowed from the command, the
 * principal and the row. */
struct ticket_change {
    const char *event; /* "ticket.claimed" */
    bool public;
    enum ticket_state state;
    const char *owner_id, *owner_login, *owner_region; /* NULL: nobody */
    const char *offered_to, *offered_login;            /* NULL: it is offered to nobody */
    int64_t offered_until_us;
    const char *offer_kind;               /* of an offer that begins with this change */
    enum offer_outcome offer_outcome;     /* of the offer that was open; see ticket_change_settle_offer */
    const struct handover_note *handover; /* it is handed over with this; NULL: it is not */
    enum ticket_note_left leaves_note;    /* of its owner, from whom it is taken */
    const char *prepared;                 /* a note for a later handover, JSON; NULL: none */
    int team, tier;
    const char *team_slug;
    bool epoch_rises;
    bool opens_to_all; /* shifts keep nobody from taking it any more */
    int priority, impact, urgency;
    int64_t plan;               /* of service levels, by which the clocks count from here on; 0: as before */
    const char *pending_reason; /* set exactly while pending */
    int64_t pending_until_us;
    const char *cause, *solution, *prevention; /* NULL: as they are */
    bool reopened;
    bool first_response;
    enum ticket_text text_kind; /* where `text` goes */
    const char *text;
    bool from_requester;
    const char *rearm; /* a timer that is to ring again, at the time below; NULL: none */
    int64_t rearm_at_us;
    const char *details; /* more members for the event, each with its comma before it; NULL: none */
};

enum { TICKET_PLAN_MAX = 3 };
struct ticket_plan {
    struct ticket_change steps[TICKET_PLAN_MAX]; /* in order, each with an event of its own */
    int n;
};

/** The ticket as it is; an event that everybody may see, still without its name. */
struct ticket_change ticket_change_none(const struct ticket_row *row);
/** Makes of a change that was planned before it one that changes nothing more, and that only agents read. */
void ticket_change_quiet(struct ticket_change *change, const char *event);
/** It is in the queue, where it may be claimed: its new state, nobody owns it, it is not offered. */
bool ticket_change_queues(const struct ticket_change *change);
/** An offer ends when it is answered, and with whatever gives its ticket to somebody, sends it to another
 * team or leaves nothing to be offered: then it is withdrawn. Says so in the change, whoever planned it. */
void ticket_change_settle_offer(const struct ticket_row *row, struct ticket_change *change);
/** It goes on after a wait. */
void ticket_change_resume(struct ticket_change *change, enum ticket_state next);
/** Other levels, valid ones, and the priority that follows; 0: as it is. */
void ticket_change_prioritize(struct ticket_change *change, int impact, int urgency);
