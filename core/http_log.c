/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/http_internal.h"
#include "core/log.h"
#include "core/mem.h"

/*
 * By what such names have in common, so that a cloud's new header is masked before anybody thought
 * of it: X-Amz-Security-Token, X-aws-ec2-metadata-token, Proxy-Authorization, Set-Cookie, ...
 */
bool http_header_is_secret(const char *name)
{
	static const char *const parts[] = { "auth",   "token",	  "cookie",   "secret",
					     "apikey", "api-key", "password", "credential" };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strcasestr(name, parts[i]))
			return true;
	return false;
}

static void log_headers(char direction, const struct http_header *headers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		log_debug("http", "%c %s: %s", direction, headers[i].name,
			  http_header_is_secret(headers[i].name) ? "***" : headers[i].value);
}

/* "us-east-1 RunInstances 200 0.123 s": what was asked, where the caller says so. */
static void log_title(const struct http_attempt *attempt, int number)
{
	const struct http_response *response = attempt->response;
	const struct http_request *request = &attempt->request;
	char again[32] = "";

	if (number > 1)
		snprintf(again, sizeof(again), " (attempt %d)", number);
	if (attempt->rc < 0)
		log_info(request->log_topic, "%s failed%s: %s", request->log_title, again,
			 attempt->err->message);
	else
		log_info(request->log_topic, "%s %d %.3f s%s", request->log_title, response->status,
			 (double)(response->received_ms - response->sent_ms) / 1000, again);
}

/* The query may hold anything, a signature too: only the path is shown. */
static void log_url(const struct http_attempt *attempt, const struct http_url *url, int number)
{
	const struct http_response *response = attempt->response;
	int path_len = url->path_len < 256 ? (int)url->path_len : 256;

	if (attempt->rc < 0)
		log_info("http", "%s %s%.*s failed attempt %d: %s", attempt->request.method,
			 url->where, path_len, url->path, number, attempt->err->message);
	else
		log_info("http", "%s %s%.*s %d %lld ms attempt %d", attempt->request.method,
			 url->where, path_len, url->path, response->status,
			 (long long)(response->received_ms - response->sent_ms), number);
}

void http_log_attempt(const struct http_attempt *attempt, const struct http_url *url, int number)
{
	const struct http_response *response = attempt->response;
	bool titled = attempt->request.log_title != NULL;

	if (log_level() < 1)
		return;
	if (titled)
		log_title(attempt, number);
	if (!titled || log_level() >= 2)
		log_url(attempt, url, number);
	if (log_level() < 2)
		return;
	log_headers('>', attempt->request.headers, attempt->request.nr_headers);
	log_headers('<', response->headers, response->nr_headers);
}
