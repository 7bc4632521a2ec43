/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linked into gpucloud_fail_alloc in place of malloc and its kin (ld --wrap), for our own code alone:
 * what libraries allocate for themselves is theirs to handle. GPUCLOUD_FAIL_ALLOC=N makes the N-th
 * allocation return NULL; GPUCLOUD_COUNT_ALLOC=FILE writes how many there were.
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t n);
int __real_vasprintf(char **ret, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t n);
int __wrap_vasprintf(char **ret, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
int __wrap___vasprintf_chk(char **ret, int flag, const char *fmt, va_list args)
	__attribute__((format(printf, 3, 0)));

static atomic_ulong made;
static unsigned long fatal;

static void write_count(void)
{
	FILE *out = fopen(getenv("GPUCLOUD_COUNT_ALLOC"), "w");

	if (out) {
		fprintf(out, "%lu\n", atomic_load(&made));
		fclose(out);
	}
}

__attribute__((constructor)) static void begin(void)
{
	const char *wanted = getenv("GPUCLOUD_FAIL_ALLOC");

	if (wanted)
		fatal = strtoul(wanted, NULL, 10);
	if (getenv("GPUCLOUD_COUNT_ALLOC"))
		atexit(write_count);
}

static int fails(void)
{
	return atomic_fetch_add(&made, 1) + 1 == fatal;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t n)
{
	return fails() ? NULL : __real_realloc(old, n);
}

int __wrap_vasprintf(char **ret, const char *fmt, va_list args)
{
	return fails() ? -1 : __real_vasprintf(ret, fmt, args);
}

/* What a fortified build calls instead. */
int __wrap___vasprintf_chk(char **ret, int flag, const char *fmt, va_list args)
{
	(void)flag;
	return __wrap_vasprintf(ret, fmt, args);
}
