/* SPDX-License-Identifier: Apache-2.0 */
/* Machines as the model sees them: when they boot and end, what is shown of them, user-data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/mem.h"
#include "sim_fixture.h"
#include "simulator/machine/cloudinit.h"
#include "simulator/machine/machine.h"

#define RUN "Action=RunInstances&MinCount=1&MaxCount=1&ImageId=%s&UserData=aGVsbG8%%3D"
#define ASK "Action=DescribeInstances&InstanceId.1=%s"

/* What the model asked for, one word a call. */
struct log {
	struct buf text;
	const char *address;
};

static void on_boot(void *ctx, const struct cloud_boot *boot, char *address)
{
	struct log *log = ctx;

	buf_addf(&log->text, "boot:%ux%s:%.*s ", boot->gpus, boot->gpu ? boot->gpu : "-",
		 (int)boot->len, (const char *)boot->user_data);
	snprintf(address, 16, "%s", log->address);
}

static void on_reboot(void *ctx, const char *id)
{
	buf_addf(&((struct log *)ctx)->text, "reboot%.2s ", id);
}

static void on_halt(void *ctx, const char *id)
{
	buf_addf(&((struct log *)ctx)->text, "halt%.2s ", id);
}

static void on_end(void *ctx, const char *id)
{
	buf_addf(&((struct log *)ctx)->text, "end%.2s ", id);
}

static void on_console(void *ctx, const char *id, struct buf *out)
{
	(void)ctx;
	(void)id;
	buf_addstr(out, "a line");
}

static const struct cloud_machines hooks = {
	.boot = on_boot, .reboot = on_reboot, .halt = on_halt, .end = on_end, .console = on_console
};

static void said(struct log *log, const char *words)
{
	assert_string_equal(log->text.data, words);
	buf_clear(&log->text);
}

/* Starts a cloud whose machines are log's, and one running instance; its id goes to id. */
static void run(struct sim *sim, struct log *log, struct cloud_machines *machines, const char *more,
		char id[CLOUD_ID_MAX])
{
	const struct cloud_config config = { .machines = machines,
					     .boot_ms = 1000,
					     .end_ms = 1000 };

	*log = (struct log){ .text = BUF_INIT, .address = "127.16.0.9" };
	*machines = hooks;
	machines->ctx = log;
	sim_start(sim, &config);
	sim_expect(sim, NULL, RUN "%s", sim_image("x86_64"), more);
	snprintf(id, CLOUD_ID_MAX, "%s", sim_text(sim, "instanceId"));
	said(log, "");
	sim_at(sim, 10);
}

static void finish(struct sim *sim, struct log *log)
{
	sim_stop(sim);
	buf_release(&log->text);
}

static void test_life(void **state)
{
	struct cloud_machines machines;
	char id[CLOUD_ID_MAX];
	struct log log;
	struct sim sim;

	(void)state;
	run(&sim, &log, &machines, "&InstanceType=p3.2xlarge", id);
	said(&log, "boot:1xV100:hello ");
	sim_expect(&sim, NULL, ASK, id);
	assert_string_equal(sim_text(&sim, "ipAddress"), "127.16.0.9");
	assert_string_equal(sim_text(&sim, "dnsName"), "127.16.0.9");
	sim_expect(&sim, NULL, "Action=GetConsoleOutput&InstanceId=%s", id);
	assert_string_equal(sim_text(&sim, "output"), "YSBsaW5l");
	sim_expect(&sim, NULL, "Action=RebootInstances&InstanceId.1=%s", id);
	said(&log, "rebooti- ");
	sim_expect(&sim, NULL, "Action=StopInstances&InstanceId.1=%s", id);
	said(&log, "halti- ");
	sim_at(&sim, 20);
	sim_expect(&sim, "IncorrectState", "Action=RebootInstances&InstanceId.1=%s", id);
	said(&log, "");
	log.address = ""; /* one that nobody can reach has an address of the model's own */
	sim_expect(&sim, NULL, "Action=StartInstances&InstanceId.1=%s", id);
	sim_at(&sim, 30);
	said(&log, "boot:1xV100:hello ");
	sim_expect(&sim, NULL, ASK, id);
	assert_int_equal(strncmp(sim_text(&sim, "ipAddress"), "198.18.", 7), 0);
	sim_expect(&sim, NULL, "Action=TerminateInstances&InstanceId.1=%s", id);
	said(&log, "endi- ");
	sim_expect(&sim, NULL, "Action=TerminateInstances&InstanceId.1=%s", id);
	said(&log, ""); /* once is enough */
	finish(&sim, &log);
}

static void test_off_by_itself(void **state)
{
	static const struct {
		const char *more, *then, *words;
	} cases[] = {
		{ "", "stopped", "halti- " },
		{ "&InstanceInitiatedShutdownBehavior=terminate", "terminated", "endi- " },
		{ "&InstanceMarketOptions.MarketType=spot&Placement.AvailabilityZone=us-east-1a",
		  "terminated", "endi- " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cloud_machines machines;
		char id[CLOUD_ID_MAX], more[200];
		struct log log;
		struct sim sim;

		snprintf(more, sizeof(more), "&InstanceType=p3.2xlarge%s", cases[i].more);
		run(&sim, &log, &machines, more, id);
		buf_clear(&log.text);
		cloud_machine_off(sim.cloud, "i-00000000000000000");
		said(&log, "");
		cloud_machine_off(sim.cloud, id);
		said(&log, cases[i].words);
		cloud_machine_off(sim.cloud, id); /* it is going down already */
		said(&log, "");
		sim_at(&sim, 20);
		sim_expect(&sim, NULL, ASK, id);
		assert_string_equal(sim_text(&sim, "name"), cases[i].then);
		sim_expect(&sim, NULL, ASK, id);
		assert_non_null(strstr(sim.reply.body.data, "Client.InstanceInitiatedShutdown"));
		assert_int_equal(sim_living(&sim, "instance"),
				 strcmp(cases[i].then, "stopped") == 0);
		finish(&sim, &log);
	}
}

static void test_no_gpu(void **state)
{
	struct cloud_machines machines;
	char id[CLOUD_ID_MAX];
	struct log log;
	struct sim sim;

	(void)state;
	run(&sim, &log, &machines, "&InstanceType=t3.micro", id);
	said(&log, "boot:0x-:hello ");
	finish(&sim, &log);
}

static void test_user_data(void **state)
{
	static const struct {
		const char *text, *says; /* NULL: it is taken */
	} cases[] = {
		{ "", NULL },
		{ "#cloud-config\n{}", NULL },
		{ "#cloud-config\n{\"runcmd\":[\"a\",[\"b\",\"c\"]],\"ssh_deletekeys\":true}\n",
		  NULL },
		{ "#cloud-config", "first line" },
		{ "#cloud-config {}", "first line" },
		{ "{}", "first line" },
		{ "#cloud-config\n", "user-data" },
		{ "#cloud-config\n[]", "expected an object" },
		{ "#cloud-config\n{} x", "user-data" },
		{ "#cloud-config\n{\"Runcmd\":[]}", "unknown key 'Runcmd'" },
		{ "#cloud-config\n{\"runcmd\":null}", "runcmd" },
		{ "#cloud-config\n{\"runcmd\":[[]]}", "runcmd" },
		{ "#cloud-config\n{\"runcmd\":[[\"a\",null]]}", "runcmd" },
		{ "#cloud-config\n{\"ssh_keys\":{}}", "ed25519_private" },
		{ "#cloud-config\n{\"ssh_keys\":[]}", "ssh_keys" },
		{ "#cloud-config\n{\"ssh_keys\":{\"ed25519_private\":1}}", "ed25519_private" },
		{ "#cloud-config\n{\"write_files\":[{\"content\":\"\"}]}", "path" },
		{ "#cloud-config\n{\"write_files\":[{\"path\":\"/a\"}]}", "content" },
		{ "#cloud-config\n{\"write_files\":[{\"path\":\"/\",\"content\":\"\"}]}", "path" },
		{ "#cloud-config\n{\"write_files\":[{\"path\":\"/a/..\",\"content\":\"\"}]}",
		  "path" },
		{ "#cloud-config\n{\"write_files\":[{\"path\":\"/a//b\",\"content\":\"\"}]}",
		  "path" },
		{ "#cloud-config\n{\"write_files\":[{\"path\":\"/..a/b.\",\"content\":\"\"}]}",
		  NULL },
		{ "#cloud-config\n{\"write_files\":[1]}", "write_files" },
		{ "#cloud-config\n{\"write_files\":[{\"path\":\"/a\",\"content\":\"\","
		  "\"permissions\":\"08\"}]}",
		  "permissions" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cloudinit cloudinit = { 0 };
		struct error err = ERROR_INIT;
		int rc = cloudinit_parse(cases[i].text, strlen(cases[i].text), &cloudinit, &err);

		if (rc != (cases[i].says ? -1 : 0) ||
		    (cases[i].says && !strstr(err.message, cases[i].says)))
			fail_msg("'%s' gave %d: %s", cases[i].text, rc, err.message);
		if (rc)
			assert_int_equal(err.kind, ERROR_USAGE);
		cloudinit_release(&cloudinit);
	}
}

static void test_script(void **state)
{
	static const char text[] =
		"#cloud-config\n{\"runcmd\":[\"echo $x | cat\",[\"a b\",\"it's\",\"$x\",\"\"]]}";
	struct cloudinit cloudinit;
	struct error err = ERROR_INIT;
	struct buf script = BUF_INIT;

	(void)state;
	assert_int_equal(cloudinit_parse(text, strlen(text), &cloudinit, &err), 0);
	cloudinit_script(cloudinit.runcmd, &script);
	assert_string_equal(script.data, "echo $x | cat\n'a b' 'it'\\''s' '$x' '' \n");
	buf_release(&script);
	cloudinit_release(&cloudinit);
}

/* A fake machine says what one would say; of a script it reads nothing. */
static void test_fake_startup(void **state)
{
	static const struct {
		const char *data, *login, *says; /* NULL: nothing is booted */
	} cases[] = {
		{ "#!/bin/sh\nfalse\n", "paperspace", "startup script (simulated): finished" },
		{ "#!", "root", "startup script (simulated): finished" },
		{ "", "root", "cloud-init (simulated): finished" },
		{ "#", NULL, "user-data is refused" },
		{ " #!/bin/sh\n", NULL, "user-data is refused" },
		{ "#!/bin/sh\n", "a/b", NULL },
		{ "#!/bin/sh\n", "../..", NULL },
		{ "#!/bin/sh\n", "abcdefghijklmnopqrstuvwxyz0123456", NULL },
	};
	const struct machines_config config = { .kind = MACHINE_FAKE };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct machine_boot boot = { .id = "ps123abc",
						   .login = cases[i].login,
						   .user_data = cases[i].data,
						   .len = strlen(cases[i].data) };
		struct machines *machines;
		struct error err = ERROR_INIT;
		struct buf console = BUF_INIT;
		char address[MACHINE_ADDRESS_MAX];

		assert_int_equal(machines_start(&config, &machines, &err), 0);
		machines_boot(machines, &boot, address);
		assert_string_equal(address, "");
		machines_console(machines, "ps123abc", &console);
		if (cases[i].says ? !strstr(console.data, cases[i].says) : console.len > 0)
			fail_msg("'%s' said: %s", cases[i].data, console.data);
		buf_release(&console);
		machines_free(machines);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),   cmocka_unit_test(test_off_by_itself),
		cmocka_unit_test(test_no_gpu), cmocka_unit_test(test_user_data),
		cmocka_unit_test(test_script), cmocka_unit_test(test_fake_startup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
