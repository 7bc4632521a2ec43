/* SPDX-License-Identifier: Apache-2.0 */
/* Forms, and API calls: what is sent, what comes back, what a failure leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "providers/aws/aws.h"
#include "tests/unit/aws_fake.h"

#define KEYS "AWS_ACCESS_KEY_ID=ENV", "AWS_SECRET_ACCESS_KEY=secret-of-ENV"

static const char *const keys[] = { KEYS, NULL };
static const char *const no_keys[] = { "AWS_EC2_METADATA_DISABLED=true", NULL };

static struct provider *open_fake(struct aws_fake *fake, const char *const *env)
{
	struct provider *p = NULL;
	struct error err = ERROR_INIT;

	aws_fake_start(fake, env);
	assert_int_equal(aws_open(&fake->env, &p, &err), 0);
	return p;
}

static void close_fake(struct aws_fake *fake, struct provider *p)
{
	aws_close(p);
	assert_true(aws_fake_all_used(fake));
	aws_fake_stop(fake);
}

static void describe(struct aws_call *call, struct provider *p, const char *region)
{
	struct aws_form form;

	aws_form_init(&form, "DescribeThings", AWS_EC2_VERSION);
	aws_call_query(call, p, "ec2", region, &form);
	aws_form_release(&form);
}

/* --- forms ---------------------------------------------------------------------------------- */

static void test_form(void **state)
{
	struct aws_form form;
	struct buf body = BUF_INIT;
	struct buf shown = BUF_INIT;
	char digest[SHA256_HEX_MAX], again[SHA256_HEX_MAX];

	(void)state;
	aws_form_init(&form, "RunInstances", AWS_EC2_VERSION);
	aws_form_add(&form, "Filter.1.Name", "tag:a b");
	aws_form_add(&form, "Nothing", NULL);
	aws_form_addf(&form, "MinCount", "%d", 1);
	aws_form_addn(&form, "i-1", "InstanceId.%d", 7);
	aws_form_add(&form, "UserData", "c2VjcmV0");
	aws_form_set(&form, "NextToken", "a&b=c+d/~\xc3\xa4\n");
	aws_form_body(&form, &body);
	assert_string_equal(body.data,
			    "Action=RunInstances&Version=2016-11-15&Filter.1.Name=tag%3Aa+b"
			    "&MinCount=1&InstanceId.7=i-1&UserData=c2VjcmV0"
			    "&NextToken=a%26b%3Dc%2Bd%2F~%C3%A4%0A");
	aws_form_sha256(&form, digest);
	aws_form_set(&form, "NextToken", "z");
	assert_string_equal(aws_form_get(&form, "NextToken"), "z");
	assert_null(aws_form_get(&form, "Nothing"));
	aws_form_sha256(&form, again);
	assert_string_not_equal(digest, again);

	aws_form_show(&form, &shown);
	assert_string_equal(shown.data,
			    "Action=RunInstances\nVersion=2016-11-15\nFilter.1.Name=tag:a b\n"
			    "MinCount=1\nInstanceId.7=i-1\nUserData=*** (8 characters)\n"
			    "NextToken=z\n");
	buf_release(&body);
	buf_release(&shown);
	aws_form_release(&form);
}

/* --- one call ------------------------------------------------------------------------------- */

static void test_query(void **state)
{
	struct aws_fake fake;
	struct provider *p = open_fake(&fake, keys);
	struct error err = ERROR_INIT;
	struct aws_form form;
	struct xml xml;

	(void)state;
	aws_fake_reply(&fake, "POST https://ec2.eu-west-1.amazonaws.com/\n", 200,
		       "<DescribeThingsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">"
		       "<requestId>x</requestId><thing>7</thing></DescribeThingsResponse>");
	aws_form_init(&form, "DescribeThings", AWS_EC2_VERSION);
	assert_int_equal(aws_query(p, "ec2", "eu-west-1", &form, &xml, &err), 0);
	assert_string_equal(xml_text(xml_root(&xml), "thing"), "7");
	xml_release(&xml);
	aws_form_release(&form);

	const char *request = fake.requests[0];

	assert_non_null(strstr(request, "Content-Type: application/x-www-form-urlencoded; "
					"charset=utf-8\n"));
	assert_non_null(strstr(request, "X-Amz-Date: 20260101T000000Z\n"));
	assert_non_null(strstr(request, "Authorization: AWS4-HMAC-SHA256 "
					"Credential=ENV/20260101/eu-west-1/ec2/aws4_request"));
	assert_null(strstr(request, "secret-of-ENV"));
	assert_non_null(strstr(request, "\n\nAction=DescribeThings&Version=2016-11-15"));
	close_fake(&fake, p);
}

static void test_json_call(void **state)
{
	static const struct {
		const char *service, *region, *url, *scope;
	} cases[] = {
		{ "ssm", "eu-west-1", "POST https://ssm.eu-west-1.amazonaws.com/\n",
		  "/eu-west-1/ssm/" },
		{ "servicequotas", "us-east-2",
		  "POST https://servicequotas.us-east-2.amazonaws.com/\n",
		  "/us-east-2/servicequotas/" },
		{ "pricing", "eu-north-1", "POST https://api.pricing.eu-central-1.amazonaws.com/\n",
		  "/eu-central-1/pricing/" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;
		struct provider *p = open_fake(&fake, keys);
		struct error err = ERROR_INIT;
		struct json json;
		const char *value;

		aws_fake_reply(&fake, cases[i].url, 200, "{\"a\":{\"b\":\"c\"}}");
		assert_int_equal(aws_json(p, cases[i].service, cases[i].region, "Prefix.GetIt",
					  "{\"Name\":\"/x\"}", &json, &err),
				 0);
		assert_int_equal(json_string(json.root, "a.b", 10, &value, &err), 0);
		assert_string_equal(value, "c");
		json_release(&json);
		assert_non_null(strstr(fake.requests[0], cases[i].scope));
		assert_non_null(strstr(fake.requests[0], "X-Amz-Target: Prefix.GetIt\n"));
		assert_non_null(
			strstr(fake.requests[0], "Content-Type: application/x-amz-json-1.1\n"));
		assert_non_null(strstr(fake.requests[0], "\n\n{\"Name\":\"/x\"}"));
		close_fake(&fake, p);
	}
}

/* One endpoint for all: a simulator, or moto. */
static void test_one_endpoint(void **state)
{
	struct aws_fake fake;
	struct provider *p = open_fake(&fake, keys);
	struct error err = ERROR_INIT;
	const char *url;
	struct json json;

	(void)state;
	settings_set(fake.settings, "endpoint_url", "http://127.0.0.1:5000", SETTING_FLAG, "x");
	aws_fake_reply(&fake, "POST http://127.0.0.1:5000/\n", 200, "{}");
	assert_int_equal(aws_json(p, "pricing", "eu-west-1", "A.B", "{}", &json, &err), 0);
	json_release(&json);
	assert_non_null(strstr(fake.requests[0], "/eu-central-1/pricing/"));
	assert_int_equal(aws_endpoint(p, "eu-west-1", &url, &err), 0);
	assert_string_equal(url, "http://127.0.0.1:5000/");
	close_fake(&fake, p);
}

static void test_failures(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum error_kind fail, kind;
		bool creates, unknown;
		const char *words[3];
	} cases[] = {
		{ 400,
		  "<Response><Errors><Error><Code>InvalidParameterValue</Code><Message>bad"
		  "</Message></Error></Errors></Response>",
		  0,
		  ERROR_USAGE,
		  true,
		  false,
		  { "DescribeThings in us-east-1: bad" } },
		{ 200,
		  "<a><b>",
		  0,
		  ERROR_PROTOCOL,
		  false,
		  false,
		  { "DescribeThings in us-east-1: ", "the DescribeThings reply" } },
		{ 200, "", 0, ERROR_PROTOCOL, true, true, { "DescribeThings" } },
		{ 200,
		  "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
		  0,
		  ERROR_PROTOCOL,
		  false,
		  false,
		  { "DescribeThings" } },
		{ 0,
		  NULL,
		  ERROR_PROTOCOL,
		  ERROR_PROTOCOL,
		  false,
		  false,
		  { "DescribeThings in us-east-1: prepared failure" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;
		struct provider *p = open_fake(&fake, keys);
		struct aws_call call = { .rc = 0 };
		struct aws_call *calls[] = { &call };

		describe(&call, p, "us-east-1");
		call.creates = cases[i].creates;
		if (cases[i].fail)
			aws_fake_fail(&fake, NULL, cases[i].fail);
		else
			aws_fake_reply(&fake, NULL, cases[i].status, cases[i].body);
		assert_int_equal(aws_send_all(p, calls, 1), -1);
		assert_int_equal(call.rc, -1);
		if (call.err.kind != cases[i].kind || call.err.unknown != cases[i].unknown)
			fail_msg("case %zu: %s, unknown %d: %s", i, error_kind_name(call.err.kind),
				 call.err.unknown, call.err.message);
		for (const char *const *w = cases[i].words; *w; w++)
			if (!strstr(call.err.message, *w))
				fail_msg("'%s' lacks '%s'", call.err.message, *w);
		aws_call_release(&call);
		close_fake(&fake, p);
	}
}

static void test_network_hint(void **state)
{
	struct aws_fake fake;
	struct provider *p = open_fake(&fake, keys);
	struct aws_call call = { .rc = 0 };
	struct aws_call *calls[] = { &call };

	(void)state;
	describe(&call, p, "us-east-9");
	call.max_attempts = 1;
	aws_fake_fail(&fake, NULL, ERROR_NETWORK);
	assert_int_equal(aws_send_all(p, calls, 1), -1);
	assert_int_equal(call.err.kind, ERROR_NETWORK);
	assert_non_null(strstr(call.err.hint, "region 'us-east-9' exists"));
	aws_call_release(&call);
	close_fake(&fake, p);
}

/* No capacity is final at once, a throttle is not; the body of a retry is the same, the date new. */
static void test_retries(void **state)
{
	struct aws_fake fake;
	struct provider *p = open_fake(&fake, keys);
	struct aws_call call = { .rc = 0 };
	struct aws_call *calls[] = { &call };

	(void)state;
	describe(&call, p, "us-east-1");
	aws_fake_reply(&fake, NULL, 503,
		       "<Response><Error><Code>RequestLimitExceeded</Code></Error></Response>");
	aws_fake_reply(&fake, NULL, 502, "<html>");
	aws_fake_reply(&fake, NULL, 200, "<ok/>");
	assert_int_equal(aws_send_all(p, calls, 1), 0);
	assert_int_equal(fake.nr_requests, 3);
	assert_string_equal(strstr(fake.requests[0], "\n\n"), strstr(fake.requests[2], "\n\n"));
	aws_call_release(&call);

	describe(&call, p, "us-east-1");
	aws_fake_reply(&fake, NULL, 500,
		       "<Response><Error><Code>InsufficientInstanceCapacity</Code></Error>"
		       "</Response>");
	assert_int_equal(aws_send_all(p, calls, 1), -1);
	assert_int_equal(call.err.kind, ERROR_CAPACITY);
	assert_int_equal(fake.nr_requests, 4);
	aws_call_release(&call);
	close_fake(&fake, p);
}

static void test_clock_skew(void **state)
{
	struct aws_fake fake;
	struct provider *p = open_fake(&fake, keys);
	struct aws_call call = { .rc = 0 };
	struct aws_call *calls[] = { &call };

	(void)state;
	describe(&call, p, "us-east-1");
	aws_fake_reply_headers(&fake, "X-Amz-Date: 20260101T000000Z", 400,
			       "Date: Thu, 01 Jan 2026 02:00:00 GMT",
			       "<Response><Error><Code>RequestExpired</Code></Error></Response>");
	aws_fake_reply(&fake, "X-Amz-Date: 20260101T020000Z", 200, "<ok/>");
	assert_int_equal(aws_send_all(p, calls, 1), 0);
	aws_call_release(&call);

	/* A wrong secret is refused once, where the clocks agree. */
	describe(&call, p, "us-west-1");
	aws_fake_reply_headers(&fake, NULL, 401, "Date: Thu, 01 Jan 2026 00:00:01 GMT",
			       "<Response><Error><Code>AuthFailure</Code></Error></Response>");
	assert_int_equal(aws_send_all(p, calls, 1), -1);
	assert_int_equal(call.err.kind, ERROR_AUTH);
	assert_int_equal(fake.nr_requests, 3);
	aws_call_release(&call);
	close_fake(&fake, p);
}

/* --- many calls ----------------------------------------------------------------------------- */

static void test_many_at_once(void **state)
{
	static const char *const regions[] = { "us-east-1", "no such", "eu-west-1", "eu-west-2" };
	struct aws_fake fake;
	struct provider *p = open_fake(&fake, keys);
	struct aws_call call[4] = { { .rc = 0 } };
	struct aws_call *calls[4];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		describe(&call[i], p, regions[i]);
		calls[i] = &call[i];
	}
	aws_fake_reply(&fake, "ec2.us-east-1.", 200, "<a>1</a>");
	aws_fake_reply(&fake, "ec2.eu-west-1.", 403,
		       "<Response><Error><Code>OptInRequired</Code><Message>no</Message></Error>"
		       "</Response>");
	aws_fake_reply(&fake, "ec2.eu-west-2.", 200, "<a>2</a>");
	assert_int_equal(aws_send_all(p, calls, 4), -1);
	assert_int_equal(fake.largest_round, 3);
	assert_int_equal(call[0].rc, 0);
	assert_string_equal(xml_text(xml_root(&call[0].xml), NULL), "1");
	assert_int_equal(call[1].err.kind, ERROR_NOT_FOUND);
	assert_int_equal(call[2].err.kind, ERROR_AUTH);
	assert_string_equal(xml_text(xml_root(&call[3].xml), NULL), "2");
	for (size_t i = 0; i < 4; i++)
		aws_call_release(&call[i]);
	close_fake(&fake, p);
}

static void test_no_credentials(void **state)
{
	struct aws_fake fake;
	struct provider *p = open_fake(&fake, no_keys);
	struct aws_call call[2] = { { .rc = 0 } };
	struct aws_call *calls[] = { &call[0], &call[1] };

	(void)state;
	describe(&call[0], p, "us-east-1");
	describe(&call[1], p, "us-east-2");
	assert_int_equal(aws_send_all(p, calls, 2), -1);
	assert_int_equal(aws_send_all(p, calls, 0), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(call[i].err.kind, ERROR_CONFIG);
		assert_non_null(strstr(call[i].err.message, "no aws credentials"));
		aws_call_release(&call[i]);
	}
	assert_int_equal(fake.nr_requests, 0);
	close_fake(&fake, p);
}

/* --- who we are ----------------------------------------------------------------------------- */

static void test_account(void **state)
{
	struct aws_fake fake;
	struct provider *p = open_fake(&fake, keys);
	struct account account = { .id = NULL };
	struct error err = ERROR_INIT;
	const char *region;

	(void)state;
	assert_int_equal(aws_default_region(p, &region, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFIG);
	aws_fake_reply_headers(
		&fake, "Action=GetCallerIdentity&Version=2011-06-15", 200,
		"Date: Thu, 01 Jan 2026 00:01:00 GMT",
		"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam"
		"::123456789012:user/me</Arn><UserId>X</UserId><Account>123456789012"
		"</Account></GetCallerIdentityResult></GetCallerIdentityResponse>");
	assert_int_equal(aws_account(p, &account, &err), 0);
	assert_string_equal(account.id, "123456789012");
	assert_string_equal(account.principal, "arn:aws:iam::123456789012:user/me");
	assert_string_equal(account.source, "the environment");
	assert_string_equal(account.region, "us-east-1");
	assert_string_equal(account.endpoint, "https://ec2.us-east-1.amazonaws.com/");
	assert_int_equal(account.skew_ms, 60000);
	account_release(&account);

	aws_fake_reply(&fake, NULL, 200, "<GetCallerIdentityResponse/>");
	assert_int_equal(aws_account(p, &account, &err), -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	close_fake(&fake, p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),	     cmocka_unit_test(test_query),
		cmocka_unit_test(test_json_call),    cmocka_unit_test(test_one_endpoint),
		cmocka_unit_test(test_failures),     cmocka_unit_test(test_network_hint),
		cmocka_unit_test(test_retries),	     cmocka_unit_test(test_clock_skew),
		cmocka_unit_test(test_many_at_once), cmocka_unit_test(test_no_credentials),
		cmocka_unit_test(test_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
