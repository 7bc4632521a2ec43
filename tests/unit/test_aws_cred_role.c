/* SPDX-License-Identifier: Apache-2.0 */
/* Roles: of profiles, with MFA, by web identity; and when credentials are asked anew. */
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

#define ASSUMED(id, expires)                                                                         \
	"<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>" \
	"<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn></AssumedRoleUser><Credentials>" \
	"<AccessKeyId>" id "</AccessKeyId><SecretAccessKey>secret-of-" id "</SecretAccessKey>"       \
	"<SessionToken>token-of-" id "</SessionToken><Expiration>" expires "</Expiration>"           \
	"</Credentials></AssumeRoleResult></AssumeRoleResponse>"
#define IN_AN_HOUR "2026-01-01T01:00:00Z"

/* --- roles ---------------------------------------------------------------------------------- */

#define ROLE                                                    \
	"[default]\nregion = eu-west-1\n[profile base]\n" KEYS( \
		"BASE") "[profile r]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n"

static void test_assume_role(void **state)
{
	struct aws_fake fake;

	(void)state;
	aws_fake_start(&fake, WORDS("AWS_PROFILE=r", "AWS_REGION=eu-west-1"));
	aws_fake_file(&fake, CONFIG,
		      ROLE "external_id = ext/1\nduration_seconds = 3600\n"
			   "role_session_name = me\n");
	aws_fake_reply(&fake, "POST https://sts.eu-west-1.amazonaws.com/\n", 200,
		       ASSUMED("ROLE", IN_AN_HOUR));
	struct provider *p = aws_fake_open(&fake);

	aws_fake_expect_key(p, "ROLE", "token-of-ROLE", "arn:aws:iam::1:role/r");
	const char *request = fake.requests[0];

	assert_non_null(strstr(request, "Credential=BASE/20260101/eu-west-1/sts/aws4_request"));
	assert_non_null(strstr(request,
			       "\n\nAction=AssumeRole&Version=2011-06-15"
			       "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=me"
			       "&DurationSeconds=3600&ExternalId=ext%2F1"));
	/* Kept: nobody is asked again while they last, */
	aws_fake_expect_key(p, "ROLE", "token-of-ROLE", "role");
	fake.now_ms += (3600 - 301) * 1000;
	aws_fake_expect_key(p, "ROLE", "token-of-ROLE", "role");
	assert_int_equal(fake.nr_requests, 1);
	/* and new ones are had five minutes before the end. */
	fake.now_ms += 2 * 1000;
	aws_fake_reply(&fake, "AssumeRole", 200, ASSUMED("NEXT", "2026-01-01T02:00:00Z"));
	aws_fake_expect_key(p, "NEXT", "token-of-NEXT", "role");
	aws_close(p);
	aws_fake_stop(&fake);
}

/* A refresh that fails does no harm before the end, and says why after it. */
static void test_refresh_fails(void **state)
{
	struct aws_fake fake;

	(void)state;
	aws_fake_start(&fake, WORDS("AWS_PROFILE=r"));
	aws_fake_file(&fake, CONFIG, ROLE);
	aws_fake_reply(&fake, NULL, 200, ASSUMED("ROLE", IN_AN_HOUR));
	struct provider *p = aws_fake_open(&fake);

	aws_fake_expect_key(p, "ROLE", "token-of-ROLE", "role");
	fake.now_ms += (3600 - 100) * 1000;
	aws_fake_reply(&fake, NULL, 403,
		       "<ErrorResponse><Error><Code>AccessDenied</Code><Message>gone</Message>"
		       "</Error></ErrorResponse>");
	aws_fake_expect_key(p, "ROLE", "token-of-ROLE", "role");
	size_t asked = fake.nr_requests;
	aws_fake_expect_key(p, "ROLE", "token-of-ROLE", "role");
	assert_int_equal(fake.nr_requests, asked); /* STS is left alone for a while */
	fake.now_ms += 100 * 1000;
	aws_fake_reply(&fake, NULL, 403,
		       "<ErrorResponse><Error><Code>AccessDenied</Code><Message>gone</Message>"
		       "</Error></ErrorResponse>");
	aws_fake_expect_error(p, ERROR_AUTH, WORDS("gone", "taking role 'arn:aws:iam::1:role/r'"));
	aws_close(p);
	aws_fake_stop(&fake);
}

static void test_role_chain(void **state)
{
	struct aws_fake fake;

	(void)state;
	aws_fake_start(&fake, WORDS("AWS_PROFILE=c"));
	aws_fake_file(&fake, CONFIG,
		      "[profile c]\nrole_arn = role-c\nsource_profile = b\n"
		      "[profile b]\nrole_arn = role-b\nsource_profile = a\n"
		      "[profile a]\n" KEYS("A"));
	aws_fake_reply(&fake, "RoleArn=role-b", 200, ASSUMED("B", IN_AN_HOUR));
	aws_fake_reply(&fake, "RoleArn=role-c", 200, ASSUMED("C", IN_AN_HOUR));
	struct provider *p = aws_fake_open(&fake);

	aws_fake_expect_key(p, "C", "token-of-C", "role-c");
	assert_non_null(strstr(fake.requests[0], "Credential=A/"));
	assert_non_null(strstr(fake.requests[1], "Credential=B/"));
	assert_non_null(strstr(fake.requests[1], "X-Amz-Security-Token: token-of-B\n"));
	aws_close(p);
	aws_fake_stop(&fake);
}

/* A profile may be its own source where it holds keys; a role's keys of its own come second. */
static void test_self_reference(void **state)
{
	struct aws_fake fake;

	(void)state;
	aws_fake_start(&fake, WORDS("AWS_PROFILE=s"));
	aws_fake_file(&fake, CONFIG,
		      "[profile s]\nrole_arn = role-s\nsource_profile = s\n" KEYS("S"));
	aws_fake_reply(&fake, "RoleArn=role-s", 200, ASSUMED("T", IN_AN_HOUR));
	struct provider *p = aws_fake_open(&fake);

	aws_fake_expect_key(p, "T", "token-of-T", "role-s");
	assert_non_null(strstr(fake.requests[0], "Credential=S/"));
	aws_close(p);
	aws_fake_stop(&fake);
}

static void test_credential_source(void **state)
{
	struct aws_fake fake;

	(void)state;
	/* The profile is named to us, so that the keys do not win by themselves. */
	aws_fake_start(&fake,
		       WORDS("AWS_ACCESS_KEY_ID=ENV", "AWS_SECRET_ACCESS_KEY=secret-of-ENV"));
	aws_fake_file(&fake, CONFIG,
		      "[profile e]\nrole_arn = role-e\ncredential_source = Environment\n");
	settings_set(fake.settings, "aws_profile", "e", SETTING_FLAG, "--aws-profile");
	aws_fake_reply(&fake, "RoleArn=role-e", 200, ASSUMED("E", IN_AN_HOUR));
	struct provider *p = aws_fake_open(&fake);

	aws_fake_expect_key(p, "E", "token-of-E", "role-e");
	assert_non_null(strstr(fake.requests[0], "Credential=ENV/"));
	aws_close(p);
	aws_fake_stop(&fake);
}

static void test_refused_roles(void **state)
{
	static const struct {
		const char *config;
		const char *words[4];
	} cases[] = {
		{ "[profile x]\nrole_arn = a\n", { "'x'", "one of source_profile" } },
		{ "[profile x]\nrole_arn = a\nsource_profile = y\ncredential_source = "
		  "Environment\n[profile y]\n",
		  { "only one of source_profile" } },
		{ "[profile x]\nrole_arn = a\nsource_profile = nope\n",
		  { "source_profile 'nope' does not exist" } },
		{ "[profile x]\nrole_arn = a\nsource_profile = y\n[profile y]\nregion = r\n",
		  { "source_profile 'y' has no credentials" } },
		{ "[profile x]\nrole_arn = a\nsource_profile = x\n", { "leads back to itself" } },
		{ "[profile x]\nrole_arn = a\nsource_profile = y\n"
		  "[profile y]\nrole_arn = b\nsource_profile = x\n",
		  { "leads back to itself" } },
		{ "[profile x]\nrole_arn = a\nsource_profile = y\n"
		  "[profile y]\nrole_arn = b\nsource_profile = z\n"
		  "[profile z]\nrole_arn = c\nsource_profile = y\n",
		  { "leads back to itself" } },
		{ "[profile x]\nrole_arn = a\ncredential_source = Moon\n", { "'Moon'" } },
		{ "[profile x]\nrole_arn = a\ncredential_source = EcsContainer\n",
		  { "'EcsContainer' has no credentials" } },
		{ "[profile x]\nrole_arn = a\nsource_profile = y\nduration_seconds = 5 days\n"
		  "[profile y]\n" KEYS("Y"),
		  { "duration_seconds '5 days'" } },
		{ "[profile x]\nrole_arn = a\nsource_profile = y\nduration_seconds = 899\n"
		  "[profile y]\n" KEYS("Y"),
		  { "duration_seconds '899'" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;

		aws_fake_start(&fake, WORDS("AWS_PROFILE=x", NO_IMDS));
		aws_fake_file(&fake, CONFIG, cases[i].config);
		struct provider *p = aws_fake_open(&fake);

		aws_fake_expect_error(p, ERROR_CONFIG, cases[i].words);
		assert_int_equal(fake.nr_requests, 0);
		aws_close(p);
		aws_fake_stop(&fake);
	}
}

static void test_too_many_roles(void **state)
{
	struct aws_fake fake;
	struct buf config = BUF_INIT;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_addf(&config, "[profile p%d]\nrole_arn = a\nsource_profile = p%d\n", i, i + 1);
	aws_fake_start(&fake, WORDS("AWS_PROFILE=p0"));
	aws_fake_file(&fake, CONFIG, config.data);
	struct provider *p = aws_fake_open(&fake);

	aws_fake_expect_error(p, ERROR_CONFIG, WORDS("more than 10 roles"));
	aws_close(p);
	aws_fake_stop(&fake);
	buf_release(&config);
}

static void test_hostile_sts_reply(void **state)
{
	static const struct {
		const char *body;
		enum error_kind kind;
	} cases[] = {
		{ "", ERROR_PROTOCOL },
		{ "<AssumeRoleResponse><AssumeRoleResult><Credentials>", ERROR_PROTOCOL },
		{ "<AssumeRoleResponse/>", ERROR_PROTOCOL },
		{ ASSUMED("X", "whenever"), ERROR_PROTOCOL },
		{ ASSUMED("X&#10;Y", IN_AN_HOUR), ERROR_CONFIG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;

		aws_fake_start(&fake, WORDS("AWS_PROFILE=r"));
		aws_fake_file(&fake, CONFIG, ROLE);
		aws_fake_reply(&fake, NULL, 200, cases[i].body);
		struct provider *p = aws_fake_open(&fake);

		aws_fake_expect_error(p, cases[i].kind, WORDS("taking role"));
		aws_close(p);
		aws_fake_stop(&fake);
	}
}

/* --- MFA: the session that aws-cli keeps ---------------------------------------------------- */

/* sha1 of {"RoleArn": "arn:aws:iam::1:role/r", "SerialNumber": "arn:mfa"}, as Python prints it */
#define CLI_CACHE "/home/u/.aws/cli/cache/" MFA_SHA1 ".json"
#define MFA_SHA1  "9fef95e86afe1348264e8ef2c06f055c94d7e54d"

static void test_mfa(void **state)
{
	static const struct {
		const char *expires;
		bool good;
	} cases[] = { { "2026-01-01T00:30:00+00:00", true }, { "2026-01-01T00:04:00Z", false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;
		char json[256];

		aws_fake_start(&fake, WORDS("AWS_PROFILE=r"));
		aws_fake_file(&fake, CONFIG, ROLE "mfa_serial = arn:mfa\n");
		snprintf(json, sizeof(json),
			 "{\"Credentials\": {\"AccessKeyId\": \"MFA\", \"SecretAccessKey\": "
			 "\"secret-of-MFA\", \"SessionToken\": \"t\", \"Expiration\": \"%s\"}}",
			 cases[i].expires);
		aws_fake_file(&fake, CLI_CACHE, json);
		struct provider *p = aws_fake_open(&fake);

		if (cases[i].good)
			aws_fake_expect_key(p, "MFA", "t", "aws-cli");
		else
			aws_fake_expect_error(p, ERROR_AUTH,
					      WORDS("MFA device 'arn:mfa'",
						    "aws sts get-caller-identity --profile r"));
		assert_int_equal(fake.nr_requests, 0);
		aws_close(p);
		aws_fake_stop(&fake);
	}
}

/* --- web identity --------------------------------------------------------------------------- */

static void test_web_identity(void **state)
{
	struct aws_fake fake;

	(void)state;
	aws_fake_start(&fake, WORDS("AWS_WEB_IDENTITY_TOKEN_FILE=/token", "AWS_ROLE_ARN=arn:r",
				    "AWS_ROLE_SESSION_NAME=pod"));
	aws_fake_file(&fake, "/token", "ey.J.x\n");
	aws_fake_file(&fake, CREDENTIALS, "[default]\n" KEYS("FILE"));
	aws_fake_reply(&fake, "POST https://sts.us-east-1.amazonaws.com/", 200,
		       ASSUMED("WEB", IN_AN_HOUR));
	struct provider *p = aws_fake_open(&fake);

	aws_fake_expect_key(p, "WEB", "token-of-WEB", "arn:r");
	assert_null(strstr(fake.requests[0], "Authorization"));
	assert_non_null(strstr(fake.requests[0],
			       "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Ar"
			       "&RoleSessionName=pod&WebIdentityToken=ey.J.x"));
	/* The platform replaces the token while we run. */
	fake.nr_files = 0;
	aws_fake_file(&fake, "/token", "ey.J.y");
	fake.now_ms += 3500 * 1000;
	aws_fake_reply(&fake, "WebIdentityToken=ey.J.y", 200,
		       ASSUMED("AGAIN", "2026-01-01T02:00:00Z"));
	aws_fake_expect_key(p, "AGAIN", "token-of-AGAIN", "arn:r");
	aws_close(p);
	aws_fake_stop(&fake);
}

static void test_web_identity_of_profile(void **state)
{
	struct aws_fake fake;

	(void)state;
	aws_fake_start(&fake,
		       WORDS("AWS_WEB_IDENTITY_TOKEN_FILE=/other", "AWS_ROLE_ARN=arn:other"));
	aws_fake_file(&fake, CONFIG,
		      "[profile w]\nrole_arn = arn:w\nweb_identity_token_file = ~/t\n");
	aws_fake_file(&fake, "/home/u/t", "tok");
	settings_set(fake.settings, "aws_profile", "w", SETTING_FLAG, "--aws-profile");
	aws_fake_reply(&fake, "RoleArn=arn%3Aw&", 200, ASSUMED("W", IN_AN_HOUR));
	struct provider *p = aws_fake_open(&fake);

	aws_fake_expect_key(p, "W", "token-of-W", "arn:w");
	aws_close(p);
	aws_fake_stop(&fake);
}

static void test_web_identity_refused(void **state)
{
	struct aws_fake fake;

	(void)state;
	aws_fake_start(&fake, WORDS("AWS_WEB_IDENTITY_TOKEN_FILE=/token"));
	struct provider *p = aws_fake_open(&fake);
	aws_fake_expect_error(p, ERROR_CONFIG, WORDS("no role", "AWS_ROLE_ARN"));
	aws_close(p);
	aws_fake_stop(&fake);

	aws_fake_start(&fake, WORDS("AWS_WEB_IDENTITY_TOKEN_FILE=/token", "AWS_ROLE_ARN=r"));
	p = aws_fake_open(&fake);
	aws_fake_expect_error(p, ERROR_CONFIG, WORDS("web identity token", "/token"));
	aws_close(p);
	aws_fake_stop(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_assume_role),
		cmocka_unit_test(test_refresh_fails),
		cmocka_unit_test(test_role_chain),
		cmocka_unit_test(test_self_reference),
		cmocka_unit_test(test_credential_source),
		cmocka_unit_test(test_refused_roles),
		cmocka_unit_test(test_too_many_roles),
		cmocka_unit_test(test_hostile_sts_reply),
		cmocka_unit_test(test_mfa),
		cmocka_unit_test(test_web_identity),
		cmocka_unit_test(test_web_identity_of_profile),
		cmocka_unit_test(test_web_identity_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
