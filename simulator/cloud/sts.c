/* SPDX-License-Identifier: Apache-2.0 */
/* https://docs.aws.amazon.com/STS/latest/APIReference/ */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "simulator/cloud/out.h"
#include "simulator/cloud/params.h"
#include "simulator/cloud/service.h"

#define STS_XMLNS      "https://sts.amazonaws.com/doc/2011-06-15/"
#define ROLE_NAME_MAX  64
#define TOKEN_TEXT_MAX 20000
#define CHAINED_MAX_S  3600 /* a role assumed by a role's credentials lasts an hour at most */

static void begin(const struct sim_call *call, struct cloud_reply *reply)
{
	reply->status = 200;
	reply->content_type = "text/xml";
	buf_addf(&reply->body, "<%sResponse xmlns=\"" STS_XMLNS "\"><%sResult>",
		 call->route->action, call->route->action);
}

static void end(const struct sim_call *call, struct cloud_reply *reply)
{
	buf_addf(&reply->body,
		 "</%sResult><ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata>"
		 "</%sResponse>",
		 call->route->action, reply->request_id, call->route->action);
}

static void get_caller_identity(const struct sim_call *call, struct sim_params *params,
				struct cloud_reply *reply)
{
	if (params_finish(params))
		return;
	begin(call, reply);
	out_str(&reply->body, "Arn", call->key->arn);
	out_str(&reply->body, "UserId", call->key->user_id);
	out_str(&reply->body, "Account", cloud_account(call->cloud));
	end(call, reply);
}

struct session {
	char role[ROLE_NAME_MAX + 1];
	const char *name;
	int64_t duration_s;
};

/* "arn:aws:iam::123456789012:role/path/NAME" of this account. */
static int role_of(const struct sim_call *call, struct sim_params *params, const char *arn,
		   struct session *session)
{
	char prefix[64];
	const char *name = strrchr(arn, '/');

	snprintf(prefix, sizeof(prefix), "arn:aws:iam::%s:role/", cloud_account(call->cloud));
	if (!text_starts_with(arn, "arn:aws:iam::") || !name ||
	    !text_is_token(name + 1, "+=,.@_-", ROLE_NAME_MAX))
		return params_fail(params, "ValidationError", "%.100s is invalid", arn);
	if (!text_starts_with(arn, prefix))
		return params_fail(params, "AccessDenied",
				   "User: %s is not authorized to perform: sts:AssumeRole on "
				   "resource: %.100s",
				   call->key ? call->key->arn : "anonymous", arn);
	snprintf(session->role, sizeof(session->role), "%s", name + 1);
	return 0;
}

/* The parameters that both ways of taking a role share. */
static int session_of(const struct sim_call *call, struct sim_params *params,
		      struct session *session)
{
	const char *arn = params_need(params, "RoleArn");

	session->name = params_need(params, "RoleSessionName");
	session->duration_s = params_int(params, "DurationSeconds", 900, 43200, 3600);
	if (params_failed(params))
		return -1;
	if (strlen(session->name) < 2 || !text_is_token(session->name, "+=,.@_-", 64))
		return params_fail(params, "ValidationError",
				   "1 validation error detected: Value '%.70s' at "
				   "'roleSessionName' failed to satisfy constraint",
				   session->name);
	return role_of(call, params, arn, session);
}

/*
 * Temporary credentials. They follow from the request id, which the seed made, and from the caller's
 * secret: the same run again gives the same keys. (A web identity has no secret of ours.)
 */
static const struct cloud_key *make_key(const struct sim_call *call, const struct session *session,
					const char *request_id)
{
	unsigned char bits[SHA256_LEN];
	struct buf id = BUF_INIT, secret = BUF_INIT, token = BUF_INIT;
	struct cloud_key key = { .expires_ms = call->clock_ms + session->duration_s * 1000 };
	const struct cloud_key *made;
	const char *base = call->key ? call->key->secret_key : cloud_account(call->cloud);

	hmac_sha256(base, strlen(base), request_id, strlen(request_id), bits);
	base32_encode(&id, bits, 20);
	for (size_t i = 0; i < id.len; i++) {
		if (id.data[i] >= 'a' && id.data[i] <= 'z')
			id.data[i] = (char)(id.data[i] - 'a' + 'A');
	}
	hmac_sha256(bits, sizeof(bits), "secret", 6, bits);
	base64_encode(&secret, bits, 30);
	buf_addstr(&token, "SimulatorSession/");
	for (int i = 0; i < 4; i++) {
		hmac_sha256(bits, sizeof(bits), "token", 5, bits);
		base64_encode(&token, bits, 30);
	}
	key.access_key = xasprintf("ASIA%.16s", id.data);
	key.secret_key = secret.data;
	key.session_token = token.data;
	key.user_id = xasprintf("AROA%.16s:%s", id.data + 16, session->name);
	key.arn = xasprintf("arn:aws:sts::%s:assumed-role/%s/%s", cloud_account(call->cloud),
			    session->role, session->name);
	made = cloud_key_add(call->cloud, &key);
	free(key.access_key);
	free(key.user_id);
	free(key.arn);
	buf_release(&id);
	buf_wipe(&secret);
	buf_wipe(&token);
	return made;
}

static void write_credentials(const struct cloud_key *key, struct cloud_reply *reply)
{
	char expires[TIME_TEXT_MAX];

	buf_addstr(&reply->body, "<Credentials>");
	out_str(&reply->body, "AccessKeyId", key->access_key);
	out_str(&reply->body, "SecretAccessKey", key->secret_key);
	out_str(&reply->body, "SessionToken", key->session_token);
	out_str(&reply->body, "Expiration", time_format(expires, key->expires_ms / 1000));
	buf_addstr(&reply->body, "</Credentials><AssumedRoleUser>");
	out_str(&reply->body, "AssumedRoleId", key->user_id);
	out_str(&reply->body, "Arn", key->arn);
	buf_addstr(&reply->body, "</AssumedRoleUser>");
}

static void assume_role(const struct sim_call *call, struct sim_params *params,
			struct cloud_reply *reply)
{
	struct session session = { 0 };
	const char *serial, *code;

	params_get(params, "ExternalId");
	serial = params_get(params, "SerialNumber");
	code = params_get(params, "TokenCode");
	if (session_of(call, params, &session) || params_finish(params))
		return;
	if (code && (!serial || strlen(code) != 6 || strspn(code, "0123456789") != 6)) {
		params_fail(
			params, "AccessDenied",
			"MultiFactorAuthentication failed with invalid MFA one time pass code.");
		return;
	}
	if (call->key->session_token && session.duration_s > CHAINED_MAX_S) {
		params_fail(params, "ValidationError",
			    "The requested DurationSeconds exceeds the 1 hour session limit for "
			    "roles assumed by role chaining");
		return;
	}
	begin(call, reply);
	write_credentials(make_key(call, &session, reply->request_id), reply);
	end(call, reply);
}

/* The claims of a JWT: its middle part, base64url without padding. */
static int jwt_claims(const char *token, struct json *ret)
{
	const char *start = strchr(token, '.'), *stop = start ? strchr(start + 1, '.') : NULL;
	struct buf text = BUF_INIT, raw = BUF_INIT;
	struct error err = ERROR_INIT;
	int rc = -1;

	if (!stop || strchr(stop + 1, '.') || start == token || stop[1] == '\0')
		return -1;
	for (const char *p = start + 1; p < stop; p++)
		buf_addch(&text, *p == '-' ? '+' : *p == '_' ? '/' : *p);
	while (text.len % 4)
		buf_addch(&text, '=');
	if (base64_decode(&raw, text.data, text.len) == 0)
		rc = json_parse(raw.data, raw.len, "token", ret, &err);
	buf_release(&text);
	buf_release(&raw);
	return rc;
}

/*
 * No identity provider is simulated, so the token's own signature cannot be checked; its form, its
 * subject and its end are.
 */
static int web_identity(const struct sim_call *call, struct sim_params *params, const char *token,
			char subject[256])
{
	struct json claims;
	struct error err = ERROR_INIT;
	const char *sub;
	int64_t expires;
	int rc = 0;

	if (strlen(token) > TOKEN_TEXT_MAX || jwt_claims(token, &claims))
		return params_fail(params, "InvalidIdentityToken",
				   "The ID Token provided is not a valid JWT.");
	if (json_string(claims.root, "sub", 255, &sub, &err) ||
	    json_int64(claims.root, "exp", 0, INT64_C(253402300799), &expires, &err))
		rc = params_fail(params, "InvalidIdentityToken",
				 "Missing a required claim: sub, exp");
	else if (expires * 1000 <= call->clock_ms)
		rc = params_fail(params, "ExpiredTokenException",
				 "Token expired: current date/time must be before the expiration "
				 "date/time");
	else
		snprintf(subject, 256, "%s", sub);
	json_release(&claims);
	return rc;
}

static void assume_role_with_web_identity(const struct sim_call *call, struct sim_params *params,
					  struct cloud_reply *reply)
{
	struct session session = { 0 };
	const char *token = params_need(params, "WebIdentityToken");
	char subject[256];

	if (session_of(call, params, &session) || params_finish(params) ||
	    web_identity(call, params, token, subject))
		return;
	begin(call, reply);
	write_credentials(make_key(call, &session, reply->request_id), reply);
	out_str(&reply->body, "SubjectFromWebIdentityToken", subject);
	end(call, reply);
}

static const struct {
	const char *name;
	void (*handle)(const struct sim_call *call, struct sim_params *params,
		       struct cloud_reply *reply);
} actions[] = {
	{ "GetCallerIdentity", get_caller_identity },
	{ "AssumeRole", assume_role },
	{ "AssumeRoleWithWebIdentity", assume_role_with_web_identity },
};

void sts_handle(const struct sim_call *call, struct sim_params *params, struct cloud_reply *reply)
{
	const char *action = params_need(params, "Action");
	const char *version = params_need(params, "Version");
	size_t i = 0;

	while (i < ARRAY_SIZE(actions) && strcmp(actions[i].name, action) != 0)
		i++;
	if (i == ARRAY_SIZE(actions) || strcmp(version, "2011-06-15") != 0) {
		sts_error(reply, 400, "InvalidAction",
			  "Could not find operation %.80s for version %.20s", action, version);
		return;
	}
	actions[i].handle(call, params, reply);
	if (params_failed(params))
		sts_error(reply, strcmp(params->code, "AccessDenied") == 0 ? 403 : 400,
			  params->code, "%s", params->message);
}
