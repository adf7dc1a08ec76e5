/* A filter for machine code, as xz's BCJ filters. All calls of one function look the same once their distances are
 * replaced by addresses. Then they compress better: the largest library of a bundle by a tenth. Each processor has a filter
 * of its own.
 */
#ifndef BRANCHES_H
#define BRANCHES_H

#include <stddef.h>
#include <stdint.h>

/* Turn addresses back into distances in `size` bytes of code: the reverse of the filter in
 * djbundle/builder/machines.
 */
void restore_branches(uint8_t *code, size_t size);

#endif
