/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP, many requests at once, over a transport that can be replaced (the simulator's cloud plugs
 * straight in). Above the transport, once for all clouds: signing per attempt, retry with full
 * jitter and a retry quota, classification by the provider's error code before the status, clock
 * skew learned from Date headers.
 *
 * The curl transport (core/http_curl.c, the only file that includes curl): https only, http to
 * loopback and link-local metadata addresses alone; no redirects; TLS always verified; no netrc, no
 * cookies; proxies from the environment (not for loopback and link-local); a fresh limit on every
 * body. Nothing is initialised before the first request.
 */
#ifndef GPUCLOUD_CORE_HTTP_H
#define GPUCLOUD_CORE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"

struct clock;
struct rng;
struct settings;

struct http_header {
	const char *name;  /* as sent; compared without case */
	const char *value; /* no CR, LF or NUL: refused */
};

#define HTTP_BODY_MAX     ((size_t)8 << 20) /* the default ceiling of a reply's body */
#define HTTP_HEADERS_MAX  128               /* headers of one reply, 16 KiB each */
#define HTTP_TIMEOUT_MS   30000
#define HTTP_CONNECT_MS   10000
#define HTTP_ATTEMPTS_MAX 4

/* What goes over the wire in one attempt: everything borrowed, valid until the attempt ends. */
struct http_request {
	const char *method; /* "GET", "POST", "PUT", "DELETE" */
	const char *url;
	const struct http_header *headers;
	size_t nr_headers;
	const void *body; /* NULL: none */
	size_t body_len;
	int64_t timeout_ms;         /* 0: HTTP_TIMEOUT_MS; for the whole attempt */
	int64_t connect_timeout_ms; /* 0: HTTP_CONNECT_MS */
	size_t max_body;            /* 0: HTTP_BODY_MAX */
	/* What it asks for, in the log: "us-east-1 RunInstances", under the topic "aws". NULL: method
	 * and URL. Both or none; no secret in it. */
	const char *log_topic, *log_title;
	bool uninterruptible;       /* finish despite a first Ctrl-C: it may create something */
};

struct http_response {
	struct arena arena; /* owns the headers */
	int status;
	struct http_header *headers;
	size_t nr_headers;
	struct buf body; /* empty where a sink took it */
	int64_t sent_ms, received_ms; /* Unix ms by our clock */
	int attempts;
};

const char *http_response_header(const struct http_response *response, const char *name);
void http_response_release(struct http_response *response);

/* What a classifier says of a reply that arrived whole. */
enum http_verdict {
	HTTP_OK,          /* done; the caller parses it */
	HTTP_FAIL,        /* err is filled; final */
	HTTP_RETRY,       /* transient: err is filled for when retries run out */
	HTTP_THROTTLED,   /* as HTTP_RETRY, with the slower backoff; Retry-After honoured */
	HTTP_CLOCK_SKEW,  /* sign again with the server's time, once, if the clocks differ by more
			     than 4 minutes; else as HTTP_FAIL: err is filled for that */
};

/*
 * One exchange: the request, how to sign and judge it, and what came of it. Zero it, fill the first
 * part, send, read the second part, release.
 */
struct http_call {
	struct http_request request;

	void *ctx;
	/*
	 * Called before every attempt, with the time to sign with (skew corrected). Adds headers to
	 * those of request by allocating in arena and returning the whole new vector. NULL: none.
	 */
	int (*sign)(void *ctx, const struct http_request *request, int64_t now_s,
		    struct arena *arena, struct http_header **ret_headers, size_t *ret_nr,
		    struct error *err);
	/* NULL: 2xx is HTTP_OK; 429 and 503 HTTP_THROTTLED; 500, 502, 504 HTTP_RETRY; else FAIL. */
	enum http_verdict (*classify)(void *ctx, const struct http_response *response,
				      struct error *err);
	/*
	 * Takes a 2xx body as it streams in, instead of response.body; max_body still bounds it.
	 * restart is called before every attempt that follows one which fed the sink. -1 from sink
	 * (with err filled) ends the call.
	 */
	int (*sink)(void *ctx, const char *data, size_t len, struct error *err);
	void (*restart)(void *ctx);
	int max_attempts; /* 0: HTTP_ATTEMPTS_MAX; 1: no retry */
	/* First pause after HTTP_THROTTLED, doubled each time: from half of it to all of it. 0: short,
	 * with full jitter. */
	int64_t throttle_ms;

	struct http_response response;
	int rc;           /* 0 or -1 after the send */
	struct error err; /* filled where rc is -1; .unknown where the request may have been
			     carried out although no whole reply arrived */
};

void http_call_release(struct http_call *call);

/*
 * A transport moves many attempts at once. perform() returns when every item is finished; each
 * item has its own rc and err (ERROR_NETWORK, ERROR_TIMEOUT, ERROR_PROTOCOL, ERROR_CANCELLED).
 * NETWORK and TIMEOUT are tried again unless `final` is set; err.unknown says that the request may
 * have reached the server. The response comes with an empty body that has its ceiling, and with
 * sent_ms set; a transport may refine sent_ms and set received_ms (when the head was there; 0:
 * taken from the clock on return). It may ignore the sink and leave a 2xx body in
 * response->body: it is then fed to the sink in one piece.
 */
struct http_attempt {
	struct http_request request; /* headers are final: signed */
	int (*sink)(void *ctx, const char *data, size_t len, struct error *err); /* 2xx only */
	void *sink_ctx;
	struct http_response *response;
	bool sink_fed;
	bool final; /* where rc is -1: trying again cannot help (a certificate, the sink) */
	int rc;
	struct error *err;
};
struct http_work;
struct http_transport {
	void *ctx;
	void (*perform)(void *ctx, struct http_attempt **attempts, size_t n);
	void (*free)(void *ctx);
	/*
	 * Instead of perform, for a transport that can take on more while others are under way:
	 * asks the work for attempts as long as there is room, gives each back as it ends, and
	 * returns when none is under way and none is left. NULL: perform is called, round by round.
	 */
	void (*stream)(void *ctx, const struct http_work *work);
};

/* What http.c has to send. */
struct http_work {
	void *ctx;
	struct http_attempt *(*take)(void *ctx); /* NULL: none is ready now */
	void (*give)(void *ctx, struct http_attempt *attempt);
	int64_t (*wait_ms)(void *ctx); /* until one may be ready by itself; -1: none will */
};

/* Takes ownership. Needs clock and rng for the whole life. Thread-safe: one http may be shared by
 * the pool; each stream() of the curl transport has a multi handle of its own from a small free
 * list, so connections are reused. */
struct http *http_new(struct http_transport transport, const struct clock *clock,
		      const struct rng *rng);
void http_free(struct http *http);

/* ca_bundle: a PEM file instead of the system's store, or NULL. user_agent: "gpucloud/0.1". */
struct http_transport http_transport_curl(const struct clock *clock, const char *ca_bundle,
					  const char *user_agent);

/* Sends one, or many at once; returns call->rc, or 0 if every rc is 0. */
int http_send(struct http *http, struct http_call *call);
int http_send_all(struct http *http, struct http_call **calls, size_t n);

/*
 * Sends calls as they become ready. next() is asked whenever there is room for one more; NULL means
 * none before another has ended. done() is told of each that has ended, and may make others ready.
 * No call waits for another, nor for another's retries. Returns when nothing is under way and next()
 * has nothing.
 */
struct http_feed {
	void *ctx;
	struct http_call *(*next)(void *ctx);
	void (*done)(void *ctx, struct http_call *call);
};
void http_send_feed(struct http *http, const struct http_feed *feed);

/* Server's clock minus ours in ms, as learned per host from Date headers; 0 when unknown. */
int64_t http_skew_ms(struct http *http, const char *url);

/* Total attempts made so far (for tests, bench and -v). */
uint64_t http_attempts(const struct http *http);

/* True for 127.0.0.0/8, ::1, "localhost" as the host of url. */
bool http_url_is_loopback(const char *url);

#endif
