/* SPDX-License-Identifier: Apache-2.0 */
/* The INI reader against AWS's own ways, hostile text, and botocore's test files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/file.h"
#include "core/ini.h"
#include "core/mem.h"

/* "section|key=value" for each entry, "section|" for a section's own line. */
static void render(const struct ini *ini, struct buf *out)
{
	for (size_t i = 0; i < ini->nr; i++) {
		const struct ini_entry *e = &ini->v[i];

		if (e->key)
			buf_addf(out, "%s|%s=%s\n", e->section, e->key, e->value);
		else
			buf_addf(out, "%s|\n", e->section);
	}
}

static void test_accepted(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "\n\n# only\n; comments\n", "" },
		{ "[a]\nk=v\n", "a|\na|k=v\n" },
		{ "[a]\nk=v", "a|\na|k=v\n" },
		{ "[a]\r\nk = v \r\n", "a|\na|k=v\n" },
		{ "\xef\xbb\xbf[a]\nk=v\n", "a|\na|k=v\n" },
		{ "[ profile x y ]\nk:v\n", "profile x y|\nprofile x y|k=v\n" },
		{ "[a] # note\n[b] ; note\n", "a|\nb|\n" },
		{ "[a]\nk = a=b#c;d ; kept # too\n", "a|\na|k=a=b#c;d ; kept # too\n" },
		{ "[a]\nk =\n", "a|\na|k=\n" },
		{ "[a]\nurl = https://h:1/\n", "a|\na|url=https://h:1/\n" },
		{ "[a]\ns3 =\n  x = 1\n\n  # c\n  y = 2\nk = v\n",
		  "a|\na|s3=\na|s3.x=1\na|s3.y=2\na|k=v\n" },
		{ "[a]\ns3 =\n\tx = 1\n\t\ty = 2\n", "a|\na|s3=\na|s3.x=1\na|s3.y=2\n" },
		{ "[a]\ns3 =\n  x =\n    y = 2\n", "a|\na|s3=\na|s3.x=\na|s3.y=2\n" },
		{ "  [a]\n  k = v\n  l = w\n", "a|\na|k=v\na|l=w\n" },
		{ "[a]\n  k = v\n  l = w\n", "a|\na|k=v\na|l=w\n" },
		{ "[a]\n  s3 =\n    x = 1\n  l = w\n", "a|\na|s3=\na|s3.x=1\na|l=w\n" },
		{ "[a]\ns3 =\n[b]\n  x = 1\n", "a|\na|s3=\nb|\nb|x=1\n" },
		{ "[a]\nn\xc3\xa4me = \xe2\x82\xac \xf0\x9f\x9a\x80\n",
		  "a|\na|n\xc3\xa4me=\xe2\x82\xac \xf0\x9f\x9a\x80\n" },
		{ "[a]\nk =\tone\ttwo\n", "a|\na|k=one\ttwo\n" },
		{ "[profile AdministratorAccess-123456789012-eu-central-1-production-team]\nk=v\n",
		  "profile AdministratorAccess-123456789012-eu-central-1-production-team|\n"
		  "profile AdministratorAccess-123456789012-eu-central-1-production-team|k=v\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ini ini = { .nr = 0 };
		struct error err = ERROR_INIT;
		struct buf out = BUF_INIT;

		if (ini_read(cases[i].text, strlen(cases[i].text), "f", &ini, &err) < 0)
			fail_msg("case %zu: %s", i, err.message);
		render(&ini, &out);
		assert_string_equal(out.data, cases[i].want);
		buf_release(&out);
		ini_release(&ini);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "k = v\n", "f:1: a setting stands before the first [section]" },
		{ "[a]\njunk\n", "f:2: expected 'key = value'" },
		{ "[a]\nk = v\nj = w\njunk", "f:4: expected 'key = value'" },
		{ "[a]\n= v\n", "f:2: a setting has no name" },
		{ "[a]\n : v\n", "f:2: a setting has no name" },
		{ "[a\nk=v\n", "f:1: a section's line has no ']'" },
		{ "[a] b\n", "f:1: there is text behind a section's ']'" },
		{ "[]\n", "f:1: a section has no name" },
		{ "[  ]\n", "f:1: a section has no name" },
		{ "[a]\nk = v\n  more\n",
		  "f:3: an indented line continues a value; one value takes one line" },
		{ "[a]\ns3 =\n  bad @ x\n", "f:3: expected 'key = value'" },
		{ "[a]\nk = \033[2J\n", "f:2: the line holds bytes that are not printable UTF-8" },
		{ "[a]\nk = \x7f\n", "f:2: the line holds bytes that are not printable UTF-8" },
		{ "[a]\nk = \xc2\x9b\n", "f:2: the line holds bytes that are not printable UTF-8" },
		{ "[a]\nk = \xff\n", "f:2: the line holds bytes that are not printable UTF-8" },
		{ "[a]\nk = \xc0\xaf\n", "f:2: the line holds bytes that are not printable UTF-8" },
		{ "[a]\nk = \xe0\x80\xaf\n",
		  "f:2: the line holds bytes that are not printable UTF-8" },
		{ "[a]\nk = \xed\xa0\x80\n",
		  "f:2: the line holds bytes that are not printable UTF-8" },
		{ "[a]\nk = \xf4\x90\x80\x80\n",
		  "f:2: the line holds bytes that are not printable UTF-8" },
		{ "[a]\nk = \xe2\x82", "f:2: the line holds bytes that are not printable UTF-8" },
		{ "# \x01\n", "f:1: the line holds bytes that are not printable UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ini ini = { .nr = 0 };
		struct error err = ERROR_INIT;

		assert_int_equal(ini_read(cases[i].text, strlen(cases[i].text), "f", &ini, &err),
				 -1);
		assert_string_equal(err.message, cases[i].want);
		assert_int_equal(err.kind, ERROR_CONFIG);
		assert_int_equal(ini.nr, 0);
		assert_null(ini.arena.head);
	}
}

static void test_nul_byte(void **state)
{
	static const char text[] = "[a]\nk = v\0w\n";
	struct ini ini = { .nr = 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(ini_read(text, sizeof(text) - 1, "f", &ini, &err), -1);
	assert_non_null(strstr(err.message, "f:2:"));
}

static void test_bounds(void **state)
{
	struct ini ini = { .nr = 0 };
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;

	(void)state;
	/* The longest line, and one byte more. */
	buf_addstr(&text, "[a]\nk=");
	while (text.len < 4 + 8192)
		buf_addch(&text, 'x');
	buf_addstr(&text, "\nj=1\n");
	assert_int_equal(ini_read(text.data, text.len, "f", &ini, &err), 0);
	assert_int_equal(strlen(ini_get(&ini, "a", "k")), 8190);
	assert_string_equal(ini_get(&ini, "a", "j"), "1");
	ini_release(&ini);
	buf_clear(&text);
	buf_addstr(&text, "[a]\nk=");
	while (text.len < 4 + 8193)
		buf_addch(&text, 'x');
	assert_int_equal(ini_read(text.data, text.len, "f", &ini, &err), -1);
	assert_string_equal(err.message, "f:2: the line is longer than 8192 bytes");

	/* The largest file, and one byte more. */
	buf_clear(&text);
	buf_addstr(&text, "[a]\n");
	while (text.len < 1 << 20)
		buf_addch(&text, '\n');
	assert_int_equal(ini_read(text.data, text.len, "f", &ini, &err), 0);
	ini_release(&ini);
	buf_addch(&text, '\n');
	assert_int_equal(ini_read(text.data, text.len, "f", &ini, &err), -1);
	assert_string_equal(err.message, "f: larger than 1 MiB");
	buf_release(&text);
}

static void test_lookup(void **state)
{
	static const char text[] = "[a]\nk=1\nK=2\n[empty]\n[b]\nk=3\n[a]\nk=4\nl=5\n";
	struct ini ini = { .nr = 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(ini_read(text, sizeof(text) - 1, "f", &ini, &err), 0);
	assert_string_equal(ini_get(&ini, "a", "k"), "4");
	assert_string_equal(ini_get(&ini, "a", "K"), "4");
	assert_string_equal(ini_get(&ini, "a", "l"), "5");
	assert_string_equal(ini_get(&ini, "b", "k"), "3");
	assert_null(ini_get(&ini, "A", "k"));
	assert_null(ini_get(&ini, "b", "l"));
	assert_true(ini_has_section(&ini, "empty"));
	assert_false(ini_has_section(&ini, "Empty"));
	assert_int_equal(ini.v[0].line, 1);
	assert_int_equal(ini.v[2].line, 3);
	ini_release(&ini);
	assert_int_equal(ini.nr, 0);
}

#define CFG GPUCLOUD_SHARED_DATA "/aws/botocore/cfg/"

/* want NULL: refused, and the message holds `message`. */
static void test_botocore_files(void **state)
{
	static const struct {
		const char *file, *section, *key, *want, *message;
	} cases[] = {
		{ "aws_config", "profile \"personal\"", "aws_security_token", "fiebaz", NULL },
		{ "aws_config_other", "default", "aws_access_key_id", "other_foo", NULL },
		{ "aws_config_nested", "default", "s3.addressing_style", "path", NULL },
		{ "aws_config_nested", "default", "cloudwatch.signature_version", "v4", NULL },
		{ "aws_config_nested", "default", "region", "us-west-2", NULL },
		{ "aws_config_nocreds", "default", "region", "us-west-2", NULL },
		{ "aws_services_config", "services my-services", "s3.endpoint_url",
		  "https://localhost:5678/", NULL },
		{ "aws_services_config", "services my-services", "dynamodb.endpoint_url",
		  "https://localhost:8888/", NULL },
		{ "aws_sso_session_config", "sso-session sso", "sso_region", "us-east-1", NULL },
		{ "aws_third_config", "profile \"third\"", "aws_access_key_id", "third_fie", NULL },
		{ "aws_bad_profile", "profile personal1", "aws_access_key_id", "access_personal1",
		  NULL },
		{ "boto_config", "Credentials", "aws_access_key_id", "foo", NULL },
		{ "foo_config", "default", "foo_region", "us-west-1", NULL },
		{ "aws_config_bad", NULL, NULL, NULL, ":1: a setting stands before the first" },
		{ "aws_credentials", NULL, NULL, NULL, ":1: a setting stands before the first" },
		{ "aws_config_nested_bad", NULL, NULL, NULL, ":5: expected 'key = value'" },
		{ "aws_config_badbytes", NULL, NULL, NULL, ":1: the line holds bytes that are" },
	};

	(void)state;
	if (access(CFG, R_OK) != 0) {
		print_message("skipped: no botocore files under %s\n", CFG);
		skip();
	}
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf path = BUF_INIT, text = BUF_INIT;
		struct ini ini = { .nr = 0 };
		struct error err = ERROR_INIT;

		buf_addf(&path, CFG "%s", cases[i].file);
		assert_int_equal(file_read(path.data, 1 << 20, &text, &err), 0);
		int rc = ini_read(text.data, text.len, cases[i].file, &ini, &err);
		if (cases[i].want) {
			assert_int_equal(rc, 0);
			assert_string_equal(ini_get(&ini, cases[i].section, cases[i].key),
					    cases[i].want);
		} else {
			assert_int_equal(rc, -1);
			assert_non_null(strstr(err.message, cases[i].message));
		}
		ini_release(&ini);
		buf_release(&path);
		buf_release(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nul_byte), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_lookup),	 cmocka_unit_test(test_botocore_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
