/* SPDX-License-Identifier: Apache-2.0 */
#include "providers/aws/aws_config.h"

#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/host.h"
#include "core/settings.h"
#include "core/text.h"
#include "providers/provider.h"

#define CONFIG_FILE_MAX ((size_t)1 << 20)

/* --- sections ------------------------------------------------------------------------------ */

/*
 * One word of a section's name: bare, or in single or double quotes. Returns what follows it, or
 * NULL where a quote is left open. botocore splits as a shell would; nobody nests more than this.
 */
static const char *word(const char *s, const char **start, size_t *len)
{
	char quote = '\0';

	s += strspn(s, " \t");
	if (*s == '"' || *s == '\'')
		quote = *s++;
	*start = s;
	*len = quote ? strcspn(s, quote == '"' ? "\"" : "'") : strcspn(s, " \t");
	s += *len;
	if (!quote)
		return s;
	return *s == quote ? s + 1 : NULL;
}

/* True for "kind name" with exactly these two words; the second comes back. */
static bool section_split(const char *section, const char *kind, const char **name, size_t *len)
{
	const char *first;
	size_t first_len;
	const char *rest = word(section, &first, &first_len);

	if (!rest || first_len != strlen(kind) || memcmp(first, kind, first_len) != 0)
		return false;
	if (*rest != ' ' && *rest != '\t')
		return false;
	rest = word(rest, name, len);
	return rest && rest[strspn(rest, " \t")] == '\0' && *len > 0;
}

static bool section_is(const char *section, const char *kind, const char *name)
{
	const char *found;
	size_t len;

	if (!strcmp(kind, "profile") && !strcmp(name, "default") && !strcmp(section, "default"))
		return true;
	return section_split(section, kind, &found, &len) && len == strlen(name) &&
	       !memcmp(found, name, len);
}

static const char *nonempty(const char *value)
{
	return value && *value ? value : NULL;
}

/* The last of several wins, as in an INI file read from top to bottom. */
static const char *section_value(const struct ini *ini, const char *kind, const char *name,
				 const char *key)
{
	for (size_t i = ini->nr; i-- > 0;) {
		const struct ini_entry *entry = &ini->v[i];

		if (entry->key && !strcasecmp(entry->key, key) &&
		    section_is(entry->section, kind, name))
			return nonempty(entry->value);
	}
	return NULL;
}

const char *aws_config_section_get(const struct aws_config *config, const char *kind,
				   const char *name, const char *key)
{
	return section_value(&config->config_file, kind, name, key);
}

bool aws_config_has_section(const struct aws_config *config, const char *kind, const char *name)
{
	const struct ini *ini = &config->config_file;

	for (size_t i = 0; i < ini->nr; i++)
		if (section_is(ini->v[i].section, kind, name))
			return true;
	return false;
}

bool aws_config_has_profile(const struct aws_config *config, const char *profile)
{
	return ini_has_section(&config->credentials_file, profile) ||
	       aws_config_has_section(config, "profile", profile);
}

const char *aws_config_file_get(const struct aws_config *config, const char *profile,
				const char *key)
{
	return section_value(&config->config_file, "profile", profile, key);
}

const char *aws_credentials_file_get(const struct aws_config *config, const char *profile,
				     const char *key)
{
	return nonempty(ini_get(&config->credentials_file, profile, key));
}

const char *aws_config_get(const struct aws_config *config, const char *profile, const char *key)
{
	const char *value = aws_credentials_file_get(config, profile, key);

	return value ? value : aws_config_file_get(config, profile, key);
}

/* --- loading ------------------------------------------------------------------------------- */

const char *aws_config_expand(const struct aws_config *config, struct arena *arena,
			      const char *path)
{
	const char *home = config->env->home;

	if (home && path[0] == '~' && (path[1] == '/' || path[1] == '\0'))
		return arena_printf(arena, "%s%s", home, path + 1);
	return arena_strdup(arena, path);
}

static const char *find_path(struct aws_config *config, const char *env_name, const char *fallback)
{
	const char *path = settings_env(config->env->settings, env_name);

	return aws_config_expand(config, &config->arena, path ? path : fallback);
}

/* An absent file is an empty one; one that cannot be read or understood is the user's to mend. */
static int load_file(const struct aws_config *config, const char *path, struct ini *ret,
		     bool *ret_have, struct error *err)
{
	const struct host *host = config->env->host;
	struct buf text = BUF_INIT_MAX(CONFIG_FILE_MAX);
	struct error local = ERROR_INIT;
	int rc;

	if (host->read_file(host->ctx, path, CONFIG_FILE_MAX, &text, &local) < 0) {
		buf_wipe(&text);
		if (local.kind == ERROR_NOT_FOUND)
			return 0;
		local.kind = ERROR_CONFIG;
		*err = local;
		return -1;
	}
	rc = ini_read(text.data, text.len, path, ret, err);
	buf_wipe(&text);
	if (rc == 0)
		*ret_have = true;
	return rc;
}

/*
 * --aws-profile and our own config's name the profile to us; then keys in the environment are not
 * what was meant, and are passed over. AWS_DEFAULT_PROFILE goes before AWS_PROFILE, as botocore
 * reads them.
 */
static void find_profile(struct aws_config *config)
{
	static const char *const names[] = { "AWS_DEFAULT_PROFILE", "AWS_PROFILE" };
	const struct settings *settings = config->env->settings;
	struct setting setting;

	config->profile = "default";
	if (settings_find(settings, "aws_profile", &setting) && setting.value && *setting.value &&
	    setting.origin != SETTING_DEFAULT) {
		config->profile = arena_strdup(&config->arena, setting.value);
		config->profile_from = setting.where ? setting.where : "aws_profile";
		config->profile_explicit = !text_starts_with(config->profile_from, "AWS_");
		return;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = settings_env(settings, names[i]);

		if (!value)
			continue;
		config->profile = arena_strdup(&config->arena, value);
		config->profile_from = names[i];
		return;
	}
}

/* --- an unknown profile -------------------------------------------------------------------- */

struct best {
	char name[128];
	size_t distance;
};

static void consider(struct best *best, const char *wanted, const char *name, size_t len)
{
	char text[sizeof(best->name)];
	size_t distance;

	if (len == 0 || len >= sizeof(text))
		return;
	memcpy(text, name, len);
	text[len] = '\0';
	distance = text_distance(wanted, text);
	if (distance < best->distance) {
		best->distance = distance;
		memcpy(best->name, text, len + 1);
	}
}

static int unknown_profile(const struct aws_config *config, struct error *err)
{
	size_t limit = strlen(config->profile) / 2;
	struct best best = { .distance = (limit < 3 ? limit : 3) + 1 };

	for (size_t i = 0; i < config->config_file.nr; i++) {
		const char *section = config->config_file.v[i].section;
		const char *name;
		size_t len;

		if (!strcmp(section, "default"))
			consider(&best, config->profile, section, strlen(section));
		else if (section_split(section, "profile", &name, &len))
			consider(&best, config->profile, name, len);
	}
	for (size_t i = 0; i < config->credentials_file.nr; i++) {
		const char *section = config->credentials_file.v[i].section;

		consider(&best, config->profile, section, strlen(section));
	}

	error_set(err, ERROR_CONFIG,
		  "no aws profile '%s' (named by %s): looked in '%s'%s and '%s'%s", config->profile,
		  config->profile_from, config->config_path, config->have_config ? "" : " (absent)",
		  config->credentials_path, config->have_credentials ? "" : " (absent)");
	if (best.name[0])
		return error_hint(err, "did you mean '%s'?", best.name);
	return error_hint(err, "make it with: aws configure --profile %s", config->profile);
}

int aws_config_load(struct aws_config *ret, const struct provider_env *env, struct error *err)
{
	ret->env = env;
	ret->config_path = find_path(ret, "AWS_CONFIG_FILE", "~/.aws/config");
	ret->credentials_path = find_path(ret, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
	ret->profile = "default";

	/* Keys among our own settings (the simulator's) need nothing of AWS's files, and a user's
	 * broken ~/.aws must not stand in their way. */
	if (settings_get(env->settings, "access_key_id"))
		return 0;

	find_profile(ret);
	if (load_file(ret, ret->config_path, &ret->config_file, &ret->have_config, err) < 0 ||
	    load_file(ret, ret->credentials_path, &ret->credentials_file, &ret->have_credentials,
		      err) < 0 ||
	    (ret->profile_from && !aws_config_has_profile(ret, ret->profile) &&
	     unknown_profile(ret, err) < 0)) {
		aws_config_release(ret);
		return -1;
	}
	return 0;
}

void aws_config_release(struct aws_config *config)
{
	ini_release(&config->config_file);
	ini_release(&config->credentials_file);
	arena_release(&config->arena);
	memset(config, 0, sizeof(*config));
}
