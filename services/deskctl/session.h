/* Where deskctl keeps sign-ins: one JSON file (mode 0600), $MERIDIAN_CONFIG or
 * ~/.config/meridian/deskctl.json, with a session per user and which one is current. */
#pragma once
#include <jansson.h>

/** The file's content, {"current": user, "sessions": {user: {url, token, csrf, expires_at, lsn}}}; an empty
 * object when there is none. Never NULL; decref it. */
json_t *session_load(void);
/** Writes it whole (temporary file and rename). 0 or -E_IO after printing why. */
int session_save(const json_t *sessions);
