/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the token is found: the profile 'sim', DIGITALOCEAN_TOKEN, DIGITALOCEAN_ACCESS_TOKEN, and what
 * `doctl auth init` wrote. Of doctl's file only the lines are read that name the context in force and
 * its token.
 *
 * https://docs.digitalocean.com/reference/doctl/reference/auth/
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host.h"
#include "core/mem.h"
#include "core/settings.h"
#include "core/text.h"
#include "providers/digitalocean/digitalocean.h"

#define FILE_MAX ((size_t)256 << 10)
#define LINE_MAX 4096

/* One "NAME: VALUE" of doctl's file. */
struct line {
	char name[128], value[LINE_MAX];
	bool inner; /* indented: of a block */
};

static void copy(char *out, size_t max, const char *from, size_t len)
{
	snprintf(out, max, "%.*s", (int)(len < max ? len : max - 1), from);
}

/* Quotes around a value, both of a kind; anything else of YAML's is left as it is, and no token. */
static void take_value(struct line *line, const char *from, size_t len)
{
	while (len && (*from == ' ' || *from == '\t'))
		from++, len--;
	while (len && strchr(" \t\r", from[len - 1]))
		len--;
	if (len >= 2 && (*from == '"' || *from == '\'') && from[len - 1] == *from)
		from++, len -= 2;
	copy(line->value, sizeof(line->value), from, len);
}

static bool read_line(const char *from, size_t len, struct line *ret)
{
	size_t indent = 0;

	while (indent < len && from[indent] == ' ')
		indent++;
	const char *colon = memchr(from, ':', len);
	if (len >= LINE_MAX || !colon || indent == len || from[indent] == '#' ||
	    colon <= from + indent)
		return false;
	ret->inner = indent > 0;
	copy(ret->name, sizeof(ret->name), from + indent, (size_t)(colon - from) - indent);
	take_value(ret, colon + 1, len - (size_t)(colon + 1 - from));
	return true;
}

/* What the file says of one name, at its top level or in the block of that name; "" where nothing. */
static void look_up(const struct buf *text, const char *block, const char *name, char out[LINE_MAX])
{
	struct line *line = xcalloc(1, sizeof(*line));
	bool within = !*block;
	size_t at = 0;

	out[0] = '\0';
	while (at < text->len) {
		const char *from = text->data + at;
		const char *end = memchr(from, '\n', text->len - at);
		size_t len = end ? (size_t)(end - from) : text->len - at;

		at += len + 1;
		if (!read_line(from, len, line))
			continue;
		if (*block && !line->inner)
			within = strcmp(line->name, block) == 0;
		else if (within && line->inner == (*block != '\0') && !strcmp(line->name, name))
			snprintf(out, LINE_MAX, "%s", line->value);
	}
	explicit_bzero(line, sizeof(*line));
	free(line);
}

/* 1: found; 0: there is none; -1. The default context's token has a line of its own. */
static int from_doctl(struct provider *p, struct rest *rest, struct error *err)
{
	const char *config = settings_env(p->env.settings, "XDG_CONFIG_HOME");
	char *path = config && *config == '/' ? xasprintf("%s/doctl/config.yaml", config)
					      : xasprintf("%s/.config/doctl/config.yaml",
							  p->env.home ? p->env.home : "");
	struct buf text = BUF_INIT_MAX(FILE_MAX);
	struct error why = ERROR_INIT;
	char context[LINE_MAX], token[LINE_MAX], origin[REST_ORIGIN_MAX];
	int rc = p->env.host->read_file(p->env.host->ctx, path, FILE_MAX, &text, &why);

	if (rc < 0 && why.kind == ERROR_NOT_FOUND) {
		rc = 0;
	} else if (rc < 0) {
		*err = why;
		err->kind = ERROR_CONFIG;
	} else {
		look_up(&text, "", "context", context);
		if (!*context || strcmp(context, "default") == 0)
			look_up(&text, "", "access-token", token);
		else
			look_up(&text, "auth-contexts", context, token);
		snprintf(origin, sizeof(origin), "'%.150s'", path);
		if (*token)
			rc = rest_set_token(rest, token, strlen(token), origin, err) ? -1 : 1;
		explicit_bzero(token, sizeof(token));
	}
	buf_wipe(&text);
	free(path);
	return rc;
}

static int from_setting(struct provider *p, struct rest *rest, struct error *err)
{
	struct setting token;

	if (!settings_find(p->env.settings, "digitalocean_token", &token) || !token.value)
		return 0;
	return rest_set_token(rest, token.value, strlen(token.value), "profile 'sim'", err) ? -1
											    : 1;
}

static int from_environment(struct provider *p, struct rest *rest, struct error *err)
{
	static const char *const names[] = { "DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN" };
	char origin[64];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *token = settings_env(p->env.settings, names[i]);

		snprintf(origin, sizeof(origin), "environment %s", names[i]);
		if (token)
			return rest_set_token(rest, token, strlen(token), origin, err) ? -1 : 1;
	}
	return 0;
}

int ocean_token(void *ctx, struct rest *rest, struct error *err)
{
	struct provider *p = ctx;
	struct setting base;
	int rc = from_setting(p, rest, err);

	/* A real account's token is never shown to the simulator. */
	rest_base(&p->env, "digitalocean_api_url", &base);
	if (rc == 0 && base.origin != SETTING_SIMULATOR)
		rc = from_environment(p, rest, err);
	if (rc == 0 && base.origin != SETTING_SIMULATOR)
		rc = from_doctl(p, rest, err);
	if (rc)
		return rc < 0 ? -1 : 0;
	error_set(err, ERROR_CONFIG, "no token for DigitalOcean");
	return error_hint(err, "make one at https://cloud.digitalocean.com/account/api/tokens and: "
			       "export DIGITALOCEAN_TOKEN=dop_v1_...");
}
