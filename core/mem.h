/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation that cannot fail: out of memory writes one line to stderr and calls _exit(1). The
 * journal makes that as safe as a kill. Small shared macros live here too.
 */
#ifndef GPUCLOUD_CORE_MEM_H
#define GPUCLOUD_CORE_MEM_H

#include <stddef.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CLEANUP(fn)   __attribute__((cleanup(fn)))

void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* Makes room for one more in a malloc'ed vector; doubles. Returns v or its new place. */
void *xgrow(void *v, size_t nr, size_t *cap, size_t size);

/* Ends the program as the allocators do. */
_Noreturn void out_of_memory(void);

#endif
