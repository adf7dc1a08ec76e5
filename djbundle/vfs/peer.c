#include "vfs.h"

#include <sys/socket.h>

/* Granian aborts the process when the other end of a Unix socket has a name that is not UTF-8. No part of a bundle needs
 * such names.
 */
static void hide_unix_name(const struct sockaddr *address, socklen_t *length)
{
    if (address && length && *length > sizeof address->sa_family && address->sa_family == AF_UNIX)
        *length = sizeof address->sa_family;
}

EXPORT int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict length, int flags)
{
    int connection = NEXT(accept4)(fd, address, length, flags);
    if (connection >= 0)
        hide_unix_name(address, length);
    return connection;
}
