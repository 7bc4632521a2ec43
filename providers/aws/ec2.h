/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to ec2_*.c: what the EC2 operations share. Everything read from a reply is bounded here:
 * identifiers are checked before they may appear in a later request, free text is cut and never
 * trusted further.
 *
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Welcome.html
 */
#ifndef GPUCLOUD_PROVIDERS_AWS_EC2_H
#define GPUCLOUD_PROVIDERS_AWS_EC2_H

#include "providers/aws/aws.h"

struct _xmlNode;

#define EC2_ID_MAX     64
#define EC2_NAME_MAX   64   /* region, zone and instance type names */
#define EC2_TEXT_MAX   255  /* free text that is only shown */
#define EC2_TOKEN_MAX  8192 /* NextToken of a reply */
#define EC2_PAGES_MAX  5000 /* pages of one listing */
#define EC2_FILTER_MAX 100  /* values of one filter; AWS takes 200 */

/* --- ec2_util.c: reading and writing ------------------------------------------------------- */

/* Copy of the text at path, cut to max bytes; "" where it is absent. */
const char *ec2_text(struct arena *arena, const struct _xmlNode *node, const char *path,
		     size_t max);

/* True for "i-0123abc" where prefix is "i-"; prefix "" takes any token. */
bool ec2_id_ok(const char *s, const char *prefix);
/* The identifier at path, owned by the document; absent or malformed: ERROR_PROTOCOL. */
int ec2_id(const struct _xmlNode *node, const char *path, const char *prefix, const char **ret,
	   struct error *err);
/* A region, zone or type name from a reply: a token with '-' and '.', at most EC2_NAME_MAX. */
bool ec2_name_ok(const char *s);

/* A whole number at path in 0..max; 0 where absent; -1 (ERROR_PROTOCOL) where it is none. */
int ec2_number(const struct _xmlNode *node, const char *path, uint64_t max, uint64_t *ret,
	       struct error *err);

/* Value of a tag in the node's tagSet, owned by the document; NULL where absent. */
const char *ec2_tag(const struct _xmlNode *node, const char *key);
/* A copy of it, cut to EC2_TEXT_MAX; "" where absent. */
const char *ec2_tag_text(struct arena *arena, const struct _xmlNode *node, const char *key);
/* Unix seconds in digits. A tag that is none is as good as absent: anybody may have changed it. */
int64_t ec2_tag_time(const struct _xmlNode *node, const char *key);

/* Adds Filter.N.Name and its values; *n counts the filters of the form, starting at 0. */
void ec2_filter(struct aws_form *form, unsigned *n, const char *name, const char *const *values,
		size_t nr);
void ec2_filter_one(struct aws_form *form, unsigned *n, const char *name, const char *value);

/* TagSpecification.N for one resource type with the tags of a launch. */
void ec2_tag_spec(struct aws_form *form, unsigned n, const char *resource,
		  const struct launch_request *request);

/* "gpucloud-<launch_id>": name of the key pair and the security group of a launch. */
void ec2_launch_name(char out[96], const char *launch_id);
/* What names a launch goes into requests: 1..63 of [A-Za-z0-9_-], else ERROR_USAGE. */
int ec2_launch_id_check(const char *launch_id, struct error *err);

/* Sleeps on the handle's clock; interrupted: ERROR_CANCELLED. */
int ec2_sleep(struct provider *p, int64_t ms, struct error *err);

struct ec2_failures {
	struct arena *arena;
	struct region_failure *v;
	size_t nr, cap;
};
void ec2_failures_add(struct ec2_failures *failures, const char *region, const struct error *err);
/* -1 with the first error if all `regions` of them failed. */
int ec2_failures_verdict(const struct ec2_failures *failures, size_t regions, struct error *err);

/* --- ec2_pages.c: listings, page by page, many at once ------------------------------------- */

/*
 * What the listings of one region share: how many of their requests may be under way, halved when
 * one had to be repeated and raised again by one at a time; and the first failure, which ends all.
 */
struct ec2_lane {
	unsigned max; /* given */
	unsigned width, in_flight;
	bool failed;
	struct error err;
};

/*
 * One listing in one region. Zero it, fill the first part, run, read rc and err, release. page() is
 * called for every page with the reply's root (NULL where the page went to a stream).
 */
struct ec2_job {
	const char *region;
	struct aws_form form; /* released with the job */
	int (*page)(struct ec2_job *job, const struct _xmlNode *root, struct error *err);
	void *ctx;
	const struct aws_stream *stream; /* long replies; page() then tells ec2_job_next() */
	struct ec2_lane *lane;		 /* NULL: alone, nothing bounds it */
	bool (*excused)(const struct error *err); /* a failure that is not its lane's; NULL: none */

	int rc;
	struct error err;

	bool done, in_flight;
	char *next; /* token of the page to come */
	char *mark; /* a token of before: one that comes again goes round for ever */
	unsigned pages;
	struct aws_call call;
};

/* The NextToken of the page just read; NULL or "" ends the listing. */
int ec2_job_next(struct ec2_job *job, const char *token, struct error *err);
/* Sends the pages of all jobs, each job's next as soon as the one before has been read. */
void ec2_jobs_run(struct provider *p, struct ec2_job *jobs, size_t n);
void ec2_job_release(struct ec2_job *job);
/* One listing, to the end. */
int ec2_list(struct provider *p, struct ec2_job *job, struct error *err);

/* Jobs that may become more on the way: page() may add to them. */
struct ec2_jobs {
	struct ec2_job **v; /* borrowed; they must not move */
	size_t nr, cap;
	size_t open; /* those before it are done */
};
void ec2_jobs_add(struct ec2_jobs *jobs, struct ec2_job *job);
void ec2_jobs_send(struct provider *p, struct ec2_jobs *jobs);
void ec2_jobs_release(struct ec2_jobs *jobs);

/* --- pieces of offers ---------------------------------------------------------------------- */

/* ec2_types.c: one item of instanceTypeSet. *ret_nvidia: it has NVIDIA GPUs. Skipped (0 with
 * ret->type NULL) where its architecture is neither x86_64 nor arm64. */
int ec2_type_parse(const struct _xmlNode *item, struct arena *arena, struct offer *ret,
		   bool *ret_nvidia, struct error *err);
/* "v100", "A10G", "tesla-t4", "a100-80gb", "rtx pro": whole words of the name, then memory. */
bool ec2_gpu_matches(const struct offer *offer, const char *wanted);

/* ec2_prices.c: fills on_demand of each, from the Pricing API or else from the built-in table. */
int ec2_prices(struct provider *p, struct offer **offers, size_t n, struct error *err);

/* ec2_spot_rows.h: change-points as they stream in; ec2_spot_window.h: in which pieces of time. */

/* --- pieces of a launch -------------------------------------------------------------------- */

struct ec2_image {
	char id[EC2_ID_MAX + 1];
	char name[EC2_TEXT_MAX + 1];
	char root_device[EC2_ID_MAX + 1];
	unsigned root_gib; /* size of its root disk; 0 where it did not say */
	bool root_stays;   /* its root disk would outlive the instance */
};
/* Resolves request->image; checks state and architecture. */
int ec2_image_find(struct provider *p, const struct launch_request *request, struct ec2_image *ret,
		   struct error *err);

struct ec2_subnet {
	char id[EC2_ID_MAX + 1];
	char vpc[EC2_ID_MAX + 1];
};
int ec2_subnet_find(struct provider *p, const struct launch_request *request,
		    struct ec2_subnet *ret, struct error *err);

/* ec2_group.c: one rule a port and block, without doubles. */
int ec2_group_check(const struct launch_request *request, struct error *err);
void ec2_group_form(const struct launch_request *request, const char *vpc, struct aws_form *form);
/* false: nothing to open, the form stays empty. */
bool ec2_ingress_form(const struct launch_request *request, const char *group,
		      struct aws_form *form);
/* Makes the group, or finds the one made before for this launch, and opens its ports. */
int ec2_group_make(struct provider *p, const struct launch_request *request, const char *vpc,
		   char ret_id[EC2_ID_MAX + 1], struct error *err);

/* ec2_group.c: IpPermissions.1 of a port and one block. */
void ec2_rule_form(struct aws_form *form, uint16_t port, const char *block);

/* ec2_run.c */
/* What can be refused before anything is made: the SSH key, the size of user-data. */
int ec2_run_check(const struct launch_request *request, struct error *err);
void ec2_key_form(const struct launch_request *request, struct aws_form *form);
/* key and group NULL: left out. */
void ec2_run_form(const struct launch_request *request, const struct ec2_image *image,
		  const struct ec2_subnet *subnet, const char *key, const char *group,
		  struct aws_form *form);
/* Sends the form; the reply is checked to be one instance, of this token, spot where asked. */
int ec2_run(struct provider *p, const struct launch_request *request, const struct aws_form *form,
	    struct launch_result *ret, struct error *err);
int ec2_run_dry(struct provider *p, const struct launch_request *request,
		const struct aws_form *form, struct error *err);

/*
 * ec2_end.c: as aws_terminate, for an instance that was had a moment ago: that EC2 does not know it
 * is no proof that it is gone, but an error.
 */
int ec2_terminate_new(struct provider *p, const char *region, const char *id, struct error *err);
/* One action on one instance, whose id is checked. */
int ec2_instance_act(struct provider *p, const char *action, const char *region, const char *id,
		     struct error *err);

/* --- instances and leftovers --------------------------------------------------------------- */

/* One item of instancesSet. Only a bad id is an error: anything else must not hide an instance. */
int ec2_instance_parse(const struct _xmlNode *item, const char *region, struct arena *arena,
		       struct instance *ret, struct error *err);

/*
 * ec2_instance_pages.c: one listing of instances, read as it comes in. Fill the first part and open it
 * on a job; once that ran, v holds what the query asks for, of all pages that were read.
 */
struct ec2_instance_reader {
	const char *region;
	const struct instance_query *query;
	struct arena *arena; /* strings of v */
	size_t *total;	     /* instances of all readers of the query */

	struct instance *v;
	size_t nr, cap;

	size_t nr_before; /* of the pages before the one that is being read */
	struct aws_stream stream;
	struct xml_part *part;
	int within; /* how deep on the way to an instance */
	bool seen_set;
	char *next; /* token */
	int rc;
	struct error err;
};
void ec2_instance_reader_open(struct ec2_instance_reader *reader, struct ec2_job *job);
void ec2_instance_reader_release(struct ec2_instance_reader *reader);

/* ec2_remove.c: 1 removed; 0 it was gone already; -1. */
int ec2_delete(struct provider *p, const char *region, const char *action, const char *parameter,
	       const char *id, struct error *err);

/* ec2_leftover_read.c: what can be left over, kind by kind. */
struct ec2_leftover_kind {
	enum leftover_kind kind;
	const char *action, *set; /* the listing, and where its items are */
	const char *id, *prefix;  /* where an item's id is; prefix NULL: it is a name of ours */
	const char *created;	  /* where its time is; NULL: EC2 does not say */
	const char *state;	  /* only in this state are they left; NULL: any */
	bool paged;
	bool mine; /* Owner.1=self must be said */
	/* The rest. False: nothing that could be left over. */
	bool (*read)(const struct _xmlNode *item, struct arena *arena, struct leftover *leftover);
	const char *removal, *parameter; /* the action that removes one, and what takes its id */
};
#define EC2_LEFTOVER_KINDS ((size_t)LEFTOVER_KEY + 1) /* what comes after does not exist there */
extern const struct ec2_leftover_kind ec2_leftover_kinds[EC2_LEFTOVER_KINDS];
/* 1: read; 0: not ours, or nothing that could be left over; -1: malformed. */
int ec2_leftover_parse(const struct ec2_leftover_kind *kind, const struct _xmlNode *item,
		       const char *region, struct arena *arena, struct leftover *ret,
		       struct error *err);

/* Cancels the open spot requests of a launch; *ret counts them. */
int ec2_spot_requests_cancel(struct provider *p, const char *region, const char *launch_id,
			     unsigned *ret, struct error *err);

#endif
