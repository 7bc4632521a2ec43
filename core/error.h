/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way a function says that it failed.
 *
 * Fallible functions return 0 or -1 and fill a caller-owned `struct error` (last parameter, never
 * NULL). On success the error is untouched; on failure outputs are untouched. Nothing below cli/
 * prints an error. Messages are one line, lower case, no full stop, and hold no secret: say what
 * failed first, with names in 'quotes'. `hint` is the next thing a person should type or do.
 */
#ifndef GPUCLOUD_CORE_ERROR_H
#define GPUCLOUD_CORE_ERROR_H

#include <stdbool.h>

enum error_kind {
	ERROR_NONE = 0,
	ERROR_USAGE,	   /* the caller asked for something impossible */
	ERROR_CONFIG,	   /* settings or credentials missing or malformed */
	ERROR_AUTH,	   /* 401/403, expired token, bad signature, no permission */
	ERROR_NOT_FOUND,   /* no such instance, type, zone, image */
	ERROR_QUOTA,	   /* account limit */
	ERROR_CAPACITY,	   /* the cloud has none left */
	ERROR_PRICE,	   /* the bid is below the price */
	ERROR_THROTTLED,   /* still throttled after the retries */
	ERROR_NETWORK,	   /* DNS, TCP, TLS, a reply cut off */
	ERROR_PROTOCOL,	   /* a reply we refuse to read: truncated, hostile, too large */
	ERROR_REMOTE,	   /* 5xx, or any reply not mapped above */
	ERROR_TIMEOUT,	   /* a deadline of ours passed */
	ERROR_IO,	   /* local files, the journal */
	ERROR_CONFLICT,	   /* exists already with other parameters */
	ERROR_UNSUPPORTED, /* this cloud cannot do it */
	ERROR_CANCELLED,   /* interrupted by the user */
	ERROR_KIND_COUNT
};

struct error {
	enum error_kind kind;
	int http_status;     /* 0 when no reply was had */
	bool retryable;	     /* the same request may succeed later */
	bool unknown;	     /* the request may have been carried out all the same */
	char code[80];	     /* the provider's own, e.g. "InsufficientInstanceCapacity" */
	char request_id[80]; /* the provider's own, for its support desk */
	char message[512];   /* one line */
	char hint[256];	     /* what to do next, "" if nothing helps */
};

#define ERROR_INIT                 \
	{                          \
		.kind = ERROR_NONE \
	}

/* Replaces what err holds. Always returns -1, so that callers write `return error_set(...)`. */
int error_set(struct error *err, enum error_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull(1, 3)));

/* As error_set with errno's text appended: "cannot open 'x': No such file or directory". */
int error_errno(struct error *err, enum error_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull(1, 3)));

/* Puts "context: " before the message that is there. Returns -1. */
int error_prefix(struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull(1, 2)));

/* Sets the hint. Returns -1. */
int error_hint(struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull(1, 2)));

void error_clear(struct error *err);

/* "usage", "config", ...: stable words, used in --json. */
const char *error_kind_name(enum error_kind kind);

#endif
