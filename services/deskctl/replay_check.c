/* The checker. It trusts neither side: what clients were told comes from their log, what happened from the
 * raw events of the desk. lost            an acknowledged number that leads to no ticket duplicated      one
 * submission key that led to two tickets double claim    a claim recorded while somebody owned the ticket, or
 * two clients told that they won the same epoch mismatched win  a client was told that it won, and the desk
 * recorded somebody else for that epoch (or nobody) chain gap       events of a ticket that are not numbered
 * 1, 2, 3, ... */
#include "base/encode.h"
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/client.h"
#include "deskctl/replay.h"
#include <errno.h>
#include <string.h>

struct checker {
    json_t *tickets; /* number -> {seq, owned (bool), claims: {epoch -> agent}, key} */
    json_t *keys;    /* client key -> number */
    json_t *wins;    /* "number/epoch" -> agent, as clients were told */
    json_t *mine;    /* numbers of the tickets this replay made */
    struct replay_verdict *verdict;
};

static bool owner_leaves(const char *type)
{
    return strcmp(type, "ticket.released") == 0 || strcmp(type, "ticket.transferred") == 0 ||
           strcmp(type, "ticket.reopened") == 0 || strcmp(type, "ticket.cancelled") == 0;
}

static void take_event(struct checker *checker, const json_t *event)
{
    const char *number = json_string_value(json_object_get(event, "number")),
               *type = json_string_value(json_object_get(event, "type"));
    const char *key = json_string_value(json_object_get(event, "key")),
               *actor = json_string_value(json_object_get(event, "actor"));
    json_int_t seq = json_integer_value(json_object_get(event, "seq"));
    json_t *ticket;

    if (!number || !type || !actor)
        return;
    checker->verdict->events++;
    ticket = json_object_get(checker->tickets, number);
    if (!ticket) {
        ticket = json_pack("{s:i, s:b, s:{}}", "seq", 0, "owned", 0, "claims");
        json_object_set_new(checker->tickets, number, ticket);
        if (key && json_object_get(checker->keys, key))
            checker->verdict->duplicated++;
        if (key)
            json_object_set_new(checker->keys, key, json_string(number));
    }
    if (seq != json_integer_value(json_object_get(ticket, "seq")) + 1)
        checker->verdict->chain_gaps++;
    json_object_set_new(ticket, "seq", json_integer(seq));
    if (strcmp(type, "ticket.claimed") == 0) {
        const char *text = json_string_value(json_object_get(event, "data"));
        json_t *data = json_loads(text ? text : "{}", 0, NULL), *claims = json_object_get(ticket, "claims");
        char epoch[24];
        snprintf(epoch, sizeof epoch, "%lld", (long long)json_integer_value(json_object_get(data, "epoch")));
        if (json_is_true(json_object_get(ticket, "owned")) || json_object_get(claims, epoch))
            checker->verdict->double_claims++;
        json_object_set_new(claims, epoch, json_string(actor));
        json_object_set_new(ticket, "owned", json_true());
        json_decref(data);
    } else if (owner_leaves(type)) {
        json_object_set_new(ticket, "owned", json_false());
    }
}

static int read_desk(struct checker *checker, struct client *client)
{
    _cleanup_(freep) char *cursor = NULL;

    do {
        _cleanup_response_ struct response response = {0};
        _cleanup_buf_ struct buf path = BUF_INIT;
        const json_t *event;
        size_t i;
        buf_add_text(&path, "/api/v1/audit?limit=200");
        if (cursor) {
            buf_add_text(&path, "&cursor=");
            buf_add_percent(&path, str_from(cursor));
        }
        client_call_patient(client, "GET", buf_text(&path), NULL, NULL, 30, &response);
        if (response.status != 200)
            return client_explain(&response, client->url);
        json_array_foreach(json_object_get(response.json, "items"), i, event) take_event(checker, event);
        free(cursor);
        cursor = mem_str(json_string_value(json_object_get(response.json, "next")));
    } while (cursor);
    return EXIT_OK_;
}

/* The number under which a ticket is recorded: an alias leads to it. NULL when it leads nowhere. Freed by the
 * caller. */
static char *resolve_alias(struct client *client, const char *number)
{
    _cleanup_response_ struct response response = {0};
    _cleanup_(freep) char *path = mem_printf("/api/v1/tickets/%s", number);

    client_call_patient(client, "GET", path, NULL, NULL, 30, &response);
    return response.status == 200 ? mem_str(json_string_value(json_object_get(response.json, "number")))
                                  : NULL;
}

static void check_submit(struct checker *checker, struct client *client, const json_t *line)
{
    const char *number = json_string_value(json_object_get(line, "number")),
               *key = json_string_value(json_object_get(line, "key")), *recorded;
    json_int_t status = json_integer_value(json_object_get(line, "status"));
    _cleanup_(freep) char *real = NULL;

    if ((status != 201 && status != 202) || !number || !key)
        return;
    recorded = json_string_value(json_object_get(checker->keys, key));
    real = json_object_get(checker->tickets, number) ? mem_str(number) : resolve_alias(client, number);
    if (recorded)
        json_object_set_new(checker->mine, recorded, json_true());
    if (!real || !recorded)
        checker->verdict->lost++;
    else if (strcmp(real, recorded) != 0)
        checker->verdict->duplicated++;
}

static void check_win(struct checker *checker, const json_t *line)
{
    const char *number = json_string_value(json_object_get(line, "number")),
               *agent = json_string_value(json_object_get(line, "agent")), *claimed;
    char epoch[24], place[80];

    if (json_integer_value(json_object_get(line, "status")) != 200 || !number || !agent)
        return;
    snprintf(epoch, sizeof epoch, "%lld", (long long)json_integer_value(json_object_get(line, "epoch")));
    snprintf(place, sizeof place, "%s/%s", number, epoch);
    if (json_object_get(checker->wins, place))
        checker->verdict->double_claims++;
    json_object_set_new(checker->wins, place, json_string(agent));
    claimed = json_string_value(
        json_object_get(json_object_get(json_object_get(checker->tickets, number), "claims"), epoch));
    if (!claimed || strcmp(claimed, agent) != 0)
        checker->verdict->mismatched_wins++;
}

int replay_check(const char *log_file, const struct replay_options *options,
                 struct replay_verdict *ret_verdict)
{
    struct checker checker = {json_object(), json_object(), json_object(), json_object(), ret_verdict};
    _cleanup_(freep) char *token =
        replay_sign_in(options->urls[0], "admin", options->password, options->patience_s);
    struct client *client = client_new(options->urls[0], token);
    FILE *file = fopen(log_file, "r");
    char *line = NULL;
    size_t size = 0;
    int code = token ? EXIT_OK_ : EXIT_AUTH;

    if (!file)
        code = cli_fail(EXIT_ERROR, T("cannot read %s: %s", "无法读取 %s：%s"), log_file, strerror(errno));
    if (code == EXIT_OK_)
        code = read_desk(&checker, client);
    while (code == EXIT_OK_ && getline(&line, &size, file) > 0) {
        json_t *entry = json_loads(line, 0, NULL);
        const char *op = json_string_value(json_object_get(entry, "op"));
        if (op && strcmp(op, "submit") == 0)
            check_submit(&checker, client, entry);
        else if (op && strcmp(op, "claim") == 0)
            check_win(&checker, entry);
        json_decref(entry);
    }
    ret_verdict->unique_tickets = (long)json_object_size(checker.mine);
    free(line);
    if (file)
        fclose(file);
    client_free(client);
    json_decref(checker.tickets);
    json_decref(checker.keys);
    json_decref(checker.wins);
    json_decref(checker.mine);
    return code;
}
