/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A launch, step by step: has its token made a droplet already? Size and image (questions only), key,
 * firewall, droplet. DigitalOcean knows no idempotency tokens: the request that makes the droplet is
 * sent once, and the token is one of its tags.
 *
 * https://docs.digitalocean.com/reference/api/digitalocean/#operation/droplets_create
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/interrupt.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/digitalocean/digitalocean_launch.h"

#define TOKEN_MAX    126
#define SETTLE_TRIES 5 /* a key made a moment ago may not be known everywhere yet */
#define UNKNOWN_KEY  "invalid key identifiers"

static int intend(const struct ocean_plan *plan, const char *kind, const char *name,
		  const char *hash, struct error *err)
{
	const struct launch_steps *steps = plan->steps;

	return steps && steps->intend ? steps->intend(steps->ctx, kind, name, hash, err) : 0;
}

static int done(const struct ocean_plan *plan, const char *kind, const char *name, const char *id,
		struct error *err)
{
	const struct launch_steps *steps = plan->steps;

	return steps && steps->done ? steps->done(steps->ctx, kind, name, id, err) : 0;
}

/* --- what can be said before anything is asked ----------------------------------------------- */

static int check_user_data(const struct launch_request *request, struct error *err)
{
	const char *text = request->user_data;
	size_t len = request->user_data_len;

	if (!text || (len <= digitalocean_provider.user_data_max && text_is_utf8(text, len) &&
		      !memchr(text, '\0', len)))
		return 0;
	if (len > digitalocean_provider.user_data_max)
		return error_set(err, ERROR_USAGE,
				 "user-data has %zu bytes: DigitalOcean takes at most 64 KiB", len);
	return error_set(err, ERROR_USAGE,
			 "user-data is no plain text, which is all that DigitalOcean takes");
}

static int check_request(const struct launch_request *request, struct error *err)
{
	if (ocean_launch_id_check(request->launch_id, err))
		return -1;
	if (!request->token || !text_is_token(request->token, "-_", TOKEN_MAX))
		return error_set(err, ERROR_USAGE, "the launch has no usable token");
	if (!request->type || !ocean_is_slug(request->type))
		return error_set(err, ERROR_USAGE, "'%.80s' is no size of a droplet",
				 request->type ? request->type : "");
	if (request->zone && strcmp(request->zone, request->region) != 0)
		return error_set(err, ERROR_USAGE,
				 "'%.80s' is no zone of %s: DigitalOcean has regions alone",
				 request->zone, request->region);
	if (request->image && !ocean_is_slug(request->image))
		return error_set(err, ERROR_USAGE, "'%.80s' is no image's slug or id",
				 request->image);
	if (request->subnet && !text_is_token(request->subnet, "-", OCEAN_LABEL_MAX))
		return error_set(err, ERROR_USAGE, "'%.80s' is no VPC's id", request->subnet);
	if (request->spot || request->static_address)
		return error_set(err, ERROR_UNSUPPORTED, "DigitalOcean has no %s",
				 request->spot ? "spot droplets" : "address that we could hold");
	return check_user_data(request, err) ? -1 : ocean_firewall_check(request, err);
}

/* --- size and image --------------------------------------------------------------------------- */

static int no_size(const struct launch_request *request, struct error *err)
{
	error_set(err, ERROR_NOT_FOUND, "DigitalOcean has no size '%s'", request->type);
	return error_hint(err, "gpucloud price --provider digitalocean --all-regions");
}

static int check_disk(const struct ocean_plan *plan, unsigned disk_gib, struct error *err)
{
	const struct launch_request *request = plan->request;
	unsigned wanted = request->disk_gib	   ? request->disk_gib
			  : request->disk_more_gib ? request->disk_more_gib + plan->image_gib
						   : 0;

	if (wanted <= disk_gib)
		return 0;
	error_set(err, ERROR_USAGE,
		  "a disk of %u GiB: a droplet of size %s has %u GiB, and no other", wanted,
		  request->type, disk_gib);
	return error_hint(err, "leave --disk out, or choose a larger size");
}

/* DigitalOcean's own, with the driver in them. */
static const char *default_image(const struct ocean_size *size)
{
	if (!size->gpus)
		return "ubuntu-22-04-x64";
	if (!size->nvidia)
		return "gpu-amd-base";
	return size->gpus >= 8 ? "gpu-h100x8-base" : "gpu-h100x1-base";
}

static int find_image(struct provider *p, struct ocean_plan *plan, struct error *err)
{
	struct rest_call call;
	const char *name;
	int64_t gib = 0;

	rest_begin(&call, &p->rest, REST_READ, "GET", REST_PATH("images", plan->image),
		   "cannot find image '%s'", plan->image);
	int rc = rest_send(&call, err);
	if (rc == 0 && (json_string_opt(call.json.root, "image.name", 1024, &name, err) ||
			(json_get(call.json.root, "image.min_disk_size") &&
			 json_int64(call.json.root, "image.min_disk_size", 0, 1000000, &gib, err))))
		rc = error_prefix(err, "%s", call.what);
	if (rc == 0) {
		plan->image_name = name ? arena_strdup(&plan->arena, name) : "";
		plan->image_gib = (unsigned)gib;
	}
	rest_release(&call);
	return rc;
}

static int find_size(struct provider *p, struct ocean_plan *plan, struct error *err)
{
	const struct launch_request *request = plan->request;
	struct ocean_sizes sizes = { .nr = 0 };
	const struct ocean_size *size = NULL;
	int rc = 0;

	if (ocean_sizes(p, &sizes, err))
		return -1;
	for (size_t i = 0; i < sizes.nr && !size; i++)
		if (strcmp(sizes.v[i].slug, request->type) == 0)
			size = &sizes.v[i];
	if (!size)
		rc = no_size(request, err);
	else if (!ocean_size_in(size, request->region)) /* before anything is made */
		rc = ocean_sold_out(size, request->region, err);
	if (rc == 0) {
		plan->image = arena_strdup(&plan->arena,
					   request->image ? request->image : default_image(size));
		rc = find_image(p, plan, err);
	}
	if (rc == 0)
		rc = check_disk(plan, size->disk_gib, err);
	arena_release(&sizes.arena);
	return rc;
}

/* --- steps ------------------------------------------------------------------------------------ */

static int make_key(struct provider *p, const struct ocean_plan *plan, struct error *err)
{
	char id[OCEAN_ID_TEXT];

	if (intend(plan, "key", plan->key_name, "", err) ||
	    ocean_key_make(p, &plan->key, plan->key_name, id, err))
		return -1;
	return done(plan, "key", plan->key_name, id, err);
}

static int make_firewall(struct provider *p, const struct ocean_plan *plan, struct error *err)
{
	char id[40];

	if (intend(plan, "security-group", plan->name, "", err) ||
	    ocean_firewall_make(p, plan->request, id, err))
		return -1;
	return done(plan, "security-group", plan->name, id, err);
}

/*
 * The key was refused: too new to be known yet, or another launch that ended took it away. Either way
 * nothing was made, and the request may go out once more. 0: it may.
 */
static int settle_key(struct provider *p, const struct ocean_plan *plan, int try, struct error *err)
{
	int there = ocean_key_exists(p, &plan->key, err);

	if (there < 0)
		return -1;
	return there ? ocean_sleep(p, INT64_C(500) << try, err) : make_key(p, plan, err);
}

static int create(struct provider *p, const struct ocean_plan *plan, struct launch_result *ret,
		  struct error *err)
{
	for (int try = 1;; try++) {
		struct error why = ERROR_INIT;

		if (ocean_create(p, plan, ret, &why) == 0)
			return 0;
		if (why.unknown || !plan->has_key || try == SETTLE_TRIES ||
		    !ocean_says(&why, UNKNOWN_KEY)) {
			*err = why;
			return -1;
		}
		if (settle_key(p, plan, try, err))
			return -1;
	}
}

static int run(struct provider *p, const struct ocean_plan *plan, struct launch_result *ret,
	       struct error *err)
{
	const struct launch_request *request = plan->request;
	char hash[SHA256_HEX_MAX];

	ocean_create_hash(p, plan, hash);
	if (intend(plan, "instance", request->token, hash, err))
		return -1;
	/* Once sent it is seen through; after Ctrl-C it is not begun. */
	if (interrupted())
		return error_set(err, ERROR_CANCELLED,
				 "interrupted before the droplet was asked for");
	if (create(p, plan, ret, err))
		return -1;
	if (done(plan, "instance", request->token, ret->instance.id, err)) {
		err->unknown = true; /* it runs, and only the journal does not know */
		launch_result_release(ret);
		return -1;
	}
	return 0;
}

/* --- the whole --------------------------------------------------------------------------------- */

/* 1: the token has made one already. */
static int find_made(struct provider *p, const struct ocean_plan *plan, struct launch_result *ret,
		     struct error *err)
{
	const struct instance_query query = { .regions = &plan->request->region,
					      .nr_regions = 1,
					      .token = plan->request->token };
	struct instance_list list = { 0 };

	if (ocean_instances(p, &query, &list, err))
		return error_prefix(err, "cannot look for an earlier try");
	if (!list.nr) {
		instance_list_release(&list);
		return 0;
	}
	*ret = (struct launch_result){ .arena = list.arena, .instance = list.v[0] };
	ret->image = list.v[0].image;
	ret->image_name = "";
	return 1;
}

static int dry_run(struct provider *p, const struct ocean_plan *plan, struct launch_result *ret)
{
	if (plan->has_key)
		ocean_key_show(p, &plan->key, plan->key_name, plan->steps);
	ocean_firewall_show(p, plan->request, plan->steps);
	ocean_create_show(p, plan);
	ocean_result(plan, ret);
	return 0;
}

static int make_names(struct ocean_plan *plan, struct error *err)
{
	const struct launch_request *request = plan->request;
	struct ocean_name name;

	if (ocean_name_of(request, &name, err) || ocean_name_write(&name, plan->name, err))
		return -1;
	if (request->made > 0)
		snprintf(name.extra, sizeof(name.extra), "%" PRId64, request->made);
	if (ocean_name_write(&name, plan->key_name, err))
		return -1;
	plan->has_key = request->ssh_public_key != NULL;
	return plan->has_key ? ocean_key_parse(request->ssh_public_key, &plan->key, err) : 0;
}

static int launch(struct provider *p, struct ocean_plan *plan, struct launch_result *ret,
		  struct error *err)
{
	int found = plan->request->dry_run ? 0 : find_made(p, plan, ret, err);

	if (found)
		return found < 0 ? -1 : 0;
	if (find_size(p, plan, err))
		return -1;
	if (plan->request->dry_run)
		return dry_run(p, plan, ret);
	if ((plan->has_key && make_key(p, plan, err)) || make_firewall(p, plan, err))
		return -1;
	return run(p, plan, ret, err);
}

int ocean_launch(struct provider *p, const struct launch_request *request,
		 const struct launch_steps *steps, struct launch_result *ret, struct error *err)
{
	struct ocean_plan *plan = xcalloc(1, sizeof(*plan));
	struct launch_result result = { 0 };
	struct error why = ERROR_INIT; /* errors that were no obstacle must not be seen */

	plan->request = request;
	plan->steps = steps;
	int rc = check_request(request, &why) || make_names(plan, &why) ||
				 ocean_tags_plan(plan, &why) || launch(p, plan, &result, &why)
			 ? -1
			 : 0;
	arena_release(&plan->arena);
	free(plan);
	if (rc)
		*err = why;
	else
		*ret = result;
	return rc;
}
