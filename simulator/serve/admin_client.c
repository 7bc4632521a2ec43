/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/serve/admin_client.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/http.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/rng.h"
#include "simulator/serve/runtime.h"

#define REPLY_MAX  ((size_t)60 << 20) /* a long run's whole state */
#define TIMEOUT_MS 30000
#define STOP_MS	   5000 /* one that hangs is ended by force */

static enum http_verdict judge(void *ctx, const struct http_response *response, struct error *err)
{
	struct json json = { 0 };
	struct error ignored = ERROR_INIT;
	const char *text, *hint;

	(void)ctx;
	if (response->status == 200)
		return HTTP_OK;
	error_set(err, ERROR_REMOTE, "the simulator answered with status %d", response->status);
	if (response->status == 400 &&
	    json_parse(response->body.data, response->body.len, "reply", &json, &ignored) == 0) {
		if (json_string(json.root, "error", 511, &text, &ignored) == 0)
			error_set(err, ERROR_USAGE, "%s", text);
		if (json_string(json.root, "hint", 255, &hint, &ignored) == 0 && *hint)
			error_hint(err, "%s", hint);
		json_release(&json);
	}
	return HTTP_FAIL;
}

int admin_ask(const struct running *running, const char *method, const char *order,
	      const char *body, struct buf *out, struct error *err)
{
	char *url = xasprintf("%s/_sim/%s", running->endpoint, order);
	char *bearer = xasprintf("Bearer %s", running->admin_token);
	const struct http_header headers[] = { { "Authorization", bearer },
					       { "Content-Type", "application/json" } };
	struct http *http = http_new(http_transport_curl(&clock_system, running->ca_bundle,
							 "gpucloud-sim/" GPUCLOUD_VERSION),
				     &clock_system, &rng_system);
	struct http_call call = {
		.request = { .method = method,
			     .url = url,
			     .headers = headers,
			     .nr_headers = ARRAY_SIZE(headers),
			     .body = body,
			     .body_len = body ? strlen(body) : 0,
			     .timeout_ms = strcmp(order, "stop") == 0 ? STOP_MS : TIMEOUT_MS,
			     .max_body = REPLY_MAX },
		.classify = judge,
		.max_attempts = 1
	};
	int rc = http_send(http, &call);

	if (rc)
		*err = call.err;
	else
		buf_add(out, call.response.body.data, call.response.body.len);
	http_call_release(&call);
	http_free(http);
	free(bearer);
	free(url);
	return rc;
}
