/* SPDX-License-Identifier: Apache-2.0 */
/* What signing refuses to sign, and the form of a presigned URL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/sign/sigv4.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define NOW    INT64_C(1440938160) /* 2015-08-30T12:36:00Z */

static const struct sigv4_key key = { "AKIDEXAMPLE", SECRET, NULL, "us-east-1", "ec2" };

static const struct {
	struct sigv4_key key;
	const char *method, *url, *name, *value;
	enum error_kind kind;
} unsignable[] = {
	{ { "", SECRET, NULL, "r", "s" }, "GET", "https://h/", "a", "b", ERROR_CONFIG },
	{ { "A\nB", SECRET, NULL, "r", "s" }, "GET", "https://h/", "a", "b", ERROR_CONFIG },
	{ { "A/B", SECRET, NULL, "r", "s" }, "GET", "https://h/", "a", "b", ERROR_CONFIG },
	{ { NULL, SECRET, NULL, "r", "s" }, "GET", "https://h/", "a", "b", ERROR_CONFIG },
	{ { "A", "", NULL, "r", "s" }, "GET", "https://h/", "a", "b", ERROR_CONFIG },
	{ { "A", NULL, NULL, "r", "s" }, "GET", "https://h/", "a", "b", ERROR_CONFIG },
	{ { "A", SECRET, "t\r\nX: y", "r", "s" }, "GET", "https://h/", "a", "b", ERROR_CONFIG },
	{ { "A", SECRET, NULL, "", "s" }, "GET", "https://h/", "a", "b", ERROR_CONFIG },
	{ { "A", SECRET, NULL, "r/r", "s" }, "GET", "https://h/", "a", "b", ERROR_CONFIG },
	{ { "A", SECRET, NULL, "r", "" }, "GET", "https://h/", "a", "b", ERROR_USAGE },
	{ { "A", SECRET, NULL, "r", "s" }, "G T", "https://h/", "a", "b", ERROR_USAGE },
	{ { "A", SECRET, NULL, "r", "s" }, "GET", "h/", "a", "b", ERROR_USAGE },
	{ { "A", SECRET, NULL, "r", "s" }, "GET", "ftp://h/", "a", "b", ERROR_USAGE },
	{ { "A", SECRET, NULL, "r", "s" }, "GET", "https:///", "a", "b", ERROR_USAGE },
	{ { "A", SECRET, NULL, "r", "s" }, "GET", "https://u:p@h/", "a", "b", ERROR_USAGE },
	{ { "A", SECRET, NULL, "r", "s" }, "GET", "https://h/\r\nX: y", "a", "b", ERROR_USAGE },
	{ { "A", SECRET, NULL, "r", "s" }, "GET", "https://h/", "a b", "c", ERROR_USAGE },
	{ { "A", SECRET, NULL, "r", "s" }, "GET", "https://h/", "", "c", ERROR_USAGE },
	{ { "A", SECRET, NULL, "r", "s" }, "GET", "https://h/", "a", "b\nX: y", ERROR_USAGE },
	{ { "A", SECRET, NULL, "r", "s" }, "GET", "https://h/", "a", "b\r", ERROR_USAGE },
	{ { "A", SECRET, NULL, "r", "s" }, "GET", "https://h/", "a", "b\r c", ERROR_USAGE },
};

static void test_refuses_to_sign(void **state)
{
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(unsignable); i++) {
		struct arena arena = { 0 };
		struct http_header header = { unsignable[i].name, unsignable[i].value };
		struct sigv4_input input = {
			unsignable[i].method, unsignable[i].url, &header, 1, NULL, 0
		};
		struct sigv4_options options = { .expires_s = 60 };
		struct sigv4_result result = { .url = NULL };
		struct error err = ERROR_INIT;

		if (sigv4_sign(&unsignable[i].key, &options, NOW, &input, &arena, &result, &err) !=
		    -1)
			fail_msg("row %zu was signed", i);
		assert_int_equal(err.kind, unsignable[i].kind);
		assert_null(result.headers);
		assert_null(strstr(err.message, SECRET));
		assert_int_equal(sigv4_presign(&unsignable[i].key, &options, NOW, &input, &arena,
					       &result, &err),
				 -1);
		assert_null(result.url);
		arena_release(&arena);
	}
}

static void test_presigned_url(void **state)
{
	(void)state;
	static const struct {
		int64_t expires;
		bool good;
	} rows[] = {
		{ 0, false }, { -1, false }, { 1, true }, { 604800, true }, { 604801, false }
	};
	struct sigv4_input input = { "GET", "https://h?a=b#c", NULL, 0, NULL, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct arena arena = { 0 };
		struct sigv4_options options = { .expires_s = rows[i].expires };
		struct sigv4_result result = { .url = NULL };
		struct error err = ERROR_INIT;
		int rc = sigv4_presign(&key, &options, NOW, &input, &arena, &result, &err);

		assert_int_equal(rc, rows[i].good ? 0 : -1);
		if (rows[i].good) {
			assert_int_equal(strncmp(result.url, "https://h/?a=b&X-Amz-Algorithm=", 31),
					 0);
			assert_null(strchr(result.url, '#'));
		}
		arena_release(&arena);
	}
}

/* Signing again what was signed before (a retry) replaces what the first signature added. */
static void test_signing_twice(void **state)
{
	(void)state;
	struct sigv4_key session = key;
	struct sigv4_options options = { .sign_body_header = true };
	const struct http_header given[] = { { "Host", "elsewhere" }, { "Accept", "*/*" } };
	struct sigv4_input input = { "GET", "https://h/", given, ARRAY_SIZE(given), NULL, 0 };
	struct sigv4_input again = input;
	struct sigv4_result first = { .url = NULL };
	struct sigv4_result second = { .url = NULL };
	struct sigv4_result fresh = { .url = NULL };
	struct arena arena = { 0 };
	struct error err = ERROR_INIT;

	session.session_token = "token";
	assert_int_equal(sigv4_sign(&session, &options, NOW, &input, &arena, &first, &err), 0);
	assert_int_equal(first.nr_headers, 5);
	again.headers = first.headers;
	again.nr_headers = first.nr_headers;
	assert_int_equal(sigv4_sign(&session, &options, NOW + 300, &again, &arena, &second, &err),
			 0);
	assert_int_equal(sigv4_sign(&session, &options, NOW + 300, &input, &arena, &fresh, &err),
			 0);
	assert_int_equal(second.nr_headers, fresh.nr_headers);
	assert_string_equal(second.signature, fresh.signature);
	assert_string_not_equal(second.signature, first.signature);
	for (size_t i = 0; i < second.nr_headers; i++) {
		assert_string_not_equal(second.headers[i].name, "Host");
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(second.headers[i].name, second.headers[j].name);
	}
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses_to_sign),
		cmocka_unit_test(test_presigned_url),
		cmocka_unit_test(test_signing_twice),
	};

	return cmocka_run_group_tests_name("sigv4_input", tests, NULL, NULL);
}
