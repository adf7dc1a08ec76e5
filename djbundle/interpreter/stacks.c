/* Large stacks for this process, so that Python's recursion limit is reached before the end of a stack.
 *
 * CPython allows its own C code 10,000 levels, each of up to 800 bytes. That needs 8 MB in addition to the stack of
 * Python's own 1,000 calls. The main thread usually has 8 MB, and the threads of a Rust library have 2 MB. A large
 * stack costs memory only for the pages that are used.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/resource.h>

#define STACK_SIZE ((size_t)32 << 20)

void enlarge_main_stack(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) || limit.rlim_cur >= STACK_SIZE)
        return;
    limit.rlim_cur = limit.rlim_max < STACK_SIZE ? limit.rlim_max : STACK_SIZE;
    setrlimit(RLIMIT_STACK, &limit); /* from now on, the kernel lets the stack grow to this size */
}

/* Return whether the caller provides the memory of the stack itself. */
static int has_caller_stack(const pthread_attr_t *attributes)
{
    void *lowest = NULL;
    size_t size = 0;
    return !pthread_attr_getstack(attributes, &lowest, &size) && (uintptr_t)lowest + size != 0;
}

typedef int create_function(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/* Replaces the function of libc, for this program and for all libraries that it loads. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    create_function *create = (create_function *)dlsym(RTLD_NEXT, "pthread_create");
    pthread_attr_t enlarged;
    size_t size = 0;
    int error;
    if (attributes)
        enlarged = *attributes;
    else if ((error = pthread_attr_init(&enlarged)))
        return error;
    pthread_attr_getstacksize(&enlarged, &size);
    if (size < STACK_SIZE && !has_caller_stack(&enlarged))
        pthread_attr_setstacksize(&enlarged, STACK_SIZE);
    error = create(thread, &enlarged, start, argument);
    if (!attributes)
        pthread_attr_destroy(&enlarged);
    return error;
}
