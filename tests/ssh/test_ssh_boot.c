/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine that a startup script makes ours: sshd is up before the script has run. How gpucloud waits
 * for it, on simulated machines of either form, and when it does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/text.h"
#include "fleet/hostkeys.h"
#include "fleet/login_key.h"
#include "fleet/machine.h"
#include "fleet/userdata.h"
#include "simulator/machine/machine.h"
#include "ssh/worker.h"
#include "ssh_fixture.h"

#define ID     "ps123abc"
#define LAUNCH "abcdefghijklmnopqrst234567"

/* A cloud that takes tags and tells of none. */
static int cloud_instances(struct provider *p, const struct instance_query *query,
			   struct instance_list *ret, struct error *err)
{
	(void)p;
	(void)query;
	(void)err;
	memset(ret, 0, sizeof(*ret));
	return 0;
}

static int cloud_tag(struct provider *p, const char *region, const char *id, const struct tag *tag,
		     struct error *err)
{
	(void)p;
	(void)region;
	(void)err;
	assert_string_equal(id, ID);
	assert_string_equal(tag->key, TAG_HOSTKEY);
	return 0;
}

static struct provider_ops ops = {
	.name = "one",
	.caps = PROVIDER_CAP_TAGS,
	.instances = cloud_instances,
	.tag = cloud_tag,
};

/* Everything of one test. */
static struct world {
	struct fixture *fixture;
	struct paths paths;
	struct fleet fleet;
	struct instance instance;
	struct machines *machines;
	struct ssh_key seed;
	char address[MACHINE_ADDRESS_MAX];
	unsigned early, waits; /* how often it said that it waits for the script, and at all */
} world;

static void on_waiting(void *ctx, const struct instance *instance, const char *why, int64_t seconds)
{
	struct world *w = ctx;

	(void)instance;
	(void)seconds;
	w->waits++;
	w->early +=
		strstr(why, "its startup script may not have run yet; nothing was sent") != NULL;
}

static const struct machine_events events = { .ctx = &world, .waiting = on_waiting };

static int64_t now_s(void)
{
	return clock_now_ms(&clock_system) / 1000;
}

static int enter(void **state)
{
	static const char *const env[] = { NULL };
	const struct machines_config config = { .kind = MACHINE_SSHD };
	struct error err = ERROR_INIT;
	char port[16];

	if (fixture_setup(state) < 0)
		return -1;
	memset(&world, 0, sizeof(world));
	world.fixture = *state;
	world.paths.data = path_in(world.fixture->dir, "data");
	world.paths.state = path_in(world.fixture->dir, "state");
	world.fleet = (struct fleet){ .settings = settings_new(env),
				      .paths = &world.paths,
				      .clock = &clock_system,
				      .rng = &rng_system,
				      .ops = &ops };
	must_work(machines_start(&config, &world.machines, &err), &err);
	snprintf(port, sizeof(port), "%u", machines_port(world.machines));
	settings_set(world.fleet.settings, "ssh_port", port, SETTING_FLAG, "test");
	must_work(ssh_key_make("", &world.seed, &err), &err);
	must_work(hostkeys_seed(&world.paths, LAUNCH, &world.seed, &err), &err);
	world.instance = (struct instance){ .id = ID,
					    .region = "ny2",
					    .launch_id = LAUNCH,
					    .launched = now_s(),
					    .public_ip = world.address,
					    .hostkey = "" };
	ops.boot_form = BOOT_SCRIPT;
	ops.login = "paperspace";
	return 0;
}

static int leave(void **state)
{
	machines_free(world.machines);
	settings_free(world.fleet.settings);
	ssh_key_release(&world.seed);
	paths_release(&world.paths);
	return fixture_teardown(state);
}

/* Boots it with what gpucloud tells such a machine; a line of sh goes before what the script does. */
static void boot(const char *before)
{
	struct buf data = BUF_INIT, text = BUF_INIT;
	struct ssh_key login = { 0 };
	struct error err = ERROR_INIT;
	size_t head = strlen("#!/bin/sh\n" USERDATA_SCRIPT_MARK "\n");

	must_work(login_key_get(&world.paths, &login, &err), &err);
	const struct userdata userdata = {
		.form = ops.boot_form == BOOT_SCRIPT ? USERDATA_SCRIPT : USERDATA_CLOUD_INIT,
		.login = ops.login,
		.login_key = login.public_line,
		.host_key = &world.seed,
		.ttl_s = 3600,
	};
	must_work(userdata_make(&userdata, 16384, &data, &err), &err);
	if (before) {
		buf_add(&text, data.data, head);
		buf_addf(&text, "%s\n", before);
		buf_add(&text, data.data + head, data.len - head);
	} else {
		buf_add(&text, data.data, data.len);
	}
	const struct machine_boot order = {
		.id = ID, .login = ops.login, .user_data = text.data, .len = text.len
	};
	machines_boot(world.machines, &order, world.address);
	assert_true(text_starts_with(world.address, "127."));
	buf_wipe(&data);
	buf_wipe(&text);
	ssh_key_release(&login);
}

static int try_wait(int64_t timeout_s, struct machine *ret, struct error *err)
{
	memset(ret, 0, sizeof(*ret));
	error_clear(err);
	world.early = world.waits = 0;
	return machine_wait(&world.fleet, &world.instance, timeout_s, &events, ret, err);
}

/* Waits for as short as this machine, which may be busy, lets it come as far as the host key. */
static int try_until_seen(struct machine *ret, struct error *err)
{
	int rc = -1;

	for (int64_t timeout_s = 1; timeout_s <= 32; timeout_s *= 2) {
		rc = try_wait(timeout_s, ret, err);
		if (rc == 0 || text_starts_with(err->code, "HostKey"))
			break;
	}
	return rc;
}

static void expect_output(struct machine *machine, const char *command, const char *expected)
{
	struct buf out = BUF_INIT_MAX(4096);
	struct remote_exit ended;
	struct error err = ERROR_INIT;

	must_work(machine_output(machine, command, 30000, &out, &ended, &err), &err);
	assert_string_equal(out.data, expected);
	assert_int_equal(ended.code, 0);
	buf_release(&out);
}

/* What every machine of ours is in the end, whatever it was told by. */
static void expect_ours(const char *user, const char *home)
{
	struct machine machine;
	struct error err = ERROR_INIT;
	struct arena arena = { 0 };
	const char *const *lines;
	char *at_home = xasprintf("case $HOME in */" ID "/root%s) echo yes ;; esac", home);
	size_t nr;

	must_work(try_wait(60, &machine, &err), &err);
	assert_true(machine.rotated);
	expect_output(&machine, "whoami", user);
	expect_output(&machine, at_home, "yes\n");
	expect_output(&machine, "sudo -n id -u", "0\n");
	expect_output(
		&machine,
		"systemctl is-enabled gpucloud-ttl; "
		"for i in 1 2 3 4 5 6 7 8 9; do systemctl -q is-active gpucloud-ttl && break; "
		"sleep 0.3; done; systemctl is-active gpucloud-ttl",
		"enabled\nactive\n");
	/* it counts */
	machines_advance(world.machines, 1000 * 1000);
	expect_output(
		&machine,
		"i=0; until read -r left <$GPUCLOUD_TTL_ROOT/var/lib/gpucloud/ttl-left && "
		"[ \"$left\" -le 2600 ]; do i=$((i + 1)); [ $i -lt 100 ] || exit 1; sleep 0.1; "
		"done; [ \"$left\" -gt 2500 ] && echo counted",
		"counted\n");
	machine_close(&machine);
	/* the seeded key counts no more, and the next login goes by the new one */
	must_work(hostkeys_known(&world.paths, ID, &arena, &lines, &nr, &err), &err);
	assert_int_equal(nr, 1);
	assert_string_not_equal(lines[0], world.seed.public_line);
	arena_release(&arena);
	must_work(try_wait(60, &machine, &err), &err);
	assert_false(machine.rotated);
	machine_close(&machine);
	free(at_home);
}

static void test_script(void **state)
{
	(void)state;
	boot(NULL);
	expect_ours("paperspace\n", "/home/paperspace");
}

/* It is met first, waited out, and never believed. */
static void test_key_of_the_image(void **state)
{
	struct machine machine;
	struct error err = ERROR_INIT;

	(void)state;
	boot("sleep 3");
	must_work(try_wait(60, &machine, &err), &err);
	assert_in_range(world.early, 1, 20);
	assert_true(machine.rotated);
	machine_close(&machine);
}

static void test_cloud_init_root(void **state)
{
	struct machine machine;
	struct error err = ERROR_INIT;

	(void)state;
	ops.boot_form = BOOT_CLOUD_INIT;
	ops.login = "root";
	boot(NULL);
	expect_ours("root\n", "/root");
	/* who is root needs no sudo */
	must_work(try_wait(60, &machine, &err), &err);
	expect_output(&machine, "id -u; touch x && chown root:root x && echo done", "0\ndone\n");
	expect_output(&machine, "systemctl stop gpucloud-ttl && echo done", "done\n");
	machine_close(&machine);
}

/* Whoever is not the image's user stays out: the name that we log in with matters. */
static void test_other_users(void **state)
{
	static const char *const names[] = { "ubuntu", "root", "nobody" };
	struct machine machine;
	struct error err = ERROR_INIT;

	(void)state;
	boot(NULL);
	must_work(try_wait(60, &machine, &err), &err);
	machine_close(&machine);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ops.login = names[i];
		assert_int_equal(try_wait(20, &machine, &err), -1);
		assert_string_equal(err.code, "LoginRefused");
	}
}

/* The script never runs: it is waited for, told, and given up; nothing is ever learned. */
static void test_never(void **state)
{
	struct machine machine;
	struct error err = ERROR_INIT;
	struct arena arena = { 0 };
	const char *const *lines;
	size_t nr;

	(void)state;
	boot("exit 1");
	assert_int_equal(try_wait(4, &machine, &err), -1);
	assert_int_equal(err.kind, ERROR_TIMEOUT);
	assert_string_equal(err.code, "HostKeyEarly");
	assert_true(text_starts_with(err.message, ID " did not let us log in within 4 s: " ID));
	assert_non_null(strstr(err.message, "shows another host key than ours"));
	assert_non_null(strstr(err.hint, "gpucloud terminate " ID));
	assert_in_range(world.early, 1, 20);
	must_work(hostkeys_known(&world.paths, ID, &arena, &lines, &nr, &err), &err);
	assert_int_equal(nr, 0);
	arena_release(&arena);
	/* looked at once, as reap does */
	assert_int_equal(
		machine_connect(&world.fleet, &world.instance, 10000, NULL, &machine, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
	assert_string_equal(err.code, "HostKeyEarly");
}

/* Another key is another machine, except in the one case. */
static void test_at_once(void **state)
{
	static const struct {
		enum boot_form form;
		int64_t age_s; /* -1: the cloud does not say */
		bool recorded;
		const char *code;
	} cases[] = {
		{ BOOT_SCRIPT, 0, false, "HostKeyEarly" },
		{ BOOT_SCRIPT, -60, false, "HostKeyEarly" }, /* its clock is ahead */
		{ BOOT_SCRIPT, MACHINE_BOOT_S - 30, false, "HostKeyEarly" },
		{ BOOT_SCRIPT, MACHINE_BOOT_S, false, "HostKeyMismatch" },
		{ BOOT_SCRIPT, MACHINE_BOOT_S + 100000, false, "HostKeyMismatch" },
		{ BOOT_SCRIPT, -1, false, "HostKeyMismatch" },
		{ BOOT_SCRIPT, 0, true, "HostKeyMismatch" },
		{ BOOT_CLOUD_INIT, 0, false, "HostKeyMismatch" },
	};
	struct machine machine;
	struct error err = ERROR_INIT;

	(void)state;
	boot("exit 1");
	/* until it answers at all */
	assert_int_equal(try_wait(2, &machine, &err), -1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		hostkeys_forget(&world.paths, NULL, ID);
		if (cases[i].recorded)
			must_work(hostkeys_record(&world.paths, ID, world.seed.public_line, &err),
				  &err);
		ops.boot_form = cases[i].form;
		world.instance.launched = cases[i].age_s == -1 ? 0 : now_s() - cases[i].age_s;
		assert_int_equal(try_until_seen(&machine, &err), -1);
		if (strcmp(err.code, cases[i].code) != 0)
			fail_msg("case %zu: %s: %s", i, err.code, err.message);
		if (strcmp(err.code, "HostKeyMismatch") == 0) {
			assert_int_equal(world.waits, 0);
		} else {
			assert_int_equal(err.kind, ERROR_TIMEOUT);
		}
	}
}

/* Somebody else's script is not run here: nobody can log in, and the console says why. */
static void test_foreign_script(void **state)
{
	static const char script[] = "#!/bin/sh\nrm -rf /var/lib/nothing\n";
	const struct machine_boot order = {
		.id = ID, .login = "paperspace", .user_data = script, .len = strlen(script)
	};
	struct machine machine;
	struct error err = ERROR_INIT;
	struct buf console = BUF_INIT;

	(void)state;
	must_work(dir_make(world.paths.data, &err), &err);
	machines_boot(world.machines, &order, world.address);
	assert_int_equal(try_wait(3, &machine, &err), -1);
	assert_string_equal(err.code, "HostKeyEarly");
	machines_console(world.machines, ID, &console);
	assert_non_null(strstr(console.data, "runs no other on this computer"));
	buf_release(&console);
}

/* A user's name becomes a folder. */
static void test_bad_login(void **state)
{
	static const char *const names[] = {
		"../x", "a/b", ".", "a b", "a:b", "abcdefghijklmnopqrstuvwxyz0123456789"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct machine_boot order = { .id = ID, .login = names[i] };

		machines_boot(world.machines, &order, world.address);
		assert_string_equal(world.address, "");
	}
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(int argc, char **argv)
{
	if (ssh_worker_asked(argc, argv))
		return ssh_worker_main();
	const struct CMUnitTest tests[] = {
		WITH_WORLD(test_script),	  WITH_WORLD(test_key_of_the_image),
		WITH_WORLD(test_cloud_init_root), WITH_WORLD(test_other_users),
		WITH_WORLD(test_never),		  WITH_WORLD(test_at_once),
		WITH_WORLD(test_foreign_script),  WITH_WORLD(test_bad_login),
	};
	const char *missing = fixture_missing();

	if (missing) {
		fprintf(stderr, "skipped: %s\n", missing);
		return 77;
	}
	if (machine_kind_best() != MACHINE_SSHD) {
		fprintf(stderr, "skipped: nothing to make simulated machines of\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
