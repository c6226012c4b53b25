/* Pages of histories, also from a server of the release before, which has smaller ones. */
#include "deskctl/cli.h"
#include "deskctl/sla_history.h"
#include "fake_desk.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct server {
    int most, asked, refused; /* most: items of a page */
};

static void answer(void *ctx, const char *request, struct buf *ret_response)
{
    struct server *server = ctx;
    const char *limit = strstr(request, "limit=");

    server->asked++;
    if (!limit || atoi(limit + 6) > server->most) {
        server->refused++;
        fake_json(ret_response, 400, "{\"type\":\"bad-request\"}");
    } else if (strstr(request, "cursor=a")) {
        fake_json(ret_response, 200, "{\"items\":[],\"next\":null}");
    } else {
        fake_json(ret_response, 200, "{\"items\":[],\"next\":\"a\"}");
    }
}

static int tell(void *ctx, const struct sla_ticket *ticket)
{
    (void)ctx;
    (void)ticket;
    return EXIT_OK_;
}

static int walk(struct server *server)
{
    struct fake_desk *desk = fake_desk_open(answer, server);
    struct client *client = client_new(fake_desk_url(desk), "token");
    struct sla_plans plans = {.client = client};
    int code = sla_history_walk(&plans, true, tell, NULL);

    sla_plans_fini(&plans);
    client_free(client);
    fake_desk_close(desk);
    return code;
}

Test(sla_history, pages_are_as_large_as_the_server_has_them)
{
    struct server now = {.most = 200}, before = {.most = 50}, none = {.most = 0};

    cr_expect_eq(walk(&now), EXIT_OK_);
    cr_expect(now.asked == 2 && now.refused == 0, "%d %d", now.asked, now.refused);
    cr_expect_eq(walk(&before), EXIT_OK_);
    cr_expect(before.asked == 3 && before.refused == 1, "%d %d", before.asked, before.refused);
    cr_expect_neq(walk(&none), EXIT_OK_);
    cr_expect_eq(none.refused, 2);
}
