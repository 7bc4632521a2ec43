/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials that the platform hands out: to a container, to an instance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "providers/aws/aws.h"
#include "tests/unit/aws_fake.h"

#define BASE  "http://169.254.169.254/latest/"
#define ROLES BASE "meta-data/iam/security-credentials/"
#define HANDED                                                                               \
	"{\"Code\":\"Success\",\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"SECRET-VALUE\"," \
	"\"Token\":\"TOKEN-VALUE\",\"Expiration\":\"2026-01-01T06:00:00Z\"}"

/* --- container ------------------------------------------------------------------------------ */

static void test_container(void **state)
{
	static const struct {
		const char *env[5];
		const char *request; /* its beginning; NULL: refused before anything is sent */
		const char *words[3];
	} cases[] = {
		{ { "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/x?id=1" },
		  "GET http://169.254.170.2/v2/x?id=1\nAccept: application/json\n\n",
		  { "container" } },
		{ { "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials",
		    "AWS_CONTAINER_AUTHORIZATION_TOKEN=Bearer abc" },
		  "GET http://169.254.170.23/v1/credentials\nAccept: application/json\n"
		  "Authorization: Bearer abc\n\n",
		  { "container" } },
		{ { "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://[fd00:ec2::23]/v1",
		    "AWS_CONTAINER_AUTHORIZATION_TOKEN=no",
		    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/tok" },
		  "GET http://[fd00:ec2::23]/v1\nAccept: application/json\n"
		  "Authorization: from-file\n\n",
		  { "container" } },
		{ { "AWS_CONTAINER_CREDENTIALS_FULL_URI=https://creds.example/x" },
		  "GET https://creds.example/x\n",
		  { "container" } },
		{ { "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.1.2.3:80/x" },
		  "GET http://127.1.2.3:80/x\n",
		  { "container" } },
		{ { "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://[::1]:80/x" },
		  "GET http://[::1]:80/x\n",
		  { "container" } },
		{ { "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://localhost/x" },
		  "GET http://localhost/x\n",
		  { "container" } },
		{ { "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://example.com/x" },
		  NULL,
		  { "is refused", "loopback" } },
		{ { "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.2.evil.org/" },
		  NULL,
		  { "is refused" } },
		{ { "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.2@evil.org/" },
		  NULL,
		  { "is refused" } },
		{ { "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.2:1@evil.org/" },
		  NULL,
		  { "is refused" } },
		{ { "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://localhost#@evil.org/" },
		  NULL,
		  { "is refused" } },
		{ { "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://[::1]evil.org/" },
		  NULL,
		  { "is refused" } },
		{ { "AWS_CONTAINER_CREDENTIALS_FULL_URI=ftp://127.0.0.1/" },
		  NULL,
		  { "is refused" } },
		{ { "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://2130706433/" },
		  NULL,
		  { "is refused" } },
		{ { "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=@evil.org/" },
		  NULL,
		  { "must start with '/'" } },
		{ { "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/x",
		    "AWS_CONTAINER_AUTHORIZATION_TOKEN=a\r\nX: y" },
		  NULL,
		  { "control byte" } },
		{ { "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/x",
		    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/bad" },
		  NULL,
		  { "control byte" } },
		{ { "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/x",
		    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/absent" },
		  NULL,
		  { "TOKEN_FILE" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;

		aws_fake_start(&fake, cases[i].env);
		aws_fake_file(&fake, "/tok", "from-file");
		aws_fake_file(&fake, "/bad", "from-file\n");
		if (cases[i].request)
			aws_fake_reply(&fake, NULL, 200, HANDED);
		aws_fake_check(&fake, cases[i].request ? "ID" : NULL, ERROR_CONFIG, cases[i].words);
		if (!cases[i].request)
			assert_int_equal(fake.nr_requests, 0);
		else if (strncmp(fake.requests[0], cases[i].request, strlen(cases[i].request)) != 0)
			fail_msg("sent: %s", fake.requests[0]);
		aws_fake_stop(&fake);
	}
}

static void test_container_retries(void **state)
{
	struct aws_fake fake;

	(void)state;
	aws_fake_start(&fake, WORDS("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/x"));
	aws_fake_fail(&fake, NULL, ERROR_NETWORK);
	aws_fake_reply(&fake, NULL, 500, "");
	aws_fake_reply(&fake, NULL, 200, HANDED);
	aws_fake_check(&fake, "ID", 0, WORDS("container"));
	assert_int_equal(fake.timeouts[0], 2000);
	aws_fake_stop(&fake);

	/* What the environment names must answer: nobody else is asked after it. */
	aws_fake_start(&fake, WORDS("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/x"));
	for (int i = 0; i < 3; i++)
		aws_fake_fail(&fake, NULL, ERROR_TIMEOUT);
	aws_fake_check(&fake, NULL, ERROR_CONFIG, WORDS("container"));
	aws_fake_stop(&fake);

	aws_fake_start(&fake, WORDS("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/x"));
	aws_fake_reply(&fake, NULL, 404, "no");
	aws_fake_check(&fake, NULL, ERROR_CONFIG, WORDS("container", "HTTP 404"));
	aws_fake_stop(&fake);
}

/* --- the instance --------------------------------------------------------------------------- */

static void test_imds(void **state)
{
	struct aws_fake fake;

	(void)state;
	aws_fake_start(&fake, NULL);
	aws_fake_reply(&fake, "PUT " BASE "api/token\n", 200, "TOKEN==");
	aws_fake_reply(&fake, "GET " ROLES "\n", 200, "my-role\nother\n");
	aws_fake_reply(&fake, "GET " ROLES "my-role\n", 200, HANDED);
	aws_fake_check(&fake, "ID", 0, WORDS("instance metadata"));
	assert_non_null(strstr(fake.requests[0], "x-aws-ec2-metadata-token-ttl-seconds: 21600\n"));
	assert_non_null(strstr(fake.requests[1], "x-aws-ec2-metadata-token: TOKEN==\n"));
	assert_non_null(strstr(fake.requests[2], "x-aws-ec2-metadata-token: TOKEN==\n"));
	aws_fake_stop(&fake);
}

/* No laptop waits for more than one second, and the user is told of credentials, not of networks. */
static void test_off_ec2(void **state)
{
	static const enum error_kind kinds[] = { ERROR_TIMEOUT, ERROR_NETWORK };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct aws_fake fake;

		aws_fake_start(&fake, NULL);
		aws_fake_fail(&fake, "PUT " BASE, kinds[i]);
		aws_fake_check(&fake, NULL, ERROR_CONFIG, WORDS("no aws credentials"));
		assert_int_equal(fake.nr_requests, 1);
		assert_in_range(fake.timeouts[0], 1, 1000);
		assert_in_range(fake.connect_timeouts[0], 1, 1000);
		assert_int_equal(fake.now_ms, AWS_FAKE_NOW * 1000); /* no backoff either */
		aws_fake_stop(&fake);
	}
}

static void test_imds_answers(void **state)
{
	static const struct {
		int token_status;
		const char *token;
		int list_status;
		const char *list;
		int role_status;
		const char *role;
		enum error_kind kind;
		const char *word;
	} cases[] = {
		{ 403, "", 0, NULL, 0, NULL, ERROR_CONFIG, "no aws credentials" },
		{ 404, "<html>", 0, NULL, 0, NULL, ERROR_CONFIG, "no aws credentials" },
		{ 500, "", 0, NULL, 0, NULL, ERROR_CONFIG, "no aws credentials" },
		{ 200, "<html>captive portal", 0, NULL, 0, NULL, ERROR_CONFIG,
		  "no aws credentials" },
		{ 200, "", 0, NULL, 0, NULL, ERROR_CONFIG, "no aws credentials" },
		{ 200, "T", 404, "", 0, NULL, ERROR_CONFIG, "no aws credentials" },
		{ 200, "T", 200, "../../../evil", 0, NULL, ERROR_CONFIG, "no aws credentials" },
		{ 200, "T", 200, "r", 404, "", ERROR_AUTH, "HTTP 404 for role 'r'" },
		{ 200, "T", 200, "r", 200, "{\"Code\":\"AssumeRoleUnauthorizedAccess\"}",
		  ERROR_AUTH, "AssumeRoleUnauthorizedAccess" },
		{ 200, "T", 200, "r", 200, "{}", ERROR_CONFIG, "AccessKeyId" },
		{ 200, "T", 200, "r", 200, "{", ERROR_PROTOCOL, "instance metadata" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;

		aws_fake_start(&fake, NULL);
		aws_fake_reply(&fake, "PUT", cases[i].token_status, cases[i].token);
		if (cases[i].list_status)
			aws_fake_reply(&fake, "GET", cases[i].list_status, cases[i].list);
		if (cases[i].role_status)
			aws_fake_reply(&fake, "GET", cases[i].role_status, cases[i].role);
		aws_fake_check(&fake, NULL, cases[i].kind, WORDS(cases[i].word));
		aws_fake_stop(&fake);
	}
}

static void test_imds_elsewhere(void **state)
{
	static const struct {
		const char *env[3];
		const char *url;
	} cases[] = {
		{ { "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1338" },
		  "PUT http://127.0.0.1:1338/latest/api/token\n" },
		{ { "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6" },
		  "PUT http://[fd00:ec2::254]/latest/api/token\n" },
		{ { "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1338/",
		    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6" },
		  "PUT http://127.0.0.1:1338/latest/api/token\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;

		aws_fake_start(&fake, cases[i].env);
		aws_fake_reply(&fake, cases[i].url, 404, "");
		aws_fake_check(&fake, NULL, ERROR_CONFIG, WORDS("no aws credentials"));
		aws_fake_stop(&fake);
	}
}

static void test_imds_endpoint_is_no_url(void **state)
{
	struct aws_fake fake;

	(void)state;
	aws_fake_start(&fake, WORDS("AWS_EC2_METADATA_SERVICE_ENDPOINT=http://a b/"));
	aws_fake_check(&fake, NULL, ERROR_CONFIG, WORDS("URL"));
	assert_int_equal(fake.nr_requests, 0);
	aws_fake_stop(&fake);
}

/* Ctrl-C during the wait ends the program, not the search. */
static void test_imds_cancelled(void **state)
{
	struct aws_fake fake;

	(void)state;
	aws_fake_start(&fake, NULL);
	aws_fake_fail(&fake, "PUT", ERROR_CANCELLED);
	aws_fake_check(&fake, NULL, ERROR_CANCELLED, WORDS("prepared failure"));
	aws_fake_stop(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_container),
		cmocka_unit_test(test_container_retries),
		cmocka_unit_test(test_imds),
		cmocka_unit_test(test_off_ec2),
		cmocka_unit_test(test_imds_answers),
		cmocka_unit_test(test_imds_elsewhere),
		cmocka_unit_test(test_imds_endpoint_is_no_url),
		cmocka_unit_test(test_imds_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
