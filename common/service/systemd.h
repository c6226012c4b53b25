/* The two protocols of a supervisor that costs no library: readiness messages (sd_notify) and inherited
 * sockets (LISTEN_FDS, in service.h). */
#pragma once

/** Sends a message such as "READY=1" to NOTIFY_SOCKET; nothing without it. Failures are ignored: the
 * supervisor's own timeout reports them. */
void systemd_notify(const char *message);
