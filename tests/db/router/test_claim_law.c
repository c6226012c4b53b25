/* Claims of made-up agents for made-up tickets give what a naive reading of the rules gives.
 *
 * The reading looks at every ticket for every agent, with skills as rows and the load summed from the
 * tickets: no lanes, no masks, no index. Of claims made together each must have the ticket that it would have
 * got in some order of them: nobody is left with less than a ticket that nobody took. */
#include "desk.h"
#include <criterion/criterion.h>
#include <stdio.h>

enum { ROUNDS = 160, AGENTS = 14 };

static const char world[] =
    "SELECT setseed(0.%d);"
    "CREATE TABLE law_agent (n int PRIMARY KEY, id uuid, teams int[], languages text[], capacity int, sits "
    "text);"
    "CREATE TABLE law_skill (n int, skill text, level int);"
    "INSERT INTO law_agent SELECT i, md5('law-' || i)::uuid, ARRAY(SELECT DISTINCT 1 + (random() * 3.99 - "
    "0.5)::int FROM generate_series(0, (i + random() * 2)::int %% 3)), (ARRAY['{}', '{en}', '{zh}', "
    "'{en,zh}'])[1 + i %% 4]::text[], CASE WHEN i %% 3 = 0 THEN 1 + (random() * 12)::int END, (ARRAY['open', "
    "'shut', NULL])[1 + (i + (random() * 2)::int) %% 3] FROM generate_series(1, %d) i;"
    "INSERT INTO law_skill SELECT i, s, 1 + (random() * 3.99 - 0.5)::int FROM generate_series(1, %d) i, "
    "unnest("
    "ARRAY['a', 'b', 'c']) s WHERE random() < 0.6;"
    "INSERT INTO desk.app_user (id, login, name, email, role, region, language) SELECT id, 'law-' || n, 'x', "
    "'law-' || n || '@example.test', 'agent', 'eu', 'en' FROM law_agent;"
    "INSERT INTO desk.desk VALUES ('open', 'eu'), ('shut', 'eu');"
    "INSERT INTO desk.shift VALUES ('open', '-infinity', 'infinity'), ('shut', '-infinity', now() - interval "
    "'1 "
    "day');"
    "INSERT INTO desk.agent_desk SELECT id, sits FROM law_agent WHERE sits IS NOT NULL;"
    "INSERT INTO desk.agent SELECT id, ARRAY(SELECT s.skill || ':' || v FROM law_skill s, generate_series(1, "
    "s.level) v WHERE s.n = a.n), languages, capacity FROM law_agent a;"
    "UPDATE desk.team SET claims = 'on_shift' WHERE id IN (2, 4);"
    "INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, channel, subject, "
    "description, impact, urgency, priority, language, requester_id, submitter_id, team_id, accepted_at, "
    "event_seq, event_hash, skills) SELECT gen_random_uuid(), 'EU-' || i, gen_random_uuid(), 'k', 'x', 'eu', "
    "'api', 's', 'd', 2, 2, (1 + random() * 3.99 - 0.5)::int, (ARRAY['en', 'zh'])[1 + i %% 2], "
    "md5('requester-eu-1')::uuid, md5('requester-eu-1')::uuid, 1 + (random() * 3.99 - 0.5)::int, now(), 1, "
    "sha256('x'), ARRAY(SELECT s || ':' || 1 + (random() * 2.99 - 0.5)::int FROM unnest(ARRAY['a', 'b', "
    "'c']) s "
    "WHERE random() < 0.25 ORDER BY s) FROM generate_series(1, 700) i;"
    "INSERT INTO desk.ready SELECT id, team_id, priority, now() + make_interval(mins => (random() * 40 - "
    "15)::int), now() FROM desk.ticket;";

/* What is wrong with the claims of a round; nothing: null. */
static const char law[] =
    "CREATE FUNCTION law(p_round int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN "
    "DROP TABLE IF EXISTS law_claim, law_wish, law_given;"
    "CREATE TEMP TABLE law_claim AS SELECT (row_number() OVER (ORDER BY random()))::int - 1 AS slot, a.* "
    "FROM "
    "law_agent a ORDER BY random() LIMIT 1 + p_round %% 9;"
    "CREATE TEMP TABLE law_wish AS SELECT c.slot, t.number, row_number() OVER (PARTITION BY c.slot ORDER BY "
    "t.priority, NOT (t.language = ANY (c.languages) OR r.due_at <= now()), r.due_at, t.id) AS place "
    "FROM law_claim c JOIN desk.ticket t ON t.team_id = ANY (c.teams) JOIN desk.ready r ON r.ticket_id = "
    "t.id "
    "WHERE NOT EXISTS (SELECT FROM unnest(t.skills) x WHERE NOT EXISTS (SELECT FROM law_skill s WHERE s.n = "
    "c.n AND s.skill = left(x, 1) AND s.level >= right(x, 1)::int)) AND (t.priority = 1 OR (t.team_id IN (1, "
    "3) "
    "OR c.sits = 'open') AND (c.capacity IS NULL OR (SELECT coalesce(sum((ARRAY[8, 4, 2, 1])[o.priority]), "
    "0) "
    "FROM desk.ticket o WHERE o.owner_id = c.id AND o.state = 'open') < c.capacity));"
    "CREATE TEMP TABLE law_given AS SELECT g.claim AS slot, g.answer::json ->> 'number' AS number FROM "
    "desk.claim_next((SELECT json_agg(json_build_object('n', c.slot, 'epoch', 1, 'teams', c.teams, 'agent', "
    "c.id, 'login', 'law-' || c.n, 'region', 'eu', 'key', 'k' || p_round, 'hash', '')) FROM law_claim c)) g;"
    "RETURN (SELECT string_agg(w, '; ') FROM ("
    "SELECT format('claim %%s got %%s, which is not for it', g.slot, g.number) AS w FROM law_given g WHERE "
    "g.number IS NOT NULL AND NOT EXISTS (SELECT FROM law_wish w WHERE w.slot = g.slot AND w.number = "
    "g.number) "
    "UNION ALL SELECT format('%%s was given twice', number) FROM law_given WHERE number IS NOT NULL GROUP BY "
    "number HAVING count(*) > 1 "
    "UNION ALL SELECT format('claim %%s got %%s and not %%s', g.slot, g.number, w.number) FROM law_given g "
    "JOIN "
    "law_wish w ON w.slot = g.slot WHERE w.place < coalesce((SELECT m.place FROM law_wish m WHERE m.slot = "
    "g.slot AND m.number = g.number), 1000000) AND NOT EXISTS (SELECT FROM law_given o WHERE o.number = "
    "w.number) UNION ALL SELECT 'not one row a claim' WHERE (SELECT count(*) FROM law_given) <> (SELECT "
    "count(*) "
    "FROM law_claim)) x); END $$";

Test(claim_law, holds_for_random_desks, .timeout = 240)
{
    struct desk desk;
    _cleanup_buf_ struct buf sql = BUF_INIT;

    desk_prepare(&desk);
    buf_printf(&sql, world, 314, AGENTS, AGENTS);
    test_db_run(desk.db, buf_text(&sql));
    buf_reset(&sql);
    buf_printf(&sql, law, 0);
    test_db_run(desk.db, buf_text(&sql));
    for (int round = 0; round < ROUNDS; round++) {
        char call[40];
        const char *wrong;

        snprintf(call, sizeof call, "SELECT law(%d)", round);
        wrong = test_db_text(desk.db, call);
        cr_assert(!wrong || !*wrong, "round %d: %s", round, wrong);
    }
    cr_expect_gt(test_db_int(desk.db, "SELECT count(*) FROM desk.ticket WHERE owner_id IS NOT NULL"), 200);
    cr_expect_gt(test_db_int(desk.db, "SELECT count(*) FROM desk.command WHERE response = ''"), 0,
                 "some found nothing");
    cr_expect_eq(test_db_int(desk.db,
                             "SELECT count(*) FROM law_agent a WHERE desk.agent_load(a.id) <> (SELECT "
                             "coalesce(sum((ARRAY[8, 4, 2, 1])[o.priority]), 0) FROM desk.ticket o "
                             "WHERE o.owner_id = a.id AND o.state = 'open')"),
                 0);
    PQfinish(desk.pg);
    test_db_free(desk.db);
}
