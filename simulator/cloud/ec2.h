/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the EC2 actions share. An action reads its parameters, calls ec2_ready(), and then does its
 * work and writes the elements of its reply into call->out; what goes wrong is recorded with
 * params_fail() and becomes the error reply, whatever was written before.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/
 */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_EC2_H
#define GPUCLOUD_SIMULATOR_CLOUD_EC2_H

#include "simulator/cloud/model.h"
#include "simulator/cloud/out.h"
#include "simulator/cloud/params.h"

struct ec2_call {
	struct cloud *cloud;
	const struct place_region *region;
	struct sim_params *params;
	struct buf *out;
	const char *action;
};

/*
 * Call after the last getter: refuses parameters nobody asked for, and answers DryRun. False: an
 * error is recorded, return.
 */
bool ec2_ready(struct ec2_call *call);
#define ec2_fail(call, ...) params_fail((call)->params, __VA_ARGS__)

/* --- filters: Filter.N.Name, Filter.N.Value.M --------------------------------------------- */

#define FILTERS_MAX	  50
#define FILTER_VALUES_MAX 200

struct filter {
	const char *name;
	const char **values;
	size_t nr;
};
struct filters {
	struct filter v[FILTERS_MAX];
	size_t nr;
};

/* known: names, NULL-terminated; "tag" stands for tag:KEY and tag-key. */
void filters_read(struct ec2_call *call, const char *const *known, struct filters *ret);
/* '*' any, '?' one, '\' takes the next literally; case counts. */
bool filter_glob(const char *pattern, const char *text);
/* The i-th text of a thing's field of that name, or NULL; scratch has 64 bytes. */
typedef const char *(*filter_field)(const void *thing, const char *name, size_t i, char *scratch);
/* Values of one filter are or'ed, filters and'ed. tags may be NULL. */
bool filters_match(const struct filters *filters, const struct tag_set *tags, filter_field field,
		   const void *thing);

/* --- pages -------------------------------------------------------------------------------- */

/*
 * MaxResults and NextToken. A token is opaque, belongs to the action, the region and the other
 * parameters it was made for, and carries two numbers of the action's own.
 */
struct page {
	size_t max;	     /* things on this page */
	int64_t from, extra; /* 0 on the first page */
	bool asked;	     /* MaxResults was given */
};
void page_read(struct ec2_call *call, size_t min, size_t max, size_t def, struct page *ret);
/* Writes <nextToken>. */
void page_next(struct ec2_call *call, int64_t from, int64_t extra);

/* --- ids and tags ------------------------------------------------------------------------- */

/* InvalidXID.Malformed for what cannot be an id of that prefix. -1: recorded. */
int id_check(struct ec2_call *call, const char *id, const char *prefix, const char *code);
/* Any kind, by its prefix; fails with the kind's NotFound. */
struct object *object_need(struct ec2_call *call, const char *id);
/* TagSpecification.N into a set per kind; allowed: or'ed 1 << kind. Sets are the caller's. */
void tag_specs_read(struct ec2_call *call, unsigned allowed, struct tag_set *sets);
/* ClientToken, checked: "" where none was given. */
const char *token_read(struct ec2_call *call);
/* Key and value within limits, the key no reserved one. -1: recorded. */
int tag_check(struct ec2_call *call, const char *key, const char *value);

/* InstanceId.N, each existing: in the arena; required unless 0 are fine. */
struct instance **instances_read(struct ec2_call *call, bool required, size_t *ret_nr);
void instance_write(struct ec2_call *call, const struct instance *instance);
void state_write(struct buf *out, const char *name, int code);
/* What stands around the instances of one reservation. */
void reservation_open(struct ec2_call *call, const struct instance *first);
void reservation_close(struct ec2_call *call);

/* --- actions (act_, since the client of the other side has an ec2_run of its own) ---------- */

void act_describe_regions(struct ec2_call *call);
void act_describe_zones(struct ec2_call *call);
void act_describe_vpcs(struct ec2_call *call);
void act_describe_subnets(struct ec2_call *call);
void act_describe_images(struct ec2_call *call);
void act_describe_types(struct ec2_call *call);
void act_describe_offerings(struct ec2_call *call);
void act_describe_prices(struct ec2_call *call);
void act_describe_keys(struct ec2_call *call);
void act_import_key(struct ec2_call *call);
void act_delete_key(struct ec2_call *call);
void act_create_group(struct ec2_call *call);
void act_describe_groups(struct ec2_call *call);
void act_authorize_ingress(struct ec2_call *call);
void act_revoke_ingress(struct ec2_call *call);
void act_delete_group(struct ec2_call *call);
void act_run(struct ec2_call *call);
void act_describe_instances(struct ec2_call *call);
void act_describe_status(struct ec2_call *call);
void act_console(struct ec2_call *call);
void act_terminate(struct ec2_call *call);
void act_reboot(struct ec2_call *call);
void act_stop(struct ec2_call *call);
void act_start(struct ec2_call *call);
void act_create_tags(struct ec2_call *call);
void act_delete_tags(struct ec2_call *call);
void act_describe_tags(struct ec2_call *call);
void act_describe_volumes(struct ec2_call *call);
void act_create_volume(struct ec2_call *call);
void act_delete_volume(struct ec2_call *call);
void act_describe_addresses(struct ec2_call *call);
void act_allocate_address(struct ec2_call *call);
void act_associate_address(struct ec2_call *call);
void act_disassociate_address(struct ec2_call *call);
void act_release_address(struct ec2_call *call);
void act_describe_interfaces(struct ec2_call *call);
void act_create_interface(struct ec2_call *call);
void act_delete_interface(struct ec2_call *call);
void act_describe_snapshots(struct ec2_call *call);
void act_create_snapshot(struct ec2_call *call);
void act_delete_snapshot(struct ec2_call *call);
void act_create_image(struct ec2_call *call);
void act_deregister_image(struct ec2_call *call);
void act_describe_spot_requests(struct ec2_call *call);
void act_cancel_spot_requests(struct ec2_call *call);

#endif
