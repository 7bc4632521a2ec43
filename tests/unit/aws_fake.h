/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A computer made of strings, and an AWS made of prepared replies: files, environment, helpers and
 * HTTP for tests of providers/aws. The clock stands at AWS_FAKE_NOW and moves when somebody sleeps.
 */
#ifndef GPUCLOUD_TESTS_AWS_FAKE_H
#define GPUCLOUD_TESTS_AWS_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/http.h"
#include "core/rng.h"
#include "core/settings.h"
#include "providers/provider.h"

#define AWS_FAKE_NOW INT64_C(1767225600) /* 2026-01-01T00:00:00Z */
#define AWS_FAKE_MAX 64

struct aws_fake_reply {
	const char *match; /* part of "METHOD url\nheaders\n\nbody"; NULL: any */
	int status;
	const char *headers; /* "Name: value\n..." or NULL */
	const char *body;
	enum error_kind fail; /* instead of a reply */
	bool used;
};

struct aws_fake {
	struct provider_env env;
	struct settings *settings;
	struct clock clock;
	struct rng rng;
	struct rng_seeded seed;
	struct http *http;
	struct arena arena;
	int64_t now_ms;
	size_t sink_piece; /* streamed bodies come in pieces of this size; 0: all at once */

	struct {
		const char *path, *text;
		size_t len;
	} files[AWS_FAKE_MAX];
	size_t nr_files;

	struct aws_fake_reply replies[AWS_FAKE_MAX];
	size_t nr_replies;

	/* What was asked: "METHOD url\nName: value\n...\n\nbody". */
	const char *requests[AWS_FAKE_MAX];
	int64_t timeouts[AWS_FAKE_MAX], connect_timeouts[AWS_FAKE_MAX];
	size_t nr_requests;
	size_t largest_round;

	/* The helper that credential_process runs. */
	const char *run_argv[16];
	const char *run_out, *run_diag;
	int run_status;
	int runs;
};

/* env: "NAME=value" strings, NULL at the end. The home folder is /home/u. */
void aws_fake_start(struct aws_fake *fake, const char *const *env);
void aws_fake_stop(struct aws_fake *fake);
void aws_fake_file(struct aws_fake *fake, const char *path, const char *text);
void aws_fake_bytes(struct aws_fake *fake, const char *path, const void *data, size_t len);
/* Each is given once, to the first request that matches; a request without one fails the test. */
void aws_fake_reply(struct aws_fake *fake, const char *match, int status, const char *body);
void aws_fake_reply_headers(struct aws_fake *fake, const char *match, int status,
			    const char *headers, const char *body);
void aws_fake_fail(struct aws_fake *fake, const char *match, enum error_kind kind);
bool aws_fake_all_used(const struct aws_fake *fake);

/* --- asking for credentials; what is not as expected fails the test --- */

#define WORDS(...)                \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

struct provider *aws_fake_open(struct aws_fake *fake);
/* The access key is id, the secret "secret-of-<id>", token as given (NULL: none); the source's
 * text names `source`. */
void aws_fake_expect_key(struct provider *p, const char *id, const char *token, const char *source);
/* Fails with this kind; message or hint hold every one of the words, and neither a secret. */
void aws_fake_expect_error(struct provider *p, enum error_kind kind, const char *const *words);
/* Opens, asks once, closes. NULL id: an error of this kind, whose text holds all the words; else
 * the words are in the source's. */
void aws_fake_check(struct aws_fake *fake, const char *id, enum error_kind kind,
		    const char *const *words);

#endif
