/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a machine says of itself: it is read within bounds, and what was read can be kept. */
#include <string.h>

#include "core/buf.h"
#include "fleet/probe.h"
#include "tests/fuzz/fuzz.h"

static void check_text(const char *s, size_t size)
{
	FUZZ_CHECK(memchr(s, '\0', size) != NULL);
	for (; *s; s++)
		FUZZ_CHECK(*s >= 0x20 && *s <= 0x7e);
}

static void check(const struct probe *probe)
{
	FUZZ_CHECK(probe->whole == !probe->trouble[0]);
	FUZZ_CHECK(probe->nr_gpus <= PROBE_GPUS_MAX && probe->nr_users <= PROBE_USERS_MAX);
	FUZZ_CHECK(!probe->whole || (probe->gpus_known && probe->users_known && probe->cpus > 0));
	check_text(probe->trouble, sizeof(probe->trouble));
	check_text(probe->boot_id, sizeof(probe->boot_id));
	for (size_t i = 0; i < probe->nr_gpus; i++) {
		check_text(probe->gpus[i].name, sizeof(probe->gpus[i].name));
		FUZZ_CHECK(probe->gpus[i].busy_percent >= -1 && probe->gpus[i].busy_percent <= 100);
	}
	for (size_t i = 0; i < probe->nr_users; i++) {
		check_text(probe->users[i].name, sizeof(probe->users[i].name));
		check_text(probe->users[i].tty, sizeof(probe->users[i].tty));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct probe *probe = malloc(sizeof(*probe)), *again = malloc(sizeof(*again));
	struct buf text = BUF_INIT;

	FUZZ_CHECK(probe && again);
	probe_read((const char *)data, size, 1, probe);
	check(probe);
	probe_write(probe, &text);
	probe_read(text.data, text.len, 1, again);
	check(again);
	/* What is kept says neither more nor less. */
	FUZZ_CHECK(!probe->whole || again->whole);
	FUZZ_CHECK(!again->whole || (probe->gpus_known && probe->users_known));
	FUZZ_CHECK(again->gpus_known == probe->gpus_known || !probe->whole);
	buf_release(&text);
	free(probe);
	free(again);
	return 0;
}
