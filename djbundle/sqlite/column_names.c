/* The functions that a SQLite without SQLITE_ENABLE_COLUMN_METADATA lacks. Libraries such as GDAL, linked to a SQLite
 * that has them, do not load without them. These functions return NULL. SQLite's own do so too for a column that is an
 * expression, so each caller expects it: https://sqlite.org/c3ref/column_database_name.html
 */
#include <stddef.h>

struct sqlite3_stmt;

#define UNKNOWN(name) \
    __attribute__((visibility("default"))) const void *name(struct sqlite3_stmt *, int); \
    const void *name(struct sqlite3_stmt *statement, int column) \
    { \
        (void)statement, (void)column; \
        return NULL; \
    }

UNKNOWN(sqlite3_column_database_name)
UNKNOWN(sqlite3_column_database_name16)
UNKNOWN(sqlite3_column_table_name)
UNKNOWN(sqlite3_column_table_name16)
UNKNOWN(sqlite3_column_origin_name)
UNKNOWN(sqlite3_column_origin_name16)
