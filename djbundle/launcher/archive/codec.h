/* zstd and XXH64, which no other file knows. */
#ifndef CODEC_H
#define CODEC_H

#include <stddef.h>
#include <stdint.h>

/* Return the XXH64 with seed 0. */
uint64_t hash_of(const void *bytes, size_t size);

/* Unpack one zstd frame, which must yield exactly `raw_size` bytes; return 0, or -1 if it does not. Thread-safe. */
int unpack_frame(const void *frame, size_t size, void *to, size_t raw_size);

#endif
