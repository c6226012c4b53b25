/* meridian-bench-route: what it costs to route a ticket by a thousand rules.
 *
 * Rules as desks write them (two or three fields, some with lists), asked for tickets of which a tenth
 * matches some rule, the others none: then all are tried. Beside it, in the same run: comparing a text with a
 * thousand others. Best of several rounds, for others only make it slower. Prints one JSON object. */
#include "base/clock.h"
#include "plan/organisation_json.h"
#include <stdio.h>
#include <time.h>

enum { RULES = 1000, TICKETS = 1 << 10, ROUNDS = 20 };

static char names[TICKETS][32];
static struct sla_facts tickets[TICKETS];
static volatile int64_t sink; /* keeps the answers from being optimised away */

/* `version` 0: judged as a new one is. */
static struct org_document *organisation(int64_t version)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_(json_decrefp) json_t *json = NULL;
    struct org_document *document = NULL;

    buf_add_text(&text,
                 "{\"teams\":{\"a\":{\"title\":{\"en\":\"A\",\"zh\":\"A\"},\"tier\":1}},\"default_team\":"
                 "\"a\",\"rules\":[");
    for (int i = 0; i < RULES; i++)
        buf_printf(
            &text,
            "%s{\"name\":\"r%d\",\"when\":{\"service\":[\"service-%d\",\"other-%d\"],\"region\":\"%s\","
            "\"priority\":[1,2,3]},\"team\":\"a\"}",
            i ? "," : "", i, i * 10, i, i % 2 ? "eu" : "ap");
    buf_add_text(&text, "]}");
    json = json_loads(buf_text(&text), 0, NULL);
    if (organisation_json_read(json, version, &document, &fault) < 0) {
        fprintf(stderr, "meridian-bench-route: %s at %s\n", buf_text(&fault.reason), buf_text(&fault.at));
        exit(1);
    }
    return document;
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int64_t route(const struct organisation *o, int i)
{
    struct org_route route = organisation_route(o, &tickets[i], 2, 2);

    return route.rule ? route.rule - o->rules : -1;
}

static int64_t compare(const struct organisation *o, int i)
{
    int64_t found = 0;

    for (size_t k = 0; k < o->nrules; k++)
        found += strcmp(o->rules[k].name, names[i]) == 0;
    return found;
}

static double best_ns(int64_t (*ask)(const struct organisation *, int), const struct organisation *o)
{
    int64_t best = INT64_MAX;

    for (int round = 0; round < ROUNDS; round++) {
        int64_t began = now_ns(), sum = 0, took;

        for (int i = 0; i < TICKETS; i++)
            sum += ask(o, i);
        took = now_ns() - began;
        sink = sum;
        best = took < best ? took : best;
    }
    return (double)best / TICKETS;
}

int main(void)
{
    _cleanup_org_document_ struct org_document *document = organisation(1), *judged = NULL;
    int64_t began = now_ns(), judge_ns;
    double routed, compared;

    judged = organisation(0);
    judge_ns = now_ns() - began;

    for (int i = 0; i < TICKETS; i++) {
        snprintf(names[i], sizeof names[i], "service-%d", i * 97);
        tickets[i].values[SLA_SERVICE] = names[i];
        tickets[i].values[SLA_REGION] = i % 2 ? "eu" : "ap";
    }
    routed = best_ns(route, &document->organisation);
    compared = best_ns(compare, &document->organisation);
    printf("{\"rules\": %d, \"judge_ms\": %.1f, \"route_us\": %.2f, \"thousand_strcmp_us\": %.2f, \"ratio\": "
           "%.2f}\n",
           RULES, (double)judge_ns / 1e6, routed / 1000, compared / 1000, routed / compared);
    return 0;
}
