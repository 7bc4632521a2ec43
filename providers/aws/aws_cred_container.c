/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The credentials of a container's task (ECS, EKS Pod Identity, Greengrass), from a local server
 * that the environment names.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/host.h"
#include "core/settings.h"
#include "core/text.h"
#include "providers/aws/aws_cred.h"

#define BASE_URL       "http://169.254.170.2"
#define FETCH_MS       2000
#define FETCH_ATTEMPTS 3
#define TOKEN_FILE_MAX ((size_t)16 << 10)

/* Plain http is fine where nobody else can listen. */
static bool host_is_near(const char *host)
{
	static const char *const near[] = { "169.254.170.2", "169.254.170.23", "fd00:ec2::23",
					    "localhost" };
	struct in_addr v4;
	struct in6_addr v6;

	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++)
		if (!strcasecmp(host, near[i]))
			return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24) == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* The host of "http://host:port/path", without the brackets of an IPv6 address. */
static bool url_host(const char *url, char ret[256])
{
	const char *start = url + strlen("http://");
	const char *end;

	if (*start == '[') {
		end = strchr(++start, ']');
		if (!end || (end[1] && !strchr(":/?", end[1])))
			return false;
	} else {
		end = start + strcspn(start, ":/?#");
	}
	if (end == start || end - start >= 256 || memchr(start, '@', (size_t)(end - start)))
		return false;
	memcpy(ret, start, (size_t)(end - start));
	ret[end - start] = '\0';
	return true;
}

static int check_full_url(const char *url, struct error *err)
{
	struct buf shown = BUF_INIT_MAX(1024);
	char host[256];

	/* A user name before an '@', or a '#', would make another host of what seems to be one. */
	bool clean =
		strlen(url) < 2048 && !strchr(url, '#') && !memchr(url, '@', strcspn(url, "?"));

	if (clean && text_starts_with(url, "https://"))
		return 0;
	if (clean && text_starts_with(url, "http://") && url_host(url, host) && host_is_near(host))
		return 0;
	text_escape(&shown, url, strnlen(url, 120));
	error_set(err, ERROR_CONFIG, "AWS_CONTAINER_CREDENTIALS_FULL_URI '%s' is refused",
		  shown.data);
	buf_release(&shown);
	return error_hint(err, "it must be https, or http to loopback, 169.254.170.2, "
			       "169.254.170.23 or fd00:ec2::23");
}

static int find_url(const struct settings *settings, struct arena *arena, const char **ret,
		    struct error *err)
{
	const char *relative = settings_env(settings, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = settings_env(settings, "AWS_CONTAINER_CREDENTIALS_FULL_URI");

	if (relative) {
		/* "@host/" or ".evil.org/" behind the address would lead elsewhere. */
		if (relative[0] != '/' || strlen(relative) > 2048)
			return error_set(err, ERROR_CONFIG,
					 "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must start with "
					 "'/'");
		*ret = arena_printf(arena, "%s%s", BASE_URL, relative);
		return 1;
	}
	if (!full)
		return 0;
	if (check_full_url(full, err) < 0)
		return -1;
	*ret = full;
	return 1;
}

/* out stays empty where no token is asked for. */
static int find_token(struct provider *p, struct buf *out, struct error *err)
{
	const struct settings *settings = p->env.settings;
	const struct host *host = p->env.host;
	const char *path = settings_env(settings, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *token = settings_env(settings, "AWS_CONTAINER_AUTHORIZATION_TOKEN");

	if (path) {
		if (host->read_file(host->ctx, path, TOKEN_FILE_MAX, out, err) < 0) {
			err->kind = ERROR_CONFIG;
			return error_prefix(err, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
		}
	} else if (token) {
		buf_addstr(out, token);
	}
	for (size_t i = 0; i < out->len; i++)
		if (out->data[i] < ' ' || out->data[i] >= 0x7f)
			return error_set(err, ERROR_CONFIG,
					 "the container authorization token holds a line end or "
					 "another control byte");
	return 0;
}

static int fetch(struct provider *p, const char *url, const char *token, struct aws_cred *ret,
		 struct error *err)
{
	static const struct aws_cred_names names = { "AccessKeyId", "SecretAccessKey", "Token",
						     "Expiration" };
	struct http_header headers[] = { { "Accept", "application/json" },
					 { "Authorization", token } };
	const struct http_request request = {
		.method = "GET",
		.url = url,
		.headers = headers,
		.nr_headers = token ? 2 : 1,
		.timeout_ms = FETCH_MS,
		.connect_timeout_ms = FETCH_MS,
	};
	struct http_response response = { .status = 0 };
	struct json json = { NULL };
	int rc = -1;

	if (aws_cred_fetch(p, &request, FETCH_ATTEMPTS, &response, err) < 0) {
		err->kind = err->kind == ERROR_CANCELLED ? ERROR_CANCELLED : ERROR_CONFIG;
		return error_prefix(err, "credentials from the container");
	}
	if (response.status != 200) {
		error_set(err, ERROR_CONFIG, "credentials from the container: HTTP %d",
			  response.status);
	} else if (json_parse(response.body.data, response.body.len, "the container's reply", &json,
			      err) == 0) {
		rc = aws_cred_from_json(json.root, &names, "the container", ret, err);
		json_release(&json);
	}
	http_response_release(&response);
	return rc;
}

int aws_cred_container(struct provider *p, const char *profile, struct aws_cred *ret,
		       struct error *err)
{
	struct buf token = BUF_INIT_MAX(TOKEN_FILE_MAX);
	struct arena arena = { NULL };
	const char *url;
	int rc = find_url(p->env.settings, &arena, &url, err);

	(void)profile;
	if (rc > 0) {
		rc = find_token(p, &token, err);
		if (rc == 0)
			rc = fetch(p, url, token.len ? token.data : NULL, ret, err);
	}
	buf_wipe(&token);
	arena_release(&arena);
	return rc;
}
