/* Called by command.c after the rules have let a resolution through. All three parts are what every plan is
 * content with, so that the plan is looked at only where one is missing. */
#include "router/resolution.h"
#include "meridian/errors.h"
#include "router/ticket_clocks.h"

static unsigned missing_parts(const struct ticket_change *resolution)
{
    return (resolution->cause ? 0 : SLA_NEEDS_CAUSE) | (resolution->solution ? 0 : SLA_NEEDS_SOLUTION) |
           (resolution->prevention ? 0 : SLA_NEEDS_PREVENTION);
}

static int refuse(struct outcome *out, unsigned missing)
{
    static const char *const names[] = {"cause", "solution", "prevention"};
    struct buf *json = &out->json;
    const char *first = NULL;

    buf_reset(json);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!(missing & 1u << i))
            continue;
        buf_printf(json, "%s{\"pointer\":\"/%s\",\"detail\":\"is required to resolve this ticket\"}",
                   first ? "," : "{\"errors\":[", names[i]);
        first = first ? first : names[i];
    }
    buf_add_text(json, "]}");
    return outcome_refuse(out, -E_VALIDATION, "/%s: is required to resolve this ticket", first);
}

int resolution_check(struct db_conn *conn, struct command *command, struct ticket_row *row,
                     const struct ticket_change *resolution)
{
    _cleanup_ticket_clocks_ struct ticket_clocks clocks = {0};
    struct ticket_writer *writer = &command->writer;
    unsigned missing = missing_parts(resolution);
    int before = row->version, r;

    if (!missing)
        return 0;
    r = ticket_clocks_read(conn, row, &writer->ordinal, &clocks);
    if (row->version != before)
        writer->clocks_changed = true;
    if (!r)
        r = ticket_clocks_fold(conn, writer->plans, row, NULL, &clocks);
    if (r < 0)
        return r;
    missing &= sla_closing_needs(&ticket_clocks_plan(&clocks)->closing,
                                 &clocks.history.steps[clocks.history.n - 1].facts);
    return missing ? refuse(&command->job->out, missing) : 0;
}
