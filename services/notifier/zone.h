/* Instants as people of a region read them. Thread-safe. */
#pragma once
#include "base/buf.h"

/** True for an IANA zone name that this machine's tzdata has. */
bool zone_known(const char *zone);
/** Appends the instant in that zone (UTC when unknown) and language: "23 Nov 2026, 10:51 (UTC+08:00)",
 * "2026年11月23日 10:51（UTC+08:00）". */
void zone_add_time(struct buf *out, int64_t at_us, const char *zone, const char *language);
/** Appends the instant as RFC 5322 wants it, "Mon, 23 Nov 2026 10:51:00 +0800". */
void zone_add_mail_date(struct buf *out, int64_t at_us, const char *zone);
