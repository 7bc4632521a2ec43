/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON over HTTPS behind a bearer token: what the clouds beside AWS have in common. A cloud gives one
 * const `struct rest_cloud`, its handle holds one `struct rest`, and its operations make calls:
 *
 *	struct rest_call call;
 *	rest_begin(&call, rest, REST_CREATE, "POST", REST_PATH("machines"),
 *		   "cannot create machine '%s'", name);
 *	rest_body(&call, body);
 *	if (rest_send(&call, err) == 0)
 *		... json_string(call.json.root, "data.id", 64, &id, err) ...
 *	rest_release(&call);
 *
 * Held here, once: the token goes to one origin, over TLS (or to this computer), in a header that no
 * log shows; redirects are never followed (core/http.h), so it goes nowhere else; path segments and
 * queries are escaped; what makes something is sent once and never repeated by itself; replies are
 * JSON to the letter (core/json.h) and bounded.
 *
 * The sources: rest.c (opening), rest_call.c (one call, or many at once), rest_error.c (what an error
 * reply means), rest_list.c (paged lists).
 */
#ifndef GPUCLOUD_PROVIDERS_REST_H
#define GPUCLOUD_PROVIDERS_REST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/http.h"
#include "core/json.h"
#include "core/secret.h"

struct cJSON;
struct launch_steps;
struct provider_env;
struct rest;
struct setting;

/* --- a cloud ---------------------------------------------------------------------------------- */

/* What an error reply says; strings point into its document, NULL where it does not say. */
struct rest_problem {
	const char *code, *message, *request_id;
	/* A member or parameter that it blames, and what is wrong with that; told where the message
	 * does not say so already. Either may be NULL. */
	const char *field, *detail;
	/* Of a 2xx reply that is an error all the same: the status it should have come with, 0: none
	 * known. Ignored for any other. */
	int status;
};

/*
 * What a reply that is an error comes to. The first rule of a table that fits counts; without one the
 * status decides: 401, 403 ERROR_AUTH; 404, 410 ERROR_NOT_FOUND; 409, 412 ERROR_CONFLICT; 400, 422
 * ERROR_USAGE; 429 ERROR_THROTTLED (tried again, slower); 408, 499, 5xx ERROR_REMOTE (tried again).
 */
struct rest_rule {
	int status;	     /* 0: any */
	const char *code;    /* "TOO_*", compared without case; NULL: any */
	const char *message; /* a pattern with '*', compared without case; NULL: any */
	enum error_kind kind;
	enum http_verdict verdict; /* HTTP_FAIL, HTTP_RETRY or HTTP_THROTTLED */
	const char *hint;	   /* what to do next, or NULL */
};

struct rest_cloud {
	const char *topic; /* of the log: "paperspace" */
	const char *title; /* as people call it, in messages: "Paperspace" */
	/* Reads the body of a reply that is not 2xx. root is never NULL. */
	void (*problem)(const struct cJSON *root, struct rest_problem *ret);
	/* True for a 2xx body that is an error all the same, ret filled. NULL: there are none. */
	bool (*hidden)(const struct cJSON *root, struct rest_problem *ret);
	const struct rest_rule *rules; /* ends with kind ERROR_NONE; may be NULL */
	const char *request_id_header; /* of replies whose body names no request; or NULL */
	/* Members of a request's body whose values rest_show() hides, at any depth; ends with NULL. */
	const char *const *masked;
	int64_t throttle_ms; /* first pause after HTTP_THROTTLED; 0: core/http's */
	int attempts;	     /* of what may be repeated; 0: core/http's */
	/*
	 * The token, asked for once, before the first call: rest_set_token(), or -1 with why there is
	 * none (ERROR_CONFIG, with a hint). ctx: as given to rest_open(). No network.
	 */
	int (*token)(void *ctx, struct rest *rest, struct error *err);
};

/* --- a connection ----------------------------------------------------------------------------- */

#define REST_ORIGIN_MAX 200
#define REST_TOKEN_MAX	4096

/* Part of a provider's handle; belongs to one thread. */
struct rest {
	const struct rest_cloud *cloud;
	const struct provider_env *env;
	void *ctx;
	char *base;		      /* "https://api.paperspace.com/v1", no '/' at its end */
	char origin[REST_ORIGIN_MAX]; /* where the token came from: "environment X"; "" so far */
	struct secret token;
	struct secret header;	/* "Bearer TOKEN" */
	bool asked;		/* cloud->token() was called */
	struct error token_err; /* why there is none: asked only once */
};

/*
 * Where a cloud is asked: the setting `key` ("paperspace_api_url", which has a default), or
 * 'endpoint_url' where that was said by a flag or the like and `key` was not. Said by the profile
 * 'sim', its origin is SETTING_SIMULATOR: no key but the simulator's may then be used.
 */
void rest_base(const struct provider_env *env, const char *key, struct setting *ret);

/*
 * base: https, or http to this computer alone; anything else, and one with a query, is ERROR_CONFIG
 * naming `where` it was set ("PAPERSPACE_API_URL", "profile 'sim'"). env is borrowed for the whole
 * life, ctx given to cloud->token(). On failure rest needs no close.
 */
int rest_open(struct rest *rest, const struct rest_cloud *cloud, const struct provider_env *env,
	      void *ctx, const char *base, const char *where, struct error *err);
void rest_close(struct rest *rest); /* of a zeroed one too; wipes the token */

/* For cloud->token(). origin: "environment PAPERSPACE_API_KEY", "profile 'sim'", "'/home/u/.x'". A
 * token that holds a blank, a control or a non-ASCII byte is ERROR_CONFIG naming the origin, never the
 * token. Blanks and line ends around it are dropped. */
int rest_set_token(struct rest *rest, const char *token, size_t len, const char *origin,
		   struct error *err);

/* Asks for the token now, where that was not done yet: -1 with why there is none. Every send does so
 * by itself. */
int rest_token(struct rest *rest, struct error *err);

/* The server's clock minus ours in ms, as its replies told; 0: unknown. */
int64_t rest_skew_ms(const struct rest *rest);

/* --- calls ------------------------------------------------------------------------------------ */

enum rest_nature {
	REST_READ,   /* changes nothing: repeated, and a first Ctrl-C ends it */
	REST_CHANGE, /* twice is as good as once: repeated; a first Ctrl-C does not cut it off, and
		      * err.unknown says where it may have been carried out although it failed */
	REST_CREATE, /* makes something: as REST_CHANGE, but sent once; rest_send() sends it again where
		      * it was refused with 429, which made nothing */
};

/* Segments of a path below the base: escaped each by itself, so that none can leave its place. */
#define REST_PATH(...)            \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

/*
 * One request. Begin, add queries and a body, send, look at rc and err, read json, release. What
 * builds a call cannot fail: an empty segment, "." or ".." (ERROR_USAGE), and a body past its
 * ceiling are kept in rc and err, and the send leaves such a call alone. Do not move a call once begun. All that is
 * given is copied.
 */
struct rest_call {
	/* Options, between begin and send. */
	size_t max_reply; /* bytes; 0: JSON_MAX_BYTES */

	/* Results. */
	int rc;
	struct error err; /* "WHAT: the cloud's own message"; code, http_status, request_id */
	int status;	  /* of the reply, where there was one */
	int attempts;	  /* how often it was sent */
	struct json json; /* the reply where rc is 0; root is NULL where it was empty (204) */

	/* Private. */
	struct http_call http;
	struct arena arena;
	struct rest *rest;
	enum rest_nature nature;
	const char *method, *what, *title, *path;
	struct http_header headers[3];
	struct buf url, body;
	bool has_query, has_body;
};

/* what starts every error of the call: "cannot list machines". Ids and names are shown escaped. */
void rest_begin(struct rest_call *call, struct rest *rest, enum rest_nature nature,
		const char *method, const char *const *path, const char *what, ...)
	__attribute__((format(printf, 6, 7)));
/* A NULL value adds nothing. */
void rest_query(struct rest_call *call, const char *name, const char *value);
void rest_queryf(struct rest_call *call, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Takes the object and frees it. Only a call with a body says Content-Type; for an empty object give
 * cJSON_CreateObject(). */
void rest_body(struct rest_call *call, struct cJSON *body);
void rest_release(struct rest_call *call); /* usable again, as zeroed; wipes the body */

/* 0, or -1 with *err. */
int rest_send(struct rest_call *call, struct error *err);
/* All at once, of one connection; calls whose rc is set already are skipped. 0 if every rc is 0. */
int rest_send_all(struct rest_call *const *calls, size_t n);

/* The SHA-256 of method, path and body, for launch_steps.intend. */
void rest_sha256(const struct rest_call *call, char out[SHA256_HEX_MAX]);

/*
 * Hands a dry run what would be sent: the title is "POST /machines", the text one "name=value" a
 * line, nested names joined by '.', elements as "name[0]"; masked members as "*** (N characters)".
 * Nothing where steps is NULL or has no show.
 */
void rest_show(const struct rest_call *call, const struct launch_steps *steps);

/* --- errors ----------------------------------------------------------------------------------- */

/* rest_error.c: judges a reply and fills err; HTTP_OK where it is none, *ret_json then parsed (of an
 * empty body: root NULL). Called by rest_call.c alone. */
enum http_verdict rest_judge(const struct rest_cloud *cloud, enum rest_nature nature,
			     const char *what, const struct http_response *response,
			     struct json *ret_json, struct error *err);

/* The cloud's own code is this one. */
bool rest_is(const struct error *err, const char *code);

/* --- lists that come in pages ----------------------------------------------------------------- */

#define REST_PAGES_MAX 100
#define REST_PARTS_MAX 8

/*
 * A list, page by page, one after another. take() is given every page and says in *ret_next the
 * cursor of the next (borrowed from the page), or leaves NULL: that was the last. A cursor that was
 * there before, and more pages than REST_PAGES_MAX, are ERROR_PROTOCOL: such a list has no end.
 */
struct rest_list {
	const char *const *path; /* REST_PATH(...) */
	const char *what;	 /* "cannot list machines" */
	struct {
		const char *name, *value;
	} query[REST_PARTS_MAX]; /* of every page; ends with a NULL name or at the end */
	const char *cursor;	 /* the parameter that carries it: "after", "page" */
	void *ctx;
	int (*take)(void *ctx, const struct cJSON *page, const char **ret_next, struct error *err);
};

/* Errors of take() get `what` before them. */
int rest_list(struct rest *rest, const struct rest_list *list, struct error *err);

#endif
