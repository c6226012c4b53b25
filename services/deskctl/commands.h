/* The table of commands, and what each does. */
#pragma once
#include "deskctl/cli.h"

extern const struct command deskctl_commands[];
extern const size_t deskctl_ncommands;
extern const struct flag derive_flags[], oncall_swap_ask_flags[], oncall_swap_list_flags[],
    calendar_import_flags[], handover_flags[], calendar_refresh_flags[], presence_flags[], replay_flags[],
    sla_tzdata_flags[]; /* beside their commands */

int command_login(struct cli *cli);
int command_logout(struct cli *cli);
int command_me(struct cli *cli);
int command_submit(struct cli *cli);
int command_list(struct cli *cli);
int command_queue(struct cli *cli);
int command_show(struct cli *cli);
int command_history(struct cli *cli);
int command_next(struct cli *cli);
int command_action(struct cli *cli); /* claim, release, transfer, reply, note, pend, resolve, confirm, reopen,
                                        cancel: by command name */
int command_split(struct cli *cli);
int command_follow_up(struct cli *cli);
int command_hand_over(struct cli *cli);
int command_links(struct cli *cli);
int command_offers(struct cli *cli);
int command_agents(struct cli *cli);
int command_presence(struct cli *cli);
int command_events(struct cli *cli);
int command_status(struct cli *cli);
int command_audit_verify(struct cli *cli);
int command_dead_letters(struct cli *cli);
int command_dead_letters_replay(struct cli *cli);
int command_replay(struct cli *cli); /* volvo, servicenow: by command name */
int command_sla_eval(struct cli *cli);
int command_sla_test(struct cli *cli);
int command_sla_compare(struct cli *cli);
int command_sla_plan(struct cli *cli);
int command_sla_apply(struct cli *cli);
int command_sla_explain(struct cli *cli);
int command_sla_replay(struct cli *cli);
int command_sla_tzdata(struct cli *cli);
int command_teams(struct cli *cli);
int command_diff(struct cli *cli);
int command_apply(struct cli *cli);
int command_export(struct cli *cli);
int command_coverage(struct cli *cli);
int command_rules_test(struct cli *cli);
int command_explain_route(struct cli *cli);
int command_calendar_export(struct cli *cli);
int command_calendar_apply(struct cli *cli);
int command_rotation_eval(struct cli *cli);
int command_oncall_eval(struct cli *cli);
int command_oncall_ical(struct cli *cli);
int command_oncall_who(struct cli *cli);
int command_oncall_swap_ask(struct cli *cli);
int command_oncall_swap_answer(struct cli *cli); /* take, decline, withdraw: by command name */
int command_oncall_swap_list(struct cli *cli);
int command_calendar_import(struct cli *cli);
int command_calendar_show(struct cli *cli);
int command_calendar_feeds(struct cli *cli);
int command_calendar_refresh(struct cli *cli);
