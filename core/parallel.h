/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one bounded pool: calls fn(ctx, item) for each of n items, at most `width` at once, and
 * returns when all are done. With width 1 it runs inline and in order, which is how seeded tests
 * replay. fn keeps its own error per item. Signals stay with the calling thread.
 */
#ifndef GPUCLOUD_CORE_PARALLEL_H
#define GPUCLOUD_CORE_PARALLEL_H

#include <stddef.h>

typedef void (*parallel_fn)(void *ctx, void *item);

void parallel_for(void *items, size_t n, size_t item_size, size_t width, parallel_fn fn, void *ctx);

#endif
