/* SPDX-License-Identifier: Apache-2.0 */
/* The phases of one GPU, in their order. */
#include <stdio.h>
#include <string.h>

#include "gpu-selftest/src/gpu.h"
#include "gpu-selftest/src/health.h"
#include "gpu-selftest/src/machine.h"

#define MIB	   (1024.0 * 1024.0)
#define BUSY_SHARE 0.05
/* without NVML our own context counts as used; none is larger */
#define OWN_CONTEXT (600 * MIB)

static void put_facts(const struct gpu *g)
{
	const struct gpu_facts *f = &g->facts;
	char cc[16], serial[64] = "";
	struct json j = { 0 };
	snprintf(cc, sizeof(cc), "%d.%d", f->major, f->minor);
	json_string(&j, "name", f->name);
	json_string(&j, "uuid", f->uuid);
	json_string(&j, "pci", f->bus_id);
	if (g->nvml_device != NULL && g->nvml.serial != NULL &&
	    g->nvml.serial(g->nvml_device, serial, sizeof(serial)) == 0)
		json_string(&j, "serial", serial);
	else
		json_null(&j, "serial");
	if (f->spec != NULL)
		json_string(&j, "spec", f->spec->id);
	else
		json_null(&j, "spec");
	json_bool(&j, "simulated", f->simulated);
	json_string(&j, "cc", cc);
	json_int(&j, "sms", f->sms);
	json_int(&j, "memory_bytes", (long long)f->memory);
	record_fields(g->record, &j);
	json_release(&j);
}

/* Is it the whole GPU that its name promises? */
static void check_whole(struct gpu *g)
{
	const struct gpu_facts *f = &g->facts;
	const struct spec *s = f->spec;
	enum severity verdict = SEVERITY_PASS;
	struct json j;
	unsigned mode = 0, pending;
	double gib = (double)f->memory / MIB / 1024;
	double clock_gbs = 2.0 * f->memory_khz * 1e3 * f->bus_bits / 8 / 1e9;
	if (g->nvml_device != NULL && g->nvml.mig != NULL &&
	    g->nvml.mig(g->nvml_device, &mode, &pending) == 0 && mode == 1)
		g->mig = true;
	if (s == NULL)
		record_problem(g->record, verdict = SEVERITY_WARN, "spec.unknown", NULL,
			       "GPU %d: '%s' is not in our table; speeds are held against what "
			       "its driver says",
			       g->device, f->name);
	else if (g->mig || f->sms < (int)s->sms || gib < 0.88 * s->memory_gb)
		record_problem(g->record, verdict = SEVERITY_WARN, "inventory.part",
			       "ask the cloud for a whole GPU where you pay for one",
			       "GPU %d: a part of a %s%s: %d of %.0f multiprocessors, %.1f of %.0f "
			       "GB",
			       g->device, s->id, g->mig ? " (MIG)" : "", f->sms, s->sms, gib,
			       s->memory_gb);
	if (s != NULL && clock_gbs > 0 &&
	    (clock_gbs < 0.94 * s->gbs || clock_gbs > 1.06 * s->gbs) && verdict == SEVERITY_PASS)
		record_problem(g->record, verdict = SEVERITY_WARN, "spec.memory_clock", NULL,
			       "GPU %d: memory clock and bus make %.0f GB/s, a %s has %.0f",
			       g->device, clock_gbs, s->id, s->gbs);
	record_check_begin(&j, "inventory.gpu", verdict, NULL);
	json_bool(&j, "mig", g->mig);
	json_real(&j, "memory_gib", gib, 2);
	json_real(&j, "clock_gbs", clock_gbs, 1);
	record_check_end(g->record, &j);
}

/* Another process would falsify the speeds, and our memory test could end it. */
static bool is_busy(struct gpu *g, double used)
{
	struct json j;
	bool busy = used > BUSY_SHARE * (double)g->facts.memory;
	if (!busy)
		return false;
	record_check_begin(&j, "gpu.busy", g->options->shared ? SEVERITY_PASS : SEVERITY_UNKNOWN,
			   NULL);
	json_real(&j, "used_mib", used / MIB, 0);
	record_check_end(g->record, &j);
	if (g->options->shared)
		return false;
	record_problem(g->record, SEVERITY_UNKNOWN, "gpu.busy",
		       "end what runs there, or test beside it with --shared",
		       "GPU %d: other processes hold %.0f MiB of its memory", g->device,
		       used / MIB);
	return true;
}

static void run_phases(struct gpu *g)
{
	if (phase_memory(g) != 0 || phase_bandwidth(g) != 0 || phase_product(g) != 0)
		return;
	(void)phase_train(g);
}

static void test_opened(struct gpu *g, bool asked)
{
	size_t unused, total;
	if (gpu_open(g) != 0)
		return;
	if (!asked && gpu_checked(g, g->driver.memory_info(&unused, &total)) == 0 &&
	    is_busy(g, (double)total - (double)unused - OWN_CONTEXT))
		return;
	run_phases(g);
}

void gpu_test(struct record *record, const struct options *options, int device)
{
	static struct gpu g;
	static struct health health;
	char why[256];
	int code;
	g = (struct gpu){ .record = record, .options = options, .device = device };
	record_phase(record, "init", 120);
	if (driver_load(&g.driver, g.engine.error, sizeof(g.engine.error)) != 0) {
		gpu_stopped(&g, "loading the driver");
		return;
	}
	if (gpu_checked(&g, g.driver.init(0)) != 0 ||
	    gpu_checked(&g, g.driver.device(&g.device, device)) != 0) {
		gpu_stopped(&g, "starting the driver");
		return;
	}
	if (gpu_facts(&g.driver, g.device, &g.facts, &code) != 0) {
		(void)gpu_checked(&g, code);
		gpu_stopped(&g, "asking what it is");
		return;
	}
	if (nvml_open(&g.nvml, why, sizeof(why)))
		g.nvml_device = nvml_device(&g.nvml, g.facts.bus_id);
	put_facts(&g);
	check_whole(&g);
	long long used = health_used_by_others(&g);
	if (used < 0 || !is_busy(&g, (double)used)) {
		health_start(&health, &g);
		test_opened(&g, used >= 0);
		health_stop(&health);
		gpu_close(&g);
	}
	nvml_close(&g.nvml);
}
