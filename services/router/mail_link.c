/* Who has the mail that asks whether a ticket is solved may say yes without signing in: its link carries a
 * token that is good for this one resolution and for some days. Called by command.c for a confirmation by
 * nobody; from there on it is one of the ticket's requester, at the epoch of the token, with a key that the
 * token makes: pressed twice it does nothing twice, and gives the same answer.
 *
 * A token is NUMBER.EPOCH.EXPIRES.SIGNATURE; the database signs (desk.confirm_signature) and says whether it
 * did. Everything that is wrong with one gives the same refusal, so that nothing can be learned by trying.
 * What is answered is no more than the token tells. */
#include "base/clock.h"
#include "meridian/errors.h"
#include "router/command.h"
#include "router_sql.h"
#include <stdio.h>

enum { NUMBER_CHARS = 24, SIGNATURE_CHARS = 40 };

struct token {
    char number[NUMBER_CHARS + 1], signature[SIGNATURE_CHARS + 1];
    int64_t epoch, expires_s;
};

static bool take_text(struct str text, size_t most, char *ret)
{
    if (!text.n || text.n > most)
        return false;
    snprintf(ret, most + 1, "%.*s", (int)text.n, text.p);
    return true;
}

static bool parse(const char *text, struct token *ret)
{
    struct str number, epoch, expires, rest = str_from(text);

    return str_cut(rest, '.', &number, &rest) && str_cut(rest, '.', &epoch, &rest) &&
           str_cut(rest, '.', &expires, &rest) && take_text(number, NUMBER_CHARS, ret->number) &&
           str_to_i64(epoch, 0, INT64_MAX, &ret->epoch) == 0 &&
           str_to_i64(expires, 0, INT64_MAX / US_PER_S, &ret->expires_s) == 0 &&
           take_text(rest, SIGNATURE_CHARS, ret->signature);
}

static int find(struct db_conn *conn, const struct token *token, struct db_result *ret_person)
{
    _cleanup_params_ struct db_params params = {0};

    db_param_text(&params, token->number);
    db_param_int(&params, token->epoch);
    db_param_int(&params, token->expires_s);
    db_param_text(&params, token->signature);
    return db_exec(conn, &sql_router_mail_link_find, &params, ret_person);
}

static int refuse(struct job *job)
{
    buf_reset(&job->out.json);
    return outcome_refuse(&job->out, -E_LINK_OVER,
                          "It was used, is too old, or the ticket has been changed since");
}

static int confirm(struct db_conn *conn, struct job *job, const struct token *token,
                   Meridian__Principal *requester)
{
    const Meridian__Request *given = job->request;
    Meridian__Request request = *given;
    Meridian__Command command = *given->command;
    char key[SIGNATURE_CHARS + 16];
    int r;

    snprintf(key, sizeof key, "mail-link:%s", token->signature);
    command.number = (char *)token->number;
    command.text = NULL;
    command.client_key = key;
    command.has_epoch = true;
    command.epoch = (uint64_t)token->epoch;
    request.principal = requester;
    request.command = &command;
    job->request = &request;
    r = command_work(conn, job);
    job->request = given;
    return r;
}

int mail_link_confirm(struct db_conn *conn, struct job *job)
{
    _cleanup_result_ struct db_result person = {0};
    Meridian__Principal requester = MERIDIAN__PRINCIPAL__INIT;
    struct token token;
    int r;

    if (!parse(job->request->command->text, &token))
        return refuse(job);
    r = find(conn, &token, &person);
    if (r < 0)
        return r;
    if (!db_rows(&person))
        return refuse(job);
    requester.user_id = (char *)db_text(&person, 0, 0);
    requester.login = (char *)db_text(&person, 0, 1);
    requester.region = (char *)db_text(&person, 0, 2);
    requester.name = (char *)db_text(&person, 0, 3);
    requester.role = ROLE_REQUESTER;
    r = confirm(conn, job, &token, &requester);
    if (r == -E_OWNERSHIP_LOST || r == -E_BAD_TRANSITION || r == -E_NOT_FOUND)
        return refuse(job);
    if (r)
        return r;
    buf_reset(&job->out.json);
    buf_printf(&job->out.json, "{\"number\":\"%s\",\"state\":\"closed\"}", token.number);
    return 0;
}
