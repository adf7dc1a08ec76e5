#include "platform/branches.h"

enum { LENGTH = 4 /* bytes of every instruction */ };

/* BL: six bits of operation, and a distance of 26 bits, in instructions. */
static uint32_t change_call(uint32_t instruction, uint32_t at, uint32_t direction)
{
    return 0x94000000 | ((instruction + direction * (at >> 2)) & 0x03ffffff);
}

/* ADRP: a distance of 21 bits, in pages of 4 KB, whose two lowest bits stand apart. Only distances of up to 512 MB are
 * changed: those whose four highest bits are equal. So are those of addresses, as these are stored with 18 bits.
 */
static uint32_t change_page(uint32_t instruction, uint32_t at, uint32_t direction)
{
    uint32_t number = (instruction >> 29 & 3) | (instruction >> 3 & 0x1ffffc);
    if ((number + 0x20000) & 0x1c0000)
        return instruction;
    number += direction * (at >> 12);
    return (instruction & 0x9000001f) | (number & 3) << 29 | (number & 0x3fffc) << 3 | (-(number & 0x20000) & 0xe00000);
}

static void change_distances(uint8_t *code, size_t size, uint32_t direction)
{
    for (size_t at = 0; at + LENGTH <= size; at += LENGTH) {
        uint32_t instruction;
        __builtin_memcpy(&instruction, code + at, sizeof instruction);
        if ((instruction & 0xfc000000) == 0x94000000)
            instruction = change_call(instruction, (uint32_t)at, direction);
        else if ((instruction & 0x9f000000) == 0x90000000)
            instruction = change_page(instruction, (uint32_t)at, direction);
        else
            continue;
        __builtin_memcpy(code + at, &instruction, sizeof instruction);
    }
}

void replace_branches(uint8_t *code, size_t size) { change_distances(code, size, 1); }

void restore_branches(uint8_t *code, size_t size) { change_distances(code, size, (uint32_t)-1); }
