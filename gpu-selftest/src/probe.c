/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/probe.h"

#include <stdio.h>
#include <string.h>

#include "gpu-selftest/src/driver.h"
#include "gpu-selftest/src/gpu.h"
#include "gpu-selftest/src/machine.h"
#include "gpu-selftest/src/nvml.h"

#define DRIVER_PACKAGE "install NVIDIA's driver, or launch an image that has it"

struct look {
	struct record *record;
	struct machine machine;
	struct nvml nvml;
	bool has_nvml;
	struct driver driver;
	int version, count;
	char bus_id[MACHINE_GPUS][32];
};

static void put_driver(const struct look *l)
{
	struct json j = { 0 };
	const char *version = l->nvml.version;
	json_open(&j, "driver", '{');
	if (version[0] != '\0')
		json_string(&j, "version", version);
	else
		json_null(&j, "version");
	json_int(&j, "cuda", l->version);
	json_bool(&j, "nvml", l->has_nvml);
	json_string(&j, "module", l->machine.kernel_module);
	json_close(&j, '}');
	json_open(&j, "host", '{');
	json_string(&j, "cpu", l->machine.cpu);
	json_int(&j, "pci_gpus", l->machine.count);
	json_close(&j, '}');
	record_fields(l->record, &j);
	json_release(&j);
}

/* There is no libcuda.so.1: what is missing below it? */
static void no_library(const struct look *l, const char *why)
{
	const struct machine *m = &l->machine;
	if (!m->module && m->count == 0)
		record_problem(l->record, SEVERITY_UNKNOWN, "gpu.none",
			       "launch a machine that has a GPU",
			       m->pci ? "no NVIDIA GPU on the PCI bus, and no driver: %s"
				      : "no PCI bus, and no driver: %s",
			       why);
	else if (!m->module)
		record_problem(l->record, SEVERITY_UNKNOWN, "driver.module", DRIVER_PACKAGE,
			       "%u NVIDIA GPU%s on the PCI bus, but the kernel module is not "
			       "loaded (no /proc/driver/nvidia/version)",
			       m->count, m->count == 1 ? "" : "s");
	else
		record_problem(l->record, SEVERITY_UNKNOWN, "driver.library",
			       "in a container, start it with the driver (docker run --gpus all)",
			       "the kernel module is loaded, but there is no driver library: %s",
			       why);
}

static void no_init(const struct look *l, int code)
{
	char text[128];
	const char *id = "driver.init", *advice = "look at dmesg; restart the machine";
	driver_error(&l->driver, code, text, sizeof(text));
	switch (code) {
	case CU_NO_DEVICE:
		id = "driver.no_device";
		advice = "look at dmesg: the driver sees no GPU that it can serve";
		if (l->machine.denied) {
			id = "driver.permission";
			advice = "this user may not open /dev/nvidia*; add it to their group";
		}
		break;
	case CU_NOT_READY:
		id = "driver.fabric";
		advice = "start nvidia-fabricmanager, of the driver's very version";
		break;
	case CU_DRIVER_MISMATCH:
		id = "driver.mismatch";
		advice = "library and kernel module are of different versions: restart the machine";
		break;
	default:
		break;
	}
	record_problem(l->record, SEVERITY_UNKNOWN, id, advice, "the driver does not start: %s",
		       text);
}

/* In the list of the bus, or of NVML, but not among CUDA's? */
static bool in_cuda(const struct look *l, const char *bus_id)
{
	for (int i = 0; i < l->count; i++)
		if (machine_same_bus_id(l->bus_id[i], bus_id))
			return true;
	return false;
}

static unsigned missing_of_nvml(const struct look *l, char *which, size_t size)
{
	unsigned count = 0, missing = 0;
	struct nvml_pci pci;
	if (!l->has_nvml || l->nvml.count == NULL || l->nvml.by_index == NULL ||
	    l->nvml.pci == NULL || l->nvml.count(&count) != 0)
		return 0;
	for (unsigned i = 0; i < count && i < MACHINE_GPUS; i++) {
		void *device;
		if (l->nvml.by_index(i, &device) != 0 || l->nvml.pci(device, &pci) != 0)
			continue;
		pci.id[sizeof(pci.id) - 1] = '\0';
		if (in_cuda(l, pci.id))
			continue;
		missing++;
		snprintf(which, size, "%s", pci.id);
	}
	return missing;
}

static void compare_lists(const struct look *l)
{
	const struct machine *m = &l->machine;
	char which[32] = "";
	struct json j;
	unsigned missing = missing_of_nvml(l, which, sizeof(which)), bus = 0;
	for (unsigned i = 0; i < m->count; i++) {
		if (in_cuda(l, m->id[i]))
			continue;
		bus++;
		snprintf(which, sizeof(which), "%s", m->id[i]);
	}
	missing = bus > missing ? bus : missing;
	/* a container sees the host's bus, but only the GPUs it was given */
	enum severity severity = m->restricted ? SEVERITY_WARN : SEVERITY_FAIL;
	record_check_begin(&j, "inventory", missing > 0 ? severity : SEVERITY_PASS, NULL);
	json_int(&j, "cuda", l->count);
	json_int(&j, "pci", m->count);
	json_int(&j, "missing", missing);
	record_check_end(l->record, &j);
	if (missing > 0)
		record_problem(l->record, severity, "inventory.missing",
			       m->restricted
				       ? "a container or CUDA_VISIBLE_DEVICES may hide it"
				       : "look at dmesg; terminate this machine and launch another",
			       "%u of %u GPUs are on the bus but not in CUDA, such as %s", missing,
			       missing + (unsigned)l->count, which);
}

/* -1 where there is nothing to test, with the problem recorded. */
static int list_gpus(struct look *l)
{
	struct driver *d = &l->driver;
	char why[256];
	bool simulated = false;
	int device;
	if (driver_load(d, why, sizeof(why)) != 0) {
		no_library(l, why);
		return -1;
	}
	int code = d->init(0);
	if (code == 0)
		code = d->count(&l->count);
	if (code == 0 && l->count == 0)
		code = CU_NO_DEVICE;
	if (code != 0) {
		l->count = 0;
		no_init(l, code);
		return -1;
	}
	(void)d->driver_version(&l->version);
	if (l->count > MACHINE_GPUS)
		l->count = MACHINE_GPUS;
	for (int i = 0; i < l->count; i++) {
		char name[128] = "";
		if (d->device(&device, i) != 0 ||
		    d->bus_id(l->bus_id[i], sizeof(*l->bus_id), device) != 0)
			l->bus_id[i][0] = '\0';
		if (d->name(name, sizeof(name) - 1, device) == 0)
			simulated = simulated || strstr(name, GPU_SIMULATED) != NULL;
	}
	if (simulated)
		record_line(l->record, "simulated");
	return 0;
}

void probe(struct record *record, const struct options *options)
{
	static struct look l;
	char why[256];
	l = (struct look){ .record = record };
	record_phase(record, "inventory", 120);
	machine_look(&l.machine, options->root);
	int found = list_gpus(&l);
	if (found == 0)
		l.has_nvml = nvml_open(&l.nvml, why, sizeof(why));
	put_driver(&l);
	if (found == 0) {
		compare_lists(&l);
		record_line(record, "devices %d", l.count);
		nvml_close(&l.nvml);
	}
}
