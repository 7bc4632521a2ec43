/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/health.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EVERY_MS 50
#define REPLACE	 "terminate this machine and launch another; tell the cloud the serial number"

long long health_used_by_others(const struct gpu *g)
{
	const struct nvml *n = &g->nvml;
	struct nvml_memory2 two = { .version = (unsigned)sizeof(two) | 2u << 24 };
	struct nvml_memory one;
	if (g->nvml_device == NULL)
		return -1;
	/* the second version leaves out what the driver itself keeps */
	if (n->memory2 != NULL && n->memory2(g->nvml_device, &two) == 0)
		return (long long)two.used;
	if (n->memory != NULL && n->memory(g->nvml_device, &one) == 0)
		return (long long)one.used;
	return -1;
}

static void count(const struct gpu *g, struct health_counters *c)
{
	const struct nvml *n = &g->nvml;
	void *d = g->nvml_device;
	unsigned a, b, pending, failed;
	unsigned long long errors;
	memset(c, 0xff, sizeof(*c));
	if (d == NULL)
		return;
	if (n->ecc_mode != NULL && n->ecc_mode(d, &a, &b) == 0)
		c->ecc_mode = a;
	if (n->ecc_errors != NULL && n->ecc_errors(d, 1, 0, &errors) == 0)
		c->uncorrected = (long long)errors;
	if (n->ecc_errors != NULL && n->ecc_errors(d, 0, 0, &errors) == 0)
		c->corrected = (long long)errors;
	if (n->remapped != NULL && n->remapped(d, &a, &b, &pending, &failed) == 0) {
		c->remap_pending = pending;
		c->remap_failed = failed;
	}
	if (n->retired_pending != NULL && n->retired_pending(d, &pending) == 0)
		c->retired_pending = pending;
}

static void sample(struct health *h)
{
	const struct nvml *n = &h->g->nvml;
	void *d = h->g->nvml_device;
	unsigned value;
	unsigned long long reasons;
	if (h->samples < HEALTH_SAMPLES && n->clock != NULL && n->clock(d, 1, &value) == 0)
		h->mhz[h->samples++] = value;
	if (n->power != NULL && n->power(d, &value) == 0 && value > h->power_mw)
		h->power_mw = value;
	if (n->temperature != NULL && n->temperature(d, 0, &value) == 0 && value > h->temperature)
		h->temperature = value;
	if (n->slow_reasons != NULL && n->slow_reasons(d, &reasons) == 0)
		h->reasons |= reasons;
	/* links sleep when idle: the most that was seen under load is what there is */
	if (n->link_width != NULL && n->link_width(d, &value) == 0 && value > h->link_width)
		h->link_width = value;
	if (n->link_gen != NULL && n->link_gen(d, &value) == 0 && value > h->link_gen)
		h->link_gen = value;
}

/* Waiting for an event is the pause between two samples. */
static bool wait_event(struct health *h)
{
	struct nvml_event event;
	memset(&event, 0, sizeof(event));
	int rc = h->g->nvml.events_wait(h->events, &event, EVERY_MS);
	if (rc == 0 && event.type == NVML_EVENT_XID && h->xid_count < HEALTH_XIDS)
		h->xids[h->xid_count++] = (unsigned)event.data;
	return rc == 0 || rc == NVML_TIMEOUT;
}

static void *watch(void *ctx)
{
	struct health *h = ctx;
	const struct timespec pause = { .tv_nsec = EVERY_MS * 1000000L };
	bool events = h->events != NULL;
	while (!atomic_load(&h->stop)) {
		sample(h);
		if (events)
			events = wait_event(h);
		else
			nanosleep(&pause, NULL);
	}
	sample(h);
	return NULL;
}

static void open_events(struct health *h)
{
	const struct nvml *n = &h->g->nvml;
	if (n->events_create == NULL || n->events_register == NULL || n->events_wait == NULL ||
	    n->events_free == NULL || n->events_create(&h->events) != 0) {
		h->events = NULL;
		return;
	}
	if (n->events_register(h->g->nvml_device, NVML_EVENT_XID, h->events) != 0) {
		n->events_free(h->events);
		h->events = NULL;
	}
}

void health_start(struct health *h, struct gpu *g)
{
	memset(h, 0, sizeof(*h));
	h->g = g;
	count(g, &h->before);
	if (g->nvml_device == NULL)
		return;
	open_events(h);
	h->running = pthread_create(&h->thread, NULL, watch, h) == 0;
}

static void put_counter(struct json *j, const char *name, long long value)
{
	if (value < 0)
		json_null(j, name);
	else
		json_int(j, name, value);
}

static void put_counters(struct json *j, const char *key, const struct health_counters *c)
{
	json_open(j, key, '{');
	put_counter(j, "ecc_mode", c->ecc_mode);
	put_counter(j, "ecc_uncorrected", c->uncorrected);
	put_counter(j, "ecc_corrected", c->corrected);
	put_counter(j, "remap_pending", c->remap_pending);
	put_counter(j, "remap_failed", c->remap_failed);
	put_counter(j, "retired_pending", c->retired_pending);
	json_close(j, '}');
}

static const struct reason {
	unsigned long long bit;
	const char *name;
	enum severity severity;
} slow_reasons[] = {
	{ NVML_SLOW_POWER_CAP, "sw_power_cap", SEVERITY_PASS },
	{ NVML_SLOW_SW_THERMAL, "sw_thermal", SEVERITY_WARN },
	{ NVML_SLOW_HARDWARE, "hw_slowdown", SEVERITY_FAIL },
	{ NVML_SLOW_HW_THERMAL, "hw_thermal", SEVERITY_FAIL },
	{ NVML_SLOW_POWER_BRAKE, "hw_power_brake", SEVERITY_FAIL },
};
#define REASONS (sizeof(slow_reasons) / sizeof(*slow_reasons))

static int compare(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
	return (x > y) - (x < y);
}

static void put_field(struct health *h)
{
	struct json j = { 0 };
	json_open(&j, "nvml", '{');
	put_counters(&j, "before", &h->before);
	put_counters(&j, "after", &h->after);
	json_open(&j, "samples", '{');
	json_int(&j, "count", h->samples);
	if (h->samples > 0) {
		qsort(h->mhz, h->samples, sizeof(*h->mhz), compare);
		json_int(&j, "sm_mhz_p50", h->mhz[h->samples / 2]);
	}
	json_real(&j, "power_w_max", h->power_mw / 1e3, 1);
	json_int(&j, "temp_c_max", h->temperature);
	json_int(&j, "pcie_width", h->link_width);
	json_int(&j, "pcie_gen", h->link_gen);
	json_open(&j, "throttle", '[');
	for (size_t i = 0; i < REASONS; i++)
		if ((h->reasons & slow_reasons[i].bit) != 0)
			json_string(&j, NULL, slow_reasons[i].name);
	json_close(&j, ']');
	json_open(&j, "xids", '[');
	for (unsigned i = 0; i < h->xid_count; i++)
		json_int(&j, NULL, h->xids[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	json_close(&j, '}');
	record_fields(h->g->record, &j);
	json_release(&j);
}

/* One problem, and the worst of them for the check. */
#define PROBLEM(worst, severity, ...)                                  \
	do {                                                           \
		record_problem(h->g->record, (severity), __VA_ARGS__); \
		if ((severity) > (worst))                              \
			(worst) = (severity);                          \
	} while (0)

static enum severity judge_counters(struct health *h)
{
	const struct health_counters *b = &h->before, *a = &h->after;
	enum severity worst = SEVERITY_PASS;
	int gpu = h->g->device;
	if (b->uncorrected >= 0 && a->uncorrected > b->uncorrected)
		PROBLEM(worst, SEVERITY_FAIL, "health.ecc_uncorrected", REPLACE,
			"GPU %d: %lld uncorrectable memory errors during the test", gpu,
			a->uncorrected - b->uncorrected);
	else if (b->uncorrected > 0)
		PROBLEM(worst, SEVERITY_WARN, "health.ecc_before", REPLACE,
			"GPU %d: %lld uncorrectable memory errors since the machine started", gpu,
			b->uncorrected);
	if (b->corrected >= 0 && a->corrected > b->corrected)
		PROBLEM(worst, SEVERITY_WARN, "health.ecc_corrected", "run again with --full",
			"GPU %d: %lld corrected memory errors during the test", gpu,
			a->corrected - b->corrected);
	if (a->remap_failed > 0)
		PROBLEM(worst, SEVERITY_FAIL, "health.remap_failed", REPLACE,
			"GPU %d: a bad memory row could not be replaced", gpu);
	if (a->remap_pending > 0 || a->retired_pending > 0)
		PROBLEM(worst, SEVERITY_WARN, "health.remap_pending",
			"restart the machine, or launch another",
			"GPU %d: bad memory waits to be replaced at the next reset", gpu);
	if (a->ecc_mode == 0)
		PROBLEM(worst, SEVERITY_WARN, "health.ecc_off", "turn ECC on, or launch another",
			"GPU %d: ECC is off", gpu);
	return worst;
}

/* From https://docs.nvidia.com/deploy/xid-errors/: the GPU, its memory or its links. */
static bool fatal_xid(unsigned xid)
{
	static const unsigned fatal[] = { 48, 62, 63, 64, 74, 79, 94, 95, 119, 120 };
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		if (fatal[i] == xid)
			return true;
	return false;
}

static enum severity judge_run(struct health *h)
{
	enum severity worst = SEVERITY_PASS;
	int gpu = h->g->device;
	const struct spec *spec = h->g->facts.spec;
	for (unsigned i = 0; i < h->xid_count; i++) {
		bool fatal = fatal_xid(h->xids[i]);
		PROBLEM(worst, fatal ? SEVERITY_FAIL : SEVERITY_WARN,
			fatal ? "health.xid" : "health.xid_minor",
			fatal ? REPLACE : "look at dmesg; run again",
			"GPU %d: the driver reported XID %u during the test", gpu, h->xids[i]);
	}
	for (size_t i = 0; i < REASONS; i++)
		if ((h->reasons & slow_reasons[i].bit) != 0 &&
		    slow_reasons[i].severity > SEVERITY_PASS)
			PROBLEM(worst, slow_reasons[i].severity, "health.throttle",
				"launch another machine: this one is not cooled or powered enough",
				"GPU %d: clocks were lowered: %s, %u C", gpu, slow_reasons[i].name,
				h->temperature);
	if (spec != NULL && h->link_width > 0 && h->link_width < (unsigned)spec->pcie_width)
		PROBLEM(worst, SEVERITY_WARN, "pcie.width",
			"copies to and from it are slow; launch another machine where that matters",
			"GPU %d: its PCIe link has %u lanes, %.0f expected", gpu, h->link_width,
			spec->pcie_width);
	return worst;
}

void health_stop(struct health *h)
{
	struct gpu *g = h->g;
	struct json j;
	enum severity verdict = SEVERITY_UNKNOWN, run;
	record_phase(g->record, "health", 30);
	if (h->running) {
		atomic_store(&h->stop, true);
		pthread_join(h->thread, NULL);
	}
	if (h->events != NULL)
		g->nvml.events_free(h->events);
	count(g, &h->after);
	if (g->nvml_device != NULL) {
		verdict = judge_counters(h);
		run = judge_run(h);
		verdict = run > verdict ? run : verdict;
	}
	put_field(h);
	record_check_begin(&j, "health", verdict,
			   g->nvml_device == NULL ? "NVML does not answer for this GPU" : NULL);
	record_check_end(g->record, &j);
}
