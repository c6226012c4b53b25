/* Writing answers into a connection's buffer. Internal to common/http. */
#pragma once
#include "http/connection.h"

/** Appends status line, Date, security headers and those the handler added, without the empty line. */
void response_head(struct connection *c, int status, const char *content_type);
/** Appends a complete answer for a protocol error, with `Connection: close`. */
void response_error(struct connection *c, int error);
/** The exchange is answered: frees the handler's data and makes room for the next request. */
void exchange_end(struct connection *c);
/** Whether the connection goes on after this answer. */
bool response_keeps_alive(const struct connection *c);
