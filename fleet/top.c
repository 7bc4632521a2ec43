/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/top.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "fleet/machine.h"
#include "fleet/machine/machine_files.h"

#define FRAME_MAX   ((size_t)256 << 10)
#define BUSY	    5	/* percent: less is noise, as in fleet/idle.c */
#define LOAD_BUSY   300 /* thousandths of a CPU's load, for each of them */
#define TICKS_PER_S 100

static int64_t field_number(const char *text, int64_t scale)
{
	size_t len = strspn(text, "0123456789");
	int64_t value = 0;

	if (len == 0 || len > 12)
		return TOP_UNKNOWN;
	for (size_t i = 0; i < len; i++)
		value = value * 10 + (text[i] - '0');
	value *= scale;
	if (text[len] == '.' && scale > 1) {
		int64_t part = scale / 10;

		for (const char *p = text + len + 1; *p >= '0' && *p <= '9' && part;
		     p++, part /= 10)
			value += (*p - '0') * part;
	}
	return value;
}

/* Splits "a, b, c" from its end, so that the name may hold commas; the number of fields found. */
static size_t split_last(char *line, char **fields, size_t nr)
{
	size_t found = 0;

	while (found < nr) {
		char *last = NULL;

		for (char *p = line; (p = strstr(p, ", ")); p += 2)
			last = p;
		if (!last)
			break;
		*last = '\0';
		fields[found++] = last + 2;
	}
	return found;
}

/* "0, GPU-..., NVIDIA A, 97, 1000, 16384, 250.12, 300.00, 61" */
static bool read_gpu(struct top_frame *frame, char *line)
{
	char *v[6], *uuid, *name;

	if (frame->nr_gpus == TOP_GPUS_MAX || split_last(line, v, 6) != 6)
		return false;
	uuid = strstr(line, ", ");
	name = uuid ? strstr(uuid + 2, ", ") : NULL;
	if (!name || field_number(line, 1) != (int64_t)frame->nr_gpus)
		return false;
	*name = '\0';
	struct top_gpu *gpu = &frame->gpus[frame->nr_gpus++];
	snprintf(gpu->uuid, sizeof(gpu->uuid), "%.63s", uuid + 2);
	snprintf(gpu->name, sizeof(gpu->name), "%.63s", name + 2);
	gpu->celsius = field_number(v[0], 1);
	gpu->power_limit_mw = field_number(v[1], 1000);
	gpu->power_mw = field_number(v[2], 1000);
	gpu->total_mib = field_number(v[3], 1);
	gpu->used_mib = field_number(v[4], 1);
	gpu->busy_percent = field_number(v[5], 1);
	if (gpu->busy_percent > 100)
		gpu->busy_percent = TOP_UNKNOWN;
	return true;
}

/* "4711, GPU-..., 1000"; one process on several GPUs has several lines. */
static bool read_process(struct top_frame *frame, char *line)
{
	char *v[2];

	if (frame->nr_processes == TOP_PROCESSES_MAX)
		return true; /* more than anybody looks at */
	if (split_last(line, v, 2) != 2 || field_number(line, 1) <= 0)
		return false;
	struct top_process *process = &frame->processes[frame->nr_processes++];
	*process = (struct top_process){ .pid = field_number(line, 1),
					 .used_mib = field_number(v[0], 1),
					 .gpu = -1,
					 .cpu_percent = TOP_UNKNOWN,
					 .cpu_ticks = TOP_UNKNOWN };
	for (size_t i = 0; i < frame->nr_gpus; i++)
		if (strcmp(frame->gpus[i].uuid, v[1]) == 0)
			process->gpu = (int)i;
	return true;
}

/* "4711 1234 ubuntu python3 train.py": of every line with that pid. */
static bool read_command(struct top_frame *frame, char *line)
{
	char *ticks = strchr(line, ' '), *user = ticks ? strchr(ticks + 1, ' ') : NULL;
	char *command = user ? strchr(user + 1, ' ') : NULL;

	if (!command)
		return false;
	*ticks = *user = *command = '\0';
	int64_t pid = field_number(line, 1);
	for (size_t i = 0; i < frame->nr_processes; i++) {
		struct top_process *process = &frame->processes[i];

		if (process->pid != pid)
			continue;
		process->cpu_ticks = field_number(ticks + 1, 1);
		snprintf(process->user, sizeof(process->user), "%.32s", user + 1);
		snprintf(process->command, sizeof(process->command), "%.200s", command + 1);
	}
	return true;
}

static bool read_line(struct top_frame *frame, char *line)
{
	char *value = strchr(line, ' ');

	if (!value)
		return strcmp(line, "end") == 0;
	*value++ = '\0';
	if (strcmp(line, "gpu") == 0)
		return read_gpu(frame, value);
	if (strcmp(line, "process") == 0)
		return read_process(frame, value);
	if (strcmp(line, "command") == 0)
		return read_command(frame, value);
	if (strcmp(line, "gpus") == 0) {
		bool failed = strncmp(value, "failed", 6) == 0;

		if (failed)
			snprintf(frame->trouble, sizeof(frame->trouble), "%.79s",
				 value[6] ? value + 7 : "not known");
		frame->gpus_known = !failed && field_number(value, 1) == (int64_t)frame->nr_gpus;
		frame->processes_known = frame->gpus_known;
		return failed || frame->gpus_known;
	}
	if (strcmp(line, "processes") == 0)
		frame->processes_known = false;
	else if (strcmp(line, "up") == 0)
		frame->up_ms = field_number(value, 1000);
	else if (strcmp(line, "load") == 0)
		frame->load_milli = field_number(value, 1000);
	else if (strcmp(line, "cpus") == 0)
		frame->cpus = field_number(value, 1);
	else if (strcmp(line, "memory") == 0)
		frame->memory_kib = field_number(value, 1);
	else if (strcmp(line, "available") == 0)
		frame->available_kib = field_number(value, 1);
	else
		return false;
	return true;
}

/* CPU time between two frames. */
static void add_shares(struct top_frame *frame, const struct top_frame *previous)
{
	int64_t ms = previous ? frame->up_ms - previous->up_ms : 0;

	for (size_t i = 0; ms > 0 && i < frame->nr_processes; i++) {
		struct top_process *process = &frame->processes[i];

		for (size_t j = 0; j < previous->nr_processes; j++) {
			const struct top_process *before = &previous->processes[j];

			if (before->pid == process->pid && before->cpu_ticks >= 0 &&
			    process->cpu_ticks >= before->cpu_ticks)
				process->cpu_percent = (process->cpu_ticks - before->cpu_ticks) *
						       (100000 / TICKS_PER_S) / ms;
		}
	}
}

int top_read(const char *text, size_t len, const struct top_frame *previous, struct top_frame *ret,
	     struct error *err)
{
	struct buf copy = BUF_INIT;
	bool good = true, first = true;

	*ret = (struct top_frame){ .load_milli = TOP_UNKNOWN,
				   .cpus = TOP_UNKNOWN,
				   .memory_kib = TOP_UNKNOWN,
				   .available_kib = TOP_UNKNOWN,
				   .up_ms = TOP_UNKNOWN };
	buf_add(&copy, text, len);
	for (char *line = copy.data; good && line && *line;) {
		char *end = strchr(line, '\n');

		if (end)
			*end = '\0';
		good = first ? strcmp(line, "frame 1") == 0 : read_line(ret, line);
		first = false;
		line = end ? end + 1 : NULL;
	}
	buf_release(&copy);
	if (!good || first)
		return error_set(err, ERROR_PROTOCOL,
				 "the machine said something else than what its GPUs do");
	add_shares(ret, previous);
	return 0;
}

/* --- the verdict ------------------------------------------------------------------------------ */

const char *top_verdict_name(enum top_verdict verdict)
{
	static const char *const names[] = {
		[TOP_UNKNOWN_STATE] = "unknown", [TOP_ON_GPU] = "on-gpu", [TOP_HELD] = "held",
		[TOP_CPU_ONLY] = "cpu-only",	 [TOP_IDLE] = "idle",
	};

	return names[verdict];
}

/* "python3 train.py (4711)": of the one with the most GPU memory. */
static void name_main(const struct top_frame *frame, char *out, size_t size)
{
	const struct top_process *most = &frame->processes[0];

	for (size_t i = 1; i < frame->nr_processes; i++)
		if (frame->processes[i].used_mib > most->used_mib)
			most = &frame->processes[i];
	snprintf(out, size, "%.40s (process %lld)%s",
		 most->command[0] ? most->command : "a program", (long long)most->pid,
		 frame->nr_processes > 1 ? " and others" : "");
}

enum top_verdict top_judge(const struct top_frame *frame, char *text, size_t size)
{
	int64_t most = TOP_UNKNOWN;
	size_t busy = 0;
	char who[120];

	for (size_t i = 0; i < frame->nr_gpus; i++) {
		if (frame->gpus[i].busy_percent > most)
			most = frame->gpus[i].busy_percent;
		busy += frame->gpus[i].busy_percent >= BUSY;
	}
	if (!frame->gpus_known || !frame->nr_gpus || most == TOP_UNKNOWN) {
		snprintf(text, size, "what the GPUs do is not known%s%s",
			 frame->trouble[0] ? ": " : "", frame->trouble);
		return TOP_UNKNOWN_STATE;
	}
	if (frame->nr_processes)
		name_main(frame, who, sizeof(who));
	if (busy) {
		snprintf(text, size, "%s on the GPU: %zu of %zu at work, up to %lld %%",
			 frame->nr_processes ? who : "a program is", busy, frame->nr_gpus,
			 (long long)most);
		return TOP_ON_GPU;
	}
	if (frame->nr_processes) {
		snprintf(text, size, "%s has a GPU open, but computes nothing there now", who);
		return TOP_HELD;
	}
	if (frame->load_milli > 0 && frame->cpus > 0 && frame->load_milli >= LOAD_BUSY) {
		snprintf(
			text, size,
			"nothing is on the GPU, and the CPUs work (load %lld.%02lld of %lld): does "
			"the program see CUDA?",
			(long long)(frame->load_milli / 1000),
			(long long)(frame->load_milli % 1000 / 10), (long long)frame->cpus);
		return TOP_CPU_ONLY;
	}
	snprintf(text, size, "nothing runs: the GPUs are idle, and bill");
	return TOP_IDLE;
}

/* --- watching --------------------------------------------------------------------------------- */

struct watching {
	struct buf text; /* of the frame that is coming in */
	const char *script;
	size_t left;
	const struct top_sink *sink;
	struct top_frame *frames; /* the two last ones */
	unsigned nr;
};

static int take_frame(struct watching *w, size_t len, struct error *err)
{
	struct top_frame *now = &w->frames[w->nr % 2];
	const struct top_frame *previous = w->nr ? &w->frames[(w->nr + 1) % 2] : NULL;

	if (top_read(w->text.data, len, previous, now, err) < 0)
		return -1;
	w->nr++;
	return w->sink->frame(w->sink->ctx, now, err);
}

static int on_out(void *ctx, const char *data, size_t len, struct error *err)
{
	static const char mark[] = "\nend\n";
	struct watching *w = ctx;
	char *end;

	if (buf_add(&w->text, data, len) < 0)
		return error_set(err, ERROR_PROTOCOL, "the machine said too much");
	while (w->text.len && (end = memmem(w->text.data, w->text.len, mark, sizeof(mark) - 1))) {
		size_t used = (size_t)(end - w->text.data) + sizeof(mark) - 1;

		if (take_frame(w, used, err) < 0)
			return -1;
		memmove(w->text.data, w->text.data + used, w->text.len - used);
		w->text.len -= used;
		w->text.data[w->text.len] = '\0';
	}
	return 0;
}

static ssize_t give_script(void *ctx, char *buf, size_t n, struct error *err)
{
	struct watching *w = ctx;

	(void)err;
	if (n > w->left)
		n = w->left;
	memcpy(buf, w->script, n);
	w->script += n;
	w->left -= n;
	return (ssize_t)n;
}

int top_watch(struct machine *machine, unsigned interval_s, unsigned frames,
	      const struct top_sink *sink, struct error *err)
{
	struct watching w = { .text = BUF_INIT_MAX(FRAME_MAX),
			      .script = machine_top_script,
			      .left = strlen(machine_top_script),
			      .sink = sink,
			      .frames = xcalloc(2, sizeof(*w.frames)) };
	const struct remote_stream stream = { .ctx = &w, .out = on_out, .in = give_script };
	struct remote_exit ended = { 0 };
	char command[80];

	snprintf(command, sizeof(command), "exec /bin/sh -s %u %u", interval_s, frames);
	int rc = machine->ops->exec(machine->remote, command, &stream, 0, &ended, err);
	if (rc == 0 && w.nr == 0)
		rc = error_set(err, ERROR_PROTOCOL, "the machine ended with %d and told nothing",
			       ended.code);
	buf_release(&w.text);
	free(w.frames);
	return rc;
}
