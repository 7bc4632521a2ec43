/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/mem.h"
#include "simulator/cloud/images.h"
#include "simulator/cloud/market.h"
#include "simulator/cloud/params.h"

static void add_pool(struct sim *sim, const char *type, const char *zone,
		     const struct price_point *v, size_t nr)
{
	struct error err = ERROR_INIT;

	if (market_add_recorded(sim->market, type, zone, v, nr, &err) != 0)
		fail_msg("%s", err.message);
}

static void add_pools(struct sim *sim)
{
	const int64_t past = SIM_START - 30 * 86400;
	const struct price_point moving[] = { { past, 918000 },
					      { SIM_START + SIM_HOUR, 2000000 },
					      { SIM_START + 2 * SIM_HOUR, 500000 } };
	const struct price_point pinned = { past, 3060000 }, low = { past, 300000 };
	struct price_point *hourly = xcalloc(SIM_HOURLY, sizeof(*hourly));

	for (int i = 0; i < SIM_HOURLY; i++) {
		hourly[i].time = SIM_START - (SIM_HOURLY - 1 - i) * SIM_HOUR;
		hourly[i].micros = 270000 + i;
	}
	add_pool(sim, "p3.2xlarge", "us-east-1a", moving, ARRAY_SIZE(moving));
	add_pool(sim, "p3.2xlarge", "us-east-1b", &pinned, 1);
	add_pool(sim, "p2.xlarge", "us-east-1a", hourly, SIM_HOURLY);
	add_pool(sim, "p2.xlarge", "us-east-1b", &low, 1);
	add_pool(sim, "p2.xlarge", "eu-west-1a", &low, 1);
	add_pool(sim, "t3.micro", "us-east-1a", &low, 1);
	add_pool(sim, "g5g.xlarge", "us-east-1a", &low, 1);
	add_pool(sim, "g4dn.xlarge", "us-east-1c", &low, 1);
	free(hourly);
}

void sim_start(struct sim *sim, const struct cloud_config *config)
{
	struct cloud_config mine = config ? *config : (struct cloud_config){ .seed = 7 };

	memset(sim, 0, sizeof(*sim));
	sim->reply = (struct cloud_reply)CLOUD_REPLY_INIT;
	sim->market = market_new(mine.seed, SIM_START);
	add_pools(sim);
	mine.start = SIM_START;
	mine.market = sim->market;
	sim->cloud = cloud_new(&mine);
}

static void drop_reply(struct sim *sim)
{
	if (sim->xml.doc)
		xml_release(&sim->xml);
	sim->xml.doc = NULL;
	cloud_reply_release(&sim->reply);
	sim->reply = (struct cloud_reply)CLOUD_REPLY_INIT;
}

void sim_stop(struct sim *sim)
{
	drop_reply(sim);
	cloud_free(sim->cloud);
	market_free(sim->market);
}

void sim_at(struct sim *sim, double seconds)
{
	cloud_advance(sim->cloud, SIM_START * 1000 + (int64_t)(seconds * 1000));
}

int sim_call_in(struct sim *sim, const char *region, const char *body)
{
	struct sim_params params;
	struct error err = ERROR_INIT;

	drop_reply(sim);
	if (params_parse(&params, body, strlen(body)) != 0)
		ec2_error(sim->cloud, &sim->reply, 400, params.code, "%s", params.message);
	else
		ec2_handle(sim->cloud, region, &params, &sim->reply);
	params_release(&params);
	if (xml_parse(sim->reply.body.data, sim->reply.body.len, "reply", &sim->xml, &err) != 0)
		sim->xml.doc = NULL;
	return sim->reply.status;
}

static int call_v(struct sim *sim, const char *fmt, va_list ap)
{
	char *body = NULL;
	int status;

	if (vasprintf(&body, fmt, ap) < 0)
		out_of_memory();
	char *whole = xasprintf("%s&Version=2016-11-15", body);

	status = sim_call_in(sim, "us-east-1", whole);
	free(whole);
	free(body);
	return status;
}

int sim_call(struct sim *sim, const char *fmt, ...)
{
	va_list ap;
	int status;

	va_start(ap, fmt);
	status = call_v(sim, fmt, ap);
	va_end(ap);
	return status;
}

const char *sim_text(const struct sim *sim, const char *name)
{
	const struct _xmlNode *node = sim->xml.doc ? xml_search(xml_root(&sim->xml), name) : NULL;
	const char *text = node ? xml_text(node, NULL) : NULL;

	return text ? text : "";
}

size_t sim_count(const struct sim *sim, const char *name)
{
	char *tag = xasprintf("<%s>", name);
	size_t nr = 0;

	for (const char *at = sim->reply.body.data; (at = strstr(at, tag)); at++)
		nr++;
	free(tag);
	return nr;
}

size_t sim_items(const struct sim *sim, const char *set)
{
	const struct _xmlNode *node = sim->xml.doc ? xml_search(xml_root(&sim->xml), set) : NULL;
	const struct _xmlNode *item = NULL;
	size_t nr = 0;

	while (node && (item = xml_each(node, "item", item)))
		nr++;
	return nr;
}

void sim_expect(struct sim *sim, const char *code, const char *fmt, ...)
{
	va_list ap;
	int status;

	va_start(ap, fmt);
	status = call_v(sim, fmt, ap);
	va_end(ap);
	if (code ? strcmp(sim_text(sim, "Code"), code) != 0 : status != 200)
		fail_msg("expected %s for %s, got %d: %s", code ? code : "success", fmt, status,
			 sim->reply.body.data);
}

const char *sim_image(const char *arch)
{
	static char id[SIM_IMAGE_ID_MAX];

	for (size_t i = 0; i < sim_images_count(); i++) {
		const struct sim_image *image = sim_image_at(i);

		if (strcmp(image->architecture, arch) == 0)
			return sim_image_id(image, "us-east-1", id);
	}
	fail_msg("no image for %s", arch);
	return "";
}

struct tally {
	const char *kind;
	size_t nr;
	int64_t bill;
};

static void count_living(void *ctx, const struct cloud_resource *resource)
{
	struct tally *tally = ctx;

	if (resource->ended_ms)
		return;
	tally->bill += resource->usd_per_hour;
	tally->nr += tally->kind && strcmp(resource->kind, tally->kind) == 0;
}

size_t sim_living(const struct sim *sim, const char *kind)
{
	struct tally tally = { kind, 0, 0 };

	cloud_each_resource(sim->cloud, count_living, &tally);
	return tally.nr;
}

int64_t sim_bill(const struct sim *sim)
{
	struct tally tally = { NULL, 0, 0 };

	cloud_each_resource(sim->cloud, count_living, &tally);
	return tally.bill;
}
