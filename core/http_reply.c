/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/http_internal.h"
#include "core/text.h"

const char *http_size_text(char out[32], size_t bytes)
{
	if (bytes >= (size_t)1 << 20 && bytes % ((size_t)1 << 20) == 0)
		snprintf(out, 32, "%zu MiB", bytes >> 20);
	else if (bytes >= 1024 && bytes % 1024 == 0)
		snprintf(out, 32, "%zu KiB", bytes >> 10);
	else
		snprintf(out, 32, "%zu bytes", bytes);
	return out;
}

void http_reply_init(struct http_reply *reply, struct http_attempt *attempt, const char *where)
{
	memset(reply, 0, sizeof(*reply));
	reply->attempt = attempt;
	reply->where = where;
	reply->max_body = attempt->request.max_body ? attempt->request.max_body : HTTP_BODY_MAX;
	attempt->response->body.max = reply->max_body;
}

/* A reply that we will not read is no answer: what was asked for may have been done. */
static int refuse(struct http_reply *reply, const char *why)
{
	struct http_attempt *attempt = reply->attempt;

	reply->refused = true;
	attempt->final = true;
	error_set(attempt->err, ERROR_PROTOCOL, "refused the reply of '%s': %s", reply->where, why);
	attempt->err->http_status = attempt->response->status;
	attempt->err->unknown = true;
	return -1;
}

static int parse_status(struct http_reply *reply, const char *line, size_t len)
{
	struct http_response *response = reply->attempt->response;
	const char *p = len > 5 && !memcmp(line, "HTTP/", 5) ? memchr(line, ' ', len) : NULL;
	int status = 0;

	if (!p || (size_t)(line + len - p) < 4)
		return refuse(reply, "it does not start with an HTTP status");
	for (int i = 1; i <= 3; i++) {
		if (p[i] < '0' || p[i] > '9')
			return refuse(reply, "its status is not a number");
		status = status * 10 + (p[i] - '0');
	}
	if (status < 100 || (p + 4 < line + len && p[4] != ' '))
		return refuse(reply, "its status is not a number of three digits");
	response->status = status;
	response->headers = NULL;
	response->nr_headers = 0;
	reply->header_cap = 0;
	reply->state = HTTP_REPLY_HEADERS;
	return 0;
}

static int add_header(struct http_reply *reply, const char *name, const char *value)
{
	struct http_response *response = reply->attempt->response;

	if (response->nr_headers >= HTTP_HEADERS_MAX)
		return refuse(reply, "it has more than 128 headers");
	/* Two lengths are how one reply is read as two. */
	if (!strcasecmp(name, "content-length")) {
		const char *before = http_response_header(response, name);

		if (before && strcmp(before, value) != 0)
			return refuse(reply, "it gives two different lengths");
	}
	response->headers = arena_grow(&response->arena, response->headers, response->nr_headers,
				       &reply->header_cap, sizeof(*response->headers));
	response->headers[response->nr_headers++] =
		(struct http_header){ .name = name, .value = value };
	return 0;
}

static int parse_header(struct http_reply *reply, const char *line, size_t len)
{
	struct arena *arena = &reply->attempt->response->arena;
	const char *colon = memchr(line, ':', len);

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return refuse(reply, "a header holds a control byte");
	}
	const char *name = colon ? arena_strndup(arena, line, (size_t)(colon - line)) : NULL;
	/* A line that starts with a blank would continue the one before it: obsolete, and a trick. */
	if (!name || !text_is_token(name, "!#$%&'*+-.^_`|~", 256))
		return refuse(reply, "a header is malformed");
	const char *value = colon + 1, *end = line + len;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return add_header(reply, name, arena_strndup(arena, value, (size_t)(end - value)));
}

int http_reply_line(struct http_reply *reply, const char *line, size_t len)
{
	if (reply->refused)
		return -1;
	if (len > HTTP_HEADER_LINE_MAX)
		return refuse(reply, "a header is longer than 16 KiB");
	reply->head_bytes += len;
	if (reply->head_bytes > HTTP_HEAD_MAX)
		return refuse(reply, "its headers take more than 256 KiB");
	if (len && line[len - 1] == '\n')
		len--;
	if (len && line[len - 1] == '\r')
		len--;

	switch (reply->state) {
	case HTTP_REPLY_STATUS:
		return parse_status(reply, line, len);
	case HTTP_REPLY_HEADERS:
		if (len)
			return parse_header(reply, line, len);
		/* After an interim reply (100 Continue, 103) the real one follows. */
		reply->state = reply->attempt->response->status < 200 ? HTTP_REPLY_STATUS
								      : HTTP_REPLY_BODY;
		return 0;
	case HTTP_REPLY_BODY:
		return 0; /* trailers of a chunked body: nothing we use */
	}
	return 0;
}

static int feed_sink(struct http_reply *reply, const char *data, size_t len)
{
	struct http_attempt *attempt = reply->attempt;

	attempt->sink_fed = true;
	if (attempt->sink(attempt->sink_ctx, data, len, attempt->err) == 0)
		return 0;
	reply->refused = true;
	attempt->final = true;
	if (!attempt->err->kind)
		error_set(attempt->err, ERROR_PROTOCOL, "the reply of '%s' was not taken",
			  reply->where);
	return -1;
}

int http_reply_body(struct http_reply *reply, const char *data, size_t len)
{
	struct http_response *response = reply->attempt->response;
	bool ok = response->status >= 200 && response->status < 300;
	char size[32];

	if (reply->refused)
		return -1;
	if (len > reply->max_body - reply->body_bytes) {
		refuse(reply, "too large");
		error_set(reply->attempt->err, ERROR_PROTOCOL,
			  "reply of '%s' larger than %s refused", reply->where,
			  http_size_text(size, reply->max_body));
		reply->attempt->err->http_status = response->status;
		reply->attempt->err->unknown = true;
		return -1;
	}
	reply->body_bytes += len;
	if (!reply->attempt->sink) {
		buf_add(&response->body, data, len); /* within its ceiling, as just seen */
		return 0;
	}
	if (ok)
		return feed_sink(reply, data, len);
	/* An error page is for people: enough of it to see what is wrong. */
	size_t room = HTTP_ERROR_BODY_MAX - response->body.len;
	buf_add(&response->body, data, len < room ? len : room);
	return 0;
}
