/* SPDX-License-Identifier: Apache-2.0 */
/* Ending and restarting one instance. */
#include "providers/aws/ec2.h"

/* An instance made a moment ago may not be known everywhere yet: "not found" is asked again. */
#define NOT_FOUND_TRIES 3
#define NEW_TRIES	6 /* a quarter of a minute */

int ec2_instance_act(struct provider *p, const char *action, const char *region, const char *id,
		     struct error *err)
{
	struct aws_form form;
	struct aws_call call = { 0 };

	if (!ec2_id_ok(id, "i-")) {
		error_set(err, ERROR_USAGE, "'%.80s' is no instance id", id ? id : "");
		return error_hint(err, "ids look like i-0123456789abcdef0: see gpucloud list");
	}
	aws_form_init(&form, action, AWS_EC2_VERSION);
	aws_form_add(&form, "InstanceId.1", id);
	aws_call_query(&call, p, "ec2", region, &form);
	call.creates = true; /* a first Ctrl-C must not leave it running unheard */
	struct aws_call *calls[] = { &call };
	int rc = aws_send_all(p, calls, 1);
	if (rc)
		*err = call.err;
	aws_call_release(&call);
	aws_form_release(&form);
	return rc;
}

static int terminate(struct provider *p, const char *region, const char *id, int tries,
		     struct error *err)
{
	for (int try = 1; ec2_instance_act(p, "TerminateInstances", region, id, err); try++) {
		if (aws_error_is(err, "OperationNotPermitted"))
			error_hint(err,
				   "it is protected from termination: aws ec2 "
				   "modify-instance-attribute --region %s --instance-id %s "
				   "--no-disable-api-termination",
				   region, id);
		if (!aws_error_is(err, "InvalidInstanceID.NotFound") || try == tries ||
		    ec2_sleep(p, 1000 * try, err))
			return -1;
	}
	return 0;
}

int aws_terminate(struct provider *p, const char *region, const char *id, struct error *err)
{
	struct error why = ERROR_INIT;

	if (terminate(p, region, id, NOT_FOUND_TRIES, &why) == 0 ||
	    aws_error_is(&why, "InvalidInstanceID.NotFound"))
		return 0; /* gone for good */
	*err = why;
	return -1;
}

int ec2_terminate_new(struct provider *p, const char *region, const char *id, struct error *err)
{
	struct error why = ERROR_INIT;

	if (terminate(p, region, id, NEW_TRIES, &why) == 0)
		return 0;
	*err = why;
	return -1;
}

int aws_restart(struct provider *p, const char *region, const char *id, struct error *err)
{
	return ec2_instance_act(p, "RebootInstances", region, id, err);
}
