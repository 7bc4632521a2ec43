/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/limits.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Processor time without a byte moved: nothing honest takes this long. */
#define CPU_S 20

/* Address space; what libssh2 allocates has a lower ceiling of its own (session.h). */
#define MEMORY_MAX ((rlim_t)1 << 30)

/* A sanitizer maps its shadow of the whole address space. */
#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_LIMIT 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_LIMIT 0
#endif
#endif
#ifndef ADDRESS_LIMIT
#define ADDRESS_LIMIT 1
#endif

static void limit(__rlimit_resource_t what, rlim_t value)
{
	const struct rlimit both = { .rlim_cur = value, .rlim_max = value };

	setrlimit(what, &both);
}

static time_t cpu_seconds(void)
{
	struct timespec used = { 0 };

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return used.tv_sec;
}

void limits_set(uint32_t connect_ms)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, 0);
	if (ADDRESS_LIMIT)
		limit(RLIMIT_AS, MEMORY_MAX);
	limits_progress();
	signal(SIGALRM, SIG_DFL);
	alarm(connect_ms / 1000 + 5);
}

void limits_connected(void)
{
	alarm(0);
	limits_progress();
}

void limits_progress(void)
{
	static rlim_t now;
	struct rlimit cpu;
	rlim_t wanted = (rlim_t)cpu_seconds() + CPU_S;

	if (wanted == now || getrlimit(RLIMIT_CPU, &cpu) < 0)
		return;
	if (cpu.rlim_max != RLIM_INFINITY && wanted > cpu.rlim_max)
		wanted = cpu.rlim_max;
	cpu.rlim_cur = wanted;
	if (setrlimit(RLIMIT_CPU, &cpu) == 0)
		now = wanted;
}
