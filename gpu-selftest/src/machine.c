/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/machine.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first line of a file, without its end; false where it cannot be read. */
static bool first_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	bool got = fgets(line, (int)size, file) != NULL;
	fclose(file);
	if (got)
		line[strcspn(line, "\n")] = '\0';
	return got;
}

static bool device_file(const char *root, const char *device, const char *file, char *line,
			size_t size)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/%s", root, device, file);
	return first_line(path, line, size);
}

static void look_pci(struct machine *m, const char *root)
{
	char path[4096], vendor[32], class[32];
	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices", root);
	DIR *folder = opendir(path);
	if (folder == NULL)
		return;
	struct dirent *entry;
	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof(*m->id))
			continue;
		m->pci = true;
		if (m->count == MACHINE_GPUS ||
		    !device_file(root, entry->d_name, "vendor", vendor, sizeof(vendor)) ||
		    !device_file(root, entry->d_name, "class", class, sizeof(class)))
			continue;
		/* VGA and 3D controllers; a card's sound and USB parts are other classes */
		if (strcmp(vendor, "0x10de") == 0 &&
		    (strncmp(class, "0x0300", 6) == 0 || strncmp(class, "0x0302", 6) == 0))
			snprintf(m->id[m->count++], sizeof(*m->id), "%.31s", entry->d_name);
	}
	closedir(folder);
}

static bool denied(const char *root, const char *file)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/dev/%s", root, file);
	return access(path, R_OK | W_OK) != 0 && (errno == EACCES || errno == EPERM);
}

static void look_cpu(struct machine *m, const char *root)
{
	char path[4096], line[512];
	snprintf(path, sizeof(path), "%s/proc/cpuinfo", root);
	FILE *file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		const char *colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) != 0 || colon == NULL)
			continue;
		snprintf(m->cpu, sizeof(m->cpu), "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
		break;
	}
	if (file != NULL)
		fclose(file);
}

void machine_look(struct machine *m, const char *root)
{
	char path[4096];
	memset(m, 0, sizeof(*m));
	look_pci(m, root);
	look_cpu(m, root);
	snprintf(path, sizeof(path), "%s/proc/driver/nvidia/version", root);
	m->module = first_line(path, m->kernel_module, sizeof(m->kernel_module));
	m->denied = denied(root, "nvidiactl") || denied(root, "nvidia0");
	snprintf(path, sizeof(path), "%s/.dockerenv", root);
	const char *visible = getenv("CUDA_VISIBLE_DEVICES");
	m->restricted = visible != NULL || getenv("NVIDIA_VISIBLE_DEVICES") != NULL ||
			access(path, F_OK) == 0;
}

bool machine_same_bus_id(const char *a, const char *b)
{
	unsigned x[4], y[4];
	if (sscanf(a, "%x:%x:%x.%x", &x[0], &x[1], &x[2], &x[3]) != 4 ||
	    sscanf(b, "%x:%x:%x.%x", &y[0], &y[1], &y[2], &y[3]) != 4)
		return false;
	return memcmp(x, y, sizeof(x)) == 0;
}
