/* A program that uses what a start from memory gives it, and prints a line of each; with PLUGIN, the library that it
 * loads.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef PLUGIN
int twice(int number) { return 2 * number; }
#else
static void *return_twice(void *number) { return (void *)(2 * (long)number); }

static int ignore_hidden(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static int call_plugin(void)
{
    void *library = dlopen("/djb/plugin.so", RTLD_NOW);
    int (*twice)(int) = library ? (int (*)(int))dlsym(library, "twice") : NULL;
    return twice ? twice(21) : -1;
}

static void print_file(const char *path)
{
    char text[100];
    FILE *file = fopen(path, "r");
    printf("text %s\n", file && fgets(text, sizeof text, file) ? text : "none");
}

static void print_root(void)
{
    struct dirent **entries;
    int count = scandir("/djb", &entries, ignore_hidden, alphasort);
    printf("root");
    for (int i = 0; i < count; i++)
        printf(" %s", entries[i]->d_name);
    printf("\n");
}

int main(int argc, char **argv)
{
    char path[4096] = "";
    pthread_t thread;
    void *result;
    int status;
    (void)argv;
    readlink("/proc/self/exe", path, sizeof path - 1);
    printf("own path %s\narguments %d\n", path, argc - 1);
    print_file("/djb/folder/text");
    printf("plugin %d\n", call_plugin());
    pthread_create(&thread, NULL, return_twice, (void *)21);
    pthread_join(thread, &result);
    printf("thread %ld\n", (long)result);
    fflush(stdout);
    if (getenv("WITHOUT_FORK"))
        return 0;
    if (!fork())
        _exit(7);
    wait(&status);
    printf("child %d\n", WEXITSTATUS(status));
    print_root();
    return 0;
}
#endif
