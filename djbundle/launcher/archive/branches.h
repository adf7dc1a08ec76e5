/* A filter for machine code, as xz and others have it: calls of one function look alike once their distances are
 * addresses, and compress better (the largest library of a bundle by a tenth).
 */
#ifndef BRANCHES_H
#define BRANCHES_H

#include <stddef.h>
#include <stdint.h>

/* Turn addresses back to distances in `size` bytes of code; undoes djbundle/builder/native/branches.py. */
void restore_branches(uint8_t *code, size_t size);

#endif
