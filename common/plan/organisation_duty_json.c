/* Called by organisation_json.c for each team. */
#include "plan/organisation_duty_json.h"
#include "plan/oncall_json.h"

int organisation_duty_json_read(const struct plan_node *node, struct org_team *team, struct plan_fault *fault)
{
    static const char *const keys[] = {"main", "backup", "backup_after", NULL};
    const struct plan_node main = plan_member(node, "main"), backup = plan_member(node, "backup"),
                           after = plan_member(node, "backup_after");
    int rc;

    if (!node->json)
        return 0;
    team->backup_after_s = ORG_BACKUP_AFTER_S;
    rc = plan_object(node, keys, fault);
    if (rc == 0)
        rc = plan_text(&main, ONCALL_NAME_MAX, &team->duty_main, fault);
    if (rc == 0 && backup.json)
        rc = plan_text(&backup, ONCALL_NAME_MAX, &team->duty_backup, fault);
    if (rc == 0 && after.json && !backup.json)
        rc = plan_fail(&after, fault, "is for nothing: there is no \"backup\"");
    if (rc == 0 && after.json)
        rc = plan_whole(&after, 1, ORG_BACKUP_AFTER_MAX_S, &team->backup_after_s, fault);
    return rc;
}
