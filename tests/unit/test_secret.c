/* SPDX-License-Identifier: Apache-2.0 */
/* What is secret never reaches a log line, in whatever form it was sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/secret.h"

#define KEY "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static void assert_redacted(const char *text, const char *want)
{
	struct buf out = BUF_INIT;

	redact(text, strlen(text), &out);
	assert_string_equal(out.data, want);
	buf_release(&out);
}

static void test_plain_and_url(void **state)
{
	struct secret secret = { 0 };

	(void)state;
	secret_set(&secret, KEY, strlen(KEY));
	assert_redacted("", "");
	assert_redacted(KEY, "***");
	assert_redacted("key=" KEY "&x=1", "key=***&x=1");
	assert_redacted(KEY KEY, "******");
	assert_redacted("a=wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCYEXAMPLEKEY;", "a=***;");
	assert_redacted("a=wJalrXUtnFEMI%2fK7MDENG%2bbPxRfiCYEXAMPLEKEY;", "a=***;");
	assert_redacted("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKE",
			"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKE");
	secret_release(&secret);
	assert_null(secret.data);
	assert_redacted(KEY, KEY);
}

/* Base64 hides the secret at each of three alignments, and with any neighbours. */
static void test_base64(void **state)
{
	struct secret secret = { 0 };

	(void)state;
	secret_set(&secret, KEY, strlen(KEY));
	for (size_t before = 0; before < 7; before++) {
		for (size_t after = 0; after < 4; after++) {
			struct buf text = BUF_INIT, encoded = BUF_INIT, out = BUF_INIT;
			struct buf url = BUF_INIT, url_out = BUF_INIT;

			buf_add(&text, "user:x", before < 6 ? before : 6);
			buf_addstr(&text, KEY);
			buf_add(&text, "\xff\n{", after);
			base64_encode(&encoded, text.data, text.len);
			redact(encoded.data, encoded.len, &out);
			assert_non_null(strstr(out.data, "***"));
			/* no run of the encoded middle is left */
			for (size_t i = 8; i + 8 < encoded.len - 8; i++) {
				char part[9];

				memcpy(part, encoded.data + i, 8);
				part[8] = '\0';
				assert_null(strstr(out.data, part));
			}
			url_encode(&url, encoded.data, encoded.len, false);
			redact(url.data, url.len, &url_out);
			assert_non_null(strstr(url_out.data, "***"));
			assert_true(url_out.len <= 32);
			buf_release(&text);
			buf_release(&encoded);
			buf_release(&out);
			buf_release(&url);
			buf_release(&url_out);
		}
	}
	secret_release(&secret);
}

static void test_length_bounds(void **state)
{
	struct secret three = { 0 }, four = { 0 }, empty = { 0 };

	(void)state;
	secret_set(&three, "abc", 3);
	secret_set(&four, "wxyz", 4);
	secret_set(&empty, "", 0);
	assert_redacted("abc wxyz", "abc ***");
	assert_true(secret_is_set(&three));
	assert_false(secret_is_set(&empty));
	secret_release(&three);
	secret_release(&four);
	secret_release(&empty);
}

static void test_overlap_and_sharing(void **state)
{
	struct secret a = { 0 }, b = { 0 }, c = { 0 };

	(void)state;
	secret_set(&a, "abcdefgh", 8);
	secret_set(&b, "efghijkl", 8);
	assert_redacted("-abcdefghijkl-", "-***-");
	secret_set(&c, "abcd", 4);
	assert_redacted("-abcdefgh-abcd-", "-***-***-");

	/* Two holders of one value: it stays masked until both are gone. */
	secret_set(&c, a.data, a.len);
	secret_release(&a);
	assert_redacted("-abcdefgh-", "-***-");
	secret_release(&c);
	assert_redacted("-abcdefgh-", "-abcdefgh-");
	secret_release(&b);
	assert_redacted("-efghijkl-", "-efghijkl-");
}

static void test_set_again(void **state)
{
	struct secret secret = { 0 };

	(void)state;
	secret_set(&secret, "first-value", 11);
	secret_set(&secret, secret.data + 6, 5); /* from its own bytes */
	assert_string_equal(secret.data, "value");
	assert_int_equal(secret.len, 5);
	assert_redacted("first-value", "first-***");
	secret_set(&secret, secret.data, secret.len);
	assert_string_equal(secret.data, "value");
	secret_set(&secret, NULL, 0);
	assert_false(secret_is_set(&secret));
	assert_redacted("first-value", "first-value");
	secret_release(&secret);
}

static void sink(void *ctx, const char *line)
{
	struct buf *out = ctx;

	buf_addstr(out, line);
	buf_addch(out, '\n');
}

static void test_log(void **state)
{
	struct secret secret = { 0 };
	struct buf out = BUF_INIT;

	(void)state;
	secret_set(&secret, "hunter22", 8);
	log_info("http", "nobody listens: hunter22");
	log_setup(1, sink, &out);
	assert_int_equal(log_level(), 1);
	log_info("http", "GET /?password=hunter22 by %s", "a\033[2Jb");
	log_debug("http", "not at this level");
	assert_string_equal(out.data, "http: GET /?password=*** by a^[[2Jb\n");
	log_setup(2, sink, &out);
	log_debug("aws", "two\nlines");
	assert_non_null(strstr(out.data, "aws: two^Jlines\n"));

	/* A long line is cut, and the secret at the cut is masked first. */
	size_t n = 32 * 1024 - 4;
	char *text = xcalloc(1, n + 100);
	memset(text, 'x', n);
	memcpy(text + n, "hunter22", 9);
	buf_clear(&out);
	log_debug("http", "%s", text);
	assert_null(strstr(out.data, "hunt"));
	assert_true(out.len < 33 * 1024);
	memset(text, 'x', n + 90);
	buf_clear(&out);
	log_debug("http", "%s", text);
	assert_non_null(strstr(out.data, "... (86 bytes more)\n"));
	free(text);

	log_setup(0, NULL, NULL);
	buf_clear(&out);
	log_info("http", "silent");
	assert_int_equal(out.len, 0);
	buf_release(&out);
	secret_release(&secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_and_url), cmocka_unit_test(test_base64),
		cmocka_unit_test(test_length_bounds), cmocka_unit_test(test_overlap_and_sharing),
		cmocka_unit_test(test_set_again),     cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
