/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/http_internal.h"
#include "core/mem.h"
#include "core/text.h"

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int malformed(struct error *err, const char *why)
{
	error_set(err, ERROR_CONFIG, "malformed URL: %s", why);
	return error_hint(err, "a URL looks like https://host[:port]/path");
}

/* Only what cannot mean two things: every byte printable, nothing before an '@', no fragment. */
static int check_bytes(const char *text, struct error *err)
{
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f)
			return malformed(err, "it holds a blank, a control or a non-ASCII byte");
		if (*p == '\\' || *p == '#')
			return malformed(err, "it holds a '\\' or a '#'");
	}
	return 0;
}

static int parse_port(const char *text, size_t len, int *ret, struct error *err)
{
	int port = 0;

	if (len < 1 || len > 5)
		return malformed(err, "the port is not a number from 1 to 65535");
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return malformed(err, "the port is not a number from 1 to 65535");
		port = port * 10 + (text[i] - '0');
	}
	if (port < 1 || port > 65535)
		return malformed(err, "the port is not a number from 1 to 65535");
	*ret = port;
	return 0;
}

static int copy_host(struct http_url *url, const char *host, size_t len, bool bracketed,
		     struct error *err)
{
	struct in6_addr v6;

	if (!len || len >= 254)
		return malformed(err, "it has no host, or one that is too long");
	for (size_t i = 0; i < len; i++) {
		if (!is_alnum(host[i]) && !strchr(bracketed ? ":." : "-._", host[i]))
			return malformed(err, "the host holds a character that no host has");
		url->host[i] = lower(host[i]);
	}
	url->host[len] = '\0';
	if (bracketed && inet_pton(AF_INET6, url->host, &v6) != 1)
		return malformed(err, "the address in brackets is not IPv6");
	return 0;
}

static bool is_any_of_v6(const struct in6_addr *addr, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct in6_addr known;

		if (inet_pton(AF_INET6, list[i], &known) == 1 &&
		    !memcmp(&known, addr, sizeof(known)))
			return true;
	}
	return false;
}

/*
 * inet_pton() takes neither "127.1" nor octal nor hexadecimal parts, so an address written in a
 * way that only some readers understand is an ordinary name here, and gets no exception.
 */
static void classify_host(struct http_url *url)
{
	static const char *const metadata4[] = { "169.254.169.254", "169.254.170.2",
						 "169.254.170.23" };
	static const char *const metadata6[] = { "fd00:ec2::254", "fd00:ec2::23" };
	static const char *const loopback6[] = { "::1" };
	struct in_addr v4;
	struct in6_addr v6;

	if (!strcmp(url->host, "localhost"))
		url->loopback = true;
	if (inet_pton(AF_INET, url->host, &v4) == 1)
		url->loopback = ntohl(v4.s_addr) >> 24 == 127;
	for (size_t i = 0; i < ARRAY_SIZE(metadata4); i++)
		if (!strcmp(url->host, metadata4[i]))
			url->link_local = true;
	if (inet_pton(AF_INET6, url->host, &v6) == 1) {
		url->loopback = is_any_of_v6(&v6, loopback6, ARRAY_SIZE(loopback6));
		url->link_local = is_any_of_v6(&v6, metadata6, ARRAY_SIZE(metadata6));
	}
}

int http_url_parse(const char *text, struct http_url *ret, struct error *err)
{
	struct http_url url = { .path = "/", .path_len = 1 };
	const char *p = text;

	if (check_bytes(text, err) < 0)
		return -1;
	if (!strncasecmp(p, "https://", 8))
		url.https = true;
	else if (strncasecmp(p, "http://", 7) != 0)
		return malformed(err, "it starts with neither https:// nor http://");
	p += url.https ? 8 : 7;

	size_t len = strcspn(p, "/?");
	const char *end = p + len;
	if (memchr(p, '@', len))
		return malformed(err, "it holds a user name");
	bool bracketed = *p == '[';
	const char *host = bracketed ? p + 1 : p;
	const char *host_end = memchr(host, bracketed ? ']' : ':', (size_t)(end - host));
	if (bracketed && !host_end)
		return malformed(err, "a bracket is left open");
	const char *port_at = host_end ? host_end + (bracketed ? 1 : 0) : end;
	if (copy_host(&url, host, (size_t)((host_end ? host_end : end) - host), bracketed, err) < 0)
		return -1;
	int port = url.https ? 443 : 80;
	if (port_at < end && (*port_at != ':' ||
			      parse_port(port_at + 1, (size_t)(end - port_at - 1), &port, err) < 0))
		return *port_at == ':' ? -1 : malformed(err, "something follows the bracket");

	const char *open = bracketed ? "[" : "", *close = bracketed ? "]" : "";
	if (port_at < end)
		snprintf(url.where, sizeof(url.where), "%s%s%s:%d", open, url.host, close, port);
	else
		snprintf(url.where, sizeof(url.where), "%s%s%s", open, url.host, close);
	snprintf(url.origin, sizeof(url.origin), "%s://%s%s%s:%d", url.https ? "https" : "http",
		 open, url.host, close, port);
	if (*end == '/') {
		url.path = end;
		url.path_len = strcspn(end, "?");
	}
	classify_host(&url);
	*ret = url;
	return 0;
}

int http_url_check_plain(const struct http_url *url, struct error *err)
{
	if (url->https || url->loopback || url->link_local)
		return 0;
	error_set(err, ERROR_CONFIG, "refusing plain http to '%s'", url->where);
	return error_hint(err, "use https://; http:// is for loopback and metadata addresses only");
}

bool http_url_is_loopback(const char *url)
{
	struct http_url parsed;
	struct error err = ERROR_INIT;

	return http_url_parse(url, &parsed, &err) == 0 && parsed.loopback;
}

/* RFC 9110's token. */
static bool is_token(const char *s)
{
	return text_is_token(s, "!#$%&'*+-.^_`|~", 256);
}

static bool is_field_value(const char *s)
{
	for (; *s; s++)
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
			return false;
	return true;
}

int http_check_request(const struct http_request *request, struct error *err)
{
	if (!request->method || !text_is_token(request->method, "", 16))
		return error_set(err, ERROR_USAGE, "malformed HTTP method");
	if (request->body_len && !request->body)
		return error_set(err, ERROR_USAGE, "a request body of %zu bytes is missing",
				 request->body_len);
	for (size_t i = 0; i < request->nr_headers; i++) {
		const struct http_header *header = &request->headers[i];

		if (!header->name || !is_token(header->name))
			return error_set(err, ERROR_USAGE, "malformed name of a request header");
		if (!header->value || !is_field_value(header->value))
			return error_set(err, ERROR_USAGE,
					 "request header '%s' holds a control byte", header->name);
	}
	return 0;
}
