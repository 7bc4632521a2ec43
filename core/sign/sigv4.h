/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4, pure: no clock, no I/O.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 *
 * Never signed: connection, expect, keep-alive, proxy-authenticate, proxy-authorization, te,
 * trailer, transfer-encoding, upgrade, user-agent, x-amzn-trace-id, authorization.
 *
 * The payload's hash is the value of a given x-amz-content-sha256 header, else that of the body.
 */
#ifndef GPUCLOUD_CORE_SIGN_SIGV4_H
#define GPUCLOUD_CORE_SIGN_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/http.h"

struct error;

struct sigv4_key {
	const char *access_key;
	const char *secret_key;
	const char *session_token; /* or NULL */
	const char *region;
	const char *service;
};

struct sigv4_options {
	bool raw_path;         /* S3: sign the path as on the wire: no normalising, no second encoding */
	bool sign_body_header; /* add x-amz-content-sha256 and sign it */
	bool token_unsigned;   /* add the session token after signing (some old services) */
	bool unsigned_payload; /* S3: "UNSIGNED-PAYLOAD" instead of the body's hash */
	int64_t expires_s;     /* presigned URLs only: 1 s to 7 days */
};

/*
 * What is signed. The URL may carry a query; host is taken from it (a Host among the headers is
 * dropped). Header values may be folded. Headers that signing itself makes are replaced.
 */
struct sigv4_input {
	const char *method;
	const char *url; /* absolute */
	const struct http_header *headers;
	size_t nr_headers;
	const void *body;
	size_t body_len;
};

/* Everything in the arena handed in. */
struct sigv4_result {
	char *canonical_request;
	char *string_to_sign;
	char *signature;        /* 64 hex digits */
	char *authorization;    /* header signing only */
	char *url;              /* presigning only */
	struct http_header *headers; /* all headers to send: those given, Host excluded, then
					X-Amz-Security-Token, X-Amz-Date, x-amz-content-sha256,
					Authorization (presigning: only those given) */
	size_t nr_headers;
};

int sigv4_sign(const struct sigv4_key *key, const struct sigv4_options *options, int64_t now_s,
	       const struct sigv4_input *input, struct arena *arena, struct sigv4_result *ret,
	       struct error *err);
int sigv4_presign(const struct sigv4_key *key, const struct sigv4_options *options, int64_t now_s,
		  const struct sigv4_input *input, struct arena *arena, struct sigv4_result *ret,
		  struct error *err);

/*
 * The other side (the simulator): finds the scope in an Authorization header and computes what the
 * signature must be for that secret. Host is taken from a Host header, else from the URL. Failures
 * are ERROR_AUTH with AWS's code: MissingAuthenticationToken, IncompleteSignature,
 * SignatureDoesNotMatch. Whether time_s is near enough is the caller's business.
 */
struct sigv4_claim {
	const char *access_key, *date, *region, *service; /* of the scope; in the arena */
	const char *signed_headers;                       /* "host;x-amz-date" */
	const char *signature;
	int64_t time_s; /* X-Amz-Date */
};
int sigv4_claim_parse(const struct sigv4_input *input, struct arena *arena,
		      struct sigv4_claim *ret, struct error *err);
/* 0 when it verifies; ERROR_AUTH where not. Also refuses unsigned host or x-amz-* headers, and an
 * x-amz-content-sha256 that is not the body's (UNSIGNED-PAYLOAD is for service "s3" only, which is
 * also the one whose path is taken raw). */
int sigv4_verify(const struct sigv4_input *input, const struct sigv4_claim *claim,
		 const char *secret_key, struct error *err);

#endif
