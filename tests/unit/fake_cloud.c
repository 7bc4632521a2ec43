/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_cloud.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/codec.h"
#include "core/mem.h"
#include "providers/aws/aws.h"

/* --- what a request says ------------------------------------------------------------------- */

static void add_form(struct buf *text, const char *body, size_t len)
{
	const char *end = body + len;

	while (body < end) {
		const char *stop = memchr(body, '&', (size_t)(end - body));
		if (!stop)
			stop = end;
		assert_int_equal(url_decode(text, body, (size_t)(stop - body), true), 0);
		buf_addch(text, '\n');
		body = stop + 1;
	}
}

static char *describe(const struct http_request *request)
{
	struct buf text = BUF_INIT;
	bool json = false;

	buf_addf(&text, "%s\n", request->url);
	for (size_t i = 0; i < request->nr_headers; i++) {
		if (strcmp(request->headers[i].name, "X-Amz-Target") != 0)
			continue;
		buf_addf(&text, "Target=%s\n", request->headers[i].value);
		json = true;
	}
	if (json)
		buf_add(&text, request->body, request->body_len);
	else
		add_form(&text, request->body, request->body_len);
	char *copy = xstrdup(text.data);
	buf_release(&text);
	return copy;
}

static bool has_word(const char *text, const char *word, size_t len)
{
	bool prefix = len && word[len - 1] == '*';

	if (prefix)
		len--;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (!strncmp(line, word, len) && (prefix || line[len] == '\n' || !line[len]))
			return true;
	}
	return false;
}

static bool matches(const char *text, const char *match)
{
	while (*match) {
		size_t len = strcspn(match, " ");
		if (!has_word(text, match, len))
			return false;
		match += len + strspn(match + len, " ");
	}
	return true;
}

/* --- the transport ------------------------------------------------------------------------- */

static struct fake_rule *find_rule(struct fake_cloud *cloud, const char *text)
{
	for (size_t i = 0; i < cloud->nr_rules; i++)
		if (cloud->rules[i].times && matches(text, cloud->rules[i].match))
			return &cloud->rules[i];
	return NULL;
}

static void feed(struct fake_cloud *cloud, struct http_attempt *attempt, const char *body,
		 size_t len)
{
	attempt->sink_fed = true;
	for (size_t at = 0; at < len; at += cloud->chunk) {
		size_t n = len - at < cloud->chunk ? len - at : cloud->chunk;
		if (attempt->sink(attempt->sink_ctx, body + at, n, attempt->err)) {
			attempt->rc = -1;
			return;
		}
	}
}

static void answer(struct fake_cloud *cloud, struct http_attempt *attempt)
{
	char *text = describe(&attempt->request);
	struct fake_rule *rule = find_rule(cloud, text);

	cloud->seen = xgrow(cloud->seen, cloud->nr_seen, &cloud->cap_seen, sizeof(*cloud->seen));
	cloud->seen[cloud->nr_seen++] = text;
	if (!rule) {
		print_error("no rule for this request:\n%s\n", text);
		attempt->rc = error_set(attempt->err, ERROR_NETWORK, "no rule for the request");
		return;
	}
	if (rule->times > 0)
		rule->times--;
	if (rule->fail) {
		if (rule->cut && attempt->sink)
			feed(cloud, attempt, rule->body, rule->cut);
		attempt->rc = error_set(attempt->err, rule->fail, "the connection broke");
		attempt->err->unknown = rule->unknown;
		return;
	}
	size_t len = rule->cut ? rule->cut : strlen(rule->body);
	attempt->response->status = rule->status;
	attempt->response->received_ms = cloud->now_ms;
	if (attempt->sink && rule->status / 100 == 2)
		feed(cloud, attempt, rule->body, len);
	else
		buf_add(&attempt->response->body, rule->body, len);
}

static void perform(void *ctx, struct http_attempt **attempts, size_t n)
{
	struct fake_cloud *cloud = ctx;

	if (n > cloud->most_at_once)
		cloud->most_at_once = n;
	for (size_t i = 0; i < n; i++)
		answer(cloud, attempts[i]);
}

/* --- the world around ---------------------------------------------------------------------- */

static int64_t now_ms(void *ctx)
{
	return ((struct fake_cloud *)ctx)->now_ms;
}

static int sleep_ms(void *ctx, int64_t ms)
{
	struct fake_cloud *cloud = ctx;

	cloud->now_ms += ms;
	cloud->slept_ms += ms;
	return cloud->interrupt ? -1 : 0;
}

static int read_file(void *ctx, const char *path, size_t max, struct buf *out, struct error *err)
{
	(void)ctx;
	(void)max;
	(void)out;
	return error_set(err, ERROR_NOT_FOUND, "no file '%s'", path);
}

static int run(void *ctx, const char *const *argv, int64_t timeout_ms, struct buf *out,
	       struct buf *diag, int *status, struct error *err)
{
	(void)ctx;
	(void)timeout_ms;
	(void)out;
	(void)diag;
	(void)status;
	return error_set(err, ERROR_CONFIG, "cannot run '%s'", argv[0]);
}

void fake_cloud_init(struct fake_cloud *cloud)
{
	static const char *const env[] = { "AWS_ACCESS_KEY_ID=AKIDTEST",
					   "AWS_SECRET_ACCESS_KEY=not-a-real-secret",
					   "AWS_REGION=us-east-1", "HOME=/nonexistent", NULL };
	struct error err = ERROR_INIT;

	memset(cloud, 0, sizeof(*cloud));
	cloud->now_ms = FAKE_NOW * 1000;
	cloud->chunk = 7;
	cloud->clock = (struct clock){ cloud, now_ms, now_ms, sleep_ms };
	cloud->rng = rng_seeded(&cloud->seed, 1);
	cloud->host = (struct host){ cloud, read_file, run };
	cloud->settings = settings_new(env);
	cloud->env = (struct provider_env){
		.http = http_new((struct http_transport){ .ctx = cloud, .perform = perform },
				 &cloud->clock, &cloud->rng),
		.clock = &cloud->clock,
		.rng = &cloud->rng,
		.settings = cloud->settings,
		.host = &cloud->host,
		.home = "/nonexistent",
	};
	assert_int_equal(aws_open(&cloud->env, &cloud->p, &err), 0);
}

void fake_cloud_release(struct fake_cloud *cloud)
{
	aws_close(cloud->p);
	http_free(cloud->env.http);
	settings_free(cloud->settings);
	for (size_t i = 0; i < cloud->nr_rules; i++) {
		free(cloud->rules[i].match);
		free(cloud->rules[i].body);
	}
	for (size_t i = 0; i < cloud->nr_seen; i++)
		free(cloud->seen[i]);
	free(cloud->rules);
	free(cloud->seen);
	fake_param(NULL, NULL);
}

/* --- rules and records --------------------------------------------------------------------- */

struct fake_rule *fake_once(struct fake_cloud *cloud, const char *match, int status,
			    const char *body)
{
	cloud->rules =
		xgrow(cloud->rules, cloud->nr_rules, &cloud->cap_rules, sizeof(*cloud->rules));
	struct fake_rule *rule = &cloud->rules[cloud->nr_rules++];
	*rule = (struct fake_rule){
		.match = xstrdup(match), .status = status, .body = xstrdup(body), .times = 1
	};
	return rule;
}

struct fake_rule *fake_always(struct fake_cloud *cloud, const char *match, int status,
			      const char *body)
{
	struct fake_rule *rule = fake_once(cloud, match, status, body);

	rule->times = -1;
	return rule;
}

struct fake_rule *fake_error(struct fake_cloud *cloud, const char *match, int status,
			     const char *code)
{
	char *body = xasprintf("<Response><Errors><Error><Code>%s</Code><Message>no, because of "
			       "%s</Message></Error></Errors><RequestID>77aa</RequestID>"
			       "</Response>",
			       code, code);
	struct fake_rule *rule = fake_once(cloud, match, status, body);

	free(body);
	return rule;
}

const char *fake_seen(const struct fake_cloud *cloud, const char *match, size_t i)
{
	for (size_t j = 0; j < cloud->nr_seen; j++)
		if (matches(cloud->seen[j], match) && i-- == 0)
			return cloud->seen[j];
	return NULL;
}

size_t fake_count(const struct fake_cloud *cloud, const char *match)
{
	size_t n = 0;

	while (fake_seen(cloud, match, n))
		n++;
	return n;
}

const char *fake_param(const char *seen, const char *name)
{
	static char *value;
	size_t len = name ? strlen(name) : 0;

	free(value);
	value = NULL;
	for (const char *line = seen; line && name; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (!strncmp(line, name, len) && line[len] == '=') {
			value = xstrndup(line + len + 1, strcspn(line + len + 1, "\n"));
			break;
		}
	}
	return value;
}
