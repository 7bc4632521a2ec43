/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/engine.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu-selftest/kernels/cpu.h"

#define THREADS_MAX 8u
#define MEMORY_MAX  64u
/* waking a thread costs more than a block or two of work */
#define INLINE_BLOCKS 3u

struct cpu {
	pthread_mutex_t lock;
	pthread_cond_t work, idle;
	pthread_t threads[THREADS_MAX];
	unsigned helpers; /* threads beside the caller's */
	/* under lock: the launch under way */
	kernel_fn *kernel;
	const void *args;
	unsigned blocks, next, running;
	unsigned long long generation;
	int ending;
	void *memory[MEMORY_MAX];
	unsigned memories;
};

#define KERNEL_ENTRY(name, type) [K_##name] = { name##_any, name##_fma },
static kernel_fn *const kernels[KERNEL_COUNT][2] = { KERNELS_TRAIN(KERNEL_ENTRY) };

int engine_cpu_is_fast(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2");
#else
	return 1;
#endif
}

/* Takes blocks until none is left. Which thread computes a block changes nothing in its result. */
static void take_blocks(struct cpu *cpu)
{
	while (cpu->next < cpu->blocks) {
		unsigned block = cpu->next++;
		pthread_mutex_unlock(&cpu->lock);
		cpu->kernel(cpu->args, block, cpu->blocks);
		pthread_mutex_lock(&cpu->lock);
	}
}

static void *helper(void *ctx)
{
	struct cpu *cpu = ctx;
	unsigned long long seen = 0;
	pthread_mutex_lock(&cpu->lock);
	while (!cpu->ending) {
		if (cpu->generation == seen) {
			pthread_cond_wait(&cpu->work, &cpu->lock);
			continue;
		}
		seen = cpu->generation;
		cpu->running++;
		take_blocks(cpu);
		if (--cpu->running == 0)
			pthread_cond_signal(&cpu->idle);
	}
	pthread_mutex_unlock(&cpu->lock);
	return NULL;
}

static int cpu_alloc(struct engine *e, size_t bytes, void **memory)
{
	struct cpu *cpu = e->ctx;
	void *made = cpu->memories < MEMORY_MAX ? calloc(1, bytes) : NULL;
	if (made == NULL) {
		snprintf(e->error, sizeof(e->error), "no memory for %zu bytes", bytes);
		return -1;
	}
	cpu->memory[cpu->memories++] = made;
	*memory = made;
	return 0;
}

static int cpu_put(struct engine *e, void *memory, const void *from, size_t bytes)
{
	(void)e;
	memcpy(memory, from, bytes);
	return 0;
}

static int cpu_get(struct engine *e, void *to, const void *memory, size_t bytes)
{
	(void)e;
	memcpy(to, memory, bytes);
	return 0;
}

static int cpu_fill(struct engine *e, void *memory, unsigned char value, size_t bytes)
{
	(void)e;
	memset(memory, value, bytes);
	return 0;
}

static int cpu_launch(struct engine *e, enum kernel kernel, unsigned blocks, const void *args)
{
	struct cpu *cpu = e->ctx;
	kernel_fn *fn = kernels[kernel][engine_cpu_is_fast()];
	if (cpu->helpers == 0 || blocks < INLINE_BLOCKS) {
		for (unsigned block = 0; block < blocks; block++)
			fn(args, block, blocks);
		return 0;
	}
	pthread_mutex_lock(&cpu->lock);
	cpu->kernel = fn;
	cpu->args = args;
	cpu->blocks = blocks;
	cpu->next = 0;
	cpu->generation++;
	pthread_cond_broadcast(&cpu->work);
	take_blocks(cpu);
	while (cpu->running > 0)
		pthread_cond_wait(&cpu->idle, &cpu->lock);
	pthread_mutex_unlock(&cpu->lock);
	return 0;
}

static int cpu_finish(struct engine *e)
{
	(void)e;
	return 0;
}

int engine_cpu_open(struct engine *e, unsigned *threads)
{
	memset(e, 0, sizeof(*e));
	struct cpu *cpu = calloc(1, sizeof(*cpu));
	if (cpu == NULL) {
		snprintf(e->error, sizeof(e->error), "no memory");
		return -1;
	}
	*e = (struct engine){ .ctx = cpu,
			      .alloc = cpu_alloc,
			      .put = cpu_put,
			      .get = cpu_get,
			      .fill = cpu_fill,
			      .launch = cpu_launch,
			      .finish = cpu_finish };
	pthread_mutex_init(&cpu->lock, NULL);
	pthread_cond_init(&cpu->work, NULL);
	pthread_cond_init(&cpu->idle, NULL);
	cpu_set_t set;
	CPU_ZERO(&set);
	int processors = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
	unsigned wanted = processors > (int)THREADS_MAX ? THREADS_MAX : (unsigned)processors;
	while (cpu->helpers + 1 < wanted &&
	       pthread_create(&cpu->threads[cpu->helpers], NULL, helper, cpu) == 0)
		cpu->helpers++;
	*threads = cpu->helpers + 1;
	return 0;
}

void engine_cpu_close(struct engine *e)
{
	struct cpu *cpu = e->ctx;
	if (cpu == NULL)
		return;
	pthread_mutex_lock(&cpu->lock);
	cpu->ending = 1;
	pthread_cond_broadcast(&cpu->work);
	pthread_mutex_unlock(&cpu->lock);
	for (unsigned i = 0; i < cpu->helpers; i++)
		pthread_join(cpu->threads[i], NULL);
	for (unsigned i = 0; i < cpu->memories; i++)
		free(cpu->memory[i]);
	pthread_mutex_destroy(&cpu->lock);
	pthread_cond_destroy(&cpu->work);
	pthread_cond_destroy(&cpu->idle);
	free(cpu);
	e->ctx = NULL;
}
