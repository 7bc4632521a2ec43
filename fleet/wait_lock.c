/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/wait_lock.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"

#define POLL_MS 20

int wait_lock(const char *path, struct error *err)
{
	return wait_lock_for(path, WAIT_LOCK_MS, err);
}

int wait_lock_for(const char *path, int64_t wait_ms, struct error *err)
{
	/* The machine's own clock: what is waited for is another process on it. */
	int64_t deadline = clock_mono_ms(&clock_system) + wait_ms;

	for (;;) {
		int fd = file_lock(path, err);

		if (fd != -2)
			return fd < 0 ? -1 : fd;
		if (clock_mono_ms(&clock_system) >= deadline)
			return error_set(err, ERROR_IO, "another gpucloud holds '%s' for too long",
					 path);
		if (clock_sleep_ms(&clock_system, POLL_MS) < 0)
			return error_set(err, ERROR_CANCELLED, "interrupted");
	}
}
