/* What a SQLite without SQLITE_ENABLE_COLUMN_METADATA lacks. Libraries such as GDAL, linked to one that has it, do not load
 * otherwise. SQLite's own answer for a column of an expression is NULL as well, so each caller is prepared for it:
 * https://sqlite.org/c3ref/column_database_name.html
 */
#include <stddef.h>

struct sqlite3_stmt;

#define UNKNOWN(name)                                                        \
    __attribute__((visibility("default"))) const void *name(struct sqlite3_stmt *, int); \
    const void *name(struct sqlite3_stmt *statement, int column)             \
    {                                                                        \
        (void)statement, (void)column;                                       \
        return NULL;                                                         \
    }

UNKNOWN(sqlite3_column_database_name)
UNKNOWN(sqlite3_column_database_name16)
UNKNOWN(sqlite3_column_table_name)
UNKNOWN(sqlite3_column_table_name16)
UNKNOWN(sqlite3_column_origin_name)
UNKNOWN(sqlite3_column_origin_name16)
