/* Instants as people of a region read them. Pure. */
#pragma once
#include "base/buf.h"
#include "domain/zone.h"

/** Appends the instant in that zone (NULL: UTC) and language: "23 Nov 2026, 10:51 (UTC+08:00)",
 * "2026年11月23日 10:51（UTC+08:00）". */
void moment_add_text(struct buf *out, int64_t at_us, const struct zone *zone, const char *language);
/** Appends the instant as RFC 5322 wants it, "Mon, 23 Nov 2026 10:51:00 +0800". */
void moment_add_mail_date(struct buf *out, int64_t at_us, const struct zone *zone);
