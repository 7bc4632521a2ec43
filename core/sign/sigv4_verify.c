/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of a signature, for the simulator. Every byte here comes from outside. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/codec.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/sign/sigv4_internal.h"
#include "core/text.h"
#include "core/timefmt.h"

#define AUTHORIZATION_MAX 8192

static int refuse(struct error *err, const char *code, const char *message)
{
	error_set(err, ERROR_AUTH, "%s", message);
	snprintf(err->code, sizeof(err->code), "%s", code);
	return -1;
}

static int incomplete(struct error *err, const char *message)
{
	return refuse(err, "IncompleteSignature", message);
}

static int mismatch(struct error *err, const char *message)
{
	return refuse(err, "SignatureDoesNotMatch", message);
}

/* Two headers of one name would leave open which of them was meant. */
static bool is_repeated(const struct sigv4_input *input, const struct http_header *header)
{
	size_t after = (size_t)(header - input->headers) + 1;

	return sigv4_find(header + 1, input->nr_headers - after, header->name) != NULL;
}

static bool is_digits(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
	}
	return true;
}

/* "20150830T123600Z" */
static int parse_time(const char *text, int64_t *ret)
{
	char rfc[TIME_TEXT_MAX];
	struct error ignored = ERROR_INIT;

	if (strnlen(text, 17) != 16 || !is_digits(text, 8) || text[8] != 'T' ||
	    !is_digits(text + 9, 6) || text[15] != 'Z')
		return -1;
	snprintf(rfc, sizeof(rfc), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", text, text + 4, text + 6,
		 text + 9, text + 11, text + 13);
	return time_parse(rfc, "X-Amz-Date", ret, &ignored);
}

/* "AKID/20150830/us-east-1/ec2/aws4_request" */
static int parse_credential(char *text, struct sigv4_claim *claim, struct error *err)
{
	char *parts[5] = { text };
	size_t nr = 1;

	for (char *p = text; *p; p++) {
		if (*p != '/')
			continue;
		if (nr == ARRAY_SIZE(parts))
			return incomplete(err, "the credential scope has too many parts");
		*p = '\0';
		parts[nr++] = p + 1;
	}
	if (nr != ARRAY_SIZE(parts))
		return incomplete(err, "the credential scope has too few parts");
	if (!text_is_token(parts[0], "_-.", 256))
		return incomplete(err, "the access key id in the credential is malformed");
	if (strlen(parts[1]) != 8 || !is_digits(parts[1], 8))
		return incomplete(err, "the date in the credential scope is malformed");
	if (!text_is_token(parts[2], "-_", 64) || !text_is_token(parts[3], "-_.", 64))
		return incomplete(err, "the credential scope names no region or no service");
	if (strcmp(parts[4], SIGV4_TERMINATOR) != 0)
		return incomplete(err,
				  "the credential scope does not end in '" SIGV4_TERMINATOR "'");
	claim->access_key = parts[0];
	claim->date = parts[1];
	claim->region = parts[2];
	claim->service = parts[3];
	return 0;
}

static int parse_signed_headers(char *text, struct sigv4_claim *claim, struct error *err)
{
	for (const char *p = text; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			return incomplete(err, "SignedHeaders must be in lower case");
	}
	if (!text_is_token(text, ";!#$%&'*+-.^_`|~", AUTHORIZATION_MAX))
		return incomplete(err, "SignedHeaders is malformed");
	claim->signed_headers = text;
	return 0;
}

static int parse_signature(char *text, struct sigv4_claim *claim, struct error *err)
{
	if (strlen(text) != 2 * SHA256_LEN || strspn(text, "0123456789abcdef") != 2 * SHA256_LEN)
		return incomplete(err, "Signature is not 64 hex digits");
	claim->signature = text;
	return 0;
}

/* One "name=value" of the header; each may come once, in any order. */
static int parse_part(char *part, struct sigv4_claim *claim, struct error *err)
{
	static const struct {
		const char *name;
		int (*parse)(char *text, struct sigv4_claim *claim, struct error *err);
	} parts[] = {
		{ "Credential=", parse_credential },
		{ "SignedHeaders=", parse_signed_headers },
		{ "Signature=", parse_signature },
	};
	const void *known[] = { claim->access_key, claim->signed_headers, claim->signature };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!text_starts_with(part, parts[i].name))
			continue;
		if (known[i])
			return incomplete(err, "the Authorization header repeats itself");
		return parts[i].parse(part + strlen(parts[i].name), claim, err);
	}
	return incomplete(err, "the Authorization header has an unknown part");
}

static int parse_authorization(char *text, struct sigv4_claim *claim, struct error *err)
{
	char *at = text + strlen(SIGV4_ALGORITHM);

	if (!text_starts_with(text, SIGV4_ALGORITHM) || (*at != ' ' && *at != '\t'))
		return incomplete(err, "the Authorization header is not " SIGV4_ALGORITHM);
	while (at) {
		char *part = at + strspn(at, " \t");

		at = strchr(part, ',');
		if (at)
			*at++ = '\0';
		for (size_t n = strlen(part); n && strchr(" \t", part[n - 1]); n--)
			part[n - 1] = '\0';
		if (parse_part(part, claim, err) < 0)
			return -1;
	}
	if (!claim->access_key || !claim->signed_headers || !claim->signature)
		return incomplete(err, "the Authorization header needs Credential, SignedHeaders "
				       "and Signature");
	return 0;
}

int sigv4_claim_parse(const struct sigv4_input *input, struct arena *arena, struct sigv4_claim *ret,
		      struct error *err)
{
	const struct http_header *header =
		sigv4_find(input->headers, input->nr_headers, "Authorization");
	const struct http_header *date =
		sigv4_find(input->headers, input->nr_headers, "X-Amz-Date");
	struct sigv4_claim claim = { .access_key = NULL };

	if (!header)
		return refuse(err, "MissingAuthenticationToken", "the request is not signed");
	if (is_repeated(input, header))
		return incomplete(err, "the request has two Authorization headers");
	if (strnlen(header->value, AUTHORIZATION_MAX + 1) > AUTHORIZATION_MAX)
		return incomplete(err, "the Authorization header is too long");
	if (parse_authorization(arena_strdup(arena, header->value), &claim, err) < 0)
		return -1;
	if (!date)
		return incomplete(err, "the request has no X-Amz-Date header");
	if (is_repeated(input, date) || parse_time(date->value, &claim.time_s) < 0)
		return incomplete(err, "the X-Amz-Date header is malformed");
	if (strncmp(date->value, claim.date, 8) != 0)
		return mismatch(err, "the credential scope is of another day than X-Amz-Date");
	*ret = claim;
	return 0;
}

/* Host and everything x-amz-* must be under the signature, or it could be changed on the way. */
static int check_coverage(const struct sigv4_input *input, const char *names, struct error *err)
{
	if (!sigv4_list_has(names, "host"))
		return mismatch(err, "the Host header is not signed");
	for (size_t i = 0; i < input->nr_headers; i++) {
		const char *name = input->headers[i].name;

		if (strncasecmp(name, "x-amz-", 6) == 0 && !sigv4_list_has(names, name))
			return mismatch(err, "an x-amz-* header is not signed");
	}
	return 0;
}

static int check_payload(const struct sigv4_input *input, bool s3, char hash[SHA256_HEX_MAX],
			 const char **ret, struct error *err)
{
	const struct http_header *given =
		sigv4_find(input->headers, input->nr_headers, SIGV4_PAYLOAD);

	sha256_hex(input->body, input->body_len, hash);
	*ret = hash;
	if (!given)
		return 0;
	if (s3 && strcmp(given->value, SIGV4_UNSIGNED) == 0)
		*ret = SIGV4_UNSIGNED;
	else if (strcmp(given->value, hash) != 0)
		return mismatch(err, SIGV4_PAYLOAD " is not the hash of the body");
	return 0;
}

/* The canonical request of what came in, under the headers that the claim names. */
static int rebuild(const struct sigv4_input *input, const struct sigv4_claim *claim,
		   struct arena *arena, struct sigv4_request *request, struct error *err)
{
	const struct http_header *host = sigv4_find(input->headers, input->nr_headers, "Host");
	struct sigv4_url url;
	char *block = NULL;
	char *names = NULL;

	if (sigv4_url_parse(input->url, arena, &url, err) < 0)
		return -1;
	if (host && is_repeated(input, host))
		return mismatch(err, "the request has two Host headers");

	struct sigv4_headers headers = {
		.given = input->headers,
		.nr = input->nr_headers,
		.host = host ? sigv4_host(arena, host->value, strlen(host->value), url.https)
			     : url.host,
		.only = claim->signed_headers,
	};

	if (sigv4_headers(&headers, arena, &block, &names, err) < 0)
		return -1;
	if (strcmp(names, claim->signed_headers) != 0)
		return mismatch(err, "SignedHeaders is not sorted, or names a header that the "
				     "request lacks");
	request->method = input->method;
	request->path = sigv4_path(arena, &url, strcmp(claim->service, "s3") == 0);
	request->query = sigv4_query(arena, url.query, url.query_len);
	request->block = block;
	request->names = names;
	return 0;
}

int sigv4_verify(const struct sigv4_input *input, const struct sigv4_claim *claim,
		 const char *secret_key, struct error *err)
{
	struct arena arena = { 0 };
	char time[TIME_TEXT_MAX];
	char hash[SHA256_HEX_MAX];
	struct sigv4_request request = {
		.time = time_format_basic(time, claim->time_s),
		.date = claim->date,
		.region = claim->region,
		.service = claim->service,
	};
	struct sigv4_result want = { .url = NULL };
	int rc = -1;

	if (check_coverage(input, claim->signed_headers, err) < 0 ||
	    check_payload(input, strcmp(claim->service, "s3") == 0, hash, &request.payload, err) <
		    0)
		return -1;
	if (rebuild(input, claim, &arena, &request, err) < 0) {
		err->kind = ERROR_AUTH;
		if (!err->code[0])
			snprintf(err->code, sizeof(err->code), "IncompleteSignature");
	} else {
		request.scope = arena_printf(&arena, "%s/%s/%s/" SIGV4_TERMINATOR, claim->date,
					     claim->region, claim->service);
		sigv4_compute(&request, secret_key, &arena, &want);
		if (strlen(claim->signature) == strlen(want.signature) &&
		    bytes_equal(claim->signature, want.signature, strlen(want.signature)))
			rc = 0;
		else
			mismatch(err, "the signature does not match: another secret key, or the "
				      "request was changed on its way");
	}
	arena_release(&arena);
	return rc;
}
