/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the worker only: what the process may use, whatever a library does in it. */
#ifndef GPUCLOUD_SSH_LIMITS_H
#define GPUCLOUD_SSH_LIMITS_H

#include <stdint.h>

/*
 * No core file, no tracer, no new rights, no file written, little memory, and connect_ms to get
 * connected and logged in (a backstop: the parent has the same deadline).
 */
void limits_set(uint32_t connect_ms);

/* Logged in: from now on time is the parent's business. */
void limits_connected(void);

/* Bytes moved: the processor time that may pass without any starts anew. */
void limits_progress(void);

#endif
