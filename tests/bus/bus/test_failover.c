/* Several servers for one service: preference, failing over with the same id, coming back, draining. */
#include "rig.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct bus_client *dial_groups(struct bus *bus, const char *first, const char *second)
{
    const char *a[] = {first, NULL}, *b[] = {second, NULL};
    struct bus_group groups[] = {{a}, {b}};
    struct bus_client *client;

    cr_assert_eq(bus_dial(bus, groups, 2, any_service, &client), 0);
    return client;
}

static struct bus_client *dial_two(struct bus *bus, const char *first, const char *second)
{
    const char *urls[] = {first, second, NULL};
    struct bus_group group = {urls};
    struct bus_client *client;

    cr_assert_eq(bus_dial(bus, &group, 1, any_service, &client), 0);
    return client;
}

/* A server in a process of its own, which takes requests, writes their ids to a pipe and never answers. */
static void on_mute_request(void *ctx, struct bus_request *request)
{
    const Meridian__Request *message = bus_request_message(request);
    cr_assert_eq(write(*(int *)ctx, message->id.data, message->id.len), 16);
}

static pid_t mute_server(const char *url, int *ret_fd)
{
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        cr_assert_eq(bus_serve(rig_bus(), url, any_service, 4, on_mute_request, &fds[1]), 0);
        for (;;)
            uv_run(rig_loop(), UV_RUN_ONCE);
    }
    close(fds[1]);
    *ret_fd = fds[0];
    return pid;
}

Test(failover, a_killed_server_leaves_the_request_to_the_next)
{
    const char *doomed = rig_url("tcp"), *heir = rig_url("tcp");
    uint8_t id[16];
    int fd;
    pid_t pid = mute_server(doomed, &fd); /* before this process starts threads */
    struct bus *home = rig_bus(), *away = rig_bus();
    struct rig_server server = {0};
    struct rig_call call;

    rig_serve(&server, home, "heir", heir, 2);
    struct bus_client *first = rig_dial(away, doomed);
    RUN_UNTIL(bus_connected(first));
    struct bus_client *client = dial_groups(away, doomed, heir);
    /* The first group must be up, or the heir would get it straight away: its first call proves nothing, so
     * ask until the doomed one has one. */
    for (;;) {
        int before = server.handled;
        rig_call(client, &call, 30000, 30000);
        rig_run_ms(50);
        if (server.handled == before)
            break;
        RUN_UNTIL(call.ended);
    }
    cr_assert_eq(read(fd, id, sizeof id), 16);
    cr_assert_not(call.ended);
    int before = server.handled;
    uint64_t start = uv_hrtime();
    kill(pid, SIGKILL);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, 0);
    cr_assert_str_eq(call.detail, "heir/");
    cr_assert_lt(uv_hrtime() - start, 3000000000u, "noticed at once, not by time-out");
    cr_assert_eq(server.handled, before + 1);
    cr_assert_arr_eq(server.ids[before], id, 16);
    waitpid(pid, NULL, 0);
    close(fd);
    rig_end(home, away, NULL);
}

Test(failover, a_silent_server_loses_the_repeat_to_the_other)
{
    const char *a = rig_url("tcp"), *b = rig_url("tcp");
    struct bus *home = rig_bus(), *away = rig_bus();
    struct rig_server mute = {.hold = true}, good = {0};
    struct rig_call call;

    rig_serve(&mute, home, "mute", a, 8);
    rig_serve(&good, home, "good", b, 8);
    struct bus_client *client = dial_two(away, a, b);
    do { /* both are up once the silent one got one */
        rig_call(client, &call, 150, 20000);
        RUN_UNTIL(call.ended);
        cr_assert_eq(call.status, 0);
        cr_assert_str_eq(call.detail, "good/");
    } while (mute.handled == 0);
    cr_assert_arr_eq(mute.ids[0], good.ids[good.handled - 1], 16);
    for (int i = 0; i < mute.nheld; i++)
        rig_answer(&mute, i);
    rig_end(home, away, NULL);
}

Test(failover, calls_take_turns_within_a_group)
{
    const char *a = rig_url("tcp"), *b = rig_url("tcp");
    struct bus *home = rig_bus(), *away = rig_bus();
    struct rig_server first = {0}, second = {0};
    struct rig_call call;

    rig_serve(&first, home, "a", a, 2);
    rig_serve(&second, home, "b", b, 2);
    struct bus_client *client = dial_two(away, a, b);
    while (first.handled == 0 || second.handled == 0) {
        rig_call(client, &call, 5000, 5000);
        RUN_UNTIL(call.ended);
    }
    int a0 = first.handled, b0 = second.handled;
    for (int i = 0; i < 10; i++) {
        rig_call(client, &call, 5000, 5000);
        RUN_UNTIL(call.ended);
    }
    cr_assert_eq(first.handled - a0, 5);
    cr_assert_eq(second.handled - b0, 5);
    rig_end(home, away, NULL);
}

Test(failover, the_preferred_group_is_used_while_it_lives_and_again_when_it_is_back)
{
    const char *near = rig_url("tcp"), *far = rig_url("tcp");
    struct bus *here = rig_bus(), *there = rig_bus(), *away = rig_bus();
    struct rig_server preferred = {0}, other = {0};
    struct rig_call call;

    rig_serve(&preferred, here, "near", near, 2);
    rig_serve(&other, there, "far", far, 2);
    struct bus_client *client = dial_groups(away, near, far);
    do {
        rig_call(client, &call, 5000, 20000);
        RUN_UNTIL(call.ended);
    } while (strcmp(call.detail, "near/") != 0);
    int before = other.handled;
    for (int i = 0; i < 10; i++) {
        rig_call(client, &call, 5000, 20000);
        RUN_UNTIL(call.ended);
        cr_assert_str_eq(call.detail, "near/");
    }
    cr_assert_eq(other.handled, before);
    bus_close(here);
    for (int i = 0; i < 10; i++) {
        rig_call(client, &call, 5000, 20000);
        RUN_UNTIL(call.ended);
        cr_assert_eq(call.status, 0);
        cr_assert_str_eq(call.detail, "far/");
    }
    here = rig_bus();
    rig_serve(&preferred, here, "near", near, 2);
    do {
        rig_call(client, &call, 5000, 20000);
        RUN_UNTIL(call.ended);
        cr_assert_eq(call.status, 0);
    } while (strcmp(call.detail, "near/") != 0);
    rig_end(here, there, away);
}

Test(failover, a_draining_server_answers_what_it_has_and_sends_the_rest_elsewhere)
{
    const char *a = rig_url("tcp"), *b = rig_url("tcp");
    struct bus *here = rig_bus(), *there = rig_bus(), *away = rig_bus();
    struct rig_server draining = {.hold = true}, other = {0};
    struct rig_call in_hand, late;

    rig_serve(&draining, here, "draining", a, 4);
    struct bus_client *client = dial_groups(away, a, b);
    rig_call(client, &in_hand, 20000, 20000);
    RUN_UNTIL(draining.nheld == 1);
    rig_serve(&other, there, "other", b, 4);
    bus_serve_stop(here);
    bus_serve_stop(here);
    cr_assert_eq(bus_serving(here), 1);
    rig_call(client, &late, 20000, 20000); /* still goes to the preferred one, which takes nothing any more */
    rig_run_ms(100);
    cr_assert_eq(draining.handled, 1);
    rig_answer(&draining, 0);
    RUN_UNTIL(in_hand.ended && late.ended);
    cr_assert_eq(in_hand.status, 0);
    cr_assert_eq(late.status, 0);
    cr_assert_str_eq(late.detail, "other/");
    cr_assert_eq(draining.handled, 1);
    rig_end(here, there, away);
}

/* Closing connections under load is where NNG 1.5.2 hangs without nng_repairs.c. */
static void come_and_go(const char *scheme, const struct cert_files *files, int rounds)
{
    const char *urls[] = {rig_url(scheme), rig_url(scheme)};
    struct bus *buses[2] = {rig_bus_tls(files), rig_bus_tls(files)}, *away = rig_bus_tls(files);
    struct rig_server servers[2] = {0};
    static struct rig_call calls[40];

    for (int i = 0; i < 2; i++)
        rig_serve(&servers[i], buses[i], "x", urls[i], 4);
    struct bus_client *client = dial_two(away, urls[0], urls[1]);
    for (int round = 0; round < rounds; round++) {
        int victim = round % 2;
        for (int i = 0; i < 40; i++)
            rig_call(client, &calls[i], 2000, 20000);
        for (int i = 0; i < round % 4; i++)
            uv_run(rig_loop(), UV_RUN_NOWAIT);
        bus_close(buses[victim]);
        for (int i = 0; i < 40; i++) {
            RUN_UNTIL(calls[i].ended);
            cr_assert_eq(calls[i].status, 0);
        }
        buses[victim] = rig_bus_tls(files);
        rig_serve(&servers[victim], buses[victim], "x", urls[victim], 4);
    }
    rig_end(buses[0], buses[1], away);
}

Test(failover, nothing_fails_while_servers_come_and_go_tcp, .timeout = 120)
{
    come_and_go("tcp", NULL, 30);
}

Test(failover, nothing_fails_while_servers_come_and_go_tls, .timeout = 120)
{
    struct cert_files files = cert_service("test");
    come_and_go("tls+tcp", &files, 30);
}
