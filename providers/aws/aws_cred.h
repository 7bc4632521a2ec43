/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where credentials come from. Each source looks in one place and answers 1 (here they are), 0
 * (nothing here: ask the next) or -1 (there is something, and it is wrong: stop and say so). ret is
 * written only with 1.
 * https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 */
#ifndef GPUCLOUD_PROVIDERS_AWS_AWS_CRED_H
#define GPUCLOUD_PROVIDERS_AWS_AWS_CRED_H

#include "providers/aws/aws.h"

struct cJSON;

#define AWS_CRED_REFRESH_S 300	/* credentials with less to live are replaced */
#define AWS_TOKEN_MAX	   8192 /* session tokens are 1 to 2 KiB today; AWS sets no limit */

/* Credentials as they were found. All borrowed. */
struct aws_cred_parts {
	const char *access_key, *secret_key;
	const char *token; /* or NULL */
	int64_t expires;   /* Unix s, or 0 */
};

/*
 * Checks what was found (no blanks, no control bytes, no absurd length: it goes into headers) and
 * copies it. A secret that is missing is an error too. Returns 1 or -1.
 */
int aws_cred_take(const struct aws_cred_parts *parts, const char *source, struct aws_cred *ret,
		  struct error *err);

/* The names of the members by which four of the sources hand them over in JSON. */
struct aws_cred_names {
	const char *access_key, *secret_key, *token, *expires;
};
/* Reads them out of an object; token and expires (RFC 3339) may be absent. Returns 1 or -1. */
int aws_cred_from_json(const struct cJSON *node, const struct aws_cred_names *names,
		       const char *source, struct aws_cred *ret, struct error *err);

/*
 * A plain unsigned request to a place that hands out credentials; any status is an answer. The
 * reply is the caller's to release.
 */
int aws_cred_fetch(struct provider *p, const struct http_request *request, int attempts,
		   struct http_response *ret, struct error *err);

/* --- the sources, in botocore's order ------------------------------------------------------ */

int aws_cred_settings(struct provider *p, const char *profile, struct aws_cred *ret,
		      struct error *err);
int aws_cred_environment(struct provider *p, const char *profile, struct aws_cred *ret,
			 struct error *err);
int aws_cred_assume_role(struct provider *p, const char *profile, struct aws_cred *ret,
			 struct error *err);
int aws_cred_web_environment(struct provider *p, const char *profile, struct aws_cred *ret,
			     struct error *err);
int aws_cred_web_identity(struct provider *p, const char *profile, struct aws_cred *ret,
			  struct error *err);
int aws_cred_sso(struct provider *p, const char *profile, struct aws_cred *ret, struct error *err);
int aws_cred_shared_file(struct provider *p, const char *profile, struct aws_cred *ret,
			 struct error *err);
int aws_cred_process(struct provider *p, const char *profile, struct aws_cred *ret,
		     struct error *err);
int aws_cred_config_file(struct provider *p, const char *profile, struct aws_cred *ret,
			 struct error *err);
int aws_cred_container(struct provider *p, const char *profile, struct aws_cred *ret,
		       struct error *err);
int aws_cred_imds(struct provider *p, const char *profile, struct aws_cred *ret, struct error *err);

/* All that one profile can offer by itself, assume-role excepted: what a source_profile is asked. */
int aws_cred_of_profile(struct provider *p, const char *profile, struct aws_cred *ret,
			struct error *err);

/* Keys in the environment, whoever named a profile: credential_source = Environment. */
int aws_cred_env_keys(struct provider *p, struct aws_cred *ret, struct error *err);

/* --- STS ----------------------------------------------------------------------------------- */

struct aws_role {
	const char *profile; /* for messages */
	const char *arn;
	const char *session_name; /* NULL: one is made */
	const char *external_id;  /* or NULL */
	const char *mfa_serial;	  /* or NULL: then a session that aws-cli keeps is needed */
	const char *web_token;	  /* AssumeRoleWithWebIdentity, or NULL */
	int64_t duration_s;	  /* 0: the role's own */
};

/* source: who asks; NULL with a web identity token. Returns 1 or -1. */
int aws_sts_assume(struct provider *p, const struct aws_role *role, const struct aws_cred *source,
		   struct aws_cred *ret, struct error *err);

#endif
