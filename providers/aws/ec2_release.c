/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What belongs to a launch besides its instance: open spot requests, the security group, the key.
 * Found by tag and by our own name, so that nothing of it depends on local state.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/aws/ec2.h"

#define LEFTOVERS_MAX 100
#define RELEASE_MS    90000 /* a network interface lingers for a while after its instance */
#define RETRY_MS      3000

#define LEFTOVER_ID_MAX 95 /* holds "gpucloud-" and a launch id */

/* Ids of one kind, each once. */
struct leftovers {
	const char *set, *id_path;
	const char *prefix; /* of the ids; NULL: they are names, made of letters, digits, "-_." */
	const char *launch_id;
	const char *name_path, *name; /* NULL: by tag only */
	const char *state;	      /* only those in this state; NULL: any */
	char ids[LEFTOVERS_MAX][LEFTOVER_ID_MAX + 1];
	size_t nr;
};

/* Servers that ignore a filter send strangers' things too. */
static bool is_ours(const struct leftovers *left, const struct _xmlNode *item)
{
	if (left->state && !text_equal(xml_text(item, "state"), left->state))
		return false;
	return text_equal(ec2_tag(item, TAG_LAUNCH), left->launch_id) ||
	       (left->name && text_equal(xml_text(item, left->name_path), left->name));
}

static int take_leftovers(struct ec2_job *job, const struct _xmlNode *root, struct error *err)
{
	struct leftovers *left = job->ctx;
	const struct _xmlNode *set = xml_find(root, left->set);
	const struct _xmlNode *item = NULL;

	if (!set)
		return error_set(err, ERROR_PROTOCOL, "the reply has no '%s'", left->set);
	while ((item = xml_each(set, "item", item)) != NULL) {
		const char *id = xml_text(item, left->id_path);
		bool known = false;
		if (!is_ours(left, item))
			continue;
		if (left->prefix && ec2_id(item, left->id_path, left->prefix, &id, err))
			return -1;
		/* Somebody may have tagged a key of theirs: we never gave one such a name. */
		if (!left->prefix && (!id || !text_is_token(id, "-_.", LEFTOVER_ID_MAX)))
			continue;
		for (size_t i = 0; i < left->nr; i++)
			known = known || !strcmp(left->ids[i], id);
		if (known || left->nr == LEFTOVERS_MAX)
			continue;
		snprintf(left->ids[left->nr++], LEFTOVER_ID_MAX + 1, "%s", id);
	}
	return 0;
}

static void add_job(struct ec2_job *job, const char *region, const char *action,
		    struct leftovers *left, const char *filter, const char *value)
{
	unsigned n = 0;

	job->region = region;
	job->page = take_leftovers;
	job->ctx = left;
	aws_form_init(&job->form, action, AWS_EC2_VERSION);
	ec2_filter_one(&job->form, &n, filter, value);
	if (left->state)
		ec2_filter_one(&job->form, &n, "state", left->state);
}

int ec2_spot_requests_cancel(struct provider *p, const char *region, const char *launch_id,
			     unsigned *ret, struct error *err)
{
	struct leftovers left = { .set = "spotInstanceRequestSet",
				  .id_path = "spotInstanceRequestId",
				  .prefix = "sir-",
				  .launch_id = launch_id,
				  .state = "open" };
	struct ec2_job job = { .rc = 0 };
	struct aws_form form;
	struct xml xml = { NULL };

	add_job(&job, region, "DescribeSpotInstanceRequests", &left, "tag:" TAG_LAUNCH, launch_id);
	int rc = ec2_list(p, &job, err);
	ec2_job_release(&job);
	if (rc || left.nr == 0) {
		*ret = 0;
		return rc;
	}
	aws_form_init(&form, "CancelSpotInstanceRequests", AWS_EC2_VERSION);
	for (size_t i = 0; i < left.nr; i++)
		aws_form_addn(&form, left.ids[i], "SpotInstanceRequestId.%zu", i + 1);
	rc = aws_query(p, "ec2", region, &form, &xml, err);
	aws_form_release(&form);
	xml_release(&xml);
	if (rc == 0)
		*ret = (unsigned)left.nr;
	return rc;
}

/* A group that something still hangs on is tried again until the deadline. */
static int delete_group(struct provider *p, const char *region, const char *id, int64_t deadline,
			struct release_result *result, struct error *err)
{
	for (;;) {
		int rc = ec2_delete(p, region, "DeleteSecurityGroup", "GroupId", id, err);
		if (rc >= 0) {
			result->security_groups += (unsigned)rc;
			return 0;
		}
		if (!aws_error_is(err, "DependencyViolation") && !aws_error_is(err, "*.InUse"))
			return -1;
		if (clock_mono_ms(p->env.clock) + RETRY_MS > deadline) {
			result->left++;
			return 0;
		}
		if (ec2_sleep(p, RETRY_MS, err))
			return -1;
	}
}

struct found {
	char name[96];
	struct leftovers groups, keys;
};

/* Four questions at once: groups and keys, by tag and by name. */
static int find_leftovers(struct provider *p, const char *region, const char *launch_id,
			  struct found *found, struct error *err)
{
	struct ec2_job jobs[4] = { { .rc = 0 } };
	int rc = 0;

	ec2_launch_name(found->name, launch_id);
	found->groups = (struct leftovers){ .set = "securityGroupInfo",
					    .id_path = "groupId",
					    .prefix = "sg-",
					    .launch_id = launch_id,
					    .name_path = "groupName",
					    .name = found->name };
	found->keys = (struct leftovers){ .set = "keySet",
					  .id_path = "keyName",
					  .launch_id = launch_id,
					  .name_path = "keyName",
					  .name = found->name };
	add_job(&jobs[0], region, "DescribeSecurityGroups", &found->groups, "tag:" TAG_LAUNCH,
		launch_id);
	add_job(&jobs[1], region, "DescribeSecurityGroups", &found->groups, "group-name",
		found->name);
	add_job(&jobs[2], region, "DescribeKeyPairs", &found->keys, "tag:" TAG_LAUNCH, launch_id);
	add_job(&jobs[3], region, "DescribeKeyPairs", &found->keys, "key-name", found->name);
	ec2_jobs_run(p, jobs, ARRAY_SIZE(jobs));
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		if (jobs[i].rc && !rc) {
			*err = jobs[i].err;
			rc = -1;
		}
		ec2_job_release(&jobs[i]);
	}
	return rc;
}

/* Keys first: groups may have to wait. What fails for another reason does not stop the rest. */
static int delete_all(struct provider *p, const char *region, const struct found *found,
		      struct release_result *result, struct error *err)
{
	int64_t deadline = clock_mono_ms(p->env.clock) + RELEASE_MS;
	struct error why;
	int rc = 0;

	for (size_t i = 0; i < found->keys.nr; i++) {
		int one = ec2_delete(p, region, "DeleteKeyPair", "KeyName", found->keys.ids[i],
				     rc ? &why : err);
		if (one < 0)
			rc = -1;
		else
			result->keys += (unsigned)one;
	}
	for (size_t i = 0; i < found->groups.nr; i++)
		if (delete_group(p, region, found->groups.ids[i], deadline, result,
				 rc ? &why : err))
			rc = -1;
	return rc;
}

int aws_release(struct provider *p, const char *region, const char *launch_id,
		struct release_result *ret, struct error *err)
{
	struct release_result result = { 0 };
	struct error why = ERROR_INIT; /* errors that are waited out must not be seen */

	if (ec2_launch_id_check(launch_id, err) ||
	    ec2_spot_requests_cancel(p, region, launch_id, &result.spot_requests, err))
		return -1;
	struct found *found = xcalloc(1, sizeof(*found));
	int rc = find_leftovers(p, region, launch_id, found, &why);
	if (rc == 0)
		rc = delete_all(p, region, found, &result, &why);
	free(found);
	if (rc) {
		*err = why;
		return -1;
	}
	*ret = result;
	return 0;
}
