/* The limits themselves. Submissions are counted per person, sign-ins per address; wrong passwords per
 * address and login, so that nobody can lock somebody else out; sign-ins under way in all; unknown tokens per
 * address, because each costs a look-up. */
#include "intake/limits.h"
#include "base/clock.h"
#include "intake/ratelimit.h"
#include "meridian/errors.h"
#include <stdio.h>

/* Each takes the authority a good part of a second and holds one of the 256 calls that the bus has for
 * everything; it must not be the crowd at the door that decides how many are left for tickets. */
enum { SIGN_INS_AT_ONCE = 8 };

static const struct ratelimit wrong_passwords = {"wrong-password", 1, 20};
static const struct ratelimit unknown_tokens = {"unknown-token", 20, 200};

static bool take(struct call *call, const struct ratelimit *limit, const char *who)
{
    int64_t left;
    int r = ratelimit_take(call->intake->rates, limit, who, clock_monotonic_us(), &left);
    char text[96];

    if (!limit->per_second)
        return true;
    snprintf(text, sizeof text, "\"%s\";q=%lld;w=%lld", limit->name, (long long)limit->burst,
             (long long)(limit->burst / limit->per_second));
    http_add_header(call->x, "RateLimit-Policy", text);
    snprintf(text, sizeof text, "\"%s\";r=%lld;t=1", limit->name, (long long)(left > 0 ? left : 0));
    http_add_header(call->x, "RateLimit", text);
    if (r < 0)
        call_problem(call, r, "at most %lld a second", (long long)limit->per_second);
    return r == 0;
}

bool limit_submission(struct call *call)
{
    int64_t rate = call->intake->conf->rate_submit;
    struct ratelimit limit = {"submit", rate, 10 * rate};

    return take(call, &limit, call->session.user_id);
}

static void login_at(struct call *call, const char *login, char ret_who[160])
{
    snprintf(ret_who, 160, "%s %s", http_peer(call->x), login);
}

bool limit_sign_in(struct call *call, const char *login)
{
    int64_t rate = call->intake->conf->rate_sign_in;
    struct ratelimit limit = {"sign-in", rate, 4 * rate};
    char who[160];

    if (call->intake->sign_ins >= SIGN_INS_AT_ONCE) {
        call_problem(call, E_RATE_LIMITED, "too many sign-ins at once; try again in a moment");
        return false;
    }

    login_at(call, login, who);
    if (rate && ratelimit_look(call->intake->rates, &wrong_passwords, who, clock_monotonic_us()) < 0) {
        call_problem(call, E_RATE_LIMITED, "too many wrong passwords for this user; wait a little");
        return false;
    }
    return take(call, &limit, http_peer(call->x));
}

bool limit_unknown_token(struct call *call)
{
    if (ratelimit_look(call->intake->rates, &unknown_tokens, http_peer(call->x), clock_monotonic_us()) == 0)
        return true;
    call_problem(call, E_RATE_LIMITED, "too many unknown tokens");
    return false;
}

void limit_count_wrong_password(struct call *call, const char *login)
{
    char who[160];
    int64_t left;

    login_at(call, login, who);
    (void)!ratelimit_take(call->intake->rates, &wrong_passwords, who, clock_monotonic_us(), &left);
}

void limit_count_unknown_token(struct call *call)
{
    int64_t left;

    (void)!ratelimit_take(call->intake->rates, &unknown_tokens, http_peer(call->x), clock_monotonic_us(),
                          &left);
}
