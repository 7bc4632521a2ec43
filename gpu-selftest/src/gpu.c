/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/gpu.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gpu-selftest/src/base_ptx.h"

#define KERNEL_THREADS 256u

#define KERNEL_NAME(name, type) [K_##name] = #name,
static const char *const kernel_names[KERNEL_COUNT] = { KERNELS_TRAIN(KERNEL_NAME)
								KERNELS_OTHER(KERNEL_NAME) };
#define KERNEL_SIZE(name, type) [K_##name] = sizeof(struct type),
static const size_t kernel_sizes[KERNEL_COUNT] = { KERNELS_TRAIN(KERNEL_SIZE)
							   KERNELS_OTHER(KERNEL_SIZE) };

int gpu_facts(const struct driver *d, int device, struct gpu_facts *f, int *code)
{
	size_t memory = 0;
	unsigned char uuid[16];
	memset(f, 0, sizeof(*f));
	const struct {
		int *value, attribute;
	} attributes[] = {
		{ &f->sms, CU_ATTR_SMS },
		{ &f->major, CU_ATTR_MAJOR },
		{ &f->minor, CU_ATTR_MINOR },
		{ &f->clock_khz, CU_ATTR_CLOCK_KHZ },
		{ &f->memory_khz, CU_ATTR_MEMORY_KHZ },
		{ &f->bus_bits, CU_ATTR_BUS_BITS },
	};
	if ((*code = d->name(f->name, sizeof(f->name), device)) != 0 ||
	    (*code = d->bus_id(f->bus_id, sizeof(f->bus_id), device)) != 0 ||
	    (*code = d->total_memory(&memory, device)) != 0)
		return -1;
	f->name[sizeof(f->name) - 1] = f->bus_id[sizeof(f->bus_id) - 1] = '\0';
	f->memory = memory;
	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
		if ((*code = d->attribute(attributes[i].value, attributes[i].attribute, device)) !=
		    0)
			return -1;
	if (d->uuid != NULL && d->uuid(uuid, device) == 0) {
		size_t at = (size_t)snprintf(f->uuid, sizeof(f->uuid), "GPU-");
		for (unsigned i = 0; i < 16; i++)
			at += (size_t)snprintf(f->uuid + at, sizeof(f->uuid) - at, "%s%02x",
					       i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
					       uuid[i]);
	}
	f->simulated = strstr(f->name, GPU_SIMULATED) != NULL;
	f->spec = spec_find(f->name, f->memory);
	return 0;
}

int gpu_checked(struct gpu *g, int code)
{
	char text[128];
	if (code == 0)
		return 0;
	g->last_error = code;
	snprintf(g->engine.error, sizeof(g->engine.error), "%s",
		 driver_error(&g->driver, code, text, sizeof(text)));
	return -1;
}

static cu_memory address(const void *memory)
{
	return (cu_memory)(uintptr_t)memory;
}

static int gpu_alloc(struct engine *e, size_t bytes, void **memory)
{
	struct gpu *g = e->ctx;
	cu_memory made = 0;
	if (gpu_checked(g, g->driver.alloc(&made, bytes)) != 0)
		return -1;
	*memory = (void *)(uintptr_t)made;
	return 0;
}

static int gpu_put(struct engine *e, void *memory, const void *from, size_t bytes)
{
	struct gpu *g = e->ctx;
	return gpu_checked(g, g->driver.put(address(memory), from, bytes));
}

static int gpu_get(struct engine *e, void *to, const void *memory, size_t bytes)
{
	struct gpu *g = e->ctx;
	return gpu_checked(g, g->driver.get(to, address(memory), bytes));
}

static int gpu_fill(struct engine *e, void *memory, unsigned char value, size_t bytes)
{
	struct gpu *g = e->ctx;
	return gpu_checked(g, g->driver.set(address(memory), value, bytes));
}

static int gpu_launch(struct engine *e, enum kernel kernel, unsigned blocks, const void *args)
{
	struct gpu *g = e->ctx;
	unsigned char copy[256];
	void *params[] = { copy };
	memcpy(copy, args, kernel_sizes[kernel]);
	return gpu_checked(g, g->driver.launch(g->functions[kernel], blocks, 1, 1, KERNEL_THREADS,
					       1, 1, 0, NULL, params, NULL));
}

static int gpu_finish(struct engine *e)
{
	struct gpu *g = e->ctx;
	return gpu_checked(g, g->driver.synchronize());
}

/* What is known of the error decides whether the GPU is bad or we could not look. */
int gpu_stopped(struct gpu *g, const char *doing)
{
	enum severity severity = SEVERITY_UNKNOWN;
	const char *id = "cuda.error",
		   *advice = "look at dmesg; run again, then try another machine";
	switch (g->last_error) {
	case CU_ECC_UNCORRECTABLE:
	case CU_NVLINK_UNCORRECTABLE:
		severity = SEVERITY_FAIL;
		id = "cuda.ecc";
		advice = "terminate this machine and launch another; the cloud wants its serial";
		break;
	case CU_NO_MEMORY:
		id = "cuda.memory";
		advice = "end what uses the GPU's memory and run again";
		break;
	case CU_NO_JIT:
		id = "driver.jit_missing";
		advice = "the image lacks libnvidia-ptxjitcompiler, a part of the driver's package";
		break;
	case CU_NEWER_PTX:
	case CU_INVALID_PTX:
		id = "driver.ptx";
		advice = "the driver is too old for our kernels (they need CUDA 7.5); update it";
		break;
	default:
		/* our kernels are known to end well: 700 to 719 are the GPU's own exceptions */
		if (g->last_error >= CU_ILLEGAL_ADDRESS && g->last_error <= CU_LAUNCH_FAILED) {
			severity = SEVERITY_FAIL;
			id = "cuda.exception";
			advice = "terminate this machine and launch another";
		}
		break;
	}
	record_problem(g->record, severity, id, advice, "GPU %d: %s failed: %s", g->device, doing,
		       g->engine.error);
	return -1;
}

int gpu_start_timer(struct gpu *g)
{
	return gpu_checked(g, g->driver.event_record(g->events[0], NULL));
}

int gpu_stop_timer(struct gpu *g, double *seconds)
{
	float milliseconds = 0;
	if (gpu_checked(g, g->driver.event_record(g->events[1], NULL)) != 0 ||
	    gpu_checked(g, g->driver.event_wait(g->events[1])) != 0 ||
	    gpu_checked(g, g->driver.event_elapsed(&milliseconds, g->events[0], g->events[1])) != 0)
		return -1;
	/* below the clock's resolution there is no speed to speak of */
	*seconds = milliseconds > 1e-4f ? (double)milliseconds / 1e3 : 1e-7;
	return 0;
}

int gpu_enter(struct gpu *g)
{
	g->engine = (struct engine){ .ctx = g,
				     .alloc = gpu_alloc,
				     .put = gpu_put,
				     .get = gpu_get,
				     .fill = gpu_fill,
				     .launch = gpu_launch,
				     .finish = gpu_finish };
	if (gpu_checked(g, g->driver.create(&g->context, 0, g->device)) != 0 ||
	    gpu_checked(g, g->driver.event_create(&g->events[0], 0)) != 0 ||
	    gpu_checked(g, g->driver.event_create(&g->events[1], 0)) != 0)
		return -1;
	return 0;
}

int gpu_load(struct gpu *g, const char **doing)
{
	char log[1024] = "";
	int options[] = { CU_JIT_ERROR_LOG, CU_JIT_ERROR_LOG_BYTES };
	void *values[] = { log, (void *)(uintptr_t)sizeof(log) };
	*doing = "loading the kernels";
	if (gpu_checked(g, g->driver.load(&g->module, base_ptx, 2, options, values)) != 0) {
		size_t used = strlen(g->engine.error);
		log[sizeof(log) - 1] = '\0';
		if (log[0] != '\0')
			snprintf(g->engine.error + used, sizeof(g->engine.error) - used, ": %.*s",
				 (int)strcspn(log, "\n"), log);
		return -1;
	}
	for (unsigned k = 0; k < KERNEL_COUNT; k++) {
		*doing = kernel_names[k];
		if (gpu_checked(g, g->driver.function(&g->functions[k], g->module,
						      kernel_names[k])) != 0)
			return -1;
	}
	return 0;
}

int gpu_open(struct gpu *g)
{
	const char *doing;
	struct json j;
	record_phase(g->record, "context", 120);
	if (gpu_enter(g) != 0)
		return gpu_stopped(g, "opening it");
	record_phase(g->record, "jit", 120);
	if (gpu_load(g, &doing) != 0)
		return gpu_stopped(g, doing);
	record_check_begin(&j, "jit", SEVERITY_PASS, NULL);
	record_check_end(g->record, &j);
	return 0;
}

void gpu_close(struct gpu *g)
{
	for (unsigned i = 0; i < 2; i++)
		if (g->events[i] != NULL)
			g->driver.event_destroy(g->events[i]);
	if (g->context != NULL)
		g->driver.destroy(g->context);
	g->context = NULL;
}

void gpu_record_speed(struct gpu *g, const char *id, const char *unit, double value, double peak,
		      double expected)
{
	const struct spec *spec = g->facts.spec;
	enum severity verdict = spec_judge(spec, value, peak, expected);
	struct json j;
	bool rated = spec != NULL && strcmp(spec->rating, "measured") == 0;
	record_check_begin(&j, id, verdict, rated ? NULL : "provisional: not yet measured on one");
	json_real(&j, "value", value, 1);
	json_string(&j, "unit", unit);
	json_real(&j, "peak", peak, 1);
	json_real(&j, "fraction", value / peak, 3);
	json_real(&j, "expect", expected, 3);
	json_real(&j, "warn_below", 0.95 * expected, 3);
	json_real(&j, "fail_below", 0.85 * expected, 3);
	json_bool(&j, "rated", rated);
	record_check_end(g->record, &j);
	if (verdict != SEVERITY_PASS)
		record_problem(g->record, verdict, id,
			       "run again; where it stays slow, try another machine",
			       "GPU %d: %s is %.0f %s, %.0f expected", g->device, id, value, unit,
			       peak * expected);
}
