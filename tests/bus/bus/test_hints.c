/* Hints: arrive, may be lost, and the loss shows. */
#include "bus/inner.h"
#include "rig.h"

struct listener {
    int heard;
    uint64_t last;
};

static void on_hint(void *ctx, const Meridian__Hint *hint)
{
    struct listener *listener = ctx;
    listener->heard++;
    listener->last = hint->sequence;
}

static void publish(struct bus *bus, const char *publisher, uint64_t sequence)
{
    Meridian__Hint hint = MERIDIAN__HINT__INIT;
    char name[32];

    snprintf(name, sizeof name, "%s", publisher);
    hint.sequence = sequence;
    hint.publisher = name;
    hint.has_tickets_changed = hint.tickets_changed = true;
    bus_publish(bus, &hint);
}

static void subscribe(struct bus *bus, const char *url, struct listener *listener)
{
    const char *urls[] = {url, NULL};
    cr_assert_eq(bus_subscribe(bus, urls, any_service, on_hint, listener), 0);
}

/* A subscriber misses what was published before it was connected: publishes until something arrives, no
 * faster than a slow machine takes it in, because what overflows is dropped. */
static void until_connected(struct bus *publisher, struct listener *listener, uint64_t *sequence)
{
    while (listener->heard == 0) {
        cr_assert_lt(*sequence, 20000, "never connected");
        publish(publisher, "router/eu/1", ++*sequence);
        rig_run_ms(1);
    }
    RUN_UNTIL(listener->last == *sequence);
}

static void arrive(const char *scheme, const struct cert_files *files)
{
    const char *url = rig_url(scheme);
    struct bus *home = rig_bus_tls(files), *away = rig_bus_tls(files);
    struct listener listener = {0};
    uint64_t sequence = 0;

    publish(home, "nobody", 1); /* without a listener: no effect */
    cr_assert_eq(bus_publish_listen(home, url, any_service), 0);
    subscribe(away, url, &listener);
    until_connected(home, &listener, &sequence);
    cr_assert_eq(bus_hints_lost(away), 0);
    int before = listener.heard;
    for (int i = 0; i < 500; i++)
        publish(home, "router/eu/1", ++sequence);
    RUN_UNTIL(listener.last == sequence);
    cr_assert_eq(listener.heard - before, 500);

    sequence += 7; /* seven lost */
    publish(home, "router/eu/1", ++sequence);
    RUN_UNTIL(listener.last == sequence);
    cr_assert_eq(bus_hints_lost(away), 7);
    publish(home, "router/eu/1", 1); /* started anew: no gap */
    RUN_UNTIL(listener.last == 1);
    publish(home, "router/us/1", 900); /* another publisher has its own numbers */
    RUN_UNTIL(listener.last == 900);
    cr_assert_eq(bus_hints_lost(away), 7);
    rig_end(home, away, NULL);
}

Test(hints, tcp)
{
    arrive("tcp", NULL);
}

Test(hints, tls)
{
    struct cert_files files = cert_service("test");
    arrive("tls+tcp", &files);
}

Test(hints, dropped_on_purpose)
{
    const char *url = rig_url("inproc");
    struct bus *home = rig_bus(), *away = rig_bus();
    struct listener all = {0}, some = {0};
    struct bus *deaf = rig_bus();
    uint64_t sequence = 0;

    cr_assert_eq(bus_publish_listen(home, url, any_service), 0);
    subscribe(away, url, &all);
    subscribe(deaf, url, &some);
    until_connected(home, &all, &sequence);
    until_connected(home, &some, &sequence);
    bus_drop_hints(deaf, 1000);
    int before = some.heard;
    for (int i = 0; i < 200; i++)
        publish(home, "router/eu/1", ++sequence);
    RUN_UNTIL(all.last == sequence);
    rig_run_ms(50);
    cr_assert_eq(some.heard, before);
    bus_drop_hints(deaf, 500);
    for (int i = 0; i < 200; i++)
        publish(home, "router/eu/1", ++sequence);
    RUN_UNTIL(all.last == sequence);
    rig_run_ms(50);
    cr_assert(some.heard > before + 40 && some.heard < before + 160, "%d of 200", some.heard - before);
    bus_drop_hints(deaf, 0);
    publish(home, "router/eu/1", ++sequence);
    RUN_UNTIL(some.last == sequence);
    cr_assert_gt(bus_hints_lost(deaf), 200);
    rig_end(home, away, deaf);
}

Test(hints, a_subscriber_comes_back)
{
    const char *url = rig_url("tcp");
    struct bus *home = rig_bus(), *away = rig_bus();
    struct listener listener = {0};
    uint64_t sequence = 0;

    cr_assert_eq(bus_publish_listen(home, url, any_service), 0);
    subscribe(away, url, &listener);
    until_connected(home, &listener, &sequence);
    bus_close(home);
    home = rig_bus();
    cr_assert_eq(bus_publish_listen(home, url, any_service), 0);
    listener.heard = 0;
    until_connected(home, &listener, &sequence);
    rig_end(home, away, NULL);
}

/* A connection without even a beat is given up and made anew: the publisher's beat is off, so each connection
 * is silent. */
Test(hints, silence_makes_it_dial_again)
{
    const char *url = rig_url("tcp");
    struct bus *home = rig_bus(), *away = rig_bus();
    struct listener listener = {0};
    uint64_t sequence = 0;

    cr_assert_eq(bus_publish_listen(home, url, any_service), 0);
    subscribe(away, url, &listener);
    until_connected(home, &listener, &sequence);
    cr_assert_eq(hints_redials(away->hints), 0);
    hints_set_pace(home->hints, 3600000, 3600000000);
    hints_set_pace(away->hints, 20, 100000);
    RUN_UNTIL(hints_redials(away->hints) >= 2);
    hints_set_pace(home->hints, 20, 3600000000); /* with beats it stays */
    hints_set_pace(away->hints, 20, 2000000);
    listener.heard = 0;
    until_connected(home, &listener, &sequence);
    int before = hints_redials(away->hints);
    rig_run_ms(2500);
    cr_assert_eq(hints_redials(away->hints), before);
    rig_end(home, away, NULL);
}
