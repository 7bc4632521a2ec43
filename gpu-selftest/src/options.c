/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: gpu-selftest [OPTIONS]\n"
	"       gpu-selftest train|predict lenet|predictor [OPTIONS]   (a job: train --help)\n"
	"\n"
	"Tests every NVIDIA GPU of this machine: memory, bandwidth, exact arithmetic, and a small\n"
	"training whose outcome is known to the bit. Prints one JSON object.\n"
	"\n"
	"  --quick          a part of the memory, short runs (default)\n"
	"  --full           all free memory, longer runs\n"
	"  --gpu N          only the GPU that CUDA calls N\n"
	"  --shared         test although another process uses the GPU\n"
	"  --no-cpu         leave the CPU's training out\n"
	"  --warn-ok        exit 0 where there are only warnings\n"
	"  --json           the result as JSON (default)\n"
	"  --text           the result for people\n"
	"  --progress WHAT  on stderr: text (default), json, none\n"
	"  --deadline S     seconds for each phase (default: its own limit, 30 to 300)\n"
	"  --version\n"
	"  --help\n"
	"\n"
	"exit: 0 pass, 1 warn, 2 fail, 3 unknown (no GPU, no driver, no answer), 64 usage, 70 bug\n"
	"\n"
	"  gpu-selftest --text             is this machine good?\n"
	"  gpu-selftest --full >gpu.json   take your time, keep the record\n";

enum {
	OPT_QUICK = 256,
	OPT_FULL,
	OPT_GPU,
	OPT_SHARED,
	OPT_NO_CPU,
	OPT_WARN_OK,
	OPT_JSON,
	OPT_TEXT,
	OPT_PROGRESS,
	OPT_DEADLINE,
	OPT_VERSION,
	OPT_HELP,
};

static const struct option table[] = {
	{ "quick", no_argument, NULL, OPT_QUICK },
	{ "full", no_argument, NULL, OPT_FULL },
	{ "gpu", required_argument, NULL, OPT_GPU },
	{ "shared", no_argument, NULL, OPT_SHARED },
	{ "no-cpu", no_argument, NULL, OPT_NO_CPU },
	{ "warn-ok", no_argument, NULL, OPT_WARN_OK },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "text", no_argument, NULL, OPT_TEXT },
	{ "progress", required_argument, NULL, OPT_PROGRESS },
	{ "deadline", required_argument, NULL, OPT_DEADLINE },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static int usage(const char *what, const char *value)
{
	fprintf(stderr, "gpu-selftest: %s%s%s%s\ntry: gpu-selftest --help\n", what,
		value != NULL ? " '" : "", value != NULL ? value : "", value != NULL ? "'" : "");
	return EXIT_USE;
}

static bool number(const char *text, long lowest, long highest, long *value)
{
	char *end;
	errno = 0;
	*value = strtol(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *text >= '0' && *text <= '9' &&
	       *value >= lowest && *value <= highest;
}

static int progress(struct options *o, const char *how)
{
	o->progress_json = strcmp(how, "json") == 0;
	o->quiet = strcmp(how, "none") == 0;
	if (!o->progress_json && !o->quiet && strcmp(how, "text") != 0)
		return usage("--progress is text, json or none, not", how);
	return -1;
}

static int one(struct options *o, int option, const char *value)
{
	long parsed;
	switch (option) {
	case OPT_QUICK:
	case OPT_FULL:
		o->full = option == OPT_FULL;
		return -1;
	case OPT_SHARED:
		o->shared = true;
		return -1;
	case OPT_NO_CPU:
		o->no_cpu = true;
		return -1;
	case OPT_WARN_OK:
		o->warn_ok = true;
		return -1;
	case OPT_JSON:
	case OPT_TEXT:
		o->text = option == OPT_TEXT;
		return -1;
	case OPT_GPU:
		if (!number(value, 0, 63, &parsed))
			return usage("--gpu wants a number from 0 to 63, not", value);
		o->gpu = (int)parsed;
		return -1;
	case OPT_DEADLINE:
		if (!number(value, 1, 3600, &parsed))
			return usage("--deadline wants 1 to 3600 seconds, not", value);
		o->deadline = (unsigned)parsed;
		return -1;
	case OPT_PROGRESS:
		return progress(o, value);
	case OPT_VERSION:
		puts("gpu-selftest " GPUCLOUD_VERSION);
		return EXIT_PASS;
	case OPT_HELP:
		fputs(help, stdout);
		return EXIT_PASS;
	default:
		return EXIT_USE;
	}
}

int options_parse(struct options *o, int argc, char **argv)
{
	*o = (struct options){ .gpu = -1 };
	const char *root = getenv("GPU_SELFTEST_ROOT");
	o->root = root != NULL ? root : "";
	opterr = 0;
	for (;;) {
		int option = getopt_long(argc, argv, ":", table, NULL);
		if (option == -1)
			break;
		if (option == ':')
			return usage("a value is missing after", argv[optind - 1]);
		if (option == '?')
			return usage("no such option:", argv[optind - 1]);
		int code = one(o, option, optarg);
		if (code >= 0)
			return code;
	}
	if (optind < argc)
		return usage("no argument is expected:", argv[optind]);
	return -1;
}
