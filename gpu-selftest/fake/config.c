/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/fake/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_gpus(struct fake_config *c, const char *word, size_t length)
{
	char *end;
	const char *name = word;
	long count = strtol(word, &end, 10);
	if (end == word || *end != 'x')
		count = 1;
	else
		name = end + 1;
	size_t left = length - (size_t)(name - word);
	for (long i = 0; i < count && c->count < FAKE_GPUS_MAX; i++) {
		struct fake_gpu *g = &c->gpus[c->count++];
		g->spec = spec_by_id(name, left);
		if (g->spec != NULL)
			snprintf(g->name, sizeof(g->name), "%s (simulated)", g->spec->name);
		else
			snprintf(g->name, sizeof(g->name), "NVIDIA %.*s (simulated)", (int)left,
				 name);
	}
}

static void add_fault(struct fake_config *c, const char *word, size_t length)
{
	char text[96];
	struct fake_fault *f = &c->faults[c->fault_count];
	if (c->fault_count == FAKE_FAULTS_MAX || length >= sizeof(text))
		return;
	snprintf(text, sizeof(text), "%.*s", (int)length, word);
	char *at = strchr(text, '@');
	if (at != NULL) {
		*at = '\0';
		f->gpu = (int)strtol(at + 1, NULL, 10);
	}
	snprintf(f->kind, sizeof(f->kind), "%.*s", (int)strcspn(text, ":"), text);
	const char *colon = strchr(text, ':');
	if (colon != NULL)
		snprintf(f->word, sizeof(f->word), "%.*s", (int)strcspn(colon + 1, ":"), colon + 1);
	for (unsigned i = 0; i < 3 && colon != NULL; i++) {
		f->arg[i] = strtoll(colon + 1, NULL, 0);
		colon = strchr(colon + 1, ':');
	}
	c->fault_count++;
}

static void each_word(struct fake_config *c, const char *list,
		      void (*add)(struct fake_config *, const char *, size_t))
{
	while (list != NULL && *list != '\0') {
		size_t length = strcspn(list, ",");
		if (length > 0)
			add(c, list, length);
		list += length + (list[length] == ',');
	}
}

const struct fake_config *fake_config(void)
{
	static struct fake_config config;
	if (config.cuda != 0)
		return &config;
	const char *gpus = getenv("FAKE_GPUS"), *cuda = getenv("FAKE_CUDA");
	const char *kernels = getenv("FAKE_KERNELS");
	if (gpus == NULL)
		gpus = "1xV100";
	if (strcmp(gpus, "0") != 0)
		each_word(&config, gpus, add_gpus);
	each_word(&config, getenv("FAKE_FAULT"), add_fault);
	config.plain = kernels != NULL && strcmp(kernels, "any") == 0;
	config.cuda = cuda != NULL ? (int)strtol(cuda, NULL, 10) : 12040;
	if (config.cuda == 0)
		config.cuda = 12040;
	return &config;
}

const struct fake_fault *fake_fault(const char *kind, int gpu)
{
	const struct fake_config *c = fake_config();
	for (int i = 0; i < c->fault_count; i++)
		if (strcmp(c->faults[i].kind, kind) == 0 && (gpu < 0 || c->faults[i].gpu == gpu))
			return &c->faults[i];
	return NULL;
}

void fake_bus_id(int gpu, char *id, int length)
{
	snprintf(id, (size_t)length, "0000:%02x:00.0", 3 + gpu);
}
