/* SPDX-License-Identifier: Apache-2.0 */
/* Long replies, read as they come in. */
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

struct rows {
	int nr, restarts;
	char last[16];
};

static int on_end(void *ctx, const char *name, int depth, const char *text, size_t len)
{
	struct rows *rows = ctx;

	(void)depth;
	if (!strcmp(name, "price")) {
		rows->nr++;
		snprintf(rows->last, sizeof(rows->last), "%.*s", (int)len, text);
	}
	return 0;
}

static void on_restart(void *ctx)
{
	struct rows *rows = ctx;

	rows->nr = 0;
	rows->restarts++;
}

static int send_stream(struct provider *p, struct rows *rows, size_t max, struct error *err)
{
	const struct aws_stream stream = {
		.handler = { .ctx = rows, .end = on_end },
		.restart = on_restart,
		.max_bytes = max,
	};
	struct aws_call call = { .rc = 0 };
	struct aws_call *calls[] = { &call };
	int rc;

	describe(&call, p, "us-east-1");
	call.stream = &stream;
	rc = aws_send_all(p, calls, 1);
	*err = call.err;
	assert_null(call.xml.doc);
	aws_call_release(&call);
	return rc;
}

#define ROWS "<r><price>1.0</price><price>2.5</price></r>"

static void test_stream(void **state)
{
	static const size_t pieces[] = { 1, 7, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct aws_fake fake;
		struct provider *p = open_fake(&fake, keys);
		struct rows rows = { 0 };
		struct error err = ERROR_INIT;

		fake.sink_piece = pieces[i];
		aws_fake_reply(&fake, NULL, 503,
			       "<Response><Error><Code>Unavailable</Code></Error></Response>");
		aws_fake_reply(&fake, NULL, 200, ROWS);
		assert_int_equal(send_stream(p, &rows, 0, &err), 0);
		assert_int_equal(rows.nr, 2);
		assert_int_equal(rows.restarts, 0); /* nothing was fed before */
		assert_string_equal(rows.last, "2.5");
		close_fake(&fake, p);
	}
}

static void test_bad_streams(void **state)
{
	static const struct {
		const char *body;
		size_t max;
	} cases[] = {
		{ "<r><price>1.0</price>", 0 }, /* cut off */
		{ "", 0 },
		{ "<r><price>1.0</price></x>", 0 },
		{ "<!DOCTYPE r [<!ENTITY a \"b\">]><r/>", 0 },
		{ ROWS, 10 }, /* larger than said */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct aws_fake fake;
		struct provider *p = open_fake(&fake, keys);
		struct rows rows = { 0 };
		struct error err = ERROR_INIT;

		aws_fake_reply(&fake, NULL, 200, cases[i].body);
		assert_int_equal(send_stream(p, &rows, cases[i].max, &err), -1);
		assert_int_equal(err.kind, ERROR_PROTOCOL);
		assert_non_null(strstr(err.message, "DescribeThings in us-east-1: "));
		close_fake(&fake, p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_bad_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
