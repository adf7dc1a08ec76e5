/* Locks of flock(2) on files of the archive. A program that is to run once locks a file that is always there, such as a
 * module of its own. Each process has memory files of its own, so all of them lock the copy on the disk.
 */
#include "vfs.h"

#include <sys/file.h>
#include <unistd.h>

/* Let a descriptor of a memory file become one of the copy, at the same position. Without a copy, it stays as it is. */
static void move_to_copy(int fd, const struct entry *entry)
{
    char path[PATH_MAX];
    const struct entry *copied = &launcher->archive->entries[entry->parent]; /* its other files are not needed */
    off_t position = lseek(fd, 0, SEEK_CUR);
    int flags = fcntl(fd, F_GETFD),
        copy = make_copy(entry, &copied, path) ? -1 : NEXT(openat64)(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (copy < 0)
        return;
    if (lseek(copy, position, SEEK_SET) >= 0)
        dup3(copy, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
    close(copy);
}

EXPORT int flock(int fd, int operation)
{
    int error = errno;
    const struct entry *entry = launcher ? entry_of(fd) : NULL;
    if (entry && entry->kind != KIND_FOLDER && !is_child_of_vfork())
        move_to_copy(fd, entry);
    errno = error;
    return NEXT(flock)(fd, operation);
}
