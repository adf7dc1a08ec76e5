/* SHA-256 as in FIPS 180-4, for the checksum in the footer. */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

void sha256(const uint8_t *bytes, size_t size, uint8_t digest[32]);

#endif
