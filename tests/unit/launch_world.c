/* SPDX-License-Identifier: Apache-2.0 */
#include "launch_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "providers/aws/aws.h"

static const char *const from_v4[] = { "203.0.113.7/32" };

static int intend(void *ctx, const char *kind, const char *name, const char *hash,
		  struct error *err)
{
	struct journal *journal = ctx;
	size_t len = strlen(journal->log);

	snprintf(journal->log + len, sizeof(journal->log) - len, "+%s %s|", kind, name);
	if (!strcmp(kind, "instance")) {
		journal->runs_at_intent = fake_count(journal->cloud, RUN);
		snprintf(journal->hash, sizeof(journal->hash), "%s", hash);
	} else {
		assert_string_equal(hash, "");
	}
	if (journal->refuse && !strcmp(journal->refuse, kind))
		return error_set(err, ERROR_CONFLICT, "the request is not the one of before");
	return 0;
}

static int done(void *ctx, const char *kind, const char *name, const char *id, struct error *err)
{
	struct journal *journal = ctx;
	size_t len = strlen(journal->log);

	(void)name;
	snprintf(journal->log + len, sizeof(journal->log) - len, "-%s %s|", kind, id);
	if (journal->lose && !strcmp(journal->lose, kind))
		return error_set(err, ERROR_IO, "the disk is full");
	return 0;
}

static void show(void *ctx, const char *title, const char *request)
{
	struct journal *journal = ctx;

	buf_addf(&journal->shown, "[%s]\n%s", title, request);
}

int world_setup(void **state)
{
	struct world *world = xcalloc(1, sizeof(*world));

	fake_cloud_init(&world->cloud);
	world->journal.cloud = &world->cloud;
	world->journal.shown = (struct buf)BUF_INIT;
	world->steps = (struct launch_steps){ &world->journal, intend, done, show };
	world->request = (struct launch_request){ .launch_id = "l1x",
						  .token = "tok-1",
						  .name = "train",
						  .owner = "ann",
						  .region = "us-east-1",
						  .zone = "us-east-1a",
						  .type = "g5.xlarge",
						  .arch = "x86_64",
						  .spot = true,
						  .max_price = 7344000,
						  .image = "ami-0123",
						  .ssh_public_key = KEY "\n",
						  .ssh_port = 22,
						  .from = from_v4,
						  .nr_from = 1 };
	*state = world;
	return 0;
}

int world_teardown(void **state)
{
	struct world *world = *state;

	fake_cloud_release(&world->cloud);
	buf_release(&world->journal.shown);
	free(world);
	return 0;
}

int world_launch(struct world *world)
{
	world->err = (struct error)ERROR_INIT;
	world->journal.log[0] = '\0';
	return aws_launch(world->cloud.p, &world->request, &world->steps, &world->result,
			  &world->err);
}

void world_add_places(struct fake_cloud *cloud)
{
	fake_always(cloud, "Action=DescribeImages ImageId.1=ami-0123", 200,
		    IMAGE("ami-0123", "x86_64", "available", "/dev/sda1", DISK45));
	fake_always(cloud,
		    "Action=DescribeSubnets Filter.1.Value.1=us-east-1a "
		    "Filter.2.Name=default-for-az Filter.2.Value.1=true",
		    200, SUBNETS(SUBNET("subnet-0c", "us-east-1a")));
}

void world_add_made(struct fake_cloud *cloud)
{
	fake_always(cloud, "Action=ImportKeyPair", 200,
		    FAKE_REPLY("ImportKeyPair", "<keyPairId>key-01</keyPairId>"));
	fake_always(cloud, "Action=CreateSecurityGroup", 200,
		    FAKE_REPLY("CreateSecurityGroup", "<groupId>sg-01</groupId>"));
	fake_always(cloud, "Action=AuthorizeSecurityGroupIngress", 200,
		    FAKE_REPLY("AuthorizeSecurityGroupIngress", "<return>true</return>"));
}

void world_add_all(struct fake_cloud *cloud)
{
	world_add_places(cloud);
	world_add_made(cloud);
}

void world_param(const char *seen, const char *name, const char *value)
{
	const char *have = fake_param(seen, name);

	if (!have && value)
		fail_msg("'%s' is missing in:\n%s", name, seen);
	if (have && (!value || strcmp(have, value) != 0))
		fail_msg("'%s' is '%s', not '%s'", name, have, value ? value : "absent");
}
