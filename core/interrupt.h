/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ctrl-C (SIGINT), SIGTERM and SIGHUP (unless that is ignored), counted. Waits below look at
 * interrupted() and end early with ERROR_CANCELLED; a request that creates something billable is
 * waited for, and only a second signal ends it (interrupt_count() > 1).
 */
#ifndef GPUCLOUD_CORE_INTERRUPT_H
#define GPUCLOUD_CORE_INTERRUPT_H

#include <stdbool.h>

void interrupt_install(void); /* called once by main(); also ignores SIGPIPE */
/* A static line written to stderr at the first signal (from the handler, by write(2)). */
void interrupt_say(const char *line);
int interrupt_count(void);
/* How many there were; from now on none. For a program that asks what to do, and goes on. */
int interrupt_take(void);
int interrupt_signal(void); /* the last one: SIGINT, SIGTERM or SIGHUP; 0: none yet */

static inline bool interrupted(void)
{
	return interrupt_count() > 0;
}

#endif
