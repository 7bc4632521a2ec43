/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"

#define LINE_LEN_MAX 512
#define UPTIME_MAX   INT64_C(3155760000)	  /* a hundred years */
#define COUNTER_MAX  INT64_C(4611686018427387903) /* so that differences of two cannot overflow */
#define FIRST_LINE   "probe 1"

/* Lines that stand once; a bit each. */
enum {
	SEEN_BOOT,
	SEEN_UP,
	SEEN_CPUS,
	SEEN_CPU,
	SEEN_LOAD,
	SEEN_NET,
	SEEN_DISK,
	SEEN_USERS,
	SEEN_JOB,
	SEEN_TTL,
	SEEN_GPUS,
	SEEN_DEVICES,
	SEEN_PROCESSES,
	SEEN_PROCESS_CPU,
	SEEN_COUNT
};

struct reading {
	struct probe *probe;
	unsigned seen;
	int64_t gpus, devices, users; /* as counted by the machine */
	bool bad, ended;
};

/* The first trouble is told; all text of it is ours. */
static void trouble(struct reading *r, const char *what)
{
	r->bad = true;
	if (!r->probe->trouble[0])
		snprintf(r->probe->trouble, sizeof(r->probe->trouble), "%s", what);
}

static void trouble_with(struct reading *r, const char *key, const char *what)
{
	char text[120];

	snprintf(text, sizeof(text), "%s: %s", key, what);
	trouble(r, text);
}

/* Digits and nothing else. */
static bool number(const char *s, int64_t max, int64_t *ret)
{
	size_t len = strspn(s, "0123456789");
	int64_t value = 0;

	if (len == 0 || len > 18 || s[len])
		return false;
	for (size_t i = 0; i < len; i++)
		value = value * 10 + (s[i] - '0');
	if (value > max)
		return false;
	*ret = value;
	return true;
}

static bool is_printable(const char *s)
{
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			return false;
	return true;
}

static bool read_boot(struct reading *r, char *value)
{
	if (strlen(value) != 36 || strspn(value, "0123456789abcdef-") != 36)
		return false;
	snprintf(r->probe->boot_id, sizeof(r->probe->boot_id), "%s", value);
	return true;
}

static bool read_up(struct reading *r, char *value)
{
	return number(value, UPTIME_MAX, &r->probe->uptime_s);
}

static bool read_cpus(struct reading *r, char *value)
{
	return number(value, 65536, &r->probe->cpus) && r->probe->cpus > 0;
}

static bool read_cpu(struct reading *r, char *value)
{
	return number(value, COUNTER_MAX, &r->probe->cpu_busy_ms);
}

/* "0.02": a load average has two decimals. */
static bool read_load(struct reading *r, char *value)
{
	char *dot = strchr(value, '.');
	int64_t whole, part;

	if (!dot || strlen(dot) != 3)
		return false;
	*dot = '\0';
	if (!number(value, 1000000, &whole) || !number(dot + 1, 99, &part))
		return false;
	r->probe->load_milli = whole * 1000 + part * 10;
	return true;
}

static bool read_net(struct reading *r, char *value)
{
	return number(value, COUNTER_MAX, &r->probe->net_bytes);
}

static bool read_disk(struct reading *r, char *value)
{
	return number(value, COUNTER_MAX, &r->probe->disk_bytes);
}

static bool read_users(struct reading *r, char *value)
{
	if (strcmp(value, "failed") == 0) {
		trouble(r, "who is logged in could not be seen");
		return true;
	}
	return number(value, PROBE_USERS_MAX, &r->users);
}

static bool read_job(struct reading *r, char *value)
{
	static const char *const names[] = {
		[PROBE_JOB_NONE] = "none",
		[PROBE_JOB_SETUP] = "setup",
		[PROBE_JOB_RUNNING] = "running",
		[PROBE_JOB_DONE] = "done",
	};

	for (size_t i = PROBE_JOB_NONE; i < ARRAY_SIZE(names); i++)
		if (strcmp(value, names[i]) == 0) {
			r->probe->job = (enum probe_job)i;
			return true;
		}
	if (strcmp(value, "failed") != 0)
		return false;
	trouble(r, "the state of its job could not be read");
	return true;
}

static bool read_ttl(struct reading *r, char *value)
{
	return strcmp(value, "none") == 0 || number(value, UPTIME_MAX, &r->probe->ttl_left_s);
}

static bool read_gpus(struct reading *r, char *value)
{
	char text[100];

	if (strncmp(value, "failed", 6) != 0)
		return number(value, PROBE_GPUS_MAX, &r->gpus);
	if (value[6] && value[6] != ' ')
		return false;
	snprintf(text, sizeof(text), "GPUs: %.80s", value[6] ? value + 7 : "not known");
	trouble(r, text);
	return true;
}

static bool read_devices(struct reading *r, char *value)
{
	return number(value, 4096, &r->devices);
}

static bool read_processes(struct reading *r, char *value)
{
	if (strcmp(value, "failed") == 0) {
		trouble(r, "the processes on its GPUs could not be seen");
		return true;
	}
	return number(value, 1000000, &r->probe->gpu_processes);
}

static bool read_process_cpu(struct reading *r, char *value)
{
	return number(value, COUNTER_MAX, &r->probe->gpu_process_cpu_ms);
}

static const struct {
	const char *key;
	bool (*read)(struct reading *r, char *value);
	bool needed;
} lines[SEEN_COUNT] = {
	[SEEN_BOOT] = { "boot", read_boot, true },
	[SEEN_UP] = { "up", read_up, true },
	[SEEN_CPUS] = { "cpus", read_cpus, true },
	[SEEN_CPU] = { "cpu", read_cpu, true },
	[SEEN_LOAD] = { "load", read_load, true },
	[SEEN_NET] = { "net", read_net, true },
	[SEEN_DISK] = { "disk", read_disk, true },
	[SEEN_USERS] = { "users", read_users, true },
	[SEEN_JOB] = { "job", read_job, true },
	[SEEN_TTL] = { "ttl", read_ttl, true },
	[SEEN_GPUS] = { "gpus", read_gpus, true },
	[SEEN_DEVICES] = { "devices", read_devices, false },
	[SEEN_PROCESSES] = { "processes", read_processes, false },
	[SEEN_PROCESS_CPU] = { "process-cpu", read_process_cpu, false },
};

/* The last ", " field of a line, cut off it; NULL where there is none. */
static char *cut_last(char *line)
{
	char *last = NULL;

	for (char *p = line; (p = strstr(p, ", ")); p += 2)
		last = p;
	if (!last)
		return NULL;
	*last = '\0';
	return last + 2;
}

/* "0, NVIDIA H100 80GB HBM3, 97, 81234, Disabled": as nvidia-smi says it. A name may hold commas. */
static bool read_gpu(struct reading *r, char *value)
{
	struct probe *probe = r->probe;
	char *mig = cut_last(value), *memory = mig ? cut_last(value) : NULL;
	char *busy = memory ? cut_last(value) : NULL, *name = busy ? strstr(value, ", ") : NULL;
	int64_t index;

	if (!name || probe->nr_gpus == PROBE_GPUS_MAX)
		return false;
	*name = '\0';
	name += 2;
	if (!number(value, PROBE_GPUS_MAX, &index) || (size_t)index != probe->nr_gpus || !*name ||
	    strlen(name) >= sizeof(probe->gpus[0].name))
		return false;
	struct probe_gpu gpu = { .busy_percent = PROBE_UNKNOWN, .memory_used_mib = PROBE_UNKNOWN };
	snprintf(gpu.name, sizeof(gpu.name), "%s", name);
	/* "[N/A]", "[Not Supported]", "[Unknown Error]": the driver does not say. */
	if (busy[0] != '[' && !number(busy, 100, &gpu.busy_percent))
		return false;
	if (memory[0] != '[' && !number(memory, INT64_C(1) << 30, &gpu.memory_used_mib))
		return false;
	gpu.mig = strcmp(mig, "Enabled") == 0;
	if (!gpu.mig && strcmp(mig, "Disabled") != 0 && mig[0] != '[')
		return false;
	/* What a GPU divided by MIG says of itself as a whole is not about its parts. */
	if (gpu.mig)
		gpu.busy_percent = PROBE_UNKNOWN;
	probe->gpus[probe->nr_gpus++] = gpu;
	return true;
}

/* "ada pts/0 17" or "ada pts/0 ?" */
static bool read_user(struct reading *r, char *value)
{
	struct probe *probe = r->probe;
	char *tty = strchr(value, ' '), *idle = tty ? strchr(tty + 1, ' ') : NULL;
	struct probe_user user = { .idle_s = PROBE_UNKNOWN };

	if (!idle || probe->nr_users == PROBE_USERS_MAX)
		return false;
	*tty++ = *idle++ = '\0';
	if (!*value || !*tty || strlen(value) >= sizeof(user.name) ||
	    strlen(tty) >= sizeof(user.tty))
		return false;
	if (strcmp(idle, "?") != 0 && !number(idle, COUNTER_MAX, &user.idle_s))
		return false;
	snprintf(user.name, sizeof(user.name), "%s", value);
	snprintf(user.tty, sizeof(user.tty), "%s", tty);
	probe->users[probe->nr_users++] = user;
	return true;
}

static void read_line(struct reading *r, char *line)
{
	char *value = strchr(line, ' ');
	bool ok;

	if (r->ended) {
		trouble(r, "it said more behind its end");
		return;
	}
	if (strcmp(line, "end") == 0) {
		r->ended = true;
		return;
	}
	if (!is_printable(line) || !value) {
		trouble(r, "it said what the probe never says");
		return;
	}
	*value++ = '\0';
	if (strcmp(line, "gpu") == 0 || strcmp(line, "user") == 0) {
		ok = (line[0] == 'g' ? read_gpu : read_user)(r, value);
		if (!ok)
			trouble_with(r, line[0] == 'g' ? "a GPU" : "a user", "cannot be read");
		return;
	}
	for (unsigned i = 0; i < SEEN_COUNT; i++) {
		if (strcmp(line, lines[i].key) != 0)
			continue;
		if (r->seen & 1U << i)
			trouble_with(r, lines[i].key, "said twice");
		else if (!lines[i].read(r, value))
			trouble_with(r, lines[i].key, "cannot be read");
		r->seen |= 1U << i;
		return;
	}
	trouble(r, "it said what the probe never says");
}

/* What was said belongs together. */
static void check(struct reading *r)
{
	struct probe *probe = r->probe;

	if (!r->ended)
		trouble(r, "the answer was cut short");
	for (unsigned i = 0; i < SEEN_COUNT; i++)
		if (lines[i].needed && !(r->seen & 1U << i))
			trouble_with(r, lines[i].key, "not said");
	if (r->gpus != PROBE_UNKNOWN) {
		if ((size_t)r->gpus != probe->nr_gpus)
			trouble(r, "GPUs: not all were told");
		else if (r->devices != PROBE_UNKNOWN && r->devices != r->gpus)
			trouble(r, "GPUs: nvidia-smi does not see all that there are");
		else
			probe->gpus_known = true;
		if (!(r->seen & 1U << SEEN_PROCESSES))
			trouble(r, "processes: not said");
	}
	if (probe->gpu_processes > 0 && !(r->seen & 1U << SEEN_PROCESS_CPU))
		trouble(r, "process-cpu: not said");
	if (r->users != PROBE_UNKNOWN && (size_t)r->users == probe->nr_users)
		probe->users_known = true;
	else
		trouble(r, "users: not all were told");
}

static void clear(struct probe *probe, int64_t taken)
{
	memset(probe, 0, sizeof(*probe));
	probe->taken = taken;
	probe->uptime_s = probe->cpus = probe->load_milli = probe->cpu_busy_ms = PROBE_UNKNOWN;
	probe->net_bytes = probe->disk_bytes = probe->ttl_left_s = PROBE_UNKNOWN;
	probe->gpu_processes = probe->gpu_process_cpu_ms = PROBE_UNKNOWN;
}

void probe_failed(const char *why, int64_t taken, struct probe *ret)
{
	clear(ret, taken);
	snprintf(ret->trouble, sizeof(ret->trouble), "%.150s", why);
}

void probe_read(const char *text, size_t len, int64_t taken, struct probe *ret)
{
	struct reading r = {
		.probe = ret,
		.gpus = PROBE_UNKNOWN,
		.devices = PROBE_UNKNOWN,
		.users = PROBE_UNKNOWN,
	};
	bool begun = false;

	clear(ret, taken);
	if (len > PROBE_TEXT_MAX) {
		trouble(&r, "it said too much");
		len = PROBE_TEXT_MAX;
	}
	for (size_t at = 0; at < len;) {
		const char *line = text + at, *end = memchr(line, '\n', len - at);
		size_t n = end ? (size_t)(end - line) : len - at;
		char copy[LINE_LEN_MAX];

		at += n + 1;
		/* A user's .bashrc may print something first. */
		if (!begun) {
			begun = end && n == strlen(FIRST_LINE) && memcmp(line, FIRST_LINE, n) == 0;
			continue;
		}
		if (!end) {
			trouble(&r, "the answer was cut short");
		} else if (n >= sizeof(copy) || memchr(line, '\0', n)) {
			trouble(&r, "it said what the probe never says");
		} else {
			memcpy(copy, line, n);
			copy[n] = '\0';
			read_line(&r, copy);
		}
	}
	if (!begun)
		trouble(&r, "the probe did not run");
	else
		check(&r);
	ret->whole = !r.bad;
}
