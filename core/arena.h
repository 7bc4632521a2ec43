/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An arena owns everything that one result points to; one call releases it all. A zeroed struct is
 * an empty arena. Allocation never fails (core/mem.h). Not for concurrent use.
 */
#ifndef GPUCLOUD_CORE_ARENA_H
#define GPUCLOUD_CORE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *head;
};

/* Zeroed memory, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t n) __attribute__((returns_nonnull));
char *arena_strdup(struct arena *arena, const char *s); /* NULL gives NULL */
char *arena_strndup(struct arena *arena, const char *s, size_t n) __attribute__((returns_nonnull));
char *arena_printf(struct arena *arena, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));

/*
 * Makes room for one more element in a vector held in the arena: returns v, or a copy of twice the
 * size (the old one stays in the arena). Start with v = NULL, *cap = 0.
 */
void *arena_grow(struct arena *arena, void *v, size_t nr, size_t *cap, size_t size);

/* Wipes and frees everything: headers, forms and files with credentials pass through arenas. The
 * arena is empty again. */
void arena_release(struct arena *arena);

#endif
