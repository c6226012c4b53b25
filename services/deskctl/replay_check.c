/* The checker's errands: waits until the desk has taken in what it accepted, reads its events and the
 * client's log, and asks where numbers lead that no event names. What it makes of them is replay_verdict.c.
 *
 * A submission that was answered with 202 is in an intake's spool until it is committed, and the intake may
 * have died and come back since; a verdict before the spools are empty would call it lost. What is still
 * there when the patience ends is judged as it stands.
 */
#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/client.h"
#include "deskctl/replay.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* True when every intake has said, since this many seconds, that nothing is left to be committed. One that
 * has been silent for long and had nothing is gone, not late. */
static bool spools_are_empty(const json_t *status, double since_s)
{
    const json_t *instance;
    size_t i;

    json_array_foreach(json_object_get(status, "instances"), i, instance)
    {
        const char *service = json_string_value(json_object_get(instance, "service"));
        json_int_t depth =
            json_integer_value(json_object_get(json_object_get(instance, "stats"), "spool_depth"));
        bool heard = json_number_value(json_object_get(instance, "age_s")) < since_s,
             gone = json_is_false(json_object_get(instance, "alive"));
        if (service && strcmp(service, "intake") == 0 && (depth > 0 || (!heard && !gone)))
            return false;
    }
    return true;
}

static int wait_for_spools(struct client *client, int patience_s)
{
    int64_t begun_us = clock_monotonic_us();

    for (;;) {
        _cleanup_response_ struct response response = {0};
        double passed_s;

        client_call_patient(client, "GET", "/api/v1/status", NULL, NULL, patience_s, &response);
        if (response.status != 200)
            return client_explain(&response, client->url);
        passed_s = (double)(clock_monotonic_us() - begun_us) / US_PER_S;
        if (spools_are_empty(response.json, passed_s))
            return EXIT_OK_;
        if (passed_s > patience_s) {
            fprintf(stderr, "deskctl: %s\n",
                    T("the spools are not empty yet; what is in them counts as lost",
                      "暂存尚未清空；其中的提交将计为丢失"));
            return EXIT_OK_;
        }
        usleep(200000);
    }
}

static int read_desk(struct replay_judge *judge, struct client *client)
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
        json_array_foreach(json_object_get(response.json, "items"), i, event)
            replay_judge_event(judge, event);
        free(cursor);
        cursor = mem_str(json_string_value(json_object_get(response.json, "next")));
    } while (cursor);
    return EXIT_OK_;
}

/* A failure to answer is no proof that the ticket is lost: then there is no verdict. */
static int ask_for_alias(struct replay_judge *judge, struct client *client, const char *number)
{
    _cleanup_response_ struct response response = {0};
    _cleanup_(freep) char *path = mem_printf("/api/v1/tickets/%s", number);

    client_call_patient(client, "GET", path, NULL, NULL, 30, &response);
    if (response.status != 200 && response.status != 404)
        return client_explain(&response, client->url);
    replay_judge_alias(judge, number,
                       response.status == 200 ? json_string_value(json_object_get(response.json, "number"))
                                              : NULL);
    return EXIT_OK_;
}

static int read_log(struct replay_judge *judge, struct client *client, FILE *file)
{
    _cleanup_(freep) char *text = NULL;
    size_t size = 0;
    int code = EXIT_OK_;

    while (code == EXIT_OK_ && getline(&text, &size, file) > 0) {
        json_t *line = json_loads(text, 0, NULL);
        const char *number = json_string_value(json_object_get(line, "number"));

        if (number && !replay_judge_knows(judge, number))
            code = ask_for_alias(judge, client, number);
        if (code == EXIT_OK_)
            replay_judge_line(judge, line);
        json_decref(line);
    }
    return code;
}

int replay_check(const char *log_file, const struct replay_options *options,
                 struct replay_verdict *ret_verdict)
{
    struct replay_judge *judge = replay_judge_new();
    _cleanup_(freep) char *token = NULL;
    int code = replay_sign_in(options->urls[0], "admin", options->password, options->patience_s, &token);
    struct client *client = client_new(options->urls[0], token);
    FILE *file = fopen(log_file, "r");

    if (code == EXIT_OK_ && !file)
        code = cli_fail(EXIT_ERROR, T("cannot read %s: %s", "无法读取 %s：%s"), log_file, strerror(errno));
    if (code == EXIT_OK_)
        code = wait_for_spools(client, options->patience_s);
    if (code == EXIT_OK_)
        code = read_desk(judge, client);
    if (code == EXIT_OK_)
        code = read_log(judge, client, file);
    if (code == EXIT_OK_)
        *ret_verdict = replay_judge_verdict(judge);
    if (file)
        fclose(file);
    client_free(client);
    replay_judge_free(judge);
    return code;
}
