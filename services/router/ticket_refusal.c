/* Refusals that carry what the caller could not know. Called by ticket_rules.c with the ticket locked, so
 * that what they tell is how it is. */
#include "router/ticket_refusal.h"
#include "base/clock.h"
#include "meridian/errors.h"
#include "meridian/limits.h"

static void add_at(struct buf *json, int64_t at_us)
{
    char text[CLOCK_TEXT_SIZE];

    buf_add_text(json, ",\"at\":");
    buf_json_text(json, clock_format(at_us, text));
}

int ticket_refuse_claimed(const struct ticket_row *row, struct outcome *out)
{
    struct buf *json = &out->json;

    buf_add_text(json, "{\"winner\":");
    buf_json_text(json, row->owner_login);
    buf_add_text(json, ",\"winner_name\":");
    buf_json_text(json, row->owner_name);
    buf_add_text(json, ",\"region\":");
    buf_json_text(json, row->owner_region);
    add_at(json, row->owned_at_us);
    buf_printf(json, ",\"epoch\":%lld}", (long long)row->epoch);
    return outcome_refuse(out, -E_ALREADY_CLAIMED, "%s owns %s", row->owner_login, row->number);
}

int ticket_refuse_offered(const struct ticket_row *row, struct outcome *out)
{
    char until[CLOCK_TEXT_SIZE];

    clock_format(row->offered_until_us, until);
    buf_add_text(&out->json, "{\"offered_to\":");
    buf_json_text(&out->json, row->offered_login);
    buf_printf(&out->json, ",\"until\":\"%s\"}", until);
    return outcome_refuse(out, -E_OFFERED, "%s is offered to %s until %s", row->number, row->offered_login,
                          until);
}

void ticket_refusal_add_owner(const struct ticket_row *row, struct buf *json)
{
    if (!row->owner_id) {
        buf_add_text(json, "null");
        return;
    }
    buf_add_text(json, "{\"login\":");
    buf_json_text(json, row->owner_login);
    buf_add_text(json, ",\"name\":");
    buf_json_text(json, row->owner_name);
    buf_add_text(json, ",\"region\":");
    buf_json_text(json, row->owner_region);
    buf_add_char(json, '}');
}

int ticket_refuse_lost(const struct ticket_row *row, struct outcome *out)
{
    struct buf *json = &out->json;

    buf_add_text(json, "{\"owner\":");
    ticket_refusal_add_owner(row, json);
    buf_printf(json, ",\"epoch\":%lld", (long long)row->epoch);
    add_at(json, row->owner_id ? row->owned_at_us : row->updated_at_us);
    buf_add_char(json, '}');
    return outcome_refuse(out, -E_OWNERSHIP_LOST, "The ticket is at epoch %lld", (long long)row->epoch);
}

int ticket_refuse_nudge(const struct ticket_row *row, struct outcome *out)
{
    char last[CLOCK_TEXT_SIZE], next[CLOCK_TEXT_SIZE];

    clock_format(row->nudged_at_us, last);
    clock_format(row->nudged_at_us + LIMIT_NUDGE_S * US_PER_S, next);
    buf_printf(&out->json, "{\"at\":\"%s\",\"possible_at\":\"%s\"}", last, next);
    return outcome_refuse(out, -E_NUDGED_LATELY, "The desk was asked at %s; it can be asked again from %s",
                          last, next);
}

int ticket_refuse_reopen(const struct ticket_row *row, struct outcome *out)
{
    struct buf *json = &out->json;
    char until[CLOCK_TEXT_SIZE];

    buf_add_text(json, "{\"reopen_until\":");
    buf_json_text(json, row->reopen_until_us ? clock_format(row->reopen_until_us, until) : NULL);
    buf_printf(json, ",\"follow_up\":\"/api/v1/tickets/%s:follow-up\"}", row->number);
    if (!row->reopen_until_us)
        return outcome_refuse(out, -E_REOPEN_LATE, "%s is closed for good: make a follow-up", row->number);
    return outcome_refuse(out, -E_REOPEN_LATE, "%s could be reopened until %s: make a follow-up", row->number,
                          until);
}

int ticket_refuse_transition(const struct ticket_row *row, struct ticket_situation situation,
                             enum ticket_action action, const char *detail, struct outcome *out)
{
    enum ticket_action allowed[TICKET_ACTIONS_MAX];
    size_t n = ticket_actions_allowed(situation, allowed);
    struct buf *json = &out->json;

    buf_add_text(json, "{\"state\":");
    buf_json_text(json, ticket_state_name(row->state));
    buf_add_text(json, ",\"allowed\":[");
    for (size_t i = 0, listed = 0; i < n; i++) {
        if (allowed[i] == action)
            continue;
        if (listed++)
            buf_add_char(json, ',');
        buf_json_text(json, ticket_action_name(allowed[i]));
    }
    buf_add_text(json, "]}");
    return outcome_refuse(out, -E_BAD_TRANSITION, "%s", detail);
}
