#include "platform/branches.h"

enum { LENGTH = 5 /* bytes of a branch instruction: the operation and a distance */ };

/* Distances and addresses are signed numbers of 25 bits. */
static int32_t sign_extend(uint32_t number) { return (int32_t)(number << 7) >> 7; }

/* Return where the next call or jmp begins in the eight bytes at `code`, 0 to 7; 8 if none does. */
static size_t find_branch(const uint8_t *code)
{
    const uint64_t each = 0x0101010101010101;
    uint64_t bytes;
    __builtin_memcpy(&bytes, code, sizeof bytes);
    uint64_t others = (bytes & 0xfe * each) ^ 0xe8 * each; /* a byte is 0 where a branch begins */
    uint64_t zero = (others - each) & ~others & 0x80 * each; /* correct up to the first branch */
    return zero ? (size_t)__builtin_ctzll(zero) / 8 : sizeof bytes;
}

void restore_branches(uint8_t *code, size_t size)
{
    for (size_t at = 0; at + LENGTH <= size;) {
        if (at + sizeof(uint64_t) <= size) {
            size_t skipped = find_branch(code + at);
            at += skipped;
            if (skipped == sizeof(uint64_t) || at + LENGTH > size)
                continue;
        } else if ((code[at] & 0xfe) != 0xe8) {
            at++;
            continue;
        }
        at += LENGTH;
        uint32_t address, last;
        __builtin_memcpy(&address, code + at - sizeof address, sizeof address);
        last = address >> 24;
        uint32_t distance = (uint32_t)sign_extend(address - (uint32_t)at);
        distance = last == 0 || last == 0xff ? distance : address; /* others lead far away and were not changed */
        __builtin_memcpy(code + at - sizeof distance, &distance, sizeof distance);
    }
}
