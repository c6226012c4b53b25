/* Event streams that break: where the next one goes on. */
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/client.h"
#include "deskctl/commands.h"
#include "fake_desk.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

/* What each connection gets, and what each asked to resume after. */
struct streams {
    const char *const *texts;
    int n;
    char asked[4][24];
};

static void answer_stream(void *ctx, const char *request, struct buf *ret_response)
{
    struct streams *streams = ctx;
    const char *id = strstr(request, "\r\nLast-Event-ID: ");

    if (id)
        sscanf(id + 17, "%23[^\r]", streams->asked[streams->n]);
    buf_add_text(ret_response, HEAD);
    buf_add_text(ret_response, streams->texts[streams->n++]);
}

static bool count_event(void *ctx, const char *type, const char *data)
{
    (void)type;
    (void)data;
    return ++*(int *)ctx > 0;
}

/* The id after one stream with this text, which was resumed after "7". */
static const char *id_after(const char *text, int expected_events)
{
    static char last_id[CLIENT_EVENT_ID_SIZE];
    struct streams streams = {.texts = &text};
    struct fake_desk *desk = fake_desk_open(answer_stream, &streams);
    struct client *client = client_new(fake_desk_url(desk), "token");
    _cleanup_response_ struct response response = {0};
    int events = 0;

    snprintf(last_id, sizeof last_id, "7");
    cr_expect(client_events(client, "/api/v1/events", last_id, count_event, &events, &response));
    cr_expect_eq(events, expected_events);
    client_free(client);
    fake_desk_close(desk);
    cr_expect_str_eq(streams.asked[0], "7");
    return last_id;
}

Test(events, the_id_is_that_of_the_last_whole_event_even_without_data)
{
    cr_expect_str_eq(id_after("", 0), "7");
    cr_expect_str_eq(id_after(": a comment\n\n", 0), "7");
    cr_expect_str_eq(id_after("retry: 1000\nid: 41\n\n", 0), "41");
    cr_expect_str_eq(id_after("id: 41\n\nid: 42\nevent: x\ndata: {}\n\n", 1), "42");
    cr_expect_str_eq(id_after("id: 41\n\nid: 42\nevent: x\ndata: {}\n", 0), "41", "cut in the middle");
    cr_expect_str_eq(id_after("id: 41\n\nevent: x\ndata: {}\n\n", 1), "41");
}

static const struct flag flags[] = {
    {"watch", 'w', NULL, {"", ""}}, {"limit", 'n', "N", {"", ""}}, {"since", 0, "ID", {"", ""}}, {0}};
static const struct command commands[] = {
    {"events", "", 0, 0, {"", ""}, flags, command_events, false},
};

Test(events, watch_goes_on_after_the_hello_of_a_stream_that_broke, .init = cr_redirect_stdout)
{
    static const char *const texts[] = {"id: 41\n\n", "id: 42\nevent: ticket.created\ndata: {\"n\":1}\n\n"};
    struct streams streams = {.texts = texts};
    struct fake_desk *desk = fake_desk_open(answer_stream, &streams);

    cr_redirect_stderr();
    setenv("MERIDIAN_CONFIG", "/nonexistent/deskctl.json", 1);
    cr_expect_eq(cli_main(commands, 1, 9,
                          (char *[]){"deskctl", "events", "--watch", "-n", "1", "-o", "json", "--url",
                                     (char *)fake_desk_url(desk), NULL}),
                 EXIT_OK_);
    fake_desk_close(desk);
    cr_expect_eq(streams.n, 2);
    cr_expect_str_eq(streams.asked[0], "");
    cr_expect_str_eq(streams.asked[1], "41");
    fflush(stdout);
    cr_expect_stdout_eq_str("{\"n\":1}\n");
}
