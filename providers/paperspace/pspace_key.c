/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the key is: PAPERSPACE_API_KEY; ~/.paperspace/config.json, as the older tools keep it; the
 * files of the vendor's own `pspace`: ~/.paperspace/credentials.toml holds a key for each team, and
 * config.toml beside it names the team in force.
 * https://github.com/Paperspace/cli (credentials.ts, config.ts)
 */
#include <stdio.h>
#include <string.h>

#include "core/host.h"
#include "core/mem.h"
#include "core/settings.h"
#include "core/text.h"
#include "providers/paperspace/paperspace.h"

#define FILE_MAX ((size_t)64 << 10)
#define TEAM_MAX 256

/* 1: read; 0: there is no such file. */
static int read_file(const struct provider *p, const char *name, char path[512], struct buf *out,
		     struct error *err)
{
	struct error why = ERROR_INIT;

	if (!p->env.home || !*p->env.home)
		return 0;
	snprintf(path, 512, "%s/.paperspace/%s", p->env.home, name);
	if (p->env.host->read_file(p->env.host->ctx, path, FILE_MAX, out, &why) == 0)
		return 1;
	if (why.kind == ERROR_NOT_FOUND)
		return 0;
	*err = why;
	err->kind = ERROR_CONFIG;
	return -1;
}

/* --- config.json ------------------------------------------------------------------------------ */

/* 1: found; 0: there is none. */
static int from_json(struct provider *p, struct rest *rest, struct error *err)
{
	struct buf text = BUF_INIT_MAX(FILE_MAX);
	struct json doc = { NULL };
	char path[512], origin[REST_ORIGIN_MAX];
	const char *key = NULL;
	int rc = read_file(p, "config.json", path, &text, err);

	if (rc == 1 && (json_parse(text.data, text.len, path, &doc, err) < 0 ||
			json_string_opt(doc.root, "apiKey", REST_TOKEN_MAX, &key, err) < 0)) {
		err->kind = ERROR_CONFIG;
		rc = -1;
	}
	if (rc == 1 && key && *key) {
		snprintf(origin, sizeof(origin), "'%.180s'", path);
		rc = rest_set_token(rest, key, strlen(key), origin, err) < 0 ? -1 : 1;
	} else if (rc == 1) {
		rc = 0;
	}
	json_release(&doc);
	buf_wipe(&text);
	return rc;
}

/* --- pspace's TOML: tables of strings, no more than it writes --------------------------------- */

struct toml {
	const char *at; /* the rest of the text */
	char table[TEAM_MAX], name[TEAM_MAX];
	char value[REST_TOKEN_MAX + 1];
};

static const char *skip_blank(const char *s)
{
	return s + strspn(s, " \t\r");
}

/* "bare", "quoted" or 'literal'; NULL where there is none, or it is longer than out. */
static const char *take_word(const char *s, char *out, size_t max)
{
	static const char bare[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789_-.";
	char quote = *s == '"' || *s == '\'' ? *s : '\0';
	size_t n = 0;

	if (!quote) {
		n = strspn(s, bare);
		if (!n || n >= max)
			return NULL;
		snprintf(out, max, "%.*s", (int)n, s);
		return s + n;
	}
	for (s++; *s && *s != quote && *s != '\n'; s++) {
		if (*s == '\\' && quote == '"' && (s[1] == '"' || s[1] == '\\'))
			s++;
		if (n + 1 >= max)
			return NULL;
		out[n++] = *s;
	}
	out[n] = '\0';
	return *s == quote ? s + 1 : NULL;
}

/* The next line that gives a name a string. */
static bool next_string(struct toml *toml)
{
	while (*toml->at) {
		const char *s = skip_blank(toml->at);
		size_t len = strcspn(toml->at, "\n");

		toml->at += len + (toml->at[len] == '\n');
		if (*s == '[') {
			if (!take_word(skip_blank(s + 1), toml->table, sizeof(toml->table)))
				toml->table[0] = '\0';
			continue;
		}
		s = take_word(s, toml->name, sizeof(toml->name));
		s = s ? skip_blank(s) : NULL;
		if (!s || *s != '=')
			continue;
		s = skip_blank(s + 1);
		if ((*s == '"' || *s == '\'') && take_word(s, toml->value, sizeof(toml->value)))
			return true;
	}
	return false;
}

/* The team in force, or "". */
static int read_team(struct provider *p, char team[TEAM_MAX], struct error *err)
{
	struct buf text = BUF_INIT_MAX(FILE_MAX);
	struct toml toml = { .table = "" };
	char path[512];
	int rc = read_file(p, "config.toml", path, &text, err);

	team[0] = '\0';
	toml.at = text.data;
	while (rc == 1 && next_string(&toml))
		if (!toml.table[0] && !strcmp(toml.name, "team"))
			snprintf(team, TEAM_MAX, "%.*s", TEAM_MAX - 1, toml.value);
	buf_release(&text);
	return rc < 0 ? -1 : 0;
}

struct choice {
	char value[REST_TOKEN_MAX + 1];
	size_t nr; /* teams there are */
	bool found;
};

static void choose(const char *text, const char *team, struct choice *ret)
{
	struct toml toml = { .at = text };

	while (next_string(&toml)) {
		if (strcmp(toml.table, "keys") != 0)
			continue;
		ret->nr++;
		if (*team ? !strcmp(toml.name, team) : ret->nr == 1) {
			ret->found = true;
			snprintf(ret->value, sizeof(ret->value), "%s", toml.value);
		}
	}
	explicit_bzero(&toml, sizeof(toml));
}

static int no_team(const struct choice *choice, const char *team, const char *path,
		   struct error *err)
{
	if (*team)
		error_set(err, ERROR_CONFIG, "'%.200s' has no key of the team '%.100s'", path,
			  team);
	else
		error_set(err, ERROR_CONFIG,
			  "'%.200s' holds the keys of %zu teams, and none is chosen", path,
			  choice->nr);
	return error_hint(err, "pspace config set team TEAM, or set PAPERSPACE_API_KEY");
}

static int from_toml(struct provider *p, struct rest *rest, struct error *err)
{
	struct buf text = BUF_INIT_MAX(FILE_MAX);
	struct choice choice = { .nr = 0 };
	char path[512], team[TEAM_MAX] = "", origin[REST_ORIGIN_MAX];
	int rc = read_file(p, "credentials.toml", path, &text, err);

	if (rc == 1 && read_team(p, team, err) < 0)
		rc = -1;
	if (rc == 1) {
		choose(text.data, team, &choice);
		if (!choice.nr)
			rc = 0;
		else if (!choice.found || (!*team && choice.nr > 1))
			rc = no_team(&choice, team, path, err);
	}
	if (rc == 1) {
		snprintf(origin, sizeof(origin), "'%.180s'", path);
		if (rest_set_token(rest, choice.value, strlen(choice.value), origin, err) < 0)
			rc = -1;
	}
	explicit_bzero(&choice, sizeof(choice));
	buf_wipe(&text);
	return rc;
}

/* --- all of them ------------------------------------------------------------------------------ */

/* A simulator never gets a real key, nor a real account a simulated one. */
static int from_simulator(const struct provider *p, struct rest *rest, struct error *err)
{
	const char *key = settings_get(p->env.settings, "paperspace_api_key");

	if (key && *key)
		return rest_set_token(rest, key, strlen(key), "profile 'sim'", err);
	error_set(err, ERROR_CONFIG, "the simulator that runs has no Paperspace");
	return error_hint(err, "gpucloud-sim stop, and start it anew: gpucloud-sim start --detach");
}

int pspace_key_find(void *ctx, struct rest *rest, struct error *err)
{
	struct provider *p = ctx;
	const char *env = settings_env(p->env.settings, "PAPERSPACE_API_KEY");
	int rc;

	if (p->simulated)
		return from_simulator(p, rest, err);
	if (env)
		return rest_set_token(rest, env, strlen(env), "environment PAPERSPACE_API_KEY",
				      err);
	rc = from_json(p, rest, err);
	if (rc == 0)
		rc = from_toml(p, rest, err);
	if (rc)
		return rc < 0 ? -1 : 0;
	error_set(err, ERROR_CONFIG, "no Paperspace API key was found");
	return error_hint(err,
			  "make one at https://console.paperspace.com (team settings, API keys) "
			  "and set PAPERSPACE_API_KEY, or log in with: pspace login");
}
