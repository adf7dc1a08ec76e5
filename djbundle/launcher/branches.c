#include "branches.h"

enum { LENGTH = 5 /* bytes of such an instruction: the operation and a distance */ };

/* Distances and addresses are numbers of 25 bits with a sign. */
static int32_t wrap(uint32_t number) { return (int32_t)(number << 7) >> 7; }

void restore_branches(uint8_t *code, size_t size)
{
    for (size_t at = 0; at + LENGTH <= size;) {
        uint8_t last = code[at + LENGTH - 1];
        if ((code[at] & 0xfe) != 0xe8) { /* neither call nor jmp */
            at++;
            continue;
        }
        at += LENGTH;
        if (last != 0 && last != 0xff) /* not to somewhere near */
            continue;
        uint32_t address;
        __builtin_memcpy(&address, code + at - sizeof address, sizeof address);
        int32_t distance = wrap(address - (uint32_t)at);
        __builtin_memcpy(code + at - sizeof distance, &distance, sizeof distance);
    }
}
