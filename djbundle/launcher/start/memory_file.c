#include "start/memory_file.h"

#include "base/strings.h"
#include "platform/syscalls.h"

enum { MAX_NAME_LENGTH = 249 }; /* bytes, as memfd_create(2) says */

/* Since Linux 6.3 a flag says whether a memory file may be executed, and the system may forbid that for all of them
 * (vm.memfd_noexec). Older kernels know neither flag. A file that may not be executed can still be mapped as the code
 * of a library.
 */
static int create_empty(const char *name, int is_executable)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = sys_memfd_create(name, flags | (is_executable ? MFD_EXEC : MFD_NOEXEC_SEAL));
    if (fd == -EACCES)
        fd = sys_memfd_create(name, flags | MFD_NOEXEC_SEAL);
    return fd == -EINVAL ? sys_memfd_create(name, flags) : fd;
}

int create_memory_file(const struct archive *archive, const struct entry *entry, struct scratch *scratch)
{
    char name[MAX_NAME_LENGTH + 1];
    size_t length = entry->name_length < MAX_NAME_LENGTH ? entry->name_length : MAX_NAME_LENGTH;
    memcpy(name, archive->names + entry->name, length);
    name[length] = 0;
    int fd = create_empty(name, entry->kind == KIND_EXECUTABLE);
    if (fd < 0)
        return fd;
    int error = entry->kind == KIND_FOLDER ? 0 : write_entry(archive, entry, fd, scratch);
    struct timespec changed = {(long)archive->index->built, entry - archive->entries};
    struct timespec times[2] = {changed, changed};
    if (error == 0)
        error = sys_utimensat(fd, NULL, times, 0);
    if (error == 0)
        error = sys_fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    if (error == 0)
        return fd;
    sys_close(fd);
    return error;
}
