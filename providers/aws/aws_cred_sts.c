/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles: STS is asked for temporary credentials, signed with the source's or, with a web identity
 * token, not signed at all.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/host.h"
#include "core/settings.h"
#include "core/timefmt.h"
#include "providers/aws/aws_cred.h"

#define CACHE_FILE_MAX ((size_t)64 << 10)
#define TOKEN_FILE_MAX ((size_t)32 << 10)

/* --- sessions that aws-cli keeps ----------------------------------------------------------- */

static bool add_member(struct buf *out, const char *name, const char *value)
{
	if (!value)
		return true;
	for (const char *s = value; *s; s++)
		if (*s < ' ' || *s >= 0x7f || *s == '"' || *s == '\\')
			return false; /* would need JSON's escapes exactly as Python makes them */
	buf_addf(out, "%s\"%s\": \"%s\"", out->len > 1 ? ", " : "", name, value);
	return true;
}

/*
 * The name of the file in which botocore keeps a role's session: the SHA-1 of the request's
 * parameters as Python prints them, sorted by name.
 */
static bool cache_name(const struct aws_role *role, char ret[SHA1_HEX_MAX])
{
	struct buf text = BUF_INIT_MAX(16384);
	bool ok;

	buf_addch(&text, '{');
	if (role->duration_s)
		buf_addf(&text, "\"DurationSeconds\": %lld", (long long)role->duration_s);
	ok = add_member(&text, "ExternalId", role->external_id) &&
	     add_member(&text, "RoleArn", role->arn) &&
	     add_member(&text, "RoleSessionName", role->session_name) &&
	     add_member(&text, "SerialNumber", role->mfa_serial);
	buf_addch(&text, '}');
	ok = ok && !text.overflow;
	if (ok)
		sha1_hex(text.data, text.len, ret);
	buf_release(&text);
	return ok;
}

static int read_cached(struct provider *p, const char *path, struct aws_cred *ret,
		       struct error *err)
{
	static const struct aws_cred_names names = { "Credentials.AccessKeyId",
						     "Credentials.SecretAccessKey",
						     "Credentials.SessionToken",
						     "Credentials.Expiration" };
	const struct host *host = p->env.host;
	struct buf text = BUF_INIT_MAX(CACHE_FILE_MAX);
	struct json json = { NULL };
	int rc = host->read_file(host->ctx, path, CACHE_FILE_MAX, &text, err);

	if (rc == 0)
		rc = json_parse(text.data, text.len, path, &json, err);
	if (rc == 0) {
		rc = aws_cred_from_json(json.root, &names, "a session that aws-cli keeps", ret,
					err);
		json_release(&json);
	}
	buf_wipe(&text);
	return rc;
}

/*
 * We cannot ask for a code of an MFA device: cron has nobody to answer. But aws-cli asks, and keeps
 * the session it got; that one is as good for us.
 */
static int from_cli_cache(struct provider *p, const struct aws_role *role, struct aws_cred *ret,
			  struct error *err)
{
	struct arena arena = { NULL };
	struct error ignored = ERROR_INIT;
	char name[SHA1_HEX_MAX];
	int64_t now = clock_now(p->env.clock);

	if (p->env.home && cache_name(role, name)) {
		const char *path =
			arena_printf(&arena, "%s/.aws/cli/cache/%s.json", p->env.home, name);
		int rc = read_cached(p, path, ret, &ignored);

		arena_release(&arena);
		if (rc > 0 && ret->expires - now >= AWS_CRED_REFRESH_S)
			return 1;
		if (rc > 0)
			aws_cred_release(ret);
	}
	error_set(err, ERROR_AUTH, "aws profile '%s' needs a code of the MFA device '%s'",
		  role->profile, role->mfa_serial);
	return error_hint(err,
			  "run: aws sts get-caller-identity --profile %s, which asks for it and "
			  "keeps the session; then try again",
			  role->profile);
}

/* --- asking STS ---------------------------------------------------------------------------- */

static void fill_form(struct provider *p, const struct aws_role *role, struct aws_form *form)
{
	aws_form_init(form, role->web_token ? "AssumeRoleWithWebIdentity" : "AssumeRole",
		      AWS_STS_VERSION);
	aws_form_add(form, "RoleArn", role->arn);
	if (role->session_name)
		aws_form_add(form, "RoleSessionName", role->session_name);
	else
		aws_form_addf(form, "RoleSessionName", "gpucloud-%lld",
			      (long long)clock_now(p->env.clock));
	if (role->duration_s)
		aws_form_addf(form, "DurationSeconds", "%lld", (long long)role->duration_s);
	aws_form_add(form, "ExternalId", role->external_id);
	aws_form_add(form, "WebIdentityToken", role->web_token);
}

static int read_reply(const struct aws_role *role, const struct xml *xml, struct aws_cred *ret,
		      struct error *err)
{
	const struct _xmlNode *node = xml_search(xml_root(xml), "Credentials");
	struct aws_cred_parts parts = {
		.access_key = node ? xml_text(node, "AccessKeyId") : NULL,
		.secret_key = node ? xml_text(node, "SecretAccessKey") : NULL,
		.token = node ? xml_text(node, "SessionToken") : NULL,
	};
	const char *expires = node ? xml_text(node, "Expiration") : NULL;
	char source[160];

	if (!parts.access_key || !parts.secret_key || !parts.token || !expires)
		return error_set(err, ERROR_PROTOCOL,
				 "the STS reply lacks credentials for role '%s'", role->arn);
	if (time_parse(expires, "Expiration", &parts.expires, err) < 0) {
		err->kind = ERROR_PROTOCOL;
		return -1;
	}
	snprintf(source, sizeof(source), "role '%.100s'", role->arn);
	return aws_cred_take(&parts, source, ret, err);
}

int aws_sts_assume(struct provider *p, const struct aws_role *role, const struct aws_cred *source,
		   struct aws_cred *ret, struct error *err)
{
	struct aws_form form;
	struct aws_call call;
	struct aws_call *calls[] = { &call };
	int rc;

	if (role->mfa_serial)
		return from_cli_cache(p, role, ret, err);
	fill_form(p, role, &form);
	aws_call_query(&call, p, "sts", aws_config_region_or_default(&p->config), &form);
	call.cred = source;
	call.anonymous = role->web_token != NULL;
	rc = aws_send_all(p, calls, 1);
	if (rc < 0)
		*err = call.err;
	else
		rc = read_reply(role, &call.xml, ret, err);
	if (rc < 0)
		error_prefix(err, "taking role '%s'", role->arn);
	aws_call_release(&call);
	aws_form_release(&form);
	return rc;
}

/* --- web identity -------------------------------------------------------------------------- */

static int read_token(struct provider *p, const char *path, struct buf *out, struct error *err)
{
	const struct host *host = p->env.host;

	if (host->read_file(host->ctx, path, TOKEN_FILE_MAX, out, err) < 0) {
		err->kind = ERROR_CONFIG;
		return error_prefix(err, "web identity token");
	}
	while (out->len > 0 && strchr("\r\n\t ", out->data[out->len - 1]))
		out->data[--out->len] = '\0';
	if (out->len == 0 || strlen(out->data) != out->len)
		return error_set(err, ERROR_CONFIG, "web identity token '%s' is empty or no text",
				 path);
	return 0;
}

static int web_identity(struct provider *p, const char *profile, bool use_env, struct aws_cred *ret,
			struct error *err)
{
	static const char *const keys[][2] = {
		{ "AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file" },
		{ "AWS_ROLE_ARN", "role_arn" },
		{ "AWS_ROLE_SESSION_NAME", "role_session_name" },
	};
	const char *values[3];
	struct buf token = BUF_INIT_MAX(TOKEN_FILE_MAX);
	struct arena arena = { NULL };
	int rc = -1;

	for (size_t i = 0; i < 3; i++) {
		values[i] = use_env ? settings_env(p->env.settings, keys[i][0]) : NULL;
		if (!values[i])
			values[i] = aws_config_get(&p->config, profile, keys[i][1]);
	}
	if (!values[0])
		return 0;
	if (!values[1]) {
		error_set(err, ERROR_CONFIG, "a web identity token file is named, but no role");
		return error_hint(err, "set AWS_ROLE_ARN, or role_arn in the profile");
	}
	/* Read anew each time: the platform replaces the file while we run. */
	if (read_token(p, aws_config_expand(&p->config, &arena, values[0]), &token, err) == 0) {
		const struct aws_role role = {
			.profile = profile,
			.arn = values[1],
			.session_name = values[2],
			.web_token = token.data,
		};

		rc = aws_sts_assume(p, &role, NULL, ret, err);
	}
	buf_wipe(&token);
	arena_release(&arena);
	return rc;
}

int aws_cred_web_environment(struct provider *p, const char *profile, struct aws_cred *ret,
			     struct error *err)
{
	if (p->config.profile_explicit)
		return 0;
	return web_identity(p, profile, true, ret, err);
}

int aws_cred_web_identity(struct provider *p, const char *profile, struct aws_cred *ret,
			  struct error *err)
{
	return web_identity(p, profile, false, ret, err);
}
