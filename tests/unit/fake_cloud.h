/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cloud made of canned replies: requests are told apart by words in them, and all are kept. It
 * stands where the network would, under core/http.c, with a clock that only sleep moves.
 *
 * A request is seen as text: the URL, "Target=..." of JSON calls, then "Name=value" a line of a
 * form (decoded), or the JSON body. A rule's `match` is words separated by blanks, all of which must
 * be in it, each from the start of a line; a word may end in '*' to match the start of a line only.
 */
#ifndef GPUCLOUD_TESTS_FAKE_CLOUD_H
#define GPUCLOUD_TESTS_FAKE_CLOUD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/host.h"
#include "core/http.h"
#include "core/rng.h"
#include "core/settings.h"
#include "providers/provider.h"

#define FAKE_NOW INT64_C(1789000000) /* 2026-09-10T00:26:40Z */

struct fake_rule {
	char *match;
	int status;
	char *body;
	int times;	      /* left; -1: for ever */
	enum error_kind fail; /* instead of a reply; with cut: after so much of it */
	bool unknown;
	size_t cut; /* the reply breaks off after so many bytes; 0: it does not */
};

struct fake_cloud {
	struct fake_rule *rules;
	size_t nr_rules, cap_rules;
	char **seen;
	size_t nr_seen, cap_seen;
	size_t most_at_once;
	int64_t now_ms, slept_ms;
	bool interrupt; /* every sleep ends with an interrupt */
	size_t chunk;	/* bytes at a time into a sink */

	struct clock clock;
	struct rng_seeded seed;
	struct rng rng;
	struct host host;
	struct settings *settings;
	struct provider_env env;
	struct provider *p;
};

/* Opens the AWS provider on it, with static credentials and region us-east-1. */
void fake_cloud_init(struct fake_cloud *cloud);
void fake_cloud_release(struct fake_cloud *cloud);

/* Rules are tried in the order they were added; used up ones are passed over. The result may be
 * changed until the next rule is added. */
struct fake_rule *fake_once(struct fake_cloud *cloud, const char *match, int status,
			    const char *body);
struct fake_rule *fake_always(struct fake_cloud *cloud, const char *match, int status,
			      const char *body);
/* An EC2 error reply. */
struct fake_rule *fake_error(struct fake_cloud *cloud, const char *match, int status,
			     const char *code);

/* How many requests match, and the text of the i-th (NULL where there are not so many). */
size_t fake_count(const struct fake_cloud *cloud, const char *match);
const char *fake_seen(const struct fake_cloud *cloud, const char *match, size_t i);
/* The value of a form's parameter in a request's text, valid until the next call; NULL if absent. */
const char *fake_param(const char *seen, const char *name);

/* "<XResponse>...</XResponse>" around some XML, valid until the cloud is released. */
#define FAKE_REPLY(action, xml)                                                            \
	"<?xml version=\"1.0\"?><" action "Response xmlns=\"http://ec2.amazonaws.com/doc/" \
	"2016-11-15/\"><requestId>1b2c</requestId>" xml "</" action "Response>"

#endif
