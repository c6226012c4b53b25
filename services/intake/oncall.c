/* Swaps of on-call shifts: listed from the region's database; asked, taken, declined and withdrawn at the
 * authority, which alone knows who is on call. */
#include "base/clock.h"
#include "intake/api.h"
#include "intake/query.h"
#include "intake/reads.h"
#include "meridian/errors.h"
#include "meridian/limits.h"

static const int64_t attempt_us = 10 * US_PER_S;
enum { NAME_CHARS = 64, NAME_BYTES = 4 * NAME_CHARS };

void oncall_swaps_get(struct call *call)
{
    static const char *const states[] = {"asked", "taken", "declined", "withdrawn", "expired", NULL};
    _cleanup_query_ struct query query = {0};
    _cleanup_buf_ struct buf schedule = BUF_INIT, state = BUF_INIT, after = BUF_INIT;
    int64_t at_us;

    if (!query_page(call, "oncall-swaps", LIMIT_PAGE, &query) ||
        !query_text(call, "schedule", NAME_BYTES, &schedule) ||
        !query_choice(call, "state", states, &state) || !query_text(call, "after", CLOCK_TEXT_SIZE, &after))
        return;
    if (after.n && clock_parse(buf_str(&after), &at_us) < 0) {
        call_problem(call, E_BAD_REQUEST, "after must be a time as in 2026-01-05T12:00:00Z");
        return;
    }
    const char *args[] = {buf_text(&query.key), query.limit, buf_text(&schedule), buf_text(&state),
                          buf_text(&after)};
    read_document(call, "oncall-swaps", args, ARRAY_SIZE(args), READ_AUTHORITY, query_answered);
}

static void ask_authority(struct call *call, Meridian__ShiftSwap *swap)
{
    char key[LIMIT_KEY_CHARS + 1];
    Meridian__Principal principal;
    Meridian__Request request;

    call_request(call, &request, &principal);
    swap->client_key = call_client_key(call, key);
    request.body_case = MERIDIAN__REQUEST__BODY_SHIFT_SWAP;
    request.shift_swap = swap;
    bus_call(call->intake->service->routers, &request, attempt_us, 0, call_answered, call);
}

void oncall_swap_post(struct call *call)
{
    struct body {
        const char *schedule, *partner;
        int64_t from_us, to_us;
    } body = {0};
    static const struct body_field fields[] = {
        {"schedule", BODY_LINE, offsetof(struct body, schedule), NAME_CHARS, true, NULL},
        {"from", BODY_TIME, offsetof(struct body, from_us), 0, true, NULL},
        {"to", BODY_TIME, offsetof(struct body, to_us), 0, true, NULL},
        {"partner", BODY_LINE, offsetof(struct body, partner), NAME_CHARS, false, NULL},
    };
    _cleanup_errors_ struct body_errors errors = {0};
    Meridian__ShiftSwap swap = MERIDIAN__SHIFT_SWAP__INIT;

    if (body_read(call->body, fields, ARRAY_SIZE(fields), &body, &errors) < 0) {
        call_problem_with(call, E_VALIDATION, NULL, (struct str){0}, &errors);
        return;
    }
    swap.verb = MERIDIAN__SHIFT_SWAP__VERB__ASK;
    swap.schedule = (char *)body.schedule;
    swap.has_from_us = swap.has_to_us = true;
    swap.from_us = body.from_us;
    swap.to_us = body.to_us;
    swap.partner = (char *)body.partner;
    ask_authority(call, &swap);
}

static void answer_post(struct call *call, Meridian__ShiftSwap__Verb verb)
{
    static const struct body_field fields[] = {{"id", BODY_LINE, 0, UUID_TEXT_SIZE - 1, true, NULL}};
    _cleanup_errors_ struct body_errors errors = {0};
    Meridian__ShiftSwap swap = MERIDIAN__SHIFT_SWAP__INIT;
    const char *id = NULL;
    struct uuid uuid;

    if (body_read(call->body, fields, ARRAY_SIZE(fields), &id, &errors) == 0 &&
        uuid_parse(str_from(id), &uuid) < 0)
        body_error(&errors, "/id", "must be the id of a swap");
    if (errors.n) {
        call_problem_with(call, E_VALIDATION, NULL, (struct str){0}, &errors);
        return;
    }
    swap.verb = verb;
    swap.id = (char *)id;
    ask_authority(call, &swap);
}

void oncall_swap_take_post(struct call *call)
{
    answer_post(call, MERIDIAN__SHIFT_SWAP__VERB__TAKE);
}

void oncall_swap_decline_post(struct call *call)
{
    answer_post(call, MERIDIAN__SHIFT_SWAP__VERB__DECLINE);
}

void oncall_swap_withdraw_post(struct call *call)
{
    answer_post(call, MERIDIAN__SHIFT_SWAP__VERB__WITHDRAW);
}
