/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are by environment and files, and the order among the sources. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "providers/aws/aws.h"
#include "tests/unit/aws_fake.h"

#define CONFIG	    "/home/u/.aws/config"
#define CREDENTIALS "/home/u/.aws/credentials"
#define KEYS(id)    "aws_access_key_id = " id "\naws_secret_access_key = secret-of-" id "\n"
#define NO_IMDS	    "AWS_EC2_METADATA_DISABLED=true"

/* --- order ---------------------------------------------------------------------------------- */

static void test_order(void **state)
{
	static const struct {
		const char *env[6];
		const char *setting; /* aws_profile */
		const char *config, *credentials;
		const char *id, *token, *source;
	} cases[] = {
		{ { "AWS_ACCESS_KEY_ID=ENV", "AWS_SECRET_ACCESS_KEY=secret-of-ENV" },
		  NULL,
		  "[default]\n" KEYS("CONF"),
		  "[default]\n" KEYS("FILE"),
		  "ENV",
		  NULL,
		  "environment" },
		{ { "AWS_ACCESS_KEY_ID=ENV", "AWS_SECRET_ACCESS_KEY=secret-of-ENV",
		    "AWS_SESSION_TOKEN=new", "AWS_SECURITY_TOKEN=old" },
		  NULL,
		  "",
		  "",
		  "ENV",
		  "old",
		  "environment" },
		{ { "AWS_ACCESS_KEY_ID=ENV", "AWS_SECRET_ACCESS_KEY=secret-of-ENV",
		    "AWS_SESSION_TOKEN=new" },
		  NULL,
		  "",
		  "",
		  "ENV",
		  "new",
		  "environment" },
		/* a profile named by AWS_PROFILE loses to keys in the environment */
		{ { "AWS_ACCESS_KEY_ID=ENV", "AWS_SECRET_ACCESS_KEY=secret-of-ENV",
		    "AWS_PROFILE=p" },
		  NULL,
		  "[profile p]\n" KEYS("CONF"),
		  "",
		  "ENV",
		  NULL,
		  "environment" },
		/* one named to us wins over them */
		{ { "AWS_ACCESS_KEY_ID=ENV", "AWS_SECRET_ACCESS_KEY=secret-of-ENV" },
		  "p",
		  "[profile p]\n" KEYS("CONF"),
		  "",
		  "CONF",
		  NULL,
		  "profile 'p'" },
		{ { NO_IMDS },
		  NULL,
		  "[default]\n" KEYS("CONF"),
		  "[default]\n" KEYS("FILE"),
		  "FILE",
		  NULL,
		  "'" CREDENTIALS "'" },
		{ { NO_IMDS },
		  NULL,
		  "[default]\n" KEYS("CONF"),
		  "[other]\n" KEYS("FILE"),
		  "CONF",
		  NULL,
		  "'" CONFIG "'" },
		{ { NO_IMDS },
		  NULL,
		  "",
		  "[default]\n" KEYS("FILE") "aws_session_token = t\n",
		  "FILE",
		  "t",
		  "credentials" },
		/* an access key in the environment that is empty is none */
		{ { "AWS_ACCESS_KEY_ID=", NO_IMDS },
		  NULL,
		  "",
		  "[default]\n" KEYS("FILE"),
		  "FILE",
		  NULL,
		  "credentials" },
		/* a secret alone is not half a key */
		{ { "AWS_SECRET_ACCESS_KEY=x", NO_IMDS },
		  NULL,
		  "",
		  "[default]\n" KEYS("FILE"),
		  "FILE",
		  NULL,
		  "credentials" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;

		aws_fake_start(&fake, cases[i].env);
		aws_fake_file(&fake, CONFIG, cases[i].config);
		aws_fake_file(&fake, CREDENTIALS, cases[i].credentials);
		settings_set(fake.settings, "aws_profile", cases[i].setting, SETTING_FLAG,
			     "--aws-profile");
		struct provider *p = aws_fake_open(&fake);

		aws_fake_expect_key(p, cases[i].id, cases[i].token, cases[i].source);
		assert_int_equal(fake.nr_requests, 0);
		aws_close(p);
		aws_fake_stop(&fake);
	}
}

static void test_settings_win(void **state)
{
	struct aws_fake fake;

	(void)state;
	aws_fake_start(&fake,
		       WORDS("AWS_ACCESS_KEY_ID=ENV", "AWS_SECRET_ACCESS_KEY=secret-of-ENV"));
	settings_set(fake.settings, "access_key_id", "SIM", SETTING_SIMULATOR, "sim");
	settings_set(fake.settings, "secret_access_key", "secret-of-SIM", SETTING_SIMULATOR, "sim");
	settings_set(fake.settings, "profile", "sim", SETTING_FLAG, "--profile");
	struct provider *p = aws_fake_open(&fake);

	aws_fake_expect_key(p, "SIM", NULL, "profile 'sim'");
	aws_close(p);
	aws_fake_stop(&fake);
}

static void test_none_at_all(void **state)
{
	struct aws_fake fake;

	(void)state;
	aws_fake_start(&fake, WORDS(NO_IMDS));
	struct provider *p = aws_fake_open(&fake);

	for (int i = 0; i < 2; i++)
		aws_fake_expect_error(
			p, ERROR_CONFIG,
			WORDS("no aws credentials", "environment", "profile 'default'",
			      CONFIG "' (absent)", CREDENTIALS "' (absent)", "container",
			      "instance metadata", "aws configure", "gpucloud doctor"));
	aws_close(p);
	aws_fake_stop(&fake);
}

static void test_half_and_hostile_keys(void **state)
{
	static const struct {
		const char *env[4];
		const char *credentials;
		const char *words[4];
	} cases[] = {
		{ { "AWS_ACCESS_KEY_ID=ENV" },
		  "[default]\n" KEYS("FILE"),
		  { "AWS_SECRET_ACCESS_KEY", "environment" } },
		{ { NO_IMDS },
		  "[default]\naws_access_key_id = X\n",
		  { "no secret key", "profile 'default'" } },
		{ { "AWS_ACCESS_KEY_ID=A B", "AWS_SECRET_ACCESS_KEY=x" },
		  "",
		  { "the access key", "blank" } },
		{ { "AWS_ACCESS_KEY_ID=A", "AWS_SECRET_ACCESS_KEY=x\r\nX-Evil: 1" },
		  "",
		  { "the secret key", "control" } },
		{ { "AWS_ACCESS_KEY_ID=A", "AWS_SECRET_ACCESS_KEY=x", "AWS_SESSION_TOKEN=a\nb" },
		  "",
		  { "the session token" } },
		{ { "AWS_ACCESS_KEY_ID=A", "AWS_SECRET_ACCESS_KEY=x",
		    "AWS_CREDENTIAL_EXPIRATION=tomorrow" },
		  "",
		  { "AWS_CREDENTIAL_EXPIRATION" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;

		aws_fake_start(&fake, cases[i].env);
		aws_fake_file(&fake, CREDENTIALS, cases[i].credentials);
		struct provider *p = aws_fake_open(&fake);

		aws_fake_expect_error(p, ERROR_CONFIG, cases[i].words);
		aws_close(p);
		aws_fake_stop(&fake);
	}
}

static void test_expired_environment(void **state)
{
	struct aws_fake fake;

	(void)state;
	aws_fake_start(&fake, WORDS("AWS_ACCESS_KEY_ID=A", "AWS_SECRET_ACCESS_KEY=secret-of-A",
				    "AWS_SESSION_TOKEN=t",
				    "AWS_CREDENTIAL_EXPIRATION=2026-01-01T00:00:10Z"));
	struct provider *p = aws_fake_open(&fake);

	aws_fake_expect_key(p, "A", "t", "environment"); /* ten seconds are still ten seconds */
	fake.now_ms += 10000;
	aws_fake_expect_error(p, ERROR_AUTH, WORDS("expired at 2026-01-01T00:00:10Z"));
	aws_close(p);
	aws_fake_stop(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_settings_win),
		cmocka_unit_test(test_none_at_all),
		cmocka_unit_test(test_half_and_hostile_keys),
		cmocka_unit_test(test_expired_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
