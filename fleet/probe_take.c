/* SPDX-License-Identifier: Apache-2.0 */
/* The probe on its way: the script there, its answer back, and onto disk. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "fleet/machine.h"
#include "fleet/machine/machine_files.h"
#include "fleet/probe.h"
#include "fleet/script.h"

int probe_take(struct machine *machine, int64_t now, struct probe *ret, struct error *err)
{
	struct buf text = BUF_INIT_MAX(PROBE_TEXT_MAX);
	struct remote_exit ended = { 0 };
	struct error why = ERROR_INIT;
	char trouble[sizeof(ret->trouble)] = "";

	if (script_run(machine, machine_probe_script, "", PROBE_DEADLINE_MS, &text, &ended, &why) <
	    0) {
		if (!text.len) {
			*err = why;
			buf_release(&text);
			return -1;
		}
		snprintf(trouble, sizeof(trouble), "%.150s", why.message);
	} else if (ended.code != 0) {
		snprintf(trouble, sizeof(trouble), "the probe ended with %d", ended.code);
	}
	probe_read(text.data, text.len, now, ret);
	if (trouble[0]) {
		ret->whole = false;
		memcpy(ret->trouble, trouble, sizeof(trouble));
	}
	buf_release(&text);
	return 0;
}

static void add(struct buf *out, const char *key, int64_t value)
{
	if (value != PROBE_UNKNOWN)
		buf_addf(out, "%s %" PRId64 "\n", key, value);
}

static void add_or(struct buf *out, int64_t value, const char *other)
{
	if (value == PROBE_UNKNOWN)
		buf_addstr(out, other);
	else
		buf_addf(out, "%" PRId64, value);
}

static void add_gpus(const struct probe *probe, struct buf *out)
{
	if (!probe->gpus_known) {
		buf_addstr(out, "gpus failed\n");
		return;
	}
	for (size_t i = 0; i < probe->nr_gpus; i++) {
		const struct probe_gpu *gpu = &probe->gpus[i];

		buf_addf(out, "gpu %zu, %s, ", i, gpu->name);
		add_or(out, gpu->busy_percent, "[N/A]");
		buf_addstr(out, ", ");
		add_or(out, gpu->memory_used_mib, "[N/A]");
		buf_addf(out, ", %s\n", gpu->mig ? "Enabled" : "Disabled");
	}
	buf_addf(out, "gpus %zu\n", probe->nr_gpus);
}

void probe_write(const struct probe *probe, struct buf *out)
{
	static const char *const jobs[] = {
		[PROBE_JOB_UNKNOWN] = "failed", [PROBE_JOB_NONE] = "none",
		[PROBE_JOB_SETUP] = "setup",	[PROBE_JOB_RUNNING] = "running",
		[PROBE_JOB_DONE] = "done",
	};

	buf_addstr(out, "probe 1\n");
	if (probe->boot_id[0])
		buf_addf(out, "boot %s\n", probe->boot_id);
	add(out, "up", probe->uptime_s);
	add(out, "cpus", probe->cpus);
	add(out, "cpu", probe->cpu_busy_ms);
	if (probe->load_milli != PROBE_UNKNOWN)
		buf_addf(out, "load %" PRId64 ".%02" PRId64 "\n", probe->load_milli / 1000,
			 probe->load_milli % 1000 / 10);
	add(out, "net", probe->net_bytes);
	add(out, "disk", probe->disk_bytes);
	for (size_t i = 0; i < probe->nr_users && probe->users_known; i++) {
		const struct probe_user *user = &probe->users[i];

		buf_addf(out, "user %s %s ", user->name, user->tty);
		add_or(out, user->idle_s, "?");
		buf_addch(out, '\n');
	}
	if (probe->users_known)
		buf_addf(out, "users %zu\n", probe->nr_users);
	else
		buf_addstr(out, "users failed\n");
	buf_addf(out, "job %s\n", jobs[(unsigned)probe->job < ARRAY_SIZE(jobs) ? probe->job : 0]);
	buf_addstr(out, "ttl ");
	add_or(out, probe->ttl_left_s, "none");
	buf_addch(out, '\n');
	add_gpus(probe, out);
	add(out, "processes", probe->gpu_processes);
	add(out, "process-cpu", probe->gpu_process_cpu_ms);
	buf_addstr(out, "end\n");
}
