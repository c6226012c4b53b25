#include "authority.h"
#include "base/clock.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

static int64_t number_of(const Meridian__Submission *s)
{
    return strtoll(s->number + 3, NULL, 10);
}

static void store(struct authority *a, const Meridian__Submission *s)
{
    int64_t n = number_of(s);

    a->out_of_order += n < a->last_number;
    a->last_number = n;
    a->stored[n]++;
}

static void add_epoch(const struct authority *a, Meridian__Reply *reply)
{
    reply->has_cluster_epoch = a->epoch != 0;
    reply->cluster_epoch = a->epoch;
}

static void answer_batch(struct authority *a, struct bus_request *request, const Meridian__SubmitBatch *batch)
{
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;
    Meridian__Submitted outcomes[256], *pointers[256];

    a->batches++;
    a->last_number = 0; /* batches may overtake each other on the bus, records within one may not */
    a->records += (int)batch->n_submissions;
    if (!a->first)
        a->first = batch->n_submissions;
    if (batch->n_submissions > a->largest)
        a->largest = batch->n_submissions;
    if (a->behaviour == IS_AWAY)
        reply.status = E_UNAVAILABLE;
    if (a->behaviour == REFUSES_BATCHES &&
        (batch->n_submissions > 1 || number_of(batch->submissions[0]) == 13))
        reply.status = E_VALIDATION;
    for (size_t i = 0; i < batch->n_submissions && !reply.status; i++) {
        const Meridian__Submission *s = batch->submissions[i];
        meridian__submitted__init(&outcomes[i]);
        pointers[i] = &outcomes[i];
        outcomes[i].number = s->number;
        outcomes[i].outcome = MERIDIAN__SUBMITTED__OUTCOME__COMMITTED;
        if (a->behaviour == DUPLICATES) {
            outcomes[i].outcome = MERIDIAN__SUBMITTED__OUTCOME__DUPLICATE;
            outcomes[i].number = (char *)"AP-1";
            outcomes[i].region = (char *)"ap";
            outcomes[i].has_accepted_us = true;
            outcomes[i].accepted_us = 77;
        } else if (a->behaviour == CONFLICTS) {
            outcomes[i].outcome = MERIDIAN__SUBMITTED__OUTCOME__CONFLICT;
        } else if (a->behaviour == REJECTS_ODD && number_of(s) % 2) {
            outcomes[i].outcome = MERIDIAN__SUBMITTED__OUTCOME__REJECTED;
            outcomes[i].detail = (char *)"no such requester";
        } else {
            store(a, s);
        }
    }
    if (!reply.status) {
        reply.submitted = pointers;
        reply.n_submitted = batch->n_submissions;
        reply.has_lsn = true;
        reply.lsn = ++a->lsn;
        reply.has_replicated_lsn = a->behaviour != ALONE;
        reply.replicated_lsn = a->behaviour == COMMITS_LATE ? a->replicated : a->lsn;
    }
    add_epoch(a, &reply);
    bus_answer(request, &reply);
}

static void on_request(void *ctx, struct bus_request *request)
{
    struct authority *a = ctx;
    const Meridian__Request *message = bus_request_message(request);
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;
    Meridian__NumberBlock block = MERIDIAN__NUMBER_BLOCK__INIT;

    if (a->behaviour == IS_SILENT) {
        cr_assert_lt(a->nheld, 64);
        a->held[a->nheld++] = request;
        return;
    }
    a->asked_epoch = message->cluster_epoch;
    switch (message->body_case) {
    case MERIDIAN__REQUEST__BODY_SUBMIT:
        answer_batch(a, request, message->submit);
        return;
    case MERIDIAN__REQUEST__BODY_REPLICATED:
        a->replicated_asks++;
        reply.has_replicated_lsn = a->behaviour != ALONE;
        reply.replicated_lsn = a->replicated;
        break;
    case MERIDIAN__REQUEST__BODY_NUMBER_LEASE:
        a->leases++;
        if (a->behaviour == IS_AWAY) {
            reply.status = E_UNAVAILABLE;
            break;
        }
        block.region = message->number_lease->region;
        block.first = (uint64_t)a->next_block;
        block.count = message->number_lease->count;
        a->next_block += block.count;
        reply.numbers = &block;
        break;
    default:
        reply.status = E_BAD_REQUEST;
    }
    add_epoch(a, &reply);
    bus_answer(request, &reply);
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer; /* only to turn the loop */
}

void authority_turn(struct authority *authority, bool (*cond)(void *arg), void *arg)
{
    int64_t end = clock_monotonic_us() + 20 * US_PER_S;
    uv_timer_t tick;

    uv_timer_init(&authority->loop, &tick);
    uv_timer_start(&tick, on_tick, 1, 1);
    while (!cond(arg)) {
        cr_assert_lt(clock_monotonic_us(), end, "did not come to pass");
        uv_run(&authority->loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&authority->loop, UV_RUN_NOWAIT);
}

static bool connected(void *arg)
{
    const struct authority *authority = arg;

    return bus_connected(authority->service.routers);
}

void authority_open(struct authority *authority, enum behaviour behaviour)
{
    static int made;
    _cleanup_(freep) char *url = mem_printf("inproc://authority-%d-%d", (int)getpid(), made++);
    static const char *const peers[] = {"router", NULL};
    const char *const urls[] = {url, NULL};
    struct bus_group group = {urls};

    *authority = (struct authority){.behaviour = behaviour, .next_block = 1};
    uv_loop_init(&authority->loop);
    cr_assert_eq(bus_open(&(struct bus_options){.loop = &authority->loop}, &authority->bus), 0);
    cr_assert_eq(bus_serve(authority->bus, url, peers, 8, on_request, authority), 0);
    authority->service.loop = &authority->loop;
    authority->service.name = "intake";
    authority->service.conf.region = "eu";
    authority->service.conf.instance = "intake-eu-1";
    authority->service.bus = authority->bus;
    cr_assert_eq(bus_dial(authority->bus, &group, 1, peers, &authority->service.routers), 0);
    authority_turn(authority, connected, authority); /* else the first call may find nobody */
}

void authority_close(struct authority *authority)
{
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;

    for (int i = 0; i < authority->nheld; i++)
        bus_answer(authority->held[i], &reply);
    authority->bus = bus_close(authority->bus);
}
