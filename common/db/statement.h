/* One prepared statement, embedded from a .sql file at build time (see meridian_sql in
 * common/meridian.cmake). */
#pragma once

struct db_statement {
    const char *name; /* "<prefix>_<file>": the name it is prepared under */
    const char *sql;
};
