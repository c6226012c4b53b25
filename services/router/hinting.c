/* Gathers for HINT_MS, or until the message is full, and publishes. A user who wrote twice has one mark, the
 * later one. */
#include "router/hinting.h"
#include "router/state.h"
#include <stdio.h>

enum { HINT_MS = 10 };

static void publish(struct hinting *self)
{
    Meridian__Hint hint = MERIDIAN__HINT__INIT;
    Meridian__Hint__Mark marks[HINTING_MARKS], *pointers[HINTING_MARKS];
    ProtobufCBinaryData sessions[HINTING_SESSIONS], timers[HINTING_TIMERS];

    uv_timer_stop(&self->timer);
    hint.publisher = (char *)self->router->instance;
    hint.sequence = ++self->sequence;
    hint.has_lsn = true;
    hint.lsn = self->lsn;
    hint.has_tickets_changed = hint.tickets_changed = self->changed;
    hint.has_outbox_added = hint.outbox_added = self->outbox;
    hint.has_clocks_changed = hint.clocks_changed = self->clocks;
    for (size_t i = 0; i < self->nmarks; i++) {
        meridian__hint__mark__init(&marks[i]);
        marks[i].user_id = self->marks[i].user_id;
        marks[i].lsn = self->marks[i].lsn;
        pointers[i] = &marks[i];
    }
    hint.wrote = pointers;
    hint.n_wrote = self->nmarks;
    for (size_t i = 0; i < self->nsessions; i++)
        sessions[i] = (ProtobufCBinaryData){AUTH_HASH_SIZE, self->sessions[i]};
    hint.ended_sessions = sessions;
    hint.n_ended_sessions = self->nsessions;
    for (size_t i = 0; i < self->ntimers; i++)
        timers[i] = (ProtobufCBinaryData){sizeof self->timers_of[i].bytes, self->timers_of[i].bytes};
    hint.timers_of = timers;
    hint.n_timers_of = self->ntimers;
    bus_publish(self->router->bus, &hint);
    self->changed = self->outbox = self->clocks = false;
    self->nmarks = self->nsessions = self->ntimers = 0;
}

static void on_timer(uv_timer_t *timer)
{
    publish(timer->data);
}

static void mark(struct hinting *self, const char *user_id, uint64_t lsn)
{
    size_t i = 0;

    while (i < self->nmarks && strcmp(self->marks[i].user_id, user_id) != 0)
        i++;
    if (i == self->nmarks) {
        snprintf(self->marks[i].user_id, sizeof self->marks[i].user_id, "%s", user_id);
        self->marks[self->nmarks++].lsn = 0;
    }
    if (lsn > self->marks[i].lsn)
        self->marks[i].lsn = lsn;
}

void hinting_add(struct hinting *self, const struct job *job)
{
    const struct job_hints *told = &job->hints;
    const Meridian__Principal *who = job->request->principal;

    if (!self->router->bus || !(told->changed || told->outbox || told->clocks || told->session_ended))
        return;
    if (job->lsn > self->lsn)
        self->lsn = job->lsn;
    self->changed |= told->changed;
    self->outbox |= told->outbox;
    self->clocks |= told->clocks;
    if (who && who->user_id)
        mark(self, who->user_id, job->lsn);
    if (told->session_ended)
        memcpy(self->sessions[self->nsessions++], job->request->session_close->token_hash.data,
               AUTH_HASH_SIZE);
    if (told->clocks && !uuid_eq(&told->timers_of, &(struct uuid){0}))
        self->timers_of[self->ntimers++] = told->timers_of;
    if (self->nmarks == HINTING_MARKS || self->nsessions == HINTING_SESSIONS ||
        self->ntimers == HINTING_TIMERS)
        publish(self);
    else if (!uv_is_active((uv_handle_t *)&self->timer))
        uv_timer_start(&self->timer, on_timer, HINT_MS, 0);
}

void hinting_open(struct hinting *self, struct router *router)
{
    self->router = router;
    router_timer_init(router, &self->timer, NULL, 0);
    self->timer.data = self;
}

void hinting_close(struct hinting *self)
{
    if (uv_is_active((uv_handle_t *)&self->timer))
        publish(self);
    router_timer_close(self->router, &self->timer);
}
