/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu-selftest/src/lenet.h"

static int finish(const char *text)
{
	return fputs(text, stdout) < 0 || fputs("\n", stdout) < 0 || fflush(stdout) != 0 ? -1 : 0;
}

static const struct job *trained_gpu(const struct report *r)
{
	for (unsigned i = 0; i < r->gpu_count; i++)
		if (r->gpus[i].training.known)
			return &r->gpus[i];
	return NULL;
}

/* How many times faster a step is on the GPU; 0 where one of both is not known. */
static double speedup(const struct training *gpu, const struct training *cpu)
{
	if (!gpu->known || !cpu->known || gpu->seconds <= 0 || cpu->steps == 0)
		return 0;
	return cpu->seconds / cpu->steps / (gpu->seconds / gpu->steps);
}

static void put_training(struct json *j, const struct report *r)
{
	const struct job *gpu = trained_gpu(r);
	const struct training *cpu = &r->cpu->training;
	const struct training *best = gpu != NULL ? &gpu->training : cpu;
	char device[32];
	json_open(j, "train", '{');
	if (best->known) {
		json_open(j, "lenet", '{');
		snprintf(device, sizeof(device), gpu != NULL ? "gpu%d" : "cpu",
			 gpu != NULL ? gpu->who : 0);
		json_string(j, "device", device);
		json_string(j, "sha256", best->sha256);
		json_bool(j, "match", best->match != 0);
		json_int(j, "steps", best->steps);
		json_real(j, "accuracy",
			  (double)best->correct / (best->total > 0 ? best->total : 1), 4);
		if (gpu != NULL)
			json_real(j, "gpu_s", gpu->training.seconds, 4);
		if (cpu->known) {
			json_open(j, "cpu", '{');
			json_string(j, "sha256", cpu->sha256);
			json_bool(j, "match", cpu->match != 0);
			json_int(j, "steps", cpu->steps);
			json_int(j, "threads", cpu->threads);
			json_real(j, "seconds", cpu->seconds, 4);
			json_close(j, '}');
		}
		if (gpu != NULL && cpu->known && !r->probe->simulated)
			json_real(j, "speedup", speedup(&gpu->training, cpu), 1);
		json_close(j, '}');
	}
	json_close(j, '}');
}

int report_json(const struct report *r)
{
	struct json j = { 0 };
	char when[32];
	struct tm utc;
	gmtime_r(&r->when, &utc);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
	json_open(&j, NULL, '{');
	json_string(&j, "schema", "gpucloud.selftest/1");
	json_string(&j, "tool", GPUCLOUD_VERSION);
	json_string(&j, "started", when);
	json_real(&j, "elapsed_s", record_clock() - r->all->started, 3);
	json_string(&j, "mode", r->all->options->full ? "full" : "quick");
	json_bool(&j, "simulated", r->probe->simulated);
	json_string(&j, "verdict", severity_name(r->all->worst));
	json_int(&j, "exit", r->exit_code);
	json_raw(&j, r->probe->fields.text);
	json_open(&j, "checks", '[');
	json_raw(&j, r->probe->checks.text);
	json_raw(&j, r->cpu->checks.text);
	json_close(&j, ']');
	json_open(&j, "gpus", '[');
	for (unsigned i = 0; i < r->gpu_count; i++) {
		json_open(&j, NULL, '{');
		json_int(&j, "index", r->gpus[i].who);
		json_raw(&j, r->gpus[i].fields.text);
		json_string(&j, "verdict", severity_name(r->gpus[i].worst));
		json_open(&j, "checks", '[');
		json_raw(&j, r->gpus[i].checks.text);
		json_close(&j, ']');
		json_close(&j, '}');
	}
	json_close(&j, ']');
	put_training(&j, r);
	json_open(&j, "problems", '[');
	json_raw(&j, r->all->problems.text);
	json_close(&j, ']');
	json_close(&j, '}');
	int rc = finish(j.text);
	json_release(&j);
	return rc;
}

/*
 * The value of a key in JSON that we wrote ourselves, as text, and where it ended; NULL where there
 * is none. Quotes within strings are escaped, so a key in quotes stands for itself.
 */
static const char *value_of(const char *json, const char *key, char *out, size_t size)
{
	char quoted[64];
	out[0] = '\0';
	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	const char *at = json != NULL ? strstr(json, quoted) : NULL;
	if (at == NULL)
		return NULL;
	at += strlen(quoted);
	if (*at != '"') {
		size_t length = strcspn(at, ",}]");
		snprintf(out, size, "%.*s", (int)length, at);
		return at + length;
	}
	size_t used = 0;
	for (at++; *at != '\0' && *at != '"'; at++) {
		if (*at == '\\' && (at[1] == '"' || at[1] == '\\'))
			at++;
		if (used + 1 < size)
			out[used++] = *at;
	}
	out[used] = '\0';
	return at;
}

static void print_checks(const char *checks)
{
	char id[64], verdict[16], value[64], unit[16], fraction[16];
	const char *at = checks;
	while ((at = value_of(at, "id", id, sizeof(id))) != NULL) {
		const char *next = strstr(at, "\"id\":");
		char one[1024];
		snprintf(one, sizeof(one), "%.*s",
			 next != NULL ? (int)(next - at) : (int)strlen(at), at);
		value_of(one, "verdict", verdict, sizeof(verdict));
		value_of(one, "value", value, sizeof(value));
		value_of(one, "unit", unit, sizeof(unit));
		value_of(one, "fraction", fraction, sizeof(fraction));
		if (value[0] != '\0')
			printf("  %-20s %-8s %s %s, %.0f %% of peak\n", id, verdict, value, unit,
			       strtod(fraction, NULL) * 100);
		else
			printf("  %-20s %s\n", id, verdict);
	}
}

static void print_problems(const char *problems)
{
	char severity[16], text[1200], advice[256];
	const char *at = problems;
	while ((at = value_of(at, "severity", severity, sizeof(severity))) != NULL) {
		at = value_of(at, "text", text, sizeof(text));
		at = at != NULL ? value_of(at, "advice", advice, sizeof(advice)) : NULL;
		printf("%s: %s\n", severity, text);
		if (at == NULL)
			return;
		if (advice[0] != '\0')
			printf("  %s\n", advice);
	}
}

static void print_training(const struct report *r)
{
	const struct job *gpu = trained_gpu(r);
	const struct training *cpu = &r->cpu->training;
	if (cpu->known)
		printf("CPU: %u training steps in %.2f s on %u threads, %s\n", cpu->steps,
		       cpu->seconds, cpu->threads,
		       cpu->match ? "right to the bit" : "WRONG weights");
	if (gpu != NULL && cpu->known && !r->probe->simulated)
		printf("GPU %d trains %.0f times as fast\n", gpu->who,
		       speedup(&gpu->training, cpu));
}

int report_text(const struct report *r)
{
	char name[128], memory[32];
	if (r->probe->simulated)
		puts("simulated GPU: computed on the CPU, this says nothing of any hardware");
	for (unsigned i = 0; i < r->gpu_count; i++) {
		const struct job *g = &r->gpus[i];
		value_of(g->fields.text, "name", name, sizeof(name));
		value_of(g->fields.text, "memory_bytes", memory, sizeof(memory));
		printf("GPU %d: %s, %.1f GiB: %s\n", g->who, name[0] != '\0' ? name : "unknown",
		       strtod(memory, NULL) / (1024.0 * 1024 * 1024), severity_name(g->worst));
		print_checks(g->checks.text);
	}
	print_training(r);
	print_problems(r->all->problems.text);
	printf("verdict: %s (exit %d, %.1f s)\n", severity_name(r->all->worst), r->exit_code,
	       record_clock() - r->all->started);
	return fflush(stdout) != 0 ? -1 : 0;
}
