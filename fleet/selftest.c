/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/selftest.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/text.h"

#define REPORT_MAX   ((size_t)1 << 20)
#define GPUS_MAX     64
#define PROBLEMS_MAX 256
#define TEXT_MAX     500

/* Its own phases: 30 s to begin, at most nine behind one another, 3 s to end one that hangs. A slow
 * driver is to be told by its report, so the whole has more time than they have together. */
#define QUICK_PHASE_S "60"
#define QUICK_MS      630000
#define FULL_MS	      1200000
#define REMOTE_PATH   ".gpucloud/gpu-selftest"

static const char *const verdict_names[] = { "pass", "warn", "fail", "unknown" };

const char *selftest_verdict_name(enum selftest_verdict verdict)
{
	return verdict_names[verdict];
}

void selftest_report_release(struct selftest_report *report)
{
	json_release(&report->doc);
	arena_release(&report->arena);
	memset(report, 0, sizeof(*report));
}

static int parse_verdict(const char *text, enum selftest_verdict *ret, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(verdict_names); i++)
		if (strcmp(text, verdict_names[i]) == 0) {
			*ret = (enum selftest_verdict)i;
			return 0;
		}
	return error_set(err, ERROR_PROTOCOL, "field 'verdict': '%.20s' is no verdict", text);
}

static int parse_gpus(struct selftest_report *report, struct error *err)
{
	const struct cJSON *array;

	if (json_array(report->doc.root, "gpus", &array, err) < 0)
		return -1;
	size_t nr = json_len(array);
	if (nr > GPUS_MAX)
		return error_set(err, ERROR_PROTOCOL, "field 'gpus': more than %d", GPUS_MAX);
	report->gpus = arena_alloc(&report->arena, (nr + 1) * sizeof(*report->gpus));
	for (const struct cJSON *gpu = json_first(array); gpu; gpu = json_next(gpu)) {
		const char *name;

		if (json_string(gpu, "name", TEXT_MAX, &name, err) < 0)
			return error_prefix(err, "gpus[%zu]", report->nr_gpus);
		report->gpus[report->nr_gpus++] = name;
	}
	return 0;
}

static int parse_problems(struct selftest_report *report, struct error *err)
{
	const struct cJSON *array;

	if (json_array(report->doc.root, "problems", &array, err) < 0)
		return -1;
	size_t nr = json_len(array);
	if (nr > PROBLEMS_MAX)
		return error_set(err, ERROR_PROTOCOL, "field 'problems': more than %d",
				 PROBLEMS_MAX);
	report->problems = arena_alloc(&report->arena, (nr + 1) * sizeof(*report->problems));
	for (const struct cJSON *one = json_first(array); one; one = json_next(one)) {
		struct selftest_problem *problem = &report->problems[report->nr_problems];

		problem->advice = "";
		if (json_string(one, "severity", TEXT_MAX, &problem->severity, err) < 0 ||
		    json_string(one, "text", TEXT_MAX, &problem->text, err) < 0 ||
		    json_string_opt(one, "advice", TEXT_MAX, &problem->advice, err) < 0)
			return error_prefix(err, "problems[%zu]", report->nr_problems);
		if (!problem->advice)
			problem->advice = "";
		report->nr_problems++;
	}
	return 0;
}

int selftest_parse(const char *text, size_t len, struct selftest_report *ret, struct error *err)
{
	struct selftest_report report = { 0 };
	const char *schema, *verdict;
	struct error ignored = ERROR_INIT;

	if (json_parse(text, len, "the self-test's report", &report.doc, err) < 0)
		return -1;
	if (json_string(report.doc.root, "schema", 64, &schema, err) < 0 ||
	    json_string(report.doc.root, "verdict", 16, &verdict, err) < 0 ||
	    json_double(report.doc.root, "elapsed_s", &report.seconds, err) < 0 ||
	    parse_verdict(verdict, &report.verdict, err) < 0 || parse_gpus(&report, err) < 0 ||
	    parse_problems(&report, err) < 0) {
		selftest_report_release(&report);
		return error_prefix(err, "the self-test's report");
	}
	if (strcmp(schema, "gpucloud.selftest/1") != 0) {
		selftest_report_release(&report);
		return error_set(err, ERROR_PROTOCOL,
				 "the self-test's report is of another schema");
	}
	if (json_bool(report.doc.root, "simulated", &report.simulated, &ignored) < 0)
		report.simulated = false;
	*ret = report;
	return 0;
}

/* The folder this program was started from, or "". */
static const char *own_folder(struct arena *arena)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		return "";
	path[n] = '\0';
	char *slash = strrchr(path, '/');
	*slash = '\0';
	return arena_strdup(arena, path);
}

int selftest_program(const struct settings *settings, struct arena *arena, const char **ret,
		     struct error *err)
{
	const char *own = own_folder(arena);
	const char *const places[] = {
		settings_env(settings, "GPUCLOUD_SELFTEST"),
		arena_printf(arena, "%s/gpu-selftest", own),
		arena_printf(arena, "%s/../libexec/gpucloud/gpu-selftest", own),
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (!places[i] || (i > 0 && access(places[i], F_OK) != 0))
			continue;
		if (access(places[i], R_OK | X_OK) != 0) {
			error_errno(err, ERROR_CONFIG, "cannot run the self-test '%s'", places[i]);
			return error_hint(err, "make it readable and executable: chmod a+rx");
		}
		*ret = places[i];
		return 0;
	}
	error_set(err, ERROR_CONFIG, "the program gpu-selftest is not beside gpucloud");
	return error_hint(err, "scripts/build, or name it in GPUCLOUD_SELFTEST");
}

/* What an ELF file is for: "x86_64", "arm64", "?"; "" is a script, which runs anywhere. */
static int read_arch(const char *program, const char **ret, struct error *err)
{
	static const unsigned char magic[] = { 0x7f, 'E', 'L', 'F' };
	unsigned char head[20] = { 0 };
	FILE *file = fopen(program, "re");
	size_t n = file ? fread(head, 1, sizeof(head), file) : 0;

	if (file)
		fclose(file);
	if (n >= 2 && head[0] == '#' && head[1] == '!') {
		*ret = "";
		return 0;
	}
	if (n < sizeof(head) || memcmp(head, magic, sizeof(magic)) != 0)
		return error_set(err, ERROR_CONFIG, "the self-test '%s' is no program", program);
	/* byte 5: little-endian; bytes 18 and 19: the machine (EM_X86_64, EM_AARCH64) */
	unsigned machine = head[18] | (unsigned)head[19] << 8;
	*ret = head[5] != 1 ? "?" : machine == 62 ? "x86_64" : machine == 183 ? "arm64" : "?";
	return 0;
}

int selftest_check_arch(const char *program, const char *arch, struct error *err)
{
	const char *its = "";

	if (read_arch(program, &its, err) < 0)
		return -1;
	if ((strcmp(arch, "x86_64") != 0 && strcmp(arch, "arm64") != 0) || !its[0] ||
	    strcmp(its, arch) == 0)
		return 0;
	error_set(err, ERROR_CONFIG, "the self-test here is built for %s, that machine is %s",
		  strcmp(its, "?") == 0 ? "something else" : its, arch);
	return error_hint(err, "build gpu-selftest for %s and name it in GPUCLOUD_SELFTEST", arch);
}

/* Makes its folder, and looks whether it can run there. */
static int prepare(struct machine *machine, const char *program, struct error *err)
{
	struct buf text = BUF_INIT_MAX(256);
	struct remote_exit ended = { 0 };
	int rc = machine_output(machine, "mkdir -p -m 700 .gpucloud && uname -m", 30000, &text,
				&ended, err);

	if (rc == 0 && ended.code != 0)
		rc = error_set(err, ERROR_REMOTE, "cannot make the folder '.gpucloud' there");
	if (rc == 0) {
		text.data[strcspn(text.data, "\r\n")] = '\0';
		rc = selftest_check_arch(
			program, strcmp(text.data, "aarch64") == 0 ? "arm64" : text.data, err);
	}
	buf_release(&text);
	return rc;
}

int selftest_on_machine(struct fleet *fleet, struct machine *machine, const char *mode,
			struct selftest_report *ret, struct error *err)
{
	struct arena arena = { 0 };
	struct buf text = BUF_INIT_MAX(REPORT_MAX);
	struct remote_exit ended = { 0 };
	const char *program;
	bool full = strcmp(mode, "full") == 0;
	int rc = -1;

	if (selftest_program(fleet->settings, &arena, &program, err) < 0)
		goto out;
	if (prepare(machine, program, err) < 0)
		goto out;
	if (machine->ops->push(machine->remote, program, REMOTE_PATH, NULL, err) < 0) {
		error_prefix(err, "cannot upload the self-test");
		goto out;
	}
	if (machine_output(machine,
			   full ? "./" REMOTE_PATH " --full"
				: "./" REMOTE_PATH " --quick --deadline " QUICK_PHASE_S,
			   full ? FULL_MS : QUICK_MS, &text, &ended, err) < 0) {
		error_prefix(err, "the self-test");
		goto out;
	}
	if (!text.len) {
		error_set(err, ERROR_REMOTE, "the self-test ended with %d and reported nothing",
			  ended.code);
		goto out;
	}
	rc = selftest_parse(text.data, text.len, ret, err);
out:
	buf_release(&text);
	arena_release(&arena);
	return rc;
}
