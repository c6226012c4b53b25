/* One command on its way through its transaction. Worker thread. */
#pragma once
#include "domain/ticket_link.h"
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
int derive_change(struct db_conn *conn,
                  struct command *command) _must_check_; /* derive.c: split, follow-up */
/** broadcast.c: a reply to a parent that goes to its open children, too. */
int broadcast_reply(struct db_conn *conn, struct command *command) _must_check_;
/** command_work for whoever has the link of a mail, see mail_link.c. */
int mail_link_confirm(struct db_conn *conn, struct job *job) _must_check_;
int command_work(struct db_conn *conn, struct job *job) _must_check_;

/** The row of a link, without any check; `reply_seq` 0: none. */
int link_insert(struct db_conn *conn, const struct command *command, const struct ticket_row *from,
                enum ticket_link kind, const struct ticket_row *to, int reply_seq) _must_check_;
/** How the event of one ticket tells of its link to another one: `details` is written and borrowed, and it is
 * public if whoever reads it may know. */
void link_describe(struct ticket_change *change, enum ticket_link kind, bool backwards,
                   const struct ticket_row *of, const struct ticket_row *about, struct buf *ret_details);
/** 0, or -E_LINK when the locked root is on a circle of links as they are now. */
int link_check_circle(struct db_conn *conn, struct outcome *out, const struct ticket_row *row) _must_check_;
