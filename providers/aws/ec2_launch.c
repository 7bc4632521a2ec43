/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A launch, step by step: image, subnet (questions only), key, security group, instance. What
 * creates is told to the journal before it is sent. Everything has a name made of the launch id, so
 * the same launch can be replayed, and whatever is left over can be found.
 */
#include <string.h>

#include "core/interrupt.h"
#include "core/text.h"
#include "providers/aws/ec2.h"

#define TOKEN_MAX 64 /* EC2's limit */

struct plan {
	const struct launch_request *request;
	const struct launch_steps *steps;
	struct ec2_image image;
	struct ec2_subnet subnet;
	char name[96]; /* of the key and the group */
	char group[EC2_ID_MAX + 1];
};

static int intend(const struct plan *plan, const char *kind, const char *name, const char *hash,
		  struct error *err)
{
	const struct launch_steps *steps = plan->steps;

	return steps && steps->intend ? steps->intend(steps->ctx, kind, name, hash, err) : 0;
}

static int done(const struct plan *plan, const char *kind, const char *name, const char *id,
		struct error *err)
{
	const struct launch_steps *steps = plan->steps;

	return steps && steps->done ? steps->done(steps->ctx, kind, name, id, err) : 0;
}

static int check_request(const struct launch_request *request, struct error *err)
{
	if (ec2_launch_id_check(request->launch_id, err))
		return -1;
	if (!request->token || !text_is_token(request->token, "-_", TOKEN_MAX))
		return error_set(err, ERROR_USAGE, "the launch has no usable token");
	if (!ec2_name_ok(request->type))
		return error_set(err, ERROR_USAGE, "'%.80s' is no instance type",
				 request->type ? request->type : "");
	if (request->zone &&
	    (!ec2_name_ok(request->zone) || !text_starts_with(request->zone, request->region)))
		return error_set(err, ERROR_USAGE, "'%.80s' is no zone of %s", request->zone,
				 request->region);
	if (!request->zone && !request->subnet)
		return error_set(err, ERROR_USAGE, "the launch names neither zone nor subnet");
	if (ec2_run_check(request, err))
		return -1;
	return ec2_group_check(request, err);
}

static int make_key(struct provider *p, struct plan *plan, struct error *err)
{
	struct aws_form form;
	struct xml xml = { NULL };

	if (intend(plan, "key", plan->name, "", err))
		return -1;
	ec2_key_form(plan->request, &form);
	int rc = aws_query(p, "ec2", plan->request->region, &form, &xml, err);
	aws_form_release(&form);
	xml_release(&xml);
	/* An earlier try of this launch made it: the name is ours alone. */
	if (rc && !aws_error_is(err, "InvalidKeyPair.Duplicate"))
		return -1;
	return done(plan, "key", plan->name, plan->name, err);
}

static int make_group(struct provider *p, struct plan *plan, struct error *err)
{
	if (intend(plan, "security-group", plan->name, "", err) ||
	    ec2_group_make(p, plan->request, plan->subnet.vpc, plan->group, err))
		return -1;
	return done(plan, "security-group", plan->name, plan->group, err);
}

/* EC2 may keep a request open whose price was too low; it must not come true later. */
static void cancel_requests(struct provider *p, const struct launch_request *request,
			    struct error *err)
{
	struct error why;
	unsigned n = 0;

	for (int try = 0; try < 2 && n == 0; try++) {
		if ((try && ec2_sleep(p, 1000, &why)) ||
		    ec2_spot_requests_cancel(p, request->region, request->launch_id, &n, &why)) {
			err->unknown = true;
			error_hint(err,
				   "a spot request may be open still: look with "
				   "aws ec2 describe-spot-instance-requests --region %s",
				   request->region);
			return;
		}
	}
}

static int run_instance(struct provider *p, struct plan *plan, struct launch_result *ret,
			struct error *err)
{
	const struct launch_request *request = plan->request;
	char hash[SHA256_HEX_MAX];
	struct aws_form form;

	ec2_run_form(request, &plan->image, &plan->subnet,
		     request->ssh_public_key ? plan->name : NULL, plan->group, &form);
	aws_form_sha256(&form, hash);
	int rc = intend(plan, "instance", request->token, hash, err);
	/* Once sent it is seen through; after Ctrl-C it is not begun. */
	if (rc == 0 && interrupted())
		rc = error_set(err, ERROR_CANCELLED,
			       "interrupted before the instance was asked for");
	if (rc == 0) {
		rc = ec2_run(p, request, &form, ret, err);
		if (rc && err->kind == ERROR_PRICE)
			cancel_requests(p, request, err);
	}
	aws_form_release(&form);
	if (rc)
		return -1;
	if (done(plan, "instance", request->token, ret->instance.id, err)) {
		err->unknown = true; /* it runs, and only the journal does not know */
		launch_result_release(ret);
		return -1;
	}
	return 0;
}

/* --- dry runs ------------------------------------------------------------------------------ */

static void show(const struct plan *plan, const char *title, const struct aws_form *form)
{
	struct buf text = BUF_INIT;

	if (plan->steps && plan->steps->show) {
		aws_form_show(form, &text);
		plan->steps->show(plan->steps->ctx, title, text.data);
	}
	buf_release(&text);
}

static void show_all(const struct plan *plan)
{
	const struct launch_request *request = plan->request;
	const char *key = request->ssh_public_key ? plan->name : NULL;
	const char *group = "(the new group)";
	struct aws_form form;

	if (key) {
		ec2_key_form(request, &form);
		show(plan, "ImportKeyPair", &form);
		aws_form_release(&form);
	}
	ec2_group_form(request, plan->subnet.vpc, &form);
	show(plan, "CreateSecurityGroup", &form);
	aws_form_release(&form);
	if (ec2_ingress_form(request, group, &form))
		show(plan, "AuthorizeSecurityGroupIngress", &form);
	aws_form_release(&form);
	ec2_run_form(request, &plan->image, &plan->subnet, key, group, &form);
	show(plan, "RunInstances", &form);
	aws_form_release(&form);
}

/* EC2 is asked without the key and the group, which do not exist, and without a token to use up. */
static int dry_run(struct provider *p, const struct plan *plan, struct launch_result *ret,
		   struct error *err)
{
	struct launch_request request = *plan->request;
	struct aws_form form;

	show_all(plan);
	request.token = NULL;
	ec2_run_form(&request, &plan->image, &plan->subnet, NULL, NULL, &form);
	aws_form_add(&form, "DryRun", "true");
	int rc = ec2_run_dry(p, &request, &form, err);
	aws_form_release(&form);
	if (rc)
		return -1;
	struct launch_result result = { 0 };
	result.instance = (struct instance){
		.provider = "aws",
		.region = arena_strdup(&result.arena, request.region),
		.zone = { arena_strdup(&result.arena, request.zone ? request.zone : ""), "" },
		.id = "",
		.type = arena_strdup(&result.arena, request.type),
		.reason = "",
		.spot = request.spot,
		.spot_request = "",
		.public_ip = "",
		.private_ip = "",
		.image = arena_strdup(&result.arena, plan->image.id),
		.key_name = "",
		.name = arena_strdup(&result.arena, request.name ? request.name : ""),
		.owner = arena_strdup(&result.arena, request.owner ? request.owner : ""),
		.launch_id = arena_strdup(&result.arena, request.launch_id),
		.token = "",
	};
	*ret = result;
	return 0;
}

static int launch(struct provider *p, struct plan *plan, struct launch_result *ret,
		  struct error *err)
{
	const struct launch_request *request = plan->request;

	if (ec2_image_find(p, request, &plan->image, err) ||
	    ec2_subnet_find(p, request, &plan->subnet, err))
		return -1;
	if (request->dry_run)
		return dry_run(p, plan, ret, err);
	if (request->ssh_public_key && make_key(p, plan, err))
		return -1;
	if (make_group(p, plan, err))
		return -1;
	return run_instance(p, plan, ret, err);
}

int aws_launch(struct provider *p, const struct launch_request *request,
	       const struct launch_steps *steps, struct launch_result *ret, struct error *err)
{
	struct plan plan = { .request = request, .steps = steps };
	struct launch_result result = { 0 };
	struct error why = ERROR_INIT; /* errors that were no obstacle must not be seen */

	if (check_request(request, err))
		return -1;
	ec2_launch_name(plan.name, request->launch_id);
	if (launch(p, &plan, &result, &why)) {
		*err = why;
		return -1;
	}
	result.image = arena_strdup(&result.arena, plan.image.id);
	result.image_name = arena_strdup(&result.arena, plan.image.name);
	*ret = result;
	return 0;
}
