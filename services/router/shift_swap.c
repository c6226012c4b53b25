/* On-call shifts that somebody asks others to take. Called by the router for agents.
 *
 * What must stay true: of two who take one shift at once, exactly one has it; whoever gives a shift has it,
 * all of it, by the one evaluator of schedules, plans and earlier swaps included, and whoever takes it is in
 * the schedule and not on call then; nobody gets back, through others, what they gave away. So each change
 * holds the lock of its schedule's swaps, judges anew, and decides by a conditional update. Each may be
 * delivered again: an ask is found by its key, an answer by who gave it. */
#include "auth/authz.h"
#include "base/clock.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "router/duty.h"
#include "router/job.h"
#include "router/swapped.h"
#include "router_sql.h"

enum { OPEN_MAX = 20 }; /* of one person */
#define LONGEST_S (31 * 86400)

struct swap {
    char id[UUID_TEXT_SIZE];
    char *schedule, *asked_by, *partner, *decided_by, *state, *json;
    int64_t from_s, to_s;
};

static void swap_fini(struct swap *swap)
{
    free(swap->schedule);
    free(swap->asked_by);
    free(swap->partner);
    free(swap->decided_by);
    free(swap->state);
    free(swap->json);
}
#define _cleanup_swap_ _cleanup_(swap_fini)

/* 1: found; 0: there is none. By id, or when that is NULL by who asked and the key. */
static int find(struct db_conn *conn, const char *id, const char *asked_by, const char *key, struct swap *ret)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result row = {0};
    int r;

    db_param_text(&params, id);
    db_param_text(&params, asked_by);
    db_param_text(&params, key);
    r = db_exec(conn, &sql_router_swap_find, &params, &row);
    if (r < 0 || !db_rows(&row))
        return r;
    snprintf(ret->id, sizeof ret->id, "%s", db_text(&row, 0, 0));
    ret->schedule = mem_str(db_text(&row, 0, 1));
    ret->from_s = db_int(&row, 0, 2) / US_PER_S;
    ret->to_s = db_int(&row, 0, 3) / US_PER_S;
    ret->asked_by = mem_str(db_text(&row, 0, 4));
    ret->partner = db_is_null(&row, 0, 5) ? NULL : mem_str(db_text(&row, 0, 5));
    ret->state = mem_str(db_text(&row, 0, 6));
    ret->decided_by = db_is_null(&row, 0, 7) ? NULL : mem_str(db_text(&row, 0, 7));
    ret->json = mem_str(db_text(&row, 0, 8));
    return 1;
}

static int answer(struct job *job, const char *json)
{
    buf_reset(&job->out.json);
    buf_add_text(&job->out.json, json);
    return 0;
}

static int lock(struct db_conn *conn, struct job *job, const char *schedule, int64_t *ret_now_s)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_text(&params, schedule);
    r = db_exec(conn, &sql_router_swap_lock, &params, &result);
    if (r < 0)
        return r;
    *ret_now_s = db_int(&result, 0, 0) / US_PER_S;
    return job_check_epoch(job, db_int(&result, 0, 1));
}

/* ---- who is on call ---- */

/* The schedule of the plan in force; NULL: it has none of this name. */
static int find_schedule(struct db_conn *conn, struct job *job, const char *name,
                         const struct escalation_schedule **ret_schedule)
{
    const struct sla_plan *plan;
    int64_t version;
    int r = plan_newest(conn, &version);

    if (!r)
        r = plan_book_get(job->plans, conn, version, &plan);
    if (!r)
        *ret_schedule = sla_plan_schedule(plan, name);
    return r;
}

/* How much of a window somebody is on call. */
enum duty { DUTY_NEVER, DUTY_PARTLY, DUTY_ALWAYS };

static enum duty duty_of(const struct oncall *schedule, int32_t person, int64_t from_s, int64_t to_s)
{
    _cleanup_oncall_walk_ struct oncall_walk walk;
    bool ever = false, always = true;

    oncall_walk_init(&walk, schedule, from_s, to_s);
    while (oncall_walk_next(&walk)) {
        ever = ever || walk.on[person];
        always = always && walk.on[person];
    }
    return always ? DUTY_ALWAYS : ever ? DUTY_PARTLY : DUTY_NEVER;
}

static bool gave_away(const struct oncall *schedule, int32_t person, int64_t from_s, int64_t to_s)
{
    for (size_t i = 0; i < schedule->nswaps; i++)
        if (schedule->swaps[i].remove == person && schedule->swaps[i].from_s < to_s &&
            from_s < schedule->swaps[i].to_s)
            return true;
    return false;
}

/* Why this person cannot take over; NULL: they can. Static text. */
static const char *why_not(const struct escalation_schedule *schedule, const struct oncall *swapped,
                           const char *login, int64_t from_s, int64_t to_s)
{
    int32_t person = swapped_person(schedule, login);

    if (person == ONCALL_NONE)
        return "is not in the schedule";
    if (gave_away(swapped, person, from_s, to_s))
        return "gave this shift, or a part of it, away";
    if (duty_of(swapped, person, from_s, to_s) != DUTY_NEVER)
        return "is on call then already";
    return NULL;
}

/* ---- ask ---- */

static int judge_times(struct job *job, int64_t now_s)
{
    const Meridian__ShiftSwap *asked = job->request->shift_swap;

    if (asked->from_us % US_PER_S)
        return outcome_refuse_field(&job->out, "/from", "must be a whole second");
    if (asked->to_us % US_PER_S)
        return outcome_refuse_field(&job->out, "/to", "must be a whole second");
    if (asked->from_us / US_PER_S <= now_s)
        return outcome_refuse_field(&job->out, "/from", "must be in the future");
    if (asked->to_us <= asked->from_us)
        return outcome_refuse_field(&job->out, "/to", "must be after from");
    if (asked->to_us - asked->from_us > LONGEST_S * US_PER_S)
        return outcome_refuse_field(&job->out, "/to", "must be at most 31 days after from");
    return 0;
}

static int judge_people(struct db_conn *conn, struct job *job)
{
    const Meridian__ShiftSwap *asked = job->request->shift_swap;
    const char *login = job->request->principal->login, *reason;
    int64_t from_s = asked->from_us / US_PER_S, to_s = asked->to_us / US_PER_S;
    const struct escalation_schedule *schedule = NULL;
    _cleanup_swapped_ struct swapped swapped = {0};
    int32_t person;
    int r = find_schedule(conn, job, asked->schedule, &schedule);

    if (r < 0)
        return r;
    if (!schedule)
        return outcome_refuse_field(&job->out, "/schedule", "names no schedule of the plan in force");
    r = swapped_read(conn, schedule, from_s, to_s, &swapped);
    if (r < 0)
        return r;
    person = swapped_person(schedule, login);
    if (person == ONCALL_NONE || duty_of(&swapped.schedule, person, from_s, to_s) != DUTY_ALWAYS)
        return outcome_refuse_field(&job->out, "/from",
                                    "you are not on call all the time from here to \"to\"");
    if (!asked->partner)
        return 0;
    if (strcmp(asked->partner, login) == 0)
        return outcome_refuse_field(&job->out, "/partner", "must be somebody else");
    reason = why_not(schedule, &swapped.schedule, asked->partner, from_s, to_s);
    return reason ? outcome_refuse_field(&job->out, "/partner", reason) : 0;
}

static int judge_open(struct db_conn *conn, struct job *job)
{
    const Meridian__ShiftSwap *asked = job->request->shift_swap;
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_text(&params, job->request->principal->login);
    db_param_text(&params, asked->schedule);
    db_param_int(&params, asked->from_us);
    db_param_int(&params, asked->to_us);
    r = db_exec(conn, &sql_router_swap_open, &params, &result);
    if (r < 0)
        return r;
    if (db_int(&result, 0, 1) > 0)
        return outcome_refuse(&job->out, -E_CONFLICT,
                              "You are asking for this shift, or a part of it, already");
    if (db_int(&result, 0, 0) >= OPEN_MAX)
        return outcome_refuse(&job->out, -E_CONFLICT, "You have %d open requests; withdraw one first",
                              OPEN_MAX);
    return 0;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static int add(struct db_conn *conn, struct job *job, const char *key)
{
    const Meridian__ShiftSwap *asked = job->request->shift_swap;
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct uuid id = uuid_v7();
    int r;

    db_param_uuid(&params, &id);
    db_param_text(&params, key);
    db_param_text(&params, asked->schedule);
    db_param_int(&params, asked->from_us);
    db_param_int(&params, asked->to_us);
    db_param_text(&params, job->request->principal->login);
    db_param_text(&params, asked->partner);
    r = db_exec(conn, &sql_router_swap_add, &params, &result);
    if (r < 0)
        return r;
    return db_rows(&result) ? answer(job, db_text(&result, 0, 0)) : -E_KEY_REUSED;
}

static int ask(struct db_conn *conn, struct job *job)
{
    const Meridian__ShiftSwap *asked = job->request->shift_swap;
    _cleanup_buf_ struct buf key = BUF_INIT;
    _cleanup_swap_ struct swap before = {0};
    int64_t now_s;
    int r;

    if (!asked->schedule || !asked->has_from_us || !asked->has_to_us)
        return -E_BAD_REQUEST;
    job_command_key(job, asked->client_key, &key);
    r = lock(conn, job, asked->schedule, &now_s);
    if (!r)
        r = find(conn, NULL, job->request->principal->login, buf_text(&key), &before);
    if (r < 0)
        return r;
    if (r == 1)
        return strcmp(before.schedule, asked->schedule) == 0 && before.from_s * US_PER_S == asked->from_us &&
                       before.to_s * US_PER_S == asked->to_us && same_text(before.partner, asked->partner)
                   ? answer(job, before.json)
                   : -E_KEY_REUSED;
    r = judge_times(job, now_s);
    if (!r)
        r = judge_people(conn, job);
    if (!r)
        r = judge_open(conn, job);
    return r ? r : add(conn, job, buf_text(&key));
}

/* ---- answers ---- */

static int judge_taker(struct db_conn *conn, struct job *job, const struct swap *swap)
{
    const char *login = job->request->principal->login, *reason;
    const struct escalation_schedule *schedule = NULL;
    _cleanup_swapped_ struct swapped swapped = {0};
    int32_t giver;
    int r;

    if (swap->partner ? strcmp(swap->partner, login) != 0 : strcmp(swap->asked_by, login) == 0)
        return outcome_refuse(&job->out, -E_FORBIDDEN, "It is not you who was asked");
    r = find_schedule(conn, job, swap->schedule, &schedule);
    if (!r && !schedule)
        return outcome_refuse(&job->out, -E_CONFLICT,
                              "The plan in force has no schedule of this name any more");
    if (!r)
        r = swapped_read(conn, schedule, swap->from_s, swap->to_s, &swapped);
    if (r < 0)
        return r;
    giver = swapped_person(schedule, swap->asked_by);
    if (giver == ONCALL_NONE || duty_of(&swapped.schedule, giver, swap->from_s, swap->to_s) != DUTY_ALWAYS)
        return outcome_refuse(&job->out, -E_CONFLICT, "%s is not on call all that time any more",
                              swap->asked_by);
    reason = why_not(schedule, &swapped.schedule, login, swap->from_s, swap->to_s);
    return reason ? outcome_refuse(&job->out, -E_CONFLICT, "%s %s", login, reason) : 0;
}

static int judge_answer(struct db_conn *conn, struct job *job, const struct swap *swap)
{
    const char *login = job->request->principal->login;

    switch (job->request->shift_swap->verb) {
    case MERIDIAN__SHIFT_SWAP__VERB__TAKE:
        return judge_taker(conn, job, swap);
    case MERIDIAN__SHIFT_SWAP__VERB__DECLINE:
        return swap->partner && strcmp(swap->partner, login) == 0
                   ? 0
                   : outcome_refuse(&job->out, -E_FORBIDDEN, "It is not you alone who was asked");
    default:
        return strcmp(swap->asked_by, login) == 0
                   ? 0
                   : outcome_refuse(&job->out, -E_FORBIDDEN, "It is not you who asked");
    }
}

static int decide(struct db_conn *conn, struct job *job, const struct swap *swap, const char *state)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_text(&params, swap->id);
    db_param_text(&params, state);
    db_param_text(&params, job->request->principal->login);
    r = db_exec(conn, &sql_router_swap_decide, &params, &result);
    if (r < 0)
        return r;
    return db_rows(&result) ? answer(job, db_text(&result, 0, 0)) : -E_INTERNAL; /* we hold the lock */
}

static int give_answer(struct db_conn *conn, struct job *job)
{
    static const char *const states[] = {
        [MERIDIAN__SHIFT_SWAP__VERB__TAKE] = "taken",
        [MERIDIAN__SHIFT_SWAP__VERB__DECLINE] = "declined",
        [MERIDIAN__SHIFT_SWAP__VERB__WITHDRAW] = "withdrawn",
    };
    const Meridian__ShiftSwap *asked = job->request->shift_swap;
    _cleanup_swap_ struct swap known = {0}, swap = {0};
    const char *state = states[asked->verb];
    struct uuid id;
    int64_t now_s;
    int r;

    if (!asked->id || uuid_parse(str_from(asked->id), &id) < 0)
        return -E_NOT_FOUND;
    r = find(conn, asked->id, NULL, NULL, &known);
    if (r == 0)
        return -E_NOT_FOUND;
    if (r == 1)
        r = lock(conn, job, known.schedule, &now_s);
    if (r == 0)
        r = find(conn, asked->id, NULL, NULL, &swap); /* as it is now */
    if (r < 0)
        return r;
    if (strcmp(swap.state, state) == 0 && strcmp(swap.decided_by, job->request->principal->login) == 0)
        return answer(job, swap.json); /* delivered again */
    if (strcmp(swap.state, "asked") != 0)
        return outcome_refuse(&job->out, -E_CONFLICT, "It was %s by %s", swap.state, swap.decided_by);
    if (swap.from_s <= now_s)
        return outcome_refuse(&job->out, -E_CONFLICT, "The shift has begun; nobody took it in time");
    r = judge_answer(conn, job, &swap);
    if (!r)
        r = decide(conn, job, &swap, state);
    if (!r && asked->verb == MERIDIAN__SHIFT_SWAP__VERB__TAKE)
        r = duty_renew(conn, job->plans, NULL);
    return r;
}

static int shift_swap_work(struct db_conn *conn, struct job *job)
{
    const Meridian__Principal *who = job->request->principal;
    struct authz_subject subject;
    int r;

    if (!who)
        return outcome_refuse(&job->out, -E_UNAUTHENTICATED, "The request names nobody");
    subject = (struct authz_subject){(enum user_role)who->role, who->user_id, who->teams, who->n_teams};
    if (authz(&subject, AUTHZ_ONCALL_SWAP, NULL) != AUTHZ_ALLOW)
        return outcome_refuse(&job->out, -E_FORBIDDEN, "Only agents swap on-call shifts");
    r = db_begin(conn);
    if (!r)
        r = job->request->shift_swap->verb == MERIDIAN__SHIFT_SWAP__VERB__ASK ? ask(conn, job)
                                                                              : give_answer(conn, job);
    if (!r)
        r = db_commit(conn, &job->lsn);
    if (r < 0)
        db_rollback(conn);
    job->conflict = r == -E_CONFLICT;
    return r;
}

const struct job_kind shift_swap_kind = {.name = "shift_swap", .repeatable = true, .work = shift_swap_work};
