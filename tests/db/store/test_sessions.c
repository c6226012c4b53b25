/* Sessions as intake looks them up: by hash, and the recent ones page by page. */
#include "desk.h"
#include "meridian/errors.h"
#include "meridian/ticket.h"
#include "store/session.h"
#include <criterion/criterion.h>

static struct desk desk;

static void set_up(void)
{
    desk_open(&desk);
}

static void tear_down(void)
{
    desk_close(&desk);
}
TestSuite(sessions, .init = set_up, .fini = tear_down);

static void session(const char *token, const char *login, const char *ends)
{
    test_db_runf(desk.db,
                 "INSERT INTO desk.session (token_hash, user_id, kind, csrf_hash, expires_at) VALUES "
                 "(sha256('%s'), md5('%s')::uuid, 'session',"
                 " sha256('csrf'), %s)",
                 token, login, ends);
}

static void hash_of(const char *token, uint8_t ret_hash[AUTH_HASH_SIZE])
{
    auth_sha256(token, strlen(token), ret_hash);
}

Test(sessions, a_token_leads_to_its_user)
{
    uint8_t hash[AUTH_HASH_SIZE], csrf[AUTH_HASH_SIZE];
    struct store_session s;
    Meridian__Principal p;

    session("t1", "agent-ap-1", "now() + interval '1 h'");
    hash_of("t1", hash);
    hash_of("csrf", csrf);
    cr_assert_eq(store_session_lookup(desk.conn, hash, &s), 0);
    store_session_principal(&s, &p);
    cr_assert_str_eq(p.login, "agent-ap-1");
    cr_assert_eq(p.role, ROLE_AGENT);
    cr_assert_str_eq(p.language, "zh");
    cr_assert_eq(p.n_teams, 5);
    cr_assert_eq(p.teams[0], 1);
    cr_assert_not(s.ended);
    cr_assert(s.has_csrf);
    cr_assert_arr_eq(s.csrf_hash, csrf, sizeof csrf);
    hash_of("t2", hash);
    cr_assert_eq(store_session_lookup(desk.conn, hash, &s), -E_NOT_FOUND);
}

Test(sessions, the_revoked_and_those_of_disabled_accounts_have_ended)
{
    uint8_t hash[AUTH_HASH_SIZE];
    struct store_session s;

    session("t1", "agent-ap-1", "now() + interval '1 h'");
    session("t2", "agent-eu-1", "now() + interval '1 h'");
    test_db_run(desk.db, "UPDATE desk.session SET revoked_at = now() WHERE token_hash = sha256('t1')");
    test_db_run(desk.db, "UPDATE desk.app_user SET disabled_at = now() WHERE login = 'agent-eu-1'");
    for (int i = 1; i <= 2; i++) {
        hash_of(i == 1 ? "t1" : "t2", hash);
        cr_assert_eq(store_session_lookup(desk.conn, hash, &s), 0);
        cr_assert(s.ended);
    }
}

Test(sessions, recent_ones_come_in_the_order_of_their_ends)
{
    struct store_session found[2];
    uint8_t hashes[2][AUTH_HASH_SIZE], hash[AUTH_HASH_SIZE];
    size_t n;

    session("t3", "agent-eu-1", "now() + interval '3 h'");
    session("t1", "agent-ap-1", "now() + interval '1 h'");
    session("t2", "lead-eu-1", "now() + interval '2 h'");
    session("t0", "lead-eu-1", "now() - interval '1 s'");
    cr_assert_eq(store_session_recent(desk.conn, 0, 2, found, hashes, &n), 0);
    cr_assert_eq(n, 2, "not the expired one");
    cr_assert_str_eq(found[0].login, "agent-ap-1");
    cr_assert_str_eq(found[1].login, "lead-eu-1");
    hash_of("t2", hash);
    cr_assert_arr_eq(hashes[1], hash, sizeof hash);
    cr_assert_eq(store_session_recent(desk.conn, found[1].expires_us, 2, found, hashes, &n), 0);
    cr_assert_eq(n, 1);
    cr_assert_str_eq(found[0].login, "agent-eu-1");
    cr_assert_eq(store_session_recent(desk.conn, found[0].expires_us, 2, found, hashes, &n), 0);
    cr_assert_eq(n, 0);
}
