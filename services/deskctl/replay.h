/* Replaying real incident logs through the public API: a log becomes cases of steps (replay_volvo.c,
 * replay_servicenow.c), workers drive them (replay_run.c), and a checker compares what the clients were told
 * with what the desk recorded (replay_check.c, replay_verdict.c). */
#pragma once
#include "base/buf.h"
#include "deskctl/replay_verdict.h"
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

enum replay_region { REGION_EU, REGION_AP, REGION_US, REGIONS };
extern const char *const replay_regions[REGIONS]; /* "eu", "ap", "us" */

enum { REPLAY_TEAMS = 5 };
extern const char *const replay_teams[REPLAY_TEAMS]; /* slugs of the demo's teams; [0] is the first line */

enum step_kind {
    STEP_QUEUE, /* waits in `team`'s queue: release or transfer */
    STEP_WORK,  /* `agent` of `region` has it: claim, or hand over and claim */
    STEP_WAIT,  /* pending with `reason` */
    STEP_RESOLVE,
    STEP_CLOSE,
    STEP_CANCEL,
};

struct replay_step {
    enum step_kind kind;
    enum replay_region region;
    int team;
    uint32_t agent;     /* hash of the owner's name: the same name is the same agent */
    const char *reason; /* static text */
    int64_t at_s;       /* by the log; 0: it does not say, or not of which zone */
};

struct replay_case {
    char id[48];
    enum replay_region region;
    const char *impact, *urgency; /* "high", "medium", "low" */
    char subject[120];
    uint32_t requester; /* hash */
    struct replay_step *steps;
    int nsteps;
};

struct replay_log {
    struct replay_case *cases;
    int n;
};

/** Read at most `limit` cases (0: all) of a .csv or .csv.gz file, in the order of their first lines. On
 * failure prints why and returns an exit code. replay_log_fini frees. */
int replay_read_volvo(const char *file, int limit, struct replay_log *ret_log);
int replay_read_servicenow(const char *file, int limit, struct replay_log *ret_log);
void replay_log_fini(struct replay_log *log);

/* ---- shared by the readers ---- */
enum { CSV_MAX_FIELDS = 48 };
/** Splits one line of RFC 4180 CSV in place. Returns the number of fields; quotes are removed. */
int csv_split(char *line, char *fields[CSV_MAX_FIELDS]);
/** Calls `on_row` for each row after the header; column positions are by header name. `columns`
 * (NULL-terminated) must all be there. Returns an exit code. */
int csv_read(const char *file, const char *const *columns, int (*on_row)(void *ctx, char *const *values),
             void *ctx);
uint32_t replay_hash(const char *text); /* FNV-1a */
struct replay_case *replay_log_add(struct replay_log *log, const char *id);
void replay_case_add(struct replay_case *c, struct replay_step step);

/* ---- driving ---- */
enum replay_op {
    OP_SUBMIT,
    OP_CLAIM,
    OP_RELEASE,
    OP_TRANSFER,
    OP_PEND,
    OP_REPLY,
    OP_RESOLVE,
    OP_CONFIRM,
    OP_REOPEN,
    OP_CANCEL,
    REPLAY_OPS
};
extern const char *const replay_op_names[REPLAY_OPS];

struct replay_options {
    const char *urls[REGIONS];
    const char *password;
    double rate; /* cases per second; 0: as fast as it goes */
    int agents, workers, racers, patience_s;
    const char *run; /* prefix of all keys */
    FILE *log;       /* client's log, JSON lines */
    bool progress;
};

struct replay_result {
    long cases, submitted, acknowledged, late_acks /* 202 */;
    long claims_won, claims_lost, double_wins, unwon_races, handovers, hops, bounces, refused, unavailable,
        skipped;
    double seconds;
    int64_t *latency_us[REPLAY_OPS];
    int nlatency[REPLAY_OPS];
};

/** Signs in what is needed and replays all cases. Returns an exit code; fills the result either way. */
int replay_run(const struct replay_log *log, const struct replay_options *options,
               struct replay_result *ret_result);
void replay_result_fini(struct replay_result *result);

/* ---- checking ---- */
/** Waits until the intakes' spools are empty (for `patience_s` at most), reads the client's log again, and
 * every event of the desk through GET /api/v1/audit as `admin`, and compares. Returns an exit code (EXIT_OK_
 * even when the verdict is bad: the caller looks). */
int replay_check(const char *log_file, const struct replay_options *options,
                 struct replay_verdict *ret_verdict);
/** Signs a demo user in. Returns an exit code, after printing why; the token is the caller's. */
int replay_sign_in(const char *url, const char *user, const char *password, int patience_s, char **ret_token);
