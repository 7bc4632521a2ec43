/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sign/sigv4.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/sign/sigv4_internal.h"
#include "core/text.h"
#include "core/timefmt.h"

#define EXPIRES_MAX (INT64_C(7) * 24 * 3600)

/* Everything that both ways of signing prepare first. */
struct work {
	const struct sigv4_key *key;
	const struct sigv4_options *options;
	const struct sigv4_input *input;
	struct arena *arena;
	struct sigv4_url url;
	char time[TIME_TEXT_MAX];
	char *credential; /* access key and scope */
	char hash[SHA256_HEX_MAX];
	struct sigv4_request request;
};

/* Credentials come from files and helpers: a stray line break must not become a header. */
static int check_key(const struct sigv4_key *key, struct error *err)
{
	if (!text_is_token(key->access_key, "_-.", 256))
		return error_set(err, ERROR_CONFIG,
				 "the AWS access key id is empty or has characters no key has");
	if (!key->secret_key || !*key->secret_key)
		return error_set(err, ERROR_CONFIG, "the AWS secret access key is empty");
	for (const char *p = key->session_token; p && *p; p++) {
		if (*p <= ' ' || *p >= 0x7f)
			return error_set(err, ERROR_CONFIG,
					 "the AWS session token has characters no token has");
	}
	if (!text_is_token(key->region, "-_", 64))
		return error_set(err, ERROR_CONFIG, "the AWS region to sign for is malformed");
	if (!text_is_token(key->service, "-_.", 64))
		return error_set(err, ERROR_USAGE, "the AWS service to sign for is malformed");
	return 0;
}

static const char *session_token(const struct work *work)
{
	return work->key->session_token && *work->key->session_token ? work->key->session_token
								     : NULL;
}

static int prepare(struct work *work, int64_t now_s, struct error *err)
{
	const struct sigv4_input *input = work->input;
	struct sigv4_request *request = &work->request;

	if (check_key(work->key, err) < 0 ||
	    sigv4_url_parse(input->url, work->arena, &work->url, err) < 0)
		return -1;
	if (!text_is_token(input->method, "-", 32))
		return error_set(err, ERROR_USAGE, "cannot sign a malformed HTTP method");
	time_format_basic(work->time, now_s);
	request->method = input->method;
	request->path = sigv4_path(work->arena, &work->url, work->options->raw_path);
	request->time = work->time;
	request->date = arena_strndup(work->arena, work->time, 8);
	request->region = work->key->region;
	request->service = work->key->service;
	request->scope = arena_printf(work->arena, "%s/%s/%s/" SIGV4_TERMINATOR, request->date,
				      request->region, request->service);
	work->credential =
		arena_printf(work->arena, "%s/%s", work->key->access_key, request->scope);

	const struct http_header *given =
		sigv4_find(input->headers, input->nr_headers, SIGV4_PAYLOAD);

	sha256_hex(input->body, input->body_len, work->hash);
	if (given)
		request->payload = given->value;
	else
		request->payload = work->options->unsigned_payload ? SIGV4_UNSIGNED : work->hash;
	return 0;
}

static void add(struct http_header *list, size_t *nr, const char *name, const char *value)
{
	list[(*nr)++] = (struct http_header){ name, value };
}

/* The given headers but those that are made here; with room for four more. */
static struct http_header *keep_given(const struct work *work, size_t *ret_nr)
{
	static const char made_here[] = "host;authorization;x-amz-date;x-amz-security-token";
	const struct sigv4_input *input = work->input;
	struct http_header *list =
		arena_alloc(work->arena, (input->nr_headers + 4) * sizeof(*list));
	size_t nr = 0;

	for (size_t i = 0; i < input->nr_headers; i++) {
		if (!sigv4_list_has(made_here, input->headers[i].name))
			add(list, &nr, input->headers[i].name, input->headers[i].value);
	}
	*ret_nr = nr;
	return list;
}

int sigv4_sign(const struct sigv4_key *key, const struct sigv4_options *options, int64_t now_s,
	       const struct sigv4_input *input, struct arena *arena, struct sigv4_result *ret,
	       struct error *err)
{
	struct work work = { .key = key, .options = options, .input = input, .arena = arena };
	struct sigv4_result result = { .url = NULL };
	char *block = NULL;
	char *names = NULL;
	size_t nr = 0;

	if (prepare(&work, now_s, err) < 0)
		return -1;

	struct http_header *list = keep_given(&work, &nr);

	if (session_token(&work))
		add(list, &nr, "X-Amz-Security-Token", arena_strdup(arena, session_token(&work)));
	add(list, &nr, "X-Amz-Date", arena_strdup(arena, work.time));
	if (options->sign_body_header && !sigv4_find(list, nr, SIGV4_PAYLOAD))
		add(list, &nr, SIGV4_PAYLOAD, arena_strdup(arena, work.request.payload));

	struct sigv4_headers headers = {
		.given = list,
		.nr = nr,
		.host = work.url.host,
		.except = options->token_unsigned ? "x-amz-security-token" : NULL,
	};

	if (sigv4_headers(&headers, arena, &block, &names, err) < 0)
		return -1;
	work.request.query = sigv4_query(arena, work.url.query, work.url.query_len);
	work.request.block = block;
	work.request.names = names;
	sigv4_compute(&work.request, key->secret_key, arena, &result);
	result.authorization = arena_printf(
		arena, SIGV4_ALGORITHM " Credential=%s, SignedHeaders=%s, Signature=%s",
		work.credential, names, result.signature);
	add(list, &nr, "Authorization", result.authorization);
	result.headers = list;
	result.nr_headers = nr;
	*ret = result;
	return 0;
}

static void add_parameter(struct buf *query, const char *name, const char *value)
{
	buf_addf(query, "%s%s=", query->len ? "&" : "", name);
	url_encode(query, value, strlen(value), false);
}

/* The query that is signed: what the URL has, then what says how it is signed. */
static void presigned_query(const struct work *work, struct buf *query)
{
	char expires[32];

	buf_add(query, work->url.query ? work->url.query : "", work->url.query_len);
	add_parameter(query, "X-Amz-Algorithm", SIGV4_ALGORITHM);
	add_parameter(query, "X-Amz-Credential", work->credential);
	add_parameter(query, "X-Amz-Date", work->time);
	add_parameter(query, "X-Amz-SignedHeaders", work->request.names);
	snprintf(expires, sizeof(expires), "%" PRId64, work->options->expires_s);
	add_parameter(query, "X-Amz-Expires", expires);
	if (session_token(work) && !work->options->token_unsigned)
		add_parameter(query, "X-Amz-Security-Token", session_token(work));
}

int sigv4_presign(const struct sigv4_key *key, const struct sigv4_options *options, int64_t now_s,
		  const struct sigv4_input *input, struct arena *arena, struct sigv4_result *ret,
		  struct error *err)
{
	struct work work = { .key = key, .options = options, .input = input, .arena = arena };
	struct sigv4_result result = { .authorization = NULL };
	char *block = NULL;
	char *names = NULL;

	if (options->expires_s < 1 || options->expires_s > EXPIRES_MAX)
		return error_set(err, ERROR_USAGE,
				 "a presigned URL must last between 1 second and 7 days");
	if (prepare(&work, now_s, err) < 0)
		return -1;
	result.headers = keep_given(&work, &result.nr_headers);

	struct sigv4_headers headers = {
		.given = result.headers,
		.nr = result.nr_headers,
		.host = work.url.host,
	};

	if (sigv4_headers(&headers, arena, &block, &names, err) < 0)
		return -1;
	work.request.block = block;
	work.request.names = names;

	struct buf query = BUF_INIT;

	presigned_query(&work, &query);
	work.request.query = sigv4_query(arena, query.data, query.len);
	sigv4_compute(&work.request, key->secret_key, arena, &result);
	if (session_token(&work) && options->token_unsigned)
		add_parameter(&query, "X-Amz-Security-Token", session_token(&work));
	add_parameter(&query, "X-Amz-Signature", result.signature);
	result.url = arena_printf(arena, "%.*s%.*s?%s", (int)work.url.origin_len, work.url.text,
				  work.url.path_len ? (int)work.url.path_len : 1,
				  work.url.path_len ? work.url.path : "/", query.data);
	buf_release(&query);
	*ret = result;
	return 0;
}
