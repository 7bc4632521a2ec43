/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role of the instance we run on, from the instance metadata service, version 2 only: version 1
 * gives its secrets to whoever can make us send a GET.
 *
 * Last in the chain, and most computers are no EC2 instances: the first request has one attempt of
 * one second, and silence means that there is nothing here.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/settings.h"
#include "core/text.h"
#include "providers/aws/aws_cred.h"

#define TIMEOUT_MS 1000
#define ROLE_PATH  "latest/meta-data/iam/security-credentials/"
#define SOURCE	   "the instance metadata service"

static const char *find_base(struct provider *p)
{
	const struct settings *settings = p->env.settings;
	const struct aws_config *config = &p->config;
	const char *url = settings_env(settings, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = settings_env(settings, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");

	if (!url)
		url = aws_config_get(config, config->profile, "ec2_metadata_service_endpoint");
	if (url)
		return url;
	if (!mode)
		mode = aws_config_get(config, config->profile,
				      "ec2_metadata_service_endpoint_mode");
	return mode && !strcasecmp(mode, "ipv6") ? "http://[fd00:ec2::254]/"
						 : "http://169.254.169.254/";
}

static int ask(struct provider *p, const char *method, const char *path,
	       const struct http_header *header, struct http_response *ret, struct error *err)
{
	const char *base = find_base(p);
	size_t len = strlen(base);
	struct arena arena = { NULL };
	const struct http_request request = {
		.method = method,
		.url = arena_printf(&arena, "%s%s%s", base, len && base[len - 1] == '/' ? "" : "/",
				    path),
		.headers = header,
		.nr_headers = 1,
		.timeout_ms = TIMEOUT_MS,
		.connect_timeout_ms = TIMEOUT_MS,
	};
	int rc = aws_cred_fetch(p, &request, 1, ret, err);

	arena_release(&arena);
	return rc;
}

/* The first line, where it is a token of these characters. */
static const char *first_line(struct arena *arena, const struct http_response *response,
			      const char *also, size_t max)
{
	size_t len = strcspn(response->body.data, "\r\n");
	const char *line = arena_strndup(arena, response->body.data, len);

	return text_is_token(line, also, max) ? line : NULL;
}

/* NULL with err clear: no such service here. */
static const char *get_token(struct provider *p, struct arena *arena, struct error *err)
{
	const struct http_header header = { "x-aws-ec2-metadata-token-ttl-seconds", "21600" };
	struct http_response response = { .status = 0 };
	const char *token = NULL;

	if (ask(p, "PUT", "latest/api/token", &header, &response, err) < 0) {
		/* Silence means no; Ctrl-C, or an endpoint that is no URL, does not. */
		if (err->kind != ERROR_CANCELLED && err->kind != ERROR_CONFIG)
			error_clear(err);
		return NULL;
	}
	if (response.status == 200)
		token = first_line(arena, &response, "+/=-_.", 1024);
	http_response_release(&response);
	return token;
}

static int read_role(const struct http_response *response, struct aws_cred *ret, struct error *err)
{
	static const struct aws_cred_names names = { "AccessKeyId", "SecretAccessKey", "Token",
						     "Expiration" };
	struct json json = { NULL };
	const char *code = NULL;
	int rc = -1;

	if (json_parse(response->body.data, response->body.len, "the reply of " SOURCE, &json,
		       err) < 0)
		return -1;
	if (json_string_opt(json.root, "Code", 128, &code, err) == 0) {
		if (code && strcmp(code, "Success") != 0)
			error_set(err, ERROR_AUTH, "credentials from %s: '%s'", SOURCE, code);
		else
			rc = aws_cred_from_json(json.root, &names, SOURCE, ret, err);
	}
	json_release(&json);
	return rc;
}

static int get_role(struct provider *p, const char *token, struct arena *arena,
		    struct aws_cred *ret, struct error *err)
{
	const struct http_header header = { "x-aws-ec2-metadata-token", token };
	struct http_response response = { .status = 0 };
	const char *role = NULL;
	int rc;

	if (ask(p, "GET", ROLE_PATH, &header, &response, err) < 0)
		return error_prefix(err, "credentials from %s", SOURCE);
	if (response.status == 200)
		role = first_line(arena, &response, "+=,.@_-", 128);
	http_response_release(&response);
	if (!role)
		return 0; /* an instance without a role */
	if (ask(p, "GET", arena_printf(arena, "%s%s", ROLE_PATH, role), &header, &response, err) <
	    0)
		return error_prefix(err, "credentials from %s", SOURCE);
	if (response.status == 200)
		rc = read_role(&response, ret, err);
	else
		rc = error_set(err, ERROR_AUTH, "credentials from %s: HTTP %d for role '%s'",
			       SOURCE, response.status, role);
	http_response_release(&response);
	return rc;
}

int aws_cred_imds(struct provider *p, const char *profile, struct aws_cred *ret, struct error *err)
{
	const char *off = settings_env(p->env.settings, "AWS_EC2_METADATA_DISABLED");
	struct error local = ERROR_INIT;
	struct arena arena = { NULL };
	const char *token;
	int rc = 0;

	(void)profile;
	if (off && !strcasecmp(off, "true"))
		return 0;
	token = get_token(p, &arena, &local);
	if (token)
		rc = get_role(p, token, &arena, ret, &local);
	if (local.kind != ERROR_NONE) {
		*err = local;
		rc = -1;
	}
	arena_release(&arena);
	return rc;
}
