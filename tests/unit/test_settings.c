/* SPDX-License-Identifier: Apache-2.0 */
/* Where each value comes from, what the config file may say, and the XDG folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/host.h"
#include "core/mem.h"
#include "core/secret.h"
#include "core/settings.h"

/* A computer with one file, or one that cannot be read. */
struct fake_host {
	const char *text; /* NULL: absent */
	bool broken;
};

static int fake_read(void *ctx, const char *path, size_t max, struct buf *out, struct error *err)
{
	const struct fake_host *fake = ctx;

	if (fake->broken)
		return error_set(err, ERROR_IO, "cannot open '%s': Permission denied", path);
	if (!fake->text)
		return error_set(err, ERROR_NOT_FOUND, "cannot open '%s'", path);
	assert_true(strlen(fake->text) <= max);
	return buf_addstr(out, fake->text);
}

static const char *const no_env[] = { NULL };

static struct settings *load(const char *const *env, const char *text, const char *profile,
			     bool *found, struct error *err)
{
	struct fake_host fake = { .text = text };
	struct host host = { .ctx = &fake, .read_file = fake_read };
	struct settings *settings = settings_new(env);

	if (settings_load(settings, &host, "/c/config", profile, found, err) < 0) {
		settings_free(settings);
		return NULL;
	}
	return settings;
}

static void assert_setting(const struct settings *settings, const char *key, const char *value,
			   enum setting_origin origin, const char *where)
{
	struct setting setting = { 0 };

	assert_true(settings_find(settings, key, &setting));
	assert_string_equal(setting.value, value);
	assert_int_equal(setting.origin, origin);
	assert_string_equal(setting.where, where);
	assert_string_equal(settings_get(settings, key), value);
}

static void test_precedence(void **state)
{
	static const char *const env[] = { "GPUCLOUD_REGION=from-env", "HOME=/h", NULL };
	static const char text[] = "[default]\nregion = from-default\nimage = d\nowner = d\n"
				   "[work]\nregion = from-work\nimage = w\n";
	struct error err = ERROR_INIT;
	bool found = false;
	struct settings *settings = load(env, text, "work", &found, &err);

	(void)state;
	assert_non_null(settings);
	assert_true(found);
	assert_setting(settings, "region", "from-env", SETTING_ENV, "GPUCLOUD_REGION");
	assert_setting(settings, "image", "w", SETTING_PROFILE, "/c/config");
	assert_setting(settings, "owner", "d", SETTING_PROFILE, "/c/config");
	assert_setting(settings, "provider", "aws", SETTING_DEFAULT, "default");
	assert_setting(settings, "ssh_port", "22", SETTING_DEFAULT, "default");
	assert_null(settings_get(settings, "subnet"));
	assert_null(settings_get(settings, "no_such_key"));

	settings_set(settings, "region", "flag", SETTING_FLAG, "--region");
	settings_set(settings, "region", "late", SETTING_PROFILE, "x");
	assert_setting(settings, "region", "flag", SETTING_FLAG, "--region");
	settings_set(settings, "region", "sim", SETTING_SIMULATOR, "profile sim");
	assert_setting(settings, "region", "sim", SETTING_SIMULATOR, "profile sim");
	settings_set(settings, "image", "again", SETTING_PROFILE, "y");
	assert_setting(settings, "image", "again", SETTING_PROFILE, "y");
	settings_free(settings);
}

static void test_environment(void **state)
{
	static const char *const env[] = { "A=1",
					   "AB=2",
					   "EMPTY=",
					   "NOEQUALS",
					   "B=x=y",
					   "A=second",
					   "GPUCLOUD_IMAGE=",
					   "=odd",
					   "GPUCLOUD_OWNER=me",
					   NULL };
	struct settings *settings = settings_new(env);

	(void)state;
	assert_string_equal(settings_env(settings, "A"), "1");
	assert_string_equal(settings_env(settings, "AB"), "2");
	assert_string_equal(settings_env(settings, "B"), "x=y");
	assert_null(settings_env(settings, "EMPTY"));
	assert_null(settings_env(settings, "NOEQUALS"));
	assert_null(settings_env(settings, "ABC"));
	assert_null(settings_get(settings, "image"));
	assert_string_equal(settings_get(settings, "owner"), "me");
	settings_free(settings);
	settings = settings_new(no_env);
	assert_null(settings_env(settings, "A"));
	settings_free(settings);
}

static void test_found(void **state)
{
	static const struct {
		const char *text, *profile;
		bool found;
	} cases[] = {
		{ NULL, NULL, false },
		{ NULL, "x", false },
		{ "", "x", false },
		{ "[default]\n", NULL, true },
		{ "[default]\n", "default", true },
		{ "[default]\nregion=a\n", "x", false },
		{ "[x]\n", "x", true },
		{ "[x]\n", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		bool found = !cases[i].found;
		struct settings *settings =
			load(no_env, cases[i].text, cases[i].profile, &found, &err);

		assert_non_null(settings);
		assert_int_equal(found, cases[i].found);
		settings_free(settings);
	}
}

static void test_refusals(void **state)
{
	static const struct {
		const char *text, *profile, *message, *hint;
	} cases[] = {
		{ "[default]\nregoin = a\n", NULL,
		  "/c/config:2: unknown setting 'regoin', did you mean 'region'?",
		  "gpucloud help config" },
		{ "[default]\nfavourite_colour = a\n", NULL,
		  "/c/config:2: unknown setting 'favourite_colour'", "gpucloud help config" },
		{ "[x]\nregion = a\n\nimagee = b\n", "x",
		  "/c/config:4: unknown setting 'imagee', did you mean 'image'?", "" },
		{ "[default]\naccess_key_id = AKIA\n", NULL,
		  "/c/config:2: 'access_key_id' does not belong here", "~/.aws/credentials" },
		{ "[default]\nsecret_access_key = s\n", NULL, "does not belong here",
		  "~/.aws/credentials" },
		{ "[x]\nsession_token = s\n", "x", "does not belong here", "~/.aws/credentials" },
		{ "[x]\npaperspace_api_key = s\n", "x", "does not belong here",
		  "PAPERSPACE_API_KEY" },
		{ "[x]\ndigitalocean_token = s\n", "x", "does not belong here",
		  "DIGITALOCEAN_TOKEN" },
		{ "[default]\nprofile = x\n", NULL, "/c/config:2: 'profile' cannot be set by",
		  "--profile" },
		{ "[default]\ns3 =\n  a = b\n", NULL, "/c/config:2: unknown setting 's3'", "" },
		{ "[default]\nregion\n", NULL, "/c/config:2: expected 'key = value'", "" },
		{ "[other\nregion = a\n", NULL, "/c/config:1: a section's line has no ']'", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		bool found = false;

		assert_null(load(no_env, cases[i].text, cases[i].profile, &found, &err));
		assert_int_equal(err.kind, ERROR_CONFIG);
		if (!strstr(err.message, cases[i].message))
			fail_msg("case %zu: %s", i, err.message);
		assert_non_null(strstr(err.hint, cases[i].hint));
	}
}

/* One bad line: nothing of the file counts, and other people's sections are left alone. */
static void test_all_or_nothing(void **state)
{
	struct fake_host fake = { .text = "[default]\nregion = a\nbad_key = b\n" };
	struct host host = { .ctx = &fake, .read_file = fake_read };
	struct settings *settings = settings_new(no_env);
	struct error err = ERROR_INIT;
	bool found = false;

	(void)state;
	assert_int_equal(settings_load(settings, &host, "f", NULL, &found, &err), -1);
	assert_null(settings_get(settings, "region"));
	fake.text = "[default]\nregion = a\nimage =\n[other]\nnewer_key = b\n";
	assert_int_equal(settings_load(settings, &host, "f", NULL, &found, &err), 0);
	assert_string_equal(settings_get(settings, "region"), "a");
	assert_null(settings_get(settings, "image"));
	fake.broken = true;
	assert_int_equal(settings_load(settings, &host, "f", NULL, &found, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFIG);
	settings_free(settings);
}

static void test_secrets_are_masked(void **state)
{
	struct settings *settings = settings_new(no_env);
	struct buf out = BUF_INIT;

	(void)state;
	settings_set(settings, "secret_access_key", "sim-secret-key", SETTING_SIMULATOR, "sim");
	assert_string_equal(settings_get(settings, "secret_access_key"), "sim-secret-key");
	redact("key sim-secret-key.", 19, &out);
	assert_string_equal(out.data, "key ***.");
	settings_free(settings);
	buf_release(&out);
}

static void test_specs(void **state)
{
	size_t n = 0;

	(void)state;
	for (const struct setting_spec *spec = settings_specs; spec->key; spec++, n++) {
		assert_true(spec->help && spec->help[0]);
		for (const struct setting_spec *other = settings_specs; other < spec; other++) {
			assert_string_not_equal(other->key, spec->key);
			if (spec->env && other->env)
				assert_string_not_equal(other->env, spec->env);
		}
		/* no secret ever comes from a variable that we invented */
		if (spec->secret)
			assert_null(spec->env);
	}
	assert_int_equal(n, 23);
}

static void assert_paths(const char *const *env, const char *config, const char *data,
			 const char *state_folder, const char *cache, const char *runtime)
{
	struct settings *settings = settings_new(env);
	struct error err = ERROR_INIT;
	struct paths paths = { 0 };

	assert_int_equal(paths_find(settings, &paths, &err), 0);
	assert_string_equal(paths.config, config);
	assert_string_equal(paths.data, data);
	assert_string_equal(paths.state, state_folder);
	assert_string_equal(paths.cache, cache);
	assert_string_equal(paths.runtime, runtime);
	assert_string_equal(paths.home, "/h");
	paths_release(&paths);
	assert_null(paths.config);
	settings_free(settings);
}

static void test_paths(void **state)
{
	static const char *const plain[] = { "HOME=/h", NULL };
	static const char *const full[] = { "HOME=/h",
					    "XDG_CONFIG_HOME=/c",
					    "XDG_DATA_HOME=/d",
					    "XDG_STATE_HOME=/s",
					    "XDG_CACHE_HOME=/k",
					    "XDG_RUNTIME_DIR=/run/user/7",
					    NULL };
	static const char *const relative[] = { "HOME=/h", "XDG_CONFIG_HOME=c",
						"XDG_DATA_HOME=", "XDG_RUNTIME_DIR=r", NULL };
	static const char *const homeless[] = { "XDG_CONFIG_HOME=/c", NULL };
	static const char *const odd_home[] = { "HOME=h", NULL };
	char runtime[64];
	struct error err = ERROR_INIT;
	struct paths paths = { 0 };

	(void)state;
	snprintf(runtime, sizeof(runtime), "/tmp/gpucloud-%u", (unsigned)geteuid());
	assert_paths(plain, "/h/.config/gpucloud", "/h/.local/share/gpucloud",
		     "/h/.local/state/gpucloud", "/h/.cache/gpucloud", runtime);
	assert_paths(full, "/c/gpucloud", "/d/gpucloud", "/s/gpucloud", "/k/gpucloud",
		     "/run/user/7");
	assert_paths(relative, "/h/.config/gpucloud", "/h/.local/share/gpucloud",
		     "/h/.local/state/gpucloud", "/h/.cache/gpucloud", runtime);

	struct settings *settings = settings_new(homeless);
	assert_int_equal(paths_find(settings, &paths, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFIG);
	assert_string_equal(err.message, "HOME is not set");
	assert_null(paths.config);
	settings_free(settings);
	settings = settings_new(odd_home);
	assert_int_equal(paths_find(settings, &paths, &err), -1);
	assert_string_equal(err.message, "HOME is no absolute path");
	settings_free(settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_precedence),     cmocka_unit_test(test_environment),
		cmocka_unit_test(test_found),	       cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_all_or_nothing), cmocka_unit_test(test_secrets_are_masked),
		cmocka_unit_test(test_specs),	       cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
