/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to providers/aws: the handle, and how a call to AWS is built, sent and judged.
 *
 * Layers, low to high: aws_config.c (profiles, region, endpoints), aws_cred*.c (who we are),
 * aws_error.c (codes to kinds), aws_form.c and aws_call.c (one API call, or many at once), and
 * above them the operations (ec2_*.c), which include this header and nothing lower.
 *
 * EC2 and STS speak the Query protocol (form in, XML out), SSM, Service Quotas and Pricing JSON 1.1.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html
 */
#ifndef GPUCLOUD_PROVIDERS_AWS_AWS_H
#define GPUCLOUD_PROVIDERS_AWS_AWS_H

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
#include "core/xml.h"
#include "providers/aws/aws_config.h"
#include "providers/provider.h"

#define AWS_EC2_VERSION "2016-11-15"
#define AWS_STS_VERSION "2011-06-15"

/* --- credentials -------------------------------------------------------------------------- */

struct aws_cred {
	struct secret access_key; /* not a secret, but nobody's business in a log either */
	struct secret secret_key;
	struct secret token; /* not set for long-lived keys */
	int64_t expires;     /* Unix s; 0: never */
	char source[160];    /* "environment", "profile 'x' in '/home/u/.aws/credentials'" */
};

void aws_cred_release(struct aws_cred *cred);

/* --- the handle --------------------------------------------------------------------------- */

struct provider {
	struct provider_env env;
	struct aws_config config;
	struct aws_cred cred;
	int64_t cred_loaded;   /* Unix s when they were last asked for; 0: not yet */
	struct error cred_err; /* why there are none: asked only once */
	struct arena arena;    /* strings that live as long as the handle */
};

/*
 * The credentials in force: resolved at the first call, resolved again when less than five minutes
 * are left. Every signed call does this by itself. Owned by the handle, valid until the next call.
 */
int aws_credentials(struct provider *p, const struct aws_cred **ret, struct error *err);

/* --- forms: what a Query call says -------------------------------------------------------- */

struct aws_param {
	const char *name, *value;
};

/* Parameters in the order they were added. Zeroed is empty; everything is copied. */
struct aws_form {
	struct arena arena;
	struct aws_param *v;
	size_t nr, cap;
};

/* Starts with Action and Version (AWS_EC2_VERSION, AWS_STS_VERSION). */
void aws_form_init(struct aws_form *form, const char *action, const char *version);
/* A NULL value adds nothing. */
void aws_form_add(struct aws_form *form, const char *name, const char *value);
void aws_form_addf(struct aws_form *form, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* As aws_form_add with a name made of a format: aws_form_addn(f, v, "InstanceId.%zu", i + 1). */
void aws_form_addn(struct aws_form *form, const char *value, const char *name_fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Adds or replaces: NextToken of the following page. */
void aws_form_set(struct aws_form *form, const char *name, const char *value);
const char *aws_form_get(const struct aws_form *form, const char *name); /* or NULL */
void aws_form_release(struct aws_form *form);

/* The urlencoded body, and the SHA-256 of it, for launch_steps.intend. */
void aws_form_body(const struct aws_form *form, struct buf *out);
void aws_form_sha256(const struct aws_form *form, char out[SHA256_HEX_MAX]);
/* "Name=value" a line, for dry runs: user-data, tokens and codes are masked. */
void aws_form_show(const struct aws_form *form, struct buf *out);

/* --- calls -------------------------------------------------------------------------------- */

/*
 * Reads a long reply as it comes in. handler.ctx is given to restart too, which must forget what
 * the handler has taken so far: the request is being sent once more.
 */
struct aws_stream {
	struct xml_handler handler;
	void (*restart)(void *ctx);
	size_t max_bytes; /* of one reply; 0: XML_MAX_BYTES */
};

enum aws_protocol {
	AWS_QUERY,
	AWS_JSON
};

/*
 * One API call. Zero it, aws_call_query() or aws_call_json(), set options, send, look at rc and
 * err, read xml or json, release. The inits cannot fail: what is wrong with a region or an endpoint
 * is kept in rc and err, and the send leaves such a call alone. Do not move a call while it is
 * being sent. Everything given is copied.
 */
struct aws_call {
	/* Options, between init and send. */
	/* Makes or ends an instance: a first Ctrl-C does not cut it off, and err.unknown says where
	 * it may have been carried out although it failed. Never set for anything else. */
	bool creates;
	int max_attempts;		 /* 0: the default; 1: no retry */
	const struct aws_stream *stream; /* Query only: xml stays empty; borrowed */
	const struct aws_cred *cred;	 /* NULL: those of the handle; borrowed */
	bool anonymous;			 /* unsigned (AssumeRoleWithWebIdentity) */

	/* Results. */
	int rc;
	struct error err; /* kind by aws_error.c; code and request_id as AWS gave them */
	int attempts;	  /* how often it was sent */
	struct xml xml;	  /* Query: the reply, where rc is 0 */
	struct json json; /* JSON: the reply, where rc is 0 */

	/* Private. */
	struct http_call http;
	enum aws_protocol protocol;
	struct arena arena;
	const char *service, *region, *target, *url;
	const char *what;	/* "RunInstances in us-east-1" */
	const char *reply_name; /* "the RunInstances reply" */
	const char *title;	/* "us-east-1 RunInstances": for the log */
	struct buf body;
	const struct aws_cred *signer;
	struct xml_stream *xml_stream;
};

/* service: "ec2" or "sts". */
void aws_call_query(struct aws_call *call, struct provider *p, const char *service,
		    const char *region, const struct aws_form *form);
/*
 * service: "ssm", "servicequotas" or "pricing"; target: X-Amz-Target, "AmazonSSM.GetParameter".
 * Pricing lives in three regions only: the one nearest to region is asked.
 */
void aws_call_json(struct aws_call *call, struct provider *p, const char *service,
		   const char *region, const char *target, const char *body);
void aws_call_release(struct aws_call *call); /* usable again, as zeroed */

/* Sends all at once (calls whose rc is set already are skipped); 0 if every rc is 0. */
int aws_send_all(struct provider *p, struct aws_call **calls, size_t n);

/*
 * Sends calls as they become ready, without one waiting for another: see struct http_feed. A call
 * whose rc is set already is not sent, but given to done() as it is.
 */
struct aws_feed {
	void *ctx;
	struct aws_call *(*next)(void *ctx);
	void (*done)(void *ctx, struct aws_call *call);
};
void aws_send_feed(struct provider *p, const struct aws_feed *feed);

/* One plain call and its reply, for what needs no more. */
int aws_query(struct provider *p, const char *service, const char *region,
	      const struct aws_form *form, struct xml *ret, struct error *err);
int aws_json(struct provider *p, const char *service, const char *region, const char *target,
	     const char *body, struct json *ret, struct error *err);

/* --- errors ------------------------------------------------------------------------------- */

/*
 * Judges a reply that is not 2xx, by code before status, and fills err: kind, code, request_id,
 * message ("RunInstances in us-east-1: not enough capacity ..."), hint, unknown. `what` starts the
 * message. DryRunOperation comes as ERROR_REMOTE with that code: the caller knows that it is good
 * news.
 */
enum http_verdict aws_error_classify(enum aws_protocol protocol, const char *what,
				     const struct http_response *response, struct error *err);

/* True for a code such as "InvalidInstanceID.NotFound" that matches "Invalid*.NotFound". */
bool aws_error_is(const struct error *err, const char *code_pattern);

/* --- operations --------------------------------------------------------------------------- */

/* aws_account.c */
int aws_open(const struct provider_env *env, struct provider **ret, struct error *err);
void aws_close(struct provider *p);
int aws_default_region(struct provider *p, const char **ret, struct error *err);
int aws_region(struct provider *p, const char *said, const char **ret, struct error *err);
int aws_endpoint(struct provider *p, const char *region, const char **ret, struct error *err);

/* An instance's id as a person types it, of 8 or 17 hex digits. */
bool ec2_is_instance_id(const char *text);
int aws_account(struct provider *p, struct account *ret, struct error *err);

/* ec2_*.c */
int aws_regions(struct provider *p, struct region_list *ret, struct error *err);
int aws_offers(struct provider *p, const struct offer_query *query, struct offer_list *ret,
	       struct error *err);
int aws_spot_history(struct provider *p, const struct spot_query *query, struct spot_history *ret,
		     struct error *err);
int aws_launch(struct provider *p, const struct launch_request *request,
	       const struct launch_steps *steps, struct launch_result *ret, struct error *err);
int aws_instances(struct provider *p, const struct instance_query *query, struct instance_list *ret,
		  struct error *err);
int aws_terminate(struct provider *p, const char *region, const char *id, struct error *err);
int aws_leftovers(struct provider *p, const struct leftover_query *query, struct leftover_list *ret,
		  struct error *err);
int aws_remove(struct provider *p, const struct leftover *leftover, struct error *err);
int aws_stop(struct provider *p, const char *region, const char *id, struct error *err);
int aws_start(struct provider *p, const char *region, const char *id, struct error *err);
int aws_release(struct provider *p, const char *region, const char *launch_id,
		struct release_result *ret, struct error *err);
int aws_tag(struct provider *p, const char *region, const char *id, const struct tag *tag,
	    struct error *err);
int aws_console(struct provider *p, const char *region, const char *id, struct buf *out,
		struct error *err);
int aws_restart(struct provider *p, const char *region, const char *id, struct error *err);
int aws_quota(struct provider *p, const char *region, const char *type, unsigned vcpus, bool spot,
	      struct quota *ret, struct error *err);
int aws_admit(struct provider *p, const struct admit_request *request, struct admit_result *ret,
	      struct error *err);

extern const struct provider_ops aws_provider;

#endif
