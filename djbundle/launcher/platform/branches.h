/* A filter for machine code, as xz's BCJ filters. All calls of one function look the same once their distances are
 * replaced by addresses, and so do all uses of one variable. Then they compress better: a library by a tenth or more.
 * Each processor has a filter of its own.
 */
#ifndef BRANCHES_H
#define BRANCHES_H

#include <stddef.h>
#include <stdint.h>

/* Turn distances into addresses in `size` bytes of code. The builder does this (djbundle/builder/native/branches.py). */
void replace_branches(uint8_t *code, size_t size);

/* Turn addresses back into distances. */
void restore_branches(uint8_t *code, size_t size);

#endif
