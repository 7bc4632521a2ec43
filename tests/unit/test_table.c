/* SPDX-License-Identifier: Apache-2.0 */
/* What is printed: tables, JSON, lines, on a terminal and through a pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <locale.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "core/mem.h"
#include "core/money.h"

struct capture {
	struct cli cli;
	char *out, *err;
	size_t out_len, err_len;
};

static struct capture *begin(bool terminal)
{
	struct capture *capture = xcalloc(1, sizeof(*capture));

	capture->cli.out = open_memstream(&capture->out, &capture->out_len);
	capture->cli.err = open_memstream(&capture->err, &capture->err_len);
	capture->cli.out_terminal = terminal;
	capture->cli.err_terminal = terminal;
	return capture;
}

static void end(struct capture *capture)
{
	fclose(capture->cli.out);
	fclose(capture->cli.err);
	free(capture->out);
	free(capture->err);
	free(capture);
}

static const char *shown(struct capture *capture)
{
	fflush(capture->cli.out);
	return capture->out;
}

static const char *told(struct capture *capture)
{
	fflush(capture->cli.err);
	return capture->err;
}

static const struct table_column columns[] = {
	{ .title = "ZONE" },
	{ .title = "SPOT", .right = true },
	{ .title = "NOTE", .cut = true },
};

static void print_zones(struct cli *cli)
{
	static const char *const rows[][3] = {
		{ "us-east-1a", "0.9000", "the quick brown fox jumps over the lazy dog" },
		{ "us-east-1bb", "12.2400", NULL },
		{ "b\033[2Jad\tone", "1", "x\ny" },
	};
	struct table *table = table_new(cli, columns, ARRAY_SIZE(columns));

	table_row(table, rows[0]);
	table_row_bold(table, rows[1]);
	table_row(table, rows[2]);
	table_print(table);
	table_free(table);
}

static void test_pipe(void **state)
{
	struct capture *capture = begin(false);

	(void)state;
	setenv("COLUMNS", "30", 1);
	print_zones(&capture->cli);
	assert_string_equal(shown(capture),
			    "us-east-1a\t0.9000\tthe quick brown fox jumps over the lazy dog\n"
			    "us-east-1bb\t12.2400\t\n"
			    "b^[[2Jad^Ione\t1\tx^Jy\n");
	end(capture);
}

static void test_terminal(void **state)
{
	struct capture *capture = begin(true);

	(void)state;
	setenv("COLUMNS", "80", 1);
	print_zones(&capture->cli);
	assert_string_equal(shown(capture),
			    "ZONE              SPOT  NOTE\n"
			    "us-east-1a      0.9000  the quick brown fox jumps over the lazy dog\n"
			    "us-east-1bb    12.2400\n"
			    "b^[[2Jad^Ione        1  x^Jy\n");
	end(capture);
}

static void test_narrow_terminal(void **state)
{
	struct capture *capture = begin(true);
	size_t lines = 0;

	(void)state;
	setenv("COLUMNS", "40", 1);
	print_zones(&capture->cli);
	const char *text = shown(capture);
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1, lines++)
		assert_true(strcspn(line, "\n") <= 40);
	assert_int_equal(lines, 4);
	assert_non_null(strstr(text, "us-east-1bb    12.2400"));
	assert_null(strstr(text, "lazy dog"));
	end(capture);
}

static void test_colour_only_where_wanted(void **state)
{
	struct capture *capture = begin(true);

	(void)state;
	setenv("COLUMNS", "80", 1);
	print_zones(&capture->cli);
	assert_null(strchr(shown(capture), '\033'));
	end(capture);
	capture = begin(true);
	capture->cli.colour = true;
	print_zones(&capture->cli);
	const char *bold = strstr(shown(capture), "\033[1m");
	assert_non_null(bold);
	assert_non_null(strstr(bold, "us-east-1bb"));
	end(capture);
}

static void test_empty_table(void **state)
{
	struct capture *capture = begin(true);
	struct table *table = table_new(&capture->cli, columns, ARRAY_SIZE(columns));

	(void)state;
	table_print(table);
	assert_string_equal(shown(capture), "");
	table_free(table);
	table_free(NULL);
	end(capture);
}

static void test_not_ascii(void **state)
{
	static const char *const cells[] = { "na\xc3\xafve \xe2\x82\xac", "1", "x" };

	(void)state;
	setenv("COLUMNS", "80", 1);
	for (int utf8 = 0; utf8 < 2; utf8++) {
		struct capture *capture = begin(true);

		if (utf8 && !setlocale(LC_CTYPE, "C.UTF-8")) {
			print_message("skipped: no locale C.UTF-8\n");
			end(capture);
			continue;
		}
		capture->cli.utf8 = utf8;
		struct table *table = table_new(&capture->cli, columns, ARRAY_SIZE(columns));
		table_row(table, cells);
		table_print(table);
		table_free(table);
		assert_string_equal(shown(capture),
				    utf8 ? "ZONE     SPOT  NOTE\n"
					   "na\xc3\xafve \xe2\x82\xac     1  x\n"
					 : "ZONE     SPOT  NOTE\nna?ve ?     1  x\n");
		end(capture);
		setlocale(LC_CTYPE, "C");
	}
}

static cJSON *sample(void)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "name",
				"a\"b\\c\033\x7f\xc2\x9b\xe2\x80\xae\xff\xf0\x9f\x9a\x80");
	cJSON_AddItemToObject(object, "usd_per_hour", out_money(900000));
	cJSON_AddItemToObject(object, "unknown", out_money(MONEY_UNKNOWN));
	cJSON_AddItemToObject(object, "at", out_time(1584662400));
	cJSON_AddItemToObject(object, "never", out_time(-1));
	cJSON_AddItemToObject(object, "none", out_text(NULL));
	return object;
}

/* bad: how the byte that is no UTF-8 comes out. */
#define MEMBERS(bad)                                                                    \
	"\"name\":\"a\\\"b\\\\c\\u001b\\u007f\\u009b\\u202e" bad "\xf0\x9f\x9a\x80\","  \
	"\"usd_per_hour\":\"0.9000\",\"unknown\":null,\"at\":\"2020-03-20T00:00:00Z\"," \
	"\"never\":null,\"none\":null}"

static void test_json(void **state)
{
	struct capture *capture = begin(false);

	(void)state;
	cli_json_line(&capture->cli, "summary", sample());
	assert_string_equal(
		shown(capture),
		"{\"message_type\":\"summary\",\"schema_version\":1," MEMBERS("\\ufffd") "\n");
	end(capture);

	/* The document says the same, in its own layout, and ends with a newline. */
	capture = begin(false);
	cli_json_print(&capture->cli, sample());
	const char *text = shown(capture);
	cJSON *read = cJSON_Parse(text);
	assert_non_null(read);
	assert_string_equal(read->child->string, "schema_version");
	assert_int_equal(text[strlen(text) - 2], '}');
	char *compact = out_compact(read);
	assert_string_equal(compact, "{\"schema_version\":1," MEMBERS("\xef\xbf\xbd"));
	free(compact);
	cJSON_Delete(read);
	end(capture);

	capture = begin(false);
	cli_json_print(&capture->cli, cJSON_CreateObject());
	assert_non_null(strstr(shown(capture), "schema_version"));
	end(capture);
}

static void test_lines(void **state)
{
	struct capture *capture = begin(false);

	(void)state;
	cli_line(&capture->cli, "id %s", "i-1\033[2J\nx");
	cli_note(&capture->cli, "launching %d", 1);
	cli_warning(&capture->cli, "%s", "careful\r");
	capture->cli.quiet = true;
	cli_note(&capture->cli, "not shown");
	cli_warning(&capture->cli, "shown");
	assert_string_equal(shown(capture), "id i-1^[[2J^Jx\n");
	assert_string_equal(told(capture), "launching 1\nwarning: careful^M\nwarning: shown\n");
	end(capture);
}

static void test_progress(void **state)
{
	struct capture *capture = begin(true);

	(void)state;
	setenv("TERM", "xterm", 1);
	setenv("COLUMNS", "20", 1);
	capture->cli.err_colour = true;
	progress_start(&capture->cli, "comparing %d zones of the whole wide world", 6);
	assert_string_equal(told(capture), "\r\033[Kcomparing 6 zones o");
	cli_note(&capture->cli, "a note");
	assert_string_equal(told(capture), "\r\033[Kcomparing 6 zones o\r\033[Ka note\n"
					   "\r\033[Kcomparing 6 zones o");
	progress_end(&capture->cli);
	progress_end(&capture->cli);
	assert_non_null(strstr(told(capture), "zones o\r\033[K"));
	end(capture);

	/* Nothing moves where nobody watches, or where it was not wanted. */
	for (int i = 0; i < 5; i++) {
		capture = begin(i != 0);
		capture->cli.quiet = i == 1;
		capture->cli.json = i == 2;
		capture->cli.verbose = i == 3;
		setenv("TERM", i == 4 ? "dumb" : "xterm", 1);
		progress_start(&capture->cli, "x");
		progress_update(&capture->cli, "y");
		progress_end(&capture->cli);
		assert_string_equal(told(capture), "");
		end(capture);
	}
}

static void test_report(void **state)
{
	struct capture *capture = begin(false);
	struct error *err = &capture->cli.error;

	(void)state;
	error_set(err, ERROR_CAPACITY, "no capacity for '%s'", "p3\033x\"");
	error_hint(err, "gpucloud price");
	cli_report(&capture->cli, 5);
	assert_string_equal(told(capture),
			    "gpucloud: no capacity for 'p3^[x\"'\n  try: gpucloud price\n");
	end(capture);

	capture = begin(false);
	capture->cli.json = true;
	err = &capture->cli.error;
	error_set(err, ERROR_AUTH, "say \"no\"");
	snprintf(err->code, sizeof(err->code), "AuthFailure");
	cli_report(&capture->cli, 4);
	assert_string_equal(told(capture),
			    "gpucloud: say \"no\"\n"
			    "{\"message_type\":\"exit_error\",\"code\":4,\"kind\":\"auth\","
			    "\"message\":\"say \\\"no\\\"\",\"hint\":null,"
			    "\"provider_code\":\"AuthFailure\",\"request_id\":null}\n");
	end(capture);
}

static void test_exit_codes(void **state)
{
	static const struct {
		enum error_kind kind;
		int code;
	} cases[] = {
		{ ERROR_USAGE, 2 },	{ ERROR_NOT_FOUND, 3 },	  { ERROR_CONFIG, 4 },
		{ ERROR_AUTH, 4 },	{ ERROR_CAPACITY, 5 },	  { ERROR_PRICE, 5 },
		{ ERROR_TIMEOUT, 6 },	{ ERROR_QUOTA, 7 },	  { ERROR_CANCELLED, 130 },
		{ ERROR_THROTTLED, 1 }, { ERROR_NETWORK, 1 },	  { ERROR_PROTOCOL, 1 },
		{ ERROR_REMOTE, 1 },	{ ERROR_IO, 1 },	  { ERROR_CONFLICT, 1 },
		{ ERROR_NONE, 1 },	{ ERROR_UNSUPPORTED, 1 },
	};

	(void)state;
	assert_int_equal(ARRAY_SIZE(cases), ERROR_KIND_COUNT);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(cli_exit_code(cases[i].kind), cases[i].code);
}

/* A terminal on stdin, with `typed` waiting on it. Returns the other end. */
static int terminal_on_stdin(const char *typed)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	assert_int_equal(dup2(slave, STDIN_FILENO), STDIN_FILENO);
	close(slave);
	size_t len = strlen(typed);
	assert_int_equal(write(master, typed, len), len);
	clearerr(stdin);
	return master;
}

static void test_confirm_on_terminal(void **state)
{
	static const struct {
		const char *typed;
		int yes, name; /* what comes of it */
	} cases[] = {
		{ "y\n", 0, -1 },    { "YES\n", 0, -1 }, { "\n", -1, -1 },    { "n\n", -1, -1 },
		{ "yep\n", -1, -1 }, { "all\n", -1, 0 }, { "All\n", -1, -1 }, { "\004", -1, -1 },
	};
	int kept = dup(STDIN_FILENO);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (int name = 0; name < 2; name++) {
			struct capture *capture = begin(true);
			int master = terminal_on_stdin(cases[i].typed);
			int rc = name ? confirm_name(&capture->cli, "all", "End %d?", 3)
				      : confirm_yes(&capture->cli, "End %d?", 3);

			assert_int_equal(rc, name ? cases[i].name : cases[i].yes);
			if (rc < 0)
				assert_int_equal(capture->cli.error.kind, ERROR_CANCELLED);
			assert_non_null(strstr(told(capture), name ? "End 3?\nType 'all' to go on: "
								   : "End 3? [y/N] "));
			close(master);
			end(capture);
		}
	}
	dup2(kept, STDIN_FILENO);
	close(kept);
}

static void test_confirm_without_terminal(void **state)
{
	int kept = dup(STDIN_FILENO), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct capture *capture = begin(true);

	(void)state;
	dup2(null, STDIN_FILENO);
	assert_int_equal(confirm_yes(&capture->cli, "End %d?", 3), -1);
	assert_int_equal(capture->cli.error.kind, ERROR_USAGE);
	assert_non_null(strstr(capture->cli.error.hint, "--yes"));
	assert_int_equal(confirm_name(&capture->cli, "all", "End?"), -1);
	assert_int_equal(capture->cli.error.kind, ERROR_USAGE);
	assert_string_equal(told(capture), "");
	capture->cli.yes = true;
	assert_int_equal(confirm_yes(&capture->cli, "End?"), 0);
	assert_int_equal(confirm_name(&capture->cli, "all", "End?"), 0);
	end(capture);
	dup2(kept, STDIN_FILENO);
	close(kept);
	close(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_narrow_terminal),
		cmocka_unit_test(test_colour_only_where_wanted),
		cmocka_unit_test(test_empty_table),
		cmocka_unit_test(test_not_ascii),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_confirm_on_terminal),
		cmocka_unit_test(test_confirm_without_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
