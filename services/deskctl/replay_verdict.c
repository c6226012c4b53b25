/* Compares two stories. It trusts neither side: what clients were told comes from their log, what happened
 * from the raw events of the desk.
 *
 * - lost: an acknowledged number, or its submission key, that leads to no ticket;
 * - duplicated: one submission key that led to two tickets;
 * - double claim: a claim recorded while somebody owned the ticket, or two clients told that they won the
 *   same epoch of one ticket;
 * - mismatched win: a client was told that it won, and the desk recorded somebody else for that epoch, or
 *   nobody;
 * - chain gap: events of a ticket that are not numbered 1, 2, 3, and so on.
 *
 * A number that a client was told need not be the ticket's: when a submission is repeated to another intake
 * before the first could answer, both numbers lead to one ticket, and one of them is an alias. So everything
 * is looked up by the ticket's own number.
 */
#include "deskctl/replay_verdict.h"
#include "base/memory.h"
#include <stdio.h>
#include <string.h>

struct replay_judge {
    json_t *tickets; /* number -> {seq, owned (bool), claims: {epoch -> agent}} */
    json_t *aliases; /* other number -> number, or null */
    json_t *keys;    /* client key -> number */
    json_t *wins;    /* "number/epoch" -> agent, as clients were told */
    json_t *mine;    /* numbers of the tickets this replay made */
    struct replay_verdict verdict;
};

bool replay_verdict_clean(const struct replay_verdict *verdict)
{
    return !verdict->lost && !verdict->duplicated && !verdict->double_claims && !verdict->mismatched_wins &&
           !verdict->chain_gaps;
}

struct replay_judge *replay_judge_new(void)
{
    struct replay_judge *judge = NEW(struct replay_judge);

    judge->tickets = json_object();
    judge->aliases = json_object();
    judge->keys = json_object();
    judge->wins = json_object();
    judge->mine = json_object();
    return judge;
}

struct replay_judge *replay_judge_free(struct replay_judge *judge)
{
    if (judge) {
        json_decref(judge->tickets);
        json_decref(judge->aliases);
        json_decref(judge->keys);
        json_decref(judge->wins);
        json_decref(judge->mine);
        free(judge);
    }
    return NULL;
}

static const char *text_of(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

/* ---- what the desk recorded ---- */

/* With an offer, because a handover is one of an owner. */
static bool owner_leaves(const char *type)
{
    return strcmp(type, "ticket.released") == 0 || strcmp(type, "ticket.returned") == 0 ||
           strcmp(type, "ticket.transferred") == 0 || strcmp(type, "ticket.offered") == 0 ||
           strcmp(type, "ticket.cancelled") == 0;
}

/* One that is reopened stays with its owner, if they are on shift: the event says so. */
static bool has_owner(const json_t *event)
{
    const char *text = text_of(event, "data");
    json_t *data = json_loads(text ? text : "{}", 0, NULL);
    bool has = json_is_string(json_object_get(data, "owner"));

    json_decref(data);
    return has;
}

static json_t *add_ticket(struct replay_judge *judge, const char *number, const char *key)
{
    json_t *ticket = json_pack("{s:i, s:b, s:{}}", "seq", 0, "owned", 0, "claims");

    json_object_set_new(judge->tickets, number, ticket);
    if (key && json_object_get(judge->keys, key))
        judge->verdict.duplicated++;
    if (key)
        json_object_set_new(judge->keys, key, json_string(number));
    return ticket;
}

static void take_claim(struct replay_judge *judge, json_t *ticket, const json_t *event)
{
    const char *text = text_of(event, "data");
    json_t *data = json_loads(text ? text : "{}", 0, NULL), *claims = json_object_get(ticket, "claims");
    char epoch[24];

    snprintf(epoch, sizeof epoch, "%lld", (long long)json_integer_value(json_object_get(data, "epoch")));
    if (json_is_true(json_object_get(ticket, "owned")) || json_object_get(claims, epoch))
        judge->verdict.double_claims++;
    json_object_set_new(claims, epoch, json_string(text_of(event, "actor")));
    json_object_set_new(ticket, "owned", json_true());
    json_decref(data);
}

void replay_judge_event(struct replay_judge *judge, const json_t *event)
{
    const char *number = text_of(event, "number"), *type = text_of(event, "type");
    json_int_t seq = json_integer_value(json_object_get(event, "seq"));
    json_t *ticket;

    if (!number || !type || !text_of(event, "actor"))
        return;
    judge->verdict.events++;
    ticket = json_object_get(judge->tickets, number);
    if (!ticket)
        ticket = add_ticket(judge, number, text_of(event, "key"));
    if (seq != json_integer_value(json_object_get(ticket, "seq")) + 1)
        judge->verdict.chain_gaps++;
    json_object_set_new(ticket, "seq", json_integer(seq));
    if (strcmp(type, "ticket.claimed") == 0 || strcmp(type, "ticket.offer_accepted") == 0)
        take_claim(judge, ticket, event);
    else if (owner_leaves(type) || (strcmp(type, "ticket.reopened") == 0 && !has_owner(event)))
        json_object_set_new(ticket, "owned", json_false());
}

/* ---- numbers ---- */

bool replay_judge_knows(const struct replay_judge *judge, const char *number)
{
    return json_object_get(judge->tickets, number) || json_object_get(judge->aliases, number);
}

void replay_judge_alias(struct replay_judge *judge, const char *number, const char *real)
{
    json_object_set_new(judge->aliases, number, real ? json_string(real) : json_null());
}

/* The number under which the ticket is recorded; NULL when there is none. */
static const char *resolve(const struct replay_judge *judge, const char *number)
{
    return json_object_get(judge->tickets, number) ? number : text_of(judge->aliases, number);
}

/* ---- what clients were told ---- */

static void check_submit(struct replay_judge *judge, const json_t *line)
{
    const char *number = text_of(line, "number"), *key = text_of(line, "key"), *real, *recorded;
    json_int_t status = json_integer_value(json_object_get(line, "status"));

    if ((status != 201 && status != 202) || !number || !key)
        return;
    real = resolve(judge, number);
    recorded = text_of(judge->keys, key);
    if (recorded)
        json_object_set_new(judge->mine, recorded, json_true());
    if (!real || !recorded)
        judge->verdict.lost++;
    else if (strcmp(real, recorded) != 0)
        judge->verdict.duplicated++;
}

static void check_win(struct replay_judge *judge, const json_t *line)
{
    const char *number = text_of(line, "number"), *agent = text_of(line, "agent"), *real, *claimed;
    char epoch[24], place[80];

    if (json_integer_value(json_object_get(line, "status")) != 200 || !number || !agent)
        return;
    real = resolve(judge, number);
    snprintf(epoch, sizeof epoch, "%lld", (long long)json_integer_value(json_object_get(line, "epoch")));
    snprintf(place, sizeof place, "%s/%s", real ? real : number, epoch);
    if (json_object_get(judge->wins, place))
        judge->verdict.double_claims++;
    json_object_set_new(judge->wins, place, json_string(agent));
    claimed = real ? text_of(json_object_get(json_object_get(judge->tickets, real), "claims"), epoch) : NULL;
    if (!claimed || strcmp(claimed, agent) != 0)
        judge->verdict.mismatched_wins++;
}

void replay_judge_line(struct replay_judge *judge, const json_t *line)
{
    const char *op = text_of(line, "op");

    if (op && strcmp(op, "submit") == 0)
        check_submit(judge, line);
    else if (op && strcmp(op, "claim") == 0)
        check_win(judge, line);
}

struct replay_verdict replay_judge_verdict(const struct replay_judge *judge)
{
    struct replay_verdict verdict = judge->verdict;

    verdict.unique_tickets = (long)json_object_size(judge->mine);
    return verdict;
}
