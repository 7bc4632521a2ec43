/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void out_of_memory(void)
{
	static const char message[] = "gpucloud: out of memory\n";
	ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);

	(void)ignored;
	_exit(1);
}

void *xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *xrealloc(void *old, size_t n)
{
	void *p = realloc(old, n ? n : 1);

	if (!p)
		out_of_memory();
	return p;
}

char *xstrndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = xmalloc(len + 1);

	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xasprintf(const char *fmt, ...)
{
	char *p = NULL;
	va_list args;

	va_start(args, fmt);
	int n = vasprintf(&p, fmt, args);
	va_end(args);
	if (n < 0 || !p)
		out_of_memory();
	return p;
}

void *xgrow(void *v, size_t nr, size_t *cap, size_t size)
{
	if (nr < *cap)
		return v;
	size_t want = *cap ? *cap * 2 : 8;
	if (want < *cap || want > SIZE_MAX / size)
		out_of_memory();
	*cap = want;
	return xrealloc(v, want * size);
}
