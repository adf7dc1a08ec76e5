/* What depends on the processor. Each processor has a folder with the same files. */
#ifndef MACHINE_H
#define MACHINE_H

#if defined(__x86_64__)
#include "platform/x86_64/machine.h"
#elif defined(__aarch64__)
#include "platform/aarch64/machine.h"
#else
#error "another processor needs a folder beside platform/x86_64"
#endif

#endif
