/* SPDX-License-Identifier: Apache-2.0 */
/* The chain: who is asked for credentials, in which order, and when again. */
#include "providers/aws/aws_cred.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/settings.h"
#include "core/timefmt.h"

#define KEY_MAX	  256
#define RELOAD_S  30 /* a source that fails, or hands out what is about to end, is left alone */
#define FETCH_MAX ((size_t)64 << 10)

struct source {
	const char *name; /* for the log */
	int (*load)(struct provider *p, const char *profile, struct aws_cred *ret,
		    struct error *err);
};

static const struct source before_profile[] = {
	{ "settings", aws_cred_settings },
	{ "environment", aws_cred_environment },
	{ "assume-role", aws_cred_assume_role },
	{ "web identity of the environment", aws_cred_web_environment },
};

static const struct source in_profile[] = {
	{ "web identity", aws_cred_web_identity },
	{ "sso", aws_cred_sso },
	{ "shared credentials file", aws_cred_shared_file },
	{ "credential_process", aws_cred_process },
	{ "config file", aws_cred_config_file },
};

static const struct source after_profile[] = {
	{ "container", aws_cred_container },
	{ "instance metadata", aws_cred_imds },
};

static int ask(const struct source *sources, size_t n, struct provider *p, const char *profile,
	       struct aws_cred *ret, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		int rc = sources[i].load(p, profile, ret, err);

		log_debug("aws", "credentials: %s: %s", sources[i].name,
			  rc > 0    ? "found"
			  : rc == 0 ? "none"
				    : "failed");
		if (rc != 0)
			return rc;
	}
	return 0;
}

int aws_cred_of_profile(struct provider *p, const char *profile, struct aws_cred *ret,
			struct error *err)
{
	return ask(in_profile, ARRAY_SIZE(in_profile), p, profile, ret, err);
}

static int no_credentials(const struct provider *p, struct error *err)
{
	const struct aws_config *config = &p->config;

	error_set(err, ERROR_CONFIG,
		  "no aws credentials: asked the environment%s, profile '%s' in '%s'%s and '%s'%s, "
		  "the container and the instance metadata service",
		  config->profile_explicit ? " (passed over, a profile is named)" : "",
		  config->profile, config->config_path, config->have_config ? "" : " (absent)",
		  config->credentials_path, config->have_credentials ? "" : " (absent)");
	return error_hint(err, "run: aws configure, or set AWS_ACCESS_KEY_ID and "
			       "AWS_SECRET_ACCESS_KEY; gpucloud doctor checks them");
}

static int run_chain(struct provider *p, struct aws_cred *ret, struct error *err)
{
	const char *profile = p->config.profile;
	int rc = ask(before_profile, ARRAY_SIZE(before_profile), p, profile, ret, err);

	if (rc == 0)
		rc = aws_cred_of_profile(p, profile, ret, err);
	if (rc == 0)
		rc = ask(after_profile, ARRAY_SIZE(after_profile), p, profile, ret, err);
	return rc == 0 ? no_credentials(p, err) : rc;
}

static int check_expiry(const struct provider *p, const struct aws_cred *cred, struct error *err)
{
	char at[TIME_TEXT_MAX];

	if (cred->expires == 0 || cred->expires > clock_now(p->env.clock))
		return 0;
	error_set(err, ERROR_AUTH, "credentials from %s expired at %s", cred->source,
		  time_format(at, cred->expires));
	return error_hint(err, "get new ones, for instance with: aws sso login");
}

static int load(struct provider *p, struct error *err)
{
	struct aws_cred found = { .expires = 0 };

	p->cred_loaded = clock_now(p->env.clock);
	if (run_chain(p, &found, err) < 0)
		return -1;
	if (check_expiry(p, &found, err) < 0) {
		aws_cred_release(&found);
		return -1;
	}
	aws_cred_release(&p->cred);
	p->cred = found;
	log_debug("aws", "credentials come from %s", p->cred.source);
	return 0;
}

int aws_credentials(struct provider *p, const struct aws_cred **ret, struct error *err)
{
	int64_t now = clock_now(p->env.clock);
	bool have = secret_is_set(&p->cred.access_key);
	int64_t left = p->cred.expires ? p->cred.expires - now : INT64_MAX;

	if (!have && p->cred_err.kind != ERROR_NONE) {
		*err = p->cred_err;
		return -1;
	}
	if (!have) {
		if (load(p, &p->cred_err) < 0) {
			*err = p->cred_err;
			return -1;
		}
	} else if (left < AWS_CRED_REFRESH_S && (left <= 0 || now - p->cred_loaded >= RELOAD_S)) {
		struct error refresh = ERROR_INIT;

		/* A refresh that fails is no harm while the old ones are still good. */
		if (load(p, &refresh) < 0 && left <= 0) {
			*err = refresh;
			return -1;
		}
	}
	*ret = &p->cred;
	return 0;
}

void aws_cred_release(struct aws_cred *cred)
{
	secret_release(&cred->access_key);
	secret_release(&cred->secret_key);
	secret_release(&cred->token);
	memset(cred, 0, sizeof(*cred));
}

/* --- what the sources share ---------------------------------------------------------------- */

static int check_part(const char *text, size_t max, const char *name, const char *source,
		      struct error *err)
{
	size_t len = strlen(text);

	if (len == 0 || len > max)
		return error_set(err, ERROR_CONFIG, "credentials from %s: %s is %s", source, name,
				 len ? "too long" : "empty");
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f)
			return error_set(err, ERROR_CONFIG,
					 "credentials from %s: %s holds a blank or a control byte",
					 source, name);
	return 0;
}

int aws_cred_take(const struct aws_cred_parts *parts, const char *source, struct aws_cred *ret,
		  struct error *err)
{
	struct aws_cred cred = { .expires = parts->expires };

	if (!parts->secret_key) {
		error_set(err, ERROR_CONFIG,
			  "credentials from %s: there is an access key but no secret key", source);
		return error_hint(err, "set both, or neither");
	}
	if (check_part(parts->access_key, KEY_MAX, "the access key", source, err) < 0 ||
	    check_part(parts->secret_key, KEY_MAX, "the secret key", source, err) < 0 ||
	    (parts->token &&
	     check_part(parts->token, AWS_TOKEN_MAX, "the session token", source, err) < 0))
		return -1;
	secret_set(&cred.access_key, parts->access_key, strlen(parts->access_key));
	secret_set(&cred.secret_key, parts->secret_key, strlen(parts->secret_key));
	if (parts->token)
		secret_set(&cred.token, parts->token, strlen(parts->token));
	snprintf(cred.source, sizeof(cred.source), "%s", source);
	*ret = cred;
	return 1;
}

int aws_cred_from_json(const struct cJSON *node, const struct aws_cred_names *names,
		       const char *source, struct aws_cred *ret, struct error *err)
{
	struct aws_cred_parts parts = { .expires = 0 };
	const char *expires;

	if (json_string(node, names->access_key, KEY_MAX, &parts.access_key, err) < 0 ||
	    json_string(node, names->secret_key, KEY_MAX, &parts.secret_key, err) < 0 ||
	    json_string_opt(node, names->token, AWS_TOKEN_MAX, &parts.token, err) < 0 ||
	    json_string_opt(node, names->expires, TIME_TEXT_MAX, &expires, err) < 0 ||
	    (expires && time_parse(expires, names->expires, &parts.expires, err) < 0)) {
		err->kind = ERROR_CONFIG;
		return error_prefix(err, "credentials from %s", source);
	}
	return aws_cred_take(&parts, source, ret, err);
}

static enum http_verdict any_answer(void *ctx, const struct http_response *response,
				    struct error *err)
{
	(void)ctx;
	if (response->status < 500 && response->status != 429)
		return HTTP_OK;
	error_set(err, ERROR_REMOTE, "answered HTTP %d", response->status);
	err->http_status = response->status;
	return HTTP_RETRY;
}

int aws_cred_fetch(struct provider *p, const struct http_request *request, int attempts,
		   struct http_response *ret, struct error *err)
{
	struct http_call call = {
		.request = *request,
		.classify = any_answer,
		.max_attempts = attempts,
	};

	call.request.max_body = FETCH_MAX;
	if (http_send(p->env.http, &call) < 0) {
		*err = call.err;
		http_call_release(&call);
		return -1;
	}
	*ret = call.response;
	return 0;
}
