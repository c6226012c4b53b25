/* Reading rows. Values are text as PostgreSQL sends them; reading a SQL NULL gives the documented neutral
 * value, and a column that cannot be read as asked is a fault of the statement, which its own test finds:
 * numbers then read as 0.
 */
#include "base/encode.h"
#include "db/db.h"
#include <errno.h>
#include <libpq-fe.h>
#include <meridian/errors.h>
#include <stdlib.h>

void db_result_fini(struct db_result *result)
{
    PQclear(result->pg);
    result->pg = NULL;
}

int db_rows(const struct db_result *result)
{
    return PQntuples(result->pg);
}

int64_t db_affected(const struct db_result *result)
{
    return result->pg ? strtoll(PQcmdTuples(result->pg), NULL, 10) : 0;
}

bool db_is_null(const struct db_result *result, int row, int column)
{
    return PQgetisnull(result->pg, row, column);
}

struct str db_str(const struct db_result *result, int row, int column)
{
    if (PQgetisnull(result->pg, row, column))
        return (struct str){0};
    return (struct str){PQgetvalue(result->pg, row, column), (size_t)PQgetlength(result->pg, row, column)};
}

const char *db_text(const struct db_result *result, int row, int column)
{
    return PQgetisnull(result->pg, row, column) ? NULL : PQgetvalue(result->pg, row, column);
}

int64_t db_int(const struct db_result *result, int row, int column)
{
    const char *text = db_text(result, row, column);

    return text ? strtoll(text, NULL, 10) : 0;
}

bool db_bool(const struct db_result *result, int row, int column)
{
    const char *text = db_text(result, row, column);

    return text && text[0] == 't';
}

int db_uuid(const struct db_result *result, int row, int column, struct uuid *ret_uuid)
{
    return uuid_parse(db_str(result, row, column), ret_uuid);
}

int db_bytes(const struct db_result *result, int row, int column, struct buf *ret_bytes)
{
    struct str s = db_str(result, row, column);

    if (!s.p)
        return 0;
    if (!str_starts(s, STR("\\x")))
        return -E_BAD_REQUEST;
    return buf_add_unhex(ret_bytes, (struct str){s.p + 2, s.n - 2});
}
