/* The intake process: what its parts share. Everything here is touched on the loop thread only. */
#pragma once
#include "db/db.h"
#include "http/http.h"
#include "intake/drain.h"
#include "intake/lru.h"
#include "intake/numbers.h"
#include "intake/spool.h"
#include "service/service.h"

/** Own configuration (intake_conf.c documents each key). */
struct intake_conf {
    const char *http_listen, *https_listen, *http_cert, *http_key;
    const char *spool_dir, *docs_dir, *cursor_key;
    int64_t submit_wait_us, spool_min_free, spool_max_records;
    int64_t feed_window_us, feed_replay_max;
    int64_t session_grace_us;
    int64_t rate_submit, rate_sign_in; /* per second; 0 = no limit */
    int64_t stale_after_us;
    int64_t body_budget, peer_connections;
};
extern const struct conf_key intake_keys[];

struct sessions;
struct reads;
struct feed;
struct waits;
struct known;

struct intake {
    struct service *service;
    const struct intake_conf *conf;
    struct http_server *http, *https; /* either may be NULL */
    struct http_budget *budget;       /* of both */
    struct http_files *docs;          /* NULL: no folder given */
    struct db_pool *db;               /* NULL: no database given */
    struct spool *spool;
    struct numbers *numbers;
    struct drain *drain;
    struct sessions *sessions;
    struct reads *reads;
    struct feed *feed;
    struct known *known;
    struct waits *waits; /* submissions whose answers wait for the commit */
    struct lru *rates;   /* token buckets */
    int sign_ins;        /* that the authority has not answered yet */
    struct str cursor_key;
    struct metric *requests, *request_seconds, *responses;
    uv_timer_t tick;  /* once a second: gauges */
    uv_timer_t doors; /* until the API is open */
    int64_t doors_by_us;
    bool doors_open;
    uv_timer_t leaving; /* while draining */
    int64_t leave_by_us;
    bool closing;     /* at the end: nothing new is asked of anybody */
    int servers_open; /* HTTP servers that still have connections, while draining */
    void (*drained)(struct service *service);
};
