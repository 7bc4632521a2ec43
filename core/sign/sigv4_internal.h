/* SPDX-License-Identifier: Apache-2.0 */
/* Inside core/sign: the canonical request, which signing and verifying build alike. */
#ifndef GPUCLOUD_CORE_SIGN_SIGV4_INTERNAL_H
#define GPUCLOUD_CORE_SIGN_SIGV4_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/sign/sigv4.h"

#define SIGV4_ALGORITHM	  "AWS4-HMAC-SHA256"
#define SIGV4_TERMINATOR  "aws4_request"
#define SIGV4_PAYLOAD	  "x-amz-content-sha256"
#define SIGV4_UNSIGNED	  "UNSIGNED-PAYLOAD"
#define SIGV4_MAX_HEADERS 256

/* The parts of a URL, in place; the fragment is never sent and so no part of it. */
struct sigv4_url {
	const char *text;
	size_t origin_len; /* "https://host:port" */
	const char *path;  /* may be empty */
	size_t path_len;
	const char *query; /* NULL: no '?' */
	size_t query_len;
	bool https;
	char *host; /* as signed: lower case, without the default port */
};

int sigv4_url_parse(const char *url, struct arena *arena, struct sigv4_url *ret, struct error *err);

/* A host as it is signed: lower case, without the scheme's default port. */
char *sigv4_host(struct arena *arena, const char *host, size_t len, bool https);

char *sigv4_path(struct arena *arena, const struct sigv4_url *url, bool raw);
char *sigv4_query(struct arena *arena, const char *query, size_t len);

/* Which headers count: the given ones and host. */
struct sigv4_headers {
	const struct http_header *given;
	size_t nr;
	const char *host;
	const char *only;   /* "a;b": exactly these (verifying); NULL: all that may be signed */
	const char *except; /* one more name to leave out, or NULL */
};

/* *ret_block: "name:value\n" for each, sorted; *ret_names: "a;b". */
int sigv4_headers(const struct sigv4_headers *headers, struct arena *arena, char **ret_block,
		  char **ret_names, struct error *err);

/* The value of the only header of that name; NULL where there is none. */
const struct http_header *sigv4_find(const struct http_header *headers, size_t nr,
				     const char *name);

/* True if name is one of "a;b;c", in whatever case. */
bool sigv4_list_has(const char *list, const char *name);

/* What one signature is made of, beside the secret. */
struct sigv4_request {
	const char *method, *path, *query, *block, *names, *payload; /* canonical */
	const char *time, *scope, *date, *region, *service;
};

/* Fills canonical_request, string_to_sign and signature. */
void sigv4_compute(const struct sigv4_request *request, const char *secret_key, struct arena *arena,
		   struct sigv4_result *ret);

#endif
