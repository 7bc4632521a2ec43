/* SPDX-License-Identifier: Apache-2.0 */
/* The receiving side of SigV4: what verifies, and all that must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/sign/sigv4.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define NOW    INT64_C(1440938160) /* 2015-08-30T12:36:00Z */
#define ROOM   16

/* A signed request as it arrives: a list of headers that a test may bend. */
struct arrived {
	struct arena arena;
	struct http_header headers[ROOM];
	struct sigv4_input input;
};

static const struct sigv4_key ec2_key = {
	.access_key = "AKIDEXAMPLE",
	.secret_key = SECRET,
	.session_token = "token/with+signs==",
	.region = "us-east-1",
	.service = "ec2",
};

static const char *const ec2_body = "Action=DescribeRegions&Version=2016-11-15";

static struct arrived send_request(const struct sigv4_key *key, struct sigv4_options options,
				   const char *url, const char *body)
{
	struct arrived a = { .input = { .method = "POST", .url = url, .body = body } };
	const struct http_header given[] = {
		{ "Content-Type", "application/x-www-form-urlencoded; charset=utf-8" },
		{ "User-Agent", "gpucloud/0.1" },
		{ "X-Custom", "  a   b\t c " },
		{ "x-custom", "second" },
	};
	struct sigv4_input input = a.input;
	struct sigv4_result result = { .url = NULL };
	struct error err = ERROR_INIT;

	input.headers = given;
	input.nr_headers = ARRAY_SIZE(given);
	a.input.body_len = input.body_len = strlen(body);
	if (sigv4_sign(key, &options, NOW, &input, &a.arena, &result, &err) < 0)
		fail_msg("%s", err.message);
	assert_true(result.nr_headers + 1 < ROOM);
	memcpy(a.headers, result.headers, result.nr_headers * sizeof(*result.headers));
	a.input.nr_headers = result.nr_headers;
	return a;
}

static struct arrived send_ec2(void)
{
	return send_request(&ec2_key, (struct sigv4_options){ .raw_path = false },
			    "http://127.0.0.1:8080/?b=2&a=%7e", ec2_body);
}

static struct http_header *find(struct arrived *a, const char *name)
{
	for (size_t i = 0; i < a->input.nr_headers; i++) {
		if (strcasecmp(a->headers[i].name, name) == 0)
			return &a->headers[i];
	}
	return NULL;
}

static void add(struct arrived *a, const char *name, const char *value)
{
	assert_true(a->input.nr_headers < ROOM);
	a->headers[a->input.nr_headers++] = (struct http_header){ name, value };
}

static void drop(struct arrived *a, const char *name)
{
	struct http_header *header = find(a, name);
	size_t after = (size_t)(&a->headers[a->input.nr_headers] - header) - 1;

	memmove(header, header + 1, after * sizeof(*header));
	a->input.nr_headers--;
}

/* NULL when it verifies, else AWS's code. */
static const char *verify(struct arrived *a, const char *secret, struct error *err)
{
	struct sigv4_claim claim = { .time_s = 0 };

	error_clear(err);
	a->input.headers = a->headers;
	if (sigv4_claim_parse(&a->input, &a->arena, &claim, err) == 0 &&
	    sigv4_verify(&a->input, &claim, secret, err) == 0)
		return NULL;
	assert_int_equal(err->kind, ERROR_AUTH);
	assert_true(err->message[0]);
	assert_null(strstr(err->message, SECRET));
	return err->code;
}

static void assert_verifies(struct arrived *a)
{
	struct error err = ERROR_INIT;

	if (verify(a, SECRET, &err))
		fail_msg("%s: %s", err.code, err.message);
	assert_int_equal(err.kind, ERROR_NONE);
}

static void assert_code(struct arrived *a, const char *code)
{
	struct error err = ERROR_INIT;
	const char *got = verify(a, SECRET, &err);

	if (!got)
		fail_msg("accepted, want %s", code);
	if (strcmp(got, code) != 0)
		fail_msg("want %s, got %s: %s", code, got, err.message);
}

static void test_accepts_what_we_sign(void **state)
{
	(void)state;
	static const char *const urls[] = {
		"http://127.0.0.1:8080/",
		"http://localhost:80",
		"https://EC2.us-east-1.amazonaws.com",
		"https://[::1]:8443/a/../b//c/./d%20e?x=1&x=0&y&z=%2f+~#fragment",
		"https://h/%E1%88%B4?q=\xe1\x88\xb4&a b=c d",
	};

	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		for (int bits = 0; bits < 2; bits++) {
			struct sigv4_options options = { .sign_body_header = bits & 1 };
			struct arrived a = send_request(&ec2_key, options, urls[i], ec2_body);

			assert_verifies(&a);
			add(&a, "Accept", "*/*"); /* unsigned headers may be added on the way */
			assert_verifies(&a);
			arena_release(&a.arena);
		}
	}
}

static void test_claim(void **state)
{
	(void)state;
	struct arrived a = send_ec2();
	struct sigv4_claim claim = { .time_s = 0 };
	struct error err = ERROR_INIT;

	a.input.headers = a.headers;
	assert_int_equal(sigv4_claim_parse(&a.input, &a.arena, &claim, &err), 0);
	assert_string_equal(claim.access_key, "AKIDEXAMPLE");
	assert_string_equal(claim.date, "20150830");
	assert_string_equal(claim.region, "us-east-1");
	assert_string_equal(claim.service, "ec2");
	assert_string_equal(claim.signed_headers,
			    "content-type;host;x-amz-date;x-amz-security-token;x-custom");
	assert_int_equal(strlen(claim.signature), 64);
	assert_int_equal(claim.time_s, NOW);
	arena_release(&a.arena);
}

static void test_host_header_is_what_counts(void **state)
{
	(void)state;
	struct arrived a = send_ec2();

	/* A server sees its own address in the URL, and what the client meant in Host. */
	a.input.url = "http://0.0.0.0:1/?b=2&a=%7e";
	assert_code(&a, "SignatureDoesNotMatch");
	add(&a, "HOST", "127.0.0.1:8080");
	assert_verifies(&a);
	add(&a, "Host", "127.0.0.1:8080");
	assert_code(&a, "SignatureDoesNotMatch");
	arena_release(&a.arena);
}

static void test_refuses_what_was_changed(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct arrived a = send_ec2();
	const char *url = a.input.url;

	assert_verifies(&a);
	assert_string_equal(verify(&a, "wrong", &err), "SignatureDoesNotMatch");
	assert_string_equal(verify(&a, "", &err), "SignatureDoesNotMatch");
	a.input.body = "Action=DescribeRegions&Version=2016-11-16";
	assert_code(&a, "SignatureDoesNotMatch");
	a.input.body = ec2_body;
	a.input.body_len--;
	assert_code(&a, "SignatureDoesNotMatch");
	a.input.body_len++;
	a.input.method = "GET";
	assert_code(&a, "SignatureDoesNotMatch");
	a.input.method = "POST";

	static const char *const urls[] = {
		"http://127.0.0.1:8081/?b=2&a=%7e",   "http://127.0.0.1:8080/x?b=2&a=%7e",
		"http://127.0.0.1:8080/?b=3&a=%7e",   "http://127.0.0.1:8080/?b=2",
		"http://127.0.0.1:8080/?b=2&a=%7e&c", "not a url",
	};

	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		a.input.url = urls[i];
		assert_code(&a, i + 1 < ARRAY_SIZE(urls) ? "SignatureDoesNotMatch"
							 : "IncompleteSignature");
	}
	/* The same query in another order or spelling is the same request. */
	a.input.url = "http://127.0.0.1:8080?a=~&b=2";
	assert_verifies(&a);
	a.input.url = url;
	find(&a, "Content-Type")->value = "text/plain";
	assert_code(&a, "SignatureDoesNotMatch");
	find(&a, "Content-Type")->value = "application/x-www-form-urlencoded; charset=utf-8";
	find(&a, "User-Agent")->value = "a proxy";
	find(&a, "X-Custom")->value = "a b c";
	assert_verifies(&a);
	find(&a, "X-Custom")->value = "a b  C";
	assert_code(&a, "SignatureDoesNotMatch");
	drop(&a, "X-Custom");
	drop(&a, "X-Custom");
	assert_code(&a, "SignatureDoesNotMatch");
	arena_release(&a.arena);
}

static void test_refuses_what_is_not_covered(void **state)
{
	(void)state;
	struct arrived a = send_ec2();

	add(&a, "X-Amz-Target", "AmazonSSM.GetParameter");
	assert_code(&a, "SignatureDoesNotMatch");
	find(&a, "X-Amz-Target")->name = "x-AMZ-meta-a-name-that-is-far-longer-than-sixty-four-"
					 "characters-and-still-goes-on";
	assert_code(&a, "SignatureDoesNotMatch");
	arena_release(&a.arena);

	a = send_request(&ec2_key, (struct sigv4_options){ .token_unsigned = true },
			 "http://127.0.0.1/", ec2_body);
	assert_non_null(find(&a, "X-Amz-Security-Token"));
	assert_code(&a, "SignatureDoesNotMatch"); /* an unsigned token could be swapped */
	drop(&a, "X-Amz-Security-Token");
	assert_verifies(&a);
	arena_release(&a.arena);
}

static void test_payload_header(void **state)
{
	(void)state;
	struct sigv4_options options = { .sign_body_header = true };
	struct sigv4_options s3_options = { .sign_body_header = true,
					    .raw_path = true,
					    .unsigned_payload = true };
	struct sigv4_key s3_key = ec2_key;
	struct arrived a = send_request(&ec2_key, options, "https://h/", ec2_body);

	a.input.body = "Action=TerminateInstances&Version=2016-11";
	assert_code(&a, "SignatureDoesNotMatch");
	arena_release(&a.arena);

	s3_key.service = "s3";
	a = send_request(&s3_key, s3_options, "https://b.s3/a//b/../c", "body");
	assert_string_equal(find(&a, "x-amz-content-sha256")->value, "UNSIGNED-PAYLOAD");
	assert_verifies(&a);
	a.input.body = "ydob";
	assert_verifies(&a);
	a.input.url = "https://b.s3/a/c";
	assert_code(&a, "SignatureDoesNotMatch");
	arena_release(&a.arena);

	a = send_request(&ec2_key, s3_options, "https://h/", ec2_body); /* not for EC2 */
	assert_code(&a, "SignatureDoesNotMatch");
	arena_release(&a.arena);
}

#define CRED		       "Credential=AKIDEXAMPLE/20150830/us-east-1/ec2/aws4_request"
#define SHDR		       "SignedHeaders=host;x-amz-date;x-amz-security-token"
#define HEX8		       "01234567"
#define SIGN		       "Signature=" HEX8 HEX8 HEX8 HEX8 HEX8 HEX8 HEX8 HEX8
#define WITH(cred, shdr, sign) "AWS4-HMAC-SHA256 " cred ", " shdr ", " sign

static const char *const garbled[] = {
	"",
	" ",
	"AWS4-HMAC-SHA256",
	"AWS4-HMAC-SHA256 ",
	"AWS4-HMAC-SHA256 ,,,",
	"AWS4-HMAC-SHA256" CRED ", " SHDR ", " SIGN,
	"AWS4-HMAC-SHA256X " CRED ", " SHDR ", " SIGN,
	"AWS4-ECDSA-P256-SHA256 " CRED ", " SHDR ", " SIGN,
	"aws4-hmac-sha256 " CRED ", " SHDR ", " SIGN,
	"AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=",
	"Basic QUtJRDpzZWNyZXQ=",
	"Bearer token",
	"AWS4-HMAC-SHA256 " CRED ", " SHDR,
	"AWS4-HMAC-SHA256 " CRED ", " SIGN,
	"AWS4-HMAC-SHA256 " SHDR ", " SIGN,
	WITH(CRED, SHDR, SIGN) ",",
	WITH(CRED, SHDR, SIGN) ", Extra=1",
	WITH(CRED, SHDR, SIGN) ", " SIGN,
	WITH(CRED, SHDR, SIGN) ", " CRED,
	WITH(CRED, SHDR, SIGN) "0",
	WITH(CRED, SHDR, "Signature="),
	WITH(CRED, SHDR, "Signature=" HEX8),
	WITH(CRED, SHDR, "Signature=" HEX8 HEX8 HEX8 HEX8 HEX8 HEX8 HEX8 "0123456G"),
	WITH(CRED, SHDR, "Signature=" HEX8 HEX8 HEX8 HEX8 HEX8 HEX8 HEX8 "ABCDEF01"),
	WITH(CRED, "SignedHeaders=", SIGN),
	WITH(CRED, "SignedHeaders=Host;x-amz-date", SIGN),
	WITH(CRED, "SignedHeaders=host x-amz-date", SIGN),
	WITH(CRED, "SignedHeaders=host\x1b;x-amz-date", SIGN),
	WITH("Credential=", SHDR, SIGN),
	WITH("Credential=AKIDEXAMPLE", SHDR, SIGN),
	WITH("Credential=AKIDEXAMPLE/20150830/us-east-1/ec2", SHDR, SIGN),
	WITH("Credential=/20150830/us-east-1/ec2/aws4_request", SHDR, SIGN),
	WITH("Credential=AKIDEXAMPLE/20150830/us-east-1/ec2/aws5_request", SHDR, SIGN),
	WITH("Credential=AKIDEXAMPLE/20150830/us-east-1/ec2/aws4_request/", SHDR, SIGN),
	WITH("Credential=a/b/20150830/us-east-1/ec2/aws4_request", SHDR, SIGN),
	WITH("Credential=AKID EXAMPLE/20150830/us-east-1/ec2/aws4_request", SHDR, SIGN),
	WITH("Credential=AKID\x1b[0m/20150830/us-east-1/ec2/aws4_request", SHDR, SIGN),
	WITH("Credential=AKIDEXAMPLE/2015083/us-east-1/ec2/aws4_request", SHDR, SIGN),
	WITH("Credential=AKIDEXAMPLE/201508301/us-east-1/ec2/aws4_request", SHDR, SIGN),
	WITH("Credential=AKIDEXAMPLE/2015-8-3/us-east-1/ec2/aws4_request", SHDR, SIGN),
	WITH("Credential=AKIDEXAMPLE/20150830//ec2/aws4_request", SHDR, SIGN),
	WITH("Credential=AKIDEXAMPLE/20150830/us-east-1//aws4_request", SHDR, SIGN),
	WITH("Credential=AKIDEXAMPLE/20150830/us-east-1/ec2\xff/aws4_request", SHDR, SIGN),
	WITH(CRED "%00", SHDR, SIGN),
};

/* Well formed, but not true. */
static const char *const untrue[] = {
	WITH(CRED, SHDR, SIGN),
	WITH(CRED, "SignedHeaders=x-amz-date;x-amz-security-token", SIGN),
	WITH(CRED, "SignedHeaders=x-amz-date;host;x-amz-security-token", SIGN),
	WITH(CRED, "SignedHeaders=host;host;x-amz-date;x-amz-security-token", SIGN),
	WITH(CRED, "SignedHeaders=host;x-amz-date;x-amz-security-token;", SIGN),
	WITH(CRED, "SignedHeaders=;host;x-amz-date;x-amz-security-token", SIGN),
	WITH(CRED, "SignedHeaders=absent;host;x-amz-date;x-amz-security-token", SIGN),
	WITH("Credential=AKIDEXAMPLE/20150831/us-east-1/ec2/aws4_request", SHDR, SIGN),
};

static void test_garbled_authorization(void **state)
{
	(void)state;
	struct arrived a = send_ec2();

	for (size_t i = 0; i < ARRAY_SIZE(garbled); i++) {
		find(&a, "Authorization")->value = garbled[i];
		assert_code(&a, "IncompleteSignature");
	}

	struct buf longer = BUF_INIT;

	buf_addstr(&longer, WITH(CRED, "SignedHeaders=host", SIGN));
	while (longer.len < 9000)
		buf_addstr(&longer, " ");
	find(&a, "Authorization")->value = longer.data;
	assert_code(&a, "IncompleteSignature");
	buf_release(&longer);

	for (size_t i = 0; i < ARRAY_SIZE(untrue); i++) {
		find(&a, "Authorization")->value = untrue[i];
		assert_code(&a, "SignatureDoesNotMatch");
	}
	drop(&a, "Authorization");
	assert_code(&a, "MissingAuthenticationToken");
	arena_release(&a.arena);
}

static void test_spelling_of_authorization(void **state)
{
	(void)state;
	struct arrived a = send_ec2();
	struct http_header *header = find(&a, "Authorization");
	struct buf other = BUF_INIT;
	char *text = arena_strdup(&a.arena, header->value);
	char *names = strstr(text, ", SignedHeaders=");
	char *signature = strstr(text, ", Signature=");

	/* Other clients leave out blanks, or turn the parts round. */
	*names = *signature = '\0';
	buf_addf(&other, "AWS4-HMAC-SHA256  %s ,%s,%s ", signature + 2, names + 2,
		 strchr(text, ' ') + 1);
	header->value = other.data;
	assert_verifies(&a);
	add(&a, "authorization", other.data);
	assert_code(&a, "IncompleteSignature");
	buf_release(&other);
	arena_release(&a.arena);
}

static void test_date_header(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"20150830",
		"20150830T123600",
		"20150830T123600Z ",
		"20150830t123600z",
		"2015083aT123600Z",
		"20151330T123600Z",
		"20150230T123600Z",
		"20150830T250000Z",
		"20150830T123600+",
		"Sun, 30 Aug 2015 12:36:00 GMT",
	};
	struct arrived a = send_ec2();
	const char *good = find(&a, "X-Amz-Date")->value;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		find(&a, "X-Amz-Date")->value = bad[i];
		assert_code(&a, "IncompleteSignature");
	}
	find(&a, "X-Amz-Date")->value = "20150830T123601Z";
	assert_code(&a, "SignatureDoesNotMatch");
	find(&a, "X-Amz-Date")->value = "20150831T003600Z";
	assert_code(&a, "SignatureDoesNotMatch");
	find(&a, "X-Amz-Date")->value = good;
	assert_verifies(&a);
	add(&a, "x-amz-date", good);
	assert_code(&a, "IncompleteSignature");
	drop(&a, "X-Amz-Date");
	drop(&a, "X-Amz-Date");
	assert_code(&a, "IncompleteSignature");
	arena_release(&a.arena);
}

/* One byte of the Authorization header changed anywhere is never accepted, but for blanks, and the
 * access key id, which only picks the secret. */
static void test_any_changed_byte(void **state)
{
	(void)state;
	struct rng_seeded seed;
	struct rng rng = rng_seeded(&seed, 4);
	struct arrived a = send_ec2();
	struct error err = ERROR_INIT;
	const char *good = find(&a, "Authorization")->value;

	for (size_t round = 0; round < 3000; round++) {
		char *bent = arena_strdup(&a.arena, good);
		size_t at = (size_t)rng_below(&rng, strlen(good));
		char byte = (char)(1 + rng_below(&rng, 255));

		if (bent[at] == byte || (bent[at] == ' ' && byte == '\t') ||
		    (bent + at >= strchr(bent, '=') && bent + at < strchr(bent, '/')))
			continue;
		bent[at] = byte;
		find(&a, "Authorization")->value = bent;
		if (!verify(&a, SECRET, &err))
			fail_msg("accepted: %s", bent);
	}
	arena_release(&a.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts_what_we_sign),
		cmocka_unit_test(test_claim),
		cmocka_unit_test(test_host_header_is_what_counts),
		cmocka_unit_test(test_refuses_what_was_changed),
		cmocka_unit_test(test_refuses_what_is_not_covered),
		cmocka_unit_test(test_payload_header),
		cmocka_unit_test(test_garbled_authorization),
		cmocka_unit_test(test_spelling_of_authorization),
		cmocka_unit_test(test_date_header),
		cmocka_unit_test(test_any_changed_byte),
	};

	return cmocka_run_group_tests_name("sigv4_verify", tests, NULL, NULL);
}
