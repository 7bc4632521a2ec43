/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/clouds.md says what each cloud can do, in a table made of the providers' own: it is made here
 * and compared. With GPUCLOUD_WRITE_DOCS=1 it is written instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "providers/provider.h"

#define PAGE  GPUCLOUD_SOURCE_DIR "/docs/clouds.md"
#define BEGIN "<!-- made by tests/unit/test_matrix.c -->\n"
#define END   "<!-- end -->\n"

static const char *has(const struct provider_ops *ops, unsigned cap)
{
	return ops->caps & cap ? "yes" : "no";
}

static const char *spot(const struct provider_ops *ops)
{
	return has(ops, PROVIDER_CAP_SPOT);
}

static const char *labels(const struct provider_ops *ops)
{
	return ops->caps & PROVIDER_CAP_TAGS ? "its tags" : "the journal, and the name";
}

static const char *repeated(const struct provider_ops *ops)
{
	return ops->caps & PROVIDER_CAP_TOKEN ? "by the cloud's token"
					      : "looked up by name or tag, sent once";
}

static const char *boot(const struct provider_ops *ops)
{
	return ops->boot_form == BOOT_CLOUD_INIT ? "cloud-init" : "a startup script";
}

static const char *login(const struct provider_ops *ops)
{
	return ops->login;
}

static const char *guard(const struct provider_ops *ops)
{
	return ops->caps & PROVIDER_CAP_GUARD ? "yes" : "no: every port is open";
}

static const char *admit(const struct provider_ops *ops)
{
	return ops->caps & PROVIDER_CAP_GUARD ? has(ops, PROVIDER_CAP_ADMIT) : "not needed";
}

static const char *stop(const struct provider_ops *ops)
{
	if (!(ops->caps & PROVIDER_CAP_STOP))
		return "no";
	return (ops->caps & PROVIDER_CAP_SPOT) && !(ops->caps & PROVIDER_CAP_STOP_SPOT)
		       ? "yes, but spot"
		       : "yes";
}

static const char *stopped(const struct provider_ops *ops)
{
	return ops->off_bills == OFF_BILLS_ALL ? "**all of it**" : "its disk";
}

static const char *limit(const struct provider_ops *ops)
{
	switch (ops->time_limit) {
	case TIME_LIMIT_ENDS:
		return "terminated";
	case TIME_LIMIT_STOPS:
		return "off, by the cloud's timer too; its disk bills";
	case TIME_LIMIT_NONE:
		break;
	}
	return "off, and **bills as before**: `reap` ends it";
}

static const char *address(const struct provider_ops *ops)
{
	return has(ops, PROVIDER_CAP_STATIC_ADDRESS);
}

static const char *restart(const struct provider_ops *ops)
{
	return has(ops, PROVIDER_CAP_RESTART);
}

static const char *dry_run(const struct provider_ops *ops)
{
	return ops->caps & PROVIDER_CAP_DRY_RUN ? "yes" : "shown, not asked";
}

static const char *quota(const struct provider_ops *ops)
{
	return has(ops, PROVIDER_CAP_QUOTA);
}

static const char *console(const struct provider_ops *ops)
{
	return has(ops, PROVIDER_CAP_CONSOLE);
}

static const char *sweep(const struct provider_ops *ops)
{
	return has(ops, PROVIDER_CAP_LEFTOVERS);
}

static const char *gone(const struct provider_ops *ops)
{
	return ops->caps & PROVIDER_CAP_FORGETS ? "no" : "for a while";
}

static const char *name(const struct provider_ops *ops)
{
	static char text[64];

	snprintf(text, sizeof(text), "`%s`", ops->name);
	return text;
}

static const struct {
	const char *what;
	const char *(*says)(const struct provider_ops *ops);
} rows[] = {
	{ "`--provider`", name },
	{ "spot instances, bids, spot price history", spot },
	{ "where labels and policy are kept", labels },
	{ "a launch that was interrupted is repeated", repeated },
	{ "a machine boots by", boot },
	{ "its login", login },
	{ "`--from`, `--port`: nobody else may connect", guard },
	{ "`ssh` from elsewhere lets itself in", admit },
	{ "`stop`, `start`", stop },
	{ "what a stopped one bills", stopped },
	{ "at its time limit it is", limit },
	{ "`--static-address`", address },
	{ "`restart`", restart },
	{ "`launch --dry-run` asks the cloud", dry_run },
	{ "`doctor` knows the quota", quota },
	{ "its boot messages are shown where it does not answer", console },
	{ "`sweep` finds what else is left over", sweep },
	{ "one that is gone is still listed", gone },
};

static void make(struct buf *out)
{
	buf_addstr(out, "| |");
	for (size_t i = 0; providers[i]; i++)
		buf_addf(out, " %s |", providers[i]->title);
	buf_addstr(out, "\n|---|");
	for (size_t i = 0; providers[i]; i++)
		buf_addstr(out, "---|");
	buf_addstr(out, "\n");
	for (size_t r = 0; r < ARRAY_SIZE(rows); r++) {
		buf_addf(out, "| %s |", rows[r].what);
		for (size_t i = 0; providers[i]; i++)
			buf_addf(out, " %s |", rows[r].says(providers[i]));
		buf_addstr(out, "\n");
	}
}

static void write_page(const struct buf *page, size_t from, size_t to, const struct buf *table)
{
	FILE *file = fopen(PAGE, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(page->data, 1, from, file), from);
	assert_int_equal(fwrite(table->data, 1, table->len, file), table->len);
	assert_int_equal(fwrite(page->data + to, 1, page->len - to, file), page->len - to);
	assert_int_equal(fclose(file), 0);
}

static void test_page_is_true(void **state)
{
	struct buf page = BUF_INIT_MAX(1 << 20), table = BUF_INIT_MAX(1 << 16);
	struct error err = ERROR_INIT;

	(void)state;
	if (file_read(PAGE, 1 << 20, &page, &err) < 0)
		fail_msg("%s", err.message);
	const char *begin = strstr(page.data, BEGIN), *end = strstr(page.data, END);
	assert_true(begin && end && begin < end);
	begin += strlen(BEGIN);
	make(&table);
	if (getenv("GPUCLOUD_WRITE_DOCS"))
		write_page(&page, (size_t)(begin - page.data), (size_t)(end - page.data), &table);
	else if (table.len != (size_t)(end - begin) || memcmp(table.data, begin, table.len) != 0)
		fail_msg("docs/clouds.md is not what the providers say now: run "
			 "GPUCLOUD_WRITE_DOCS=1 test_matrix, and read what changed");
	buf_release(&page);
	buf_release(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_page_is_true) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
