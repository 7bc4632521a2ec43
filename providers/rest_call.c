/* SPDX-License-Identifier: Apache-2.0 */
/* One request, or many at once: built, sent, judged. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/clock.h"
#include "core/interrupt.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/text.h"
#include "providers/provider.h"
#include "providers/rest.h"

#define URL_MAX	 ((size_t)16 << 10)
#define BODY_MAX ((size_t)1 << 20)
#define SHOW_MAX ((size_t)1 << 20)

#define THROTTLE_MS	 2000 /* the first pause after 429, at most */
#define THROTTLE_MOST_MS 60000

/* --- building --------------------------------------------------------------------------------- */

static void refuse(struct rest_call *call, const char *why)
{
	if (call->rc == 0)
		call->rc = error_set(&call->err, ERROR_USAGE, "%s: %s", call->what, why);
}

/* "." and ".." climb, however they are escaped: whoever reads the URL may resolve them. */
static void add_segment(struct rest_call *call, const char *segment)
{
	if (!*segment || !strcmp(segment, ".") || !strcmp(segment, ".."))
		refuse(call, "an id or a name that goes into the request is empty, or no name");
	buf_addch(&call->url, '/');
	url_encode(&call->url, segment, strlen(segment), false);
}

void rest_begin(struct rest_call *call, struct rest *rest, enum rest_nature nature,
		const char *method, const char *const *path, const char *what, ...)
{
	char said[400];
	va_list args;

	va_start(args, what);
	vsnprintf(said, sizeof(said), what, args);
	va_end(args);
	*call = (struct rest_call){
		.rest = rest,
		.nature = nature,
		.url = BUF_INIT_MAX(URL_MAX),
		.body = BUF_INIT_MAX(BODY_MAX),
	};
	call->method = arena_strdup(&call->arena, method);
	call->what = text_escaped(&call->arena, said);
	buf_addstr(&call->url, rest->base);
	for (; *path; path++)
		add_segment(call, *path);
	call->path = arena_strdup(&call->arena, call->url.data + strlen(rest->base));
	call->title = arena_printf(&call->arena, "%s %s", method, call->path);
}

void rest_query(struct rest_call *call, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addch(&call->url, call->has_query ? '&' : '?');
	url_encode(&call->url, name, strlen(name), false);
	buf_addch(&call->url, '=');
	url_encode(&call->url, value, strlen(value), false);
	call->has_query = true;
}

void rest_queryf(struct rest_call *call, const char *name, const char *fmt, ...)
{
	char value[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	rest_query(call, name, value);
}

/* User-data and startup scripts carry a machine's first host key. */
static void wipe(cJSON *node)
{
	for (; node; node = node->next) {
		if (node->valuestring && cJSON_IsString(node))
			explicit_bzero(node->valuestring, strlen(node->valuestring));
		wipe(node->child);
	}
}

void rest_body(struct rest_call *call, struct cJSON *body)
{
	char *text = cJSON_PrintUnformatted(body);

	if (!text)
		out_of_memory();
	buf_clear(&call->body);
	buf_addstr(&call->body, text);
	call->has_body = true;
	explicit_bzero(text, strlen(text));
	cJSON_free(text);
	wipe(body);
	cJSON_Delete(body);
}

void rest_release(struct rest_call *call)
{
	http_call_release(&call->http);
	json_release(&call->json);
	if (call->url.cap)
		buf_release(&call->url);
	if (call->body.cap)
		buf_wipe(&call->body);
	arena_release(&call->arena);
	memset(call, 0, sizeof(*call));
}

/* --- sending ---------------------------------------------------------------------------------- */

static enum http_verdict on_classify(void *ctx, const struct http_response *response,
				     struct error *err)
{
	struct rest_call *call = ctx;

	json_release(&call->json);
	call->status = response->status;
	return rest_judge(call->rest->cloud, call->nature, call->what, response, &call->json, err);
}

static void prepare(struct rest_call *call)
{
	const struct rest_cloud *cloud = call->rest->cloud;
	size_t nr = 0;

	call->status = 0;
	call->headers[nr++] = (struct http_header){ "Accept", "application/json" };
	call->headers[nr++] = (struct http_header){ "Authorization", call->rest->header.data };
	if (call->has_body)
		call->headers[nr++] = (struct http_header){ "Content-Type", "application/json" };
	http_call_release(&call->http);
	call->http = (struct http_call){
		.request = {
			.method = call->method,
			.url = call->url.data,
			.headers = call->headers,
			.nr_headers = nr,
			.body = call->has_body ? call->body.data : NULL,
			.body_len = call->has_body ? call->body.len : 0,
			.max_body = call->max_reply ? call->max_reply : JSON_MAX_BYTES,
			.uninterruptible = call->nature != REST_READ,
			.log_topic = cloud->topic,
			.log_title = call->title,
		},
		.ctx = call,
		.classify = on_classify,
		.max_attempts = call->nature == REST_CREATE ? 1 : cloud->attempts,
		.throttle_ms = cloud->throttle_ms,
	};
}

static void finish(struct rest_call *call)
{
	call->attempts = call->http.response.attempts;
	call->rc = call->http.rc;
	if (call->rc == 0)
		return;
	call->err = call->http.err;
	json_release(&call->json);
	/* A question that was cut off has changed nothing, whatever became of it. */
	if (call->nature == REST_READ)
		call->err.unknown = false;
	/* What rest_judge() wrote says already what failed. */
	if (!text_starts_with(call->err.message, call->what))
		error_prefix(&call->err, "%s", call->what);
	if (call->err.kind == ERROR_NETWORK && !call->err.hint[0])
		error_hint(&call->err, "check the network, and that '%s' is %s's address",
			   call->rest->base, call->rest->cloud->title);
}

int rest_send_all(struct rest_call *const *calls, size_t n)
{
	struct http_call **ready = xcalloc(n + 1, sizeof(*ready));
	size_t *from = xcalloc(n + 1, sizeof(*from));
	size_t nr = 0;
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		struct rest_call *call = calls[i];
		struct error err = ERROR_INIT;

		if (call->url.overflow || call->body.overflow)
			refuse(call, "the request would be too long");
		if (call->rc == 0 && rest_token(call->rest, &err) < 0) {
			call->err = err;
			call->rc = -1;
		}
		if (call->rc < 0)
			continue;
		prepare(call);
		from[nr] = i;
		ready[nr++] = &call->http;
	}
	if (nr)
		http_send_all(calls[from[0]]->rest->env->http, ready, nr);
	for (size_t i = 0; i < nr; i++)
		finish(calls[from[i]]);
	for (size_t i = 0; i < n; i++)
		if (calls[i]->rc < 0)
			rc = -1;
	free(ready);
	free(from);
	return rc;
}

/* Refused for being asked too much, it made nothing: that alone is sent again. */
static bool refused_for_now(const struct rest_call *call)
{
	return call->nature == REST_CREATE && call->rc < 0 && call->err.kind == ERROR_THROTTLED &&
	       !call->err.unknown;
}

static int wait_out(const struct rest_call *call, int try)
{
	const struct provider_env *env = call->rest->env;
	int64_t ms = call->rest->cloud->throttle_ms ? call->rest->cloud->throttle_ms : THROTTLE_MS;

	while (try-- > 1 && ms < THROTTLE_MOST_MS)
		ms *= 2;
	if (ms > THROTTLE_MOST_MS)
		ms = THROTTLE_MOST_MS;
	return clock_sleep_ms(env->clock,
			      ms / 2 + (int64_t)(rng_unit(env->rng) * (double)(ms / 2)));
}

int rest_send(struct rest_call *call, struct error *err)
{
	int most = call->rest->cloud->attempts ? call->rest->cloud->attempts : HTTP_ATTEMPTS_MAX;
	int rc = rest_send_all(&call, 1);

	for (int try = 1; refused_for_now(call) && try < most && !interrupted(); try++) {
		if (wait_out(call, try) < 0)
			break;
		call->rc = 0;
		error_clear(&call->err);
		rc = rest_send_all(&call, 1);
	}
	if (rc == 0)
		return 0;
	*err = call->err;
	return -1;
}

/* --- what would be sent ----------------------------------------------------------------------- */

void rest_sha256(const struct rest_call *call, char out[SHA256_HEX_MAX])
{
	struct buf text = BUF_INIT;

	buf_addf(&text, "%s\n", call->title);
	buf_add(&text, call->body.data, call->body.len);
	sha256_hex(text.data, text.len, out);
	buf_wipe(&text);
}

static bool is_masked(const struct rest_cloud *cloud, const char *name)
{
	for (size_t i = 0; cloud->masked && cloud->masked[i]; i++)
		if (!strcmp(cloud->masked[i], name))
			return true;
	return false;
}

static void show_value(const cJSON *node, struct buf *out)
{
	if (cJSON_IsString(node)) {
		text_escape(out, node->valuestring, strlen(node->valuestring));
		return;
	}

	char *text = cJSON_PrintUnformatted(node);

	if (!text)
		out_of_memory();
	text_escape(out, text, strlen(text));
	cJSON_free(text);
}

/* hide: a name above it is masked already. */
static void show_node(const struct rest_cloud *cloud, const char *name, const cJSON *node,
		      bool hide, struct buf *out)
{
	char longer[256];
	size_t i = 0;

	if (node->child) {
		for (const cJSON *child = node->child; child; child = child->next, i++) {
			if (cJSON_IsArray(node))
				snprintf(longer, sizeof(longer), "%s[%zu]", name, i);
			else
				snprintf(longer, sizeof(longer), "%s%s%s", name, *name ? "." : "",
					 child->string);
			show_node(cloud, longer, child,
				  hide || (child->string && is_masked(cloud, child->string)), out);
		}
		return;
	}
	text_escape(out, name, strlen(name));
	if (hide && cJSON_IsString(node))
		buf_addf(out, "=*** (%zu characters)", strlen(node->valuestring));
	else if (hide)
		buf_addstr(out, "=***");
	else {
		buf_addch(out, '=');
		show_value(node, out);
	}
	buf_addch(out, '\n');
}

void rest_show(const struct rest_call *call, const struct launch_steps *steps)
{
	struct buf out = BUF_INIT_MAX(SHOW_MAX);
	cJSON *root;

	if (!steps || !steps->show)
		return;
	root = call->has_body ? cJSON_ParseWithLength(call->body.data, call->body.len) : NULL;
	if (root && root->child)
		show_node(call->rest->cloud, "", root, false, &out);
	steps->show(steps->ctx, call->title, out.data);
	if (root)
		wipe(root);
	cJSON_Delete(root);
	buf_release(&out);
}
