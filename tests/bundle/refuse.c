/* Runs a program for which the kernel refuses something, as a security policy does: see seccomp(2).
 *
 *     refuse memory-files PROGRAM...   no memfd_create
 *     refuse written-code PROGRAM...   memory that could be written may not become code, as with SELinux' execmem
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, steps) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, steps)
#define UNLESS_ANY(bits, steps) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, steps)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES)

static struct sock_filter memory_files[] = {LOAD(nr), UNLESS(SYS_memfd_create, 1), REFUSE, ALLOW};
static struct sock_filter written_code[] = {
    LOAD(nr), UNLESS(SYS_mprotect, 3), LOAD(args[2]), UNLESS_ANY(PROT_EXEC, 1), REFUSE, ALLOW};

int main(int argc, char **argv)
{
    struct sock_fprog program = {sizeof memory_files / sizeof *memory_files, memory_files};
    if (argc < 3)
        return 2;
    if (!strcmp(argv[1], "written-code"))
        program = (struct sock_fprog){sizeof written_code / sizeof *written_code, written_code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("refuse");
        return 2;
    }
    execv(argv[2], argv + 2);
    perror(argv[2]);
    return 2;
}
