/* Puts rows of desk.shift_swap behind the swaps that the plan itself has, in the order in which they were
 * agreed. Asked for each step of an escalation that names a schedule: one look into an index. */
#include "router/swapped.h"
#include "base/clock.h"
#include "base/memory.h"
#include "router_sql.h"

int32_t swapped_person(const struct escalation_schedule *schedule, const char *login)
{
    for (size_t i = 0; i < schedule->schedule->people; i++)
        if (strcmp(schedule->people[i], login) == 0)
            return (int32_t)i;
    return ONCALL_NONE;
}

int swapped_read(struct db_conn *conn, const struct escalation_schedule *schedule, int64_t from_s,
                 int64_t to_s, struct swapped *ret_swapped)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    size_t n = schedule->schedule->nswaps;
    int r;

    db_param_text(&params, schedule->name);
    db_param_int(&params, from_s * US_PER_S);
    db_param_int(&params, to_s * US_PER_S);
    r = db_exec(conn, &sql_router_swap_taken, &params, &result);
    if (r < 0)
        return r;
    ret_swapped->schedule = *schedule->schedule;
    ret_swapped->swaps = NEW_ARRAY(struct oncall_override, n + (size_t)db_rows(&result) + 1);
    if (n)
        memcpy(ret_swapped->swaps, schedule->schedule->swaps, n * sizeof *ret_swapped->swaps);
    for (int i = 0; i < db_rows(&result); i++) {
        const struct oncall_override swap = {
            .from_s = db_int(&result, i, 0) / US_PER_S,
            .to_s = db_int(&result, i, 1) / US_PER_S,
            .remove = swapped_person(schedule, db_text(&result, i, 2)),
            .add = swapped_person(schedule, db_text(&result, i, 3)),
        };

        if (swap.remove != ONCALL_NONE && swap.add != ONCALL_NONE)
            ret_swapped->swaps[n++] = swap;
    }
    ret_swapped->schedule.swaps = ret_swapped->swaps;
    ret_swapped->schedule.nswaps = n;
    return 0;
}

void swapped_fini(struct swapped *swapped)
{
    free(swapped->swaps);
}
