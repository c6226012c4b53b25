/* Reads all pages, then sorts by when they were agreed: the API lists the newest first. A schedule that
 * cannot be read is left as it is: whoever evaluates it says what is wrong. */
#include "deskctl/oncall_swaps.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/output.h"
#include "plan/oncall_json.h"

struct taken {
    json_t **items; /* borrowed from `kept` */
    size_t n;
    json_t *kept;
};

char *oncall_time(const char *text)
{
    int date = sizeof "2026-01-05T12:00" - 1;

    return strlen(text) > (size_t)date && text[date] != ':' ? mem_printf("%.*s:00%s", date, text, text + date)
                                                            : mem_str(text);
}

/* The day before, so that no zone is further away. */
static bool day_before(const char *at, char ret_after[CLOCK_TEXT_SIZE])
{
    _cleanup_(freep) char *midnight = mem_printf("%.10sT00:00:00Z", at);
    int64_t at_us;

    if (clock_parse(str_from(midnight), &at_us) < 0)
        return false;
    clock_format(at_us - 86400 * US_PER_S, ret_after);
    return true;
}

static int by_decision(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    int order = strcmp(json_string_value(json_object_get(x, "decided_at")),
                       json_string_value(json_object_get(y, "decided_at")));

    return order ? order
                 : strcmp(json_string_value(json_object_get(x, "id")),
                          json_string_value(json_object_get(y, "id")));
}

static bool was_known(const json_t *item, int64_t known_us)
{
    const char *text = json_string_value(json_object_get(item, "decided_at"));
    int64_t at_us;

    return text && clock_parse(str_from(text), &at_us) == 0 && at_us <= known_us &&
           json_is_string(json_object_get(item, "id"));
}

static int read_all(struct client *client, const char *name, const char *after, int64_t known_us,
                    struct taken *taken)
{
    _cleanup_(freep) char *cursor = NULL;

    do {
        _cleanup_response_ struct response response = {0};
        _cleanup_buf_ struct buf path = BUF_INIT;
        json_t *item;
        size_t i;

        buf_add_text(&path, "/api/v1/oncall/swaps?state=taken&limit=200&schedule=");
        buf_add_percent(&path, str_from(name));
        buf_add_text(&path, "&after=");
        buf_add_percent(&path, str_from(after));
        if (cursor)
            buf_printf(&path, "&cursor=%s", cursor);
        client_call_patient(client, "GET", buf_text(&path), NULL, NULL, 10, &response);
        if (response.status != 200)
            return client_explain(&response, client->url);
        json_array_foreach(json_object_get(response.json, "items"), i, item) if (was_known(item, known_us))
        {
            json_array_append(taken->kept, item);
            taken->items = mem_more(taken->items, taken->n, sizeof *taken->items);
            taken->items[taken->n++] = item;
        }
        free(cursor);
        cursor = mem_str(json_string_value(json_object_get(response.json, "next")));
    } while (cursor);
    return EXIT_OK_;
}

static void add(const struct taken *taken, const struct oncall_plan *plan, json_t *schedule)
{
    json_t *swaps = json_object_get(schedule, "swaps");

    if (!swaps) {
        swaps = json_array();
        json_object_set_new(schedule, "swaps", swaps);
    }
    for (size_t i = 0; i < taken->n; i++) {
        const char *giver = json_string_value(json_object_get(taken->items[i], "asked_by"));
        const char *taker = json_string_value(json_object_get(taken->items[i], "decided_by"));

        if (giver && taker && oncall_plan_person(plan, giver) != ONCALL_NONE &&
            oncall_plan_person(plan, taker) != ONCALL_NONE)
            json_array_append_new(swaps, json_pack("{s:O, s:O, s:s, s:s}", "from",
                                                   json_object_get(taken->items[i], "from"), "to",
                                                   json_object_get(taken->items[i], "to"), "remove", giver,
                                                   "add", taker));
    }
}

int oncall_swaps_add(struct client *client, const char *name, const char *at, int64_t known_us,
                     json_t *schedule)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_oncall_plan_ struct oncall_plan plan = {0};
    struct zone_book zones = {0};
    struct taken taken = {.kept = json_array()};
    const struct plan_node node = plan_root(schedule);
    char after[CLOCK_TEXT_SIZE];
    int code = EXIT_OK_;

    if (day_before(at, after) && oncall_json_read(&node, &zones, &plan, &fault) == 0)
        code = read_all(client, name, after, known_us, &taken);
    if (code == EXIT_OK_ && taken.n) {
        qsort(taken.items, taken.n, sizeof(*taken.items), by_decision);
        add(&taken, &plan, schedule);
    }
    zone_book_fini(&zones);
    json_decref(taken.kept);
    free(taken.items);
    return code;
}
