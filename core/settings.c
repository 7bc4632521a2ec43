/* SPDX-License-Identifier: Apache-2.0 */
#include "core/settings.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/host.h"
#include "core/ini.h"
#include "core/mem.h"
#include "core/secret.h"
#include "core/text.h"

#define CONFIG_FILE_MAX ((size_t)1 << 20)

const struct setting_spec settings_specs[] = {
	{ "provider", "GPUCLOUD_PROVIDER", "aws", false, "the cloud to use" },
	{ "profile", "GPUCLOUD_PROFILE", NULL, false, "section of the config file to use" },
	{ "region", "GPUCLOUD_REGION", NULL, false, "region, e.g. us-east-1" },
	{ "owner", "GPUCLOUD_OWNER", NULL, false, "owner written into the tags" },
	{ "aws_profile", NULL, NULL, false, "profile in AWS's own files" },
	{ "endpoint_url", "GPUCLOUD_ENDPOINT_URL", NULL, false,
	  "base URL for every service of the cloud" },
	{ "ca_bundle", "GPUCLOUD_CA_BUNDLE", NULL, false, "file of CA certificates to trust" },
	{ "checkip_url", "GPUCLOUD_CHECKIP_URL", "https://checkip.amazonaws.com/", false,
	  "page that tells this computer's address" },
	{ "from", "GPUCLOUD_FROM", NULL, false, "addresses that may log in (CIDR)" },
	{ "image", "GPUCLOUD_IMAGE", NULL, false, "machine image: an id or an alias" },
	{ "subnet", "GPUCLOUD_SUBNET", NULL, false, "subnet to launch into" },
	{ "ssh_key", "GPUCLOUD_SSH_KEY", NULL, false, "public key file that may log in" },
	{ "ssh_user", NULL, NULL, false,
	  "login name on the instance (what the cloud's images have)" },
	{ "ssh_port", NULL, "22", false, "SSH port on the instance" },
	{ "disk", NULL, NULL, false, "root disk in GiB" },
	{ "access_key_id", NULL, NULL, false, "set by the built-in profile 'sim' only" },
	{ "secret_access_key", NULL, NULL, true, "set by the built-in profile 'sim' only" },
	{ "session_token", NULL, NULL, true, "set by the built-in profile 'sim' only" },
	{ "paperspace_api_url", "PAPERSPACE_API_URL", "https://api.paperspace.com/v1", false,
	  "base URL of Paperspace's API" },
	{ "paperspace_api_key", NULL, NULL, true, "set by the built-in profile 'sim' only" },
	{ "digitalocean_api_url", "DIGITALOCEAN_API_URL", "https://api.digitalocean.com/v2", false,
	  "base URL of DigitalOcean's API" },
	{ "digitalocean_token", NULL, NULL, true, "set by the built-in profile 'sim' only" },
	{ "simulator_dir", "GPUCLOUD_SIMULATOR_DIR", NULL, false,
	  "runtime folder of the simulator" },
	{ NULL, NULL, NULL, false, NULL },
};

/* Never from the config file: it is no place for credentials. */
static const char *const credential_keys[] = { "access_key_id", "secret_access_key",
					       "session_token", "paperspace_api_key",
					       "digitalocean_token" };

#define NR_SPECS (ARRAY_SIZE(settings_specs) - 1)

struct value {
	bool set;
	struct setting setting;
	struct secret secret; /* holds the value of a secret key, so that it is masked and wiped */
};

struct settings {
	struct arena arena;
	struct value values[NR_SPECS];
	char *env; /* "NAME=value" after one another, wiped at the end: credentials are among them */
	size_t env_len;
};

static size_t spec_index(const char *key)
{
	for (size_t i = 0; i < NR_SPECS; i++)
		if (!strcmp(settings_specs[i].key, key))
			return i;
	return NR_SPECS;
}

bool settings_in_config(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(credential_keys); i++)
		if (!strcmp(key, credential_keys[i]))
			return false;
	return strcmp(key, "profile") != 0 && spec_index(key) < NR_SPECS;
}

struct settings *settings_new(const char *const *env)
{
	struct settings *settings = xcalloc(1, sizeof(*settings));

	for (size_t i = 0; env[i]; i++)
		settings->env_len += strlen(env[i]) + 1;
	settings->env = xmalloc(settings->env_len);
	char *p = settings->env;
	for (size_t i = 0; env[i]; i++) {
		size_t len = strlen(env[i]) + 1;

		memcpy(p, env[i], len);
		p += len;
	}
	for (const struct setting_spec *spec = settings_specs; spec->key; spec++) {
		const char *value = spec->env ? settings_env(settings, spec->env) : NULL;

		if (value)
			settings_set(settings, spec->key, value, SETTING_ENV, spec->env);
	}
	return settings;
}

void settings_free(struct settings *settings)
{
	if (!settings)
		return;
	for (size_t i = 0; i < NR_SPECS; i++)
		secret_release(&settings->values[i].secret);
	explicit_bzero(settings->env, settings->env_len);
	free(settings->env);
	arena_release(&settings->arena);
	free(settings);
}

const char *settings_env(const struct settings *settings, const char *name)
{
	size_t len = strlen(name);
	const char *end = settings->env + settings->env_len;

	for (const char *p = settings->env; p < end; p += strlen(p) + 1)
		if (!strncmp(p, name, len) && p[len] == '=')
			return p[len + 1] ? p + len + 1 : NULL;
	return NULL;
}

void settings_set(struct settings *settings, const char *key, const char *value,
		  enum setting_origin origin, const char *where)
{
	size_t i = spec_index(key);

	if (i == NR_SPECS || !value)
		return;
	struct value *v = &settings->values[i];
	if (v->set && v->setting.origin > origin)
		return;
	v->set = true;
	v->setting.origin = origin;
	v->setting.where = arena_strdup(&settings->arena, where);
	if (settings_specs[i].secret) {
		secret_set(&v->secret, value, strlen(value));
		v->setting.value = v->secret.data ? v->secret.data : "";
	} else {
		v->setting.value = arena_strdup(&settings->arena, value);
	}
}

bool settings_find(const struct settings *settings, const char *key, struct setting *ret)
{
	size_t i = spec_index(key);

	if (i == NR_SPECS)
		return false;
	if (settings->values[i].set) {
		*ret = settings->values[i].setting;
		return true;
	}
	if (!settings_specs[i].fallback)
		return false;
	*ret = (struct setting){ .value = settings_specs[i].fallback,
				 .origin = SETTING_DEFAULT,
				 .where = "default" };
	return true;
}

const char *settings_get(const struct settings *settings, const char *key)
{
	struct setting setting;

	return settings_find(settings, key, &setting) ? setting.value : NULL;
}

static int unknown_key(const char *path, const struct ini_entry *entry, struct error *err)
{
	const char *nearest = NULL;
	size_t best = 3;

	for (const struct setting_spec *spec = settings_specs; spec->key; spec++) {
		size_t distance = text_distance(entry->key, spec->key);

		if (distance < best) {
			best = distance;
			nearest = spec->key;
		}
	}
	if (nearest)
		error_set(err, ERROR_CONFIG, "%s:%d: unknown setting '%s', did you mean '%s'?",
			  path, entry->line, entry->key, nearest);
	else
		error_set(err, ERROR_CONFIG, "%s:%d: unknown setting '%s'", path, entry->line,
			  entry->key);
	return error_hint(err, "gpucloud help config");
}

static int check_entry(const char *path, const struct ini_entry *entry, struct error *err)
{
	if (spec_index(entry->key) == NR_SPECS)
		return unknown_key(path, entry, err);
	if (settings_in_config(entry->key))
		return 0;
	if (!strcmp(entry->key, "profile")) {
		error_set(err, ERROR_CONFIG, "%s:%d: 'profile' cannot be set by a profile", path,
			  entry->line);
		return error_hint(err, "use --profile or GPUCLOUD_PROFILE");
	}
	error_set(err, ERROR_CONFIG, "%s:%d: '%s' does not belong here", path, entry->line,
		  entry->key);
	if (text_starts_with(entry->key, "paperspace"))
		return error_hint(err, "set PAPERSPACE_API_KEY, or keep the key where pspace does: "
				       "~/.paperspace");
	if (text_starts_with(entry->key, "digitalocean"))
		return error_hint(err, "set DIGITALOCEAN_TOKEN");
	return error_hint(err, "keep credentials in the cloud's own files, for AWS "
			       "~/.aws/credentials, and name them by 'aws_profile'");
}

/* All is checked before anything is set: a failure leaves the settings as they were. */
static int apply(struct settings *settings, const struct ini *ini, const char *section,
		 const char *path, bool set, struct error *err)
{
	for (size_t i = 0; i < ini->nr; i++) {
		const struct ini_entry *entry = &ini->v[i];

		if (!entry->key || strcmp(entry->section, section) != 0)
			continue;
		if (!set && check_entry(path, entry, err) < 0)
			return -1;
		if (set && entry->value[0])
			settings_set(settings, entry->key, entry->value, SETTING_PROFILE, path);
	}
	return 0;
}

int settings_load(struct settings *settings, const struct host *host, const char *path,
		  const char *profile, bool *ret_found, struct error *err)
{
	struct buf text = BUF_INIT_MAX(CONFIG_FILE_MAX);
	struct ini ini = { .nr = 0 };
	struct error read_err = ERROR_INIT;

	if (host->read_file(host->ctx, path, CONFIG_FILE_MAX, &text, &read_err) < 0) {
		buf_release(&text);
		if (read_err.kind == ERROR_NOT_FOUND) {
			*ret_found = false;
			return 0;
		}
		*err = read_err;
		err->kind = ERROR_CONFIG;
		return -1;
	}
	int rc = ini_read(text.data, text.len, path, &ini, err);
	bool named = profile && strcmp(profile, "default") != 0;
	for (int set = 0; rc == 0 && set < 2; set++) {
		rc = apply(settings, &ini, "default", path, set, err);
		if (rc == 0 && named)
			rc = apply(settings, &ini, profile, path, set, err);
	}
	if (rc == 0)
		*ret_found = ini_has_section(&ini, profile ? profile : "default");
	ini_release(&ini);
	buf_wipe(&text);
	return rc;
}
