/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/aws_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/host.h"
#include "core/mem.h"
#include "providers/aws/aws.h"

/* --- the computer --------------------------------------------------------------------------- */

static int64_t now_ms(void *ctx)
{
	return ((struct aws_fake *)ctx)->now_ms;
}

static int sleep_ms(void *ctx, int64_t ms)
{
	((struct aws_fake *)ctx)->now_ms += ms;
	return 0;
}

static int read_file(void *ctx, const char *path, size_t max, struct buf *out, struct error *err)
{
	struct aws_fake *fake = ctx;

	for (size_t i = 0; i < fake->nr_files; i++) {
		if (strcmp(fake->files[i].path, path) != 0)
			continue;
		if (fake->files[i].len > max)
			return error_set(err, ERROR_IO, "'%s' is too large", path);
		return buf_add(out, fake->files[i].text, fake->files[i].len);
	}
	return error_set(err, ERROR_NOT_FOUND, "no file '%s'", path);
}

static int run(void *ctx, const char *const *argv, int64_t timeout_ms, struct buf *out,
	       struct buf *diag, int *status, struct error *err)
{
	struct aws_fake *fake = ctx;

	(void)timeout_ms;
	fake->runs++;
	if (!fake->run_out)
		return error_set(err, ERROR_CONFIG, "cannot start '%s'", argv[0]);
	for (size_t i = 0; i < ARRAY_SIZE(fake->run_argv) && argv[i]; i++)
		fake->run_argv[i] = arena_strdup(&fake->arena, argv[i]);
	buf_addstr(out, fake->run_out);
	if (fake->run_diag)
		buf_addstr(diag, fake->run_diag);
	*status = fake->run_status;
	return 0;
}

/* --- the cloud ------------------------------------------------------------------------------ */

static const char *record(struct aws_fake *fake, const struct http_request *request)
{
	struct buf text = BUF_INIT;
	size_t n = fake->nr_requests++;

	assert_true(n < AWS_FAKE_MAX);
	buf_addf(&text, "%s %s\n", request->method, request->url);
	for (size_t i = 0; i < request->nr_headers; i++)
		buf_addf(&text, "%s: %s\n", request->headers[i].name, request->headers[i].value);
	buf_addch(&text, '\n');
	buf_add(&text, request->body ? request->body : "", request->body_len);
	fake->requests[n] = arena_strdup(&fake->arena, text.data);
	fake->timeouts[n] = request->timeout_ms;
	fake->connect_timeouts[n] = request->connect_timeout_ms;
	buf_release(&text);
	return fake->requests[n];
}

static void add_headers(struct http_response *response, const char *text)
{
	size_t cap = 0;

	while (text && *text) {
		size_t len = strcspn(text, "\n");
		size_t name = strcspn(text, ":");

		response->headers =
			arena_grow(&response->arena, response->headers, response->nr_headers, &cap,
				   sizeof(*response->headers));
		response->headers[response->nr_headers++] = (struct http_header){
			arena_strndup(&response->arena, text, name),
			arena_strndup(&response->arena, text + name + 2, len - name - 2),
		};
		text += len + (text[len] == '\n');
	}
}

static int give_body(struct aws_fake *fake, struct http_attempt *attempt, const char *body)
{
	size_t len = strlen(body);
	size_t piece = fake->sink_piece ? fake->sink_piece : len;
	int status = attempt->response->status;

	if (!attempt->sink || status < 200 || status > 299)
		return buf_add(&attempt->response->body, body, len);
	for (size_t at = 0; at < len; at += piece) {
		attempt->sink_fed = true;
		if (attempt->sink(attempt->sink_ctx, body + at, len - at < piece ? len - at : piece,
				  attempt->err) < 0)
			return -1;
	}
	return 0;
}

static void answer(struct aws_fake *fake, struct http_attempt *attempt)
{
	const char *request = record(fake, &attempt->request);
	struct aws_fake_reply *reply = NULL;

	for (size_t i = 0; !reply && i < fake->nr_replies; i++)
		if (!fake->replies[i].used &&
		    (!fake->replies[i].match || strstr(request, fake->replies[i].match)))
			reply = &fake->replies[i];
	if (!reply) {
		fail_msg("nobody expected: %s", request);
		return;
	}
	reply->used = true;
	if (reply->fail) {
		attempt->rc = error_set(attempt->err, reply->fail, "prepared failure");
		return;
	}
	attempt->response->status = reply->status;
	attempt->response->received_ms = fake->now_ms;
	add_headers(attempt->response, reply->headers);
	attempt->rc = give_body(fake, attempt, reply->body ? reply->body : "");
}

static void perform(void *ctx, struct http_attempt **attempts, size_t n)
{
	struct aws_fake *fake = ctx;

	if (n > fake->largest_round)
		fake->largest_round = n;
	for (size_t i = 0; i < n; i++)
		answer(fake, attempts[i]);
}

/* --- setting up ----------------------------------------------------------------------------- */

void aws_fake_start(struct aws_fake *fake, const char *const *env)
{
	static struct host host = { NULL, read_file, run };
	static const char *const empty[] = { NULL };

	memset(fake, 0, sizeof(*fake));
	host.ctx = fake;
	fake->now_ms = AWS_FAKE_NOW * 1000;
	fake->clock = (struct clock){ fake, now_ms, now_ms, sleep_ms };
	fake->rng = rng_seeded(&fake->seed, 1);
	fake->settings = settings_new(env ? env : empty);
	fake->http = http_new((struct http_transport){ .ctx = fake, .perform = perform },
			      &fake->clock, &fake->rng);
	fake->env = (struct provider_env){
		.http = fake->http,
		.clock = &fake->clock,
		.rng = &fake->rng,
		.settings = fake->settings,
		.host = &host,
		.home = "/home/u",
	};
}

void aws_fake_stop(struct aws_fake *fake)
{
	http_free(fake->http);
	settings_free(fake->settings);
	arena_release(&fake->arena);
}

void aws_fake_bytes(struct aws_fake *fake, const char *path, const void *data, size_t len)
{
	assert_true(fake->nr_files < AWS_FAKE_MAX);
	fake->files[fake->nr_files].path = arena_strdup(&fake->arena, path);
	char *text = arena_alloc(&fake->arena, len + 1); /* may hold NUL bytes */

	memcpy(text, data, len);
	fake->files[fake->nr_files].text = text;
	fake->files[fake->nr_files++].len = len;
}

void aws_fake_file(struct aws_fake *fake, const char *path, const char *text)
{
	aws_fake_bytes(fake, path, text, strlen(text));
}

void aws_fake_reply_headers(struct aws_fake *fake, const char *match, int status,
			    const char *headers, const char *body)
{
	assert_true(fake->nr_replies < AWS_FAKE_MAX);
	fake->replies[fake->nr_replies++] = (struct aws_fake_reply){
		.match = match, .status = status, .headers = headers, .body = body
	};
}

void aws_fake_reply(struct aws_fake *fake, const char *match, int status, const char *body)
{
	aws_fake_reply_headers(fake, match, status, NULL, body);
}

void aws_fake_fail(struct aws_fake *fake, const char *match, enum error_kind kind)
{
	assert_true(fake->nr_replies < AWS_FAKE_MAX);
	fake->replies[fake->nr_replies++] = (struct aws_fake_reply){ .match = match, .fail = kind };
}

bool aws_fake_all_used(const struct aws_fake *fake)
{
	for (size_t i = 0; i < fake->nr_replies; i++)
		if (!fake->replies[i].used)
			return false;
	return true;
}

/* --- asking for credentials ------------------------------------------------------------------ */

struct provider *aws_fake_open(struct aws_fake *fake)
{
	struct provider *p = NULL;
	struct error err = ERROR_INIT;

	if (aws_open(&fake->env, &p, &err) < 0)
		fail_msg("open: %s", err.message);
	return p;
}

void aws_fake_expect_key(struct provider *p, const char *id, const char *token, const char *source)
{
	const struct aws_cred *cred = NULL;
	struct error err = ERROR_INIT;
	char secret[128];

	if (aws_credentials(p, &cred, &err) < 0)
		fail_msg("no credentials: %s", err.message);
	assert_string_equal(cred->access_key.data, id);
	snprintf(secret, sizeof(secret), "secret-of-%s", id);
	assert_string_equal(cred->secret_key.data, secret);
	if (token)
		assert_string_equal(cred->token.data, token);
	else
		assert_false(secret_is_set(&cred->token));
	if (!strstr(cred->source, source))
		fail_msg("source '%s' does not name '%s'", cred->source, source);
}

void aws_fake_expect_error(struct provider *p, enum error_kind kind, const char *const *words)
{
	const struct aws_cred *cred = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(aws_credentials(p, &cred, &err), -1);
	if (err.kind != kind)
		fail_msg("kind %s: %s", error_kind_name(err.kind), err.message);
	for (; *words; words++)
		if (!strstr(err.message, *words) && !strstr(err.hint, *words))
			fail_msg("'%s' (%s) lacks '%s'", err.message, err.hint, *words);
	assert_null(strstr(err.message, "secret-of-"));
	assert_null(strstr(err.hint, "secret-of-"));
}

void aws_fake_check(struct aws_fake *fake, const char *id, enum error_kind kind,
		    const char *const *words)
{
	const struct aws_cred *cred = NULL;
	struct provider *p = NULL;
	struct error err = ERROR_INIT;

	if (aws_open(&fake->env, &p, &err) < 0)
		fail_msg("open: %s", err.message);
	if (aws_credentials(p, &cred, &err) < 0) {
		if (id || err.kind != kind)
			fail_msg("%s: %s", error_kind_name(err.kind), err.message);
		for (; *words; words++)
			if (!strstr(err.message, *words) && !strstr(err.hint, *words))
				fail_msg("'%s' (%s) lacks '%s'", err.message, err.hint, *words);
		assert_null(strstr(err.message, "SECRET-VALUE"));
		assert_null(strstr(err.message, "TOKEN-VALUE"));
	} else {
		if (!id)
			fail_msg("got '%s' instead of an error", cred->access_key.data);
		assert_string_equal(cred->access_key.data, id);
		for (; *words; words++)
			if (!strstr(cred->source, *words))
				fail_msg("source '%s' lacks '%s'", cred->source, *words);
	}
	assert_true(aws_fake_all_used(fake));
	aws_close(p);
}
