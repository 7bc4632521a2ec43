/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who signed a request, checked as AWS does: the key must exist, a temporary one needs its token and
 * its time, the body must be the one that was signed, the scope's service, region and date must be
 * right, and the signer's clock within five minutes of ours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/arena.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/sign/sigv4.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "simulator/cloud/places.h"
#include "simulator/cloud/service.h"

#define CLOCK_TOLERANCE_S 300

enum auth_fault {
	AUTH_MISSING,
	AUTH_INCOMPLETE,
	AUTH_SCOPE,
	AUTH_UNKNOWN_KEY,
	AUTH_SIGNATURE,
	AUTH_EARLY,   /* the signer's clock is ahead */
	AUTH_LATE,    /* the signer's clock is behind, or the request was long under way */
	AUTH_EXPIRED, /* temporary credentials that have ended */
	AUTH_FAULT_COUNT
};

struct shape {
	int status;
	const char *code;
	const char *message;
};

#define EC2_REFUSED "AWS was not able to validate the provided access credentials"
#define BAD_TOKEN   "The security token included in the request is invalid."
#define BAD_SIGNATURE                                                                           \
	"The request signature we calculated does not match the signature you provided. Check " \
	"your AWS Secret Access Key and signing method."
#define BAD_SCOPE "Credential should be scoped to a valid region and to the correct service."
#define NO_TOKEN  "Request is missing Authentication Token"
#define EARLY	  "Signature not yet current: the signature's date is ahead of the server's clock"
#define LATE	  "Signature expired: the signature's date is more than 5 min. old"

static const struct shape shapes[][AUTH_FAULT_COUNT] = {
	[PROTOCOL_EC2] = {
		[AUTH_MISSING] = { 403, "MissingAuthenticationToken", NO_TOKEN },
		[AUTH_INCOMPLETE] = { 400, "IncompleteSignature", NULL },
		[AUTH_SCOPE] = { 401, "AuthFailure", BAD_SCOPE },
		[AUTH_UNKNOWN_KEY] = { 401, "AuthFailure", EC2_REFUSED },
		[AUTH_SIGNATURE] = { 401, "AuthFailure", EC2_REFUSED },
		[AUTH_EARLY] = { 401, "AuthFailure", EC2_REFUSED },
		[AUTH_LATE] = { 400, "RequestExpired", "Request has expired." },
		[AUTH_EXPIRED] = { 400, "RequestExpired", "Request has expired." },
	},
	[PROTOCOL_STS] = {
		[AUTH_MISSING] = { 403, "MissingAuthenticationToken", NO_TOKEN },
		[AUTH_INCOMPLETE] = { 400, "IncompleteSignature", NULL },
		[AUTH_SCOPE] = { 403, "SignatureDoesNotMatch", BAD_SCOPE },
		[AUTH_UNKNOWN_KEY] = { 403, "InvalidClientTokenId", BAD_TOKEN },
		[AUTH_SIGNATURE] = { 403, "SignatureDoesNotMatch", BAD_SIGNATURE },
		[AUTH_EARLY] = { 403, "SignatureDoesNotMatch", EARLY },
		[AUTH_LATE] = { 403, "SignatureDoesNotMatch", LATE },
		[AUTH_EXPIRED] = { 403, "ExpiredToken",
				   "The security token included in the request is expired" },
	},
	[PROTOCOL_JSON] = {
		[AUTH_MISSING] = { 400, "MissingAuthenticationTokenException", NO_TOKEN },
		[AUTH_INCOMPLETE] = { 400, "IncompleteSignatureException", NULL },
		[AUTH_SCOPE] = { 400, "InvalidSignatureException", BAD_SCOPE },
		[AUTH_UNKNOWN_KEY] = { 400, "UnrecognizedClientException", BAD_TOKEN },
		[AUTH_SIGNATURE] = { 400, "InvalidSignatureException", BAD_SIGNATURE },
		[AUTH_EARLY] = { 400, "InvalidSignatureException", EARLY },
		[AUTH_LATE] = { 400, "InvalidSignatureException", LATE },
		[AUTH_EXPIRED] = { 400, "ExpiredTokenException",
				   "The security token included in the request is expired" },
	},
};

struct check {
	struct cloud *cloud;
	const struct cloud_request *request;
	const struct route *route;
	const struct sim_clock *clock;
	struct cloud_reply *reply;
	struct arena arena;
};

static int refuse(struct check *check, enum auth_fault fault, const char *detail)
{
	const struct shape *shape = &shapes[check->route->protocol][fault];

	service_error(check->cloud, check->route, check->reply, shape->status, shape->code,
		      shape->message ? shape->message : detail);
	return -1;
}

const char *request_header(const struct cloud_request *request, const char *name)
{
	for (size_t i = 0; i < request->nr_headers; i++) {
		if (strcasecmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	}
	return NULL;
}

/* The request as it was signed. The host is part of the URL, so its header is left out. */
static struct sigv4_input signed_input(struct check *check)
{
	const struct cloud_request *request = check->request;
	struct http_header *headers =
		arena_alloc(&check->arena, (request->nr_headers + 1) * sizeof(*headers));
	struct sigv4_input input = {
		.method = request->method,
		.url = arena_printf(&check->arena, "%s://%s%s%s%s", request->tls ? "https" : "http",
				    request->host, request->path, *request->query ? "?" : "",
				    request->query),
		.headers = headers,
		.body = request->body,
		.body_len = request->len,
	};

	for (size_t i = 0; i < request->nr_headers; i++) {
		if (strcasecmp(request->headers[i].name, "host") != 0)
			headers[input.nr_headers++] = request->headers[i];
	}
	return input;
}

/* A hash that the client sent and signed stands for the body: it must be the body's own. */
static bool body_is_signed(const struct check *check)
{
	const char *said = request_header(check->request, "x-amz-content-sha256");
	char hex[SHA256_HEX_MAX];

	if (!said)
		return true;
	sha256_hex(check->request->body ? check->request->body : "", check->request->len, hex);
	return strcmp(said, hex) == 0;
}

static bool token_fits(const struct check *check, const struct cloud_key *key)
{
	const char *token = request_header(check->request, "x-amz-security-token");
	size_t n;

	if (!token || !key->session_token)
		return !token && !key->session_token;
	n = strlen(token);
	return n == strlen(key->session_token) && bytes_equal(token, key->session_token, n);
}

/* Pricing has endpoints in three regions only, whatever the region that is asked about. */
static bool scope_fits(const struct check *check, const struct sigv4_claim *claim)
{
	char date[TIME_TEXT_MAX];

	time_format_basic(date, claim->time_s);
	if (strncmp(claim->date, date, 8) != 0 || strlen(claim->date) != 8)
		return false;
	if (strcmp(claim->service, check->route->service) != 0)
		return false;
	if (strcmp(claim->service, "pricing") == 0)
		return text_equal(claim->region, "us-east-1") ||
		       text_equal(claim->region, "eu-central-1") ||
		       text_equal(claim->region, "ap-south-1");
	return place_region_find(claim->region) != NULL;
}

/* Keys do not work where the account has not opted in; AWS says no more than that. */
static bool region_open(const struct sigv4_claim *claim)
{
	const struct place_region *region = place_region_find(claim->region);

	return !region || strcmp(region->opt_in, "not-opted-in") != 0;
}

/* By the nearer of both clocks. */
static int64_t lateness(const struct sim_clock *clock, int64_t time_s)
{
	int64_t shown = clock->shown_ms / 1000 - time_s, also = clock->also_ms / 1000 - time_s;

	return llabs(also) < llabs(shown) ? also : shown;
}

static int verify(struct check *check, const struct cloud_key **ret)
{
	struct sigv4_input input = signed_input(check);
	struct sigv4_claim claim;
	struct error err = ERROR_INIT;
	const struct cloud_key *key;
	int64_t late;

	if (!request_header(check->request, "authorization"))
		return refuse(check, AUTH_MISSING, NULL);
	if (sigv4_claim_parse(&input, &check->arena, &claim, &err))
		return refuse(check, AUTH_INCOMPLETE, err.message);
	if (!scope_fits(check, &claim))
		return refuse(check, AUTH_SCOPE, NULL);
	key = cloud_key_find(check->cloud, claim.access_key);
	if (!key || !token_fits(check, key) || !region_open(&claim))
		return refuse(check, AUTH_UNKNOWN_KEY, NULL);
	if (!body_is_signed(check) || sigv4_verify(&input, &claim, key->secret_key, &err))
		return refuse(check, AUTH_SIGNATURE, NULL);
	late = lateness(check->clock, claim.time_s);
	if (late > CLOCK_TOLERANCE_S)
		return refuse(check, AUTH_LATE, NULL);
	if (late < -CLOCK_TOLERANCE_S)
		return refuse(check, AUTH_EARLY, NULL);
	if (key->expires_ms && check->clock->shown_ms >= key->expires_ms)
		return refuse(check, AUTH_EXPIRED, NULL);
	*ret = key;
	return 0;
}

int auth_check(struct cloud *cloud, const struct cloud_request *request, const struct route *route,
	       const struct sim_clock *clock, const struct cloud_key **ret,
	       struct cloud_reply *reply)
{
	struct check check = {
		.cloud = cloud, .request = request, .route = route, .clock = clock, .reply = reply
	};
	int rc = verify(&check, ret);

	arena_release(&check.arena);
	return rc;
}
