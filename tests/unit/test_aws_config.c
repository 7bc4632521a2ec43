/* SPDX-License-Identifier: Apache-2.0 */
/* Which profile, which region, which endpoint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/file.h"
#include "core/mem.h"
#include "providers/aws/aws_config.h"
#include "tests/unit/aws_fake.h"

#define ENV(...)                  \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

/* --- regions -------------------------------------------------------------------------------- */

static void test_region_syntax(void **state)
{
	static const struct {
		const char *region;
		int rc;
		const char *hint; /* part of it */
	} cases[] = {
		{ "us-east-1", 0, NULL },
		{ "us-gov-west-1", 0, NULL },
		{ "ap-southeast-12", 0, NULL },
		{ "us-isob-east-1", 0, NULL },
		{ "", -1, "us-east-1" },
		{ "us", -1, "us-east-1" },
		{ "us-east", -1, "us-east-1" },
		{ "us-1", -1, "us-east-1" },
		{ "u-east-1", -1, "us-east-1" },
		{ "US-EAST-1", -1, "us-east-1" },
		{ "us-east-1a", -1, "its region is 'us-east-1'" },
		{ "us-east-123", -1, "us-east-1" },
		{ "us-east-1.evil.org/", -1, "us-east-1" },
		{ "us-east-1@evil", -1, "us-east-1" },
		{ "us--east-1", -1, "us-east-1" },
		{ "us-east-1\n", -1, "us-east-1" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-east-1", -1, "us-east-1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		int rc = aws_region_check(cases[i].region, &err);

		if (rc != cases[i].rc)
			fail_msg("'%s' gives %d", cases[i].region, rc);
		if (rc == 0)
			continue;
		assert_int_equal(err.kind, ERROR_NOT_FOUND);
		assert_non_null(strstr(err.message, "unknown region"));
		assert_non_null(strstr(err.hint, cases[i].hint));
		assert_null(strchr(err.message, '\n'));
	}
}

static void test_region_order(void **state)
{
	struct aws_fake fake;
	struct aws_config config = { NULL };
	struct error err = ERROR_INIT;
	const char *region;

	(void)state;
	aws_fake_start(&fake, ENV("AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-2"));
	aws_fake_file(&fake, "/home/u/.aws/config", "[default]\nregion = eu-west-3\n");
	assert_int_equal(aws_config_load(&config, &fake.env, &err), 0);
	assert_int_equal(aws_config_region(&config, &region, &err), 0);
	assert_string_equal(region, "eu-west-1");
	settings_set(fake.settings, "region", "us-west-2", SETTING_FLAG, "--region");
	assert_int_equal(aws_config_region(&config, &region, &err), 0);
	assert_string_equal(region, "us-west-2");
	aws_config_release(&config);
	aws_fake_stop(&fake);

	aws_fake_start(&fake, ENV("AWS_DEFAULT_REGION=eu-west-2"));
	aws_fake_file(&fake, "/home/u/.aws/config", "[default]\nregion = eu-west-3\n");
	assert_int_equal(aws_config_load(&config, &fake.env, &err), 0);
	assert_int_equal(aws_config_region(&config, &region, &err), 0);
	assert_string_equal(region, "eu-west-2");
	aws_config_release(&config);
	aws_fake_stop(&fake);

	aws_fake_start(&fake, ENV("AWS_PROFILE=p"));
	aws_fake_file(&fake, "/home/u/.aws/config",
		      "[default]\nregion = eu-west-3\n[profile p]\nregion = sa-east-1\n");
	assert_int_equal(aws_config_load(&config, &fake.env, &err), 0);
	assert_int_equal(aws_config_region(&config, &region, &err), 0);
	assert_string_equal(region, "sa-east-1");
	aws_config_release(&config);
	aws_fake_stop(&fake);

	aws_fake_start(&fake, NULL);
	assert_int_equal(aws_config_load(&config, &fake.env, &err), 0);
	assert_int_equal(aws_config_region(&config, &region, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFIG);
	assert_non_null(strstr(err.hint, "--region"));
	assert_string_equal(aws_config_region_or_default(&config), "us-east-1");
	aws_config_release(&config);
	aws_fake_stop(&fake);
}

/* --- endpoints ------------------------------------------------------------------------------ */

static void test_own_hosts(void **state)
{
	static const struct {
		const char *service, *region, *url;
	} cases[] = {
		{ "ec2", "us-east-1", "https://ec2.us-east-1.amazonaws.com/" },
		{ "ec2", "cn-north-1", "https://ec2.cn-north-1.amazonaws.com.cn/" },
		{ "ec2", "us-gov-west-1", "https://ec2.us-gov-west-1.amazonaws.com/" },
		{ "ec2", "eusc-de-east-1", "https://ec2.eusc-de-east-1.amazonaws.eu/" },
		{ "sts", "eu-west-1", "https://sts.eu-west-1.amazonaws.com/" },
		{ "ssm", "eu-west-1", "https://ssm.eu-west-1.amazonaws.com/" },
		{ "servicequotas", "eu-west-1", "https://servicequotas.eu-west-1.amazonaws.com/" },
		{ "pricing", "us-east-1", "https://api.pricing.us-east-1.amazonaws.com/" },
		{ "sso", "eu-west-1", "https://portal.sso.eu-west-1.amazonaws.com/" },
	};
	struct aws_fake fake;
	struct aws_config config = { NULL };
	struct error err = ERROR_INIT;

	(void)state;
	aws_fake_start(&fake, NULL);
	assert_int_equal(aws_config_load(&config, &fake.env, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf url = BUF_INIT;

		assert_int_equal(
			aws_config_endpoint(&config, cases[i].service, cases[i].region, &url, &err),
			0);
		assert_string_equal(url.data, cases[i].url);
		buf_release(&url);
	}
	assert_string_equal(aws_pricing_region("eu-north-1"), "eu-central-1");
	assert_string_equal(aws_pricing_region("ap-northeast-1"), "ap-south-1");
	assert_string_equal(aws_pricing_region("us-west-2"), "us-east-1");
	assert_string_equal(aws_pricing_region("sa-east-1"), "us-east-1");
	assert_true(aws_same_partition("us-east-1", "eu-central-1"));
	assert_true(aws_same_partition("cn-north-1", "cn-northwest-1"));
	assert_false(aws_same_partition("us-east-1", "cn-north-1"));
	assert_false(aws_same_partition("us-east-1", "us-gov-west-1"));
	assert_false(aws_same_partition("us-iso-east-1", "us-isob-east-1"));
	aws_config_release(&config);
	aws_fake_stop(&fake);
}

static void test_bad_region_makes_no_host(void **state)
{
	struct aws_fake fake;
	struct aws_config config = { NULL };
	struct error err = ERROR_INIT;
	struct buf url = BUF_INIT;

	(void)state;
	aws_fake_start(&fake, NULL);
	assert_int_equal(aws_config_load(&config, &fake.env, &err), 0);
	assert_int_equal(aws_config_endpoint(&config, "ec2", "evil.org/#", &url, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_int_equal(url.len, 0);
	aws_config_release(&config);
	aws_fake_stop(&fake);
}

#define SERVICES                                                         \
	"[default]\nservices = dev\nendpoint_url = http://localhost:4\n" \
	"[services dev]\nec2 =\n  endpoint_url = http://localhost:3\n"   \
	"ssm =\n  region = x\n"

static void test_override_order(void **state)
{
	static const struct {
		const char *env[4];
		const char *flag, *config, *service, *url;
	} cases[] = {
		{ { "AWS_ENDPOINT_URL_EC2=http://127.0.0.1:1", "AWS_ENDPOINT_URL=http://[::1]:2" },
		  "http://localhost:5/base",
		  SERVICES,
		  "ec2",
		  "http://localhost:5/base/" },
		{ { "AWS_ENDPOINT_URL_EC2=http://127.0.0.1:1", "AWS_ENDPOINT_URL=http://[::1]:2" },
		  NULL,
		  SERVICES,
		  "ec2",
		  "http://127.0.0.1:1/" },
		{ { "AWS_ENDPOINT_URL_EC2=http://127.0.0.1:1", "AWS_ENDPOINT_URL=http://[::1]:2" },
		  NULL,
		  SERVICES,
		  "sts",
		  "http://[::1]:2/" },
		{ { "AWS_ENDPOINT_URL_SERVICE_QUOTAS=https://q.example" },
		  NULL,
		  SERVICES,
		  "servicequotas",
		  "https://q.example/" },
		{ { NULL }, NULL, SERVICES, "ec2", "http://localhost:3/" },
		{ { NULL }, NULL, SERVICES, "ssm", "http://localhost:4/" },
		{ { "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=TRUE", "AWS_ENDPOINT_URL=http://[::1]:2" },
		  NULL,
		  SERVICES,
		  "ec2",
		  "https://ec2.us-east-1.amazonaws.com/" },
		{ { "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true" },
		  "http://localhost:5",
		  SERVICES,
		  "ec2",
		  "http://localhost:5/" },
		{ { "AWS_ENDPOINT_URL=" },
		  NULL,
		  "[default]\n",
		  "ec2",
		  "https://ec2.us-east-1.amazonaws.com/" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;
		struct aws_config config = { NULL };
		struct error err = ERROR_INIT;
		struct buf url = BUF_INIT;

		aws_fake_start(&fake, cases[i].env);
		aws_fake_file(&fake, "/home/u/.aws/config", cases[i].config);
		settings_set(fake.settings, "endpoint_url", cases[i].flag, SETTING_FLAG, "--x");
		assert_int_equal(aws_config_load(&config, &fake.env, &err), 0);
		if (aws_config_endpoint(&config, cases[i].service, "us-east-1", &url, &err) < 0)
			fail_msg("case %zu: %s", i, err.message);
		assert_string_equal(url.data, cases[i].url);
		buf_release(&url);
		aws_config_release(&config);
		aws_fake_stop(&fake);
	}
}

static void test_refused_overrides(void **state)
{
	static const char *const urls[] = {
		"localhost:5000",
		"ftp://localhost/",
		"http://example.com/",
		"https://",
		"https:///x",
		"https://user@host/",
		"https://host/?a=b",
		"https://host/#x",
		"https://ho st/",
		"https://h\xc3\xa4st/",
		"http://127.0.0.1.evil.org/",
		"http://localhost@evil.org/",
		"https://:80/",
		"http://169.254.169.254/",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		struct aws_fake fake;
		struct aws_config config = { NULL };
		struct error err = ERROR_INIT;
		struct buf url = BUF_INIT;

		aws_fake_start(&fake, NULL);
		settings_set(fake.settings, "endpoint_url", urls[i], SETTING_FLAG,
			     "--endpoint-url");
		assert_int_equal(aws_config_load(&config, &fake.env, &err), 0);
		if (aws_config_endpoint(&config, "ec2", "us-east-1", &url, &err) == 0)
			fail_msg("'%s' is taken", urls[i]);
		assert_int_equal(err.kind, ERROR_CONFIG);
		assert_non_null(strstr(err.message, "--endpoint-url"));
		buf_release(&url);
		aws_config_release(&config);
		aws_fake_stop(&fake);
	}
}

/* --- profiles ------------------------------------------------------------------------------- */

static void test_unknown_profile(void **state)
{
	struct aws_fake fake;
	struct aws_config config = { NULL };
	struct error err = ERROR_INIT;

	(void)state;
	aws_fake_start(&fake, ENV("AWS_PROFILE=tarining"));
	aws_fake_file(&fake, "/home/u/.aws/config",
		      "[default]\na = b\n[profile 'training']\na = b\n");
	assert_int_equal(aws_config_load(&config, &fake.env, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFIG);
	assert_non_null(strstr(err.message, "'tarining'"));
	assert_non_null(strstr(err.message, "AWS_PROFILE"));
	assert_non_null(strstr(err.message, "/home/u/.aws/config'"));
	assert_non_null(strstr(err.message, "/home/u/.aws/credentials' (absent)"));
	assert_string_equal(err.hint, "did you mean 'training'?");
	aws_fake_stop(&fake);

	aws_fake_start(&fake, ENV("AWS_PROFILE=qq"));
	assert_int_equal(aws_config_load(&config, &fake.env, &err), -1);
	assert_non_null(strstr(err.hint, "aws configure --profile qq"));
	aws_fake_stop(&fake);
}

static void test_which_profile(void **state)
{
	static const struct {
		const char *env[3];
		const char *setting, *profile;
		bool is_explicit;
	} cases[] = {
		{ { NULL }, NULL, "default", false },
		{ { "AWS_PROFILE=a" }, NULL, "a", false },
		{ { "AWS_PROFILE=a", "AWS_DEFAULT_PROFILE=b" }, NULL, "b", false },
		{ { "AWS_PROFILE=a" }, "b", "b", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;
		struct aws_config config = { NULL };
		struct error err = ERROR_INIT;

		aws_fake_start(&fake, cases[i].env);
		aws_fake_file(&fake, "/home/u/.aws/credentials", "[a]\n[b]\n");
		settings_set(fake.settings, "aws_profile", cases[i].setting, SETTING_PROFILE,
			     "the config");
		assert_int_equal(aws_config_load(&config, &fake.env, &err), 0);
		assert_string_equal(config.profile, cases[i].profile);
		assert_int_equal(config.profile_explicit, cases[i].is_explicit);
		aws_config_release(&config);
		aws_fake_stop(&fake);
	}
}

static void test_other_places_and_merging(void **state)
{
	struct aws_fake fake;
	struct aws_config config = { NULL };
	struct error err = ERROR_INIT;

	(void)state;
	aws_fake_start(&fake, ENV("AWS_CONFIG_FILE=~/c", "AWS_SHARED_CREDENTIALS_FILE=/etc/k"));
	aws_fake_file(&fake, "/home/u/c",
		      "[default]\nregion = eu-west-1\nrole_arn = from-config\n"
		      "[profile x]\nOutput = text\n[default]\nregion = eu-west-2\n");
	aws_fake_file(&fake, "/etc/k",
		      "[default]\nrole_arn = from-credentials\n[profile x]\na = b\n");
	assert_int_equal(aws_config_load(&config, &fake.env, &err), 0);
	assert_string_equal(aws_config_get(&config, "default", "region"), "eu-west-2");
	assert_string_equal(aws_config_get(&config, "default", "role_arn"), "from-credentials");
	assert_string_equal(aws_config_file_get(&config, "default", "role_arn"), "from-config");
	assert_string_equal(aws_config_get(&config, "x", "output"), "text");
	assert_null(aws_config_get(&config, "x", "a"));
	assert_true(aws_config_has_profile(&config, "profile x")); /* in the credentials file */
	assert_false(aws_config_has_profile(&config, "y"));
	aws_config_release(&config);
	aws_fake_stop(&fake);
}

/* The simulator's keys come with the settings: a broken ~/.aws must not stand in the way. */
static void test_own_keys_ignore_the_files(void **state)
{
	struct aws_fake fake;
	struct aws_config config = { NULL };
	struct error err = ERROR_INIT;

	(void)state;
	aws_fake_start(&fake, ENV("AWS_PROFILE=gone"));
	aws_fake_file(&fake, "/home/u/.aws/config", "what is this\n");
	assert_int_equal(aws_config_load(&config, &fake.env, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFIG);
	settings_set(fake.settings, "access_key_id", "SIM", SETTING_SIMULATOR, "sim");
	assert_int_equal(aws_config_load(&config, &fake.env, &err), 0);
	aws_config_release(&config);
	aws_fake_stop(&fake);
}

/* --- the files botocore tests itself with --------------------------------------------------- */

static bool load_botocore(struct aws_fake *fake, const char *name)
{
	struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	char path[512];

	snprintf(path, sizeof(path), "%s/aws/botocore/cfg/%s", GPUCLOUD_SHARED_DATA, name);
	if (file_read(path, 1 << 20, &text, &err) < 0) {
		printf("skipped: %s\n", err.message);
		buf_release(&text);
		return false;
	}
	aws_fake_bytes(fake, "/home/u/.aws/config", text.data, text.len);
	buf_release(&text);
	return true;
}

static void test_botocore_files(void **state)
{
	static const struct {
		const char *file, *profile, *key, *value; /* key NULL: refused */
	} cases[] = {
		{ "aws_config", "default", "aws_access_key_id", "foo" },
		{ "aws_config", "personal", "aws_access_key_id", "fie" },
		{ "aws_config", "personal", "aws_security_token", "fiebaz" },
		{ "aws_config_other", "default", "aws_secret_access_key", "other_bar" },
		{ "aws_third_config", "third", "aws_secret_access_key", "third_baz" },
		{ "aws_config_nested", "default", "region", "us-west-2" },
		{ "aws_config_nested", "default", "s3.addressing_style", "path" },
		{ "aws_config_nested", "default", "cloudwatch.signature_version", "v4" },
		{ "aws_config_nocreds", "default", "aws_access_key_id", NULL },
		{ "aws_bad_profile", "my profile", "aws_access_key_id", "default" },
		{ "aws_bad_profile", "personal1", "aws_access_key_id", "access_personal1" },
		{ "aws_bad_profile", "personal", "aws_access_key_id", NULL },
		{ "foo_config", "foo", "aws_access_key_id", "fie" },
		{ "boto_config", "Credentials", "aws_access_key_id", NULL },
		{ "boto_config_empty", "default", "aws_access_key_id", NULL },
		{ "aws_sso_session_config", "default", "sso_session", "sso" },
		{ "aws_config_bad", NULL, NULL, NULL },
		{ "aws_config_badbytes", NULL, NULL, NULL },
		{ "aws_config_nested_bad", NULL, NULL, NULL },
		{ "aws_credentials", NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;
		struct aws_config config = { NULL };
		struct error err = ERROR_INIT;
		const char *value;

		aws_fake_start(&fake, NULL);
		if (!load_botocore(&fake, cases[i].file)) {
			aws_fake_stop(&fake);
			skip();
		}
		int rc = aws_config_load(&config, &fake.env, &err);

		if (rc != (cases[i].key ? 0 : -1))
			fail_msg("%s: %d %s", cases[i].file, rc, err.message);
		if (!cases[i].key) {
			assert_int_equal(err.kind, ERROR_CONFIG);
			assert_non_null(strstr(err.message, "/home/u/.aws/config"));
		} else {
			value = aws_config_get(&config, cases[i].profile, cases[i].key);
			if (!value != !cases[i].value || (value && strcmp(value, cases[i].value)))
				fail_msg("%s: %s of '%s' is '%s'", cases[i].file, cases[i].key,
					 cases[i].profile, value ? value : "(none)");
		}
		aws_config_release(&config);
		aws_fake_stop(&fake);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_region_syntax),
		cmocka_unit_test(test_region_order),
		cmocka_unit_test(test_own_hosts),
		cmocka_unit_test(test_bad_region_makes_no_host),
		cmocka_unit_test(test_override_order),
		cmocka_unit_test(test_refused_overrides),
		cmocka_unit_test(test_unknown_profile),
		cmocka_unit_test(test_which_profile),
		cmocka_unit_test(test_other_places_and_merging),
		cmocka_unit_test(test_own_keys_ignore_the_files),
		cmocka_unit_test(test_botocore_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
