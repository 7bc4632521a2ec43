/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/contract/world.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/file.h"
#include "core/host.h"
#include "core/http.h"
#include "core/mem.h"
#include "fleet/journal.h"

#define FILE_MAX ((size_t)64 << 20)
#define SECRET	 "SimulatedSecretKeyGoodForNothingElse0000"

static const char *const aws_env[] = { "AWS_ACCESS_KEY_ID=AKIASIMULATOR0000000",
				       "AWS_SECRET_ACCESS_KEY=" SECRET,
				       "AWS_REGION=" WORLD_REGION,
				       "AWS_ENDPOINT_URL=https://127.0.0.1:1",
				       "HOME=/nonexistent",
				       NULL };
static const char *const aws_wrong_env[] = { "AWS_ACCESS_KEY_ID=AKIASIMULATOR0000000",
					     "AWS_SECRET_ACCESS_KEY=wrong",
					     "AWS_REGION=" WORLD_REGION,
					     "AWS_ENDPOINT_URL=https://127.0.0.1:1",
					     "HOME=/nonexistent",
					     NULL };

#define PAPERSPACE "PAPERSPACE_API_URL=https://127.0.0.1:1/paperspace/v1"
#define DROPLETS   "DIGITALOCEAN_API_URL=https://127.0.0.1:1/digitalocean/v2"

static const char *const paperspace_env[] = { "PAPERSPACE_API_KEY=" CLOUD_PAPERSPACE_KEY,
					      PAPERSPACE, "HOME=/nonexistent", NULL };
static const char *const paperspace_wrong_env[] = { "PAPERSPACE_API_KEY=wrong", PAPERSPACE,
						    "HOME=/nonexistent", NULL };
static const char *const droplet_env[] = { "DIGITALOCEAN_TOKEN=" CLOUD_DIGITALOCEAN_TOKEN, DROPLETS,
					   "GPUCLOUD_REGION=nyc2", "HOME=/nonexistent", NULL };
static const char *const droplet_wrong_env[] = { "DIGITALOCEAN_TOKEN=wrong", DROPLETS,
						 "GPUCLOUD_REGION=nyc2", "HOME=/nonexistent",
						 NULL };

static const char *const aws_kinds[] = { "key", "security-group", NULL };
static const char *const paperspace_kinds[] = { "startup-script", NULL };
static const char *const droplet_kinds[] = { "key", "security-group", NULL };

/* A new cloud of the registry needs an entry here: then it must hold the whole contract. */
static const struct world_cloud clouds[] = {
	{
		.provider = "aws",
		.env = aws_env,
		.wrong_env = aws_wrong_env,
		.service = "ec2",
		.launch = "RunInstances",
		.launch_mark = "Action=RunInstances&",
		.list = "DescribeInstances",
		.terminate = "TerminateInstances",
		.beside = "*SecurityGroup*",
		.steps = "intend key;done key;intend security-group;done security-group;"
			 "intend instance;done instance;",
		.kinds = aws_kinds,
		.guard = "security-group",
		.shown = "RunInstances",
		.region = WORLD_REGION,
		.zone = WORLD_ZONE,
		.type = WORLD_TYPE,
		.gpu = "V100",
		.vcpus = 8,
		.zones = 2,
		.disk_gib = 100,
		.on_demand = 3060000,
		.nobody = "i-0123456789abcdef0",
		.bad_zone = "us-east-1q",
		.bad_image = "ami-00000000000000000",
		.denied = { 403, "UnauthorizedOperation" },
		.broken = { 500, "InternalError" },
		.busy = { 503, "RequestLimitExceeded" },
	},
	{
		.provider = "paperspace",
		.env = paperspace_env,
		.wrong_env = paperspace_wrong_env,
		.service = "paperspace",
		.launch = "CreateMachine",
		.launch_mark = "\"machineType\"",
		.list = "ListMachines",
		.terminate = "DeleteMachine",
		.beside = "*StartupScript*",
		.steps = "intend startup-script;done startup-script;intend instance;done instance;",
		.kinds = paperspace_kinds,
		.shown = "POST /machines",
		.region = "ny2",
		.zone = "ny2",
		.type = "P4000",
		.gpu = "P4000",
		.vcpus = 8,
		.zones = 1,
		.disk_gib = 100,
		.on_demand = 510000,
		.nobody = "psnobody0",
		.bad_zone = "nyc9",
		.bad_image = "no-such-template",
		.denied = { 403, "FORBIDDEN" },
		.broken = { 500, "INTERNAL_SERVER_ERROR" },
		.busy = { 429, "TOO_MANY_REQUESTS" },
	},
	{
		.provider = "digitalocean",
		.env = droplet_env,
		.wrong_env = droplet_wrong_env,
		.service = "digitalocean",
		.launch = "CreateDroplet",
		.launch_mark = "\"user_data\"",
		.list = "ListDroplets",
		.terminate = "DeleteDroplet*",
		.beside = "*Firewall*",
		.steps = "intend key;done key;intend security-group;done security-group;"
			 "intend instance;done instance;",
		.kinds = droplet_kinds,
		.guard = "security-group",
		.shown = "POST /droplets",
		.region = "nyc2",
		.zone = "nyc2",
		.type = "gpu-h100x1-80gb",
		.gpu = "H100",
		.vcpus = 20,
		.zones = 1,
		.on_demand = 3390000,
		.nobody = "100000001",
		.bad_zone = "nyc9",
		.bad_image = "no-such-image",
		.denied = { 403, "forbidden" },
		.broken = { 500, "server_error" },
		.busy = { 429, "too_many_requests" },
	},
};

const struct world_cloud *world_cloud_of(const char *provider)
{
	for (size_t i = 0; i < ARRAY_SIZE(clouds); i++)
		if (strcmp(clouds[i].provider, provider) == 0)
			return &clouds[i];
	fail_msg("the contract suite does not know how to reach the cloud '%s'", provider);
	return NULL;
}

/* --- this computer: no files, no helpers --------------------------------------------------- */

static int no_file(void *ctx, const char *path, size_t max, struct buf *out, struct error *err)
{
	(void)ctx;
	(void)max;
	(void)out;
	return error_set(err, ERROR_NOT_FOUND, "no file '%s'", path);
}

static int no_run(void *ctx, const char *const *argv, int64_t timeout_ms, struct buf *out,
		  struct buf *diag, int *status, struct error *err)
{
	(void)ctx;
	(void)timeout_ms;
	(void)out;
	(void)diag;
	(void)status;
	return error_set(err, ERROR_CONFIG, "cannot run '%s'", argv[0]);
}

static const struct host no_host = { .read_file = no_file, .run = no_run };

static int64_t now_ms(void *ctx)
{
	const struct world *world = ctx;

	return clock_now_ms(&world->net.clock);
}

static int64_t mono_ms(void *ctx)
{
	const struct world *world = ctx;

	return clock_mono_ms(&world->net.clock);
}

/* The dead do not wait, and time does not pass for them. */
static int sleep_ms(void *ctx, int64_t ms)
{
	struct world *world = ctx;

	if (world->dead)
		return -1;
	clock_sleep_ms(&world->net.clock, ms);
	wire_deliver(&world->wire);
	return 0;
}

/* --- the crash ----------------------------------------------------------------------------- */

typedef void (*each_file_fn)(const char *from, const char *to);

static void copy_file(const char *from, const char *to)
{
	struct buf text = BUF_INIT_MAX(FILE_MAX);
	struct error err = ERROR_INIT;

	world_must(file_read(from, FILE_MAX, &text, &err), &err);
	FILE *out = fopen(to, "wb");
	assert_non_null(out);
	assert_int_equal(fwrite(text.data, 1, text.len, out), text.len);
	assert_int_equal(fclose(out), 0);
	buf_release(&text);
}

static void remove_file(const char *from, const char *to)
{
	(void)to;
	assert_int_equal(unlink(from), 0);
}

/* Plain files directly in the folder. */
static void each_file(const char *from, const char *to, each_file_fn fn)
{
	DIR *dir = opendir(from);
	struct stat st;

	for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
		char *a = xasprintf("%s/%s", from, entry->d_name);
		char *b = xasprintf("%s/%s", to, entry->d_name);

		if (lstat(a, &st) == 0 && S_ISREG(st.st_mode))
			fn(a, b);
		free(a);
		free(b);
	}
	if (dir)
		closedir(dir);
}

static void remove_folder(const char *path)
{
	char *locks = xasprintf("%s/locks", path);

	each_file(locks, locks, remove_file);
	each_file(path, path, remove_file);
	rmdir(locks);
	rmdir(path);
	free(locks);
}

static char *disk_of(const struct world *world, const char *suffix)
{
	return xasprintf("%s/%s", world->dir, suffix);
}

static void die(struct world *world)
{
	char *frozen = disk_of(world, "frozen");

	assert_int_equal(mkdir(frozen, 0700), 0);
	each_file(world->paths.state, frozen, copy_file);
	free(frozen);
	world->dead = true;
}

static void bury(struct http_attempt **attempts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		attempts[i]->rc =
			error_set(attempts[i]->err, ERROR_CANCELLED, "this computer is off");
		attempts[i]->final = true;
	}
}

static bool makes_instance(const struct world *world, const struct http_request *request)
{
	const char *mark = world->cloud->launch_mark;

	return request->body && memmem(request->body, request->body_len, mark, strlen(mark));
}

static void perform(void *ctx, struct http_attempt **attempts, size_t n)
{
	struct world *world = ctx;
	bool fatal = world->crash_in > 0 && (world->crash_in -= (int)n) <= 0;

	for (size_t i = 0; i < n; i++)
		fatal |= world->crash_at_launch && makes_instance(world, &attempts[i]->request);

	if (world->dead) {
		bury(attempts, n);
	} else if (fatal) {
		world->crash_in = 0;
		world->crash_at_launch = false;
		die(world);
		if (world->crash_after)
			wire_perform(&world->wire, attempts, n);
		for (size_t i = 0; i < n; i++) {
			buf_clear(&attempts[i]->response->body);
			attempts[i]->sink_fed = false;
		}
		bury(attempts, n);
	} else {
		wire_perform(&world->wire, attempts, n);
	}
}

void world_crash_in(struct world *world, int n, bool after)
{
	world->crash_in = n;
	world->crash_at_launch = n == 0;
	world->crash_after = after;
}

/* --- the world ----------------------------------------------------------------------------- */

static void start_computer(struct world *world, bool wrong)
{
	struct http_transport transport = { .ctx = world, .perform = perform };
	struct error err = ERROR_INIT;

	world->settings = settings_new(wrong ? world->cloud->wrong_env : world->cloud->env);
	world->env = (struct provider_env){
		.http = http_new(transport, &world->clock, &world->rng),
		.clock = &world->clock,
		.rng = &world->rng,
		.settings = world->settings,
		.host = &no_host,
		.home = "/nonexistent",
	};
	world_must(world->ops->open(&world->env, &world->p, &err), &err);
	world->fleet = (struct fleet){
		.settings = world->settings,
		.paths = &world->paths,
		.clock = &world->clock,
		.rng = &world->rng,
		.host = &no_host,
		.http = world->env.http,
		.ops = world->ops,
		.provider = world->p,
		.owner = WORLD_OWNER,
	};
}

static void stop_computer(struct world *world)
{
	fleet_close(&world->fleet); /* journal, provider and http go with it */
	settings_free(world->settings);
}

bool world_reboot(struct world *world)
{
	char *frozen = disk_of(world, "frozen");
	bool died = world->dead;

	world->crash_in = 0;
	world->crash_at_launch = false;
	if (died) {
		stop_computer(world);
		remove_folder(world->paths.state);
		assert_int_equal(rename(frozen, world->paths.state), 0);
		world->dead = false;
		start_computer(world, false);
	}
	free(frozen);
	return died;
}

void world_lose_journal(struct world *world)
{
	stop_computer(world);
	remove_folder(world->paths.state);
	start_computer(world, false);
}

void world_open(struct world *world, const char *provider, const struct cloud_config *config,
		bool wrong)
{
	/* In memory where that is possible: thousands of syncs would only wear the disk. */
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	memset(world, 0, sizeof(*world));
	world->cloud = world_cloud_of(provider);
	world->ops = provider_find(provider);
	assert_non_null(world->ops);
	sim_start(&world->sim, config);
	sim_transport_init(&world->net, world->sim.cloud);
	wire_init(&world->wire, &world->net, config ? config->seed : 7);
	world->clock = (struct clock){ world, now_ms, mono_ms, sleep_ms };
	world->rng = rng_seeded(&world->seeded, config ? config->seed : 7);
	snprintf(world->dir, sizeof(world->dir), "%s/gpucloud-test-XXXXXX", base);
	assert_non_null(mkdtemp(world->dir));
	world->paths.state = disk_of(world, "state");
	start_computer(world, wrong);
}

void world_close(struct world *world)
{
	stop_computer(world);
	wire_release(&world->wire);
	sim_stop(&world->sim);
	remove_folder(world->paths.state);
	free(world->paths.state);
	assert_int_equal(rmdir(world->dir), 0);
}

struct launch_request world_request(const struct world *world, const char *launch_id,
				    const char *token)
{
	static const char *const from[] = { "203.0.113.9/32" };
	static const uint16_t ports[] = { 8888 };

	const bool spot = (world->ops->caps & PROVIDER_CAP_SPOT) != 0;
	const bool guard = (world->ops->caps & PROVIDER_CAP_GUARD) != 0;

	return (struct launch_request){
		.launch_id = launch_id,
		.token = token,
		.name = "train",
		.owner = WORLD_OWNER,
		.region = world->cloud->region,
		.zone = world->cloud->zone,
		.type = world->cloud->type,
		.arch = "x86_64",
		.spot = spot,
		.max_price = spot ? 1560600 : 0,
		.ssh_public_key = WORLD_KEY,
		.ports = ports,
		.nr_ports = guard ? 1 : 0,
		.ssh_port = 22,
		.from = from,
		.nr_from = 1,
		.disk_gib = world->cloud->disk_gib,
	};
}

uint64_t world_launches(const struct world *world)
{
	return cloud_counter(world->sim.cloud, world->cloud->service, world->cloud->launch);
}

void world_must(int rc, const struct error *err)
{
	if (rc != 0)
		fail_msg("%s (%s)", err->message, err->code);
}
