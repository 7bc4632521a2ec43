/* SPDX-License-Identifier: Apache-2.0 */
/* Where a cloud is asked, and with whose token. */
#include "providers/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/settings.h"
#include "core/text.h"
#include "providers/provider.h"

#define BASE_MAX 512

static int bad_base(const char *base, const char *where, const char *why, struct error *err)
{
	struct buf shown = BUF_INIT_MAX(512);

	text_escape(&shown, base, strnlen(base, 100));
	error_set(err, ERROR_CONFIG, "base URL '%s' (from %s): %s", shown.data, where, why);
	buf_release(&shown);
	return -1;
}

static int check_base(const char *base, const char *where, struct error *err)
{
	const char *host = NULL;

	if (strlen(base) > BASE_MAX)
		return bad_base(base, where, "too long", err);
	if (text_starts_with(base, "https://"))
		host = base + strlen("https://");
	else if (text_starts_with(base, "http://"))
		host = base + strlen("http://");
	if (!host)
		return bad_base(base, where, "must start with https:// or http://", err);
	for (const char *s = base; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f ||
		    strchr("\"<>\\^`{|}", *s))
			return bad_base(base, where, "holds a character no URL has", err);
	if (strpbrk(base, "?#"))
		return bad_base(base, where, "must not have a query or a fragment", err);
	if (strcspn(host, "/") == 0 || *host == ':')
		return bad_base(base, where, "names no host", err);
	if (memchr(host, '@', strcspn(host, "/")))
		return bad_base(base, where, "must not hold a user name", err);
	/* A token that anybody on the way can read is everybody's. */
	if (base[4] == ':' && !http_url_is_loopback(base))
		return bad_base(base, where,
				"plain http is for this computer's own addresses only; use "
				"https://",
				err);
	return 0;
}

void rest_base(const struct provider_env *env, const char *key, struct setting *ret)
{
	struct setting all;

	if (!settings_find(env->settings, key, ret))
		*ret = (struct setting){ .value = "", .where = key };
	if (settings_find(env->settings, "endpoint_url", &all) && all.origin > ret->origin)
		*ret = all;
}

int rest_open(struct rest *rest, const struct rest_cloud *cloud, const struct provider_env *env,
	      void *ctx, const char *base, const char *where, struct error *err)
{
	size_t len = strlen(base);

	if (check_base(base, where, err) < 0)
		return -1;
	while (len && base[len - 1] == '/')
		len--;
	*rest = (struct rest){
		.cloud = cloud,
		.env = env,
		.ctx = ctx,
		.base = xstrndup(base, len),
	};
	return 0;
}

void rest_close(struct rest *rest)
{
	secret_release(&rest->token);
	secret_release(&rest->header);
	free(rest->base);
	memset(rest, 0, sizeof(*rest));
}

int rest_set_token(struct rest *rest, const char *token, size_t len, const char *origin,
		   struct error *err)
{
	while (len && strchr(" \t\r\n", *token)) {
		token++;
		len--;
	}
	while (len && strchr(" \t\r\n", token[len - 1]))
		len--;
	if (!len || len > REST_TOKEN_MAX)
		return error_set(err, ERROR_CONFIG, "%s: the %s key there is %s", origin,
				 rest->cloud->title, len ? "too long" : "empty");
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)token[i] <= ' ' || (unsigned char)token[i] >= 0x7f)
			return error_set(err, ERROR_CONFIG,
					 "%s: the %s key there holds a character that no key has",
					 origin, rest->cloud->title);

	struct buf header = BUF_INIT;

	buf_addstr(&header, "Bearer ");
	buf_add(&header, token, len);
	secret_set(&rest->header, header.data, header.len);
	buf_wipe(&header);
	secret_set(&rest->token, token, len);
	snprintf(rest->origin, sizeof(rest->origin), "%s", origin);
	return 0;
}

int rest_token(struct rest *rest, struct error *err)
{
	if (!rest->asked) {
		rest->asked = true;
		if (rest->cloud->token(rest->ctx, rest, &rest->token_err) < 0)
			secret_release(&rest->token);
	}
	if (secret_is_set(&rest->token))
		return 0;
	*err = rest->token_err;
	return -1;
}

int64_t rest_skew_ms(const struct rest *rest)
{
	return http_skew_ms(rest->env->http, rest->base);
}
