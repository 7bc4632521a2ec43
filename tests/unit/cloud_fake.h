/* SPDX-License-Identifier: Apache-2.0 */
/* A cloud behind a bearer token, made of prepared replies (tests/unit/aws_fake.h). */
#ifndef GPUCLOUD_TESTS_CLOUD_FAKE_H
#define GPUCLOUD_TESTS_CLOUD_FAKE_H

#include "providers/provider.h"
#include "tests/unit/aws_fake.h"

/* What there is to know of a cloud. */
struct cloud_fake_kind {
	int (*open)(const struct provider_env *env, struct provider **ret, struct error *err);
	void (*close)(struct provider *p);
	const char *const *env; /* "NAME=value", up to NULL; the token among them */
	const char *url;	/* what all requests begin with */
	const char *token;	/* which nothing may tell */
	bool queries;		/* are shown in the log */
};

struct cloud_fake {
	const struct cloud_fake_kind *kind;
	struct aws_fake fake;
	struct provider *p;
	struct error err;
};

/* What a test's setup and teardown call. */
int cloud_fake_setup(void **state, const struct cloud_fake_kind *kind);
int cloud_fake_teardown(void **state);

/* The requests so far, "METHOD /path" each on a line; in the arena of the fake. */
const char *cloud_fake_log(struct cloud_fake *world);
/* The body of the n-th request. */
const char *cloud_fake_body(const struct cloud_fake *world, size_t n);
/* Forgets requests, and replies that were not asked for. */
void cloud_fake_clear(struct cloud_fake *world);
/* The last call failed so; message or hint say `says`, and neither tells the token. */
void cloud_fake_expect(const struct cloud_fake *world, int rc, enum error_kind kind,
		       const char *says);

#endif
