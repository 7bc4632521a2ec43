/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM Identity Center: aws-cli has logged in and keeps a token; the portal changes it for a role's
 * credentials. We never log in or renew the token ourselves: renewing replaces it, and aws-cli would
 * be left with a dead one.
 * https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html
 */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/host.h"
#include "core/timefmt.h"
#include "providers/aws/aws_cred.h"

#define CACHE_FILE_MAX ((size_t)64 << 10)
#define FETCH_MS       10000

struct sso {
	const char *profile;
	const char *account_id, *role_name;
	const char *session; /* or NULL: the keys are in the profile */
	const char *start_url, *region;
};

static int missing(const struct sso *sso, const char *key, struct error *err)
{
	error_set(err, ERROR_CONFIG, "aws profile '%s': %s is missing for sso", sso->profile, key);
	return error_hint(err, "run: aws configure sso --profile %s", sso->profile);
}

/* 1: the profile uses SSO, and all that is needed is there. */
static int find_sso(const struct aws_config *config, const char *profile, struct sso *ret,
		    struct error *err)
{
	*ret = (struct sso){
		.profile = profile,
		.account_id = aws_config_get(config, profile, "sso_account_id"),
		.role_name = aws_config_get(config, profile, "sso_role_name"),
		.session = aws_config_get(config, profile, "sso_session"),
		.start_url = aws_config_get(config, profile, "sso_start_url"),
		.region = aws_config_get(config, profile, "sso_region"),
	};
	if (!ret->account_id && !ret->role_name)
		return 0;
	if (ret->session) {
		if (!aws_config_has_section(config, "sso-session", ret->session))
			return error_set(err, ERROR_CONFIG,
					 "aws profile '%s': sso_session '%s' does not exist",
					 profile, ret->session);
		ret->start_url = aws_config_section_get(config, "sso-session", ret->session,
							"sso_start_url");
		ret->region =
			aws_config_section_get(config, "sso-session", ret->session, "sso_region");
	}
	if (!ret->account_id)
		return missing(ret, "sso_account_id", err);
	if (!ret->role_name)
		return missing(ret, "sso_role_name", err);
	if (!ret->start_url)
		return missing(ret, "sso_start_url", err);
	if (!ret->region)
		return missing(ret, "sso_region", err);
	return 1;
}

static int log_in(const struct sso *sso, const char *why, struct error *err)
{
	error_set(err, ERROR_AUTH, "aws profile '%s': %s", sso->profile, why);
	return error_hint(err, "run: aws sso login --profile %s", sso->profile);
}

/* Early releases of aws-cli wrote "2020-06-17T10:02:08UTC". */
static int read_expiry(const char *text, int64_t *ret, struct error *err)
{
	size_t len = strlen(text);
	char copy[TIME_TEXT_MAX];

	if (len > 3 && len < sizeof(copy) && !strcmp(text + len - 3, "UTC")) {
		snprintf(copy, sizeof(copy), "%.*sZ", (int)(len - 3), text);
		text = copy;
	}
	return time_parse(text, "expiresAt", ret, err);
}

/* json keeps what *ret_token points into. */
static int read_token(struct provider *p, const struct sso *sso, struct json *json,
		      const char **ret_token, struct error *err)
{
	const struct host *host = p->env.host;
	const char *name = sso->session ? sso->session : sso->start_url;
	struct buf text = BUF_INIT_MAX(CACHE_FILE_MAX);
	struct arena arena = { NULL };
	struct error local = ERROR_INIT;
	const char *expires;
	char digest[SHA1_HEX_MAX];
	int64_t at;
	int rc;

	sha1_hex(name, strlen(name), digest);
	rc = host->read_file(host->ctx,
			     arena_printf(&arena, "%s/.aws/sso/cache/%s.json",
					  p->env.home ? p->env.home : "", digest),
			     CACHE_FILE_MAX, &text, &local);
	arena_release(&arena);
	if (rc == 0)
		rc = json_parse(text.data, text.len, "the sso token of aws-cli", json, &local);
	buf_wipe(&text);
	if (rc < 0)
		return local.kind == ERROR_NOT_FOUND
			       ? log_in(sso, "nobody is logged in", err)
			       : log_in(sso, "the sso token that aws-cli keeps cannot be read",
					err);
	if (json_string(json->root, "accessToken", AWS_TOKEN_MAX, ret_token, &local) < 0 ||
	    json_string(json->root, "expiresAt", TIME_TEXT_MAX, &expires, &local) < 0 ||
	    read_expiry(expires, &at, &local) < 0)
		return log_in(sso, "the sso token that aws-cli keeps is malformed", err);
	if (at <= clock_now(p->env.clock))
		return log_in(sso, "the sso login has expired", err);
	return 0;
}

static int read_reply(const struct sso *sso, const struct http_response *response,
		      struct aws_cred *ret, struct error *err)
{
	struct json json = { NULL };
	struct aws_cred_parts parts = { .expires = 0 };
	int64_t expires_ms;
	char source[160];
	int rc = -1;

	if (json_parse(response->body.data, response->body.len, "the sso portal's reply", &json,
		       err) < 0)
		return -1;
	if (json_string(json.root, "roleCredentials.accessKeyId", AWS_TOKEN_MAX, &parts.access_key,
			err) == 0 &&
	    json_string(json.root, "roleCredentials.secretAccessKey", AWS_TOKEN_MAX,
			&parts.secret_key, err) == 0 &&
	    json_string(json.root, "roleCredentials.sessionToken", AWS_TOKEN_MAX, &parts.token,
			err) == 0 &&
	    json_int64(json.root, "roleCredentials.expiration", 0, INT64_C(1) << 52, &expires_ms,
		       err) == 0) {
		parts.expires = expires_ms / 1000;
		snprintf(source, sizeof(source), "sso profile '%.60s'", sso->profile);
		rc = aws_cred_take(&parts, source, ret, err);
	}
	json_release(&json);
	return rc;
}

static int get_role(struct provider *p, const struct sso *sso, const char *token,
		    struct aws_cred *ret, struct error *err)
{
	struct http_response response = { .status = 0 };
	struct http_header header = { "x-amz-sso_bearer_token", token };
	struct http_request request = {
		.method = "GET",
		.headers = &header,
		.nr_headers = 1,
		.timeout_ms = FETCH_MS,
	};
	struct buf url = BUF_INIT;
	int rc = -1;

	if (aws_config_endpoint(&p->config, "sso", sso->region, &url, err) < 0) {
		buf_release(&url);
		err->kind = ERROR_CONFIG;
		return error_prefix(err, "aws profile '%s': sso_region", sso->profile);
	}
	buf_addstr(&url, "federation/credentials?role_name=");
	url_encode(&url, sso->role_name, strlen(sso->role_name), false);
	buf_addstr(&url, "&account_id=");
	url_encode(&url, sso->account_id, strlen(sso->account_id), false);
	request.url = url.data;
	if (aws_cred_fetch(p, &request, 0, &response, err) < 0) {
		error_prefix(err, "sso portal");
	} else if (response.status == 200) {
		rc = read_reply(sso, &response, ret, err);
	} else if (response.status == 401) {
		log_in(sso, "the sso portal does not accept the login", err);
	} else {
		error_set(err, response.status == 403 ? ERROR_AUTH : ERROR_REMOTE,
			  "aws profile '%s': the sso portal answered HTTP %d for role '%s' of "
			  "account '%s'",
			  sso->profile, response.status, sso->role_name, sso->account_id);
		err->http_status = response.status;
	}
	http_response_release(&response);
	buf_release(&url);
	return rc;
}

int aws_cred_sso(struct provider *p, const char *profile, struct aws_cred *ret, struct error *err)
{
	struct json json = { NULL };
	const char *token;
	struct sso sso;
	int rc = find_sso(&p->config, profile, &sso, err);

	if (rc <= 0)
		return rc;
	rc = read_token(p, &sso, &json, &token, err);
	if (rc == 0)
		rc = get_role(p, &sso, token, ret, err);
	json_release(&json);
	return rc;
}
