/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials that others hand out: the sso portal, and a helper of the user's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "providers/aws/aws.h"
#include "tests/unit/aws_fake.h"

#define CONFIG	"/home/u/.aws/config"
#define NO_IMDS "AWS_EC2_METADATA_DISABLED=true"

/* --- sso ------------------------------------------------------------------------------------ */

#define SSO_KEYS "sso_account_id = 111122223333\nsso_role_name = Admin Role\n"
#define SSO                                                                 \
	"[profile s]\nsso_session = corp\n" SSO_KEYS "[sso-session corp]\n" \
	"sso_start_url = https://corp.example/start\nsso_region = eu-west-1\n"
#define SSO_OLD                  \
	"[profile s]\n" SSO_KEYS \
	"sso_start_url = https://corp.example/start\nsso_region = eu-west-1\n"
/* sha1("corp"), sha1("https://corp.example/start") */
#define SSO_FILE	   "/home/u/.aws/sso/cache/" SSO_SHA1 ".json"
#define SSO_OLD_FILE	   "/home/u/.aws/sso/cache/" SSO_OLD_SHA1 ".json"
#define SSO_SHA1	   "ee0bfd2552fbd840c02cc48b6e823320543c450f"
#define SSO_OLD_SHA1	   "f7c9b39d0b4c7a7d82c79307585f77e1c5e74378"
#define SSO_TOKEN(expires) "{\"accessToken\":\"TOKEN-VALUE\",\"expiresAt\":\"" expires "\"}"
#define SSO_GOOD	   SSO_TOKEN("2026-01-01T00:00:01Z")
#define SSO_REPLY                                                                            \
	"{\"roleCredentials\":{\"accessKeyId\":\"ID\",\"secretAccessKey\":\"SECRET-VALUE\"," \
	"\"sessionToken\":\"x\",\"expiration\":1767229200000}}"
#define LOG_IN "aws sso login --profile s"

static void test_sso(void **state)
{
	static const struct {
		const char *config, *path, *token;
		int status; /* 0: nothing is asked */
		const char *reply;
		const char *id;
		enum error_kind kind;
		const char *words[4];
	} cases[] = {
		{ SSO, SSO_FILE, SSO_GOOD, 200, SSO_REPLY, "ID", 0, { "sso profile 's'" } },
		{ SSO_OLD, SSO_OLD_FILE, SSO_GOOD, 200, SSO_REPLY, "ID", 0, { "sso" } },
		{ SSO,
		  SSO_FILE,
		  SSO_TOKEN("2026-01-01T00:00:01UTC"),
		  200,
		  SSO_REPLY,
		  "ID",
		  0,
		  { "sso" } },
		{ SSO,
		  SSO_FILE,
		  SSO_TOKEN("2026-01-01T00:00:00Z"),
		  0,
		  NULL,
		  NULL,
		  ERROR_AUTH,
		  { "expired", LOG_IN } },
		{ SSO,
		  "/nowhere",
		  SSO_GOOD,
		  0,
		  NULL,
		  NULL,
		  ERROR_AUTH,
		  { "nobody is logged in", LOG_IN } },
		{ SSO,
		  SSO_FILE,
		  "{\"accessToken\":",
		  0,
		  NULL,
		  NULL,
		  ERROR_AUTH,
		  { "cannot be read", LOG_IN } },
		{ SSO,
		  SSO_FILE,
		  "{\"accessToken\":7,\"expiresAt\":\"2027-01-01T00:00:00Z\"}",
		  0,
		  NULL,
		  NULL,
		  ERROR_AUTH,
		  { "malformed", LOG_IN } },
		{ SSO, SSO_FILE, SSO_GOOD, 401, "{}", NULL, ERROR_AUTH, { LOG_IN } },
		{ SSO,
		  SSO_FILE,
		  SSO_GOOD,
		  403,
		  "{}",
		  NULL,
		  ERROR_AUTH,
		  { "'Admin Role'", "111122223333", "403" } },
		{ SSO,
		  SSO_FILE,
		  SSO_GOOD,
		  200,
		  "{}",
		  NULL,
		  ERROR_PROTOCOL,
		  { "roleCredentials.accessKeyId" } },
		{ SSO, SSO_FILE, SSO_GOOD, 200, "<html>", NULL, ERROR_PROTOCOL, { "sso portal" } },
		{ "[profile s]\nsso_session = corp\n" SSO_KEYS,
		  SSO_FILE,
		  SSO_GOOD,
		  0,
		  NULL,
		  NULL,
		  ERROR_CONFIG,
		  { "sso_session 'corp' does not exist" } },
		{ "[profile s]\nsso_role_name = x\n",
		  SSO_FILE,
		  SSO_GOOD,
		  0,
		  NULL,
		  NULL,
		  ERROR_CONFIG,
		  { "sso_account_id is missing", "aws configure sso --profile s" } },
		{ "[profile s]\n" SSO_KEYS "sso_start_url = x\nsso_region = evil.org/#\n",
		  "/home/u/.aws/sso/cache/11f6ad8ec52a2984abaafd7c3b516503785c2072.json",
		  SSO_GOOD,
		  0,
		  NULL,
		  NULL,
		  ERROR_CONFIG,
		  { "sso_region", "'s'" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;

		aws_fake_start(&fake, WORDS("AWS_PROFILE=s", NO_IMDS));
		aws_fake_file(&fake, CONFIG, cases[i].config);
		aws_fake_file(&fake, cases[i].path, cases[i].token);
		if (cases[i].status)
			aws_fake_reply(&fake, NULL, cases[i].status, cases[i].reply);
		aws_fake_check(&fake, cases[i].id, cases[i].kind, cases[i].words);
		if (cases[i].status)
			assert_string_equal(
				fake.requests[0],
				"GET https://portal.sso.eu-west-1.amazonaws.com/federation/"
				"credentials?role_name=Admin%20Role&account_id=111122223333\n"
				"x-amz-sso_bearer_token: TOKEN-VALUE\n\n");
		else
			assert_int_equal(fake.nr_requests, 0);
		aws_fake_stop(&fake);
	}
}

/* --- credential_process --------------------------------------------------------------------- */

#define PRINTED "{\"Version\":1,\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"SECRET-VALUE\""

static void test_process(void **state)
{
	static const struct {
		const char *out;
		int status;
		const char *diag, *id;
		enum error_kind kind;
		const char *words[4];
	} cases[] = {
		{ PRINTED "}", 0, NULL, "ID", 0, { "credential_process of profile 'default'" } },
		{ PRINTED ",\"SessionToken\":\"t\",\"Expiration\":\"2026-01-01T01:00:00Z\"}\n",
		  0,
		  "chatter",
		  "ID",
		  0,
		  { "credential_process" } },
		{ PRINTED ",\"Expiration\":\"2025-12-31T23:59:59Z\"}",
		  0,
		  NULL,
		  NULL,
		  ERROR_AUTH,
		  { "expired at 2025-12-31T23:59:59Z" } },
		{ PRINTED ",\"Expiration\":\"soon\"}",
		  0,
		  NULL,
		  NULL,
		  ERROR_CONFIG,
		  { "Expiration" } },
		{ "{\"Version\":2}", 0, NULL, NULL, ERROR_CONFIG, { "'Version'" } },
		{ "{\"Version\":1,\"AccessKeyId\":\"ID\"}",
		  0,
		  NULL,
		  NULL,
		  ERROR_CONFIG,
		  { "SecretAccessKey" } },
		{ "{\"Version\":1,\"AccessKeyId\":\"A\\r\\nB\",\"SecretAccessKey\":\"x\"}",
		  0,
		  NULL,
		  NULL,
		  ERROR_CONFIG,
		  { "credential_process" } },
		{ "not json", 0, NULL, NULL, ERROR_CONFIG, { "credential_process" } },
		{ "", 0, NULL, NULL, ERROR_CONFIG, { "credential_process" } },
		{ PRINTED "}",
		  3,
		  "no vault\n\x1b[31mred\n",
		  NULL,
		  ERROR_CONFIG,
		  { "status 3", "no vault" } },
		{ "", 137, NULL, NULL, ERROR_CONFIG, { "status 137", "it said nothing" } },
		{ NULL, 0, NULL, NULL, ERROR_CONFIG, { "cannot start '/bin/helper'" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;

		aws_fake_start(&fake, WORDS(NO_IMDS));
		aws_fake_file(&fake, CONFIG,
			      "[default]\ncredential_process = /bin/helper --arg\n"
			      "aws_access_key_id = LATER\naws_secret_access_key = x\n");
		fake.run_out = cases[i].out;
		fake.run_status = cases[i].status;
		fake.run_diag = cases[i].diag;
		aws_fake_check(&fake, cases[i].id, cases[i].kind, cases[i].words);
		assert_int_equal(fake.runs, 1);
		aws_fake_stop(&fake);
	}
}

static void test_process_words(void **state)
{
	static const struct {
		const char *command;
		const char *argv[6]; /* argv[0] NULL: refused, nothing runs */
	} cases[] = {
		{ "helper", { "helper" } },
		{ "helper  a\tb", { "helper", "a", "b" } },
		{ "\"/opt/my tools/helper\" --name 'x y' z\\ w",
		  { "/opt/my tools/helper", "--name", "x y", "z w" } },
		{ "h a'b'\"c\"d", { "h", "abcd" } },
		{ "h \"a\\\"b\\\\c\\d\"", { "h", "a\"b\\c\\d" } },
		{ "h '' ''", { "h", "", "" } },
		{ "h $(id) `id` ; rm *", { "h", "$(id)", "`id`", ";", "rm", "*" } },
		{ "h 'open", { NULL } },
		{ "h \"open", { NULL } },
		{ "h end\\", { NULL } },
		{ "''", { NULL } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;
		char config[256];

		aws_fake_start(&fake, WORDS(NO_IMDS));
		snprintf(config, sizeof(config), "[default]\ncredential_process = %s\n",
			 cases[i].command);
		aws_fake_file(&fake, CONFIG, config);
		fake.run_out = PRINTED "}";
		if (!cases[i].argv[0]) {
			aws_fake_check(&fake, NULL, ERROR_CONFIG, WORDS("credential_process"));
			assert_int_equal(fake.runs, 0);
		} else {
			aws_fake_check(&fake, "ID", 0, WORDS("credential_process"));
		}
		for (size_t j = 0; cases[i].argv[0] && j < ARRAY_SIZE(cases[i].argv); j++) {
			if (!cases[i].argv[j]) {
				assert_null(fake.run_argv[j]);
				break;
			}
			assert_string_equal(fake.run_argv[j], cases[i].argv[j]);
		}
		aws_fake_stop(&fake);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sso),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_process_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
