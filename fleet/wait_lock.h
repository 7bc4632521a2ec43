/* SPDX-License-Identifier: Apache-2.0 */
/* A lock held for moments, waited for. */
#ifndef GPUCLOUD_FLEET_WAIT_LOCK_H
#define GPUCLOUD_FLEET_WAIT_LOCK_H

#include <stdint.h>

struct error;

#define WAIT_LOCK_MS 10000

/* As file_lock, but waits for whoever holds it; after WAIT_LOCK_MS, or where the user interrupts,
 * it is an error. Returns the fd to close, or -1. */
int wait_lock(const char *path, struct error *err);

/* As wait_lock, for what may be held longer. */
int wait_lock_for(const char *path, int64_t wait_ms, struct error *err);

#endif
