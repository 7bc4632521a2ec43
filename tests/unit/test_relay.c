/* SPDX-License-Identifier: Apache-2.0 */
/* What a command prints on its way to a terminal or a file, and lengths of time. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/relay.h"
#include "cli/span.h"
#include "core/error.h"
#include "core/mem.h"

/* What comes out where data is cut into two at `cut`. */
static void pass(const char *data, size_t len, size_t cut, bool terminal, char *out,
		 size_t *out_len)
{
	struct error err = ERROR_INIT;
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	struct relay relay = { .file = file, .terminal = terminal };

	assert_non_null(file);
	assert_int_equal(relay_write(&relay, data, cut, &err), 0);
	assert_int_equal(relay_write(&relay, data + cut, len - cut, &err), 0);
	assert_int_equal(relay_end(&relay, &err), 0);
	fclose(file);
	memcpy(out, text, size);
	out[size] = '\0';
	*out_len = size;
	free(text);
}

static void test_terminal(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *shown;
	} cases[] = {
		{ "plain\n", 6, "plain\n" },
		{ "a\0b", 3, "a^@b" },
		{ "\0\0", 2, "^@^@" },
		{ "\xc3\xa9t\xc3\xa9", 5, "\xc3\xa9t\xc3\xa9" },
		{ "\xe2\x82\xac|", 4, "\xe2\x82\xac|" },
		{ "\xf0\x9f\x98\x80.", 5, "\xf0\x9f\x98\x80." },
		{ "\xe2\x80\xae", 3, "\\xe2\\x80\\xae" }, /* turns the line around */
		{ "\xc2\x9b", 2, "\\xc2\\x9b" },
		{ "\x1b[2J", 4, "^[[2J" },
		{ "10%\r\t20%\r\n", 10, "10%\r\t20%\r\n" },
		/* what only looks like the beginning of a character is shown at the end */
		{ "x\xc3", 2, "x\\xc3" },
		{ "x\xf0\x9f\x98", 4, "x\\xf0\\x9f\\x98" },
		{ "\xc3\n", 2, "\\xc3\n" },
		{ "\xff\xfe", 2, "\\xff\\xfe" },
		{ "\x80\x80\x80\x80", 4, "\\x80\\x80\\x80\\x80" },
	};
	char out[256];
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t cut = 0; cut <= cases[i].len; cut++) {
			pass(cases[i].data, cases[i].len, cut, true, out, &len);
			if (strcmp(out, cases[i].shown) != 0 || strlen(cases[i].shown) != len)
				fail_msg("case %zu cut at %zu: '%s'", i, cut, out);
		}
}

static void test_bytes_to_a_file(void **state)
{
	char all[256], out[300];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	for (size_t cut = 0; cut <= sizeof(all); cut += 15) {
		pass(all, sizeof(all), cut, false, out, &len);
		assert_int_equal(len, sizeof(all));
		assert_memory_equal(out, all, sizeof(all));
	}
}

static void test_reader_that_left(void **state)
{
	struct error err = ERROR_INIT;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	struct relay relay = { .file = fdopen(fds[1], "w") };
	assert_int_equal(relay_write(&relay, "x", 1, &err), -1);
	assert_true(relay.closed);
	assert_int_equal(err.kind, ERROR_IO);
	fclose(relay.file);

	/* a full disk is another matter: it is told */
	struct relay full = { .file = fopen("/dev/full", "we") };
	assert_int_equal(relay_write(&full, "x", 1, &err), -1);
	assert_false(full.closed);
	fclose(full.file);
}

static void test_spans(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds; /* 0: refused */
	} cases[] = {
		{ "1", 1 },	  { "90", 90 },	  { "90s", 90 },
		{ "10m", 600 },	  { "1h", 3600 }, { "59m60s", 3600 },
		{ "3600", 3600 }, { "3601", 0 },  { "61m", 0 },
		{ "0", 0 },	  { "0s", 0 },	  { "-1", 0 },
		{ "+1", 0 },	  { " 1", 0 },	  { "1 ", 0 },
		{ "1.5", 0 },	  { "10x", 0 },	  { "", 0 },
		{ "m", 0 },	  { "1e3", 0 },	  { "99999999999999999999", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		int64_t seconds = 0;
		int rc = span_parse(cases[i].text, "--timeout", 3600, &seconds, &err);

		if (rc != (cases[i].seconds ? 0 : -1) || seconds != cases[i].seconds)
			fail_msg("'%s': %d, %lld", cases[i].text, rc, (long long)seconds);
		if (rc < 0) {
			assert_int_equal(err.kind, ERROR_USAGE);
			assert_non_null(strstr(err.message, "--timeout"));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_bytes_to_a_file),
		cmocka_unit_test(test_reader_that_left),
		cmocka_unit_test(test_spans),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
