/* SPDX-License-Identifier: Apache-2.0 */
/* URLs: what is loopback, what may be plain http, and what is no URL at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/http_internal.h"
#include "core/mem.h"

static void test_urls(void **state)
{
	static const struct {
		const char *url, *origin, *where, *path;
		bool loopback, link_local, plain_ok;
	} good[] = {
		{ "https://ec2.us-east-1.amazonaws.com", "https://ec2.us-east-1.amazonaws.com:443",
		  "ec2.us-east-1.amazonaws.com", "/", 0, 0, 1 },
		{ "HTTPS://EC2.example/a/b?c=/d", "https://ec2.example:443", "ec2.example", "/a/b",
		  0, 0, 1 },
		{ "https://h?x=1", "https://h:443", "h", "/", 0, 0, 1 },
		{ "https://h:8443/", "https://h:8443", "h:8443", "/", 0, 0, 1 },
		{ "http://127.0.0.1:65535/", "http://127.0.0.1:65535", "127.0.0.1:65535", "/", 1, 0,
		  1 },
		{ "http://127.255.255.254", "http://127.255.255.254:80", "127.255.255.254", "/", 1,
		  0, 1 },
		{ "http://LocalHost:1/", "http://localhost:1", "localhost:1", "/", 1, 0, 1 },
		{ "http://[::1]:5/x", "http://[::1]:5", "[::1]:5", "/x", 1, 0, 1 },
		{ "http://[0:0:0:0:0:0:0:1]", "http://[0:0:0:0:0:0:0:1]:80", "[0:0:0:0:0:0:0:1]",
		  "/", 1, 0, 1 },
		{ "http://169.254.169.254/latest", "http://169.254.169.254:80", "169.254.169.254",
		  "/latest", 0, 1, 1 },
		{ "http://169.254.170.2/v2", "http://169.254.170.2:80", "169.254.170.2", "/v2", 0,
		  1, 1 },
		{ "http://169.254.170.23/v1", "http://169.254.170.23:80", "169.254.170.23", "/v1",
		  0, 1, 1 },
		{ "http://[fd00:ec2::254]/", "http://[fd00:ec2::254]:80", "[fd00:ec2::254]", "/", 0,
		  1, 1 },
		{ "http://[FD00:EC2:0::23]/", "http://[fd00:ec2:0::23]:80", "[fd00:ec2:0::23]", "/",
		  0, 1, 1 },
		{ "http://example.com/", "http://example.com:80", "example.com", "/", 0, 0, 0 },
		/* Look like loopback or metadata, and are not, or only to some readers. */
		{ "http://127.0.0.1.example.com", "http://127.0.0.1.example.com:80",
		  "127.0.0.1.example.com", "/", 0, 0, 0 },
		{ "http://localhost.example.com", "http://localhost.example.com:80",
		  "localhost.example.com", "/", 0, 0, 0 },
		{ "http://127.1", "http://127.1:80", "127.1", "/", 0, 0, 0 },
		{ "http://2130706433", "http://2130706433:80", "2130706433", "/", 0, 0, 0 },
		{ "http://0x7f.0.0.1", "http://0x7f.0.0.1:80", "0x7f.0.0.1", "/", 0, 0, 0 },
		{ "http://0177.0.0.1", "http://0177.0.0.1:80", "0177.0.0.1", "/", 0, 0, 0 },
		{ "http://126.255.255.255", "http://126.255.255.255:80", "126.255.255.255", "/", 0,
		  0, 0 },
		{ "http://128.0.0.1", "http://128.0.0.1:80", "128.0.0.1", "/", 0, 0, 0 },
		{ "http://169.254.169.253", "http://169.254.169.253:80", "169.254.169.253", "/", 0,
		  0, 0 },
		{ "http://[::ffff:127.0.0.1]", "http://[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]",
		  "/", 0, 0, 0 },
		{ "http://[::2]", "http://[::2]:80", "[::2]", "/", 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct error err = ERROR_INIT;
		struct http_url url;

		print_message("  %s\n", good[i].url);
		assert_int_equal(http_url_parse(good[i].url, &url, &err), 0);
		assert_string_equal(url.origin, good[i].origin);
		assert_string_equal(url.where, good[i].where);
		assert_int_equal(url.path_len, strlen(good[i].path));
		assert_memory_equal(url.path, good[i].path, url.path_len);
		assert_int_equal(url.loopback, good[i].loopback);
		assert_int_equal(url.link_local, good[i].link_local);
		assert_int_equal(http_url_is_loopback(good[i].url), good[i].loopback);
		assert_int_equal(http_url_check_plain(&url, &err), good[i].plain_ok ? 0 : -1);
		assert_int_equal(err.kind, good[i].plain_ok ? ERROR_NONE : ERROR_CONFIG);
	}
}

static void test_bad_urls(void **state)
{
	static const char *const bad[] = {
		"",
		"h",
		"//h/",
		"ftp://h/",
		"file:///etc/passwd",
		"https:/h",
		"https://",
		"https:///x",
		"https://?x",
		"https://:443/",
		"https://h:/",
		"https://h:0/",
		"https://h:65536/",
		"https://h:999999/",
		"https://h:-1/",
		"https://h:80a/",
		"https://u@h/",
		"https://u:SECRET@h/",
		"https://h\\@evil/",
		"https://h/#f",
		"https://h/a b",
		"https://h/\r\nX: y",
		"https://h/\x80",
		"https://h%2e/",
		"https://[::1/",
		"https://[x]/",
		"https://[::1]x/",
		"https://[fe80::1%25eth0]/",
		"https://[]/",
		"https://[1.2.3.4]/",
		"https://h,i/",
		"https://a b/",
		"https://h!/",
	};
	char longest[400] = "https://";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = ERROR_INIT;
		struct http_url url = { .host = "untouched" };

		print_message("  %zu\n", i);
		assert_int_equal(http_url_parse(bad[i], &url, &err), -1);
		assert_int_equal(err.kind, ERROR_CONFIG);
		assert_string_equal(url.host, "untouched");
		assert_null(strstr(err.message, "SECRET"));
		assert_false(http_url_is_loopback(bad[i]));
	}
	/* 253 bytes are the longest name there is. */
	memset(longest + 8, 'a', 253);
	struct error err = ERROR_INIT;
	struct http_url url;
	assert_int_equal(http_url_parse(longest, &url, &err), 0);
	longest[8 + 253] = 'a';
	assert_int_equal(http_url_parse(longest, &url, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_bad_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
