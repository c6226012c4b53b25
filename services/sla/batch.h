/* One batch of clocks fired in one transaction, on a database worker: from the due rows (a pass) or as the
 * wheel names them. Owned by the sweeper; the worker's alone while the job runs. */
#pragma once
#include "db/db.h"
#include "sla/wheel.h"

enum { BATCH_MAX = 200 };

/** Behind which due row a pass goes on. */
struct batch_cursor {
    int64_t fire_us; /* 0: from the start */
    char ticket[UUID_TEXT_SIZE];
    char target[WHEEL_NAME_SIZE];
};

struct batch_fired {
    bool breached;
    int64_t late_us;
    struct wheel_timer next; /* a warning: the breach that follows; due_us 0: none */
};

struct batch {
    /* What to do. */
    const char *actor;
    bool named; /* from the wheel; else a pass */
    struct wheel_timer named_timers[BATCH_MAX];
    int nnamed;
    int limit; /* a pass: most clocks; 1 while stepping over */
    uint64_t shards;
    int64_t until_us; /* only what was due by then, the database's time; 0: by now */
    int64_t grace_us; /* and for so long */
    struct batch_cursor cursor;

    /* What came of it. */
    struct batch_cursor next; /* behind this batch */
    int candidates, nfired, busy;
    bool poison;       /* the statement was refused */
    bool stepped_over; /* this batch was one clock that cannot fire */
    struct batch_fired fired[BATCH_MAX];
    uint64_t lsn;
};

/** A db_work_fn of which the argument is the batch. */
int batch_run(struct db_conn *conn, void *batch);
