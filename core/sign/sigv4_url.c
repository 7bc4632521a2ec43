/* SPDX-License-Identifier: Apache-2.0 */
/* URL, path and query as they are signed. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/sign/sigv4_internal.h"

static char *take(struct arena *arena, struct buf *buf)
{
	char *text = arena_strndup(arena, buf->data, buf->len);

	buf_release(buf);
	return text;
}

char *sigv4_host(struct arena *arena, const char *host, size_t len, bool https)
{
	const char *port = https ? ":443" : ":80";
	size_t n = strlen(port);

	if (len > n && memcmp(host + len - n, port, n) == 0)
		len -= n;

	char *lower = arena_strndup(arena, host, len);

	for (char *p = lower; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	return lower;
}

static bool has_control(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	}
	return false;
}

int sigv4_url_parse(const char *url, struct arena *arena, struct sigv4_url *ret, struct error *err)
{
	bool https = strncasecmp(url, "https://", 8) == 0;

	if (!https && strncasecmp(url, "http://", 7) != 0)
		return error_set(err, ERROR_USAGE, "cannot sign a URL that is not http or https");
	if (has_control(url))
		return error_set(err, ERROR_USAGE, "cannot sign a URL with control characters");

	const char *host = url + (https ? 8 : 7);
	size_t host_len = strcspn(host, "/?#");

	if (!host_len || memchr(host, '@', host_len) || memchr(host, ' ', host_len))
		return error_set(err, ERROR_USAGE, "cannot sign a URL without a plain host name");

	const char *path = host + host_len;
	const char *mark = path + strcspn(path, "?#");

	*ret = (struct sigv4_url){
		.text = url,
		.origin_len = (size_t)(path - url),
		.path = path,
		.path_len = (size_t)(mark - path),
		.query = *mark == '?' ? mark + 1 : NULL,
		.query_len = *mark == '?' ? strcspn(mark + 1, "#") : 0,
		.https = https,
		.host = sigv4_host(arena, host, host_len, https),
	};
	return 0;
}

static void drop_segment(struct buf *out)
{
	const char *slash = strrchr(out->data, '/');

	if (slash) {
		out->len = (size_t)(slash - out->data);
		out->data[out->len] = '\0';
	}
}

/* Drops "." and empty segments, and takes one back for each "..", as all services but S3 do. */
static void normalize(struct buf *out, const char *path, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = 0;

		while (at + n < len && path[at + n] != '/')
			n++;
		if (n == 2 && memcmp(path + at, "..", 2) == 0) {
			drop_segment(out);
		} else if (n && !(n == 1 && path[at] == '.')) {
			buf_addch(out, '/');
			buf_add(out, path + at, n);
		}
		at += n + 1;
	}
	if (!out->len || path[len - 1] == '/')
		buf_addch(out, '/');
}

/* The wire's bytes; what cannot stand in a URL (a space, UTF-8) is what the wire would escape. */
static void encode_raw(struct buf *out, const char *path, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr("%/:?#[]@!$&'()*+,;=", path[i]))
			buf_addch(out, path[i]);
		else
			url_encode(out, path + i, 1, false);
	}
}

char *sigv4_path(struct arena *arena, const struct sigv4_url *url, bool raw)
{
	struct buf out = BUF_INIT;

	if (!url->path_len) {
		buf_addch(&out, '/');
	} else if (raw) {
		encode_raw(&out, url->path, url->path_len);
	} else {
		struct buf plain = BUF_INIT;

		normalize(&plain, url->path, url->path_len);
		url_encode(&out, plain.data, plain.len, true);
		buf_release(&plain);
	}
	return take(arena, &out);
}

static bool is_escape(const char *s, size_t len)
{
	return len > 2 && s[0] == '%' && s[1] && s[2] && strchr("0123456789abcdefABCDEF", s[1]) &&
	       strchr("0123456789abcdefABCDEF", s[2]);
}

/* One spelling for every name and value: decoded where escaped, then escaped by RFC 3986. */
static char *respell(struct arena *arena, const char *s, size_t len)
{
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < len; i++) {
		if (is_escape(s + i, len - i)) {
			char hex[3] = { s[i + 1], s[i + 2], '\0' };
			char byte = (char)strtoul(hex, NULL, 16);

			url_encode(&out, &byte, 1, false);
			i += 2;
		} else {
			url_encode(&out, s + i, 1, false);
		}
	}
	return take(arena, &out);
}

struct parameter {
	const char *name, *value;
};

static int by_name_and_value(const void *a, const void *b)
{
	const struct parameter *p = a;
	const struct parameter *q = b;
	int order = strcmp(p->name, q->name);

	return order ? order : strcmp(p->value, q->value);
}

char *sigv4_query(struct arena *arena, const char *query, size_t len)
{
	struct parameter *params = NULL;
	size_t nr = 0;
	size_t cap = 0;
	struct buf out = BUF_INIT;

	for (size_t at = 0; at < len;) {
		const char *pair = query + at;
		const char *end = memchr(pair, '&', len - at);
		size_t n = end ? (size_t)(end - pair) : len - at;
		const char *equals = memchr(pair, '=', n);
		size_t name_len = equals ? (size_t)(equals - pair) : n;

		at += n + 1;
		if (!n)
			continue;
		params = arena_grow(arena, params, nr, &cap, sizeof(*params));
		params[nr].name = respell(arena, pair, name_len);
		params[nr].value = equals ? respell(arena, equals + 1, n - name_len - 1) : "";
		nr++;
	}
	if (nr)
		qsort(params, nr, sizeof(*params), by_name_and_value);
	for (size_t i = 0; i < nr; i++)
		buf_addf(&out, "%s%s=%s", i ? "&" : "", params[i].name, params[i].value);
	return take(arena, &out);
}
