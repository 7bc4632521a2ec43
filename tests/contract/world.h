/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cloud and one computer, in one process: the simulated cloud stands where the network would,
 * the clock moves only when somebody sleeps or waits for a reply, chance comes from a seed. The
 * computer can crash at any request: from then on nothing of it reaches the cloud or the disk.
 */
#ifndef GPUCLOUD_TESTS_CONTRACT_WORLD_H
#define GPUCLOUD_TESTS_CONTRACT_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rng.h"
#include "core/settings.h"
#include "fleet/fleet.h"
#include "fleet/launch.h"
#include "simulator/cloud/cloud.h"
#include "tests/contract/wire.h"
#include "tests/unit/sim_fixture.h"
#include "tests/unit/sim_transport.h"

#define WORLD_REGION "us-east-1" /* of EC2 */
#define WORLD_ZONE   "us-east-1a"
#define WORLD_TYPE   "p3.2xlarge"
#define WORLD_OWNER  "me"
#define WORLD_KEY \
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me"

/* How to talk to one cloud of the registry, and what the simulator calls its requests. */
struct world_cloud {
	const char *provider;
	const char *const *env;	      /* of an account that works */
	const char *const *wrong_env; /* and of one that does not */
	const char *service, *launch; /* what makes an instance, as counters and faults name it */
	const char *launch_mark;      /* what only that request's body holds */
	const char *list, *terminate, *beside; /* actions, too; beside: of the things before it */
	const char *steps;	      /* what the journal is told of a launch */
	const char *const *kinds;     /* of the things before the instance, as steps name them */
	const char *guard;	      /* the ledger's kind of what lets addresses in; NULL: none */
	const char *shown;	      /* what a dry run shows of the launch's request */
	const char *region, *zone, *type, *gpu;
	unsigned vcpus, zones;
	unsigned disk_gib; /* one that may be chosen; 0: none may */
	int64_t on_demand;
	const char *nobody;	       /* an id that nothing has */
	const char *bad_zone, *bad_image; /* NULL: nothing can be wrong there */
	struct {
		int status;
		const char *code;
	} denied, broken, busy; /* how it says no, that it failed, that it is asked too much */
};
const struct world_cloud *world_cloud_of(const char *provider); /* fails the test if unknown */

struct world {
	const struct world_cloud *cloud;
	struct sim sim;
	struct sim_transport net;
	struct wire wire; /* quiet, unless a test sets its trouble */
	struct clock clock;
	struct rng_seeded seeded;
	struct rng rng;
	struct settings *settings;
	struct provider_env env;
	const struct provider_ops *ops;
	struct provider *p;

	char dir[64]; /* of the journal; removed at the end */
	struct paths paths;
	struct fleet fleet; /* journal opened by those who need it */

	/* The crash. */
	int crash_in;	      /* requests until then; 0: none is planned */
	bool crash_at_launch; /* at the next request that makes an instance */
	bool crash_after;     /* the fatal request still gets through; its answer does not */
	bool dead;
};

/* config may be NULL. wrong: with credentials that the cloud refuses. */
void world_open(struct world *world, const char *provider, const struct cloud_config *config,
		bool wrong);
void world_close(struct world *world);

/* Plans a crash before or after the n-th request from now; 0: the next that makes an instance. */
void world_crash_in(struct world *world, int n, bool after);
/* Forgets it, or, where it has struck, starts anew with the disk as it was at that instant. True
 * where it had struck. */
bool world_reboot(struct world *world);
/* The journal is deleted. */
void world_lose_journal(struct world *world);

/* A launch, on spot where the cloud has that, that it accepts; the caller changes what it likes. */
struct launch_request world_request(const struct world *world, const char *launch_id,
				    const char *token);

/* Requests of the kind that makes instances, so far. */
uint64_t world_launches(const struct world *world);

/* Fails the test with the error's message unless rc is 0. */
void world_must(int rc, const struct error *err);

#endif
