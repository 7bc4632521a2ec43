/* SPDX-License-Identifier: Apache-2.0 */
/* Reaching an instance as fleet/ does, against Debian's sshd: who vouches for it, what is told, and how
 * long it takes. Replacing the host key is tried in tests/e2e/test_hostkey_rotation.py. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/rng.h"
#include "fleet/hostkeys.h"
#include "fleet/machine.h"
#include "ssh/worker.h"
#include "ssh_fixture.h"

#define ID     "i-0123456789abcdef0"
#define LAUNCH "abcdefghijklmnopqrst234567"

/* A cloud that knows one instance. */
static struct {
	const char *tag; /* what it says once it was asked so often */
	int after, asked, consoles;
} cloud;

static int cloud_instances(struct provider *p, const struct instance_query *query,
			   struct instance_list *ret, struct error *err)
{
	(void)p;
	(void)err;
	assert_int_equal(query->nr_ids, 1);
	assert_string_equal(query->ids[0], ID);
	memset(ret, 0, sizeof(*ret));
	ret->v = arena_alloc(&ret->arena, sizeof(*ret->v));
	memset(ret->v, 0, sizeof(*ret->v));
	ret->nr = 1;
	ret->v[0].hostkey = ++cloud.asked > cloud.after ? cloud.tag : "an-old-one";
	return 0;
}

static int cloud_console(struct provider *p, const char *region, const char *id, struct buf *out,
			 struct error *err)
{
	(void)p;
	(void)region;
	(void)id;
	(void)err;
	cloud.consoles++;
	buf_addstr(out, "first line\nlast line\n");
	return 0;
}

static const struct provider_ops ops = {
	.name = "one",
	.caps = PROVIDER_CAP_CONSOLE | PROVIDER_CAP_TAGS,
	.login = "ubuntu",
	.instances = cloud_instances,
	.console = cloud_console,
};

/* Everything of one test. */
static struct world {
	struct fixture *fixture;
	struct paths paths;
	struct fleet fleet;
	struct instance instance;
	struct clock clock;
	struct buf told;
	int sleeps;
} world;

static int64_t real_now(void *ctx)
{
	(void)ctx;
	return clock_now_ms(&clock_system);
}

static int64_t real_mono(void *ctx)
{
	(void)ctx;
	return clock_mono_ms(&clock_system);
}

static int count_sleep(void *ctx, int64_t ms)
{
	struct world *w = ctx;

	w->sleeps++;
	return ms > 1000 ? 0 : clock_sleep_ms(&clock_system, ms / 10);
}

static void note(void *ctx, const char *text)
{
	struct world *w = ctx;

	buf_addf(&w->told, "%s\n", text);
}

static const struct machine_events events = { .ctx = &world, .note = note };

static void set_port(unsigned port)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", port);
	settings_set(world.fleet.settings, "ssh_port", text, SETTING_FLAG, "test");
}

static int enter(void **state)
{
	static const char *const env[] = { NULL };

	if (fixture_setup(state) < 0)
		return -1;
	memset(&world, 0, sizeof(world));
	memset(&cloud, 0, sizeof(cloud));
	world.fixture = *state;
	world.told = (struct buf)BUF_INIT;
	world.paths.data = path_in(world.fixture->dir, "data");
	world.paths.state = path_in(world.fixture->dir, "state");
	world.clock = (struct clock){ &world, real_now, real_mono, count_sleep };
	world.fleet = (struct fleet){ .settings = settings_new(env),
				      .paths = &world.paths,
				      .clock = &world.clock,
				      .rng = &rng_system,
				      .ops = &ops };
	world.instance = (struct instance){ .id = ID,
					    .region = "us-east-1",
					    .launch_id = LAUNCH,
					    .public_ip = "127.0.0.1",
					    .hostkey = "" };
	settings_set(world.fleet.settings, "ssh_user", FIXTURE_USER, SETTING_FLAG, "test");
	return 0;
}

static int leave(void **state)
{
	settings_free(world.fleet.settings);
	paths_release(&world.paths);
	buf_release(&world.told);
	return fixture_teardown(state);
}

/* The login key of this home, and an sshd that knows the fixture's. */
static void begin(const struct ssh_key *login)
{
	struct error err = ERROR_INIT;
	char *path = path_in(world.paths.data, "id_ed25519");

	must_work(dir_make(world.paths.data, &err), &err);
	must_work(ssh_key_save(login, path, &err), &err);
	free(path);
	fixture_start(world.fixture);
	set_port(world.fixture->port);
}

static int try_wait(int64_t timeout_s, struct error *err)
{
	struct machine machine = { 0 };

	error_clear(err);
	int rc = machine_wait(&world.fleet, &world.instance, timeout_s, &events, &machine, err);
	if (rc == 0)
		assert_false(machine.rotated || machine.by_agent);
	machine_close(&machine);
	return rc;
}

static void expect_record(const char *line, const char *mark)
{
	struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	char clean[SSH_LINE_MAX], want[SSH_LINE_MAX + 8];
	char *path = xasprintf("%s/hosts/" ID, world.paths.data);

	must_work(hostkeys_line(line, clean, &err), &err);
	must_work(file_read(path, SSH_LINE_MAX, &text, &err), &err);
	snprintf(want, sizeof(want), "%s%s\n", clean, mark);
	assert_string_equal(text.data, want);
	buf_release(&text);
	free(path);
}

static void test_port(void **state)
{
	static const char *const bad[] = { "0",	   "65536", "99999", "100000", "22abc",
					   "abc",  " 22",   "22 ",   "+22",    "-22",
					   "0x16", "2 2",   "1e3",   "22\n",   "4294967318" };
	static const struct {
		const char *text;
		uint16_t port;
	} good[] = { { "1", 1 }, { "22", 22 }, { "00022", 22 }, { "65535", 65535 } };
	struct error err = ERROR_INIT;
	uint16_t port = 0;

	(void)state;
	must_work(machine_port(world.fleet.settings, &port, &err), &err);
	assert_int_equal(port, 22);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		settings_set(world.fleet.settings, "ssh_port", good[i].text, SETTING_FLAG, "test");
		must_work(machine_port(world.fleet.settings, &port, &err), &err);
		assert_int_equal(port, good[i].port);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		settings_set(world.fleet.settings, "ssh_port", bad[i], SETTING_FLAG, "test");
		assert_int_equal(machine_port(world.fleet.settings, &port, &err), -1);
		assert_int_equal(err.kind, ERROR_CONFIG);
		assert_int_equal(port, 65535);
	}
}

static void test_limit_holds(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	struct error err = ERROR_INIT;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	/* Takes connections and never says a word. */
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	set_port(ntohs(addr.sin_port));
	must_work(hostkeys_record(&world.paths, ID, world.fixture->host_line, &err), &err);
	int64_t before = now_ms();
	assert_int_equal(try_wait(2, &err), -1);
	int64_t took = now_ms() - before;
	assert_int_equal(err.kind, ERROR_TIMEOUT);
	assert_non_null(strstr(err.message, ID " did not let us log in within 2 s"));
	assert_in_range(took, 1000, 14000); /* one whole connect is 15 s */
	assert_int_equal(cloud.consoles, 1);
	assert_string_equal(world.told.data,
			    "the last lines of its console:\nfirst line\nlast line\n");
	close(fd);
}

static void test_refused_login(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	begin(&world.fixture->other);
	must_work(hostkeys_record(&world.paths, ID, world.fixture->host_line, &err), &err);
	assert_int_equal(try_wait(10, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
	assert_string_equal(err.code, "LoginRefused");
	assert_non_null(strstr(err.message, ID ": '127.0.0.1' does not let '" FIXTURE_USER "' in"));
	assert_non_null(strstr(err.hint, "ssh_user"));
	assert_non_null(strstr(err.hint, world.paths.data));
	assert_int_equal(cloud.consoles, 1);
}

static void test_own_trouble(void **state)
{
	struct error err = ERROR_INIT;
	char *path = path_in(world.paths.data, "id_ed25519");

	(void)state;
	begin(&world.fixture->login);
	must_work(hostkeys_record(&world.paths, ID, world.fixture->host_line, &err), &err);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(try_wait(10, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFIG);
	assert_int_equal(chmod(path, 0600), 0);
	settings_set(world.fleet.settings, "ssh_port", "22abc", SETTING_FLAG, "test");
	assert_int_equal(try_wait(10, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFIG);
	set_port(world.fixture->port);
	must_work(hostkeys_only(&world.paths, ID, world.fixture->other.public_line, false, &err),
		  &err);
	assert_int_equal(try_wait(10, &err), -1);
	assert_string_equal(err.code, "HostKeyMismatch");
	/* its console knows nothing of that */
	assert_int_equal(cloud.consoles, 0);
	assert_int_equal(world.told.len, 0);
	free(path);
}

/* The key this computer put there is another one, whatever the tag says. */
static void test_own_record_wins(void **state)
{
	struct error err = ERROR_INIT;
	char shown[SSH_FINGERPRINT_MAX], ours[SSH_FINGERPRINT_MAX];
	const char *mine = world.fixture->other.public_line;

	(void)state;
	begin(&world.fixture->login);
	must_work(ssh_public_fingerprint(world.fixture->host_line, shown, &err), &err);
	must_work(ssh_public_fingerprint(mine, ours, &err), &err);
	must_work(hostkeys_record(&world.paths, ID, mine, &err), &err);
	world.instance.hostkey = shown;
	assert_int_equal(try_wait(10, &err), -1);
	assert_string_equal(err.code, "HostKeyMismatch");
	assert_non_null(strstr(err.message, "its tag names another key"));
	char *rm = xasprintf("rm '%s/hosts/" ID "'", world.paths.data);
	assert_non_null(strstr(err.hint, rm));
	free(rm);
	expect_record(mine, "");

	assert_int_equal(cloud.asked, 0);

	/* Tag and record agree: it is the machine that is another. */
	world.instance.hostkey = cloud.tag = ours;
	assert_int_equal(try_wait(10, &err), -1);
	assert_null(strstr(err.message, "its tag names"));
	assert_string_equal(err.hint, "gpucloud show " ID ", gpucloud terminate " ID);
	/* they did when the cloud was asked first: that is looked at again, to tell, not to believe */
	assert_int_equal(cloud.asked, 1);
	cloud.tag = shown;
	assert_int_equal(try_wait(10, &err), -1);
	assert_non_null(strstr(err.message, "its tag names another key"));
	assert_int_equal(cloud.asked, 2);
	/* The seed wins too, before any record. */
	hostkeys_forget(&world.paths, NULL, ID);
	must_work(hostkeys_seed(&world.paths, LAUNCH, &world.fixture->other, &err), &err);
	world.instance.hostkey = shown;
	assert_int_equal(try_wait(10, &err), -1);
	assert_non_null(strstr(err.message, "its tag names another key"));
	rm = xasprintf("rm '%s/hostkeys/" LAUNCH "'", world.paths.state);
	assert_non_null(strstr(err.hint, rm));
	free(rm);
	assert_int_equal(cloud.asked, 2);
	/* the record wins where the tag is wrong, too */
	hostkeys_forget(&world.paths, LAUNCH, NULL);
	must_work(hostkeys_record(&world.paths, ID, world.fixture->host_line, &err), &err);
	world.instance.hostkey = ours;
	must_work(try_wait(10, &err), &err);
	expect_record(world.fixture->host_line, "");
}

static void test_tag_is_followed(void **state)
{
	struct error err = ERROR_INIT;
	char shown[SSH_FINGERPRINT_MAX], old[SSH_FINGERPRINT_MAX];
	const char *other = world.fixture->other.public_line;

	(void)state;
	begin(&world.fixture->login);
	must_work(ssh_public_fingerprint(world.fixture->host_line, shown, &err), &err);
	must_work(ssh_public_fingerprint(other, old, &err), &err);
	/* nothing known but the tag */
	world.instance.hostkey = shown;
	must_work(try_wait(10, &err), &err);
	expect_record(world.fixture->host_line, " tag");
	/* it is known, and the tag is not told this time */
	world.instance.hostkey = "";
	must_work(try_wait(10, &err), &err);
	/* what it named before counts no more, once it names another */
	must_work(hostkeys_only(&world.paths, ID, other, true, &err), &err);
	world.instance.hostkey = shown;
	must_work(try_wait(10, &err), &err);
	expect_record(world.fixture->host_line, " tag");
	assert_int_equal(cloud.asked, 0);
	/* replaced after we had asked: its tag follows a moment later */
	must_work(hostkeys_only(&world.paths, ID, other, true, &err), &err);
	world.instance.hostkey = old;
	cloud.tag = shown;
	cloud.after = 0;
	must_work(try_wait(10, &err), &err);
	expect_record(world.fixture->host_line, " tag");
	/* never: refused, and nothing learned */
	must_work(hostkeys_only(&world.paths, ID, other, true, &err), &err);
	cloud.tag = old;
	cloud.asked = world.sleeps = 0;
	assert_int_equal(try_wait(10, &err), -1);
	assert_string_equal(err.code, "HostKeyMismatch");
	assert_in_range(cloud.asked, 2, 10);
	assert_in_range(world.sleeps, 1, 10);
	expect_record(other, " tag");
	/* the shown one is the old one, and the tag has moved on: refused, its private half is known */
	must_work(hostkeys_only(&world.paths, ID, world.fixture->host_line, true, &err), &err);
	world.instance.hostkey = old;
	assert_int_equal(try_wait(10, &err), -1);
	assert_string_equal(err.code, "HostKeyMismatch");
	/* neither tag nor record */
	hostkeys_forget(&world.paths, NULL, ID);
	world.instance.hostkey = "";
	assert_int_equal(try_wait(10, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFIG);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(int argc, char **argv)
{
	if (ssh_worker_asked(argc, argv))
		return ssh_worker_main();
	const struct CMUnitTest tests[] = {
		WITH_WORLD(test_port),
		WITH_WORLD(test_limit_holds),
		WITH_WORLD(test_refused_login),
		WITH_WORLD(test_own_trouble),
		WITH_WORLD(test_own_record_wins),
		WITH_WORLD(test_tag_is_followed),
	};
	const char *missing = fixture_missing();

	if (missing) {
		fprintf(stderr, "skipped: %s\n", missing);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
