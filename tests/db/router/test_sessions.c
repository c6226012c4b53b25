/* Signing in, being looked up, signing out. */
#include "auth/auth.h"
#include "base/clock.h"
#include "base/memory.h"
#include "desk.h"
#include <criterion/criterion.h>
#include <stdio.h>

static struct answer *send_sign_in(struct desk *desk, const char *login, const char *password)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__SessionOpen open = MERIDIAN__SESSION_OPEN__INIT;

    open.login = (char *)login;
    open.password = (char *)password;
    request.body_case = MERIDIAN__REQUEST__BODY_SESSION_OPEN;
    request.session_open = &open;
    return desk_send(desk, &request);
}

static struct answer *sign_in(struct desk *desk, const char *login, const char *password)
{
    return desk_wait(desk, send_sign_in(desk, login, password));
}

static struct answer *look_up(struct desk *desk, const char *token)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__SessionLookup lookup = MERIDIAN__SESSION_LOOKUP__INIT;
    uint8_t hash[AUTH_HASH_SIZE];

    auth_token_hash(str_from(token), hash);
    lookup.token_hash = (ProtobufCBinaryData){sizeof hash, hash};
    request.body_case = MERIDIAN__REQUEST__BODY_SESSION_LOOKUP;
    request.session_lookup = &lookup;
    return desk_call(desk, &request);
}

static struct answer *sign_out(struct desk *desk, const char *token)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__SessionClose end = MERIDIAN__SESSION_CLOSE__INIT;
    uint8_t hash[AUTH_HASH_SIZE];

    auth_token_hash(str_from(token), hash);
    end.token_hash = (ProtobufCBinaryData){sizeof hash, hash};
    request.body_case = MERIDIAN__REQUEST__BODY_SESSION_CLOSE;
    request.session_close = &end;
    return desk_call(desk, &request);
}

Test(sessions, life)
{
    struct desk desk;
    struct answer *in, *found;
    uint8_t hash[AUTH_HASH_SIZE];

    desk_open(&desk, 4);
    desk_password(&desk, "agent-ap-1", "secret");
    cr_status(in = sign_in(&desk, "agent-ap-1", "secret"), 0);
    cr_assert_not_null(in->reply->session);
    cr_expect_gt(in->reply->lsn, 0);
    cr_expect_str_eq(in->reply->session->principal->login, "agent-ap-1");
    cr_expect_str_eq(in->reply->session->principal->region, "ap");
    cr_expect_str_eq(in->reply->session->principal->language, "zh");
    cr_expect_eq(in->reply->session->principal->role, ROLE_AGENT);
    cr_expect_eq(in->reply->session->principal->n_teams, 5);
    cr_expect_lt(in->reply->session->expires_us - clock_now_us() - 12 * 3600 * US_PER_S, 60 * US_PER_S);
    cr_expect_gt(in->reply->session->expires_us, clock_now_us() + 11 * 3600 * US_PER_S);
    cr_expect(strncmp(in->reply->session->token, "mrd_", 4) == 0);
    auth_sha256(in->reply->session->csrf, strlen(in->reply->session->csrf), hash);

    cr_status(found = look_up(&desk, in->reply->session->token), 0);
    cr_expect_str_eq(found->reply->session->principal->user_id, who("agent-ap-1")->user_id);
    cr_expect(!found->reply->session->token && !found->reply->session->csrf, "in clear only once");
    cr_expect(found->reply->session->has_csrf_hash &&
              !memcmp(found->reply->session->csrf_hash.data, hash, sizeof hash));

    cr_status(sign_out(&desk, in->reply->session->token), 0);
    cr_status(sign_out(&desk, in->reply->session->token), 0);
    cr_status(look_up(&desk, in->reply->session->token), E_UNAUTHENTICATED);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.session WHERE revoked_at IS NOT NULL"), 1);
    desk_close(&desk);
}

Test(sessions, refusals)
{
    struct desk desk;
    struct answer *in;

    desk_open(&desk, 4);
    desk_password(&desk, "agent-eu-1", "secret");
    desk_password(&desk, "agent-eu-2", "secret");
    test_db_run(desk.db, "UPDATE desk.app_user SET disabled_at = now() WHERE login = 'agent-eu-2'");
    cr_status(sign_in(&desk, "agent-eu-1", "wrong"), E_BAD_CREDENTIALS);
    cr_status(sign_in(&desk, "agent-eu-1", ""), E_BAD_CREDENTIALS);
    cr_status(sign_in(&desk, "nobody", "secret"), E_BAD_CREDENTIALS);
    cr_status(sign_in(&desk, "agent-eu-2", "secret"), E_BAD_CREDENTIALS);
    cr_status(sign_in(&desk, "requester-eu-1", ""), E_BAD_CREDENTIALS); /* has no password at all */
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.session"), 0);
    cr_status(look_up(&desk, "mrd_no-such-token"), E_UNAUTHENTICATED);
    cr_status(in = sign_in(&desk, "agent-eu-1", "secret"), 0);
    test_db_run(desk.db, "UPDATE desk.session SET expires_at = now() - interval '1 second'");
    cr_status(look_up(&desk, in->reply->session->token), E_SESSION_EXPIRED);
    test_db_run(desk.db, "UPDATE desk.session SET expires_at = now() + interval '1 hour'");
    test_db_run(desk.db, "UPDATE desk.app_user SET disabled_at = now() WHERE login = 'agent-eu-1'");
    cr_status(look_up(&desk, in->reply->session->token), E_UNAUTHENTICATED);
    desk_close(&desk);
}

/* The quickest of a few: unknown and disabled names cost what a wrong password costs. Hashes of the normal
 * strength. */
Test(sessions, unknown_names_cost_the_same, .timeout = 120)
{
    static const char *const logins[] = {"agent-eu-1", "nobody", "requester-eu-1"};
    enum { TRIES = 7 };
    int64_t best[ARRAY_SIZE(logins)];
    struct desk desk;
    _cleanup_buf_ struct buf hash = BUF_INIT;

    desk_open(&desk, 1);
    auth_password_hash(STR("secret"), 0, 0, &hash);
    test_db_runf(desk.db,
                 "INSERT INTO desk.user_password (user_id, hash) SELECT id, '%s' FROM desk.app_user WHERE "
                 "login = 'agent-eu-1'",
                 buf_text(&hash));
    for (int i = 0; i < TRIES; i++)
        for (size_t l = 0; l < ARRAY_SIZE(logins); l++) {
            int64_t begun = clock_monotonic_us(), took;

            cr_status(sign_in(&desk, logins[l], "wrong"), E_BAD_CREDENTIALS);
            took = clock_monotonic_us() - begun;
            if (!i || took < best[l])
                best[l] = took;
        }
    for (size_t l = 1; l < ARRAY_SIZE(logins); l++)
        cr_expect(best[l] * 2 > best[0] && best[l] < best[0] * 2, "%s took %lld us, a wrong password %lld us",
                  logins[l], (long long)best[l], (long long)best[0]);
    desk_close(&desk);
}

Test(sessions, ten_failures_a_minute)
{
    struct desk desk;

    desk_open(&desk, 4);
    desk_password(&desk, "agent-eu-1", "secret");
    desk_password(&desk, "agent-ap-1", "secret");
    for (int i = 0; i < 9; i++)
        cr_status(sign_in(&desk, "agent-eu-1", "wrong"), E_BAD_CREDENTIALS);
    cr_status(sign_in(&desk, "agent-eu-1", "secret"), 0);
    for (int i = 0; i < 10; i++)
        cr_status(sign_in(&desk, "agent-eu-1", "wrong"), E_BAD_CREDENTIALS);
    cr_status(sign_in(&desk, "agent-eu-1", "secret"), E_RATE_LIMITED);
    for (int i = 0; i < 10; i++)
        cr_status(sign_in(&desk, "nobody", "wrong"), E_BAD_CREDENTIALS);
    cr_status(sign_in(&desk, "nobody", "wrong"), E_RATE_LIMITED);
    cr_status(sign_in(&desk, "agent-ap-1", "secret"), 0);
    desk_close(&desk);
}

/* A flood of sign-ins neither takes all workers nor piles up without end. */
Test(sessions, a_flood_leaves_workers_for_tickets, .timeout = 120)
{
    enum { FLOOD = 400 };
    struct desk desk;
    struct answer *answers[FLOOD];
    char login[32];
    int refused = 0, checked = 0;

    desk_open(&desk, 4);
    for (int i = 0; i < FLOOD; i++) {
        snprintf(login, sizeof login, "guess-%d", i);
        answers[i] = send_sign_in(&desk, login, "x");
    }
    desk_ticket(&desk); /* is served while they wait */
    for (int i = 0; i < FLOOD; i++)
        checked += answers[i]->done && answers[i]->status == E_BAD_CREDENTIALS;
    cr_expect_lt(checked, FLOOD / 4, "%d passwords were checked before a ticket was taken", checked);
    desk.router = router_close(desk.router); /* ends those that wait */
    for (int i = 0; i < FLOOD; i++) {
        cr_assert(answers[i]->done);
        refused += answers[i]->status == E_UNAVAILABLE;
    }
    cr_expect_gt(refused, FLOOD / 2);
    desk_close(&desk);
}
