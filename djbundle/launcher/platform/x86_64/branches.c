#include "platform/branches.h"

/* Instructions of three shapes end with a distance of 32 bits from their end:
 *
 *   call, jmp          e8 or e9, the distance
 *   call, jmp [rip]    ff, 15 or 25, the distance
 *   others with [rip]  a prefix or 0f, the operation, a byte for a register and [rip], the distance
 *
 * Bytes that only look like one are changed too, and changed back. An instruction with a constant behind its distance
 * would not compress better.
 */
enum { CALL = 5, INDIRECT_CALL = 6, WITH_RIP = 7 /* bytes of each shape */ };

/* Distances and addresses are signed numbers of 25 bits. */
static int32_t sign_extend(uint32_t number) { return (int32_t)(number << 7) >> 7; }

static int is_register_and_rip(uint8_t byte) { return (byte & 0xc7) == 0x05; }

/* Return whether it is add, cmp, movsxd, mov or lea. */
static int is_integer_operation(uint8_t operation)
{
    return operation == 0x8b || operation == 0x8d || operation == 0x89 || operation == 0x03 || operation == 0x3b
           || operation == 0x39 || operation == 0x63;
}

/* Return whether it is an operation of SSE: a move, a comparison, a logical or an arithmetic one. */
static int is_vector_operation(uint8_t operation)
{
    return (operation & 0xee) == 0x28 || (operation & 0xfe) == 0x10 || (operation & 0xfe) == 0x58
           || (operation & 0xfe) == 0x2e || (operation & 0xef) == 0x6f || (operation & 0xfc) == 0x54
           || (operation & 0xfd) == 0x5c;
}

/* Return the size of the instruction at `code`, where `size` bytes are; 0 if it has none of the shapes. */
static size_t size_of_instruction(const uint8_t *code, size_t size)
{
    if (size >= CALL && (code[0] & 0xfe) == 0xe8)
        return CALL;
    if (size >= INDIRECT_CALL && code[0] == 0xff && (code[1] == 0x15 || code[1] == 0x25))
        return INDIRECT_CALL;
    if (size < WITH_RIP || !is_register_and_rip(code[2]))
        return 0;
    if ((code[0] & 0xf8) == 0x48 && is_integer_operation(code[1]))
        return WITH_RIP;
    return code[0] == 0x0f && is_vector_operation(code[1]) ? WITH_RIP : 0;
}

#ifdef __SSE2__
/* Sixteen bytes. A comparison gives ff for each byte that is equal, else 0. */
typedef uint8_t bytes_type __attribute__((vector_size(16)));
enum { AT_ONCE = sizeof(bytes_type) };

static bytes_type load(const uint8_t *from)
{
    bytes_type loaded;
    __builtin_memcpy(&loaded, from, sizeof loaded);
    return loaded;
}

/* Return how many of the next AT_ONCE bytes begin no instruction of these shapes. Reads two bytes more. */
static size_t count_others(const uint8_t *code)
{
    bytes_type first = load(code);
    bytes_type with_rip = (bytes_type)((load(code + 2) & 0xc7) == 0x05);
    with_rip &= (bytes_type)((first & 0xf8) == 0x48) | (bytes_type)(first == 0x0f);
    bytes_type indirect = (bytes_type)(first == 0xff) & (bytes_type)((load(code + 1) & 0xcf) == 0x05);
    bytes_type candidates = (bytes_type)((first & 0xfe) == 0xe8) | with_rip | indirect;
    int mask = __builtin_ia32_pmovmskb128((char __attribute__((vector_size(16))))candidates);
    return mask ? (size_t)__builtin_ctz((unsigned)mask) : AT_ONCE;
}
#else /* the builder on another machine */
enum { AT_ONCE = 16 };

static size_t count_others(const uint8_t *code)
{
    (void)code;
    return 0;
}
#endif

static void change_distances(uint8_t *code, size_t size, uint32_t direction)
{
    for (size_t at = 0; at + CALL <= size;) {
        if (at + AT_ONCE + 2 <= size) {
            size_t others = count_others(code + at);
            at += others;
            if (others == AT_ONCE)
                continue;
        }
        size_t length = size_of_instruction(code + at, size - at);
        if (length == 0) {
            at++;
            continue;
        }
        at += length;
        uint32_t number, last;
        __builtin_memcpy(&number, code + at - sizeof number, sizeof number);
        last = number >> 24;
        if (last == 0 || last == 0xff) /* others lead far away and are not changed */
            number = (uint32_t)sign_extend(number + direction * (uint32_t)at);
        __builtin_memcpy(code + at - sizeof number, &number, sizeof number);
    }
}

void replace_branches(uint8_t *code, size_t size) { change_distances(code, size, 1); }

void restore_branches(uint8_t *code, size_t size) { change_distances(code, size, (uint32_t)-1); }
