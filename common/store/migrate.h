/* Brings a database to the newest schema: numbered files, applied once each, in order, never backwards.
 *
 * The folder holds roles.sql (idempotent, applied first on every run) and migrations/NNNN_verb_noun.sql. A
 * file runs in a transaction together with its record in desk.schema_migration, unless its first line is "--
 * meridian: no transaction": then it must be one statement that is safe to repeat (CREATE INDEX CONCURRENTLY
 * IF NOT EXISTS ...). An advisory lock makes runs wait for each other.
 */
#pragma once
#include "base/buf.h"
#include "base/cleanup.h"

struct store_migrate_options {
    const char *conninfo; /* a superuser, or a role that may create roles and act as meridian_owner */
    const char *dir;      /* the folder */
    void (*tell)(void *arg,
                 const char *message); /* progress and the reason of a failure, a line each; may be NULL */
    void *arg;
};

/** Applies what is missing; *ret_applied is how many (0: the database was up to date). Failures, each told
 * first: -E_CONFIG for an unusable conninfo, a folder that cannot be read, a badly named file or two with one
 * number; -E_CONFLICT when a file differs from what was applied, or is older than the newest applied but was
 * never applied; -E_DB for anything the database refuses (the message names file and line); everything before
 * that file stays applied. */
int store_migrate(const struct store_migrate_options *options, int *ret_applied) _must_check_;
