/* SPDX-License-Identifier: Apache-2.0 */
#include "core/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

#define BLOCK_MIN 2048
#define BLOCK_MAX ((size_t)256 << 10)

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	max_align_t data[];
};

static struct arena_block *block_new(struct arena *arena, size_t n)
{
	size_t size = arena->head ? arena->head->size * 2 : BLOCK_MIN;

	if (size > BLOCK_MAX)
		size = BLOCK_MAX;
	if (size < n)
		size = n;
	if (size > SIZE_MAX - sizeof(struct arena_block))
		out_of_memory();
	struct arena_block *block = xmalloc(sizeof(*block) + size);
	block->next = arena->head;
	block->used = 0;
	block->size = size;
	arena->head = block;
	return block;
}

void *arena_alloc(struct arena *arena, size_t n)
{
	const size_t align = _Alignof(max_align_t);

	if (n > SIZE_MAX - align)
		out_of_memory();
	n = (n + align - 1) / align * align;
	if (!n)
		n = align;
	struct arena_block *block = arena->head;
	if (!block || block->size - block->used < n)
		block = block_new(arena, n);
	void *p = (char *)block->data + block->used;
	block->used += n;
	memset(p, 0, n);
	return p;
}

char *arena_strndup(struct arena *arena, const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = arena_alloc(arena, len + 1);

	memcpy(p, s, len);
	return p;
}

char *arena_strdup(struct arena *arena, const char *s)
{
	return s ? arena_strndup(arena, s, strlen(s)) : NULL;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0)
		n = 0;
	char *p = arena_alloc(arena, (size_t)n + 1);
	va_start(args, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, args);
	va_end(args);
	return p;
}

void *arena_grow(struct arena *arena, void *v, size_t nr, size_t *cap, size_t size)
{
	if (nr < *cap)
		return v;
	size_t want = *cap ? *cap * 2 : 8;
	if (want < *cap || want > SIZE_MAX / size)
		out_of_memory();
	void *bigger = arena_alloc(arena, want * size);
	if (nr)
		memcpy(bigger, v, nr * size);
	*cap = want;
	return bigger;
}

void arena_release(struct arena *arena)
{
	struct arena_block *block = arena->head;

	while (block) {
		struct arena_block *next = block->next;

		explicit_bzero(block->data, block->used);
		free(block);
		block = next;
	}
	arena->head = NULL;
}
