/* A unix-socket relay between libpq and the test server that cuts a connection at a chosen word of the
 * client. */
#pragma once

struct proxy;
enum proxy_cut {
    CUT_BEFORE, /* the word never reaches the server */
    CUT_AFTER,  /* the server has acted on it and answered, the client never hears */
    SWALLOW,    /* the word never reaches the server, and nobody is told: the client waits */
};

/** Starts a relay to the server whose sockets lie in `dir`. */
struct proxy *proxy_new(const char *dir);
struct proxy *proxy_free(struct proxy *proxy);
const char *proxy_dir(struct proxy *proxy); /* "host" for libpq */
/** The next message of any client that holds `word` cuts its connection, once. */
void proxy_arm(struct proxy *proxy, enum proxy_cut cut, const char *word);
