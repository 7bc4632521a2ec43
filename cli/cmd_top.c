/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud top: is my model on the GPU? */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/reach.h"
#include "cli/table.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "fleet/top.h"

#define INTERVAL_S 2

struct top_args {
	unsigned interval, count;
	bool once;
};

static const struct opt top_opts[] = {
	OPT_UINT_AT(0, "interval", struct top_args, interval, "SECONDS", 1, 3600,
		    "from look to look (2)"),
	OPT_UINT_AT('c', "count", struct top_args, count, "N", 1, 1000000, "so many looks"),
	OPT_FLAG_AT('1', "once", struct top_args, once, "one look, then end"),
	OPT_END,
};

struct top_view {
	struct cli *cli;
	const struct instance *instance;
	bool live;   /* the screen is rewritten */
	unsigned nr; /* shown so far */
};

static cJSON *number(int64_t value)
{
	return value == TOP_UNKNOWN ? cJSON_CreateNull() : cJSON_CreateNumber((double)value);
}

static cJSON *watts(int64_t mw)
{
	return mw == TOP_UNKNOWN ? cJSON_CreateNull() : cJSON_CreateNumber((double)mw / 1000);
}

static cJSON *json_of_gpus(const struct top_frame *frame)
{
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; i < frame->nr_gpus; i++) {
		const struct top_gpu *gpu = &frame->gpus[i];
		cJSON *one = cJSON_CreateObject();

		cJSON_AddNumberToObject(one, "index", (double)i);
		cJSON_AddStringToObject(one, "name", gpu->name);
		cJSON_AddItemToObject(one, "busy_percent", number(gpu->busy_percent));
		cJSON_AddItemToObject(one, "memory_used_mib", number(gpu->used_mib));
		cJSON_AddItemToObject(one, "memory_total_mib", number(gpu->total_mib));
		cJSON_AddItemToObject(one, "power_w", watts(gpu->power_mw));
		cJSON_AddItemToObject(one, "power_limit_w", watts(gpu->power_limit_mw));
		cJSON_AddItemToObject(one, "celsius", number(gpu->celsius));
		cJSON_AddItemToArray(array, one);
	}
	return array;
}

static cJSON *json_of_processes(const struct top_frame *frame)
{
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; i < frame->nr_processes; i++) {
		const struct top_process *process = &frame->processes[i];
		cJSON *one = cJSON_CreateObject();

		cJSON_AddNumberToObject(one, "pid", (double)process->pid);
		cJSON_AddItemToObject(one, "gpu", number(process->gpu));
		cJSON_AddItemToObject(one, "memory_used_mib", number(process->used_mib));
		cJSON_AddItemToObject(one, "cpu_percent", number(process->cpu_percent));
		cJSON_AddItemToObject(one, "user",
				      out_text(process->user[0] ? process->user : NULL));
		cJSON_AddItemToObject(one, "command",
				      out_text(process->command[0] ? process->command : NULL));
		cJSON_AddItemToArray(array, one);
	}
	return array;
}

static void show_json(struct top_view *view, const struct top_frame *frame)
{
	cJSON *object = cJSON_CreateObject();
	char text[300];
	enum top_verdict verdict = top_judge(frame, text, sizeof(text));

	cJSON_AddStringToObject(object, "instance", view->instance->id);
	cJSON_AddItemToObject(object, "time", out_time(clock_now(&clock_system)));
	cJSON_AddStringToObject(object, "verdict", top_verdict_name(verdict));
	cJSON_AddStringToObject(object, "text", text);
	cJSON_AddItemToObject(object, "gpus",
			      frame->gpus_known ? json_of_gpus(frame) : cJSON_CreateNull());
	cJSON_AddItemToObject(object, "processes",
			      frame->processes_known ? json_of_processes(frame)
						     : cJSON_CreateNull());
	cJSON_AddItemToObject(object, "cpus", number(frame->cpus));
	cJSON_AddItemToObject(object, "load",
			      frame->load_milli == TOP_UNKNOWN
				      ? cJSON_CreateNull()
				      : cJSON_CreateNumber((double)frame->load_milli / 1000));
	cJSON_AddItemToObject(object, "memory_kib", number(frame->memory_kib));
	cJSON_AddItemToObject(object, "memory_available_kib", number(frame->available_kib));
	cli_json_line(view->cli, "look", object);
}

struct text {
	char s[48];
};

/* "97 %", "?" */
static struct text with_unit(int64_t value, const char *unit)
{
	struct text ret = { "?" };

	if (value != TOP_UNKNOWN)
		snprintf(ret.s, sizeof(ret.s), "%lld%s", (long long)value, unit);
	return ret;
}

static struct text of_all(int64_t used, int64_t all, int64_t unit, const char *name)
{
	struct text ret = { "?" };

	if (used != TOP_UNKNOWN && all != TOP_UNKNOWN)
		snprintf(ret.s, sizeof(ret.s), "%.1f of %.1f %s", (double)used / (double)unit,
			 (double)all / (double)unit, name);
	else if (used != TOP_UNKNOWN)
		snprintf(ret.s, sizeof(ret.s), "%.1f %s", (double)used / (double)unit, name);
	return ret;
}

/* "########..", ten signs */
static struct text bar(int64_t percent)
{
	struct text ret = { "" };

	for (int64_t i = 0; percent != TOP_UNKNOWN && i < 10; i++)
		ret.s[i] = i * 10 + 5 <= percent ? '#' : '.';
	return ret;
}

static void show_gpus(struct cli *cli, const struct top_frame *frame)
{
	static const struct table_column columns[] = {
		{ .title = "GPU", .right = true },
		{ .title = "NAME", .cut = true },
		{ .title = "BUSY", .right = true },
		{ .title = "", .wide = 2 },
		{ .title = "MEMORY", .right = true },
		{ .title = "POWER", .right = true, .wide = 1 },
		{ .title = "TEMP", .right = true, .wide = 1 },
	};
	struct table *table = table_new(cli, columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < frame->nr_gpus; i++) {
		const struct top_gpu *gpu = &frame->gpus[i];
		const struct text index = with_unit((int64_t)i, ""),
				  busy = with_unit(gpu->busy_percent, " %"),
				  filled = bar(gpu->busy_percent),
				  memory = of_all(gpu->used_mib, gpu->total_mib, 1024, "GiB"),
				  power = of_all(gpu->power_mw, gpu->power_limit_mw, 1000, "W"),
				  heat = with_unit(gpu->celsius, " C");
		const char *cells[] = { index.s,  gpu->name, busy.s, filled.s,
					memory.s, power.s,   heat.s };

		table_row(table, cells);
	}
	table_print(table);
	table_free(table);
}

static void show_processes(struct cli *cli, const struct top_frame *frame)
{
	static const struct table_column columns[] = {
		{ .title = "PID", .right = true },    { .title = "GPU", .right = true },
		{ .title = "MEMORY", .right = true }, { .title = "CPU", .right = true },
		{ .title = "USER", .wide = 1 },	      { .title = "COMMAND", .cut = true },
	};
	struct table *table = table_new(cli, columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < frame->nr_processes; i++) {
		const struct top_process *process = &frame->processes[i];
		const struct text pid = with_unit(process->pid, ""),
				  gpu = with_unit(process->gpu, ""),
				  memory = of_all(process->used_mib, TOP_UNKNOWN, 1024, "GiB"),
				  cpu = with_unit(process->cpu_percent, " %");
		const char *cells[] = { pid.s, gpu.s,	      memory.s,
					cpu.s, process->user, process->command };

		table_row(table, cells);
	}
	table_print(table);
	table_free(table);
}

static void show_text(struct top_view *view, const struct top_frame *frame)
{
	const struct instance *instance = view->instance;
	struct cli *cli = view->cli;
	char text[300], at[TIME_TEXT_MAX];

	top_judge(frame, text, sizeof(text));
	/* From the top, over what was there, and away with what is below. */
	if (view->live)
		fputs(view->nr ? "\033[H\033[J" : "\033[2J\033[H", cli->out);
	const struct text load = of_all(frame->load_milli,
					frame->cpus == TOP_UNKNOWN ? TOP_UNKNOWN
								   : frame->cpus * 1000,
					1000, "CPUs"),
			  memory = of_all(frame->memory_kib == TOP_UNKNOWN
						  ? TOP_UNKNOWN
						  : frame->memory_kib - frame->available_kib,
					  frame->memory_kib, 1048576, "GiB");
	cli_line(cli, "%s%s%s  %s  %s  load %s, memory %s",
		 instance->name[0] ? instance->name : instance->id, instance->name[0] ? " " : "",
		 instance->name[0] ? instance->id : "", instance->type,
		 time_format(at, clock_now(&clock_system)), load.s, memory.s);
	cli_line(cli, "%s", text);
	if (frame->gpus_known && frame->nr_gpus) {
		fputc('\n', cli->out);
		show_gpus(cli, frame);
	}
	if (frame->nr_processes) {
		fputc('\n', cli->out);
		show_processes(cli, frame);
	}
	if (view->live) {
		fputc('\n', cli->out);
		cli_line(cli, "Ctrl-C ends this, not the job");
	}
}

static int on_frame(void *ctx, const struct top_frame *frame, struct error *err)
{
	struct top_view *view = ctx;

	progress_end(view->cli);
	if (view->cli->json)
		show_json(view, frame);
	else
		show_text(view, frame);
	view->nr++;
	if (fflush(view->cli->out) != 0 || ferror(view->cli->out))
		return error_set(err, ERROR_IO, "cannot write to standard output");
	return 0;
}

static int top_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct top_args *args = data;
	struct reach reach;
	struct top_view view = { .cli = cli };
	const struct top_sink sink = { .ctx = &view, .frame = on_frame };
	unsigned count = args->count;
	int rc;

	(void)argc;
	/* Through a pipe there is no screen to rewrite: one look, unless more are asked for. */
	if (args->once || (!count && !cli->out_terminal && !args->interval))
		count = 1;
	view.live = cli->out_terminal && cli->colour && count != 1 && !cli->json;
	rc = reach_open(cli, argv[0], &reach);
	while (rc == 0) {
		view.instance = reach.instance;
		rc = top_watch(&reach.machine, args->interval ? args->interval : INTERVAL_S, count,
			       &sink, &cli->error);
		if (rc == 0 || interrupted() || count ||
		    (cli->error.kind != ERROR_NETWORK && cli->error.kind != ERROR_TIMEOUT))
			break;
		cli_note(cli, "%s; connecting again", cli->error.message);
		rc = reach_again(cli, &reach, 60);
	}
	reach_close(&reach);
	if (rc < 0 && interrupted() && view.nr) { /* how one leaves it */
		error_clear(&cli->error);
		interrupt_take();
		return 0;
	}
	return rc;
}

const struct command cmd_top = {
	.name = "top",
	.group = "Use",
	.summary = "is my model on the GPU? What the GPUs do right now",
	.usage = "gpucloud top [options] NAME|ID",
	.details = "Each GPU's use, memory, power and heat, who has it open, and a verdict in one\n"
		   "line. On a terminal until Ctrl-C; through a pipe one look.",
	.opts = top_opts,
	.args_size = sizeof(struct top_args),
	.examples = "gpucloud top train\n"
		    "gpucloud top --once --json train | jq .verdict\n",
	.min_args = 1,
	.max_args = 1,
	.run = top_run,
};
