/* Parameters of one call. Everything but bytea travels in text format, so that the server's own input
 * functions check it and a statement may cast as it likes. Borrowed values are never copied; db_param_str
 * copies, because a run of bytes has no NUL.
 *
 * A copy on the heap is marked in `lengths` (unused for text by libpq): COPIED is freed by db_params_fini,
 * BROKEN (a NUL inside a text, which PostgreSQL cannot store and would silently cut) makes the call fail
 * before it is sent.
 */
#include "base/memory.h"
#include "db/conn.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BORROWED = 0, COPIED = -1, BROKEN = -2 };

static int next(struct db_params *p)
{
    if (p->n >= DB_MAX_PARAMS) {
        fputs("{\"level\":\"error\",\"msg\":\"more than DB_MAX_PARAMS parameters\"}\n", stderr);
        abort(); /* the number of parameters is written in the source, never a user's choice */
    }
    p->values[p->n] = NULL;
    p->lengths[p->n] = BORROWED;
    p->formats[p->n] = 0;
    return p->n++;
}

void db_param_null(struct db_params *p)
{
    next(p);
}

void db_param_text(struct db_params *p, const char *text)
{
    p->values[next(p)] = text;
}

void db_param_str(struct db_params *p, struct str s)
{
    int i = next(p);

    if (!s.p)
        return;
    if (s.n && memchr(s.p, 0, s.n)) {
        p->lengths[i] = BROKEN;
        return;
    }
    if (s.n < sizeof p->scratch[i]) {
        memcpy(p->scratch[i], s.p, s.n);
        p->scratch[i][s.n] = 0;
        p->values[i] = p->scratch[i];
        return;
    }
    p->values[i] = mem_strn(s.p, s.n);
    p->lengths[i] = COPIED;
}

void db_param_int(struct db_params *p, int64_t value)
{
    int i = next(p);

    snprintf(p->scratch[i], sizeof p->scratch[i], "%lld", (long long)value);
    p->values[i] = p->scratch[i];
}

void db_param_bool(struct db_params *p, bool value)
{
    p->values[next(p)] = value ? "t" : "f";
}

void db_param_uuid(struct db_params *p, const struct uuid *uuid)
{
    int i = next(p);

    if (uuid)
        p->values[i] = uuid_format(uuid, p->scratch[i]);
}

void db_param_bytes(struct db_params *p, const void *bytes, size_t n)
{
    int i = next(p);

    if (n > INT32_MAX) {
        p->lengths[i] = BROKEN;
        return;
    }
    p->values[i] = bytes;
    p->lengths[i] = (int)n;
    p->formats[i] = 1;
}

void db_param_time(struct db_params *p, int64_t at_us)
{
    int i = next(p);
    int64_t s = at_us / 1000000, us = at_us % 1000000;
    struct tm tm;
    time_t t;

    if (!at_us)
        return;
    if (us < 0) {
        us += 1000000;
        s--;
    }
    t = (time_t)s;
    /* Years PostgreSQL cannot read back as four digits are no times of ours: refused as a wrong value. */
    if (!gmtime_r(&t, &tm) || tm.tm_year < -1899 || tm.tm_year > 9999 - 1900) {
        p->lengths[i] = BROKEN;
        return;
    }
    snprintf(p->scratch[i], sizeof p->scratch[i], "%04u-%02u-%02u %02u:%02u:%02u.%06u+00",
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
             (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
             (unsigned)tm.tm_sec % 100, (unsigned)us);
    p->values[i] = p->scratch[i];
}

int db_params_broken(const struct db_params *p)
{
    for (int i = 0; p && i < p->n; i++)
        if (p->lengths[i] == BROKEN)
            return i + 1;
    return 0;
}

void db_params_fini(struct db_params *p)
{
    for (int i = 0; i < p->n; i++)
        if (p->lengths[i] == COPIED && !p->formats[i])
            free((char *)p->values[i]);
    p->n = 0;
}
