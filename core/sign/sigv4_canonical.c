/* SPDX-License-Identifier: Apache-2.0 */
/* Headers as they are signed, and the signature itself. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/sign/sigv4_internal.h"
#include "core/text.h"

/* Changed or dropped on the way by proxies and client libraries. */
static const char never_signed[] = "authorization;connection;expect;keep-alive;"
				   "proxy-authenticate;proxy-authorization;te;trailer;"
				   "transfer-encoding;upgrade;user-agent;x-amzn-trace-id";

struct header {
	char *name; /* lower case */
	const char *value;
	size_t order; /* values of one name keep the order they came in */
};

bool sigv4_list_has(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = list; at; at = strchr(at, ';')) {
		at += *at == ';';
		if (strncasecmp(at, name, n) == 0 && (at[n] == ';' || at[n] == '\0'))
			return true;
	}
	return false;
}

const struct http_header *sigv4_find(const struct http_header *headers, size_t nr, const char *name)
{
	for (size_t i = 0; i < nr; i++) {
		if (strcasecmp(headers[i].name, name) == 0)
			return &headers[i];
	}
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	const struct header *p = a;
	const struct header *q = b;
	int order = strcmp(p->name, q->name);

	return order ? order : p->order < q->order ? -1 : 1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A line break must be followed by a blank (a folded line), or it would start another header. */
static bool is_folded_well(const char *value)
{
	for (const char *p = value; *p; p++) {
		if (*p == '\n' && p[1] != ' ' && p[1] != '\t')
			return false;
		if (*p == '\r' && p[1] != '\n')
			return false;
	}
	return true;
}

/* Trimmed, every run of blanks one space. */
static void add_value(struct buf *out, const char *value)
{
	size_t start = out->len;

	for (const char *p = value; *p; p++) {
		if (!is_blank(*p))
			buf_addch(out, *p);
		else if (out->len > start && p[1] && !is_blank(p[1]))
			buf_addch(out, ' ');
	}
}

static char *lower_name(struct arena *arena, const char *name)
{
	char *lower = arena_strdup(arena, name);

	for (char *p = lower; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	return lower;
}

static bool is_signed(const struct sigv4_headers *headers, const char *name)
{
	if (headers->only)
		return sigv4_list_has(headers->only, name);
	return !sigv4_list_has(never_signed, name) &&
	       !(headers->except && strcmp(headers->except, name) == 0);
}

/* Lower-case names, sorted, host among them. */
static int collect(const struct sigv4_headers *headers, struct arena *arena, struct header **ret,
		   size_t *ret_nr, struct error *err)
{
	if (headers->nr > SIGV4_MAX_HEADERS)
		return error_set(err, ERROR_USAGE, "cannot sign more than %d headers",
				 SIGV4_MAX_HEADERS);

	struct header *list = arena_alloc(arena, (headers->nr + 1) * sizeof(*list));
	size_t nr = 0;

	for (size_t i = 0; i < headers->nr; i++) {
		const struct http_header *given = &headers->given[i];

		if (!text_is_token(given->name, "!#$%&'*+-.^_`|~", 256))
			return error_set(err, ERROR_USAGE, "cannot sign a malformed header name");
		if (!is_folded_well(given->value))
			return error_set(err, ERROR_USAGE,
					 "cannot sign header '%s': it holds a line break",
					 given->name);

		char *name = lower_name(arena, given->name);

		if (strcmp(name, "host") != 0 && is_signed(headers, name))
			list[nr++] = (struct header){ name, given->value, i };
	}
	if (is_signed(headers, "host"))
		list[nr++] = (struct header){ arena_strdup(arena, "host"), headers->host, 0 };
	qsort(list, nr, sizeof(*list), by_name);
	*ret = list;
	*ret_nr = nr;
	return 0;
}

int sigv4_headers(const struct sigv4_headers *headers, struct arena *arena, char **ret_block,
		  char **ret_names, struct error *err)
{
	struct header *list = NULL;
	size_t nr = 0;
	struct buf block = BUF_INIT;
	struct buf names = BUF_INIT;

	if (collect(headers, arena, &list, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++) {
		if (i && strcmp(list[i - 1].name, list[i].name) == 0) {
			buf_addch(&block, ',');
		} else {
			buf_addf(&names, "%s%s", i ? ";" : "", list[i].name);
			buf_addf(&block, "%s%s:", i ? "\n" : "", list[i].name);
		}
		add_value(&block, list[i].value);
	}
	buf_addch(&block, '\n');
	*ret_block = arena_strndup(arena, block.data, block.len);
	*ret_names = arena_strndup(arena, names.data, names.len);
	buf_release(&block);
	buf_release(&names);
	return 0;
}

static void signing_key(const struct sigv4_request *request, const char *secret_key,
			unsigned char key[SHA256_LEN])
{
	const char *const steps[] = { request->region, request->service, SIGV4_TERMINATOR };
	struct buf seed = BUF_INIT;

	buf_addf(&seed, "AWS4%s", secret_key);
	hmac_sha256(seed.data, seed.len, request->date, strlen(request->date), key);
	buf_wipe(&seed);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		hmac_sha256(key, SHA256_LEN, steps[i], strlen(steps[i]), key);
}

void sigv4_compute(const struct sigv4_request *request, const char *secret_key, struct arena *arena,
		   struct sigv4_result *ret)
{
	unsigned char key[SHA256_LEN];
	unsigned char mac[SHA256_LEN];
	char hash[SHA256_HEX_MAX];
	struct buf hex = BUF_INIT;

	ret->canonical_request =
		arena_printf(arena, "%s\n%s\n%s\n%s\n%s\n%s", request->method, request->path,
			     request->query, request->block, request->names, request->payload);
	sha256_hex(ret->canonical_request, strlen(ret->canonical_request), hash);
	ret->string_to_sign = arena_printf(arena, SIGV4_ALGORITHM "\n%s\n%s\n%s", request->time,
					   request->scope, hash);
	signing_key(request, secret_key, key);
	hmac_sha256(key, sizeof(key), ret->string_to_sign, strlen(ret->string_to_sign), mac);
	OPENSSL_cleanse(key, sizeof(key));
	hex_encode(&hex, mac, sizeof(mac));
	ret->signature = arena_strndup(arena, hex.data, hex.len);
	buf_release(&hex);
}
