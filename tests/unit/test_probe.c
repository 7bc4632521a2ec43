/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine says of itself: read as it is, or not believed. Real nvidia-smi output included. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "fleet/idle.h"
#include "fleet/probe.h"

#define TAKEN INT64_C(1700000000)

static const char good[] = "probe 1\n"
			   "boot 8144d298-762e-4ea7-9bf8-5c6c6eb957b5\n"
			   "up 14819\n"
			   "cpus 8\n"
			   "cpu 13259940\n"
			   "load 0.07\n"
			   "net 1988528395\n"
			   "disk 92425970688\n"
			   "user ada pts/0 17\n"
			   "users 1\n"
			   "job none\n"
			   "ttl 3600\n"
			   "gpu 0, Tesla T4, 3, 120, [N/A]\n"
			   "gpu 1, NVIDIA A10G, with a comma, 97, 20000, Disabled\n"
			   "gpus 2\n"
			   "devices 2\n"
			   "processes 1\n"
			   "process-cpu 120\n"
			   "end\n";

static void read_text(const char *text, struct probe *probe)
{
	probe_read(text, strlen(text), TAKEN, probe);
}

static void check_good(const struct probe *probe)
{
	if (!probe->whole)
		fail_msg("not whole: %s", probe->trouble);
	assert_int_equal(probe->taken, TAKEN);
	assert_string_equal(probe->boot_id, "8144d298-762e-4ea7-9bf8-5c6c6eb957b5");
	assert_int_equal(probe->uptime_s, 14819);
	assert_int_equal(probe->cpus, 8);
	assert_int_equal(probe->load_milli, 70);
	assert_int_equal(probe->cpu_busy_ms, 13259940);
	assert_int_equal(probe->net_bytes, 1988528395);
	assert_int_equal(probe->disk_bytes, 92425970688);
	assert_true(probe->users_known);
	assert_int_equal(probe->nr_users, 1);
	assert_string_equal(probe->users[0].name, "ada");
	assert_string_equal(probe->users[0].tty, "pts/0");
	assert_int_equal(probe->users[0].idle_s, 17);
	assert_int_equal(probe->job, PROBE_JOB_NONE);
	assert_int_equal(probe->ttl_left_s, 3600);
	assert_true(probe->gpus_known);
	assert_int_equal(probe->nr_gpus, 2);
	assert_int_equal(probe->gpus[0].busy_percent, 3);
	assert_string_equal(probe->gpus[1].name, "NVIDIA A10G, with a comma");
	assert_int_equal(probe->gpus[1].busy_percent, 97);
	assert_int_equal(probe->gpus[1].memory_used_mib, 20000);
	assert_int_equal(probe->gpu_processes, 1);
	assert_int_equal(probe->gpu_process_cpu_ms, 120);
}

static void all_is_read(void **state)
{
	struct probe probe;
	struct buf text = BUF_INIT;

	(void)state;
	read_text(good, &probe);
	check_good(&probe);
	/* What a login shell prints first is passed over. */
	buf_addstr(&text, "Welcome!\n\033[31mprobe 2\nend\n");
	buf_addstr(&text, good);
	read_text(text.data, &probe);
	check_good(&probe);
	buf_release(&text);
}

static void written_and_read_again(void **state)
{
	struct probe probe, again;
	struct buf text = BUF_INIT;

	(void)state;
	read_text(good, &probe);
	probe_write(&probe, &text);
	read_text(text.data, &again);
	check_good(&again);
	buf_clear(&text);
	probe_failed("it did not answer", TAKEN, &probe);
	assert_false(probe.whole);
	probe_write(&probe, &text);
	read_text(text.data, &again);
	assert_false(again.whole);
	assert_false(again.gpus_known);
	assert_false(again.users_known);
	assert_int_equal(again.uptime_s, PROBE_UNKNOWN);
	buf_release(&text);
}

/* The good answer with one line replaced (to NULL: dropped). */
struct edit {
	const char *from, *to;
	const char *says; /* in the trouble */
};

static const struct edit edits[] = {
	/* Missing. */
	{ "probe 1\n", "", "did not run" },
	{ "boot 8144d298-762e-4ea7-9bf8-5c6c6eb957b5\n", "", "boot: not said" },
	{ "up 14819\n", "", "up: not said" },
	{ "cpus 8\n", "", "cpus: not said" },
	{ "cpu 13259940\n", "", "cpu: not said" },
	{ "load 0.07\n", "", "load: not said" },
	{ "net 1988528395\n", "", "net: not said" },
	{ "disk 92425970688\n", "", "disk: not said" },
	{ "users 1\n", "", "users: not said" },
	{ "job none\n", "", "job: not said" },
	{ "ttl 3600\n", "", "ttl: not said" },
	{ "gpus 2\n", "", "gpus: not said" },
	{ "processes 1\n", "", "processes: not said" },
	{ "process-cpu 120\n", "", "process-cpu: not said" },
	{ "end\n", "", "cut short" },
	/* Failed, as the machine itself says. */
	{ "users 1\n", "users failed\n", "logged in" },
	{ "job none\n", "job failed\n", "job" },
	{ "gpus 2\n", "gpus failed nvidia-smi timed out\n", "nvidia-smi timed out" },
	{ "gpus 2\n", "gpus failed\n", "GPUs" },
	{ "processes 1\n", "processes failed\n", "processes" },
	/* Doubled, miscounted. */
	{ "up 14819\n", "up 14819\nup 14819\n", "up: said twice" },
	{ "job none\n", "job running\njob none\n", "job: said twice" },
	{ "gpus 2\n", "gpus 2\ngpus 2\n", "gpus: said twice" },
	{ "gpus 2\n", "gpus 1\n", "not all were told" },
	{ "gpus 2\n", "gpus 8\n", "not all were told" },
	{ "gpus 2\n", "gpus 0\n", "not all were told" },
	{ "devices 2\n", "devices 8\n", "does not see all" },
	{ "users 1\n", "users 0\n", "users: not all" },
	{ "users 1\n", "users 2\n", "users: not all" },
	{ "gpu 0, ", "gpu 1, ", "a GPU" },
	{ "gpu 1, ", "gpu 0, ", "a GPU" },
	{ "probe 1\n", "probe 1\nprobe 1\n", "never says" },
	{ "end\n", "end\nup 1\n", "behind its end" },
	{ "end\n", "end\nend\n", "behind its end" },
	/* Out of range, no numbers, other forms. */
	{ "up 14819\n", "up -1\n", "up: cannot" },
	{ "up 14819\n", "up 1e3\n", "up: cannot" },
	{ "up 14819\n", "up 9999999999999999999\n", "up: cannot" },
	{ "up 14819\n", "up \n", "up: cannot" },
	{ "up 14819\n", "up\n", "never says" },
	{ "cpus 8\n", "cpus 0\n", "cpus: cannot" },
	{ "load 0.07\n", "load nan\n", "load: cannot" },
	{ "load 0.07\n", "load 0,07\n", "load: cannot" },
	{ "load 0.07\n", "load -1.00\n", "load: cannot" },
	{ "load 0.07\n", "load 0.070\n", "load: cannot" },
	{ "net 1988528395\n", "net 0x10\n", "net: cannot" },
	{ "net 1988528395\n", "net  1988528395\n", "net: cannot" },
	{ "disk 92425970688\n", "disk 99999999999999999999999999\n", "disk: cannot" },
	{ "job none\n", "job nothing\n", "job: cannot" },
	{ "ttl 3600\n", "ttl soon\n", "ttl: cannot" },
	{ "boot 8144d298", "boot 8144D298", "boot: cannot" },
	{ "boot 8144d298", "boot 8144d29", "boot: cannot" },
	{ "Tesla T4, 3,", "Tesla T4, 101,", "a GPU" },
	{ "Tesla T4, 3,", "Tesla T4, -3,", "a GPU" },
	{ "Tesla T4, 3,", "Tesla T4, 3 %,", "a GPU" },
	{ "Tesla T4, 3,", "Tesla T4, ,", "a GPU" },
	{ "Tesla T4, 3,", "Tesla T4,", "a GPU" },
	{ "120, [N/A]\n", "120, Perhaps\n", "a GPU" },
	{ "gpu 0, Tesla T4", "gpu 0, ", "a GPU" },
	{ "gpu 0, Tesla T4",
	  "gpu 0, 0123456789012345678901234567890123456789012345678901234567890123", "a GPU" },
	{ "gpu 0, ", "gpu WARNING ", "a GPU" },
	{ "user ada pts/0 17\n", "user ada pts/0\n", "a user" },
	{ "user ada pts/0 17\n", "user ada pts/0 -5\n", "a user" },
	{ "user ada pts/0 17\n", "user ada pts/0 1 7\n", "a user" },
	{ "user ada pts/0 17\n", "user  pts/0 17\n", "a user" },
	{ "user ada pts/0 17\n",
	  "user abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz pts/0 17\n", "a user" },
	/* Hostile. */
	{ "user ada ", "user \033]0;x\a ", "never says" },
	{ "job none\n", "job none\033[2J\n", "never says" },
	{ "job none\n", "job none\r\n", "never says" },
	{ "up 14819\n", "\xff\xfe 14819\n", "never says" },
	{ "up 14819\n", "verdict idle\nup 14819\n", "never says" },
	{ "gpus 2\n", "gpus failedx\n", "gpus: cannot" },
	{ "ttl 3600\n", "\nttl 3600\n", "never says" },
};

static void each_edit(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		const char *at = strstr(good, edits[i].from);
		struct buf text = BUF_INIT;
		struct probe probe;

		assert_non_null(at);
		buf_add(&text, good, (size_t)(at - good));
		buf_addstr(&text, edits[i].to);
		buf_addstr(&text, at + strlen(edits[i].from));
		read_text(text.data, &probe);
		if (probe.whole || !strstr(probe.trouble, edits[i].says))
			fail_msg("'%s': %s, '%s'", edits[i].to, probe.whole ? "whole" : "partial",
				 probe.trouble);
		for (const char *p = probe.trouble; *p; p++)
			assert_true(*p >= 0x20 && *p <= 0x7e);
		buf_release(&text);
	}
}

/* Cut anywhere: never whole, never more known than was said. */
static void cut_anywhere(void **state)
{
	struct probe probe;

	(void)state;
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		char *copy = xstrndup(good, n); /* so that ASan sees what is read past it */

		probe_read(copy, n, TAKEN, &probe);
		assert_false(probe.whole);
		assert_true(!probe.gpus_known || n > (size_t)(strstr(good, "gpus 2") - good));
		free(copy);
	}
}

static void too_much(void **state)
{
	struct buf text = BUF_INIT;
	struct probe probe;

	(void)state;
	for (size_t i = 0; i < 70; i++)
		buf_addf(&text, "gpu %zu, T4, 0, 0, [N/A]\n", i);
	struct buf all = BUF_INIT;
	buf_addf(&all, "probe 1\n%sgpus 70\nend\n", text.data);
	read_text(all.data, &probe);
	assert_false(probe.whole);
	assert_int_equal(probe.nr_gpus, PROBE_GPUS_MAX);
	assert_false(probe.gpus_known);
	/* One endless line, NUL bytes, and more than the ceiling. */
	buf_clear(&all);
	buf_addstr(&all, "probe 1\n");
	for (size_t i = 0; i < 40000; i++)
		buf_addstr(&all, "aaaaaaaaaa");
	read_text(all.data, &probe);
	assert_false(probe.whole);
	probe_read("probe 1\nup 1\0\nend\n", 18, TAKEN, &probe);
	assert_false(probe.whole);
	assert_int_equal(probe.uptime_s, PROBE_UNKNOWN);
	buf_release(&text);
	buf_release(&all);
}

static void no_gpu_at_all(void **state)
{
	static const char *const gpu_lines = "gpu 0, Tesla T4, 3, 120, [N/A]\n"
					     "gpu 1, NVIDIA A10G, with a comma, 97, 20000, "
					     "Disabled\ngpus 2\ndevices 2\nprocesses 1\n"
					     "process-cpu 120\n";
	const char *at = strstr(good, gpu_lines);
	struct buf text = BUF_INIT;
	struct probe probe;

	(void)state;
	assert_non_null(at);
	buf_add(&text, good, (size_t)(at - good));
	buf_addstr(&text, "gpus 0\nprocesses 0\nend\n");
	read_text(text.data, &probe);
	if (!probe.whole)
		fail_msg("%s", probe.trouble);
	assert_true(probe.gpus_known);
	assert_int_equal(probe.nr_gpus, 0);
	buf_release(&text);
}

/* --- what nvidia-smi really said ------------------------------------------------------------- */

static char *field(char *line, size_t n)
{
	for (; n && line; n--) {
		line = strstr(line, ", ");
		line = line ? line + 2 : NULL;
	}
	if (!line)
		return NULL;
	size_t len = strcspn(line, ",\n");
	return xstrndup(line, len);
}

/* Which column of the heading is called that: "utilization.gpu [%]". */
static size_t column(const char *heading, const char *name)
{
	size_t n = 0, len = strlen(name);

	for (const char *p = heading; p; n++) {
		if (strncmp(p, name, len) == 0 && (p[len] == ',' || p[len] == ' '))
			return n;
		p = strstr(p, ", ");
		p = p ? p + 2 : NULL;
	}
	fail_msg("the capture has no column %s", name);
	return 0;
}

/* One row of a capture as the probe's query would have shown it: without units. */
static void gpu_line(const char *heading, char *row, struct buf *out)
{
	static const char *const names[] = { "index", "name", "utilization.gpu", "memory.used",
					     "mig.mode.current" };

	buf_addstr(out, "gpu ");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *text = field(row, column(heading, names[i]));

		assert_non_null(text);
		if (i == 2 || i == 3)
			text[text[0] == '[' ? strlen(text) : strcspn(text, " ")] = '\0';
		buf_addf(out, "%s%s", i ? ", " : "", text);
		free(text);
	}
	buf_addch(out, '\n');
}

static void check_capture(const char *path, char *section, bool load)
{
	bool mig = strstr(path, "-mig_") != NULL;
	char *heading = strstr(section, "\ntimestamp, driver_version");
	struct buf gpus = BUF_INIT, text = BUF_INIT;
	struct probe probe;

	assert_non_null(heading);
	char *row = strchr(++heading, '\n');
	assert_non_null(row);
	gpu_line(heading, row + 1, &gpus);
	const char *at = strstr(good, "gpu 0");
	buf_add(&text, good, (size_t)(at - good));
	buf_addf(&text, "%sgpus 1\nprocesses 0\nend\n", gpus.data);
	read_text(text.data, &probe);
	if (!probe.whole || !probe.gpus_known)
		fail_msg("%s: %s in %s", path, probe.trouble, gpus.data);
	assert_int_equal(probe.nr_gpus, 1);
	assert_int_equal(probe.gpus[0].mig, mig);
	if (mig)
		assert_int_equal(probe.gpus[0].busy_percent, PROBE_UNKNOWN);
	else if (load)
		assert_true(probe.gpus[0].busy_percent >= 5);
	else
		assert_int_equal(probe.gpus[0].busy_percent, 0);
	assert_true(probe.gpus[0].memory_used_mib >= 0);
	buf_release(&gpus);
	buf_release(&text);
}

static void real_captures(void **state)
{
	const char *pattern = GPUCLOUD_SHARED_DATA "/nvidia-smi/*.txt";
	glob_t found;

	(void)state;
	if (glob(pattern, 0, NULL, &found)) {
		print_message("no captures at %s\n", pattern);
		skip();
	}
	assert_true(found.gl_pathc >= 5);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct buf text = BUF_INIT;
		struct error err = ERROR_INIT;

		if (file_read(found.gl_pathv[i], (size_t)4 << 20, &text, &err) < 0)
			fail_msg("%s", err.message);
		char *idle = strstr(text.data, "# idle :: query-gpu");
		char *load = strstr(text.data, "# load :: query-gpu");
		assert_non_null(idle);
		assert_non_null(load);
		check_capture(found.gl_pathv[i], idle, false);
		check_capture(found.gl_pathv[i], load, true);
		buf_release(&text);
	}
	globfree(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_read),	 cmocka_unit_test(written_and_read_again),
		cmocka_unit_test(each_edit),	 cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(too_much),	 cmocka_unit_test(no_gpu_at_all),
		cmocka_unit_test(real_captures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
