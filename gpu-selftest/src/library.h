/* SPDX-License-Identifier: Apache-2.0 */
/* Functions out of libraries that were loaded at run time. */
#ifndef GPUCLOUD_SELFTEST_LIBRARY_H
#define GPUCLOUD_SELFTEST_LIBRARY_H

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

/*
 * Puts the function into *slot, a pointer to it of any type, and says whether it is there. ISO C
 * does not convert dlsym's void * to a pointer to a function, but POSIX promises that both are
 * represented alike.
 */
static inline bool library_symbol(void *library, const char *name, void *slot)
{
	void *found = dlsym(library, name);
	memcpy(slot, &found, sizeof(found));
	return found != NULL;
}

#endif
