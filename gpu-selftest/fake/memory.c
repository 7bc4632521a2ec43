/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/fake/memory.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gpu-selftest/fake/config.h"
#include "gpu-selftest/kernels/args.h"

#define ALLOCATIONS 256u
#define REALLY	    ((size_t)256 << 20)

static struct {
	unsigned char *memory;
	size_t bytes;
} allocations[ALLOCATIONS];
static size_t used;

void *fake_alloc(size_t bytes, size_t total)
{
	const struct fake_fault *oom = fake_fault("oom", -1);
	size_t most = oom != NULL ? (size_t)oom->arg[0] << 20 : REALLY;
	if (bytes == 0 || bytes > most - used || bytes > total)
		return NULL;
	for (unsigned i = 0; i < ALLOCATIONS; i++) {
		if (allocations[i].memory != NULL)
			continue;
		/* never zero: who forgets to write finds it */
		allocations[i].memory = malloc(bytes);
		if (allocations[i].memory == NULL)
			return NULL;
		memset(allocations[i].memory, 0xcd, bytes);
		allocations[i].bytes = bytes;
		used += bytes;
		return allocations[i].memory;
	}
	return NULL;
}

bool fake_free(void *memory)
{
	for (unsigned i = 0; i < ALLOCATIONS; i++) {
		if (memory == NULL || allocations[i].memory != memory)
			continue;
		used -= allocations[i].bytes;
		free(memory);
		allocations[i].memory = NULL;
		return true;
	}
	return false;
}

bool fake_owns(const void *memory, size_t bytes)
{
	uintptr_t at = (uintptr_t)memory;
	for (unsigned i = 0; i < ALLOCATIONS; i++) {
		uintptr_t start = (uintptr_t)allocations[i].memory;
		if (start != 0 && at >= start && at - start <= allocations[i].bytes &&
		    bytes <= allocations[i].bytes - (at - start))
			return true;
	}
	return false;
}

size_t fake_used(void)
{
	return used;
}

void fake_memory_faults(int gpu)
{
	const struct fake_fault *stuck = fake_fault("stuck", gpu),
				*alias = fake_fault("alias", gpu);
	for (unsigned i = 0; i < ALLOCATIONS; i++) {
		unsigned char *m = allocations[i].memory;
		size_t bytes = allocations[i].bytes;
		if (m == NULL || bytes < FAKE_FAULTY_BYTES)
			continue;
		if (stuck != NULL && (size_t)stuck->arg[0] < bytes) {
			unsigned char bit = (unsigned char)(1u << (stuck->arg[1] & 7));
			if (stuck->arg[2] != 0)
				m[stuck->arg[0]] |= bit;
			else
				m[stuck->arg[0]] &= (unsigned char)~bit;
		}
		/* two addresses, one cell: the later write is what both have */
		if (alias != NULL && (size_t)(alias->arg[0] + 2 * alias->arg[1]) <= bytes)
			memcpy(m + alias->arg[0], m + alias->arg[0] + alias->arg[1],
			       (size_t)alias->arg[1]);
	}
}

static void spoil_product(int gpu, const struct product_args *a)
{
	const struct fake_fault *f;
	size_t n = a->columns, count = (size_t)a->rows * n;
	if ((f = fake_fault("lane", gpu)) != NULL)
		for (size_t i = 0; i < count; i++)
			if (i % 32 == (size_t)f->arg[0])
				a->c[i] += 1.0f;
	if ((f = fake_fault("nan", gpu)) != NULL)
		for (size_t i = 0; i < count; i += (size_t)(f->arg[0] > 0 ? f->arg[0] : 1000))
			a->c[i] = NAN;
	if (fake_fault("pair", gpu) != NULL) { /* a row's sum does not show it */
		a->c[5 * n + 3] += 4.0f;
		a->c[5 * n + 9] -= 4.0f;
	}
	/* neither a row's nor a column's sum does */
	if (fake_fault("square", gpu) != NULL) {
		for (size_t i = 0; i + 1 < a->rows; i += 2) {
			for (size_t k = 0; k + 1 < n; k += 2) {
				a->c[i * n + k] += 1.0f;
				a->c[i * n + k + 1] -= 1.0f;
				a->c[(i + 1) * n + k] -= 1.0f;
				a->c[(i + 1) * n + k + 1] += 1.0f;
			}
		}
	}
	if (fake_fault("fraction", gpu) != NULL)
		a->c[77] += 0.25f;
}

void fake_kernel_faults(int gpu, enum kernel kernel, const void *args)
{
	if (kernel == K_bandwidth_copy && fake_fault("copyflip", gpu) != NULL) {
		const struct bandwidth_args *a = args;
		((unsigned char *)a->to)[12345] ^= 0x10;
	}
	if (kernel == K_bandwidth_read && fake_fault("readflip", gpu) != NULL) {
		const struct bandwidth_args *a = args;
		a->partial[0] ^= 1ull << 40;
	}
	if (kernel == K_mem_check && fake_fault("blind", gpu) != NULL) {
		const struct mem_args *a = args;
		a->stats->bad = 0;
	}
	if (kernel == K_product_f32)
		spoil_product(gpu, args);
	/* the last bit of one weight, once in a step */
	if (kernel == K_adam_step && fake_fault("trainflip", gpu) != NULL) {
		const struct adam_args *a = args;
		uint32_t bits;
		memcpy(&bits, a->weights, sizeof(bits));
		bits ^= 1;
		memcpy(a->weights, &bits, sizeof(bits));
	}
}
