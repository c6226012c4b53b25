/* intake's own configuration keys. */
#include "base/clock.h"
#include "intake/intake.h"

#define AT(member) offsetof(struct intake_conf, member)
#define HOUR       (3600 * US_PER_S)

const struct conf_key intake_keys[] = {
    {"http_listen", CONF_TEXT, AT(http_listen), "", 0, 0, false,
     "Address of the API over plain HTTP, 127.0.0.1:8401; empty: none. The first inherited socket takes its "
     "place."},
    {"https_listen", CONF_TEXT, AT(https_listen), "", 0, 0, false,
     "Address of the API over TLS; empty: none. The second inherited socket takes its place."},
    {"http_cert", CONF_TEXT, AT(http_cert), "", 0, 0, false,
     "PEM certificate chain of the API over TLS; read again on SIGHUP."},
    {"http_key", CONF_TEXT, AT(http_key), "", 0, 0, false, "PEM key of that certificate."},
    {"spool_dir", CONF_TEXT, AT(spool_dir), NULL, 0, 0, false,
     "Folder of the spool, on a local disk, for this process alone."},
    {"spool_min_free", CONF_SIZE, AT(spool_min_free), "64m", 0, 0, true,
     "Free space on that disk below which no submission is accepted."},
    {"spool_max_records", CONF_INTEGER, AT(spool_max_records), "2000000", 1, 1000000000, true,
     "Records in the spool above which no submission is accepted."},
    {"submit_wait", CONF_DURATION, AT(submit_wait_us), "500ms", 0, 30 * US_PER_S, true,
     "How long the answer to a submission waits for the commit (201) before it says accepted (202)."},
    {"docs_dir", CONF_TEXT, AT(docs_dir), "", 0, 0, false, "Folder with openapi.yaml; empty: not served."},
    {"cursor_key", CONF_SECRET, AT(cursor_key), "", 0, 0, false,
     "Signs the cursors of lists; the same in all regions. Empty: made at start, so cursors end with the "
     "process."},
    {"feed_window", CONF_DURATION, AT(feed_window_us), "24h", US_PER_S, 31 * 24 * HOUR, true,
     "How far back GET /events continues from Last-Event-ID; beyond it the client is told to start anew."},
    {"feed_replay_max", CONF_INTEGER, AT(feed_replay_max), "20000", 1, 10000000, true,
     "Most events that are replayed to one client before it is told to start anew."},
    {"session_grace", CONF_DURATION, AT(session_grace_us), "1h", 0, 24 * HOUR, true,
     "How long a known session is taken on trust while neither the database nor the authority can be asked."},
    {"stale_after", CONF_DURATION, AT(stale_after_us), "10s", US_PER_S, HOUR, true,
     "Age of the region's database from which answers are marked stale."},
    {"rate_submit", CONF_INTEGER, AT(rate_submit), "1000", 0, 1000000, true,
     "Submissions a second of one user (ten times that in a burst); 0: no limit."},
    {"rate_sign_in", CONF_INTEGER, AT(rate_sign_in), "5", 0, 1000000, true,
     "Sign-ins a second from one address (four times that in a burst); 0: no limit, nor on wrong passwords. "
     "More where many people come from one address, as behind a proxy."},
    {"body_budget", CONF_SIZE, AT(body_budget), "64m", 0, 0, true,
     "Bytes of request bodies that are held at any moment, of all clients together; more are refused with "
     "503. 0: no "
     "limit."},
    {"peer_connections", CONF_INTEGER, AT(peer_connections), "2048", 0, 1000000, true,
     "Connections of one address (of IPv6 one /64) at any moment; more are closed at once. 0: no limit, as "
     "behind "
     "a gateway that shows its own address."},
    {0},
};
