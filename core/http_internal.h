/* SPDX-License-Identifier: Apache-2.0 */
/* What core/http*.c share, and their tests see. Nobody else includes this. */
#ifndef GPUCLOUD_CORE_HTTP_INTERNAL_H
#define GPUCLOUD_CORE_HTTP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/http.h"

/* --- core/http_url.c: a URL, read strictly, so that nobody reads it differently after us ------ */

#define HTTP_HOST_MAX 256

struct http_url {
	bool https;
	bool loopback;			/* 127.0.0.0/8, ::1, localhost */
	bool link_local;		/* one of the clouds' metadata addresses */
	char host[HTTP_HOST_MAX];	/* lower case, without brackets */
	char where[HTTP_HOST_MAX + 16]; /* for messages: host, and the port where the URL has one */
	char origin[HTTP_HOST_MAX + 32]; /* scheme://host:port, the port always there */
	const char *path;		 /* into the URL given: up to the query */
	size_t path_len;
};

/* ERROR_CONFIG; the URL itself is never part of the message, it may hold secrets. */
int http_url_parse(const char *text, struct http_url *ret, struct error *err);

/* Plain http only to where it cannot be overheard: loopback and metadata addresses. */
int http_url_check_plain(const struct http_url *url, struct error *err);

/* Method and headers: tokens, and values without control bytes (ERROR_USAGE). */
int http_check_request(const struct http_request *request, struct error *err);

/* --- core/http_reply.c: a reply as it arrives, held to its ceilings --------------------------- */

#define HTTP_HEADER_LINE_MAX ((size_t)16 << 10)
#define HTTP_HEAD_MAX	     ((size_t)256 << 10) /* all lines, interim replies included */
#define HTTP_ERROR_BODY_MAX  ((size_t)64 << 10)	 /* kept of a non-2xx body where there is a sink */

struct http_reply {
	struct http_attempt *attempt;
	const char *where; /* names the server in errors */
	size_t max_body;
	size_t header_cap;
	size_t head_bytes;
	size_t body_bytes; /* arrived so far */
	enum {
		HTTP_REPLY_STATUS,
		HTTP_REPLY_HEADERS,
		HTTP_REPLY_BODY
	} state;
	bool refused; /* the attempt's err says why */
};

void http_reply_init(struct http_reply *reply, struct http_attempt *attempt, const char *where);
/* One line of the head with or without its line end; an empty one ends the head. -1: refused. */
int http_reply_line(struct http_reply *reply, const char *line, size_t len);
int http_reply_body(struct http_reply *reply, const char *data, size_t len);
/* "8 MiB", "64 KiB", "100 bytes" */
const char *http_size_text(char out[32], size_t bytes);

/* --- core/http_explain.c: why there is no reply, in words ------------------------------------- */

#define HTTP_LOW_SPEED_S 60 /* less than a byte a second for so long: given up */

enum http_failure_kind {
	HTTP_FAILURE_CUT, /* the connection broke, at any point */
	HTTP_FAILURE_RESOLVE,
	HTTP_FAILURE_RESOLVE_PROXY,
	HTTP_FAILURE_PROXY, /* it would not let us through */
	HTTP_FAILURE_CONNECT,
	HTTP_FAILURE_CONNECT_TIMEOUT,
	HTTP_FAILURE_STALLED,
	HTTP_FAILURE_TIMEOUT,
	HTTP_FAILURE_CA_BUNDLE,
	HTTP_FAILURE_CERTIFICATE,
	HTTP_FAILURE_TLS,
	HTTP_FAILURE_TOO_LARGE, /* announced so */
	HTTP_FAILURE_NOT_HTTP,
};

struct http_failure {
	enum http_failure_kind kind;
	int os_errno;
	int proxy_status;      /* what it answered to CONNECT, or 0 */
	bool sent;	       /* bytes of the request may have left: nobody knows what was done */
	const char *details;   /* in the library's words, never empty */
	const char *ca_bundle; /* NULL: the system's store */
};

/* Fills the error of the attempt, and `final`. */
void http_explain(const struct http_failure *failure, const struct http_url *url,
		  const struct http_reply *reply);
int http_check_ca_bundle(const char *path, struct error *err);
int64_t http_timeout_ms(const struct http_request *request);
int64_t http_connect_timeout_ms(const struct http_request *request); /* within the whole's */

/* --- core/http_retry.c: whether and when to try again, and what time the server has ----------- */

#define HTTP_QUOTA_MAX	   500 /* retry tokens of one struct http, as botocore's standard mode */
#define HTTP_QUOTA_COST	   5
#define HTTP_QUOTA_TIMEOUT 10
#define HTTP_BACKOFF_MS	   50
#define HTTP_THROTTLE_MS   1000
#define HTTP_BACKOFF_MAX   20000
#define HTTP_SKEW_HOSTS	   64
#define HTTP_SKEW_RETRY_MS (INT64_C(4) * 60 * 1000)
#define HTTP_SKEW_RTT_MAX  (INT64_C(15) * 60 * 1000)

struct http_skew {
	char origin[HTTP_HOST_MAX + 32];
	int64_t ms;
};

struct http {
	struct http_transport transport;
	const struct clock *clock;
	const struct rng *rng;
	_Atomic uint64_t attempts;

	pthread_mutex_t lock; /* holds what follows, and the generator */
	int quota;
	struct http_skew skew[HTTP_SKEW_HOSTS];
	size_t nr_skew;
	size_t next_skew; /* the one to forget next when all are taken */
};

/* Full jitter: somewhere in [0, min(base * 2^(retry-1), 20 s)); retry counts from 1. */
int64_t http_backoff_ms(struct http *http, int64_t base_ms, int retry);
/* As that, but not below least_ms, doubled and bounded likewise. */
int64_t http_backoff_from_ms(struct http *http, int64_t least_ms, int64_t base_ms, int retry);

/* What Retry-After asks for, 0..20 s; -1 where it is absent or no such thing. */
int64_t http_retry_after_ms(const struct http_response *response, int64_t server_now_ms);

/* False, and nothing taken, where fewer than cost tokens are left. */
bool http_quota_take(struct http *http, int cost);
void http_quota_give(struct http *http, int tokens);

/* Server minus us in ms by the Date header; false where it cannot be told. */
bool http_response_skew(const struct http_response *response, int64_t *ret_ms);
void http_skew_store(struct http *http, const char *origin, int64_t ms);
int64_t http_skew_get(struct http *http, const char *origin);

/* The verdict where a call brings no classifier. */
enum http_verdict http_classify_default(const struct http_response *response, const char *where,
					struct error *err);

/* --- core/http.c: one call, from attempt to attempt; core/http_send.c sends them ---------------- */

/* One call on its way: what must be known of it from attempt to attempt. */
struct http_exchange {
	struct http_exchange *next; /* of those that wait for their next attempt */
	struct http_call *call;
	struct http_attempt attempt;
	struct arena arena; /* what sign() made for this attempt */
	struct http_url url;
	int64_t due_ms;		/* by the monotonic clock */
	int64_t signed_skew_ms; /* what sign() was told */
	int retries;
	int cost; /* tokens the last retry took */
	bool done;
	bool skew_retried;
	bool unknown; /* an attempt may have been carried out unseen */
};

/* Makes the next attempt ready to go; -1: the call is over. */
int http_exchange_prepare(struct http *http, struct http_exchange *x);
/* Judges an attempt that has ended: done, or due again at due_ms. */
void http_exchange_settle(struct http *http, struct http_exchange *x);
void http_exchange_cancel(struct http_exchange *x); /* an interrupt, while it waited */
void http_exchange_finish(struct http_exchange *x, int rc);

/* --- core/http_log.c -------------------------------------------------------------------------- */

void http_log_attempt(const struct http_attempt *attempt, const struct http_url *url, int number);
/* True for headers that carry credentials; their values are never logged. */
bool http_header_is_secret(const char *name);

/*
 * Is it a folder of certificates under the hashes of their names? The system's come as one file, and
 * mostly as such a folder beside it. The file is read whole before the first connection, 20 ms of
 * work; of the folder only the one that is needed is. With both, curl reads the file every time.
 */
bool http_trust_is_hashed(const char *path);

#endif
