/* The code that runs between the loader and main. */
#include "vfs.h"

#include <nss.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <unistd.h>

const struct launcher_interface *launcher;

extern char **environ;

/* Ignore the host's nsswitch.conf: its plugins are built for the host's libc and must not be loaded into ours. */
static void use_own_name_services(void)
{
    static const char *const FILES[] = {"passwd",    "group",    "shadow", "gshadow", "initgroups", "networks",
                                        "protocols", "services", "rpc",    "ethers",  "netgroup",   "aliases"};
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        __nss_configure_lookup(FILES[i], "files");
    __nss_configure_lookup("hosts", "files dns");
}

/* End the launcher's thread before a fork: the program does not know of that thread. */
static void finish_prefetch(void) { launcher->finish_prefetch(); }

__attribute__((constructor)) static void initialize(void)
{
    use_own_name_services();
    remember_owner();
    pthread_atfork(NULL, NULL, remember_owner);
    launcher = (const struct launcher_interface *)getauxval(AT_DJBUNDLE);
    if (!launcher)
        return;
    environ = launcher->environment;
    name_preloaded_libraries();
    register_fork_handlers();
    pthread_atfork(finish_prefetch, NULL, NULL);
}

/* The launcher's interface, for the Python module that imports from the archive (archive_module.c). */
EXPORT const struct launcher_interface *djbundle_launcher(void) { return launcher; }
