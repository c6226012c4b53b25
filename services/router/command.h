/* One command on its way through its transaction. Worker thread. */
#pragma once
#include "router/job.h"
#include "router/ticket_write.h"

struct command {
    struct job *job;
    const char *key;
    const uint8_t *hash; /* 32 bytes */
    struct ticket_writer writer;
    bool recalled; /* out: the key was answered before */
};

/** With the ticket locked: is the primary the one that counts, and was the key answered before? 0: go on; 1:
 * the answer is in the job's outcome; -E_STALE_PRIMARY, -E_KEY_REUSED, -E_NOT_FOUND for who may not see the
 * ticket, or a database failure. */
int command_recall(struct db_conn *conn, struct command *command, const struct ticket_row *row) _must_check_;
/** Locks every one of `n` tickets with their roots in order, finds that the places still lead there, and
 * recalls with the first one's root (`plain`: the first ticket itself). As command_recall. */
int command_lock(struct db_conn *conn, struct command *command, const struct ticket_place *places, int n,
                 bool plain, struct ticket_rows *ret_rows) _must_check_;
/** Writes one change: the `last` is the one whose ticket is answered and that the key remembers. */
int command_write(struct db_conn *conn, struct command *command, struct ticket_row *row,
                  const struct ticket_change *change, bool last) _must_check_;

/* The commands that concern two tickets, each in its transaction: 0, 1 when recalled, a refusal that the
 * outcome explains, or a database failure. */
int link_change(struct db_conn *conn, struct command *command) _must_check_;  /* link.c: link, unlink */
int merge_change(struct db_conn *conn, struct command *command) _must_check_; /* merge.c: merge, unmerge */
/** Any command for the number of a merged ticket, by somebody who may not see its root. */
int merge_follow(struct db_conn *conn, struct command *command) _must_check_;
/** 0, or -E_LINK when the locked root is on a circle of links as they are now. */
int link_check_circle(struct db_conn *conn, struct outcome *out, const struct ticket_row *row) _must_check_;
