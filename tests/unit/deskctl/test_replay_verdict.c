/* What the checker of a replay makes of what it is shown, and that a bad verdict ends deskctl with 1. */
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/commands.h"
#include "deskctl/replay_verdict.h"
#include "fake_desk.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the verdict ---- */

static struct replay_judge *judge;

static void open_judge(void)
{
    judge = replay_judge_new();
}

static void close_judge(void)
{
    replay_judge_free(judge);
}

TestSuite(verdict, .init = open_judge, .fini = close_judge);

static void event(const char *number, int seq, const char *type, const char *actor, int epoch)
{
    _cleanup_(freep) char *data = mem_printf("{\"epoch\":%d}", epoch), *key = mem_printf("key of %s", number);
    json_t *json = json_pack("{s:s, s:i, s:s, s:s, s:s, s:s}", "number", number, "seq", seq, "type", type,
                             "actor", actor, "key", key, "data", data);

    replay_judge_event(judge, json);
    json_decref(json);
}

static void told_submit(const char *number, const char *key, int status)
{
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:i}", "op", "submit", "number", number, "key", key, "status", status);

    replay_judge_line(judge, line);
    json_decref(line);
}

static void told_win(const char *number, const char *agent, int epoch)
{
    json_t *line = json_pack("{s:s, s:s, s:s, s:i, s:i}", "op", "claim", "number", number, "agent", agent,
                             "epoch", epoch, "status", 200);

    replay_judge_line(judge, line);
    json_decref(line);
}

/* A ticket that Ann has claimed, and a client that was told so. */
static void ordinary_ticket(void)
{
    event("EU-1", 1, "ticket.created", "req", 0);
    event("EU-1", 2, "ticket.claimed", "ann", 1);
    told_submit("EU-1", "key of EU-1", 201);
    told_win("EU-1", "ann", 1);
}

/* Everything but events and tickets. */
static void expect(struct replay_verdict expected)
{
    struct replay_verdict v = replay_judge_verdict(judge);

    cr_expect_eq(v.lost, expected.lost, "%ld lost", v.lost);
    cr_expect_eq(v.duplicated, expected.duplicated, "%ld duplicated", v.duplicated);
    cr_expect_eq(v.double_claims, expected.double_claims, "%ld double claims", v.double_claims);
    cr_expect_eq(v.mismatched_wins, expected.mismatched_wins, "%ld mismatched wins", v.mismatched_wins);
    cr_expect_eq(v.chain_gaps, expected.chain_gaps, "%ld chain gaps", v.chain_gaps);
    cr_expect_eq(replay_verdict_clean(&v), replay_verdict_clean(&expected));
}

Test(verdict, an_ordinary_ticket_is_clean)
{
    struct replay_verdict v;

    ordinary_ticket();
    event("EU-1", 3, "ticket.released", "ann", 2);
    event("EU-1", 4, "ticket.claimed", "bo", 3);
    told_win("EU-1", "bo", 3);
    expect((struct replay_verdict){0});
    v = replay_judge_verdict(judge);
    cr_expect_eq(v.unique_tickets, 1);
    cr_expect_eq(v.events, 4);
}

Test(verdict, handed_over_it_is_taken_anew)
{
    ordinary_ticket();
    event("EU-1", 3, "ticket.offered", "ann", 2);
    event("EU-1", 4, "ticket.offer_accepted", "bo", 3);
    expect((struct replay_verdict){0});
    event("EU-1", 5, "ticket.offer_accepted", "ann", 4);
    expect((struct replay_verdict){.double_claims = 1});
}

Test(verdict, reopened_it_may_stay_with_its_owner)
{
    json_t *reopened =
        json_pack("{s:s, s:i, s:s, s:s, s:s, s:s}", "number", "EU-1", "seq", 3, "type", "ticket.reopened",
                  "actor", "req", "key", "key of EU-1", "data", "{\"epoch\":1,\"owner\":\"ann\"}");

    ordinary_ticket();
    replay_judge_event(judge, reopened);
    json_decref(reopened);
    event("EU-1", 4, "ticket.claimed", "bo", 2);
    expect((struct replay_verdict){.double_claims = 1});
}

Test(verdict, who_was_refused_is_owed_nothing)
{
    told_submit("EU-1", "key of EU-1", 503);
    expect((struct replay_verdict){0});
}

Test(verdict, lost)
{
    ordinary_ticket();
    cr_expect(!replay_judge_knows(judge, "EU-2"));
    replay_judge_alias(judge, "EU-2", NULL);
    cr_expect(replay_judge_knows(judge, "EU-2"), "asked for once");
    told_submit("EU-2", "key of EU-2", 202);
    expect((struct replay_verdict){.lost = 1});
}

Test(verdict, lost_when_only_the_number_is_there)
{
    ordinary_ticket();
    told_submit("EU-1", "another key", 201);
    expect((struct replay_verdict){.lost = 1});
}

Test(verdict, duplicated_when_one_key_made_two_tickets)
{
    json_t *other = json_pack("{s:s, s:i, s:s, s:s, s:s}", "number", "AP-9", "seq", 1, "type",
                              "ticket.created", "actor", "req", "key", "key of EU-1");

    ordinary_ticket();
    replay_judge_event(judge, other);
    json_decref(other);
    expect((struct replay_verdict){.duplicated = 1});
}

Test(verdict, duplicated_when_the_number_is_of_another_ticket)
{
    ordinary_ticket();
    event("AP-9", 1, "ticket.created", "req", 0);
    told_submit("AP-9", "key of EU-1", 201);
    expect((struct replay_verdict){.duplicated = 1});
}

Test(verdict, claimed_while_somebody_owned_it)
{
    event("EU-1", 1, "ticket.created", "req", 0);
    event("EU-1", 2, "ticket.claimed", "ann", 1);
    event("EU-1", 3, "ticket.claimed", "bo", 2);
    expect((struct replay_verdict){.double_claims = 1});
}

Test(verdict, two_clients_were_told_of_one_epoch)
{
    ordinary_ticket();
    told_win("EU-1", "bo", 1);
    expect((struct replay_verdict){.double_claims = 1, .mismatched_wins = 1});
}

Test(verdict, a_win_that_the_desk_does_not_know)
{
    ordinary_ticket();
    told_win("EU-1", "ann", 2);
    expect((struct replay_verdict){.mismatched_wins = 1});
}

Test(verdict, a_win_that_the_desk_gave_to_somebody_else)
{
    event("EU-1", 1, "ticket.created", "req", 0);
    event("EU-1", 2, "ticket.claimed", "ann", 1);
    told_win("EU-1", "bo", 1);
    expect((struct replay_verdict){.mismatched_wins = 1});
}

/* An intake was killed after it accepted and before it answered; the repetition went to another copy, which
 * gave another number. */
Test(verdict, an_alias_is_the_ticket_it_leads_to)
{
    event("EU-1", 1, "ticket.created", "req", 0);
    event("EU-1", 2, "ticket.claimed", "ann", 1);
    cr_expect(!replay_judge_knows(judge, "EU-2"));
    replay_judge_alias(judge, "EU-2", "EU-1");
    told_submit("EU-2", "key of EU-1", 201);
    told_win("EU-2", "ann", 1);
    expect((struct replay_verdict){0});
    cr_expect_eq(replay_judge_verdict(judge).unique_tickets, 1);
    told_win("EU-1", "ann", 1);
    expect((struct replay_verdict){.double_claims = 1}); /* one epoch, under two numbers */
}

Test(verdict, a_gap_in_a_sequence)
{
    event("EU-1", 1, "ticket.created", "req", 0);
    event("EU-1", 3, "ticket.claimed", "ann", 1);
    event("AP-1", 2, "ticket.claimed", "ann", 1);
    expect((struct replay_verdict){.chain_gaps = 2});
}

/* ---- the command ---- */

/* A desk of one ticket. */
struct desk {
    bool keeps;     /* it is there afterwards */
    int drains;     /* looks at the status until the spool is empty */
    int looks;      /* at the status */
    bool too_early; /* events were read before that */
};

static void answer_desk(void *ctx, const char *request, struct buf *ret_response)
{
    struct desk *desk = ctx;

    if (strncmp(request, "POST /api/v1/sessions ", 22) == 0) {
        fake_json(ret_response, 201, "{\"token\":\"t\"}");
    } else if (strncmp(request, "POST /api/v1/tickets ", 21) == 0) {
        fake_json(ret_response, 202, "{\"number\":\"EU-1\"}");
    } else if (strncmp(request, "POST /api/v1/tickets/EU-1:cancel ", 33) == 0) {
        fake_json(ret_response, 200, "{\"number\":\"EU-1\",\"epoch\":0}");
    } else if (strncmp(request, "GET /api/v1/status ", 19) == 0) {
        _cleanup_(freep) char *json = mem_printf(
            "{\"instances\":[{\"service\":\"intake\",\"age_s\":%s,\"alive\":true,\"stats\":{\"spool_depth\":%"
            "d}},"
            "{\"service\":\"intake\",\"age_s\":9999,\"alive\":false,\"stats\":{\"spool_depth\":0}},"
            "{\"service\":\"router\",\"age_s\":9999,\"alive\":true}]}",
            desk->looks == 0 ? "3600" : "-1", desk->looks < desk->drains ? 1 : 0);
        desk->looks++;
        fake_json(ret_response, 200, json);
    } else if (strncmp(request, "GET /api/v1/audit", 17) == 0) {
        desk->too_early = desk->looks <= desk->drains;
        fake_json(ret_response, 200,
                  desk->keeps ? "{\"items\":[{\"number\":\"EU-1\",\"seq\":1,\"type\":\"ticket.created\","
                                "\"actor\":\"req\",\"key\":\"s-1-1-0\"}],\"next\":null}"
                              : "{\"items\":[],\"next\":null}");
    } else if (strncmp(request, "GET /api/v1/organisation ", 25) == 0) {
        fake_json(ret_response, 200,
                  "{\"version\":1,\"document\":{\"teams\":{\"t\":{\"title\":{\"en\":\"T\",\"zh\":\"T\"},"
                  "\"tier\":1}},"
                  "\"default_team\":\"t\"}}");
    } else {
        fake_json(ret_response, 404, "{\"title\":\"Not found\"}");
    }
}

static const struct flag flags[] = {{"regions", 0, "URLS", {"", ""}}, {"log", 0, "FILE", {"", ""}},
                                    {"seed", 0, "N", {"", ""}},       {"agents", 0, "N", {"", ""}},
                                    {"racers", 0, "N", {"", ""}},     {"workers", 0, "N", {"", ""}},
                                    {"patience", 0, "S", {"", ""}},   {0}};
static const struct command commands[] = {
    {"replay volvo", "FILE", 1, 1, {"", ""}, flags, command_replay, false},
};

static int replay(struct desk *desk)
{
    struct fake_desk *server = fake_desk_open(answer_desk, desk);
    const char *url = fake_desk_url(server);
    _cleanup_(freep) char *regions = mem_printf("eu=%s,ap=%s,us=%s", url, url, url),
                          *csv = mem_printf("/tmp/meridian-verdict-%d.csv", (int)getpid()),
                          *log = mem_printf("/tmp/meridian-verdict-%d.ndjson", (int)getpid());
    char *argv[] = {"deskctl",  "replay", "volvo",    csv, "--regions",  regions, "--log", log, "--seed", "s",
                    "--agents", "1",      "--racers", "1", "--patience", "5",     NULL};
    FILE *file = fopen(csv, "w");
    int code;

    cr_assert_not_null(file);
    fputs("case_id,timestamp,status,sub_status,impact,product,support_team,function_division,org_line,case_"
          "country,owner_country,owner\n"
          "1-1,2012-01-01T03:00:00+01:00,Completed,Cancelled,Low,PROD2,G1,A,B,se,0,Siebel\n",
          file);
    fclose(file);
    cr_redirect_stdout();
    cr_redirect_stderr();
    code = cli_main(commands, 1, (int)(sizeof argv / sizeof argv[0]) - 1, argv);
    fake_desk_close(server);
    unlink(csv);
    unlink(log);
    return code;
}

Test(replay, waits_for_the_spools_and_finds_a_desk_clean)
{
    struct desk desk = {.keeps = true, .drains = 2};

    cr_expect_eq(replay(&desk), EXIT_OK_);
    cr_expect_eq(desk.looks, 3);
    cr_expect(!desk.too_early);
}

Test(replay, a_planted_loss_ends_with_1)
{
    struct desk desk = {.keeps = false};

    cr_expect_eq(replay(&desk), EXIT_ERROR);
    cr_expect(!desk.too_early, "the first look at the status is older than the end of the run");
}
