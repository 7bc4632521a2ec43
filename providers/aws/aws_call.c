/* SPDX-License-Identifier: Apache-2.0 */
/* One API call, or many at once: signed anew at every attempt, judged, parsed. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/sign/sigv4.h"
#include "core/text.h"
#include "providers/aws/aws.h"

/* --- what core/http.h calls back ----------------------------------------------------------- */

static int on_sign(void *ctx, const struct http_request *request, int64_t now_s,
		   struct arena *arena, struct http_header **ret_headers, size_t *ret_nr,
		   struct error *err)
{
	const struct aws_call *call = ctx;
	const struct sigv4_key key = {
		.access_key = call->signer->access_key.data,
		.secret_key = call->signer->secret_key.data,
		.session_token = call->signer->token.data,
		.region = call->region,
		.service = call->service,
	};
	const struct sigv4_input input = {
		.method = request->method,
		.url = request->url,
		.headers = request->headers,
		.nr_headers = request->nr_headers,
		.body = request->body,
		.body_len = request->body_len,
	};
	const struct sigv4_options options = { .raw_path = false };
	struct sigv4_result result;

	if (sigv4_sign(&key, &options, now_s, &input, arena, &result, err) < 0)
		return -1;
	*ret_headers = result.headers;
	*ret_nr = result.nr_headers;
	return 0;
}

static enum http_verdict on_classify(void *ctx, const struct http_response *response,
				     struct error *err)
{
	const struct aws_call *call = ctx;

	if (response->status >= 200 && response->status < 300)
		return HTTP_OK;
	return aws_error_classify(call->protocol, call->what, response, err);
}

static int on_data(void *ctx, const char *data, size_t len, struct error *err)
{
	const struct aws_call *call = ctx;

	return xml_stream_feed(call->xml_stream, data, len, err);
}

static size_t stream_max(const struct aws_call *call)
{
	return call->stream->max_bytes ? call->stream->max_bytes : XML_MAX_BYTES;
}

static void open_stream(struct aws_call *call)
{
	xml_stream_free(call->xml_stream);
	call->xml_stream =
		xml_stream_new(&call->stream->handler, stream_max(call), call->reply_name);
}

static void on_restart(void *ctx)
{
	struct aws_call *call = ctx;

	open_stream(call);
	if (call->stream->restart)
		call->stream->restart(call->stream->handler.ctx);
}

/* --- making one ---------------------------------------------------------------------------- */

static void start(struct aws_call *call, struct provider *p, const char *service,
		  const char *region, const char *action)
{
	struct buf url = BUF_INIT;

	*call = (struct aws_call){ .body = BUF_INIT };
	call->service = arena_strdup(&call->arena, service);
	call->region = arena_strdup(&call->arena, region);
	call->what = arena_printf(&call->arena, "%s in %s", action, region);
	call->reply_name = arena_printf(&call->arena, "the %s reply", action);
	call->title = arena_printf(&call->arena, "%s %s", region, action);
	call->rc = aws_config_endpoint(&p->config, service, region, &url, &call->err);
	call->url = arena_strdup(&call->arena, url.data);
	buf_release(&url);
}

void aws_call_query(struct aws_call *call, struct provider *p, const char *service,
		    const char *region, const struct aws_form *form)
{
	start(call, p, service, region, aws_form_get(form, "Action"));
	call->protocol = AWS_QUERY;
	aws_form_body(form, &call->body);
}

void aws_call_json(struct aws_call *call, struct provider *p, const char *service,
		   const char *region, const char *target, const char *body)
{
	const char *dot = strrchr(target, '.');

	if (!strcmp(service, "pricing"))
		region = aws_pricing_region(region);
	start(call, p, service, region, dot ? dot + 1 : target);
	call->protocol = AWS_JSON;
	call->target = arena_strdup(&call->arena, target);
	buf_addstr(&call->body, body);
}

void aws_call_release(struct aws_call *call)
{
	http_call_release(&call->http);
	xml_release(&call->xml);
	json_release(&call->json);
	xml_stream_free(call->xml_stream);
	/* The body may hold user-data, a web identity token, an external id. */
	if (call->body.cap)
		buf_wipe(&call->body);
	arena_release(&call->arena);
	memset(call, 0, sizeof(*call));
}

/* --- sending ------------------------------------------------------------------------------- */

static void prepare(struct aws_call *call, const struct aws_cred *cred)
{
	struct http_header *headers = arena_alloc(&call->arena, 2 * sizeof(*headers));
	size_t nr = 0;

	headers[nr++] = (struct http_header){
		"Content-Type",
		call->protocol == AWS_JSON ? "application/x-amz-json-1.1"
					   : "application/x-www-form-urlencoded; charset=utf-8",
	};
	if (call->target)
		headers[nr++] = (struct http_header){ "X-Amz-Target", call->target };
	http_call_release(&call->http);
	call->http = (struct http_call){
		.request = {
			.method = "POST",
			.url = call->url,
			.headers = headers,
			.nr_headers = nr,
			.body = call->body.data,
			.body_len = call->body.len,
			.uninterruptible = call->creates,
			.log_topic = "aws",
			.log_title = call->title,
		},
		.ctx = call,
		.sign = call->anonymous ? NULL : on_sign,
		.classify = on_classify,
		.max_attempts = call->max_attempts,
	};
	call->signer = cred;
	if (call->stream) {
		call->http.sink = on_data;
		call->http.restart = on_restart;
		call->http.request.max_body = stream_max(call);
		open_stream(call);
	}
}

static int fail(struct aws_call *call, const struct error *err)
{
	call->err = *err;
	call->rc = -1;
	return -1;
}

static int transport_failed(struct aws_call *call, const struct error *err)
{
	fail(call, err);
	/* A question that was cut off has changed nothing, whatever became of it. */
	if (!call->creates)
		call->err.unknown = false;
	/* What aws_error_classify wrote says already what failed. */
	if (!text_starts_with(err->message, call->what))
		error_prefix(&call->err, "%s", call->what);
	if (call->err.kind == ERROR_NETWORK && !call->err.hint[0])
		error_hint(&call->err, "check the network, and that region '%s' exists",
			   call->region);
	return -1;
}

static int finish(struct aws_call *call)
{
	const struct http_response *response = &call->http.response;
	struct error err = ERROR_INIT;
	int rc;

	call->attempts = response->attempts;
	if (call->http.rc < 0)
		return transport_failed(call, &call->http.err);
	if (call->stream)
		rc = xml_stream_finish(call->xml_stream, &err);
	else if (call->protocol == AWS_JSON)
		rc = json_parse(response->body.data, response->body.len, call->reply_name,
				&call->json, &err);
	else
		rc = xml_parse(response->body.data, response->body.len, call->reply_name,
			       &call->xml, &err);
	if (rc < 0) {
		fail(call, &err);
		error_prefix(&call->err, "%s", call->what);
		call->err.http_status = response->status;
		/* It was accepted; we only cannot read what came of it. */
		call->err.unknown = call->creates;
	}
	return rc;
}

/* The handle's credentials, once for all that need them; who needs none goes ahead without. */
static const struct aws_cred *signer_of(struct provider *p, const struct aws_call *call,
					struct error *err)
{
	const struct aws_cred *cred = call->cred;

	if (cred || call->anonymous)
		return cred;
	return aws_credentials(p, &cred, err) < 0 ? NULL : cred;
}

/* A feed of calls as a feed of exchanges. */
struct relay {
	struct provider *p;
	const struct aws_feed *feed;
};

static struct http_call *relay_next(void *ctx)
{
	const struct relay *relay = ctx;
	struct aws_call *call;

	while ((call = relay->feed->next(relay->feed->ctx))) {
		struct error err = ERROR_INIT;

		if (call->rc == 0) {
			const struct aws_cred *cred = signer_of(relay->p, call, &err);

			if (err.kind == ERROR_NONE) {
				prepare(call, cred);
				return &call->http;
			}
			fail(call, &err);
		}
		if (relay->feed->done)
			relay->feed->done(relay->feed->ctx, call);
	}
	return NULL;
}

static void relay_done(void *ctx, struct http_call *http)
{
	const struct relay *relay = ctx;
	struct aws_call *call = (void *)((char *)http - offsetof(struct aws_call, http));

	finish(call);
	if (relay->feed->done)
		relay->feed->done(relay->feed->ctx, call);
}

void aws_send_feed(struct provider *p, const struct aws_feed *feed)
{
	struct relay relay = { p, feed };
	const struct http_feed http_feed = { &relay, relay_next, relay_done };

	http_send_feed(p->env.http, &http_feed);
}

/* A fixed number of calls as a feed. */
struct batch {
	struct aws_call **calls;
	size_t n;
};

static struct aws_call *next_of_batch(void *ctx)
{
	struct batch *batch = ctx;

	if (!batch->n)
		return NULL;
	batch->n--;
	return *batch->calls++;
}

int aws_send_all(struct provider *p, struct aws_call **calls, size_t n)
{
	struct batch batch = { calls, n };
	const struct aws_feed feed = { .ctx = &batch, .next = next_of_batch };
	int rc = 0;

	aws_send_feed(p, &feed);
	for (size_t i = 0; i < n; i++)
		if (calls[i]->rc < 0)
			rc = -1;
	return rc;
}

/* --- the short forms ----------------------------------------------------------------------- */

int aws_query(struct provider *p, const char *service, const char *region,
	      const struct aws_form *form, struct xml *ret, struct error *err)
{
	struct aws_call call = { .rc = 0 };
	struct aws_call *calls[] = { &call };
	int rc;

	aws_call_query(&call, p, service, region, form);
	rc = aws_send_all(p, calls, 1);
	if (rc < 0) {
		*err = call.err;
	} else {
		*ret = call.xml;
		call.xml = (struct xml){ NULL };
	}
	aws_call_release(&call);
	return rc;
}

int aws_json(struct provider *p, const char *service, const char *region, const char *target,
	     const char *body, struct json *ret, struct error *err)
{
	struct aws_call call = { .rc = 0 };
	struct aws_call *calls[] = { &call };
	int rc;

	aws_call_json(&call, p, service, region, target, body);
	rc = aws_send_all(p, calls, 1);
	if (rc < 0) {
		*err = call.err;
	} else {
		*ret = call.json;
		call.json = (struct json){ NULL };
	}
	aws_call_release(&call);
	return rc;
}
