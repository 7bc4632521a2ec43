/* SPDX-License-Identifier: Apache-2.0 */
/* What AWS answers, and what a user is told of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "core/secret.h"
#include "providers/aws/aws.h"
#include "tests/unit/aws_fake.h"

#define EC2(code, message)                                                                 \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>" code \
	"</Code><Message>" message "</Message></Error></Errors>"                           \
	"<RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>"
#define STS(code, message)                                                               \
	"<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>"     \
	"<Type>Sender</Type><Code>" code "</Code><Message>" message "</Message></Error>" \
	"<RequestId>req-1</RequestId></ErrorResponse>"
#define MOTO                                                                                     \
	"<ErrorResponse><Errors><Error><Code>AuthFailure</Code><Message>AWS was not able to "    \
	"validate the provided access credentials</Message><Type>Sender</Type></Error></Errors>" \
	"<RequestID>7a62c49f-347e-4fc4-9331-6e8eEXAMPLE</RequestID></ErrorResponse>"
#define S3 "<Error><Code>SlowDown</Code><Message>Reduce</Message><RequestId>r</RequestId></Error>"

static enum http_verdict classify(enum aws_protocol protocol, int status, const char *body,
				  struct http_header *header, struct error *err)
{
	struct http_response response = {
		.status = status,
		.headers = header,
		.nr_headers = header ? 1 : 0,
		.body = BUF_INIT,
		.sent_ms = AWS_FAKE_NOW * 1000,
		.received_ms = AWS_FAKE_NOW * 1000,
		.attempts = 1,
	};
	enum http_verdict verdict;

	buf_addstr(&response.body, body);
	verdict = aws_error_classify(protocol, "RunInstances in us-east-1", &response, err);
	buf_release(&response.body);
	return verdict;
}

static void test_table(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum error_kind kind;
		enum http_verdict verdict;
		const char *code;
	} cases[] = {
		/* capacity: final, although it is a 5xx */
		{ 500, EC2("InsufficientInstanceCapacity", "none"), ERROR_CAPACITY, HTTP_FAIL,
		  "InsufficientInstanceCapacity" },
		{ 503, EC2("InsufficientInstanceCapacity", "none"), ERROR_CAPACITY, HTTP_FAIL,
		  "InsufficientInstanceCapacity" },
		{ 400, EC2("UnfulfillableCapacity", "x"), ERROR_CAPACITY, HTTP_FAIL,
		  "UnfulfillableCapacity" },
		{ 500, EC2("InsufficientCapacityOnHost", "x"), ERROR_CAPACITY, HTTP_FAIL,
		  "InsufficientCapacityOnHost" },
		{ 400, EC2("InsufficientFreeAddressesInSubnet", "x"), ERROR_CAPACITY, HTTP_FAIL,
		  "InsufficientFreeAddressesInSubnet" },
		{ 400, EC2("ReservationCapacityExceeded", "x"), ERROR_CAPACITY, HTTP_FAIL,
		  "ReservationCapacityExceeded" },
		{ 400, EC2("Unsupported", "not in this AZ"), ERROR_CAPACITY, HTTP_FAIL,
		  "Unsupported" },
		{ 400, EC2("UnsupportedOperation", "one-time"), ERROR_UNSUPPORTED, HTTP_FAIL,
		  "UnsupportedOperation" },
		{ 400, EC2("SpotMaxPriceTooLow", "0.001 is lower than 0.0374"), ERROR_PRICE,
		  HTTP_FAIL, "SpotMaxPriceTooLow" },
		/* quota */
		{ 400, EC2("VcpuLimitExceeded", "x"), ERROR_QUOTA, HTTP_FAIL, "VcpuLimitExceeded" },
		{ 400, EC2("MaxSpotInstanceCountExceeded", "x"), ERROR_QUOTA, HTTP_FAIL,
		  "MaxSpotInstanceCountExceeded" },
		{ 400, EC2("InstanceLimitExceeded", "x"), ERROR_QUOTA, HTTP_FAIL,
		  "InstanceLimitExceeded" },
		{ 400, EC2("VolumeLimitExceeded", "x"), ERROR_QUOTA, HTTP_FAIL,
		  "VolumeLimitExceeded" },
		{ 400, EC2("RequestResourceCountExceeded", "x"), ERROR_QUOTA, HTTP_FAIL,
		  "RequestResourceCountExceeded" },
		{ 400, EC2("PendingVerification", "x"), ERROR_QUOTA, HTTP_FAIL,
		  "PendingVerification" },
		{ 400, EC2("SecurityGroupLimitExceeded", "x"), ERROR_QUOTA, HTTP_FAIL,
		  "SecurityGroupLimitExceeded" },
		/* throttling, whatever the status */
		{ 503, EC2("RequestLimitExceeded", "x"), ERROR_THROTTLED, HTTP_THROTTLED,
		  "RequestLimitExceeded" },
		{ 400, EC2("EC2ThrottledException", "x"), ERROR_THROTTLED, HTTP_THROTTLED,
		  "EC2ThrottledException" },
		{ 400, EC2("Throttling", "x"), ERROR_THROTTLED, HTTP_THROTTLED, "Throttling" },
		{ 400, STS("ThrottlingException", "x"), ERROR_THROTTLED, HTTP_THROTTLED,
		  "ThrottlingException" },
		{ 503, EC2("Unavailable", "x"), ERROR_THROTTLED, HTTP_THROTTLED, "Unavailable" },
		{ 503, S3, ERROR_THROTTLED, HTTP_THROTTLED, "SlowDown" },
		/* who we are */
		{ 401, EC2("AuthFailure", "x"), ERROR_AUTH, HTTP_CLOCK_SKEW, "AuthFailure" },
		{ 401, MOTO, ERROR_AUTH, HTTP_CLOCK_SKEW, "AuthFailure" },
		{ 403, EC2("UnauthorizedOperation", "x"), ERROR_AUTH, HTTP_FAIL,
		  "UnauthorizedOperation" },
		{ 403, STS("SignatureDoesNotMatch", "x"), ERROR_AUTH, HTTP_CLOCK_SKEW,
		  "SignatureDoesNotMatch" },
		{ 403, STS("InvalidClientTokenId", "x"), ERROR_AUTH, HTTP_FAIL,
		  "InvalidClientTokenId" },
		{ 403, STS("AccessDenied", "x"), ERROR_AUTH, HTTP_FAIL, "AccessDenied" },
		{ 400, STS("ExpiredToken", "x"), ERROR_AUTH, HTTP_FAIL, "ExpiredToken" },
		{ 400, EC2("OptInRequired", "x"), ERROR_AUTH, HTTP_FAIL, "OptInRequired" },
		{ 400, EC2("Blocked", "x"), ERROR_AUTH, HTTP_FAIL, "Blocked" },
		/* the clock */
		{ 400, EC2("RequestExpired", "x"), ERROR_AUTH, HTTP_CLOCK_SKEW, "RequestExpired" },
		{ 400, EC2("InvalidSecurity.RequestHasExpired", "x"), ERROR_AUTH, HTTP_CLOCK_SKEW,
		  "InvalidSecurity.RequestHasExpired" },
		/* things */
		{ 400, EC2("InvalidInstanceID.NotFound", "x"), ERROR_NOT_FOUND, HTTP_FAIL,
		  "InvalidInstanceID.NotFound" },
		{ 400, EC2("InvalidInstanceID.Malformed", "x"), ERROR_NOT_FOUND, HTTP_FAIL,
		  "InvalidInstanceID.Malformed" },
		{ 400, EC2("InvalidUserData.Malformed", "x"), ERROR_USAGE, HTTP_FAIL,
		  "InvalidUserData.Malformed" },
		{ 400, EC2("InvalidParameterValue", "x"), ERROR_USAGE, HTTP_FAIL,
		  "InvalidParameterValue" },
		{ 400, EC2("IdempotentParameterMismatch", "x"), ERROR_CONFLICT, HTTP_FAIL,
		  "IdempotentParameterMismatch" },
		{ 400, EC2("IdempotentInstanceTerminated", "x"), ERROR_CONFLICT, HTTP_FAIL,
		  "IdempotentInstanceTerminated" },
		{ 400, EC2("InvalidPermission.Duplicate", "x"), ERROR_CONFLICT, HTTP_FAIL,
		  "InvalidPermission.Duplicate" },
		{ 400, EC2("DependencyViolation", "x"), ERROR_CONFLICT, HTTP_FAIL,
		  "DependencyViolation" },
		{ 400, EC2("VPCIdNotSpecified", "x"), ERROR_CONFIG, HTTP_FAIL,
		  "VPCIdNotSpecified" },
		{ 400, EC2("MissingInput", "x"), ERROR_CONFIG, HTTP_FAIL, "MissingInput" },
		{ 412, EC2("DryRunOperation", "x"), ERROR_REMOTE, HTTP_FAIL, "DryRunOperation" },
		/* AWS's own trouble, and codes nobody has heard of */
		{ 500, EC2("InternalError", "x"), ERROR_REMOTE, HTTP_RETRY, "InternalError" },
		{ 400, STS("IDPCommunicationError", "x"), ERROR_REMOTE, HTTP_RETRY,
		  "IDPCommunicationError" },
		{ 400, EC2("NeverHeardOf", "x"), ERROR_REMOTE, HTTP_FAIL, "NeverHeardOf" },
		{ 500, EC2("NeverHeardOf", "x"), ERROR_REMOTE, HTTP_RETRY, "NeverHeardOf" },
		{ 403, EC2("NeverHeardOf", "x"), ERROR_AUTH, HTTP_FAIL, "NeverHeardOf" },
		/* no API reply at all */
		{ 500, "<html><body>oops</body></html>", ERROR_REMOTE, HTTP_RETRY, "" },
		{ 502, "<!DOCTYPE html><html>", ERROR_REMOTE, HTTP_RETRY, "" },
		{ 503, "", ERROR_THROTTLED, HTTP_THROTTLED, "" },
		{ 504, "", ERROR_REMOTE, HTTP_RETRY, "" },
		{ 404, "not here", ERROR_REMOTE, HTTP_FAIL, "" },
		{ 301, "", ERROR_REMOTE, HTTP_FAIL, "" },
		{ 429, "slow", ERROR_THROTTLED, HTTP_THROTTLED, "" },
		{ 403, "<html>", ERROR_AUTH, HTTP_FAIL, "" },
		/* hostile: a cut reply, a bomb, a code that is no code */
		{ 400, "<Response><Errors><Error><Code>AuthFailure</Co", ERROR_REMOTE, HTTP_FAIL,
		  "" },
		{ 400,
		  "<!DOCTYPE a [<!ENTITY b \"x\">]><Response><Error><Code>&b;</Code></Error></Response>",
		  ERROR_REMOTE, HTTP_FAIL, "" },
		{ 400, EC2("Auth Failure\nX", "x"), ERROR_REMOTE, HTTP_FAIL, "" },
		{ 400, "<Response><Errors><Error/></Errors></Response>", ERROR_REMOTE, HTTP_FAIL,
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		enum http_verdict verdict =
			classify(AWS_QUERY, cases[i].status, cases[i].body, NULL, &err);

		if (err.kind != cases[i].kind || verdict != cases[i].verdict ||
		    strcmp(err.code, cases[i].code) != 0)
			fail_msg("%d %.90s: kind %s, verdict %d, code '%s'", cases[i].status,
				 cases[i].body, error_kind_name(err.kind), verdict, err.code);
		assert_int_equal(err.http_status, cases[i].status);
		assert_int_equal(err.retryable, verdict == HTTP_RETRY || verdict == HTTP_THROTTLED);
		assert_non_null(strstr(err.message, "RunInstances in us-east-1: "));
	}
}

static void test_json(void **state)
{
	static const struct {
		int status;
		const char *body, *header;
		enum error_kind kind;
		enum http_verdict verdict;
		const char *code, *message;
	} cases[] = {
		{ 400, "{\"__type\":\"ParameterNotFound\"}", NULL, ERROR_NOT_FOUND, HTTP_FAIL,
		  "ParameterNotFound", "AWS answered ParameterNotFound" },
		{ 400,
		  "{\"__type\":\"com.amazonaws.x#NoSuchResourceException\",\"message\":\"no\"}",
		  NULL, ERROR_NOT_FOUND, HTTP_FAIL, "NoSuchResourceException", "no" },
		{ 400, "{\"__type\":\"ThrottlingException\",\"Message\":\"Rate exceeded\"}", NULL,
		  ERROR_THROTTLED, HTTP_THROTTLED, "ThrottlingException", "Rate exceeded" },
		{ 400, "{\"__type\":\"AccessDeniedException\",\"Message\":\"no\"}", NULL,
		  ERROR_AUTH, HTTP_CLOCK_SKEW, "AccessDeniedException", "no" },
		{ 400, "{\"message\":\"x\"}", "ValidationException:http://x/", ERROR_USAGE,
		  HTTP_FAIL, "ValidationException", "x" },
		{ 400, "", "UnrecognizedClientException", ERROR_AUTH, HTTP_FAIL,
		  "UnrecognizedClientException", "AWS answered UnrecognizedClientException" },
		{ 500, "<html>", NULL, ERROR_REMOTE, HTTP_RETRY, "", "HTTP 500 with a page" },
		{ 400, "{\"__type\":7}", NULL, ERROR_REMOTE, HTTP_FAIL, "", "HTTP 400" },
		{ 400, "{\"__type\":\"X\"}trailing", NULL, ERROR_REMOTE, HTTP_FAIL, "",
		  "HTTP 400" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_header header = { "X-Amzn-ErrorType", cases[i].header };
		struct error err = ERROR_INIT;
		enum http_verdict verdict = classify(AWS_JSON, cases[i].status, cases[i].body,
						     cases[i].header ? &header : NULL, &err);

		if (err.kind != cases[i].kind || verdict != cases[i].verdict ||
		    strcmp(err.code, cases[i].code) != 0 || !strstr(err.message, cases[i].message))
			fail_msg("%s: kind %s, verdict %d, code '%s', '%s'", cases[i].body,
				 error_kind_name(err.kind), verdict, err.code, err.message);
	}
}

static void test_what_is_told(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	classify(AWS_QUERY, 500, EC2("InsufficientInstanceCapacity", "We are out of p3."), NULL,
		 &err);
	assert_string_equal(err.message, "RunInstances in us-east-1: We are out of p3");
	assert_string_equal(err.request_id, "ea966190-f9aa-478e-9ede-example");
	assert_non_null(strstr(err.hint, "another zone"));
	assert_false(err.unknown);

	classify(AWS_QUERY, 400, EC2("VcpuLimitExceeded", "x"), NULL, &err);
	assert_non_null(strstr(err.hint, "L-DB2E81BA"));
	assert_non_null(strstr(err.hint, "L-417A185B"));
	classify(AWS_QUERY, 400, EC2("MaxSpotInstanceCountExceeded", "x"), NULL, &err);
	assert_non_null(strstr(err.hint, "L-3819A6DF"));
	assert_non_null(strstr(err.hint, "VCPUS")); /* not cut off */
	classify(AWS_QUERY, 401, MOTO, NULL, &err);
	assert_non_null(strstr(err.hint, "gpucloud doctor"));
	classify(AWS_QUERY, 400, STS("ExpiredToken", "x"), NULL, &err);
	assert_non_null(strstr(err.hint, "aws sso login"));
	classify(AWS_QUERY, 400, EC2("VPCIdNotSpecified", "x"), NULL, &err);
	assert_non_null(strstr(err.hint, "create-default-vpc"));

	classify(AWS_QUERY, 502, "<html>", NULL, &err);
	assert_string_equal(err.message, "RunInstances in us-east-1: AWS answered HTTP 502 with a "
					 "page, not an API reply");
	assert_true(err.unknown); /* it may have launched all the same */
	classify(AWS_QUERY, 503, EC2("RequestLimitExceeded", "x"), NULL, &err);
	assert_false(err.unknown);

	classify(AWS_QUERY, 403,
		 EC2("UnauthorizedOperation",
		     "You are not authorized. Encoded authorization failure message: abcdef"),
		 NULL, &err);
	assert_string_equal(err.message, "RunInstances in us-east-1: You are not authorized");
}

static void test_hostile_text(void **state)
{
	struct error err = ERROR_INIT;
	struct buf body = BUF_INIT;

	(void)state;
	buf_addstr(&body, "<Response><Error><Code>X</Code><Message>");
	for (int i = 0; i < 20000; i++)
		buf_addstr(&body, "\xc3\xa4");
	buf_addstr(&body, "</Message></Error></Response>");
	classify(AWS_QUERY, 400, body.data, NULL, &err);
	assert_true(strlen(err.message) < 400);
	assert_string_equal(err.message + strlen(err.message) - 5, "\xc3\xa4...");
	buf_release(&body);

	classify(AWS_JSON, 400, "{\"__type\":\"X\",\"message\":\"a\\u202eb\\nc\"}", NULL, &err);
	assert_null(strstr(err.message, "\xe2\x80\xae"));
	assert_null(strchr(err.message, '\n'));
}

/*
 * STS quotes the request it was sent, session token and all. The token is masked before the text is
 * cut: nobody would know half of it again.
 */
static void test_quoted_secret(void **state)
{
	struct error err = ERROR_INIT;
	struct secret token = { NULL, 0 };
	struct buf body = BUF_INIT;
	char text[2001];

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('A' + i * i % 23);
	text[sizeof(text) - 1] = '\0';
	secret_set(&token, text, sizeof(text) - 1);
	buf_addf(&body,
		 "<Response><Error><Code>SignatureDoesNotMatch</Code><Message>It should have been "
		 "'POST x-amz-security-token:%s'</Message></Error></Response>",
		 text);
	classify(AWS_QUERY, 403, body.data, NULL, &err);
	text[12] = '\0';
	assert_null(strstr(err.message, text));
	assert_non_null(strstr(err.message, "x-amz-security-token:***'"));
	buf_release(&body);
	secret_release(&token);
}

static void test_clock_hint(void **state)
{
	struct http_header slow = { "Date", "Thu, 01 Jan 2026 00:20:00 GMT" };
	struct http_header same = { "Date", "Thu, 01 Jan 2026 00:00:00 GMT" };
	struct error err = ERROR_INIT;

	(void)state;
	classify(AWS_QUERY, 400, EC2("RequestExpired", "x"), &slow, &err);
	assert_non_null(strstr(err.hint, "20 min slow"));
	classify(AWS_QUERY, 400, EC2("RequestExpired", "x"), &same, &err);
	assert_non_null(strstr(err.hint, "timedatectl"));
	assert_null(strstr(err.hint, "slow"));
}

static void test_patterns(void **state)
{
	struct error err = { .code = "InvalidInstanceID.NotFound" };
	struct error none = ERROR_INIT;

	(void)state;
	assert_true(aws_error_is(&err, "Invalid*.NotFound"));
	assert_true(aws_error_is(&err, "InvalidInstanceID.NotFound"));
	assert_false(aws_error_is(&err, "InvalidInstanceID"));
	assert_false(aws_error_is(&none, "*"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	      cmocka_unit_test(test_json),
		cmocka_unit_test(test_what_is_told),  cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_quoted_secret), cmocka_unit_test(test_clock_hint),
		cmocka_unit_test(test_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
