/* SPDX-License-Identifier: Apache-2.0 */
#include "core/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"

/* A message is one line whatever was put into it. */
static void one_line(char *s)
{
	for (; *s; s++)
		if (*s == '\n' || *s == '\r' || *s == '\t')
			*s = ' ';
}

static void set(struct error *err, enum error_kind kind, const char *fmt, va_list args)
{
	memset(err, 0, sizeof(*err));
	err->kind = kind;
	vsnprintf(err->message, sizeof(err->message), fmt, args);
	one_line(err->message);
}

int error_set(struct error *err, enum error_kind kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set(err, kind, fmt, args);
	va_end(args);
	return -1;
}

int error_errno(struct error *err, enum error_kind kind, const char *fmt, ...)
{
	int saved = errno;
	va_list args;

	va_start(args, fmt);
	set(err, kind, fmt, args);
	va_end(args);
	size_t len = strlen(err->message);
	char text[128];
	snprintf(err->message + len, sizeof(err->message) - len, ": %s",
		 strerror_r(saved, text, sizeof(text)));
	return -1;
}

int error_prefix(struct error *err, const char *fmt, ...)
{
	char text[sizeof(err->message)];
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0)
		return -1;
	size_t len = strlen(text);
	if (snprintf(text + len, sizeof(text) - len, ": %s", err->message) < 0)
		return -1; /* what does not fit is cut: the beginning says where it failed */
	one_line(text);
	memcpy(err->message, text, sizeof(text));
	return -1;
}

int error_hint(struct error *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, args);
	va_end(args);
	one_line(err->hint);
	return -1;
}

void error_clear(struct error *err)
{
	memset(err, 0, sizeof(*err));
}

const char *error_kind_name(enum error_kind kind)
{
	static const char *const names[] = {
		[ERROR_NONE] = "none",		 [ERROR_USAGE] = "usage",
		[ERROR_CONFIG] = "config",	 [ERROR_AUTH] = "auth",
		[ERROR_NOT_FOUND] = "not_found", [ERROR_QUOTA] = "quota",
		[ERROR_CAPACITY] = "capacity",	 [ERROR_PRICE] = "price",
		[ERROR_THROTTLED] = "throttled", [ERROR_NETWORK] = "network",
		[ERROR_PROTOCOL] = "protocol",	 [ERROR_REMOTE] = "remote",
		[ERROR_TIMEOUT] = "timeout",	 [ERROR_IO] = "io",
		[ERROR_CONFLICT] = "conflict",	 [ERROR_UNSUPPORTED] = "unsupported",
		[ERROR_CANCELLED] = "cancelled",
	};
	_Static_assert(ARRAY_SIZE(names) == ERROR_KIND_COUNT, "a name for every kind");

	return (unsigned)kind < ERROR_KIND_COUNT ? names[kind] : "unknown";
}
