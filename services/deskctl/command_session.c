/* Signing in and out. */
#include "deskctl/client.h"
#include "deskctl/commands.h"
#include "deskctl/output.h"
#include "deskctl/session.h"
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Reads a line without echo from the terminal, or plainly when standard input is none. */
static bool read_password(const char *prompt, char *ret_password, size_t size)
{
    struct termios before, silent;
    bool tty = tcgetattr(STDIN_FILENO, &before) == 0;
    char *line;

    if (tty) {
        fprintf(stderr, "%s", prompt);
        silent = before;
        silent.c_lflag &= (tcflag_t)~ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    line = fgets(ret_password, (int)size, stdin);
    if (tty) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    if (!line)
        return false;
    ret_password[strcspn(ret_password, "\r\n")] = 0;
    return true;
}

int command_login(struct cli *cli)
{
    struct client *client;
    _cleanup_response_ struct response response = {0};
    const char *user = cli->args[0], *password = cli_flag(cli, "password");
    char typed[1024];
    json_t *body, *sessions, *all, *session;
    int failed;

    if (!password) {
        if (!read_password(T("Password: ", "密码："), typed, sizeof typed))
            return cli_fail(EXIT_USAGE, "%s", T("no password given", "未提供密码"));
        password = typed;
    }
    client = cli_client(cli);
    free(client->token);
    client->token = NULL;
    free(client->lsn);
    client->lsn = NULL;
    body = json_pack("{s:s, s:s}", "user", user, "password", password);
    if (!body)
        return cli_fail(EXIT_USAGE, "%s", T("user and password must be UTF-8", "用户名和密码必须是 UTF-8"));
    client_call(client, "POST", "/api/v1/sessions", body, NULL, &response);
    json_decref(body);
    if (response.status != 201 && response.status != 200)
        return client_explain(&response, client->url);
    sessions = session_load();
    all = json_object_get(sessions, "sessions");
    if (!json_is_object(all)) {
        all = json_object();
        json_object_set_new(sessions, "sessions", all);
    }
    session =
        json_pack("{s:s, s:O, s:O?, s:s*, s:s*}", "url", client->url, "token",
                  json_object_get(response.json, "token"), "expires_at",
                  json_object_get(response.json, "expires_at"), "lsn", client->lsn, "ca", client->ca_file);
    json_object_set_new(all, user, session);
    json_object_set_new(sessions, "current", json_string(user));
    failed = session_save(sessions);
    json_decref(sessions);
    if (failed)
        return EXIT_ERROR;
    if (cli->json)
        output_json(response.json);
    else
        printf(T("Signed in as %s at %s until %s\n", "已登录：%s，%s，有效期至 %s\n"), user, client->url,
               output_at(response.json, "expires_at"));
    free(client->lsn); /* the file has the truth now; do not write it under another session */
    client->lsn = NULL;
    return EXIT_OK_;
}

int command_logout(struct cli *cli)
{
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    const char *as = cli_flag(cli, "as");
    json_t *sessions;

    client_call(client, "DELETE", "/api/v1/sessions/current", NULL, NULL, &response);
    if (response.status != 204 && response.status != 200 && response.status != 401)
        return client_explain(&response, client->url);
    sessions = session_load();
    if (!as)
        as = json_string_value(json_object_get(sessions, "current"));
    if (as) {
        json_t *name = json_string(as);
        json_object_del(json_object_get(sessions, "sessions"), as);
        if (json_equal(json_object_get(sessions, "current"), name))
            json_object_del(sessions, "current");
        json_decref(name);
        (void)session_save(sessions);
    }
    json_decref(sessions);
    if (!cli->json)
        puts(T("Signed out", "已退出"));
    return EXIT_OK_;
}

int command_me(struct cli *cli)
{
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};

    client_call(client, "GET", "/api/v1/me", NULL, NULL, &response);
    if (response.status != 200)
        return client_explain(&response, client->url);
    if (cli->json)
        output_json(response.json);
    else
        printf("%s (%s), %s, %s\n", output_at(response.json, "login"), output_at(response.json, "name"),
               output_at(response.json, "role"), output_at(response.json, "region"));
    return EXIT_OK_;
}
